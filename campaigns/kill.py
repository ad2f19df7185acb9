"""Kills in a loop: kill feeders at any moment, cut connections, stop the database server immediately.

After every single one the store must verify, every acknowledged event must be in the ledger exactly once and at the
sequence that was reported, and no hook may have been called for what is not in the ledger. In the end every effect must
have reached its hook, and each repeated call must be explained by an interruption.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import Engine, HookCall, StoreError
from account_lifecycle.engine.core import utc_now
from account_lifecycle.lifecycle.effects import EffectKind

from .acknowledged import Reports, calls_again, drain, undelivered, unkept
from .processes import fork, kill, reported, reporting, wait_until
from .report import Report, conclude, silence_logs
from .sites import STORES, Site, opened_site
from .webhooks import marked_webhooks, names

ACCOUNTS = 40
LIFE_S = 0.06
"""The longest that a feeder lives before the next kill; a new one needs a part of it to open the store."""
OPENING = "opening"
LATER = timedelta(days=1)
"""Long after every lease has run out."""


class Plan(NamedTuple):
    """The size of a run on one kind of store."""

    store: str
    kills: int
    feeders: tuple[int, ...] = (1, 4)
    """Numbers of processes that feed at once; the kills are shared out between them."""
    kills_per_store: int = 40
    """After so many the next store is begun, because all of it is verified after every kill; of several feeders
    each counts, as they go on feeding meanwhile."""
    seed: int = 1


LONG = (Plan("sqlite", 2000), Plan("postgresql", 200))
SHORT = (Plan("sqlite", 40), Plan("postgresql", 14))


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns kill", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--store", choices=STORES, help="one kind of store only")
    parser.add_argument(
        "--kills", type=int, help=f"how many (default {', '.join(f'{p.kills} {p.store}' for p in LONG)})"
    )
    parser.add_argument("--feeders", type=int, help="one number of feeders only, and all kills for it")
    parser.add_argument("--seed", type=int, default=1, help="for other kills than usual")
    options = parser.parse_args(arguments)
    silence_logs()
    return max([conclude(report) for plan in _plans(options) for report in run(plan)])


def _plans(options: argparse.Namespace) -> list[Plan]:
    plans = [plan for plan in (SHORT if options.short else LONG) if options.store in (None, plan.store)]
    asked = {"kills": options.kills, "feeders": options.feeders and (options.feeders,), "seed": options.seed}
    return [plan._replace(**{name: value for name, value in asked.items() if value}) for plan in plans]


def run(plan: Plan) -> Iterator[Report]:
    """One report for each number of feeders."""
    with opened_site(plan.store) as site:
        for feeders in plan.feeders:
            title = f"kills on {plan.store}, {feeders} feeding"
            if isinstance(site, str):
                yield Report(title, {}, skipped=site)
            else:
                yield _attack_all(title, plan, feeders, site)


def _attack_all(title: str, plan: Plan, feeders: int, site: Site) -> Report:
    random, counts, broken, started = Random(plan.seed * 100 + feeders), Counter[str](), list[str](), time.monotonic()
    rest = plan.kills // len(plan.feeders)
    while rest > 0 and not broken:
        attack = Attack(site, feeders, random, counts)
        kills = min(rest, max(1, plan.kills_per_store // feeders))
        broken = attack.run(kills)
        rest -= kills
    figures: dict[str, object] = {**counts, "seconds": f"{time.monotonic() - started:.0f}"}
    return Report(title, figures, tuple(broken))


# ---- The feeder --------------------------------------------------------------------------------------


class Orders(NamedTuple):
    """The parameters of a feeder."""

    url: str
    name: str
    """Its markers start with it."""
    seed: int
    acks: Path
    calls: Path
    errors: Path


def feed_until_killed(orders: Orders) -> None:
    """Feed and report without end; after an error, report it and feed the next webhook."""
    with reporting(orders.acks) as acknowledge, reporting(orders.calls) as called, reporting(orders.errors) as failed:
        engine = _open(orders.url, failed)
        subscribe_all(engine, lambda call: called(orders.name, call.key))
        for webhook in marked_webhooks(Random(orders.seed), orders.name, names("account", ACCOUNTS)):
            try:
                decision = engine.feed_event(webhook.payload)
            except StoreError as error:
                failed(orders.name, str(error))
                time.sleep(0.01)
            else:
                acknowledge(webhook.account_id, decision.sequence, webhook.marker)


def subscribe_all(engine: Engine, hook: Callable[[HookCall], object]) -> None:
    """Call a hook for every effect there is, each once."""
    for kind in EffectKind:
        engine.subscribe(kind, None, hook, "campaign", since="beginning")


def _open(url: str, failed: Callable[..., None]) -> Engine:
    while True:
        try:
            return Engine.open(url, observers=())
        except StoreError as error:
            failed(OPENING, str(error))
            time.sleep(0.05)


# ---- The attack -------------------------------------------------------------------------------------


class Attack:
    """One store from its making to its end: feeders, kills, and the judging after each."""

    def __init__(self, site: Site, feeders: int, random: Random, counts: Counter[str]) -> None:
        self._site = site
        self._random = random
        self._counts = counts
        self._url = site.new_store()
        self._folder = site.new_folder()
        self._starts = count(1)
        self._causes = 0
        self._feeders: list[BaseProcess] = [self._start(slot) for slot in range(feeders)]

    def run(self, kills: int) -> list[str]:
        """So many kills; every promise that was found broken, and nothing further after the first."""
        try:
            for _ in range(kills):
                if broken := [*self._strike(), *self._judge()]:
                    return broken
        finally:
            self._end_all()
        return self._finish()

    # ---- Feeders

    def _start(self, slot: int) -> BaseProcess:
        name = f"{slot}.{next(self._starts)}"
        files = (self._acks(slot), self._folder / "calls", self._folder / "errors")
        return fork(feed_until_killed, Orders(self._url, name, self._random.randrange(1 << 30), *files))

    def _acks(self, slot: int) -> Path:
        return self._folder / f"acks-{slot}"

    def _reports(self) -> Reports:
        return Reports.read(sorted(self._folder.glob("acks-*")), self._folder / "calls")

    def _end_all(self) -> None:
        for process in self._feeders:
            kill(process)
            self._causes += 1

    # ---- Kills

    def _strike(self) -> Iterator[str]:
        """Whatever it is today; what follows from it at once is judged here."""
        time.sleep(self._random.uniform(0, LIFE_S))
        slot = self._random.randrange(len(self._feeders))
        if not self._feeders[slot].is_alive():
            yield f"a feeder ended by itself with code {self._feeders[slot].exitcode}"
            return
        way = self._site.draw(self._random)
        if way is None:
            self._counts["feeders killed"] += 1
            self._causes += 1
            kill(self._feeders[slot])
            self._feeders[slot] = self._start(slot)
        else:
            self._counts[way.name] += 1
            way.act(self._url)
            self._causes += len(self._feeders)  # also a connection that is cut between a call and its completion
            yield from self._stuck(way.name)

    def _stuck(self, after: str) -> Iterator[str]:
        """Feeders that do not go on by themselves."""
        before = [len(reported(self._acks(slot))) for slot in range(len(self._feeders))]
        for slot, acks in enumerate(before):
            if not wait_until(lambda slot=slot, acks=acks: len(reported(self._acks(slot))) > acks):  # type: ignore[misc]
                yield f"feeder {slot} did not go on after: {after}"

    # ---- Judging

    def _judge(self) -> list[str]:
        promised = self._reports()
        try:
            with Engine.open(self._url, observers=()) as engine:
                return [*self._surfaced(), *unkept(engine, promised)]
        except StoreError as error:
            return [f"it cannot be read: {error}"]

    def _surfaced(self) -> list[str]:
        """Return the errors of feeders, except those of opening a store that was down at that moment."""
        errors = reported(self._folder / "errors")
        return [f"{name}: {error}" for name, error in errors if name != OPENING or not self._site.may_be_down]

    def _finish(self) -> list[str]:
        """Run the hooks that are left, and judge the whole."""
        with reporting(self._folder / "calls") as called, self._open_later() as engine:
            subscribe_all(engine, lambda call: called("drain", call.key))
            drain(engine)
            promised = self._reports()
            broken = [*self._surfaced(), *unkept(engine, promised), *undelivered(engine, promised)]
            again, runs = calls_again(promised)
            self._count(engine, promised, again, runs)
        broken += self._site.flaws(self._url)
        if runs > self._causes:
            broken.append(f"{again} calls were made again, in {runs} runs, but only {self._causes} causes were given")
        self._site.drop(self._url)
        return broken

    def _open_later(self) -> Engine:
        return Engine.open(self._url, clock=lambda: utc_now() + LATER, observers=())

    def _count(self, engine: Engine, promised: Reports, again: int, runs: int) -> None:
        events = sum(account.sequence for account in engine.accounts())
        self._counts.update(
            {
                "stores": 1,
                "events in the ledgers": events,
                "acknowledged": len(promised.acks),
                "kept but not acknowledged, because a kill came between": events - len(promised.acks),
                "errors of feeders": len(reported(self._folder / "errors")),
                "hook calls": len(promised.calls),
                "calls made again": again,
                "runs of calls made again": runs,
                "effects lost": len(undelivered(engine, promised)),
            }
        )
