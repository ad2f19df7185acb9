"""Many processes feed one store at once: nothing is lost, none sees a busy store, and none starves.

Each feeds for the same length of time. Afterwards every acknowledged event must be in the ledger exactly once, the
sequences without gaps, the accounts what folding gives, and the slowest feeder must have fed at least a tenth of
what the fastest has.
"""

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Barrier, BrokenBarrierError
from typing import NamedTuple

from account_lifecycle import Engine, StoreError
from account_lifecycle.records import AccountFilter

from .acknowledged import Reports, unkept
from .processes import PATIENCE_S, fork, reported, reporting
from .report import Report, conclude, silence_logs
from .sites import STORES, Site, opened_site
from .webhooks import marked_webhooks, names

FAIR_SHARE = 10
"""The fastest feeder may feed so many times what the slowest does."""


class Plan(NamedTuple):
    """The size of a run on one kind of store."""

    store: str
    length_s: float = 10
    feeders: int = 16
    accounts: tuple[int, ...] = (1, 500)
    seed: int = 1
    is_fairness_judged: bool = True
    """False where it is only reported: on a busy machine a short run says nothing about fairness."""


LONG = tuple(Plan(store) for store in STORES)
SHORT = tuple(Plan(store, length_s=0.6, is_fairness_judged=False) for store in STORES)


class Tally(NamedTuple):
    """What one feeder did."""

    fed: int
    longest_wait_s: float
    """The longest that one feed took."""
    errors: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns feeders", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--store", choices=STORES, help="one kind of store only")
    parser.add_argument("--seconds", type=float, help=f"how long each feeds (default {LONG[0].length_s:g})")
    parser.add_argument("--feeders", type=int, default=LONG[0].feeders, help="how many (default 16)")
    options = parser.parse_args(arguments)
    silence_logs()
    plans = [plan for plan in (SHORT if options.short else LONG) if options.store in (None, plan.store)]
    asked = [p._replace(length_s=options.seconds or p.length_s, feeders=options.feeders) for p in plans]
    return max([conclude(report) for plan in asked for report in run(plan)])


def run(plan: Plan) -> Iterator[Report]:
    """One report for each number of accounts."""
    with opened_site(plan.store, own_server=False, is_on_disk=True) as site:
        for accounts in plan.accounts:
            title = f"{plan.feeders} feeders on {accounts} account{'s' * (accounts > 1)}, {plan.store}"
            if isinstance(site, str):
                yield Report(title, {}, skipped=site)
            else:
                yield _race(title, plan, accounts, site)


def _race(title: str, plan: Plan, accounts: int, site: Site) -> Report:
    url, folder = site.new_store(), site.new_folder()
    start = multiprocessing.get_context("fork").Barrier(plan.feeders)
    racers = [fork(feed, start, url, folder, number, accounts, plan) for number in range(plan.feeders)]
    for racer in racers:
        racer.join()
    broken = [f"a feeder ended with code {racer.exitcode}" for racer in racers if racer.exitcode]
    tallies = [Tally(*line) for number in range(plan.feeders) for line in reported(folder / f"tally-{number}")]
    with Engine.open(url, observers=()) as engine:
        promised = Reports.read(sorted(folder.glob("acks-*")), folder / "calls")
        broken += [*unkept(engine, promised), *(error for tally in tallies for error in tally.errors)]
        broken += [*_gaps(engine, len(promised.acks))]
        broken += [*_unfair(tallies)] if plan.is_fairness_judged else []
    broken += site.flaws(url)
    site.drop(url)
    return Report(title, _figures(plan, tallies), tuple(broken))


# ---- A feeder ----------------------------------------------------------------------------------------


def feed(start: Barrier, url: str, folder: Path, number: int, accounts: int, plan: Plan) -> None:
    """Feed from the common start on, for as long as planned, and report how it went."""
    random, fed, longest_s, errors = Random(plan.seed * 100 + number), 0, 0.0, []
    with Engine.open(url, observers=()) as engine, reporting(folder / f"acks-{number}") as acknowledge:
        with suppress(BrokenBarrierError):
            start.wait(PATIENCE_S)
        ends_s = time.monotonic() + plan.length_s
        for webhook in marked_webhooks(random, str(number), names("account", accounts)):
            began_s = time.monotonic()
            if began_s >= ends_s:
                break
            try:
                decision = engine.feed_event(webhook.payload)
            except StoreError as error:
                errors.append(f"feeder {number}: {error}")
            else:
                acknowledge(webhook.account_id, decision.sequence, webhook.marker)
                fed += 1
            longest_s = max(longest_s, time.monotonic() - began_s)
    with reporting(folder / f"tally-{number}") as say:
        say(fed, longest_s, errors)


# ---- Judging -----------------------------------------------------------------------------------------


def _gaps(engine: Engine, acknowledged: int) -> Iterator[str]:
    """Accounts whose sequences are not 1, 2, 3 …, and events that were never acknowledged."""
    kept = 0
    for account in engine.store.accounts(AccountFilter()):
        sequences = [entry.sequence for entry in engine.store.history(account.account_id)]
        kept += len(sequences)
        if sequences != list(range(1, account.sequence + 1)):
            yield f"{account.account_id}: its sequences are not 1 to {account.sequence}"
    if kept != acknowledged:
        yield f"{acknowledged} events were acknowledged, but {kept} are in the ledger"


def _unfair(tallies: Sequence[Tally]) -> Iterator[str]:
    counts = [tally.fed for tally in tallies]
    if not counts or min(counts) * FAIR_SHARE < max(counts):
        yield f"the slowest feeder fed {min(counts, default=0)}, the fastest {max(counts, default=0)}"


def _figures(plan: Plan, tallies: Sequence[Tally]) -> dict[str, object]:
    counts = sorted(tally.fed for tally in tallies) or [0]
    return {
        "events": sum(counts),
        "events a second": round(sum(counts) / plan.length_s),
        "errors": sum(len(tally.errors) for tally in tallies),
        "slowest to fastest": f"{counts[0]} to {counts[-1]}, {counts[0] / max(1, counts[-1]):.2f}",
        "events by feeder": " ".join(map(str, counts)),
        "longest wait": f"{max((tally.longest_wait_s for tally in tallies), default=0) * 1000:.0f} ms",
    }
