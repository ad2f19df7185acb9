"""The records that cross the seams between the parts, each with its one shape in JSON (``to_dict``)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from .lifecycle.account import Account
from .lifecycle.anomalies import AnomalyKind, NextStep, Severity
from .lifecycle.apply import applied
from .lifecycle.decide import Decision
from .lifecycle.definition import INITIAL
from .lifecycle.effects import Effect, EffectKind
from .lifecycle.events import Event
from .lifecycle.explain import Anomaly
from .lifecycle.machine import Situation
from .lifecycle.policy import Policy
from .lifecycle.status import Health, Status, Verdict
from .lifecycle.wording import JsonObject, event_place, moment, payload_fields, plain, printable, time_text

Decide = Callable[[Account, Event], Decision]
"""The pure step, with the policy in force: account and event in, decision out."""

Judge = Callable[[Account, Event], list[Decision]]
"""The same with the account's deadlines: those that passed before the event are decided first, one after the other."""

TimeSource = Callable[[], datetime]
"""Returns the present time: aware, UTC."""


class Observer(Protocol):
    """Sees every decision after it is committed; it cannot change it, and its failures are logged only."""

    def __call__(self, decision: Decision, /) -> object:
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
    """Whether its payload, owner and reason were erased on request."""

    def applied_to(self, account: Account, policy: Policy) -> Account:
        """Return the account after this event, from what was decided about it by ``policy``: nothing is judged again.

        ``account`` is the account before it: ``Account(account_id)`` before the first event.
        """
        kinds = tuple([anomaly.kind for anomaly in self.anomalies])
        after = applied(account, self.event, self.verdict, self.before, self.after, kinds, policy)
        return without_person(after) if self.is_erased else after

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
        """The status word that was announced or observed, or the account's status when a deadline passed."""
        return self.event.status

    @property
    def status(self) -> Status:
        """The account's status after the event."""
        return self.after.status

    @property
    def payload(self) -> bytes:
        """What came in, byte for byte; empty for an observation or a deadline, which nobody sent."""
        return getattr(self.event, "payload", b"")

    def __str__(self) -> str:
        return f"{event_place(self.account_id, self.sequence)}: {self.event}: {self.verdict}, {self.status}"

    def to_dict(self) -> JsonObject:
        """Return the entry as a JSON object, with its anomalies and its payload."""
        return {
            "account_id": self.account_id,
            "sequence": self.sequence,
            "received_at": time_text(self.received_at),
            **self.event.to_dict(),
            "verdict": self.verdict.value,
            "status_before": self.before.status.value,
            "status_after": self.after.status.value,
            "anomalies": [anomaly.to_dict() for anomaly in self.anomalies],
            "erased": self.is_erased,
            **payload_fields(self.payload),
        }


def without_person(account: Account) -> Account:
    """Return an account without what its erased events said of a person: its owner, and why it is down."""
    return replace(account, owner=None, memory=account.memory._replace(reason=""))


class Refused(NamedTuple):
    """A payload that could not be read, on its way into the quarantine."""

    received_at: datetime
    payload: bytes
    """What came in, byte for byte, cut to 64 KiB; empty for a foreign webhook, of which no text is kept."""
    size: int
    """How long it was before it was cut, in bytes."""
    field: str
    reason: str
    foreign: str = ""
    """Which other kind of webhook it is, such as ``a message webhook``; blank if it is none that is known."""
    account_id: str | None = None
    """Of a foreign webhook: the account that it names, if it names one."""
    sha256: str = ""
    """Of a foreign webhook: the SHA-256 of what came in, in hexadecimal."""


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
    foreign: str = ""
    """Which other kind of webhook it is; of such a one no text is kept, but these two."""
    account_id: str | None = None
    """Of a foreign webhook: the account that it names, if it names one."""
    sha256: str = ""
    """Of a foreign webhook: the SHA-256 of what came in, in hexadecimal."""
    dismissed_at: datetime | None = None
    """When somebody had seen it and wanted no more of it."""

    def __str__(self) -> str:
        return f"{self.quarantine_id}: {moment(self.received_at)}, {self.size:,} bytes: {printable(self.reason, 200)}"

    def to_dict(self) -> JsonObject:
        """Return the payload and why it could not be read as a JSON object; ``cut`` if not all of it was kept."""
        return {
            "quarantine_id": self.quarantine_id,
            "received_at": time_text(self.received_at),
            "field": self.field,
            "reason": self.reason,
            "size": self.size,
            "cut": self.size > len(self.payload) and not self.is_erased and not self.foreign,
            "erased": self.is_erased,
            "released_at": time_text(self.released_at),
            "dismissed_at": time_text(self.dismissed_at),
            "foreign": self.foreign,
            "account_id": self.account_id,
            "sha256": self.sha256,
            **payload_fields(self.payload),
        }


