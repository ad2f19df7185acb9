"""Processes that feed one store at once, each for the same length of time, and what an event costs whom.

Every event is a webhook for an account that was born before: one of four announcements that are lawful in any order,
so that it makes no difference who feeds them, and one in four is the same as the account's last one. The floor is a
loop by hand that keeps the payload and the account's status in one transaction, and knows nothing else at all.
"""

import json
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from random import Random
from threading import Barrier
from typing import Any, NamedTuple

import psycopg
from fleet_gauges import Gauge, Used, machine_cpu_s
from lives import webhook

from account_lifecycle import Engine

WORDS = ("OK", "CREDENTIALS", "ERROR", "CONNECTING")
PATIENCE_S = 60
LOOK_S = 0.05
"""How often the server is asked whom it waits for."""

Step = Callable[[Iterator[bytes]], int]
"""Feeds some of the traffic and commits it; how many events that were."""
Way = Callable[[str], AbstractContextManager[Step]]
"""Opens a store for feeding."""


class Cell(NamedTuple):
    """One way of feeding, by so many."""

    title: str
    way: Way
    processes: int
    threads: int = 1
    spread: str = "own"
    """``own``: each process has accounts of its own; ``all``: each feeds all; ``one``: all feed a single one."""


class Feat(NamedTuple):
    """What one process did."""

    events: int
    elapsed_s: float
    cpu_s: float
    steps_s: list[float]
    """How long each commit took, for whoever waited for it."""


class Outcome(NamedTuple):
    """What came of one cell in one round."""

    events: float
    rate: float
    """Events a second, of all processes together."""
    client_s: float
    """CPU seconds of an event."""
    server_s: float
    median_s: float
    """How long one call of the store took."""
    late_s: float
    """The same for the slowest in a hundred."""
    wal_bytes: float
    """Of an event."""
    others: float
    """How many cores were busy with something else."""
    waits: dict[str, float]
    """What the connections were seen at, as shares."""


def race(cell: Cell, url: str, accounts: Sequence[str], length_s: float, postmaster: int | None) -> Outcome:
    """Let a cell's processes feed for a while. ``postmaster``: the server's first process; None if there is none."""
    fork = multiprocessing.get_context("fork")
    barrier, told = fork.Barrier(cell.processes + 1), fork.SimpleQueue()
    racers = [
        fork.Process(target=_feed, args=(cell, url, _share(cell, accounts, number), length_s, number, barrier, told))
        for number in range(cell.processes)
    ]
    for racer in racers:
        racer.start()
    gauge = None if postmaster is None else Gauge(url, postmaster)
    barrier.wait(PATIENCE_S)  # everybody is ready
    before = gauge.used() if gauge else Used(0, 0)
    busy_s, began_s = machine_cpu_s(), time.perf_counter()
    barrier.wait(PATIENCE_S)
    waits = _watch(gauge, length_s)
    barrier.wait(PATIENCE_S)  # everybody has done, and nobody has closed anything
    busy_s, elapsed_s = machine_cpu_s() - busy_s, time.perf_counter() - began_s
    used = gauge.used().since(before) if gauge else before
    feats = [told.get() for _ in racers]
    for racer in racers:
        racer.join()
    if gauge:
        gauge.close()
    own_s = used.cpu_s + sum(feat.cpu_s for feat in feats)
    return _outcome(feats, used, max(0.0, busy_s - own_s) / elapsed_s, waits)


def middle(rounds: Sequence[Outcome]) -> Outcome:
    """The median of every figure."""
    names = {name for found in rounds for name in found.waits}
    waits = {name: statistics.median(found.waits.get(name, 0.0) for found in rounds) for name in names}
    figures = [statistics.median(column) for column in zip(*(found[:-1] for found in rounds), strict=True)]
    return Outcome._make([*figures, waits])


def _share(cell: Cell, accounts: Sequence[str], number: int) -> Sequence[str]:
    shares = {"own": accounts[number :: cell.processes], "all": accounts, "one": accounts[:1]}
    return shares[cell.spread]


def _watch(gauge: Gauge | None, length_s: float) -> Counter[str]:
    seen: Counter[str] = Counter()
    ends_s = time.monotonic() + length_s
    while time.monotonic() < ends_s:
        time.sleep(LOOK_S)
        if gauge:
            seen += gauge.waits()
    return seen


