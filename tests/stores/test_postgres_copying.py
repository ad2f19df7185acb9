"""From a file to a server: everything is there afterwards, proves itself, and goes on; or nothing is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.rules import Rules
from account_lifecycle.records import AccountFilter, AuditFilter, DeliveryFilter, DeliveryState, Refused
from account_lifecycle.stores.admin import copy_store
from account_lifecycle.stores.postgres import PostgresStore
from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sqlite import SQLiteStore
from builders import T0, announced, as_it_is, at
from stores.exactness import shape
from stores.hooks import claim, claim_one, complete, feed, hook, planned, run_all
from stores.prover_contract import WAYS
from stores.scenarios import events_with_every_anomaly

pytest_plugins = ("postgres_server",)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "source.db")
    yield store
    store.close()


@pytest.fixture
def target(database: str, emptied: Callable[[], str]) -> Iterator[PostgresStore]:
    store = PostgresStore(database)
    emptied()
    yield store
    store.close()


def everything_in(store: Store) -> list[object]:
    """All that both kinds of store tell alike."""
    found = [
        list(store.accounts(AccountFilter())),
        list(store.ledger()),
        list(store.evidence()),
        list(store.audit(AuditFilter())),
        list(store.quarantined()),
        list(store.baselines()),
        list(store.windows_by_account()),
        store.segments(),
        store.subscribed(),
        list(store.deliveries(DeliveryFilter())),
    ]
    return [*map(shape, map(tuple, found)), store.waiting_effects()]  # type: ignore[arg-type]


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_copied_and_proves_itself_whatever_was_done(
    source: SQLiteStore, target: PostgresStore, tmp_path: Path, way: str
) -> None:
    WAYS[way](source, tmp_path)
    copied = copy_store(source, target)
    assert everything_in(target) == everything_in(source)
    assert list(target.faults()) == []
    assert copied.head == target.head()
    assert copied.rows["event"] == len(list(source.ledger()))
    assert copied.rows["account"] == len(list(source.stored_accounts()))


def test_a_copy_has_the_head_that_feeding_the_same_would_have_come_to(
    source: SQLiteStore, target: PostgresStore, emptied: Callable[[], str]
) -> None:
    source.advance(events_with_every_anomaly(), as_it_is, Rules("rules"))
    head = copy_store(source, target).head
    emptied()
    target.advance(events_with_every_anomaly(), as_it_is, Rules("rules"))
    assert target.head() == head


def test_feeding_and_running_go_on_where_they_were(source: SQLiteStore, target: PostgresStore) -> None:
    numbers = source.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 2)
    feed(source, "a", "OK", "ERROR", "STOPPED")
    planned(source, hook())
    first = claim_one(source)
    feed(source, "a", "OK", minute=5)
    copy_store(source, target)
    assert feed(target, "a", "ERROR", "OK", minute=6)[0].sequence == 5
    assert target.quarantine([Refused(T0, b"x", 1, "payload", "because")]) == [numbers[-1] + 1]
    assert complete(target, first) == [True]
    keys = [delivery.row.key for delivery in run_all(target)]
    assert keys == [f"a/{n}/entered/{word}" for n, word in enumerate(["ERROR", "STOPPED", "OK", "ERROR", "OK"], 2)]
    assert list(target.faults()) == []


def test_numbers_that_were_pruned_are_not_used_again(
    source: SQLiteStore, target: PostgresStore, tmp_path: Path
) -> None:
    feed(source, "a", "OK")
    planned(source, hook())
    old = claim_one(source)
    complete(source, old)
    source.prune(at(99), tmp_path / "archive.jsonl.gz", at(99))
    copy_store(source, target)
    feed(target, "a", "ERROR", minute=100)
    planned(target)
    (new,) = claim(target)
    assert new.delivery_id > old.delivery_id
    assert new.row.effect_id > old.row.effect_id


def test_odd_words_are_copied(source: SQLiteStore, target: PostgresStore) -> None:
    event = announced("a", "a\0b", 0, "?\0", "\x01", "\\N\t\n", bytes(range(256)))
    source.advance([event], as_it_is)
    copy_store(source, target)
    assert [entry.event for entry in target.ledger()] == [event]


def test_whoever_asks_is_told_of_each_table(source: SQLiteStore, target: PostgresStore) -> None:
    feed(source, "a", "OK", "ERROR")
    told: dict[str, int] = {}
    copied = copy_store(source, target, on_table=told.__setitem__)
    assert told == copied.rows
    assert (told["account"], told["event"], told["quarantine"]) == (1, 2, 0)


@pytest.mark.parametrize("held", ["event", "quarantine", "hook"])
def test_a_target_that_holds_anything_is_refused_and_stays_as_it_is(
    source: SQLiteStore, target: PostgresStore, held: str
) -> None:
    feed(source, "a", "OK")
    if held == "event":
        feed(target, "b", "OK")
    elif held == "quarantine":
        target.quarantine([Refused(T0, b"x", 1, "payload", "because")])
    else:
        target.subscribe([hook()], T0)
    before = everything_in(target)
    with pytest.raises(StoreError, match=f"not empty: there are rows in .*{held}"):
        copy_store(source, target)
    assert everything_in(target) == before


TAMPERINGS = [
    "UPDATE event SET word = 'DELETED' WHERE event_id = 2",
    "UPDATE event SET payload = x'00' WHERE event_id = 2",
    "DELETE FROM event WHERE event_id = 2",
    "DELETE FROM event WHERE event_id = 3",
    "UPDATE event SET decided = replace(decided, 'ERROR', 'OK') WHERE event_id = 2",
    "UPDATE account SET sequence = 9",
    "UPDATE quarantine SET reason = 'none'",
]


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_a_source_that_was_tampered_with_is_not_copied(
    source: SQLiteStore, target: PostgresStore, tmp_path: Path, statement: str
) -> None:
    feed(source, "a", "OK", "ERROR", "OK")
    source.quarantine([Refused(T0, b"x", 1, "payload", "because")])
    source.close()
    mallory = apsw.Connection(str(tmp_path / "source.db"))
    mallory.execute(statement)
    mallory.close()
    tampered = SQLiteStore(tmp_path / "source.db")
    empty_before = everything_in(target)
    with pytest.raises(StoreError, match=r"[Vv]erify the original"):
        copy_store(tampered, target)
    assert everything_in(target) == empty_before
    tampered.close()


def test_a_halted_lane_is_copied_as_it_stands(source: SQLiteStore, target: PostgresStore) -> None:
    feed(source, "a", "OK", "ERROR")
    planned(source, hook())
    complete(source, claim_one(source), state=DeliveryState.HALTED)
    copy_store(source, target)
    assert claim(target) == []
    (halted,) = target.deliveries(DeliveryFilter(state=DeliveryState.HALTED))
    target.redrive([halted.delivery_id], at(1))
    assert [delivery.row.sequence for delivery in run_all(target, now=at(1))] == [1, 2]
