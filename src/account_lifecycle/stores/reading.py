"""Reading, whatever the database: how a filter becomes a clause, a question an order, and a row a record.

Every stream is a consistent snapshot and holds one row at a time.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.events import NOBODY
from ..lifecycle.explain import Anomaly
from ..lifecycle.policy import Policy
from ..lifecycle.rules import Rules
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..records import (
    AccountFilter,
    AuditFilter,
    DeliveryFilter,
    DeliveryRecord,
    Evidence,
    LedgerEntry,
    Quarantined,
    Segment,
)
from . import outbox_rows, rows
from .fleet import NEVER_US, AccountOrder, place_from, since_us
from .fleet_reading import Clause, FleetReading, Read, account_clauses
from .reconciliations import Listing
from .rows import Row


class SQLReader(FleetReading):
    """``Reader``, and what of ``Prover`` only reads; a store says how a statement is run."""

    @abstractmethod
    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Return several accounts at once; those that nothing was fed for are missing."""

    @abstractmethod
    def differing(self, listed: Sequence[Listing]) -> list[str]:
        """Return the ids of those accounts that are not so surely as they are listed that they need not be read."""

    @abstractmethod
    def account_ids(self, statuses: Sequence[Status], after: str = NOBODY, limit: int = 1_000) -> list[str]:
        """Return at most ``limit`` ids of accounts in these statuses, in their order, ``after`` an id."""

    def account(self, account_id: str) -> Account | None:
        """Return the account as it is now, or None if nothing was ever fed for it."""
        return None if account_id == NOBODY else self.accounts_by_id((account_id,)).get(account_id)

    def accounts(self, wanted: AccountFilter, after: str = NOBODY) -> Iterator[Account]:
        """Yield accounts in the order of their ids, from the first ``after`` an id on."""
        clauses = [*account_clauses(wanted), Clause("a.account_id", after, ">")]
        return self._read(_accounts_in_order, "load_accounts", clauses, "ORDER BY a.account_id")

    def page(
        self, wanted: AccountFilter, after: str = NOBODY, limit: int = 100, order: AccountOrder = AccountOrder.ID
    ) -> list[Account]:
        """Return at most ``limit`` accounts in an order, from the first after a place in it on."""
        clauses = [*account_clauses(wanted), Clause("a.account_id", NOBODY, ">")]
        if order is AccountOrder.ID:
            clauses.append(Clause("a.account_id", after, ">"))
            ending = f"ORDER BY a.account_id LIMIT {limit:d}"
        else:
            since = f"coalesce(a.since, {NEVER_US})"
            if after:
                clauses.append(Clause(f"({since}, a.account_id)", place_from(after), ">"))
            ending = f"ORDER BY {since}, a.account_id LIMIT {limit:d}"
        found = list(self._read(partial(map, rows.account_from), "page_of_accounts", clauses, ending))
        by_id = order is AccountOrder.ID
        return sorted(found, key=lambda each: (0 if by_id else since_us(each), each.account_id))

    def due(self, now: datetime) -> Iterator[Account]:
        """Yield every account whose next deadline has passed, the longest passed first."""
        clauses = [Clause("a.due_at", rows.to_us(now), "<=")]
        return self._read(partial(map, rows.account_from), "load_accounts", clauses, "ORDER BY a.due_at, a.account_id")

    def history(
        self, account_id: str, after: int = 0, *, before: int | None = None, newest_first: bool = False
    ) -> Iterator[LedgerEntry]:
        """Yield every event of one account ``after`` a sequence and ``before`` another, oldest or newest first."""
        clauses = [Clause("c.account_id", account_id), *([Clause("e.sequence", after, ">")] if after else [])]
        if before is not None:
            clauses.append(Clause("e.sequence", before, "<"))
        order = f"ORDER BY e.sequence{' DESC' if newest_first else ''}, a.ordinal"
        return self._read(rows.entries_from, "ledger", clauses, order)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Yield every event of every account, in the order in which they were fed."""
        return self._read(rows.entries_from, "ledger", (), "ORDER BY e.event_id, a.ordinal")

    def audit(
        self, wanted: AuditFilter, *, before: tuple[str, int] | None = None, newest_first: bool = False
    ) -> Iterator[Anomaly]:
        """Yield anomalies in the order in which their events were fed, or newest first; those of events fed before
        another, which its account and its sequence name."""
        clauses = list[Clause]()
        if before is not None:
            event = [Clause("c.account_id", before[0]), Clause("e.sequence", before[1])]
            (number,) = next(self._read(iter, "event_number", event), (0,))
            clauses.append(Clause("e.event_id", number, "<"))
        if wanted.kind is not None:
            clauses.append(Clause("a.kind", wanted.kind.value))
        if wanted.severity is not None:
            severities = [*Severity]
            least = severities.index(wanted.severity)
            kinds = [kind.value for kind in AnomalyKind if severities.index(kind.severity) >= least]
            clauses.append(Clause("a.kind", kinds, "IN"))
        if wanted.account_id is not None:
            clauses.append(Clause("c.account_id", wanted.account_id))
        if wanted.provider is not None:
            clauses.append(Clause("a.provider", wanted.provider))
        if wanted.since is not None:
            clauses.append(Clause("e.received_at", rows.to_us(wanted.since), ">="))
        if wanted.until is not None:
            clauses.append(Clause("e.received_at", rows.to_us(wanted.until), "<"))
        order = f"ORDER BY e.event_id{' DESC' if newest_first else ''}, a.ordinal"
        return self._read(partial(map, rows.anomaly_from), "audit", clauses, order)

    def quarantined(self, after: int = 0) -> Iterator[Quarantined]:
        """Yield unreadable payloads ``after`` a number, oldest first."""
        clauses = [Clause("quarantine_id", after, ">")]
        return self._read(partial(map, rows.quarantined_from), "quarantined", clauses, "ORDER BY quarantine_id")

    def blind_windows(
        self, account_id: str | None, *, open_only: bool, after: tuple[datetime, str, int] | None = None
    ) -> Iterator[BlindWindow]:
        """Yield blind windows in the order in which they opened, from the first after a place in it on."""
        clauses = [] if account_id is None else [Clause("c.account_id", account_id)]
        if open_only:
            clauses.append(Clause("w.closed_at", None))
        if after is not None:
            opened_at, *rest = after
            clauses.append(Clause("(w.opened_at, c.account_id, w.sequence)", (rows.to_us(opened_at), *rest), ">"))
        order = "ORDER BY w.opened_at, c.account_id, w.sequence"
        return self._read(partial(map, rows.window_from), "blind_windows", clauses, order)

    def deliveries(self, wanted: DeliveryFilter, after: int = 0) -> Iterator[DeliveryRecord]:
        """Yield deliveries ``after`` a number, in the order in which they were made."""
        columns = wanted._asdict()
        redriven = columns.pop("redriven")
        clauses = [Clause(f"d.{column}", value) for column, value in columns.items() if value is not None]
        if redriven is not None:
            clauses.append(
                Clause("(SELECT count(*) FROM delivery r WHERE r.redrive_of = d.delivery_id)", int(redriven))
            )
        clauses.append(Clause("d.delivery_id", after, ">"))
        make = partial(map, outbox_rows.delivery_record_from)
        return self._read(make, "deliveries", clauses, "ORDER BY d.delivery_id")

    # ---- For verify ----------------------------------------------------------------------------------

    def evidence(self, account_id: str | None = None) -> Iterator[Evidence]:
        """Yield every event, of one account or of all, in the order of account id and sequence."""
        clauses = [] if account_id is None else [Clause("c.account_id", account_id)]
        return self._read(_evidence_in_order, "evidence", clauses, BY_ACCOUNT)

    def stored_accounts(self) -> Iterator[Account]:
        """Yield accounts in the order of their ids, with what is remembered of ``NOBODY``, which comes first."""
        return self._read(_accounts_in_order, "load_accounts", (), "ORDER BY a.account_id")

    def baselines(self) -> Iterator[Account]:
        """Yield the accounts as they were where the ledger begins, by id; none if nothing was pruned."""
        return self._read(_baselines_in_order, "baselines", (), "ORDER BY account_id")

    def windows_by_account(self) -> Iterator[BlindWindow]:
        """Yield every blind window in the order of account id and sequence."""
        return self._read(_windows_in_order, "blind_windows", (), "ORDER BY c.account_id, w.sequence")

    def dated_late(self, policy: Policy) -> Iterator[Account]:
        """Yield accounts whose next deadline is kept, as if by the terms of a policy, to pass later than it does."""
        clauses = [Clause("a.due_by", policy.fingerprint)]
        return self._read(partial(rows.dated_late, policy=policy), "dated_accounts", clauses, "ORDER BY a.account_id")

    def rules(self) -> list[Rules]:
        """Return what events were judged by, as it was kept."""
        return list(self._read(partial(map, rows.rules_from), "rules"))

    def segments(self) -> list[Segment]:
        """Return the parts of the ledger that were archived, oldest first."""
        return list(self._read(partial(map, rows.segment_from), "segments"))


BY_ACCOUNT = "ORDER BY c.account_id, e.sequence, a.ordinal"
"""The order in which events are proved."""

Place = tuple[str, int]


def _in_order(records: Iterator[Read], place_of: Callable[[Read], Place]) -> Iterator[Read]:
    """Yield records whose places grow, as they do unless an index is damaged; raise ``ValueError`` if one does not."""
    last = ("", 0)
    for record in records:
        place = place_of(record)
        if place <= last:
            raise ValueError(f"after {last[0]!r} comes {place[0]!r}")
        yield record
        last = place


def _accounts_in_order(found: Iterator[Row]) -> Iterator[Account]:
    return _in_order(map(rows.account_from, found), lambda account: (account.account_id, 1))


def _baselines_in_order(found: Iterator[Row]) -> Iterator[Account]:
    return _in_order((rows.account_from(row[:-1]) for row in found), lambda account: (account.account_id, 1))


def _evidence_in_order(found: Iterator[Row]) -> Iterator[Evidence]:
    # only a number can be added to: a row with text in its place is damaged
    return _in_order(rows.evidence_from(found), lambda each: (each.entry.account_id, each.entry.sequence + 0))


def _windows_in_order(found: Iterator[Row]) -> Iterator[BlindWindow]:
    return _in_order(map(rows.window_from, found), lambda window: (window.account_id, window.sequence + 0))
