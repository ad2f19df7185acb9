"""Retention on a server: erase and prune, page by page, each page in a transaction of its own.

Erasing takes the newest events of an account first: so the account without its person follows from a ledger of which
the end is erased, whatever comes before. If it is interrupted, the same call erases the rest.

Pruning takes, of each account, its oldest events up to the first that was received later or that a hook still waits
for. They are archived, from a snapshot, and the archive is synced before anything is deleted. The transaction of each
page is a small prune, whole in itself: it carries the baselines, each account as it was where its ledger begins, with
the digest that its chain goes on from, past the events of the page, and moves the end of the segment. So one that was
killed leaves a store that holds, whose last segment ends before its archive does: what is left is archived again by the
next prune. Planning, redriving and erasing wait for a page (one advisory lock), feeding for nothing. If nothing was
taken out the archive is removed; if nobody knows whether it was, the archive stays.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

from ...errors import StoreError
from ...lifecycle.account import Account
from ...lifecycle.policy import DEFAULT_POLICY
from ...lifecycle.rules import RecordedPolicies
from ...records import Segment, without_person
from .. import chain, rows
from ..archive import Archived, begun, taking_out, write_archive
from ..mentions import Mentions
from ..rows import Row
from ..unpruned import Unpruned, unpruned_from
from ..writing import LATEST, RETENTION_PAGE, erased_row, in_pages
from .proving import joined
from .transactions import Transaction, Transactions, UnknownOutcome


class PostgresRetention:
    """``Ledger.erase`` and ``Ledger.prune``."""

    _transactions: Transactions

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names, also from the quarantine; return how many payloads.

        What was there when it began is erased. The server's files keep the old rows, and what an ordinary VACUUM frees
        is not overwritten; its log and backups keep them for longer. If that matters, run ``VACUUM (FULL, ANALYZE)``
        over event, account, baseline, quarantine and delivery when no older transaction is running, which writes the
        tables anew, and then ``VACUUM FULL pg_statistic``, where the server keeps samples.
        """
        erased, before = 0, LATEST
        while before:
            count, before = self._transactions.run(partial(_erase_events, account_id, before))
            erased += count
        found = Mentions(account_id)
        for page in in_pages(found.quarantined(self._transactions.stream("quarantined_payloads"))):
            erased += self._transactions.run(partial(_erase_quarantined, page))
        for page in in_pages(found.errors(self._transactions.stream("unerased_errors", (rows.ERASED,)))):
            self._transactions.run(partial(_erase_errors, page))
        return erased

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; return None if there is nothing to take.

        Of each account its oldest events go, up to the first that was received later or that a hook is still to
        be called for. The server uses the room again after its next vacuum. Raises ``StoreError`` if somebody else
        prunes at the same time.
        """
        ask = self._transactions.rows
        earlier = [rows.segment_from(row) for row in ask("segments")]
        ends = list(map(list, zip(*ask("cut", (rows.to_us(until),)), strict=True)))
        if not ends:
            return None
        pages: list[dict[str, int]] = [{}]
        taken = _events_of(self._transactions.stream("taken", ends))
        _, sha256 = write_archive(archive, _in_pages(taken, pages))
        heads = {account_id: bytes(digest) for account_id, *_, digest in ask("baselines", where="")}
        policies = RecordedPolicies(lambda: map(rows.rules_from, ask("rules")))
        pruning = _Pruning(earlier, heads, policies, begun(earlier, until, at, archive, sha256))
        with taking_out(archive, lambda: pruning.segment, (UnknownOutcome,)):
            for page in pages:
                pruning.take(self._transactions, page)
        return pruning.segment if pruning.segment.events else None

    def unpruned(self, until: datetime) -> Unpruned:
        """Return which events before a time a prune up to it leaves, and what holds them."""
        at, ask = rows.to_us(until), self._transactions.rows
        ((events, _),) = ask("unpruned", (at,))
        return unpruned_from(events, ask("unpruned_of_hooks", (at, at)), ask("unpruned_behind", (at, at)))


# ---- Erasing -------------------------------------------------------------------------------------


def _erase_events(account_id: str, before: int, transaction: Transaction[tuple[int, int]]) -> tuple[int, int]:
    """Erase the newest page of an account's events, of those before a sequence; return how many, and the first of them
    if there may be more, else 0. With the newest goes the account's person, with the oldest that of its baseline."""
    with transaction.round():
        transaction.execute("planning")  # nobody prunes meanwhile
        accounts = transaction.execute("lock_accounts", ([account_id],))
        baselines = transaction.execute("baselines", (account_id,), where="WHERE account_id = %s")
        events = transaction.execute("private_events", (account_id, before, RETENTION_PAGE))
    found = events.fetchall()
    is_last = len(found) < RETENTION_PAGE
    transaction.put_off("erase_event", [(chain.private_digest(*columns), number) for number, _, *columns in found])
    for name, persons, is_due in (
        ("erase_account", accounts, before == LATEST),
        ("erase_baseline", baselines, is_last),
    ):
        known = [without_person(rows.account_from(row[: rows.ACCOUNT_COLUMNS])) for row in persons.fetchall()]
        transaction.put_off(name, [(rows.facts_text(account), account_id) for account in known if is_due])
    if not found and transaction.earlier:
        return transaction.earlier
    return len(found), 0 if is_last else found[-1][1]


