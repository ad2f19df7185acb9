"""The reading side: every stream a consistent snapshot, one row at a time.

Knows how a filter becomes a clause; it must never write.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ...lifecycle.account import Account
from ...lifecycle.anomalies import AnomalyKind
from ...lifecycle.explain import Anomaly
from ...lifecycle.status import Status
from ...lifecycle.windows import BlindWindow
from ...records import AccountFilter, AuditFilter, Evidence, LedgerEntry, Quarantined, Segment
from .. import rows, statements
from .connection import told_plainly
from .file import Record, SQLiteFile
from .ledger import head, load

_SQL = statements("sqlite")

Clauses = list[tuple[str, Any]]


class SQLiteReader(SQLiteFile):
    """``ports.Reader``, and what of ``ports.Prover`` only reads."""

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""
        return self.accounts_by_id((account_id,)).get(account_id)

    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Several accounts at once; those that nothing was fed for are missing."""
        with self._group.alone(), told_plainly(self.path):
            return load(self._connection(), account_ids)

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""
        columns = zip(("status", "health", "provider"), wanted, strict=True)
        clauses = [(f"a.{column} = ?", value) for column, value in columns if value is not None]
        found = self._select("load_accounts", clauses, "ORDER BY a.account_id")
        return self._records(lambda rows_: _in_order(map(rows.account_from, rows_), _account_id), found)

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""
        found = self._select("ledger", [("e.account_id = ?", account_id)], "ORDER BY e.sequence, a.ordinal")
        return self._records(rows.entries_from, found)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""
        return self._records(rows.entries_from, self._select("ledger", [], "ORDER BY e.event_id, a.ordinal"))

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""
        return self._records(partial(map, rows.anomaly_from), self._select("audit", _audit_clauses(wanted)))

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""
        return self._records(partial(map, rows.quarantined_from), self._select("quarantined", []))

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""
        clauses: Clauses = [] if account_id is None else [("account_id = ?", account_id)]
        if open_only:
            clauses.append(("closed_at IS ?", None))
        found = self._select("blind_windows", clauses, "ORDER BY opened_at, account_id, sequence")
        return self._records(partial(map, rows.window_from), found)

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""
        clauses = [("a.is_stuck = ?", 0), ("a.status IN (SELECT value FROM json_each(?))", json.dumps(statuses))]
        return self._records(partial(map, rows.account_from), self._select("load_accounts", clauses))

    # ---- For whoever proves -------------------------------------------------------------------------

    def evidence(self) -> Iterator[Evidence]:
        """Every event in the order of account id and sequence."""
        found = self._select("evidence", [], "ORDER BY e.account_id, e.sequence, a.ordinal")
        return self._records(lambda rows_: _in_order(rows.evidence_from(rows_), _event_place), found)

    def baselines(self) -> Iterator[Account]:
        """The accounts as they were where the ledger begins, in the order of their ids; none if nothing was pruned."""
        found = self._select("baselines", [], "ORDER BY account_id")
        return self._records(lambda rows_: _in_order(map(rows.baseline_from, rows_), _account_id), found)

    def windows_by_account(self) -> Iterator[BlindWindow]:
        """Every blind window in the order of account id and sequence."""
        found = self._select("blind_windows", [], "ORDER BY account_id, sequence")
        return self._records(lambda rows_: _in_order(map(rows.window_from, rows_), _window_place), found)

    def segments(self) -> list[Segment]:
        """The parts of the ledger that were archived, oldest first."""
        return list(self._records(partial(map, rows.segment_from), iter(self._all(_SQL["segments"]))))

    def head(self) -> str:
        """What stands for the whole ledger, in hexadecimal: the digest of its last event."""
        with self._group.alone(), told_plainly(self.path):
            return head(self._connection())[1].hex()

    def _select(self, name: str, clauses: Clauses, order: str = "") -> Iterator[rows.Row]:
        where = " AND ".join(clause for clause, _ in clauses)
        sql = _SQL[name].replace("{where}", f"WHERE {where}" if where else "")
        return self._stream(f"{sql}\n{order}", tuple(value for _, value in clauses))


Place = tuple[str, int]


def _in_order(records: Iterator[Record], place_of: Callable[[Record], Place]) -> Iterator[Record]:
    """Records whose places grow, as they do unless an index is damaged."""
    last = ("", 0)
    for record in records:
        place = place_of(record)
        if place <= last:
            raise ValueError(f"after {last[0]!r} comes {place[0]!r}")
        yield record
        last = place


def _account_id(account: Account) -> Place:
    return account.account_id, 1


def _event_place(evidence: Evidence) -> Place:
    return evidence.entry.account_id, evidence.entry.sequence + 0  # nothing but a number can be added to


def _window_place(window: BlindWindow) -> Place:
    return window.account_id, window.sequence + 0


def _audit_clauses(wanted: AuditFilter) -> Clauses:
    clauses: Clauses = []
    if wanted.kind is not None:
        clauses.append(("a.kind = ?", wanted.kind))
    if wanted.severity is not None:
        kinds = [kind for kind in AnomalyKind if kind.severity is wanted.severity]
        clauses.append(("a.kind IN (SELECT value FROM json_each(?))", json.dumps(kinds)))
    if wanted.account_id is not None:
        clauses.append(("e.account_id = ?", wanted.account_id))
    if wanted.provider is not None:
        clauses.append(("a.provider = ?", wanted.provider))
    if wanted.since is not None:
        clauses.append(("e.received_at >= ?", rows.to_us(wanted.since)))
    if wanted.until is not None:
        clauses.append(("e.received_at < ?", rows.to_us(wanted.until)))
    return clauses
