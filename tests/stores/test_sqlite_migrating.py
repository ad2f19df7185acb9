"""From version 1 to version 2: everything is kept, sealed, and goes on where it was."""

from pathlib import Path

import apsw
import pytest

from account_lifecycle import StoreError
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import AccountFilter, AuditFilter, DeliveryFilter, DeliveryState, Quarantined, Refused
from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sql import migration_names
from account_lifecycle.stores.sqlite import SQLiteStore, migrating, pending_migrations
from account_lifecycle.verify.record import verify
from builders import T0, announced, at, judged
from stores.hooks import ALL, claim
from stores.scenarios import events_with_every_anomaly, events_with_every_window
from stores.version_1 import OldDelivery, write_version_1

DECISIONS = judged([*events_with_every_anomaly(), *events_with_every_window()])
REFUSED = [Refused(at(n), bytes([n]), 70_000, f"field {n}", "reason") for n in range(3)]
T0_US = int(T0.timestamp() * 1_000_000)
MAIL, PAGE = "entered:*:shop.mail", "entered:OK:shop.page"
FIRST_EFFECT = 16
"""Of event 1: that a status was entered, which is not OK."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


def told(store: Store) -> list[object]:
    """All that version 1 could tell."""
    return [
        list(store.accounts(AccountFilter())),
        list(store.ledger()),
        list(store.audit(AuditFilter())),
        list(store.blind_windows(None, open_only=False)),
    ]


def test_everything_that_version_1_kept_is_there_and_proved(path: Path, tmp_path: Path) -> None:
    write_version_1(path, DECISIONS, REFUSED)
    store, fresh = SQLiteStore(path), SQLiteStore(tmp_path / "fresh.db")
    fresh.advance([decision.event for decision in DECISIONS], decide)
    assert told(store) == told(fresh)
    assert list(store.quarantined()) == [Quarantined(n, *row) for n, row in enumerate(REFUSED, 1)]
    assert store.head() == fresh.head()
    assert store.waiting_effects() == sum(bool(decision.effects) for decision in DECISIONS)
    assert verify(store).is_intact
    fresh.close()
    store.close()


def test_what_it_was_judged_by_is_not_known_and_events_go_on_where_they_were(path: Path) -> None:
    write_version_1(path, DECISIONS, REFUSED)
    store = SQLiteStore(path)
    assert {proof.rules for proof in store.evidence()} == {""}
    last = [decision for decision in DECISIONS if decision.account.account_id == "late"][-1]
    assert store.advance([announced("late", "ERROR", 300)], decide, "now")[0].sequence == last.sequence + 1
    assert store.quarantine(REFUSED[:1]) == [4]
    assert verify(store).is_intact
    store.close()


def test_deliveries_go_on_and_their_hooks_are_known_by_their_names(path: Path) -> None:
    done = OldDelivery(FIRST_EFFECT, MAIL, 1, T0_US, 1, None)
    failed = OldDelivery(2 * FIRST_EFFECT, MAIL, 3, T0_US, 0, "ValueError: no")
    write_version_1(path, DECISIONS, (), [done, failed, OldDelivery(2 * FIRST_EFFECT, PAGE, 1, T0_US, 1, None)])
    store = SQLiteStore(path)
    hooks = [(hook.name, hook.kind, hook.subject, hook.subscribed_at) for hook in store.subscribed()]
    assert hooks == [(MAIL, EffectKind.ENTERED, None, T0), (PAGE, EffectKind.ENTERED, "OK", T0)]
    records = [(row.hook, row.state, row.attempts, row.error) for row in store.deliveries(DeliveryFilter())]
    assert records == [
        (MAIL, DeliveryState.DONE, 1, None),
        (MAIL, DeliveryState.WAITING, 3, "ValueError: no"),
        (PAGE, DeliveryState.DONE, 1, None),
    ]
    (again,) = claim(store, MAIL)
    assert (again.row.effect_id, again.attempts) == (2 * FIRST_EFFECT, 4)
    store.close()


def test_an_effect_that_was_seen_to_is_not_delivered_again(path: Path) -> None:
    """Version 1 looked at effects one by one: it could stop in the middle of an event."""
    event_id = next(n for n, decision in enumerate(DECISIONS, 1) if len(decision.effects) > 1)
    effect_id = event_id * FIRST_EFFECT
    place = next(n for n, e in enumerate(DECISIONS[event_id - 1].effects) if e.kind is EffectKind.ENTERED)
    done = OldDelivery(effect_id + place, MAIL, 1, T0_US, 1, None)
    write_version_1(path, DECISIONS, (), [done], [(event_id, 1 << place)])
    store = SQLiteStore(path)
    assert store.plan(T0, ALL) == sum(bool(decision.effects) for decision in DECISIONS)
    deliveries = [record.effect_id for record in store.deliveries(DeliveryFilter(hook=MAIL))]
    assert deliveries.count(effect_id + place) == 1
    assert len(deliveries) == sum(e.kind is EffectKind.ENTERED for d in DECISIONS for e in d.effects)
    store.close()


def test_an_event_whose_effects_were_all_seen_to_waits_no_more(path: Path) -> None:
    seen = [(n, (1 << len(d.effects)) - 1) for n, d in enumerate(DECISIONS, 1) if d.effects]
    write_version_1(path, DECISIONS, seen=seen)
    store = SQLiteStore(path)
    assert store.waiting_effects() == 0
    store.close()


def test_a_migration_that_fails_in_python_leaves_version_1(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_version_1(path, DECISIONS, REFUSED)

    def fail(db: apsw.Connection) -> None:
        migrating.carry_over(db)
        raise apsw.FullError("no room")

    with monkeypatch.context() as failing:
        failing.setitem(migrating.AFTER, 2, fail)
        with pytest.raises(StoreError, match="the disk is full"):
            SQLiteStore(path)
    assert pending_migrations(path) == list(migration_names("sqlite"))[1:]
    store = SQLiteStore(path)
    assert len(list(store.ledger())) == len(DECISIONS)
    assert verify(store).is_intact
    store.close()


def test_no_byte_of_the_old_tables_is_left_in_the_file(path: Path) -> None:
    secret = b"nobody else's business"
    write_version_1(path, judged([announced("a", "OK", payload=secret * 300, name="Ada")]))
    store = SQLiteStore(path)
    store.erase("a", T0)
    store.close()
    assert secret not in path.read_bytes()


def test_what_opening_would_do_can_be_asked_without_doing_it(path: Path) -> None:
    assert pending_migrations(path) == list(migration_names("sqlite"))
    assert not path.exists()
    write_version_1(path, DECISIONS)
    before = path.read_bytes()
    assert pending_migrations(path) == ["0002_chain_and_outbox"]
    assert path.read_bytes() == before
    SQLiteStore(path).close()
    assert pending_migrations(path) == []


def test_a_foreign_file_has_no_migrations(path: Path) -> None:
    apsw.Connection(str(path)).execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program"):
        pending_migrations(path)
