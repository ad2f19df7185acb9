"""Changes behind the store's back: each is named, whichever column of whichever table it is in."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.rules import rules_of
from account_lifecycle.records import AccountFilter, DeliveryState, Fault, Refused
from account_lifecycle.stores.sqlite import SQLiteStore
from account_lifecycle.stores.sqlite.connection import schema
from account_lifecycle.verify.record import verify
from builders import T0, announced, as_it_is, at
from stores.hooks import back_off, claim, complete, hook, one_for_each_kind, planned
from stores.scenarios import events_with_every_anomaly, events_with_every_window

DATES = ("due_at", "due_by")
"""What is made again whenever the terms of deadlines are others: no part of the record."""
LEFT_TO_VERIFY = ("account", "blind_window", "rules")
"""What may look right by itself, and is wrong only by what follows from the events."""
RULES = rules_of(DEFAULT_POLICY)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with something in every table: taken out, erased, released, delivered, halted, disabled."""
    folder = tmp_path_factory.mktemp("original")
    store = SQLiteStore(folder / "accounts.db")
    store.subscribe([*one_for_each_kind(), hook("halting")], T0)
    store.advance(events_with_every_window(), as_it_is, RULES)
    planned(store)
    complete(store, *claim(store))
    while found := claim(store):
        complete(store, *found)
    store.prune(at(9), folder / "archive.gz", at(99))
    store.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 2)
    store.quarantine([Refused(T0, b'{"account_id": "erased"', 1, "payload", "because")])
    store.advance(events_with_every_anomaly(), as_it_is, RULES, releasing=[1])
    store.advance([announced("erased", "OK", 200, name="Ada")], as_it_is, RULES)
    store.erase("erased", T0)
    planned(store, now=at(1))
    first, second, third, *_ = claim(store, now=at(1))
    complete(store, first, state=DeliveryState.HALTED)
    back_off(store, second, at(30))
    complete(store, third)
    store.redrive([third.delivery_id], at(3))
    store.disable("halting", at(4), "no")
    store.advance([announced("waiting", "OK", 300), announced("waiting", "OK", 301)], as_it_is, RULES)
    assert list(store.faults()) == []
    store.close()
    return (folder / "accounts.db").read_bytes()


@pytest.fixture
def path(tmp_path: Path, original: bytes) -> Path:
    path = tmp_path / "accounts.db"
    path.write_bytes(original)
    return path


def change(path: Path, *statements: str) -> None:
    db = apsw.Connection(str(path))
    for sql in statements:
        db.execute(sql).fetchall()
    db.close()


def faults_of(path: Path) -> list[Fault]:
    store = SQLiteStore(path)
    try:
        return list(store.faults())
    finally:
        store.close()


def found_by_verifying(path: Path) -> list[Fault]:
    store = SQLiteStore(path)
    try:
        return list(verify(store).faults)
    finally:
        store.close()


def columns() -> list[tuple[str, str, str]]:
    """Every column of every table, with its type."""
    db, made = apsw.Connection(":memory:"), schema()
    for sql in made.values():
        db.execute(sql)
    tables = [name for name, sql in made.items() if sql.startswith("CREATE TABLE")]
    return [(table, name, kind) for table in tables for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})")]


OTHER = {
    "INTEGER": "coalesce({0}, 0) + 1000003",
    "TEXT": "coalesce({0}, '') || 'x'",
    "BLOB": "CAST(coalesce({0}, x'00') || x'41' AS BLOB)",
}


def change_one(path: Path, table: str, column: str, to: str, which: str) -> bool:
    """Change a column of one row in which it is NULL, or is not; whether there is such a row."""
    db = apsw.Connection(str(path))
    info = db.execute(f"PRAGMA table_info({table})").fetchall()
    keys = ", ".join(name for _, name, _, _, _, is_key in info if is_key)
    row = f"SELECT {keys} FROM {table} WHERE {column} IS {which} LIMIT 1"
    db.execute(f"UPDATE {table} SET {column} = {to} WHERE ({keys}) IN ({row})")
    is_changed = db.changes() == 1
    db.close()
    return is_changed


