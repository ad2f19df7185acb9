"""How long those who feed wait beside each operation on a large store, in processes of their own and in its own.

A store is filled with a history. Then one operation after the other runs, while two processes and a thread of the
operation's own process feed single events without pause; each notes how long every feed took. Nobody may wait for
longer than a second, and no feed may fail. At last everything is verified.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import count, takewhile
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import NamedTuple

from account_lifecycle import Engine, StoreError
from account_lifecycle.engine.seeding import seed
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.records import Refused
from account_lifecycle.stores.admin import back_up, copy
from account_lifecycle.testing import payload

from .processes import fork, reported, reporting, wait_until
from .report import Report, conclude, silence_logs
from .sites import STORES, Site, opened_site
from .webhooks import NOTIFIED, T0

LONGEST_S = 1.0
"""How long a feed may take, in seconds."""
LIFE = ("CREATION_SUCCESS", "SYNC_SUCCESS", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "ERROR", "OK", "OK")
"""What is announced of an account, over and over."""
BUSY_ONE = "account-0"
"""The account that every tenth event is about."""


class Plan(NamedTuple):
    """The size of a run on one kind of store."""

    store: str
    events: int = 300_000
    quarantined: int = 3_000
    processes: int = 2
    quiet_s: float = 5
    """How long is fed beside nothing, to compare with."""
    longest_s: float = LONGEST_S


LONG = tuple(Plan(store) for store in STORES)
SHORT = tuple(Plan(store, 3_000, 50, quiet_s=0.5, longest_s=5) for store in STORES)


class Wait(NamedTuple):
    """How long a feed took, by a clock that all processes share."""

    began_s: float
    ended_s: float

    @property
    def length_s(self) -> float:
        """Return its length in seconds."""
        return self.ended_s - self.began_s


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns waits", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--store", choices=STORES, help="one kind of store only")
    parser.add_argument("--events", type=int, help=f"how many events the store holds (default {LONG[0].events:,})")
    options = parser.parse_args(arguments)
    silence_logs()
    plans = [plan for plan in (SHORT if options.short else LONG) if options.store in (None, plan.store)]
    return max([conclude(run(plan._replace(events=options.events or plan.events))) for plan in plans])


def run(plan: Plan) -> Report:
    """Fill a store, run every operation beside those who feed, and return the longest waits."""
    title = f"waiting beside each operation on {plan.events:,} events, {plan.store}"
    with opened_site(plan.store, own_server=False, is_on_disk=True) as site:
        if isinstance(site, str):
            return Report(title, {}, skipped=site)
        url, folder = site.new_store(), site.new_folder()
        with Engine.open(url, observers=()) as engine:
            _fill(engine, plan)
        return _measure(title, plan, site, url, folder)


# ---- The store -----------------------------------------------------------------------------------------


def _fill(engine: Engine, plan: Plan) -> None:
    events = (_event(number) for number in range(plan.events))
    seed(engine.store, events, now=T0, batch_size=5_000, deadlines=False)
    readable = [payload("OK", f"late-{number}") for number in range(plan.quarantined)]
    texts = [parse(each, T0).payload for each in readable]
    engine.store.quarantine([Refused(T0, text, len(text), "payload", "not known then") for text in texts])


def _event(number: int) -> Event:
    """Return an event of a fleet in which each account has some eight, and one account a tenth of all."""
    life, place = divmod(number, 5_000)
    account_id = BUSY_ONE if number % 10 == 0 else f"account-{life // 8}-{place}"
    word = LIFE[life % 8]
    named = {"owner": f"user of {account_id}"} if word in NOTIFIED else {}
    return parse(payload(word, account_id, **named), T0 + timedelta(seconds=number))


# ---- Those who feed --------------------------------------------------------------------------------------


def _feed(engine: Engine, name: str, is_over: Callable[[], bool], note: Callable[..., None]) -> None:
    """Feed single events of a few accounts until it is over, and note how long each took, or why it failed."""
    for number in takewhile(lambda _: not is_over(), count()):
        began_s = time.monotonic()
        try:
            engine.feed_event(payload(LIFE[number // 10 % 8], f"{name}-{number % 10}"))
        except StoreError as error:
            note(began_s, time.monotonic(), str(error))
        else:
            note(began_s, time.monotonic(), "")


def _feed_alone(url: str, folder: Path, name: str) -> None:
    with Engine.open(url, observers=()) as engine, reporting(folder / f"waits-{name}") as note:
        _feed(engine, name, (folder / "over").exists, note)


@contextmanager
def _fed(plan: Plan, url: str, folder: Path) -> Iterator[Engine]:
    """Open an engine that a thread feeds, and whose store is fed by other processes."""
    feeders: list[BaseProcess] = [fork(_feed_alone, url, folder, str(n)) for n in range(plan.processes)]
    is_over = Flag()
    with ExitStack() as stack:
        engine = stack.enter_context(Engine.open(url, observers=()))
        note = stack.enter_context(reporting(folder / "waits-thread"))
        thread = Thread(target=_feed, args=(engine, "thread", is_over.is_set, note))
        thread.start()
        names = [f"waits-{n}" for n in range(plan.processes)] + ["waits-thread"]
        wait_until(lambda: all(reported(folder / name) for name in names))
        try:
            yield engine
        finally:
            is_over.set()
            (folder / "over").touch()
            thread.join()
            for feeder in feeders:
                feeder.join()


# ---- The operations ----------------------------------------------------------------------------------------


def _operations(plan: Plan, engine: Engine, url: str, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what is done, in this order."""
    found: dict[str, Callable[[], object]] = {
        "nothing": lambda: time.sleep(plan.quiet_s),
        "open": lambda: Engine.open(url, observers=()).close(),
        "verify": engine.verify,
        "account erase": lambda: engine.erase_account(BUSY_ONE),
        "quarantine replay": engine.replay_quarantine,
        "db prune": lambda: engine.prune(_middle(plan), folder / "archive.jsonl.gz"),
    }
    if plan.store == "sqlite":
        found["db backup"] = lambda: back_up(engine.store, folder / "backup.db")
    return found


