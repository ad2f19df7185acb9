"""Deliveries of one store: how fast they are claimed, made and completed, by threads and by processes.

The hook does nothing, so what is measured is what the store asks of whoever delivers. The backlog is made before.
"""

import multiprocessing
import time
from collections.abc import Sequence
from itertools import islice
from random import Random
from threading import Barrier
from typing import Any, NamedTuple

import psycopg
from fleet_feeding import PATIENCE_S, traffic
from fleet_gauges import Gauge

from account_lifecycle import EffectKind, Engine, HookCall
from account_lifecycle.engine.core import utc_now
from account_lifecycle.hooks.delivery import Deliverer

HOOK = "entered:*:crm"
"""The full name of the one hook."""


class Crew(NamedTuple):
    """Who delivers."""

    title: str
    processes: int
    threads: int
    """Of each process; 0: none of its own, but ``run_hooks``, which takes a hundred at a time."""


class Outbox(NamedTuple):
    """Where deliveries wait."""

    url: str
    accounts: Sequence[str]
    postmaster: int
    """The server's first process."""


class Delivered(NamedTuple):
    """What came of one crew."""

    deliveries: int
    rate: float
    """Deliveries a second, of all processes together."""
    client_s: float
    """CPU seconds of a delivery."""
    server_s: float
    wal_bytes: float


def prepare(url: str) -> None:
    """Make the hook known and the outbox empty, and leave its statistics to us."""
    with Engine.open(url, observers=()) as engine, psycopg.connect(url, autocommit=True) as db:
        _deliverer(engine)
        db.execute("ALTER TABLE delivery SET (autovacuum_enabled = off)")


def fill(outbox: Outbox, backlog: int) -> None:
    """Feed until so many deliveries wait."""
    url, accounts, _ = outbox
    with Engine.open(url, observers=()) as feeder:  # which has no hooks, and so delivers nothing itself
        stream = traffic(accounts, Random(time.time_ns()))
        for _ in feeder.feed_events(islice(stream, max(0, backlog - _waiting(feeder)) * 4 // 3), batch_size=1_000):
            pass


def looking_s(url: str, limit: int) -> float:
    """How long it takes to claim so many deliveries; they are given back."""
    with Engine.open(url, observers=()) as engine:
        deliverer = _deliverer(engine)
        times = []
        for _ in range(5):
            began_s = time.perf_counter()
            claimed = deliverer.claim(limit)
            times.append(time.perf_counter() - began_s)
            deliverer.complete((), claimed)
            deliverer.drop((), claimed)
        return sorted(times)[2]


def deliver(crew: Crew, outbox: Outbox, length_s: float) -> Delivered:
    """Let a crew deliver for a while; ``run_hooks`` until nothing waits any more."""
    fork = multiprocessing.get_context("fork")
    barrier, told = fork.Barrier(crew.processes + 1), fork.SimpleQueue()
    workers = [
        fork.Process(target=_work, args=(outbox.url, crew.threads, length_s, barrier, told))
        for _ in range(crew.processes)
    ]
    for worker in workers:
        worker.start()
    gauge = Gauge(outbox.url, outbox.postmaster)
    barrier.wait(PATIENCE_S)
    before = gauge.used()
    barrier.wait(PATIENCE_S)
    barrier.wait(PATIENCE_S)
    used = gauge.used().since(before)
    feats = [told.get() for _ in workers]
    for worker in workers:
        worker.join()
    gauge.close()
    deliveries = sum(done for done, _, _ in feats)
    rate = deliveries / max(elapsed_s for _, elapsed_s, _ in feats)
    many = max(1, deliveries)
    return Delivered(deliveries, rate, sum(s for _, _, s in feats) / many, used.cpu_s / many, used.wal_bytes / many)


# ---- In a process of its own -------------------------------------------------------------------------


def _work(url: str, threads: int, length_s: float, barrier: Barrier, told: Any) -> None:
    with Engine.open(url, observers=()) as engine:
        _deliverer(engine)
        barrier.wait(PATIENCE_S)
        barrier.wait(PATIENCE_S)
        began_s, cpu_s = time.perf_counter(), time.process_time()
        done = _work_in_threads(engine, threads, length_s) if threads else len(engine.run_hooks())
        elapsed_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        barrier.wait(PATIENCE_S)
        told.put((done, elapsed_s, cpu_s))


def _work_in_threads(engine: Engine, threads: int, length_s: float) -> int:
    runner = engine.start_runner(threads=threads)
    time.sleep(length_s)
    runner.stop()
    return runner.counts.get("done", 0)


def _deliverer(engine: Engine) -> Deliverer:
    """Register the one hook, and make it known to the store."""
    engine.subscribe(EffectKind.ENTERED, None, _do_nothing, "crm")
    deliverer = Deliverer(engine.store, engine, utc_now)
    deliverer.subscribe()
    return deliverer


def _do_nothing(call: HookCall) -> None:
    pass


def _waiting(engine: Engine) -> int:
    return len(engine.deliveries(state="waiting")) + engine.store.waiting_effects()
