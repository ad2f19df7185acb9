"""Retention in a file: erase, prune and back up. None keeps those who write waiting for longer than one page of it.

Erasing overwrites: SQLite's secure_delete zeroes what is freed, and the write-ahead log is emptied afterwards, so on
return the bytes are in neither file. What is erased leaves its digest behind, and the chain still verifies. It is done
page by page, each in a transaction of its own, the newest events first: so the account without its person follows from
a ledger of which the end is erased, whatever comes before. If it is interrupted, the same call erases the rest. The
quarantine is searched in a snapshot.

Pruning writes the oldest events to an archive, from a snapshot, and syncs it. Only then does it take them out, page by
page. The transaction of each page is a small prune, whole in itself: it carries the baselines (each account as it was
where the ledger begins) past the events of the page, and moves the end of the segment (number, archive, how many
events, and the last digest of what was taken out), from which the chain goes on. So readers see one ledger or the next,
and one that was killed leaves a store that holds, whose last segment ends before its archive does: what is left is
archived again by the next prune. If nothing was taken out the archive is removed; after an interrupt nobody knows, and
it stays.

A backup is SQLite's own, of one snapshot, into a draft that is checked, synced and then named: never over another file.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import apsw

from ...errors import OutputError, StoreError
from ...lifecycle.account import Account
from ...lifecycle.policy import DEFAULT_POLICY
from ...lifecycle.rules import RecordedPolicies
from ...outputs.drafts import drafted
from ...records import Segment, without_person
from .. import chain, rows, statements
from ..archive import Archived, begun, taking_out, write_archive
from ..mentions import Mentions
from ..outbox_rows import EFFECTS_PER_EVENT, DeliveryRow
from ..rows import ACCOUNT_COLUMNS, Row
from ..unpruned import Unpruned, unpruned_from
from ..writing import LATEST, RETENTION_PAGE, erased_row, in_pages
from .connection import every, in_our_words, open_reader, pragma
from .ledger import load
from .outbox import change_deliveries, count_redrives
from .transactions import SQLiteFile

_SQL = statements("sqlite")

Erased = TypeVar("Erased")


class SQLiteRetention(SQLiteFile):
    """``Ledger.erase`` and ``Ledger.prune``, and backups."""

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names for good, also from the quarantine; return how many payloads.

        What was there when it began is erased; on return its bytes are neither in the file nor in its log. Raises
        ``StoreBusy`` if somebody goes on reading what was there before: then they are erased, and the same call again
        empties the log.
        """
        erased, before = 0, LATEST
        while before:
            count, before = self._write(partial(self._overwritten, partial(_erase_events, account_id, before)))
            erased += count
        with self.snapshot() as snapshot, in_our_words(self.path):
            found = Mentions(account_id)
            payloads = found.quarantined(snapshot.rows(_SQL["unerased_payloads"]))
            errors = found.errors(snapshot.rows(_SQL["unerased_errors"], (rows.ERASED,)))
        for page in in_pages(payloads):
            erased += self._write(partial(self._overwritten, partial(_erase_quarantined, page)))
        for page in in_pages(errors):
            self._write(partial(self._overwritten, partial(_erase_errors, page)))
        self._truncate_log()
        return erased

    def _overwritten(self, erase: Callable[[apsw.Connection], Erased], db: apsw.Connection) -> Erased:
        """Erase something so that its bytes are overwritten, and forget the accounts that are kept at hand."""
        self._forget()
        every(db, "PRAGMA secure_delete = ON")
        try:
            return erase(db)
        finally:
            every(db, "PRAGMA secure_delete = FAST")

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; return None if there is nothing to take.

        The oldest go, up to the first that was received later or that a hook is still to be called for. Raises
        ``StoreError`` if somebody else prunes at the same time.
        """
        with self.snapshot() as snapshot, in_our_words(self.path):
            cut = snapshot.read(partial(_cut, until=until))
            if cut is None:
                return None
            earlier = [rows.segment_from(row) for row in snapshot.every(_SQL["segments"])]
            _, archive_sha256 = write_archive(archive, _taken(snapshot.rows, cut))
        policies = RecordedPolicies(lambda: map(rows.rules_from, self._all(_SQL["rules"])))
        pruning = _Pruning(cut, earlier, policies, begun(earlier, until, at, archive, archive_sha256))
        with taking_out(archive, lambda: pruning.segment):
            while taken := self._write(pruning.take_page):
                pruning.segment = taken
        return pruning.segment if pruning.segment.events else None

    def unpruned(self, until: datetime) -> Unpruned:
        """Return which events before a time a prune up to it leaves, and what holds them."""
        at = rows.to_us(until)

        def read(db: apsw.Connection) -> Unpruned:
            ((events, last),) = every(db, _SQL["unpruned"], (at,))
            hooks = every(db, _SQL["unpruned_of_hooks"], (at, at))
            return unpruned_from(events, hooks, every(db, _SQL["unpruned_behind"], (at, last)))

        return self._ask(read)

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


def _erase_events(account_id: str, before: int, db: apsw.Connection) -> tuple[int, int]:
    """Erase the newest page of an account's events, of those before a sequence; return how many, and the first of them
    if there may be more, else 0. With the newest goes the account's person, with the oldest that of its baseline."""
    found = every(db, _SQL["unerased_events"], (account_id, before, RETENTION_PAGE))
    private = [(chain.private_digest(*columns), number) for number, _, *columns in found]
    db.executemany(_SQL["erase_event"], private)
    is_last = len(found) < RETENTION_PAGE
    if before == LATEST:
        for row in load(db, [account_id]):
            account = without_person(rows.account_from(row[:ACCOUNT_COLUMNS]))
            db.execute(_SQL["save_account"], (*rows.account_row(account), *row[ACCOUNT_COLUMNS:]))
    if is_last and (known := _baseline(db, account_id)).sequence:
        _save_baseline(db, without_person(known))
    return len(found), 0 if is_last else found[-1][1]


