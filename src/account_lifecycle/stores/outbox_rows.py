"""Between rows and records of the outbox: effects, hooks and deliveries. Times are microseconds since 1970, UTC."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ..lifecycle.effects import EffectKind
from ..lifecycle.explain import Anomaly
from ..lifecycle.machine import situation_from
from ..lifecycle.status import Health
from ..records import (
    Completion,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    EffectRow,
    OnDead,
    StatusChange,
    SubscribedHook,
)
from .rows import Row, anomaly_from, effects_from, from_us, maybe_time, maybe_us, to_us, window_from

EFFECTS_PER_EVENT = 16
"""More than any event can have: an effect's id is its event's id times this, plus its own place."""
DELIVERY_ERROR = 12
"""Which column of a delivery has its error."""

# ---- Effects --------------------------------------------------------------------------------------


def effects_by_id(
    events: Iterable[Row], audited: Iterable[Row], moved: Mapping[int, Iterable[Row]]
) -> dict[int, EffectRow]:
    """Return the effects of events by their ids, each with everything that a hook gets.

    ``events`` are each event's id, its effects' text, its account id, sequence, time of receipt, owner, reason and the
    situation after it, and the columns of the window that it closed (NULL if there is none); ``audited`` the columns of
    their anomalies; ``moved``, by event id, sequence, time of receipt, word, and the situations before and after, of
    the account's last moves.
    """
    anomalies: dict[tuple[str, int, str], Anomaly] = {}
    for anomaly in map(anomaly_from, audited):
        anomalies[anomaly.account_id, anomaly.sequence, anomaly.kind.value] = anomaly
    found = {}
    for event_id, text, account_id, sequence, at, owner, reason, left_in, *columns in events:
        window = window_from((account_id, *columns)) if columns[0] is not None else None
        moves = tuple(
            StatusChange(number, from_us(moved_at), word, situation_from(before).status, situation_from(after).status)
            for number, moved_at, word, before, after in moved.get(event_id, ())
        )
        effects, status = effects_from(text, owner), situation_from(left_in).status
        health = next((Health(each.subject) for each in effects if each.kind is EffectKind.HEALTH_CHANGED), None)
        for effect_id, effect in enumerate(effects, event_id * EFFECTS_PER_EVENT):
            if effect.kind is EffectKind.RECOVERED:
                effect = effect._replace(blind_window=window)
            is_anomaly = effect.kind is EffectKind.ANOMALY
            about = anomalies[account_id, sequence, str(effect.subject)] if is_anomaly else None
            place = effect_id, account_id, sequence, from_us(at)
            found[effect_id] = EffectRow(*place, effect, about, moves, reason, status, health)
    return found


# ---- Hooks ----------------------------------------------------------------------------------------


def hook_row(hook: SubscribedHook) -> Row:
    """Return a hook's columns, in the table's order."""
    name, kind, subject, is_ordered, attempts_limit, on_dead, subscribed_at, disabled_at, reason = hook
    times = maybe_us(subscribed_at), maybe_us(disabled_at)
    return name, kind, subject, int(is_ordered), attempts_limit, on_dead, *times, reason


def hook_from(row: Row) -> SubscribedHook:
    """Make a hook from its columns."""
    name, kind, subject, is_ordered, attempts_limit, on_dead, subscribed_at, disabled_at, reason = row
    return SubscribedHook(
        name,
        EffectKind(kind),
        subject,
        bool(is_ordered),
        attempts_limit,
        OnDead(on_dead),
        maybe_time(subscribed_at),
        maybe_time(disabled_at),
        reason,
    )


def resubscribed(hook: SubscribedHook, known: SubscribedHook | None, now: datetime) -> SubscribedHook:
    """Return a hook as it is to be kept: what a process says about it, and what only the store knows."""
    if known is None:
        return hook._replace(subscribed_at=now, disabled_at=None, disabled_reason="")
    return hook._replace(
        subscribed_at=known.subscribed_at, disabled_at=known.disabled_at, disabled_reason=known.disabled_reason
    )


# ---- Deliveries -----------------------------------------------------------------------------------


class DeliveryRow(NamedTuple):
    """A delivery's columns, in the table's order."""

    delivery_id: int
    effect_id: int
    account_id: str
    hook: str
    is_ordered: int
    state: str
    attempts: int
    token: int
    due_at: int
    leased_until: int | None
    created_at: int
    settled_at: int | None = None
    error: str | None = None
    redrive_of: int | None = None


def planned(
    first_id: int, events: Iterable[tuple[int, str, str]], hooks: Sequence[SubscribedHook], now: datetime
) -> list[DeliveryRow]:
    """Make a delivery of each effect for each hook that wants it, numbered from ``first_id`` in their order.

    ``events`` are event id, account id and effects' text of each: which owner an effect is about no hook may ask.
    """
    wanted = [
        (effect_id, account_id, hook)
        for event_id, account_id, text in events
        for effect_id, effect in enumerate(effects_from(text), event_id * EFFECTS_PER_EVENT)
        for hook in hooks
        if hook.wants(effect.kind, effect.subject)
    ]
    return [new_delivery(number, *facts, now) for number, facts in enumerate(wanted, first_id)]


def new_delivery(
    delivery_id: int,
    effect_id: int,
    account_id: str,
    hook: SubscribedHook,
    now: datetime,
    redrive_of: int | None = None,
) -> DeliveryRow:
    """Make a delivery that nobody has tried yet, due at once."""
    at, state = to_us(now), DeliveryState.WAITING.value
    return DeliveryRow(
        delivery_id, effect_id, account_id, hook.name, int(hook.is_ordered), state, 0, 0, at, None, at,
        redrive_of=redrive_of,
    )  # fmt: skip


def claimed(row: DeliveryRow, leased_until: datetime) -> DeliveryRow:
    """Return a delivery once it is somebody's."""
    return row._replace(
        state=DeliveryState.RUNNING.value,
        attempts=row.attempts + 1,
        token=row.token + 1,
        leased_until=to_us(leased_until),
    )


def after_completion(row: DeliveryRow, completion: Completion) -> DeliveryRow:
    """Return a claimed delivery once it is known what became of it."""
    _, state, at, due_at, error, counts = completion
    return row._replace(
        state=state.value,
        attempts=row.attempts - (not counts),
        due_at=to_us(due_at or at) if state is DeliveryState.WAITING else row.due_at,
        leased_until=None,
        settled_at=to_us(at),
        error=error if counts or error else row.error,
    )


def delivery_from(row: DeliveryRow, hook: SubscribedHook, effect: EffectRow) -> Delivery:
    """Return a claimed delivery as its owner gets it."""
    return Delivery(row.delivery_id, row.token, hook, row.attempts, effect)


def delivery_record_from(row: Row) -> DeliveryRecord:
    """Make a delivery for people, from its columns, its event's sequence, the effects' text and the event's owner."""
    *columns, sequence, text, owner = row
    found = DeliveryRow(*columns)
    effect = effects_from(text, owner)[found.effect_id % EFFECTS_PER_EVENT]
    return DeliveryRecord(
        found.delivery_id,
        found.effect_id,
        found.account_id,
        sequence,
        effect.kind,
        effect.subject,
        found.hook,
        DeliveryState(found.state),
        found.attempts,
        from_us(found.due_at),
        maybe_time(found.leased_until),
        from_us(found.created_at),
        maybe_time(found.settled_at),
        found.error,
        found.redrive_of,
    )
