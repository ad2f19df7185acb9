"""The seams: what the engine asks of a store, a clock, an observer and a hook, in the domain's words.

Knows protocols and the records that cross them; it must never know SQL or how anything is kept.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from .lifecycle.account import Account
from .lifecycle.anomalies import AnomalyKind, Severity
from .lifecycle.decide import Decision
from .lifecycle.effects import Effect, EffectKind
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
    is_erased: bool = False
    """Whether its payload and name were erased on request."""

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
    released_at: datetime | None = None
    """When it was fed after all, by a parser that could read it."""
    is_erased: bool = False
    """Whether its payload was erased on request."""


class Transition(NamedTuple):
    """One move in an account's history, as a hook is told it."""

    sequence: int
    at: datetime
    announced: str
    before: Status
    after: Status


class EffectRow(NamedTuple):
    """An effect as the outbox keeps it."""

    effect_id: int
    account_id: str
    sequence: int
    occurred_at: datetime
    effect: Effect
    anomaly: Anomaly | None = None
    """The anomaly that an ``anomaly`` effect is about."""
    transitions: tuple[Transition, ...] = ()
    """The account's last moves up to this event, oldest first, at most ``RECENT``."""

    @property
    def key(self) -> str:
        """The idempotency key: the same for every attempt and every redrive of every hook."""
        return self.effect.key(self.account_id, self.sequence)


RECENT = 5
"""How many of its last moves an effect carries."""


class OnDead(StrEnum):
    """What a delivery that was given up means for those after it in its lane."""

    SKIP = "skip"
    """They go on without it."""
    HALT = "halt"
    """They wait until it is redriven."""


class SubscribedHook(NamedTuple):
    """A hook as the store knows it: whichever process runs, its deliveries are planned."""

    name: str
    kind: EffectKind
    subject: str | None = None
    """None: whatever the subject."""
    is_ordered: bool = True
    """Whether its deliveries for one account run one after the other, in the order of the effects."""
    attempts_limit: int = 8
    """How many attempts are made before a delivery is given up."""
    on_dead: OnDead = OnDead.SKIP
    subscribed_at: datetime | None = None
    disabled_at: datetime | None = None
    """Since when its deliveries wait for somebody to enable it; None while it is enabled."""
    disabled_reason: str = ""

    def wants(self, kind: str, subject: str) -> bool:
        """Whether it is to be called for an effect."""
        return kind == self.kind and self.subject in (None, subject)


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """Due, or to be due."""
    RUNNING = "running"
    """Claimed: somebody holds its lease."""
    DONE = "done"
    DEAD = "dead"
    """Given up after its last attempt."""
    HALTED = "halted"
    """Given up, and its lane waits until it is redriven."""


UNFINISHED = (DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.HALTED)
"""What holds back the later deliveries of the same lane."""


class Delivery(NamedTuple):
    """One hook's turn at one effect, claimed."""

    delivery_id: int
    token: int
    """The fencing token of this claim: it grows with every claim, and only its holder can settle."""
    hook: SubscribedHook
    attempts: int
    """How many were made, this one included."""
    row: EffectRow


class Claim(NamedTuple):
    """What proves that a delivery is one's own to settle or to renew."""

    delivery_id: int
    token: int


class Settlement(NamedTuple):
    """What became of a claimed delivery."""

    claim: Claim
    state: DeliveryState
    at: datetime
    due_at: datetime | None = None
    """Of a delivery that waits again: when it is due."""
    error: str | None = None
    """Why it is not done."""
    counts: bool = True
    """False gives the attempt back: nothing was tried."""


class DeliveryRecord(NamedTuple):
    """A delivery as it stands, for people."""

    delivery_id: int
    effect_id: int
    account_id: str
    sequence: int
    kind: EffectKind
    subject: str
    hook: str
    state: DeliveryState
    attempts: int
    due_at: datetime
    leased_until: datetime | None
    created_at: datetime
    settled_at: datetime | None
    """When its last attempt ended."""
    error: str | None
    """Why its last attempt failed."""
    redrive_of: int | None
    """The delivery that this one tries again."""


class Evidence(NamedTuple):
    """One event with everything that was decided about it, to be judged again."""

    entry: LedgerEntry
    effects: tuple[tuple[EffectKind, str], ...]
    """Kind and subject of each."""
    rules: str
    """What it was judged by, as ``rules_of`` names it; blank when that is not known."""


class Fault(NamedTuple):
    """Something in the record that is not as it was written, or not as it follows from the rest."""

    place: str
    """Which row: such as ``event 17``."""
    finding: str
    account_id: str | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.finding}"


class Segment(NamedTuple):
    """A part of the ledger that was archived and taken out of the store."""

    segment_id: int
    until: datetime
    """Events received before this were taken out, as far as nothing was waiting for them."""
    pruned_at: datetime
    events: int
    path: str
    """Where the archive was written."""
    archive_sha256: str
    """The SHA-256 of the archive's bytes, in hexadecimal."""
    head: str
    """The digest that the rest of the ledger goes on from, in hexadecimal; on stores with a chain for each account,
    the SHA-256 of all their heads."""


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


