"""Between rows and records of the outbox: effects, hooks and deliveries. Times are microseconds since 1970, UTC."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind, NextStep, Severity
from ..lifecycle.decide import Decision
from ..lifecycle.effects import OPENERS, Effect, EffectKind, condition_of
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Health
from ..records import (
    Backlog,
    Completion,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    EffectRow,
    OnDead,
    StatusChange,
    SubscribedHook,
)
from .decided import decided_from, effects_from
from .protocol import Feed
from .rows import Row, anomaly_from, from_us, maybe_time, maybe_us, to_us, window_from

_MICROSECOND = timedelta(microseconds=1)
EFFECTS_PER_EVENT = 16
"""More than any event can have: an effect's id is its event's id times this, plus its own place."""

# ---- Effects --------------------------------------------------------------------------------------


def effects_by_id(
    events: Iterable[Row], audited: Iterable[Row], moved: Mapping[int, Iterable[Row]]
) -> dict[int, EffectRow]:
    """Return the effects of events by their ids, each with everything that a hook gets.

    ``events`` are each event's id, what was decided about it, its account id, sequence, time of receipt, owner and
    reason, and the columns of the window that it closed (NULL if there is none); ``audited`` the columns of their
    anomalies; ``moved``, by event id, sequence, time of receipt, word, and what was decided, of the account's last
    moves.
    """
    anomalies: dict[tuple[str, int, str], Anomaly] = {}
    for anomaly in map(anomaly_from, audited):
        anomalies[anomaly.account_id, anomaly.sequence, anomaly.kind.value] = anomaly
    found = {}
    for event_id, text, account_id, sequence, at, owner, reason, *columns in events:
        window = window_from((account_id, *columns)) if columns[0] is not None else None
        moves = _moves_from(moved.get(event_id, ()))
        _, _, after, effects = decided_from(text, owner)
        health = next((Health(each.subject) for each in effects if each.kind is EffectKind.HEALTH_CHANGED), None)
        for effect_id, effect in enumerate(effects, event_id * EFFECTS_PER_EVENT):
            if effect.kind is EffectKind.RECOVERED:
                effect = effect._replace(blind_window=window)
            is_anomaly = effect.kind is EffectKind.ANOMALY
            about = anomalies[account_id, sequence, str(effect.subject)] if is_anomaly else None
            place = effect_id, account_id, sequence, from_us(at)
            found[effect_id] = EffectRow(*place, effect, about, moves, reason, after.status, health)
    return found


def by_event(moved: Iterable[Row]) -> dict[int, list[Row]]:
    """Return the last moves of accounts by the event up to which they are, which is their first column."""
    found: dict[int, list[Row]] = {}
    for event_id, *columns in moved:
        found.setdefault(event_id, []).append(tuple(columns))
    return found


def fed_effect(effect_id: int, decision: Decision, moved: Iterable[Row]) -> EffectRow:
    """Return an effect of an event that was just fed: the same as would be read of it. ``moved`` as above."""
    effect, after = decision.effects[effect_id % EFFECTS_PER_EVENT], decision.after
    is_anomaly = effect.kind is EffectKind.ANOMALY
    about = next((each for each in decision.anomalies if each.kind == effect.subject), None) if is_anomaly else None
    health = next((Health(each.subject) for each in decision.effects if each.kind is EffectKind.HEALTH_CHANGED), None)
    place = effect_id, after.account_id, after.sequence, decision.event.received_at
    reason = getattr(decision.event, "reason", "")
    return EffectRow(*place, effect, about, _moves_from(moved), reason, after.status, health)


def _moves_from(moved: Iterable[Row]) -> tuple[StatusChange, ...]:
    found = []
    for number, at, word, text in moved:
        _, before, after, _ = decided_from(text)
        found.append(StatusChange(number, from_us(at), word, before.status, after.status))
    return tuple(found)


# ---- Hooks ----------------------------------------------------------------------------------------


def hook_row(hook: SubscribedHook) -> Row:
    """Return a hook's columns, in the table's order."""
    after, until = hook.backlog or (None, None)
    return (
        hook.name,
        hook.kind,
        hook.subject,
        hook.severity,
        hook.next_step,
        int(hook.is_ordered),
        hook.attempts_limit,
        hook.on_dead,
        None if hook.after is None else hook.after // _MICROSECOND,
        int(hook.is_paired),
        int(hook.is_confirmed),
        maybe_us(hook.since),
        after,
        until,
        maybe_us(hook.subscribed_at),
        maybe_us(hook.disabled_at),
        hook.disabled_reason,
        hook.known_after,
        None if hook.chosen is None else ",".join(hook.chosen),
    )


HOOK_COLUMNS = 19


def hook_from(row: Row) -> SubscribedHook:
    """Make a hook from its columns."""
    name, kind, subject, severity, next_step, is_ordered, attempts_limit, on_dead, *rest = row
    dwell, is_paired, is_confirmed, since, after, until, subscribed_at, disabled_at, reason, known_after, chosen = rest
    return SubscribedHook(
        name,
        EffectKind(kind),
        subject,
        None if severity is None else Severity(severity),
        None if next_step is None else NextStep(next_step),
        bool(is_ordered),
        attempts_limit,
        OnDead(on_dead),
        None if dwell is None else dwell * _MICROSECOND,
        bool(is_paired),
        bool(is_confirmed),
        maybe_time(since),
        None if after is None else Backlog(after, until),
        maybe_time(subscribed_at),
        maybe_time(disabled_at),
        reason,
        known_after,
        None if chosen is None else tuple(chosen.split(",")) if chosen else (),
    )


def resubscribed(
    hook: SubscribedHook, known: SubscribedHook | None, earlier: Backlog | None, now: datetime
) -> SubscribedHook:
    """Return a hook as it is to be kept: what a process says about it, and what only the store knows.

    ``earlier`` are the events that there are: the backlog of one that becomes known with a ``since``.
    """
    hook, last = hook._replace(chosen=chosen_by(hook)), 0 if earlier is None else earlier.until
    if known is None:
        backlog = None if hook.since is None else earlier
        kept = hook._replace(backlog=backlog, subscribed_at=now, disabled_at=None, disabled_reason="")
        return kept._replace(known_after=last if backlog is None else backlog.after)
    is_wanting_the_same = wishes(hook) == wishes(known)
    return hook._replace(
        known_after=known.known_after if is_wanting_the_same else max(last, known.known_after),
        since=known.since,
        backlog=known.backlog,
        subscribed_at=known.subscribed_at,
        disabled_at=known.disabled_at,
        disabled_reason=known.disabled_reason,
    )


def wishes(hook: SubscribedHook) -> tuple[object, ...]:
    """Return what decides which effects a hook wants."""
    return hook.kind, hook.subject, hook.chosen


def chosen_by(hook: SubscribedHook) -> tuple[str, ...] | None:
    """Return the kinds of anomalies that a hook's severity and next step come to, as this version has them; None if it
    has neither. They are kept, so that what it wanted can be told after an upgrade that changes them."""
    if hook.severity is None and hook.next_step is None:
        return None
    order = [*Severity]
    least = 0 if hook.severity is None else order.index(hook.severity)
    return tuple(
        kind.value
        for kind in AnomalyKind
        if order.index(kind.severity) >= least and hook.next_step in (None, kind.next_step)
    )


def changed_hooks(
    hooks: Sequence[SubscribedHook], known: Mapping[str, SubscribedHook], earlier: Backlog | None, now: datetime
) -> list[SubscribedHook]:
    """Return those hooks as they are to be kept that are not kept so already; of several of one name the last."""
    kept = {hook.name: resubscribed(hook, known.get(hook.name), earlier, now) for hook in hooks}
    return [hook for name, hook in sorted(kept.items()) if hook != known.get(name)]


def behind(hook: SubscribedHook, before: datetime) -> tuple[int, int, int, int] | None:
    """Return which events are still to be looked through for a hook: after which, up to which, since and before when.

    One that was never subscribed, and is called for earlier events, has all of them before it.
    """
    if hook.since is None or (hook.backlog is None and hook.subscribed_at is not None):
        return None
    return (*(hook.backlog or (0, 2**62)), to_us(hook.since), to_us(before))


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
    stands_for: str | None = None
    opener_hook: str | None = None
    opener_effect_id: int | None = None


class NewDelivery(NamedTuple):
    """A delivery that a feed makes, its number still to be given."""

    row: DeliveryRow
    hook: SubscribedHook
    decision: Decision
    feed: Feed


def wants(hook: SubscribedHook, effect: Effect) -> bool:
    """Return whether a hook is to be called for an effect."""
    if effect.kind is not hook.kind or hook.subject not in (None, effect.subject):
        return False
    return hook.chosen is None or effect.subject in hook.chosen


def wants_anything(hook: SubscribedHook) -> bool:
    """Return whether there is an anomaly that a hook is to be called for, if it is for anomalies."""
    chosen = chosen_by(hook)
    return hook.kind is not EffectKind.ANOMALY or chosen is None or any(hook.subject in (None, kind) for kind in chosen)


class Planner:
    """Knows which of the hooks want which effects. Made anew when a hook changes."""

    def __init__(self, hooks: Iterable[SubscribedHook]) -> None:
        self.hooks = {hook.name: hook for hook in hooks}
        self.openers = {hook.name: tuple(self._openers_of(hook)) for hook in self.hooks.values() if hook.is_paired}
        """The hooks that those which are paired are paired with."""
        dwelling = (hook.name for hook in self.hooks.values() if hook.after is not None)
        self.watched = {*dwelling, *self.openers, *(name for names in self.openers.values() for name in names)}
        """The hooks whose deliveries may be withdrawn, or decide about others (``withdrawal``)."""
        self._wanted: dict[str, list[tuple[int, SubscribedHook]]] = {}

    def wanted(self, text: str) -> list[tuple[int, SubscribedHook]]:
        """Return the places of an event's effects, of which ``text`` is what was decided, each with a hook that wants
        it."""
        found = self._wanted.get(text)
        if found is None:
            if len(self._wanted) >= _TEXTS:
                self._wanted.clear()
            effects = enumerate(effects_from(text))
            found = [(place, hook) for place, effect in effects for hook in self.hooks.values() if wants(hook, effect)]
            self._wanted[text] = found
        return found

    def _openers_of(self, hook: SubscribedHook) -> Iterator[str]:
        for other in self.hooks.values():
            if other.kind in OPENERS.get(hook.kind, ()) and other.given_name == hook.given_name:
                yield other.name

    def deliveries(self, number: int, decision: Decision, text: str, feed: Feed) -> Iterator[NewDelivery]:
        """Yield the deliveries of an event that is being fed under this number."""
        account_id, at = decision.after.account_id, decision.event.received_at
        for place, hook in self.wanted(text):
            if hook.since is None or at >= hook.since:
                effect_id = number * EFFECTS_PER_EVENT + place
                row = new_delivery(0, effect_id, account_id, hook, feed.now or at)
                if hook.after is not None:
                    row = dwelling(row, decision.effects[place], at, hook.after)
                yield NewDelivery(row, hook, decision, feed)

    def backlog(self, events: Iterable[tuple[int, str, int, str]], now: datetime) -> Iterator[DeliveryRow]:
        """Yield the deliveries of earlier events for the hooks that are behind.

        ``events`` are event id, account id, time of receipt and what was decided of each that is not quiet.
        """
        for event_id, account_id, received_at, text in events:
            effects = effects_from(text)
            for place, hook in self.wanted(text):
                is_behind = hook.backlog is not None and hook.backlog.after < event_id <= hook.backlog.until
                if is_behind and hook.since is not None and from_us(received_at) >= hook.since:
                    row = new_delivery(0, event_id * EFFECTS_PER_EVENT + place, account_id, hook, now)
                    yield row if hook.after is None else dwelling(row, effects[place], from_us(received_at), hook.after)

    def next_page(self, limit: int) -> Backlog | None:
        """Return which events are to be looked through for ``limit`` with effects: from where the hook is that is
        furthest behind; None if no hook is."""
        behind = [hook.backlog for hook in self.hooks.values() if hook.backlog is not None]
        if not behind:
            return None
        after, until = min(behind).after, max(each.until for each in behind)
        return Backlog(after, min(until, after + BACKLOG_WINDOW * limit))

    def after_backlog(self, last: int) -> list[SubscribedHook]:
        """Return the hooks that change once the events up to ``last`` were looked through."""
        changed = []
        for hook in self.hooks.values():
            if hook.backlog is not None and hook.backlog.after < last:
                is_over = last >= hook.backlog.until
                changed.append(hook._replace(backlog=None if is_over else hook.backlog._replace(after=last)))
        return changed


_TEXTS = 1024
"""Of how many texts of what was decided a planner remembers who wants what."""
BACKLOG_WINDOW = 50
"""How many times more events a page of a backlog looks through than it may find with effects."""


def fed_delivery(row: DeliveryRow, new: NewDelivery, moved: Mapping[int, Iterable[Row]]) -> tuple[Feed, Delivery]:
    """Return a new delivery that is claimed, as its feed gets it."""
    effect = fed_effect(row.effect_id, new.decision, moved.get(row.effect_id // EFFECTS_PER_EVENT, ()))
    return new.feed, delivery_from(row, new.hook, effect)


def claimable(made: Iterable[NewDelivery]) -> Iterator[int]:
    """Yield the places of new deliveries that their feeds wish to claim and that may be, as far as the lanes in the
    store are free."""
    lanes: set[tuple[str, str]] = set()
    counts: dict[int, int] = {}
    for place, (row, hook, _, feed) in enumerate(made):
        claiming, lane = feed.claiming, (hook.name, row.account_id)
        if row.state != DeliveryState.WAITING:
            continue
        is_first = not hook.is_ordered or (lane not in lanes and hook.backlog is None)
        lanes.add(lane)
        if claiming is None or not is_first or hook.name not in claiming.hooks or hook.disabled_at is not None:
            continue
        if row.due_at > row.created_at or row.opener_hook is not None:
            continue
        if hook.attempts_limit > 1 and counts.get(id(feed), 0) < claiming.limit:
            counts[id(feed)] = counts.get(id(feed), 0) + 1
            yield place


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


def dwelling(row: DeliveryRow, effect: Effect, at: datetime, after: timedelta) -> DeliveryRow:
    """Return a new delivery that is to wait so long after its event, as long as its effect lasts."""
    due_at = max(row.due_at, to_us(at + after))
    return row._replace(due_at=due_at, stands_for=condition_of(effect.kind, effect.subject))


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
    """Make a delivery for people, from its columns, its event's sequence, what was decided and the event's owner."""
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
