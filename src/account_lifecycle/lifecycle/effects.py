"""Effects: what is to be done because of a decision, as data. Hooks do it, later."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache, lru_cache, partial
from typing import NamedTuple
from urllib.parse import quote

from . import definition
from .account import Account
from .status import Health, Status
from .windows import BlindWindow
from .wording import JsonObject, plain


class EffectKind(StrEnum):
    """What a hook can be registered for."""

    LEFT = "left"
    """A status was left; the subject names it."""
    ENTERED = "entered"
    """A status was entered; the subject names it."""
    HEALTH_CHANGED = "health_changed"
    """The health is another; the subject names the new one."""
    CONNECTED = "connected"
    """The account is live for the first time; the subject is ``adopted`` if its birth was never heard of."""
    INTERRUPTED = "interrupted"
    """The account is interrupted: pause, but do not ask for a new sign-in."""
    ACTION_REQUIRED = "action_required"
    """The user must reconnect."""
    ACTION_RESOLVED = "action_resolved"
    """The user need not do anything any more."""
    RECOVERED = "recovered"
    """The account is live again; the blind window tells what to backfill."""
    STILL_DOWN = "still_down"
    """The account has been down for as long as one of the reminders says."""
    SESSION_EXPIRING = "session_expiring"
    """The provider's session ends soon: a new sign-in now avoids an outage."""
    CLAIMED = "claimed"
    """The account has an owner; the subject is your own user id."""
    RECONNECT_FAILED = "reconnect_failed"
    """An attempt to sign in again failed."""
    SYNC_COMPLETED = "sync_completed"
    """A synchronization finished; the subject is its product, or blank."""
    CREATION_FAILED = "creation_failed"
    """The account could not be created."""
    DELETED = "deleted"
    """The account is gone."""
    ANOMALY = "anomaly"
    """An anomaly was found; the subject names its kind."""


_quoted = lru_cache(maxsize=1024)(partial(quote, safe=""))


class Effect(NamedTuple):
    """Something to be done. ``kind`` and ``subject`` are unique within one event."""

    kind: EffectKind
    subject: str = ""
    """The status, health, anomaly kind, owner or product that it is about; blank where the kind says it all."""
    doubtful: bool = False
    """Whether the event may be a late redelivery, so that this may be old news: ask before acting."""
    blind_window: BlindWindow | None = None
    """Of ``recovered``: exactly the interval to backfill."""

    def key(self, account_id: str, sequence: int) -> str:
        """Return the idempotency key: the same for every attempt, different for every other effect; safe in a URL."""
        return f"{_quoted(account_id)}/{sequence}/{self.kind}/{_quoted(self.subject)}"

    def to_dict(self, account_id: str, sequence: int) -> JsonObject:
        """Return the effect as a JSON object, with its idempotency key."""
        return {
            "key": self.key(account_id, sequence),
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "doubtful": self.doubtful,
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
        }


HEALTHS = {
    EffectKind.CONNECTED: Health.LIVE,
    EffectKind.RECOVERED: Health.LIVE,
    EffectKind.INTERRUPTED: Health.INTERRUPTED,
    EffectKind.ACTION_REQUIRED: Health.ACTION_REQUIRED,
}
"""The health that an effect says the account is in, also where the event has not changed it."""

OPENERS = {
    EffectKind.RECOVERED: (EffectKind.ACTION_REQUIRED, EffectKind.INTERRUPTED),
    EffectKind.ACTION_RESOLVED: (EffectKind.ACTION_REQUIRED,),
}
"""What the effects of these kinds bring to an end."""


def condition_of(kind: EffectKind, subject: str) -> str | None:
    """Return what an effect says that lasts until a later effect says otherwise (``ends``): that the account has a
    status or a health, or any but one, such as ``health=LIVE`` or ``status!=OK``; None for what lasts no time.
    """
    match kind:
        case EffectKind.ENTERED:
            return f"status={subject}"
        case EffectKind.LEFT:
            return f"status!={subject}"
        case EffectKind.HEALTH_CHANGED:
            return f"health={subject}"
        case EffectKind.ACTION_RESOLVED:
            return f"health!={Health.ACTION_REQUIRED}"
        case _:
            return f"health={HEALTHS[kind]}" if kind in HEALTHS else None


def ends(condition: str, effects: Iterable[Effect]) -> bool:
    """Return whether a condition holds no more after a later event with these effects."""
    what, _, word = condition.partition("=")
    says = EffectKind.ENTERED if what.startswith("status") else EffectKind.HEALTH_CHANGED
    return any(effect.kind is says and (effect.subject == word) is what.endswith("!") for effect in effects)


def holds(condition: str, account: Account) -> bool:
    """Return whether a condition holds of an account as it is."""
    what, _, word = condition.partition("=")
    found = account.status if what.startswith("status") else account.health
    return (found == word) is not what.endswith("!")


ON_HEALTH = {
    Health.INTERRUPTED: EffectKind.INTERRUPTED,
    Health.ACTION_REQUIRED: EffectKind.ACTION_REQUIRED,
    Health.FAILED: EffectKind.CREATION_FAILED,
    Health.GONE: EffectKind.DELETED,
}
"""What a health that an account comes to asks for."""


@cache
def effects_of(before: Status, after: Status, was: Health, now: Health) -> tuple[Effect, ...]:
    """Return the effects that follow from an edge: the statuses and healths before and after it.

    What depends on more of the account or the event (``connected``, ``recovered``, ``sync_completed`` ...) is added by
    ``decide``.
    """
    effects: list[Effect] = []
    if before is not after:
        if before is not definition.INITIAL:
            effects.append(Effect(EffectKind.LEFT, before))
        effects.append(Effect(EffectKind.ENTERED, after))
    if was is not now:
        effects.append(Effect(EffectKind.HEALTH_CHANGED, now))
        if was is Health.ACTION_REQUIRED and now is not Health.GONE:
            effects.append(Effect(EffectKind.ACTION_RESOLVED))
        if now in ON_HEALTH:
            effects.append(Effect(ON_HEALTH[now]))
    return tuple(effects)
