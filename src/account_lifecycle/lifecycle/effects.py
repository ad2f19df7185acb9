"""Effects: what is to be done because of a decision, as data.

Knows the kinds of effect and which edges yield them; it must never do anything itself (hooks do).
"""

from enum import StrEnum
from typing import NamedTuple
from urllib.parse import quote

from . import definition
from .status import Health, Status
from .windows import BlindWindow
from .wording import JsonObject, plain


class EffectKind(StrEnum):
    """What a hook can be registered for."""

    ENTERED = "entered"
    """A status was entered; the subject names it."""
    LEFT = "left"
    """A status was left; the subject names it."""
    ANOMALY = "anomaly"
    """An anomaly was found; the subject names its kind."""
    CONNECTED = "connected"
    """The account is live for the first time."""
    INTERRUPTED = "interrupted"
    """A live account was interrupted: pause, but do not ask for a re-login."""
    ACTION_REQUIRED = "action_required"
    """The user must reconnect."""
    RECOVERED = "recovered"
    """The account is live again; the blind window tells what to backfill."""
    SYNC_COMPLETED = "sync_completed"
    """A synchronization finished; the subject is its product, or blank."""
    CREATION_FAILED = "creation_failed"
    """The account could not be created."""
    DELETED = "deleted"
    """The account is gone."""


class Effect(NamedTuple):
    """Something to be done. ``kind`` and ``subject`` are unique within one event."""

    kind: EffectKind
    subject: str = ""
    """The status, anomaly kind or product that it is about; blank where the kind says it all."""
    blind_window: BlindWindow | None = None
    """Of ``recovered``: exactly the interval to backfill."""

    def key(self, account_id: str, sequence: int) -> str:
        """The idempotency key: the same for every attempt, different for every other effect; safe in a URL."""
        return f"{quote(account_id, safe='')}/{sequence}/{self.kind}/{quote(self.subject, safe='')}"

    def to_dict(self, account_id: str, sequence: int) -> JsonObject:
        """Return the effect as a JSON object, with its idempotency key."""
        return {
            "key": self.key(account_id, sequence),
            "kind": self.kind.value,
            "subject": plain(self.subject),
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(),
        }


class HealthEffect(NamedTuple):
    """An effect of a change of health: from any health but ``after`` (or only ``before``) to ``after``."""

    kind: EffectKind
    after: Health
    before: Health | None = None


ON_HEALTH = (
    HealthEffect(EffectKind.INTERRUPTED, Health.INTERRUPTED, before=Health.LIVE),
    HealthEffect(EffectKind.ACTION_REQUIRED, Health.ACTION_REQUIRED),
    HealthEffect(EffectKind.CREATION_FAILED, Health.FAILED),
    HealthEffect(EffectKind.DELETED, Health.GONE),
)


def effects_of(before: Status, after: Status, was: Health, now: Health, *, first_life: bool) -> tuple[Effect, ...]:
    """The effects of an accepted announcement that follow from its edge alone.

    ``recovered`` (which carries a window) and ``sync_completed`` (which carries a product) are added by
    ``decide``, which has the account and the event at hand.
    """
    effects: list[Effect] = []
    if before is not after:
        if before is not definition.INITIAL:
            effects.append(Effect(EffectKind.LEFT, before))
        effects.append(Effect(EffectKind.ENTERED, after))
    if first_life:
        effects.append(Effect(EffectKind.CONNECTED))
    effects.extend(Effect(row.kind) for row in ON_HEALTH if row.after is now is not was and row.before in (None, was))
    return tuple(effects)
