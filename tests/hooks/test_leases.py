"""Leases: a call keeps its delivery for as long as it runs, and no thread is started for nothing."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from account_lifecycle import Engine, HookCall
from account_lifecycle.engine.core import utc_now
from account_lifecycle.errors import StoreBusy
from account_lifecycle.hooks.delivery import Deliverer
from account_lifecycle.hooks.inline import Runner
from account_lifecycle.hooks.leases import Leases
from account_lifecycle.records import Claim, TimeSource
from builders import webhook
from hooks.waiting import eventually

NOW = datetime(2026, 5, 1, tzinfo=UTC)
SHORT = timedelta(seconds=0.6)


class Ledgerless:
    """A store of leases only, which renews the valid ones."""

    def __init__(self) -> None:
        self.valid: set[Claim] = set()
        self.renewed: list[Claim] = []
        self.troubles: list[Exception] = []

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        if self.troubles:
            raise self.troubles.pop(0)
        self.renewed += claims
        return [claim in self.valid for claim in claims]


# ---- With hooks ----------------------------------------------------------------------------------------


def test_a_call_that_outlasts_its_lease_stays_its_own(live: Engine) -> None:
    untils: set[datetime] = set()

    def slow(call: HookCall) -> None:
        def is_renewed_thrice() -> bool:
            (record,) = live.deliveries()
            assert record.leased_until is not None
            untils.add(record.leased_until)
            assert Deliverer(live.store, live, utc_now).reap() == 0
            return len(untils) > 3

        eventually(is_renewed_thrice, "renewing")

    live.feed_event(webhook("a", "OK"))
    live.on_connected(slow, since="beginning")
    (outcome,) = Runner(live.store, live, utc_now, lease=SHORT).run_due()
    assert outcome.done
    assert max(untils) - min(untils) > SHORT * 0.5
    assert [(record.state, record.attempts) for record in live.deliveries()] == [("done", 1)]


PROGRAM = """
import threading
from account_lifecycle import Engine

def beating():
    return sum("heartbeat" in thread.name for thread in threading.enumerate())

def feed(engine, account_id):
    engine.feed_event({"status": "CREATION_SUCCESS", "account_id": account_id})

with Engine.open("memory:") as first, Engine.open("memory:") as second:
    feed(first, "a")
    first.run_hooks()
    counts = [beating()]
    first.on_deleted(lambda call: None)
    feed(first, "b")
    counts.append(beating())
    for engine in (first, second):
        engine.on_entered("CREATION_SUCCESS")(lambda call: counts.append(beating()))
        feed(engine, "c")
        feed(engine, "d")
print(counts)
"""


def test_the_thread_is_one_for_the_process_and_starts_with_the_first_call() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str([0, 0, 1, 1, 1, 1])


FORKING = """
import os, threading
from datetime import UTC, datetime, timedelta
from account_lifecycle.hooks.leases import Leases
from account_lifecycle.records import Claim, TimeSource

class Store:
    def __init__(self):
        self.asked, self.changed = [], threading.Condition()
    def renew(self, claims, leased_until):
        with self.changed:
            self.asked.append(sorted(claims))
            self.changed.notify_all()
        return [True] * len(claims)

store = Store()
leases = Leases(store, lambda: datetime.now(UTC), timedelta(seconds=0.3))
leases.hold([Claim(1, 1)])
child = os.fork()
if child == 0:
    store.changed = threading.Condition()
    store.asked.clear()
    leases.hold([Claim(2, 1)])
    with store.changed:
        ok = store.changed.wait_for(lambda: store.asked, 30)
    os._exit(0 if ok and store.asked[0] == [Claim(2, 1)] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_keeps_its_own_claims_and_not_its_parents() -> None:
    ran = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"


# ---- By themselves -------------------------------------------------------------------------------------


def leases_on(store: Ledgerless, longest: timedelta = timedelta(hours=1), clock: TimeSource = utc_now) -> Leases:
    return Leases(store, clock, timedelta(seconds=0.15), longest)


def test_a_claim_holds_for_a_minute_by_default() -> None:
    assert Leases(Ledgerless(), lambda: NOW).until() == NOW + timedelta(minutes=1)


def test_a_claim_is_renewed_three_times_while_its_lease_lasts() -> None:
    assert Leases(Ledgerless(), lambda: NOW).beat_s == 20
    assert Leases(Ledgerless(), lambda: NOW, timedelta(seconds=9)).beat_s == 3


def test_what_could_not_be_renewed_is_remembered_and_asked_for_no_more() -> None:
    store, lost, held = Ledgerless(), Claim(1, 1), Claim(2, 1)
    store.valid = {held}
    leases = leases_on(store)
    leases.hold([lost, held])
    eventually(lambda: leases.loss_of(lost), "losing")
    assert leases.loss_of(lost) == "its lease ran out while it ran"
    count = store.renewed.count(lost)
    eventually(lambda: store.renewed.count(held) > count + 2, "renewing")
    assert store.renewed.count(lost) == count
    assert leases.loss_of(held) is None
    leases.drop([lost, held])
    assert leases.loss_of(lost) is None


def test_the_lease_of_a_call_that_takes_too_long_is_not_renewed() -> None:
    store, claim = Ledgerless(), Claim(1, 1)
    store.valid = {claim}
    leases = leases_on(store, longest=timedelta(0), clock=lambda: NOW)
    leases.hold([claim])
    eventually(lambda: leases.loss_of(claim), "losing")
    assert "its lease was not renewed" in str(leases.loss_of(claim))
    assert store.renewed == []
    leases.drop([claim])


def test_a_store_that_is_busy_for_once_costs_no_lease() -> None:
    store, claim = Ledgerless(), Claim(1, 1)
    store.valid, store.troubles = {claim}, [StoreBusy("others are writing")] * 2
    leases = leases_on(store)
    leases.hold([claim])
    eventually(lambda: claim in store.renewed, "renewing")
    assert leases.loss_of(claim) is None
    leases.drop([claim])


def test_a_page_of_leases_that_cannot_be_renewed_costs_no_other_page_its_beat() -> None:
    store, claims = Ledgerless(), [Claim(number, 1) for number in range(501)]
    store.valid, store.troubles = {*claims}, [StoreBusy("others are writing")]
    leases = leases_on(store)
    leases.hold(claims)
    eventually(lambda: claims[0] in store.renewed, "renewing")
    assert store.renewed[0] == claims[-1]
    leases.drop(claims)


def test_a_store_in_which_anything_may_go_wrong_costs_no_other_store_its_leases() -> None:
    stores, claim = [Ledgerless(), Ledgerless()], Claim(1, 1)
    both = [leases_on(store) for store in stores]
    for store, leases in zip(stores, both, strict=True):
        store.valid, store.troubles = {claim}, [ZeroDivisionError("nobody has thought of this")]
        leases.hold([claim])
    for store in stores:
        eventually(lambda store=store: claim in store.renewed, "renewing")
    for leases in both:
        leases.drop([claim])


def test_what_was_dropped_is_renewed_no_more() -> None:
    store, first, second = Ledgerless(), Claim(1, 1), Claim(2, 1)
    store.valid = {first, second}
    leases = leases_on(store)
    leases.hold([first, second])
    eventually(lambda: first in store.renewed, "renewing")
    leases.drop([first])
    count = store.renewed.count(first)
    seen = store.renewed.count(second)
    eventually(lambda: store.renewed.count(second) > seen + 2, "renewing")
    assert store.renewed.count(first) <= count + 1  # one may have been under way
    leases.drop([second])