def _erase_quarantined(numbers: Sequence[int], db: apsw.Connection) -> int:
    found = [row for number in numbers for row in every(db, _SQL["quarantined_row"], (number,))]
    erased = [erased_row(row) for row in found if row[-1] is None]
    db.executemany(_SQL["erase_quarantined"], erased)
    return len(erased)


def _erase_errors(numbers: Sequence[int], db: apsw.Connection) -> None:
    found = [row for number in numbers for row in every(db, _SQL["delivery"], (number,))]
    erased = [DeliveryRow(*row)._replace(error=rows.ERASED) for row in found]
    change_deliveries(db, erased)


def _save_baseline(db: apsw.Connection, account: Account) -> None:
    columns = rows.account_row(account)
    windows = every(db, _SQL["windows_before"], (account.account_id, account.sequence))
    db.execute(_SQL["save_baseline"], (*columns, chain.baseline_digest(columns, windows)))


# ---- Pruning ----------------------------------------------------------------------------------------


class _Pruning:
    """One prune, of which everything is archived."""

    def __init__(self, cut: int, earlier: Sequence[Segment], policies: RecordedPolicies, segment: Segment) -> None:
        self._cut, self._earlier, self._policies = cut, earlier, policies
        self.segment = segment
        """What was taken out so far."""

    def take_page(self, db: apsw.Connection) -> Segment | None:
        """Take the next page out; return the segment with it, or None if nothing is left to take."""
        taken = [self.segment] if self.segment.events else []
        if [rows.segment_from(row) for row in every(db, _SQL["segments"])] != [*self._earlier, *taken]:
            raise StoreError("Somebody else has pruned at the same time.")
        ((first, _),) = every(db, _SQL["bounds"])
        ((unfinished,),) = every(db, _SQL["first_unfinished"])
        if first is None or first > self._cut or (unfinished is not None and unfinished <= first):
            return None
        last = min(self._cut, first + RETENTION_PAGE - 1, *([] if unfinished is None else [unfinished - 1]))
        begins: dict[str, Account] = {}
        accounts: dict[str, Account] = {}
        events = 0
        for proof, digest, _ in _taken(db.execute, last):
            account_id = proof.entry.account_id
            if account_id not in accounts:
                accounts[account_id] = begins[account_id] = _baseline(db, account_id)
            policy = self._policies.policy(proof.rules) or DEFAULT_POLICY
            accounts[account_id] = proof.entry.applied_to(accounts[account_id], policy)
            events, head = events + 1, digest
        before, after = ([_share(db, each) for each in found.values()] for found in (begins, accounts))
        for account in accounts.values():
            _save_baseline(db, account)
            dropped = every(db, _SQL["drop_deliveries"], (account.account_id, (last + 1) * EFFECTS_PER_EVENT))
            count_redrives(db, dropped)
        for what in ("anomalies", "events"):
            db.execute(_SQL[f"drop_{what}"], (last,))
        segment = self.segment._replace(
            events=self.segment.events + events,
            head=head.hex(),
            baselines=chain.baselines_moved(self.segment.baselines, before, after),
        )
        db.execute(_SQL["save_segment"], chain.with_digest("segment", rows.segment_row(segment)))
        return segment


def _cut(db: apsw.Connection, until: datetime) -> int | None:
    """Return the number of the last event to go."""
    ((first, last),) = every(db, _SQL["bounds"])
    if first is None:
        return None
    ((unfinished,),) = every(db, _SQL["first_unfinished"])
    later = every(db, _SQL["first_received_later"], (rows.to_us(until),))
    ends = [last + 1, *(number for (number,) in later), *([] if unfinished is None else [unfinished])]
    return min(ends) - 1 if min(ends) > first else None


def _share(db: apsw.Connection, account: Account) -> int:
    """Return what an account adds to ``Segment.baselines`` as the ledger begins at it; 0 if it has no baseline."""
    windows = every(db, _SQL["windows_before"], (account.account_id, account.sequence))
    return chain.baseline_share(account, windows) if account.sequence else 0


def _taken(ask: Callable[[str, tuple[int]], Iterator[Row]], last: int) -> Iterator[Archived]:
    """Yield the events up to a number, oldest first, each with its digest and what stands for what is erased of it."""
    for _, group in groupby(ask(_SQL["taken"], (last,)), key=lambda row: row[0]):
        joined = list(group)
        (proof,) = rows.evidence_from(iter(joined))
        yield proof, bytes(joined[0][rows.EVENT_COLUMNS + 3]), joined[0][rows.EVENT_COLUMNS]


def _baseline(db: apsw.Connection, account_id: str) -> Account:
    known = every(db, _SQL["baselines"].format(where="WHERE account_id = ?"), (account_id,))
    return rows.account_from(known[0][:-1]) if known else Account(account_id)


# ---- Backups ----------------------------------------------------------------------------------------


def _copy(source: Path, draft: Path) -> None:
    reader, copy = open_reader(source), apsw.Connection(str(draft))
    try:
        reader.execute("BEGIN")  # a snapshot: without it the copy begins anew whenever another process has written
        pragma(reader, "schema_version")
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