def _erase_quarantined(numbers: list[int], transaction: Transaction[int]) -> int:
    erased = [erased_row(row) for row in transaction.ask("lock_quarantined", (numbers,)) if row[-1] is None]
    transaction.put_off("erase_quarantined", erased)
    return len(erased) or transaction.earlier or 0


def _erase_errors(numbers: list[int], transaction: Transaction[None]) -> None:
    transaction.put_off("erase_errors", [(rows.ERASED, numbers)])


# ---- Pruning -------------------------------------------------------------------------------------


class _Pruning:
    """One prune, of which everything is archived."""

    def __init__(
        self, earlier: list[Segment], heads: dict[str, bytes], policies: RecordedPolicies, segment: Segment
    ) -> None:
        self._earlier = earlier
        self._policies = policies
        self._heads = heads  # what the chain of each account goes on from
        self._left: set[str] = set()  # accounts of which no more is taken: a hook waits again
        self.segment = segment
        """What was taken out so far."""

    def take(self, transactions: Transactions, page: dict[str, int]) -> None:
        """Take the events of a page out: of each account those up to a sequence."""
        ends = {account_id: sequence for account_id, sequence in page.items() if account_id not in self._left}
        segment, heads = transactions.run(partial(self._run, ends))
        self._left |= ends.keys() - heads.keys()
        self._heads |= heads
        self.segment = segment

    def _run(
        self, page: dict[str, int], transaction: Transaction[tuple[Segment, dict[str, bytes]]]
    ) -> tuple[Segment, dict[str, bytes]]:
        """Make one attempt; return the segment with the page, and the heads of the accounts of which it took some."""
        accounts = sorted(page)
        with transaction.round():
            transaction.execute("planning")  # nobody plans, redrives, erases or prunes meanwhile
            segments = transaction.execute("segments")
            unfinished = transaction.execute("unfinished_of", (accounts, accounts))
            baselines = transaction.execute("baselines", (accounts,), where="WHERE account_id = ANY(%s)")
            closed = transaction.execute("closed_windows", (accounts,))
        known = [rows.segment_from(row) for row in segments.fetchall()]
        if transaction.earlier is not None and transaction.earlier[0] in known:
            return transaction.earlier
        if known != [*self._earlier, *([self.segment] if self.segment.events else [])]:
            raise StoreError(f"{self.segment.path}: somebody else has pruned at the same time.")
        first: dict[str, int] = dict(unfinished.fetchall())
        taken = transaction.ask("taken", _columns(page))
        busy = {row[1] for row in taken if row[1] in first and row[0] >= first[row[1]]}
        ends = {account_id: sequence for account_id, sequence in page.items() if account_id not in busy}
        begins = {row[0]: rows.account_from(row[:-1]) for row in baselines.fetchall()}
        found = {**begins}
        heads: dict[str, bytes] = {}
        events = 0
        for proof, digest, _ in _events_of(row for row in taken if row[1] in ends):
            account_id = proof.entry.account_id
            account = found.get(account_id) or Account(account_id)
            found[account_id] = proof.entry.applied_to(account, self._policies.policy(proof.rules) or DEFAULT_POLICY)
            heads[account_id], events = digest, events + 1
        if not heads:
            return self.segment, {}
        transaction.put_off("drop_baselines", [(list(heads),)])
        transaction.put_off("save_baseline", [(*rows.account_row(found[each]), heads[each]) for each in heads])
        for name in ("take_anomalies", "take_deliveries", "take_events"):
            transaction.put_off(name, [_columns(ends)])
        head = joined((digest,) for _, digest in sorted((self._heads | heads).items())).hex()
        windows = {account_id: [*group] for account_id, group in groupby(closed.fetchall(), key=lambda row: row[0])}
        before, after = ([_share(each[a], windows.get(a, [])) for a in heads if a in each] for each in (begins, found))
        moved = chain.baselines_moved(self.segment.baselines, before, after)
        segment = self.segment._replace(events=self.segment.events + events, head=head, baselines=moved)
        transaction.put_off("save_segment", [rows.segment_row(segment)])
        return segment, heads


def _columns(page: dict[str, int]) -> tuple[list[str], list[int]]:
    return list(page), list(page.values())


def _share(account: Account, closed: Iterable[Row]) -> int:
    """Return what an account adds to ``Segment.baselines`` if the ledger begins at it; ``closed`` are its windows."""
    return chain.baseline_share(account, [row[1:] for row in closed if row[5] <= account.sequence])


def _events_of(taken: Iterable[Row]) -> Iterator[Archived]:
    """Yield events, each with its digest and what stands for what is erased of it."""
    for _, group in groupby(taken, key=lambda row: row[0]):
        together = list(group)
        proof = next(rows.evidence_from(iter(together)))
        yield proof, bytes(together[0][rows.EVENT_COLUMNS + 3]), together[0][rows.EVENT_COLUMNS]


def _in_pages(events: Iterator[Archived], pages: list[dict[str, int]]) -> Iterator[Archived]:
    """Yield events on, and add to ``pages`` up to where of each account a page of them goes."""
    for number, each in enumerate(events, 1):
        entry = each[0].entry
        pages[-1][entry.account_id] = entry.sequence
        if number % RETENTION_PAGE == 0:
            pages.append({})
        yield each
