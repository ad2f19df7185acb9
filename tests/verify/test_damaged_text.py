"""Text that one flipped bit made no UTF-8, or another word: wherever it is, verify names it and comes to its end."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from account_lifecycle import Engine, StoreError
from account_lifecycle.testing import Clock
from account_lifecycle.verify.record import Verification
from builders import webhook
from verify.forging import fill


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "pruned"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that has a row in nearly every table, before or after a prune."""
    folder = tmp_path_factory.mktemp("original")
    with Engine.open(f"sqlite:///{folder}/accounts.db", observers=()) as engine:
        fill(engine, folder / "all.jsonl.gz" if request.param else None)
    return folder


BAD_BYTE = "CAST(x'ff' || CAST(substr({column}, 2) AS BLOB) AS TEXT)", "{column} > ''"
"""The first letter of the first text becomes a byte that is no UTF-8."""
OTHER_WORDS = [
    (f"replace({{column}}, '{word}', '{word[0]}{word[1].lower()}{word[2:]}')", f"instr({{column}}, '{word}')")
    for word in ("CREDENTIALS", "OK", "LINKEDIN", "ERROR", "CREATION_SUCCESS", "APPLIED", "LIVE")
]
"""One bit of the second letter of a word is flipped."""


def damaged(original: Path, folder: Path, damage: tuple[str, str] = BAD_BYTE) -> Iterator[tuple[str, Path]]:
    """Copies of a store, in each of which the first text of one column that fits is damaged."""
    with closing(sqlite3.connect(original / "accounts.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        columns = [(table, each) for table in tables for each in db.execute(f"PRAGMA table_info({table})").fetchall()]
    for table, (_, column, kind, *_) in columns:
        if kind != "TEXT":
            continue
        copy = folder / f"{table}.{column}.db"
        shutil.copy(original / "accounts.db", copy)
        key = ", ".join(name for of, (_, name, _, _, _, is_key) in columns if of == table and is_key)
        new, fits = (part.format(column=column) for part in damage)
        with closing(sqlite3.connect(copy)) as db, db:
            changed = db.execute(
                f"UPDATE {table} SET {column} = {new} WHERE ({key})"
                f" = (SELECT {key} FROM {table} WHERE {fits} ORDER BY {key} LIMIT 1)"
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


def test_another_word_in_any_text_of_any_table_is_named(original: Path, tmp_path: Path) -> None:
    silent, tables = {}, set[str]()
    for damage in OTHER_WORDS:
        for name, path in damaged(original, tmp_path, damage):
            tables.add(name.partition(".")[0])
            if verified(path, original).is_intact:
                silent[name] = damage
            path.unlink()

    assert not silent
    assert tables >= {"account", "event", "blind_window"}


def test_a_word_where_the_ledger_begins_that_judging_needs_only_later_is_named(tmp_path: Path) -> None:
    clock = Clock()
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=(), clock=clock) as engine:
        for word in ("CREATION_SUCCESS", "OK", "CREDENTIALS"):
            engine.feed_event(webhook("a", word))
            clock.tick(minutes=10)
        engine.prune(clock.now, tmp_path / "old.jsonl.gz")
        engine.feed_event(webhook("a", "FROZEN"))
    with closing(sqlite3.connect(tmp_path / "accounts.db")) as db, db:
        ((facts,),) = db.execute("SELECT facts FROM baseline")
        changed = facts.replace("CREDENTIALS", "CReDENTIALS", 1)
        db.execute("UPDATE baseline SET facts = ?", (changed,))
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=()) as engine:
        found = engine.verify(archives=[tmp_path / "old.jsonl.gz"])
    assert not found.is_intact
    assert "cannot be judged again from where its account stood ('CReDENTIALS'" in str(found.faults)


def test_whoever_reads_such_text_is_referred_to_verify(original: Path, tmp_path: Path) -> None:
    path = dict(damaged(original, tmp_path))["account.status"]
    with (
        Engine.open(f"sqlite:///{path}", observers=()) as engine,
        pytest.raises(StoreError, match=r"a row is damaged .* verify"),
    ):
        engine.overview()