def _middle(plan: Plan) -> datetime:
    return T0 + timedelta(seconds=plan.events // 2)


def _measure(title: str, plan: Plan, site: Site, url: str, folder: Path) -> Report:
    spans: dict[str, Wait] = {}
    with ExitStack() as stack:
        server = stack.enter_context(opened_site("postgresql", own_server=False)) if plan.store == "sqlite" else ""
        engine = stack.enter_context(_fed(plan, url, folder))
        operations = _operations(plan, engine, url, folder)
        if not isinstance(server, str):
            target = server.new_store()
            stack.callback(server.drop, target)
            operations["db copy"] = lambda: copy(engine.store, target)
        for name, act in operations.items():
            began_s = time.monotonic()
            act()
            spans[name] = Wait(began_s, time.monotonic())
    waits = {path.name.removeprefix("waits-"): reported(path) for path in sorted(folder.glob("waits-*"))}
    errors = tuple(error for found in waits.values() for _, _, error in found if error)
    table, broken = _table(plan, spans, waits)
    with Engine.open(url, observers=()) as engine:
        verification = engine.verify()
    figures = {"events fed meanwhile": sum(map(len, waits.values())), "errors": len(errors)}
    faults = [str(fault) for fault in verification.faults]
    site.drop(url)
    return Report(title, figures, (*broken, *errors, *faults), tuple(table))


def _table(plan: Plan, spans: dict[str, Wait], waits: dict[str, list[list[float]]]) -> tuple[list[str], list[str]]:
    """Return the table, and what took too long."""
    lines = [f"{'beside':18} {'it took':>9} {'fed/s':>7} {'longest wait: processes':>24} {'own thread':>11}"]
    broken = []
    for name, span in spans.items():
        beside = {
            feeder: [Wait(began, ended) for began, ended, _ in found if ended > span.began_s and began < span.ended_s]
            for feeder, found in waits.items()
        }
        longest = {feeder: max((wait.length_s for wait in found), default=0.0) for feeder, found in beside.items()}
        own = longest.pop("thread")
        others, rate = max(longest.values()), sum(map(len, beside.values())) / max(span.length_s, 0.001)
        lines.append(f"{name:18} {span.length_s:7.1f} s {rate:7.0f} {others * 1000:21.0f} ms {own * 1000:8.0f} ms")
        if max(own, others) > plan.longest_s:
            broken.append(f"beside {name} a feed took {max(own, others):.1f} s")
    return lines, broken
