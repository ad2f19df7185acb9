"""The seams: what the engine asks of a store, a clock, an observer and a hook, in the domain's words.

Knows protocols and the records that cross them; it must never know SQL or how anything is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from .lifecycle.account import Account
from .lifecycle.anomalies import AnomalyKind, Severity
from .lifecycle.decide import Decision
from .lifecycle.effects import Effect
from .lifecycle.events import Event
from .lifecycle.explain import Anomaly
from .lifecycle.machine import Situation
from .lifecycle.status import Health, Status, Verdict
from .lifecycle.windows import BlindWindow

Decide = Callable[[Account, Event], Decision]
"""The pure step, with the policy in force."""

Clock = Callable[[], datetime]
"""Tells the present time: aware, UTC."""


class Observer(Protocol):
    """Sees every decision after it is committed; it cannot change it, and its failures are logged only."""

    def __call__(self, decision: Decision, /) -> None:
        """See one decision."""


# ---- Records --------------------------------------------------------------------------------------


class LedgerEntry(NamedTuple):
    """One event as the ledger keeps it."""

    event: Event
    sequence: int
    """Its place in its account's history, from 1 without gaps."""
    verdict: Verdict
    before: Situation
    after: Situation
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def account_id(self) -> str:
        """The account that the event is about."""
        return self.event.account_id

    @property
    def received_at(self) -> datetime:
        """When the event arrived: aware, UTC."""
        return self.event.received_at

    @property
    def announced(self) -> str:
        """The status word that was announced, or the status whose deadline passed."""
        return self.event.status

    @property
    def status(self) -> Status:
        """The account's status after the event."""
        return self.after.status

    @property
    def payload(self) -> bytes:
        """What came in, byte for byte; empty for a deadline, which nobody sent."""
        return getattr(self.event, "payload", b"")


class Refused(NamedTuple):
    """A payload that could not be read, on its way into the quarantine."""

    received_at: datetime
    payload: bytes
    """What came in, byte for byte, cut to 64 KiB."""
    size: int
    """How long it was before it was cut, in bytes."""
    field: str
    reason: str


class Quarantined(NamedTuple):
    """A payload in the quarantine."""

    quarantine_id: int
    received_at: datetime
    payload: bytes
    size: int
    field: str
    reason: str


class EffectRow(NamedTuple):
    """An effect as the outbox keeps it."""

    effect_id: int
    account_id: str
    sequence: int
    occurred_at: datetime
    effect: Effect
    anomaly: Anomaly | None = None
    """The anomaly that an ``anomaly`` effect is about."""


class Delivery(NamedTuple):
    """One hook's turn at one effect."""

    row: EffectRow
    hook: str
    """The hook's name."""
    attempts: int = 0
    """How many were made."""


class Settlement(NamedTuple):
    """What became of a delivery: done, or due again."""

    effect_id: int
    hook: str
    attempts: int
    settled_at: datetime
    error: str | None = None
    """Why it is due again; None when it is done."""


# ---- Filters: None asks for everything ---------------------------------------------------------------


class AccountFilter(NamedTuple):
    """Which accounts to read."""

    status: Status | None = None
    health: Health | None = None
    provider: str | None = None


class AuditFilter(NamedTuple):
    """Which anomalies to read; ``since`` is included, ``until`` is not."""

    kind: AnomalyKind | None = None
    severity: Severity | None = None
    account_id: str | None = None
    provider: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# ---- The store ----------------------------------------------------------------------------------------


class Ledger(Protocol):
    """Writes: every event is kept, and what it changes is kept with it or not at all."""

    def advance(self, events: Sequence[Event], decide: Decide) -> list[Decision]:
        """Judge events in order and keep everything, in one transaction."""

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; their numbers."""


class Reader(Protocol):
    """Reads, as streams: each is a consistent snapshot and holds one row at a time."""

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""


class Outbox(Protocol):
    """Effects waiting for their hooks."""

    def pending(self, limit: int) -> list[EffectRow]:
        """The oldest effects that no process with hooks has looked at yet."""

    def pending_of(self, events: Sequence[tuple[str, int]]) -> list[EffectRow]:
        """Those of some events, given by account id and sequence, in the order in which they were fed."""

    def due(self, hooks: Sequence[str], limit: int, after: tuple[int, str] = (-1, "")) -> list[Delivery]:
        """Deliveries that failed and are due again, for these hooks, past ``after`` (effect id, hook)."""

    def settle(self, effect_ids: Sequence[int], settlements: Sequence[Settlement]) -> None:
        """Effects that were looked at, and what became of their deliveries, in one transaction."""


class Store(Ledger, Reader, Outbox, Protocol):
    """A store is all three, and can be closed."""

    def close(self) -> None:
        """Release what it holds; closing twice is harmless."""
