"""Reading: the ledger, the accounts and what was found, as streams from snapshots of their own.

Knows filters and orders; it must never write.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ...lifecycle.account import Account
from ...lifecycle.anomalies import AnomalyKind
from ...lifecycle.explain import Anomaly
from ...lifecycle.status import Status
from ...lifecycle.windows import BlindWindow
from ...records import AccountFilter, AuditFilter, LedgerEntry, Quarantined
from .. import rows
from .transactions import Row, Transactions

Clauses = list[tuple[str, Any]]


class PostgresReader:
    """The reading side of the store."""

    _transactions: Transactions

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""
        return self.accounts_by_id((account_id,)).get(account_id)

    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Several accounts at once; those that nothing was fed for are missing."""
        where = "WHERE a.account_id = ANY(%s)"
        found = self._transactions.rows("load_accounts", (list(account_ids),), where=where)
        return {row[0]: rows.account_from(row) for row in found}

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""
        columns = zip(("status", "health", "provider"), wanted, strict=True)
        clauses = [(f"a.{column} = %s", value) for column, value in columns if value is not None]
        return map(rows.account_from, self._stream("load_accounts", clauses, "ORDER BY a.account_id"))

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""
        found = self._stream("ledger", [("e.account_id = %s", account_id)], "ORDER BY e.sequence, a.ordinal")
        return rows.entries_from(found)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""
        return rows.entries_from(self._stream("ledger", [], "ORDER BY e.event_id, a.ordinal"))

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""
        clauses: Clauses = []
        if wanted.kind is not None:
            clauses.append(("a.kind = %s", wanted.kind))
        if wanted.severity is not None:
            kinds = [kind.value for kind in AnomalyKind if kind.severity is wanted.severity]
            clauses.append(("a.kind = ANY(%s)", kinds))
        if wanted.account_id is not None:
            clauses.append(("e.account_id = %s", wanted.account_id))
        if wanted.provider is not None:
            clauses.append(("a.provider = %s", wanted.provider))
        if wanted.since is not None:
            clauses.append(("e.received_at >= %s", rows.to_us(wanted.since)))
        if wanted.until is not None:
            clauses.append(("e.received_at < %s", rows.to_us(wanted.until)))
        return map(rows.anomaly_from, self._stream("audit", clauses, "ORDER BY e.event_id, a.ordinal"))

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""
        return map(rows.quarantined_from, self._transactions.stream("quarantined"))

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""
        clauses: Clauses = [] if account_id is None else [("account_id = %s", account_id)]
        if open_only:
            clauses.append(("closed_at IS NOT DISTINCT FROM %s::bigint", None))
        order = "ORDER BY opened_at, account_id, sequence"
        return map(rows.window_from, self._stream("blind_windows", clauses, order))

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""
        clauses = [("a.is_stuck = 0 AND a.status = ANY(%s)", [status.value for status in statuses])]
        return map(rows.account_from, self._stream("load_accounts", clauses, ""))

    def _stream(self, name: str, clauses: Clauses, order: str) -> Iterator[Row]:
        """A statement's rows one by one, as far as they are wanted."""
        where = " AND ".join(clause for clause, _ in clauses)
        parts = {"where": f"{'WHERE ' + where if where else ''}\n{order}"}
        return self._transactions.stream(name, [value for _, value in clauses], **parts)