def _outcome(feats: Sequence[Feat], used: Used, others: float, waits: Counter[str]) -> Outcome:
    events = sum(feat.events for feat in feats)
    steps = [step for feat in feats for step in feat.steps_s]
    cuts = statistics.quantiles(steps, n=100, method="inclusive") if len(steps) > 1 else steps * 99
    return Outcome(
        events,
        sum(feat.events / feat.elapsed_s for feat in feats),
        sum(feat.cpu_s for feat in feats) / events,
        used.cpu_s / events,
        cuts[49],
        cuts[98],
        used.wal_bytes / events,
        others,
        {name: count / waits.total() for name, count in waits.most_common()},
    )


# ---- In a process of its own -------------------------------------------------------------------------


def _feed(
    cell: Cell, url: str, accounts: Sequence[str], length_s: float, number: int, barrier: Barrier, told: Any
) -> None:
    streams = [traffic(accounts, Random(f"{time.time_ns()} {number} {thread}")) for thread in range(cell.threads)]
    with cell.way(url) as step, ThreadPoolExecutor(cell.threads) as pool:
        step(streams[0])  # statements are prepared, caches are warm
        barrier.wait(PATIENCE_S)
        barrier.wait(PATIENCE_S)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        parts = list(pool.map(partial(_go_on, step, began_s + length_s), streams))
        elapsed_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        barrier.wait(PATIENCE_S)
        told.put(Feat(sum(events for events, _ in parts), elapsed_s, cpu_s, [s for _, steps in parts for s in steps]))


def _go_on(step: Step, ends_s: float, stream: Iterator[bytes]) -> tuple[int, list[float]]:
    steps_s: list[float] = []
    events, now = 0, time.perf_counter()
    while now < ends_s or not steps_s:
        events += step(stream)
        before, now = now, time.perf_counter()
        steps_s.append(now - before)
    return events, steps_s


def traffic(accounts: Sequence[str], chance: Random) -> Iterator[bytes]:
    """Webhooks without end for accounts chosen by chance."""
    bodies = {word: webhook("%s", "LINKEDIN", word) for word in WORDS}
    while True:
        yield bodies[chance.choice(WORDS)] % chance.choice(accounts).encode()


# ---- Ways to feed ------------------------------------------------------------------------------------


@contextmanager
def singly(url: str) -> Iterator[Step]:
    """``feed_event``: when it returns, the event is on disk."""
    with Engine.open(url, observers=()) as engine:

        def step(stream: Iterator[bytes]) -> int:
            engine.feed_event(next(stream))
            return 1

        yield step


def batches(size: int) -> Way:
    """``feed_events``, so many to a commit."""
    return partial(_batches, size)


@contextmanager
def _batches(size: int, url: str) -> Iterator[Step]:
    with Engine.open(url, observers=()) as engine:

        def step(stream: Iterator[bytes]) -> int:
            return sum(1 for _ in engine.feed_events(islice(stream, size), batch_size=size))

        yield step


FLOOR = """
CREATE TABLE account (account_id text COLLATE "C" PRIMARY KEY, status text NOT NULL, changed_at bigint NOT NULL);
CREATE TABLE journal (
    journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id text COLLATE "C" NOT NULL,
    received_at bigint NOT NULL, payload bytea NOT NULL
);
CREATE INDEX journal_of_account ON journal (account_id);
"""
_JOURNAL = "INSERT INTO journal (account_id, received_at, payload) VALUES (%s, %s, %s)"
_UPDATE = "UPDATE account SET status = %s, changed_at = %s WHERE account_id = %s"


def floor(size: int) -> Way:
    """By hand: one INSERT and one UPDATE for each event, and a commit for so many; one round trip in all."""
    return partial(_floor, size)


@contextmanager
def _floor(size: int, url: str) -> Iterator[Step]:
    with psycopg.connect(url, autocommit=True) as db:

        def step(stream: Iterator[bytes]) -> int:
            payloads = list(islice(stream, size))
            told = [json.loads(payload)["AccountStatus"] for payload in payloads]
            now = time.time_ns() // 1000
            found = zip(told, payloads, strict=True)
            journal = sorted((event["account_id"], now, payload) for event, payload in found)
            update = sorted({event["account_id"]: event["message"] for event in told}.items())  # one order: no deadlock
            with db.pipeline(), db.transaction():
                cursor = db.cursor()
                cursor.executemany(_JOURNAL, journal)
                cursor.executemany(_UPDATE, [(status, now, account_id) for account_id, status in update])
            return size

        yield step
