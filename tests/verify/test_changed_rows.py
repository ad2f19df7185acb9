"""Changed rows: a change behind the program's back is found in every column and row."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from account_lifecycle import Engine, Verification
from account_lifecycle.records import Fault
from account_lifecycle.stores.sqlite import SQLiteStore
from builders import announced
from verify.fleets import everything, feed
from verify.forging import OF

ROWS = {
    "account": "account_id = 'named'",
    "event": f"{OF.format('named')} AND sequence = 2",
    "anomaly": f"event_id = (SELECT event_id FROM event WHERE {OF.format('reconnected')} AND sequence = 2)",
    "blind_window": f"{OF.format('recovered')} AND sequence = 3",
}
"""One row of each table that was written when events were judged."""
PLACES = {
    "account": ("named", None),
    "event": ("named", 2),
    "anomaly": ("reconnected", 2),
    "blind_window": ("recovered", None),
}
"""Of which account the row is, and of which of its events."""


def columns() -> Iterator[tuple[str, str, str]]:
    """Every column of these tables, with its type."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        SQLiteStore(path).close()
        with closing(sqlite3.connect(path)) as db:
            for table in ROWS:
                for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                    if name not in ("due_at", "due_by"):  # made again whenever the terms of deadlines are others
                        yield table, name, kind


COLUMNS = list(columns())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store with something in every column, as a file."""
    folder = tmp_path_factory.mktemp("template")
    store = SQLiteStore(folder / "fed.db")
    feed(store, everything())
    store.backup(folder / "copy.db")
    store.close()
    return (folder / "copy.db").read_bytes()


@pytest.fixture
def path(template: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "accounts.db"
    path.write_bytes(template)
    return path


def change(path: Path, *statements: str) -> None:
    """Change a store behind its back."""
    with closing(sqlite3.connect(path)) as db, db:
        for sql in statements:
            assert db.execute(sql).rowcount in (1, -1), sql


def verified(path: Path) -> Verification:
    with Engine.open(f"sqlite:///{path}", observers=()) as engine:
        return engine.verify()


def another(column: str, value: Any, kind: str) -> list[str]:
    """Other values of the same type, as SQL: one that could be, and one that nobody ever wrote."""
    if column.startswith(("is_", "existing_", "lost_")):
        return [str(1 - value), "1000"]
    if kind == "INTEGER":
        return [str((value or 0) + 1000), str(2**62)]
    if kind == "BLOB":
        return ["x'00'", "zeroblob(32)"]
    return ["'OK'" if value != "OK" else "'ERROR'", "'\u2603 [\"'"]


def test_the_store_as_it_was_fed_holds(path: Path) -> None:
    assert verified(path).is_intact


@pytest.mark.parametrize("which", [0, 1], ids=["likely", "junk"])
@pytest.mark.parametrize(("table", "column", "kind"), COLUMNS, ids=lambda part: part if part.islower() else "")
def test_a_change_in_any_column_is_found_and_its_row_is_named(
    table: str, column: str, kind: str, which: int, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as db:
        (value,) = db.execute(f"SELECT {column} FROM {table} WHERE {ROWS[table]}").fetchone()
    change(path, f"UPDATE {table} SET {column} = {another(column, value, kind)[which]} WHERE {ROWS[table]}")
    found = verified(path)
    assert not found.is_intact
    if column not in ("account_no", "account_id", "sequence", "event_id"):  # with another key it is another row
        assert any(is_named(fault, *PLACES[table]) for fault in found.faults), found.faults


def is_named(fault: Fault, account_id: str, sequence: int | None) -> bool:
    return fault.account_id == account_id and sequence in (None, fault.sequence)


@pytest.mark.parametrize("table", ROWS)
def test_a_row_that_was_deleted_is_found(table: str, path: Path) -> None:
    change(path, f"DELETE FROM {table} WHERE {ROWS[table]}")
    found = verified(path)
    assert not found.is_intact
    if table not in ("event", "account"):  # events name their account by its number: without its row it has no name
        assert any(is_named(fault, *PLACES[table]) for fault in found.faults), found.faults


@pytest.mark.parametrize("table", ROWS)
def test_a_row_that_was_added_is_found(table: str, path: Path) -> None:
    keys = {
        "account": "account_id = 'added', account_no = 1000",
        "event": "event_id = 1000, sequence = 4",
        "anomaly": "ordinal = 1",
        "blind_window": "sequence = 4",
    }
    change(path, f"CREATE TABLE added AS SELECT * FROM {table} WHERE {ROWS[table]}")
    change(path, f"UPDATE added SET {keys[table]}", f"INSERT INTO {table} SELECT * FROM added", "DROP TABLE added")
    assert not verified(path).is_intact


def test_of_several_changed_events_the_first_is_named(path: Path) -> None:
    """In the order in which they were fed, whatever their accounts are called."""
    change(
        path,
        "UPDATE account SET is_stuck = 1 WHERE account_id = 'adopted'",
        f"UPDATE event SET received_at = received_at + 1 WHERE {OF.format('again')} AND sequence = 2",
        f"UPDATE event SET received_at = received_at + 1 WHERE {OF.format('late')} AND sequence = 1",
        f"UPDATE event SET received_at = received_at + 1 WHERE {OF.format('named')} AND sequence = 1",
    )
    first = verified(path).first
    assert first is not None
    assert (first.account_id, first.sequence) == ("late", 1)


def test_events_that_changed_places_are_found(path: Path) -> None:
    change(
        path,
        "UPDATE event SET event_id = -1 WHERE event_id = 5",
        "UPDATE event SET event_id = 5 WHERE event_id = 6",
        "UPDATE event SET event_id = 6 WHERE event_id = -1",
    )
    found = verified(path)
    assert not found.is_intact
    assert found.first is not None
    assert found.first.place.startswith("event 5")


def test_feeding_goes_on_after_a_change_and_never_hides_it(path: Path) -> None:
    change(path, "UPDATE event SET received_at = received_at + 1 WHERE event_id = 3")
    before = verified(path).first
    store = SQLiteStore(path)
    feed(store, [announced("named", "ERROR", 900), announced("new", "OK", 901)])
    store.close()
    assert before is not None
    assert verified(path).first == before
