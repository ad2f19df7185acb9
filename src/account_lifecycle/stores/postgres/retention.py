"""Retention on a server: erase and prune.

Pruning takes, of each account, its oldest events up to the first that was received later or that a hook still waits
for. They are archived and the archive is synced before anything is deleted; in the same transaction each account's
baseline, the account as it was where its ledger begins, is carried past its events, with the digest that its chain
goes on from. Planning, redriving and erasing wait meanwhile (one advisory lock), feeding does not. If the transaction
fails the archive is removed; if nobody knows whether it was committed, the archive stays.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

from ...lifecycle.account import Account
from ...lifecycle.policy import DEFAULT_POLICY
from ...lifecycle.rules import RecordedPolicies
from ...records import Evidence, Segment, without_person
from .. import chain, rows
from ..archive import write_archive
from ..rows import Row
from ..writing import erased_row
from .proving import joined
from .transactions import Transaction, Transactions, UnknownOutcome


class PostgresRetention:
    """``Ledger.erase`` and ``Ledger.prune``."""

    _transactions: Transactions

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names, also from the quarantine; return how many payloads.

        The server's files keep the old rows until they are vacuumed, and its log and backups for longer: run
        ``VACUUM event, account, baseline, quarantine`` if that matters, when no older transaction is running.
        """

        def erase(transaction: Transaction[int]) -> int:
            with transaction.round():
                transaction.execute("planning")  # nobody prunes meanwhile
                accounts = transaction.execute("lock_accounts", ([account_id],))
                baselines = transaction.execute("baselines", (account_id,), where="WHERE account_id = %s")
                events = transaction.execute("private_events", (account_id,))
            private = [(chain.private_digest(*columns), number) for number, *columns in events.fetchall()]
            transaction.put_off("erase_event", private)
            for name, found in (("erase_account", accounts), ("erase_baseline", baselines)):
                known = [without_person(rows.account_from(row[:-1])) for row in found.fetchall()]
                transaction.put_off(name, [(rows.facts_text(account), account_id) for account in known])
            quarantined = _erase_quarantined(transaction, account_id)
            return len(private) + quarantined or transaction.earlier or 0

        return self._transactions.run(erase)

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out; return None if there is nothing to take.

        Of each account its oldest events go, up to the first that was received later or that a hook is still to
        be called for. Others may feed meanwhile. The server uses the room again after its next vacuum.
        """
        pruning = _Pruning(until, archive, at)
        try:
            return self._transactions.run(pruning.run)
        except UnknownOutcome:
            raise  # the archive may be all that there is
        except BaseException:
            pruning.forget_archive()
            raise


def _erase_quarantined(transaction: Transaction[int], account_id: str) -> int:
    """Put off the erasing of what mentions the account; return how many payloads."""
    found = transaction.stream("quarantined_payloads")
    meant = [number for number, payload in found if rows.mentions(bytes(payload), account_id)]
    locked = transaction.ask("lock_quarantined", (meant,)) if meant else []
    erased = [erased_row(row) for row in locked]
    transaction.put_off("erase_quarantined", erased)
    return len(erased)


class _Pruning:
    """One prune, which may take several attempts."""

    def __init__(self, until: datetime, archive: Path, at: datetime) -> None:
        self._until = until
        self._archive = archive
        self._at = at
        self._is_archived = False

    def forget_archive(self) -> None:
        """Remove the archive: nothing was taken out."""
        if self._is_archived:
            self._archive.unlink(missing_ok=True)
            self._is_archived = False

    def run(self, transaction: Transaction[Segment | None]) -> Segment | None:
        """Make one attempt."""
        with transaction.round():
            transaction.execute("planning")  # nobody plans, redrives, erases or prunes meanwhile
            segments = transaction.execute("segments")
            cut = transaction.execute("cut", (rows.to_us(self._until),))
        known = [rows.segment_from(row) for row in segments.fetchall()]
        if transaction.earlier is not None and transaction.earlier in known:
            return transaction.earlier
        self.forget_archive()
        ends = list(map(list, zip(*cut.fetchall(), strict=True)))
        if not ends:
            return None
        baselines = _Baselines(transaction)
        events, sha256 = write_archive(self._archive, baselines.passing(transaction.stream("taken", ends)))
        self._is_archived = True
        baselines.put_off(transaction)
        for name in ("take_anomalies", "take_pending", "take_effects", "take_deliveries", "take_events"):
            transaction.put_off(name, [ends])
        number = known[-1].segment_id + 1 if known else 1
        facts = (number, self._until, self._at, events, str(self._archive), sha256, baselines.head())
        segment = Segment(*facts)
        transaction.put_off("save_segment", [rows.segment_row(segment)])
        return segment


class _Baselines:
    """The accounts as they were where the ledger begins, carried past what is taken out."""

    def __init__(self, transaction: Transaction[Segment | None]) -> None:
        self._accounts: dict[str, Account] = {}
        self._heads: dict[str, bytes] = {}
        self._changed: set[str] = set()
        self._policies = RecordedPolicies(lambda: map(rows.rules_from, transaction.ask("rules")))
        for row in transaction.ask("baselines", where=""):
            account = rows.account_from(row[:-1])
            self._accounts[account.account_id], self._heads[account.account_id] = account, bytes(row[-1])

    def passing(self, taken: Iterator[Row]) -> Iterator[tuple[Evidence, bytes]]:
        """Events that are taken out, each with its digest."""
        for _, group in groupby(taken, key=lambda row: row[0]):
            together = list(group)
            proof, digest = next(rows.evidence_from(iter(together))), bytes(together[0][rows.EVENT_COLUMNS + 3])
            account_id = proof.entry.account_id
            before = self._accounts.get(account_id) or Account(account_id)
            policy = self._policies.policy(proof.rules) or DEFAULT_POLICY
            self._accounts[account_id] = proof.entry.applied_to(before, policy)
            self._heads[account_id] = digest
            self._changed.add(account_id)
            yield proof, digest

    def put_off(self, transaction: Transaction[Segment | None]) -> None:
        """Put off the writing of those that changed."""
        transaction.put_off("drop_baselines", [(sorted(self._changed),)])
        transaction.put_off("save_baseline", [self._row(account_id) for account_id in sorted(self._changed)])

    def head(self) -> str:
        """Return what the rest of the ledger goes on from."""
        return joined((self._heads[account_id],) for account_id in sorted(self._heads)).hex()

    def _row(self, account_id: str) -> Row:
        return (*rows.account_row(self._accounts[account_id]), self._heads[account_id])
