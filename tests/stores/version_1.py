"""A file as version 1 wrote it: its schema, and its rows of everything that there was to keep."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.records import Refused
from account_lifecycle.stores import rows
from account_lifecycle.stores.sql import migrations
from account_lifecycle.stores.sqlite import APPLICATION_ID


class OldDelivery(NamedTuple):
    """A row of the delivery table of version 1."""

    effect_id: int
    hook: str
    attempts: int
    settled_at: int
    is_done: int
    error: str | None


def write_version_1(
    path: Path,
    decisions: Sequence[Decision],
    refused: Iterable[Refused] = (),
    deliveries: Iterable[OldDelivery] = (),
    seen: Iterable[tuple[int, int]] = (),
) -> None:
    """Write a file of version 1. ``seen`` are event ids, each with the effects' bits that version 1 had looked at."""
    db = apsw.Connection(str(path))
    for sql in (
        migrations("sqlite")[0],
        f"PRAGMA application_id = {APPLICATION_ID}",
        "PRAGMA user_version = 1",
        "BEGIN",
    ):
        db.execute(sql).fetchall()
    _write_ledger(db, decisions)
    db.executemany(
        "INSERT INTO quarantine (received_at, payload, size, field, reason) VALUES (?, ?, ?, ?, ?)",
        [(rows.to_us(kept.received_at), *kept[1:]) for kept in refused],
    )
    db.executemany("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?)", list(deliveries))
    db.executemany("UPDATE effect SET pending = pending & ~?2 WHERE event_id = ?1", list(seen))
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.close()


def _write_ledger(db: apsw.Connection, decisions: Sequence[Decision]) -> None:
    for event_id, decision in enumerate(decisions, 1):
        _insert(db, "event", rows.event_row(event_id, decision))
        for anomaly in rows.anomaly_rows(event_id, decision):
            _insert(db, "anomaly", anomaly)
        if decision.effects:
            text = json.dumps([(effect.kind, effect.subject) for effect in decision.effects])
            _insert(db, "effect", (event_id, text, (1 << len(decision.effects)) - 1))
        if decision.blind_window:
            _insert(db, "blind_window", rows.window_row(decision.blind_window, decision.sequence))
        _insert(db, "account", rows.account_row(decision.account))


def _insert(db: apsw.Connection, table: str, row: rows.Row) -> None:
    db.execute(f"REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