class DeliveryFilter(NamedTuple):
    """Which deliveries to read or to redrive."""

    state: DeliveryState | None = None
    hook: str | None = None
    account_id: str | None = None
    delivery_id: int | None = None


# ---- The store ----------------------------------------------------------------------------------------


class Ledger(Protocol):
    """Writes: every event is kept, and what it changes is kept with it or not at all."""

    def advance(
        self,
        events: Sequence[Event],
        decide: Decide,
        rules: str = "",
        *,
        releasing: Sequence[int] = (),
        released_at: datetime | None = None,
        quiet: bool = False,
    ) -> list[Decision]:
        """Judge events in order and keep everything, in one transaction.

        ``rules`` names what ``decide`` judges by (``rules_of``); blank for a step that cannot be named, whose
        decisions can later be verified by the chain but not judged again. ``releasing`` are numbers in the
        quarantine from which these events come: they are marked as released in the same transaction, at
        ``released_at`` or else at the events' own time, and if one of them was released before, ``StoreError`` is
        raised and nothing is kept. ``quiet`` events are kept like any other, their effects included, but the effects
        wait for nobody: no delivery is ever planned from them, for no hook, whenever it becomes known.
        """

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; their numbers."""

    def erase(self, account_id: str, at: datetime) -> int:
        """Erase an account's payloads and names for good, also from the quarantine; how many payloads that were.

        The events stay, with the digests of what was erased, so that the chain still verifies.
        """

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out, with a snapshot of the accounts as they
        then were; None if there is nothing to take. Events whose hooks are not finished stay, and so do later ones.
        """


class Reader(Protocol):
    """Reads, as streams: each is a consistent snapshot and holds one row at a time."""

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""

    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Several accounts at once; those that nothing was fed for are missing."""

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


class Prover(Protocol):
    """What makes the record provable."""

    def faults(self) -> Iterator[Fault]:
        """What the store can tell by itself: rows that were changed, are missing, or stand in the wrong place."""

    def evidence(self) -> Iterator[Evidence]:
        """Every event in the order of account id and sequence."""

    def baselines(self) -> Iterator[Account]:
        """The accounts as they were where the ledger begins, in the order of their ids; none if nothing was pruned."""

    def windows_by_account(self) -> Iterator[BlindWindow]:
        """Every blind window in the order of account id and sequence."""

    def segments(self) -> list[Segment]:
        """The parts of the ledger that were archived, oldest first."""

    def head(self) -> str:
        """What stands for the whole ledger, in hexadecimal: the digest of its last event, or on stores with a chain
        for each account the SHA-256 of all their heads; blank for a store that keeps no chain."""


class Outbox(Protocol):
    """Effects on their way to hooks. Times come from the caller; nothing here looks at a clock."""

    def subscribe(self, hooks: Sequence[SubscribedHook], now: datetime) -> None:
        """Make hooks known, or change how known ones are run; a disabled one stays disabled."""

    def subscribed(self) -> list[SubscribedHook]:
        """Every hook that the store knows, by name."""

    def unsubscribe(self, hook: str) -> bool:
        """Forget a hook and its unfinished deliveries; False if it is not known."""

    def disable(self, hook: str, now: datetime, reason: str) -> None:
        """Let a hook's deliveries wait until it is enabled."""

    def enable(self, hook: str) -> bool:
        """Let a disabled hook go on; False if it is not known."""

    def plan(self, now: datetime, limit: int, account_ids: Sequence[str] | None = None) -> int:
        """Make a delivery of each waiting effect for each subscribed hook that wants it; how many events that were.

        Of some accounts, or of all: then the events of about ``limit`` at a time, and 0 tells that none is left.
        Without any subscribed hook effects go on waiting and 0 is returned.
        """

    def claim(
        self,
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> list[Delivery]:
        """Take deliveries that are due, in the order of their effects; each counts an attempt, committed on return.

        Of these hooks only, as far as they are enabled, and of some accounts or of all. An ordered delivery is
        taken only if no earlier one of its account and hook is unfinished, and never two of them at once.
        """

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases; for each claim whether it still holds."""

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """Deliveries whose lease has run out, with the tokens that they were claimed by."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Keep what became of deliveries, in one transaction; for each whether its claim still held.

        A claim that does not hold (it was settled, or its lease ran out and somebody else took over) changes nothing.
        """

    def deliveries(self, wanted: DeliveryFilter) -> Iterator[DeliveryRecord]:
        """Deliveries in the order in which they were made."""

    def redrive(self, delivery_ids: Sequence[int], now: datetime) -> list[int]:
        """Try finished deliveries again: a new delivery for each that is done, dead or halted; their numbers.

        A halted lane goes on with it. One that is unfinished, not known, or redriven already is passed over.
        """

    def waiting_effects(self) -> int:
        """How many events have effects that were not planned yet."""


class Store(Ledger, Reader, Prover, Outbox, Protocol):
    """A store is all of them, and can be closed."""

    def close(self) -> None:
        """Release what it holds; closing twice is harmless."""