@pytest.mark.parametrize("which", ["NULL", "NOT NULL"])
@pytest.mark.parametrize(("table", "column", "kind"), columns())
def test_a_changed_column_is_named(path: Path, table: str, column: str, kind: str, which: str) -> None:
    if column in DATES or not change_one(path, table, column, OTHER[kind].format(column), which):
        return
    assert (found_by_verifying(path) if table in LEFT_TO_VERIFY else faults_of(path)) != []


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE event SET payload = x'00' WHERE event_id = 20", "event 20: is not as it was written"),
        ("UPDATE event SET digest = x'00' WHERE event_id = 20", "event 20: is not as it was written"),
        ("DELETE FROM event WHERE event_id = 20", "event 20: is missing"),
        ("DELETE FROM event WHERE event_id IN (20, 21, 22)", "event 20 to 22: is missing"),
        ("DELETE FROM anomaly WHERE event_id = 16", "event 16: is not as it was written"),
        ("DELETE FROM quarantine WHERE quarantine_id = 2", "number 2 of the quarantine: is missing"),
        ("UPDATE quarantine SET payload = NULL WHERE quarantine_id = 2", "number 2 of the quarantine: is not as"),
        ("UPDATE segment SET events = events + 1", "segment 1: is not as it was written"),
        ("UPDATE account SET facts = '{}' WHERE account_id = 'open'", "has another blind window than the one"),
        ("DROP INDEX delivery_lane", "the definition of delivery_lane: is not the one of this version"),
        ("UPDATE event SET decided = replace(decided, 'OK', 'X') WHERE event_id = 20", "event 20: holds a value"),
        ("UPDATE event SET status = 'DELETED' WHERE event_id = 20", "event 20: has another status than what was"),
        ("UPDATE event SET is_quiet = 1 WHERE event_id = 20", "event 20: is not as it was written"),
    ],
)  # fmt: skip
def test_what_was_changed_is_named_in_plain_words(path: Path, sql: str, named: str) -> None:
    change(path, sql)
    assert named in "\n".join(map(str, faults_of(path)))


def test_only_the_changed_event_is_named_and_not_all_that_follow_it(path: Path) -> None:
    change(path, "UPDATE event SET word = word || 'S' WHERE event_id = 20")
    assert [str(fault) for fault in faults_of(path) if fault.place.startswith("event")] == [
        "event 20: is not as it was written: its digest does not hold"
    ]


def test_a_chain_that_was_sealed_anew_from_a_changed_event_on_has_another_head(path: Path) -> None:
    store = SQLiteStore(path)
    head = store.head()
    store.close()
    change(path, "DELETE FROM anomaly WHERE event_id = (SELECT max(event_id) FROM event)",
           "DELETE FROM event WHERE event_id = (SELECT max(event_id) FROM event)")  # fmt: skip
    store = SQLiteStore(path)
    assert store.head() != head
    assert not verify(store).is_intact
    store.close()


# ---- Damage -----------------------------------------------------------------------------------------------


def places_of(data: bytes, word: bytes) -> Iterator[int]:
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + 1)


@pytest.mark.parametrize("byte", [0xFF, 0x80, 0x00], ids=hex)
def test_text_that_is_none_is_a_fault_and_no_error(path: Path, original: bytes, byte: int) -> None:
    spoiled = 0
    for place in places_of(original, b"MYSPACE"):
        data = bytearray(original)
        data[place + 2] = byte
        path.write_bytes(data)
        assert found_by_verifying(path) != []
        spoiled += 1
    assert spoiled >= 2


@pytest.mark.parametrize("name", schema())
def test_a_page_of_rubbish_is_a_fault_and_no_error(path: Path, original: bytes, name: str) -> None:
    db = apsw.Connection(str(path))
    ((page,),) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,))
    db.close()
    data = bytearray(original)
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    assert faults_of(path) != []


def test_a_row_that_no_account_can_have_is_an_error_in_our_words_to_who_reads_it(path: Path) -> None:
    change(path, "UPDATE account SET status = 'DANCING' WHERE account_id = 'late'")
    assert "account 'late': holds a value that no account can have" in "\n".join(map(str, faults_of(path)))
    store = SQLiteStore(path)
    with pytest.raises(Exception, match=r"a row is damaged .*DANCING.* restore a backup"):
        list(store.accounts(AccountFilter()))
    store.close()
