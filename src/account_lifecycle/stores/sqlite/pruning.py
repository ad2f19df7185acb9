"""Taking the oldest part of the ledger out: archived first, with the accounts as they were at the cut.

Knows what goes with an event and what stays; it must never know the archive's format.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

import apsw

from ...errors import StoreError
from ...lifecycle.account import Account
from ...records import Evidence, Segment
from .. import rows, statements
from ..archive import write_archive
from ..outbox_rows import EFFECTS_PER_EVENT
from .connection import every
from .digests import baseline_with_digest, with_digest
from .file import SQLiteFile

_SQL = statements("sqlite")


class SQLitePruner(SQLiteFile):
    """``ports.Ledger.prune``."""

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; None if there is nothing to take.

        The oldest go, up to the first that was received later or that a hook is still to be called for. Others
        who write wait meanwhile.
        """
        attempt = _Attempt(until, archive, at)
        try:
            return self._write(attempt.write)
        except StoreError:  # it was rolled back; after an interrupt that is not known, and the archive stays
            attempt.take_back()
            raise


class _Attempt:
    """It may be made twice, if the first shared a transaction with somebody and failed in company."""

    def __init__(self, until: datetime, archive: Path, at: datetime) -> None:
        self._until, self._archive, self._at = until, archive, at
        self._is_archived = False

    def write(self, db: apsw.Connection) -> Segment | None:
        self.take_back()
        cut = _cut(db, self._until)
        if cut is None:
            return None
        count, archive_sha256 = write_archive(self._archive, _taken(db, cut))
        self._is_archived = True
        _save_baselines(db, cut)
        number = len(every(db, _SQL["segments"])) + 1
        head = bytes(every(db, _SQL["digest_of"], (cut,))[0][0]).hex()
        segment = Segment(number, self._until, self._at, count, str(self._archive), archive_sha256, head)
        db.execute(_SQL["save_segment"], with_digest("segment", rows.segment_row(segment)))
        _drop(db, cut)
        return segment

    def take_back(self) -> None:
        if self._is_archived:
            self._archive.unlink(missing_ok=True)
            self._is_archived = False


def _cut(db: apsw.Connection, until: datetime) -> int | None:
    """The number of the last event to go."""
    first, last = every(db, _SQL["bounds"])[0]
    if first is None:
        return None
    unfinished = every(db, _SQL["first_unfinished"])[0][0]
    later = every(db, _SQL["first_received_later"], (rows.to_us(until),))
    ends = [last + 1, *(number for (number,) in later), *([] if unfinished is None else [unfinished])]
    return min(ends) - 1 if min(ends) > first else None


def _taken(db: apsw.Connection, cut: int) -> Iterator[tuple[Evidence, bytes | None]]:
    """The events to go, oldest first, each with its digest."""
    sql = _SQL["evidence"].format(where="WHERE e.event_id <= ?")
    found = db.execute(f"{sql}\nORDER BY e.event_id, a.ordinal", (cut,))
    for _, group in groupby(found, key=lambda row: row[0]):
        joined = list(group)
        (proof,) = rows.evidence_from(iter(joined))
        yield proof, bytes(joined[0][21])


def _save_baselines(db: apsw.Connection, cut: int) -> None:
    """Carry each account's snapshot past its events that go."""
    for account_id, sequence in every(db, _SQL["accounts_taken_out"], (cut,)):
        known = every(db, _SQL["baselines"].format(where="WHERE account_id = ?"), (account_id,))
        account = rows.baseline_from(known[0]) if known else Account(account_id)
        sql = _SQL["ledger"].format(where="WHERE e.account_id = ? AND e.sequence <= ?")
        events = db.execute(f"{sql}\nORDER BY e.sequence, a.ordinal", (account_id, sequence))
        for entry in rows.entries_from(iter(events)):
            account = entry.applied_to(account)
        db.execute(_SQL["save_baseline"], baseline_with_digest(db, rows.baseline_row(account)))


def _drop(db: apsw.Connection, cut: int) -> None:
    db.execute(_SQL["drop_deliveries"], ((cut + 1) * EFFECTS_PER_EVENT,))
    for what in ("pending", "effects", "anomalies", "events"):
        db.execute(_SQL[f"drop_{what}"], (cut,))