class StatusChange(NamedTuple):
    """One transition in an account's history, as hooks get it."""

    sequence: int
    at: datetime
    announced: str
    before: Status
    after: Status

    def to_dict(self) -> JsonObject:
        """Return the transition as a JSON object."""
        return {
            "sequence": self.sequence,
            "at": time_text(self.at),
            "announced": plain(self.announced),
            "status_before": self.before.value,
            "status_after": self.after.value,
        }


class EffectRow(NamedTuple):
    """An effect as the outbox keeps it."""

    effect_id: int
    account_id: str
    sequence: int
    occurred_at: datetime
    effect: Effect
    anomaly: Anomaly | None = None
    """The anomaly that an ``anomaly`` effect is about."""
    transitions: tuple[StatusChange, ...] = ()
    """The account's last transitions up to this event, oldest first, at most ``MOVES_TOLD``."""
    reason: str = ""
    """Why the event came, in the vendor's own words; blank where it gave no reason."""
    status: Status = INITIAL
    """The account's status after this event."""
    health: Health | None = None
    """The account's health after this event, if the event changed it."""

    @property
    def key(self) -> str:
        """The idempotency key: the same for every attempt and every redrive of every hook."""
        return self.effect.key(self.account_id, self.sequence)


MOVES_TOLD = 5
"""How many of the last transitions an effect carries."""


class Backlog(NamedTuple):
    """The events that a hook which became known after them is still to be planned for: ``after < number <= until``."""

    after: int
    until: int


class OnDead(StrEnum):
    """What happens to the later deliveries of a lane when one is dead-lettered."""

    SKIP = "skip"
    """They go on without it."""
    HALT = "halt"
    """They wait until it is redriven."""


BEGINNING = datetime.min.replace(tzinfo=UTC)
"""The ``since`` of a hook that is called for everything that is in the store."""


class SubscribedHook(NamedTuple):
    """A hook as the store knows it: whichever process feeds, its deliveries are planned."""

    name: str
    kind: EffectKind
    subject: str | None = None
    """None: whatever the subject."""
    severity: Severity | None = None
    """Of a hook for anomalies: only those at least so severe."""
    next_step: NextStep | None = None  # of a hook for anomalies: only those that ask for this
    is_ordered: bool = True
    """Whether its deliveries for one account run one after the other, in the order of the effects."""
    attempts_limit: int = 8  # before a delivery is dead-lettered
    on_dead: OnDead = OnDead.SKIP
    after: timedelta | None = None
    """How long its deliveries wait after their event, and are withdrawn when what they stand for ends meanwhile."""
    is_paired: bool = False
    """Whether it is called only where a hook of the same given name was for what its effect ends."""
    is_confirmed: bool = False
    """Whether the vendor is asked before it is called."""
    since: datetime | None = None
    """From when on events are its own, by the time of their receipt; None: those that are fed once it is known."""
    backlog: Backlog | None = None
    """Which events are still to be looked through for it, page by page; None when it is up with the feed."""
    subscribed_at: datetime | None = None
    disabled_at: datetime | None = None
    """Since when its deliveries wait for it to be enabled; None while it is."""
    disabled_reason: str = ""
    known_after: int = 0  # every later event with an effect that it wants has a delivery, once its backlog is past it
    chosen: tuple[str, ...] | None = None  # the anomalies that severity and next step came to when it became known

    @property
    def given_name(self) -> str:
        """Its name without the effect that it is for."""
        return self.name.split(":", 2)[-1]

    def to_dict(self) -> JsonObject:
        """Return the hook as a JSON object."""
        return {
            "hook": self.name,
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "severity": plain(self.severity),
            "next_step": plain(self.next_step),
            "ordering": "account" if self.is_ordered else "none",
            "attempts": self.attempts_limit,
            "on_dead": self.on_dead.value,
            "after_s": None if self.after is None else self.after.total_seconds(),
            "paired": self.is_paired,
            "confirm": self.is_confirmed,
            "since": "now" if self.since is None else "beginning" if self.since == BEGINNING else time_text(self.since),
            "is_behind": self.backlog is not None,
            "subscribed_at": time_text(self.subscribed_at),
            "disabled_at": time_text(self.disabled_at),
            "disabled_reason": self.disabled_reason,
        }


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """Due, or to be due."""
    RUNNING = "running"
    """Claimed: a worker holds its lease."""
    DONE = "done"
    DEAD = "dead"
    """Dead-lettered after its last attempt."""
    HALTED = "halted"
    """Dead-lettered, and its lane waits until it is redriven."""
    WITHDRAWN = "withdrawn"
    """Over before it was called, or skipped: it never is."""


