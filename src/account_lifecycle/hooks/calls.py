"""What hooks are called with: one effect, the account that it is about, and what is needed to do it once and in time.

Each kind of effect has the class whose fields are right for it (``CALL_TYPES``); where a kind says it all, that is
``AccountCall``.
"""

from dataclasses import dataclass
from datetime import datetime

from ..lifecycle.account import Account
from ..lifecycle.effects import HEALTHS, EffectKind
from ..lifecycle.events import NOBODY
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, event_place, plain, printable
from ..records import Delivery, EffectRow, StatusChange


@dataclass(slots=True, unsafe_hash=True)
class HookCall:
    """What any hook is called with. All times are aware and in UTC."""

    kind: EffectKind
    subject: str
    """The status, health, product, owner or anomaly kind that it is about; blank where the kind says it all."""
    account_id: str
    """The account; blank for a creation that failed before there was one."""
    sequence: int
    """The account's sequence at the event that caused it: compare it with ``account.sequence``."""
    occurred_at: datetime
    """When that event was received, or when its deadline passed."""
    account: Account | None
    """The account as it was just before the call, which may be later than the effect; None for nobody's."""
    key: str
    """The idempotency key: the same for every attempt of every hook at this effect."""
    owner: str | None = None
    """Your own user id, as hosted auth handed it back; None as long as it was not announced."""
    reason: str = ""
    """Why, in the vendor's own words; blank if it gave no reason."""
    doubtful: bool = False
    """Whether the event may be a late redelivery, so that this may be old news: ask before acting."""
    is_current: bool = True
    """Whether the account, just before the call, still had the status and the health that the event left it in."""
    confirmed: bool | None = None
    """Of a hook with ``confirm``: whether the vendor has just said the same. False: it could not be asked in time.
    None: this is no call that is confirmed."""
    attempt: int = 1
    """1 for the first attempt of this hook."""
    blind_window: BlindWindow | None = None
    """Of ``recovered``: exactly the interval to backfill."""
    anomaly: Anomaly | None = None
    """Of ``anomaly``: the anomaly, explained."""
    transitions: tuple[StatusChange, ...] = ()
    """The account's last transitions up to that event, oldest first: a handler that missed earlier calls can catch up
    from any later one."""
    token: int = 0
    """The fencing token of this attempt, which grows with each attempt of the same delivery: a system to which the hook
    writes can refuse a smaller one than it has seen, should an attempt that was thought dead still be at work."""

    def __str__(self) -> str:
        marks = [] if self.confirmed is None else ["confirmed" if self.confirmed else "unconfirmed"]
        marks += ["doubtful"] * self.doubtful + ["no longer current"] * (not self.is_current)
        what = f"{self.kind} {printable(self.subject)}".rstrip()
        place = event_place(self.account_id, self.sequence)
        return f"{what}: {'; '.join([f'{place}, attempt {self.attempt}', *marks])}"

    def to_dict(self) -> JsonObject:
        """Return the call as a JSON object, the same for every attempt as long as the account is the same."""
        account = None if self.account is None else self.account.to_dict()
        if account is not None:
            del account["in_status_s"]  # it depends on when one asks
        return {
            "key": self.key,
            "account_id": self.account_id,
            "sequence": self.sequence,
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "owner": self.owner,
            "reason": self.reason,
            "doubtful": self.doubtful,
            "is_current": self.is_current,
            "confirmed": self.confirmed,
            "account": account,
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
            "anomaly": None if self.anomaly is None else self.anomaly.to_dict(),
            "transitions": [transition.to_dict() for transition in self.transitions],
        }


class AccountCall(HookCall):
    """A call about an account that there is."""

    __slots__ = ()
    account: Account


class EnteredCall(AccountCall):
    """The account has entered a status."""

    __slots__ = ()

    @property
    def status(self) -> Status:
        """The status that it has entered."""
        return Status(self.subject)


class LeftCall(AccountCall):
    """The account has left a status."""

    __slots__ = ()

    @property
    def status(self) -> Status:
        """The status that it has left."""
        return Status(self.subject)


class HealthChangedCall(AccountCall):
    """The account's health has changed."""

    __slots__ = ()

    @property
    def health(self) -> Health:
        """The health that it has come to."""
        return Health(self.subject)


class ConnectedCall(AccountCall):
    """The account is live for the first time."""

    __slots__ = ()

    @property
    def is_adopted(self) -> bool:
        """Whether its creation was never announced, so that it may have been live for long."""
        return self.subject == "adopted"


class RecoveredCall(AccountCall):
    """The account is live again."""

    __slots__ = ()
    blind_window: BlindWindow


class ClaimedCall(AccountCall):
    """The account has an owner."""

    __slots__ = ()
    owner: str


class SyncCompletedCall(AccountCall):
    """A synchronization has finished."""

    __slots__ = ()

    @property
    def product(self) -> str:
        """The product that was synced; blank if none was named."""
        return self.subject


class CreationFailedCall(HookCall):
    """An account could not be created; often there is none, and only ``owner`` tells whose it would have been."""

    __slots__ = ()


class AnomalyCall(AccountCall):
    """An anomaly was found."""

    __slots__ = ()
    anomaly: Anomaly


CALL_TYPES: dict[EffectKind, type[HookCall]] = {
    **dict.fromkeys(EffectKind, AccountCall),
    EffectKind.ENTERED: EnteredCall,
    EffectKind.LEFT: LeftCall,
    EffectKind.HEALTH_CHANGED: HealthChangedCall,
    EffectKind.CONNECTED: ConnectedCall,
    EffectKind.RECOVERED: RecoveredCall,
    EffectKind.CLAIMED: ClaimedCall,
    EffectKind.SYNC_COMPLETED: SyncCompletedCall,
    EffectKind.CREATION_FAILED: CreationFailedCall,
    EffectKind.ANOMALY: AnomalyCall,
}
"""What a hook for each kind of effect is called with."""


def call_for(delivery: Delivery, account: Account | None, confirmed: bool | None = None) -> HookCall:
    """Return the call that carries out a delivery to an account as it is now; ``confirmed``: as the call has it."""
    row = delivery.row
    effect = row.effect
    if row.account_id == NOBODY:
        account = None  # a store may remember under this id whose creations failed
    is_current = account is None or _is_where_it_was_left(account, row)
    owner = None if account is None else account.owner
    if effect.kind is EffectKind.CLAIMED or account is None:
        owner = effect.subject or None
    reason = account.reason if account is not None and is_current else ""
    return CALL_TYPES[effect.kind](
        effect.kind,
        effect.subject,
        row.account_id,
        row.sequence,
        row.occurred_at,
        account,
        row.key,
        owner=owner,
        reason=row.reason or reason,
        doubtful=effect.doubtful,
        is_current=is_current,
        confirmed=confirmed,
        attempt=delivery.attempts,
        blind_window=effect.blind_window,
        anomaly=row.anomaly,
        transitions=row.transitions,
        token=delivery.token,
    )


def _is_where_it_was_left(account: Account, row: EffectRow) -> bool:
    """Return whether an account has the status and the health in which an event has left it.

    Where the event changed no health, the health is the same if it has not begun since, within the same stay.
    """
    if account.sequence == row.sequence:
        return True
    if account.status is not row.status:
        return False
    health = row.health or HEALTHS.get(row.effect.kind)
    if health is not None:
        return account.health is health
    until = max(row.occurred_at, row.transitions[-1].at) if row.transitions else row.occurred_at
    began = [at for at in (account.since, account.down_since) if at is not None]
    return all(at <= until for at in began)
