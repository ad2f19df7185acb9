"""Reconciling: what the vendor's list says is known after a run, whatever was lost on the way, and nothing else is."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from account_lifecycle import Engine, Policy
from account_lifecycle.errors import StoreBusy
from account_lifecycle.hooks.calls import HookCall
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.stores.reconciliations import BROKEN_OFF, Reconciliation
from account_lifecycle.testing import Clock, payload
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from account_lifecycle.vendor import Patience, VendorClient, reconcile
from account_lifecycle.vendor.reconcile import MAY_BE_MISSING

ONCE = Patience(attempts=1, pause_s=0, longest_pause_s=0)
LIVES = "CREATION_SUCCESS SYNC_SUCCESS OK"


class Scene(NamedTuple):
    """An engine, and a vendor whose webhooks do not reach it unless they are fed."""

    engine: Engine
    vendor: SimulatedVendor
    client: VendorClient
    clock: Clock

    def reconcile(self, **options: bool) -> Reconciliation:
        return reconcile(self.engine, self.client, **options)

    def lives(self, count: int, kind: str = "WHATSAPP") -> list[str]:
        """Connect accounts that are OK on both sides."""
        ids = [self.vendor.create(kind, quiet=True) for _ in range(count)]
        for word in LIVES.split():
            list(self.engine.feed_events(payload(word, account_id, provider=kind) for account_id in ids))
        self.clock.tick(hours=1)
        return ids

    def rows(self) -> int:
        """How many events are on record."""
        return sum(1 for _ in self.engine.store.ledger())

    def is_doubtful(self, account_id: str) -> bool:
        account = self.engine.account(account_id)
        return account is not None and account.doubtful

    def kinds(self, account_id: str) -> list[str]:
        return [anomaly.kind.value for anomaly in self.engine.audit(account_id=account_id)]


@pytest.fixture
def scene() -> Iterator[Scene]:
    clock = Clock()
    vendor = SimulatedVendor(clock=clock)
    with Engine.open("memory:", clock=clock, observers=()) as engine, vendor.client(patience=ONCE) as client:
        yield Scene(engine, vendor, client, clock)


# ---- What is written -------------------------------------------------------------------------------------------


def test_accounts_that_are_as_the_list_has_them_cost_one_row_together(scene: Scene) -> None:
    scene.lives(300)
    before = scene.rows()
    run = scene.reconcile()

    assert (run.listed, run.equal, run.is_whole, run.drifted) == (300, 300, True, 0)
    assert scene.rows() == before
    assert scene.engine.last_reconciliation() == run


def test_a_difference_is_followed_and_told_once_with_what_each_source_said(scene: Scene) -> None:
    account_id = scene.vendor.create("GOOGLE_OAUTH", quiet=True, sources=2)
    scene.engine.feed_event(payload("OK", account_id, provider="GOOGLE_OAUTH"))
    scene.clock.tick(hours=1)
    scene.vendor.lose(account_id, "CREDENTIALS", source=1)

    assert dict(scene.reconcile().drift) == {"OK → CREDENTIALS": 1}
    (found,) = scene.engine.audit(kind="DRIFT")
    assert f"Its sources: '{account_id}_1 OK, {account_id}_2 CREDENTIALS'." in found.explanation
    scene.clock.tick(minutes=2)
    assert scene.reconcile().equal == 1
    assert scene.kinds(account_id) == ["ADOPTED", "DRIFT"]


def test_a_doubt_is_settled(scene: Scene) -> None:
    (account_id,) = scene.lives(1)
    for word in ("CREDENTIALS", "RECONNECTED", "OK", "CREDENTIALS"):
        scene.engine.feed_event(payload(word, account_id, provider="WHATSAPP"))
        scene.clock.tick(minutes=5)
    scene.vendor.lose(account_id, "CREDENTIALS")
    assert scene.is_doubtful(account_id)

    assert scene.reconcile().settled == 1
    assert not scene.is_doubtful(account_id)
    assert scene.reconcile().settled == 0


def test_an_account_that_was_never_heard_of_is_adopted_and_quietly_if_that_is_wished(scene: Scene) -> None:
    calls: list[HookCall] = []
    scene.engine.on_connected(calls.append, name="welcome")
    scene.vendor.create(quiet=True)
    assert scene.reconcile(adopt=True).adopted == 1
    assert calls == []

    scene.vendor.create(quiet=True)
    assert scene.reconcile().adopted == 1
    assert [call.kind for call in calls] == [EffectKind.CONNECTED]


def test_a_dry_run_counts_and_writes_nothing(scene: Scene) -> None:
    first, _ = scene.lives(2)
    scene.vendor.lose(first, "ERROR")
    scene.vendor.create(quiet=True)
    before = scene.rows()
    run = scene.reconcile(dry_run=True)

    assert (dict(run.drift), run.adopted, run.equal, run.number) == ({"OK → ERROR": 1}, 1, 1, 0)
    assert (scene.rows(), scene.engine.last_reconciliation()) == (before, None)


def test_types_without_a_life_cycle_are_skipped_and_counted(scene: Scene) -> None:
    for kind in ("SLACK", "SLACK", "MOBILE"):
        scene.vendor.create(kind, quiet=True)
    run = scene.reconcile()

    assert (dict(run.skipped), run.listed, scene.rows()) == ({"SLACK": 2, "MOBILE": 1}, 0, 0)


def test_the_syncs_that_a_premium_account_lacks_are_told(scene: Scene) -> None:
    account_id = scene.vendor.create("LINKEDIN", quiet=True, premium=["premium", "recruiter"])
    for word in LIVES.split():
        scene.engine.feed_event(payload(word, account_id))
    scene.clock.tick(hours=7)

    assert dict(scene.reconcile().anomalies) == {"SYNC_MISSING": 1}
    assert scene.reconcile().equal == 1


# ---- Proof of life ---------------------------------------------------------------------------------------------


def test_a_run_proves_life_so_that_what_is_lost_later_was_lost_after_it(scene: Scene) -> None:
    (account_id,) = scene.lives(1)
    scene.clock.tick(days=90)
    seen_at = scene.reconcile().started_at
    scene.clock.tick(minutes=15)
    scene.vendor.lose(account_id, "CREDENTIALS")
    scene.reconcile()

    (window,) = scene.engine.blind_windows(account_id=account_id)
    assert (window.opened_at, window.estimated) == (seen_at, True)
    assert scene.engine.verify().is_proved


def test_an_outage_that_went_unheard_was_after_the_last_run(scene: Scene) -> None:
    (account_id,) = scene.lives(1)
    scene.clock.tick(days=90)
    seen_at = scene.reconcile().started_at
    scene.clock.tick(minutes=14)
    decision = scene.engine.feed_event(payload("OK", account_id, provider="WHATSAPP"))

    assert [anomaly.kind.value for anomaly in decision.anomalies] == ["MISSED_OUTAGE"]
    (window,) = scene.engine.blind_windows(account_id=account_id)
    assert (window.opened_at, window.closed_at) == (seen_at, scene.clock.now)
    assert scene.engine.verify().is_proved


# ---- What the list does not have -------------------------------------------------------------------------------


def test_an_account_that_the_vendor_has_no_more_vanishes_at_the_second_look_ten_minutes_later(scene: Scene) -> None:
    account_id, other = scene.lives(2)
    scene.vendor.delete(account_id, announced=False)
    assert (scene.reconcile().missing, scene.kinds(account_id)) == (1, [])
    scene.clock.tick(minutes=9)
    assert (scene.reconcile().missing, scene.kinds(account_id)) == (1, [])
    scene.clock.tick(minutes=1)

    assert (scene.reconcile().vanished, scene.kinds(account_id)) == (1, ["VANISHED"])
    assert (scene.reconcile().missing, scene.kinds(other)) == (0, [])


def test_a_deleted_account_that_is_still_there_after_an_hour_is_told(scene: Scene) -> None:
    (account_id,) = scene.lives(1)
    scene.engine.feed_event(payload("DELETED", account_id, provider="WHATSAPP"))
    scene.clock.tick(hours=1)

    assert (scene.reconcile().not_deleted, scene.reconcile().not_deleted) == (1, 0)


def test_a_list_that_lacks_most_accounts_proves_nothing_of_any(scene: Scene) -> None:
    ids = scene.lives(2 * MAY_BE_MISSING + 2)
    for account_id in ids[: MAY_BE_MISSING + 2]:
        scene.vendor.delete(account_id, announced=False)
    for _ in range(3):
        run = scene.reconcile()
        scene.clock.tick(minutes=15)

    assert not run.is_whole
    assert "another workspace" in run.problem
    assert {account.status.value for account in scene.engine.accounts()} == {"OK"}


def test_a_list_that_skips_an_account_which_is_there_makes_it_no_absent_one(scene: Scene) -> None:
    account_id, _ = scene.lives(2)
    listed = scene.vendor.accounts[account_id]
    scene.vendor._listed.remove((listed.number, listed))  # as when pages shift under one who reads them
    for _ in range(3):
        run = scene.reconcile()
        scene.clock.tick(minutes=15)

    assert (run.missing, run.vanished, run.is_whole) == (1, 0, True)


@pytest.mark.parametrize("fault", [ApiFault.CUT, ApiFault.HTML, ApiFault.TOO_MANY, ApiFault.LOOP, ApiFault.FORBIDDEN])
def test_a_page_that_breaks_makes_no_account_absent_and_what_was_read_counts(scene: Scene, fault: ApiFault) -> None:
    ids = scene.lives(300)
    scene.vendor.lose(ids[0], "ERROR")
    scene.vendor.delete(ids[-1], announced=False)
    for _ in range(2):
        scene.vendor.fault(ApiFault.SLOW, 1, within="/accounts")  # the first page comes
        scene.vendor.fault(fault, within="/accounts")
        run = scene.reconcile()
        scene.vendor.recover()
        scene.clock.tick(minutes=15)

    assert (run.is_whole, run.listed >= 250, run.missing) == (False, True, 0)
    assert run.problem.startswith("GET /api/v1/accounts of ")
    assert scene.kinds(ids[0]) == ["DRIFT"]
    assert scene.kinds(ids[-1]) == []


# ---- One at a time ---------------------------------------------------------------------------------------------


def test_two_runs_at_once_are_impossible_whoever_makes_them(tmp_path: Path) -> None:
    clock, url = Clock(), f"sqlite:///{tmp_path}/accounts.db"
    vendor = SimulatedVendor(clock=clock)
    vendor.create(quiet=True)
    with Engine.open(url, clock=clock) as one, Engine.open(url, clock=clock) as other, vendor.client() as client:
        one.store.begin_reconciliation(clock.now, clock.now + timedelta(minutes=10))
        with pytest.raises(StoreBusy, match="Another reconciliation is running"):
            reconcile(other, client)
        assert reconcile(other, client, dry_run=True).adopted == 1

        clock.tick(minutes=10)  # the one that had begun was killed
        assert reconcile(other, client).is_whole
        newest, crashed = other.reconciliations()
        assert (newest.is_whole, crashed.problem) == (True, BROKEN_OFF)


def test_ok_that_is_not_subscribed_is_no_drift(scene: Scene) -> None:
    with Engine.open("memory:", clock=scene.clock, policy=Policy(subscribed="default"), observers=()) as engine:
        account_id = scene.vendor.create(quiet=True)
        for word in ("CREATION_SUCCESS", "SYNC_SUCCESS"):
            engine.feed_event(payload(word, account_id))
        scene.clock.tick(hours=1)
        run = reconcile(engine, scene.client)

        assert (run.followed, run.drifted, dict(run.anomalies)) == (1, 0, {})