UNFINISHED = (DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.HALTED)
"""What holds back the later deliveries of the same lane."""


class Delivery(NamedTuple):
    """One hook's turn at one effect, claimed."""

    delivery_id: int
    token: int
    """The fencing token of this claim: it grows with every claim, and only its holder can complete."""
    hook: SubscribedHook
    attempts: int
    """How many were made, this one included."""
    row: EffectRow


class Claim(NamedTuple):
    """What proves that a delivery is one's own to complete or to renew."""

    delivery_id: int
    token: int


class Completion(NamedTuple):
    """What became of a claimed delivery."""

    claim: Claim
    state: DeliveryState
    at: datetime
    due_at: datetime | None = None
    """Of a delivery that waits again: when it is due."""
    error: str | None = None
    """Why it is not done."""
    counts: bool = True
    """False gives the attempt back: nothing was tried, and without an ``error`` the one before stays."""


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
    """When its last attempt ended, or when it was withdrawn."""
    error: str | None
    """Why its last attempt failed, or why it was withdrawn."""
    redrive_of: int | None
    """The delivery that this one tries again."""

    def __str__(self) -> str:
        place = event_place(self.account_id, self.sequence)
        error = f": {printable(self.error, 200)}" if self.error else ""
        return f"{self.delivery_id}: {self.hook}: {place}: {self.state}, attempt {self.attempts:,}{error}"

    def to_dict(self) -> JsonObject:
        """Return the delivery as a JSON object."""
        return {
            "delivery_id": self.delivery_id,
            "hook": self.hook,
            "account_id": self.account_id,
            "sequence": self.sequence,
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "state": self.state.value,
            "attempts": self.attempts,
            "due_at": time_text(self.due_at),
            "leased_until": time_text(self.leased_until),
            "created_at": time_text(self.created_at),
            "settled_at": time_text(self.settled_at),
            "error": self.error,
            "redrive_of": self.redrive_of,
        }


class Evidence(NamedTuple):
    """One event with everything that was decided about it, to be judged again."""

    entry: LedgerEntry
    effects: tuple[tuple[EffectKind, str, bool], ...]
    """Kind and subject of each, and whether it is doubtful."""
    rules: str
    """What it was judged by, the name of its ``Rules``; blank when that is not known."""
    is_quiet: bool = False
    """Whether no hook is called for its effects."""


class Fault(NamedTuple):
    """Something in the record that is not as it was written, or not as it follows from the rest."""

    place: str
    """Which row: such as ``event 17``."""
    finding: str
    account_id: str | None = None
    sequence: int | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.finding}"

    def to_dict(self) -> JsonObject:
        """Return the fault as a JSON object."""
        return self._asdict()


class Segment(NamedTuple):
    """A part of the ledger that was archived and taken out of the store."""

    segment_id: int
    until: datetime
    """Events received before this were taken out, as far as nothing was waiting for them."""
    pruned_at: datetime
    events: int
    path: str  # of the archive
    archive_sha256: str
    """The SHA-256 of the archive's bytes, in hexadecimal."""
    head: str
    """The digest that the rest goes on from, in hexadecimal; with a chain for each account, the SHA-256 of all."""
    baselines: str = "00" * 32
    """What stands for the accounts where the ledger begins, and their blind windows closed by then."""

    def to_dict(self) -> JsonObject:
        """Return the segment as a JSON object."""
        return self._asdict() | {"until": time_text(self.until), "pruned_at": time_text(self.pruned_at)}


# ---- Filters: None asks for everything ---------------------------------------------------------------


class AccountFilter(NamedTuple):
    """Which accounts to read."""

    status: Status | None = None
    health: Health | None = None
    provider: str | None = None
    owner: str | None = None
    """Your own user id."""
    prefix: str | None = None
    """What the id begins with."""
    stuck: bool | None = None
    down: bool | None = None
    """Whether its health is one that reminders tell of."""


class AuditFilter(NamedTuple):
    """Which anomalies to read; ``since`` is inclusive, ``until`` exclusive."""

    kind: AnomalyKind | None = None
    severity: Severity | None = None
    """At least so severe."""
    account_id: str | None = None
    provider: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_dict(self) -> JsonObject:
        """Return the filter as a JSON object."""
        return {
            "kind": plain(self.kind),
            "severity": plain(self.severity),
            "account_id": self.account_id,
            "provider": plain(self.provider),
            "since": time_text(self.since),
            "until": time_text(self.until),
        }


class DeliveryFilter(NamedTuple):
    """Which deliveries to read or to redrive."""

    state: DeliveryState | None = None
    hook: str | None = None
    account_id: str | None = None
    delivery_id: int | None = None
    redriven: bool | None = None  # whether it was tried again
