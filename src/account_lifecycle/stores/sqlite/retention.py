"""Retention in a file: erase, prune and back up.

Erasing overwrites: SQLite's secure_delete zeroes what is freed, and the write-ahead log is emptied afterwards, so on
return the bytes are in neither file. What is erased leaves its digest behind, and the chain still verifies.

Pruning writes the oldest events to an archive, syncs it, and only then takes them out, in the one transaction that
also carries each account's baseline (the account as it was where the ledger begins) past its events and keeps a
segment: number, archive and last digest of what was taken out. The chain goes on from that digest. If the transaction
is rolled back the archive is removed; after an interrupt nobody knows, and it stays.

A backup is SQLite's own, into a draft that is checked, synced and then named: never over another file.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

import apsw

from ...errors import OutputError, StoreError
from ...lifecycle.account import Account
from ...lifecycle.policy import DEFAULT_POLICY
from ...lifecycle.rules import RecordedPolicies
from ...outputs.drafts import drafted
from ...records import Evidence, Segment, without_person
from .. import chain, rows, statements
from ..archive import write_archive
from ..outbox_rows import EFFECTS_PER_EVENT
from ..writing import erased_row
from .connection import every, in_our_words, open_reader
from .ledger import load
from .transactions import SQLiteFile

_SQL = statements("sqlite")


class SQLiteRetention(SQLiteFile):
    """``Ledger.erase`` and ``Ledger.prune``, and backups."""

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names for good, also from the quarantine; return how many payloads.

        On return the bytes are neither in the file nor in its log. Raises ``StoreBusy`` if somebody goes on reading
        what was there before: then they are erased, and the same call again empties the log.
        """

        def write(db: apsw.Connection) -> int:
            self._forget()
            every(db, "PRAGMA secure_delete = ON")
            try:
                return _erase(db, account_id)
            finally:
                every(db, "PRAGMA secure_delete = FAST")

        erased = self._write(write)
        self._truncate_log()
        return erased

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; return None if there is nothing to take.

        The oldest go, up to the first that was received later or that a hook is still to be called for. Others
        who write wait meanwhile.
        """
        attempt = _Pruning(until, archive, at)
        try:
            return self._write(attempt.write)
        except StoreError:  # it was rolled back
            attempt.remove_archive()
            raise

    def backup(self, path: Path) -> None:
        """Copy the store as it is now into a new file; on return it is whole, checked and on the disk.

        Others may go on writing. Raises ``StoreError`` if there is a file of that name, if the copy cannot be
        written or is not sound; then nothing is left of it.
        """
        self._check_open()
        path = path.absolute()
        try:
            with drafted(path, private=True) as draft, in_our_words(path):
                _copy(self.path, draft.path)
        except OutputError as error:
            raise StoreError(str(error)) from error


# ---- Erasing ----------------------------------------------------------------------------------------


def _erase(db: apsw.Connection, account_id: str) -> int:
    for account in load(db, [account_id]).values():
        db.execute(_SQL["save_account"], rows.account_row(without_person(account)))
    for row in every(db, _SQL["baselines"].format(where="WHERE account_id = ?"), (account_id,)):
        _save_baseline(db, without_person(rows.account_from(row[:-1])))
    events = every(db, _SQL["unerased_events"], (account_id,))
    private = [(chain.private_digest(*columns), number) for number, *columns in events]
    db.executemany(_SQL["erase_event"], private)
    payloads = db.execute(_SQL["unerased_payloads"])
    meant = [number for number, payload in payloads if rows.mentions(payload, account_id)]
    quarantined = [every(db, _SQL["quarantined_row"], (number,))[0] for number in meant]
    db.executemany(_SQL["erase_quarantined"], map(erased_row, quarantined))
    return len(private) + len(meant)


def _save_baseline(db: apsw.Connection, account: Account) -> None:
    columns = rows.account_row(account)
    windows = every(db, _SQL["windows_before"], (account.account_id, account.sequence))
    db.execute(_SQL["save_baseline"], (*columns, chain.baseline_digest(columns, windows)))


# ---- Pruning ----------------------------------------------------------------------------------------


class _Pruning:
    """One prune. It may be written twice, if the first attempt shared a transaction that failed."""

    def __init__(self, until: datetime, archive: Path, at: datetime) -> None:
        self._until, self._archive, self._at = until, archive, at
        self._is_archived = False

    def write(self, db: apsw.Connection) -> Segment | None:
        self.remove_archive()
        cut = _cut(db, self._until)
        if cut is None:
            return None
        count, archive_sha256 = write_archive(self._archive, _taken(db, cut))
        self._is_archived = True
        _carry_baselines(db, cut)
        number = len(every(db, _SQL["segments"])) + 1
        head = bytes(every(db, _SQL["digest_of"], (cut,))[0][0]).hex()
        segment = Segment(number, self._until, self._at, count, str(self._archive), archive_sha256, head)
        db.execute(_SQL["save_segment"], chain.with_digest("segment", rows.segment_row(segment)))
        db.execute(_SQL["drop_deliveries"], ((cut + 1) * EFFECTS_PER_EVENT,))
        for what in ("pending", "effects", "anomalies", "events"):
            db.execute(_SQL[f"drop_{what}"], (cut,))
        return segment

    def remove_archive(self) -> None:
        """Remove the archive: nothing was taken out."""
        if self._is_archived:
            self._archive.unlink(missing_ok=True)
            self._is_archived = False


def _cut(db: apsw.Connection, until: datetime) -> int | None:
    """Return the number of the last event to go."""
    first, last = every(db, _SQL["bounds"])[0]
    if first is None:
        return None
    unfinished = every(db, _SQL["first_unfinished"])[0][0]
    later = every(db, _SQL["first_received_later"], (rows.to_us(until),))
    ends = [last + 1, *(number for (number,) in later), *([] if unfinished is None else [unfinished])]
    return min(ends) - 1 if min(ends) > first else None


def _taken(db: apsw.Connection, cut: int) -> Iterator[tuple[Evidence, bytes | None]]:
    """Yield the events to go, oldest first, each with its digest."""
    sql = _SQL["evidence"].format(where="WHERE e.event_id <= ?")
    found = db.execute(f"{sql}\nORDER BY e.event_id, a.ordinal", (cut,))
    for _, group in groupby(found, key=lambda row: row[0]):
        joined = list(group)
        (proof,) = rows.evidence_from(iter(joined))
        yield proof, bytes(joined[0][rows.EVENT_COLUMNS + 3])


def _carry_baselines(db: apsw.Connection, cut: int) -> None:
    """Carry each account's baseline past its events that go."""
    policies = RecordedPolicies(lambda: map(rows.rules_from, every(db, _SQL["rules"])))
    for account_id, sequence in every(db, _SQL["accounts_taken_out"], (cut,)):
        known = every(db, _SQL["baselines"].format(where="WHERE account_id = ?"), (account_id,))
        account = rows.account_from(known[0][:-1]) if known else Account(account_id)
        sql = _SQL["evidence"].format(where="WHERE e.account_id = ? AND e.sequence <= ?")
        events = db.execute(f"{sql}\nORDER BY e.sequence, a.ordinal", (account_id, sequence))
        for proof in rows.evidence_from(iter(events)):
            account = proof.entry.applied_to(account, policies.policy(proof.rules) or DEFAULT_POLICY)
        _save_baseline(db, account)


# ---- Backups ----------------------------------------------------------------------------------------


def _copy(source: Path, draft: Path) -> None:
    reader, copy = open_reader(source), apsw.Connection(str(draft))
    try:
        with copy.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(1000)
        every(copy, "PRAGMA journal_mode = DELETE")  # one file and no log beside it; opening makes it a log again
        found = every(copy, "PRAGMA integrity_check")
        if found != [("ok",)]:
            raise StoreError(
                f"{source} is damaged, so that no sound copy can be made ({found[0][0]}). Restore a backup."
            )
    finally:
        copy.close()
        reader.close()
