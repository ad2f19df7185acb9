"""Text that is not UTF-8, as one flipped bit leaves it: wherever it is, verify names it and comes to its end."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from account_lifecycle import Engine, StoreError
from account_lifecycle.verify.record import Verification
from verify.forging import fill


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "pruned"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has a row in nearly every table, before or after a prune."""
    folder = tmp_path_factory.mktemp("original")
    with Engine.open(f"sqlite:///{folder}/accounts.db", observers=()) as engine:
        fill(engine, folder / "all.jsonl.gz" if request.param else None)
    return folder


def damaged(original: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copies of a store, in each of which the first text of one column has lost its first letter to a bad byte."""
    with closing(sqlite3.connect(original / "accounts.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = [(table, each) for table in tables for each in db.execute(f"PRAGMA table_info({table})").fetchall()]
    for table, (_, column, kind, *_) in columns:
        if kind != "TEXT":
            continue
        copy = folder / f"{table}.{column}.db"
        shutil.copy(original / "accounts.db", copy)
        key = ", ".join(name for of, (_, name, _, _, _, is_key) in columns if of == table and is_key)
        with closing(sqlite3.connect(copy)) as db, db:
            changed = db.execute(
                f"UPDATE {table} SET {column} = CAST(x'ff' || CAST(substr({column}, 2) AS BLOB) AS TEXT) WHERE ({key})"
                f" = (SELECT {key} FROM {table} WHERE {column} > '' ORDER BY {key} LIMIT 1)"
            ).rowcount
        if changed:
            yield f"{table}.{column}", copy


def verified(path: Path, original: Path) -> Verification:
    with Engine.open(f"sqlite:///{path}", observers=()) as engine:
        return engine.verify(archives=sorted(original.glob("*.gz")))


def test_a_bad_byte_in_any_text_of_any_table_is_named(original: Path, tmp_path: Path) -> None:
    silent, tables = {}, set[str]()
    for name, path in damaged(original, tmp_path):
        table, _, _ = name.partition(".")
        found = verified(path, original)
        tables.add(table)
        if not any("UTF-8" in fault.finding for fault in found.faults) or found.is_intact:
            silent[name] = found.faults
        path.unlink()

    assert not silent
    assert tables >= {"account", "event", "rules", "blind_window", "counter", "quarantine", "reconciliation"}


def test_whoever_reads_such_text_is_referred_to_verify(original: Path, tmp_path: Path) -> None:
    path = dict(damaged(original, tmp_path))["account.status"]
    with (
        Engine.open(f"sqlite:///{path}", observers=()) as engine,
        pytest.raises(StoreError, match=r"a row is damaged .* verify"),
    ):
        engine.overview()
