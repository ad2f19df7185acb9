"""Withdrawing: deliveries that wait and are over before they are called.

A delivery of a hook with a dwell waits, and stands for something: that the account has a status or a health
(``lifecycle.effects.condition_of``). The first later event with an effect that says otherwise withdraws it, in the
event's own transaction, so that a flapping account is seen to have come and gone however seldom anybody looks.

A *paired* hook is called only where its opener was: an opener is a hook of the same given name for what the paired
effect ends (``OPENERS``). When the paired delivery is made, the account's earlier deliveries are looked at, from the
last one on that this hook was called for. If an opener is done, it is to be called; if one is unfinished, it waits for
that, and is withdrawn if that is dead-lettered or withdrawn; else it is withdrawn at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ..lifecycle.effects import Effect, ends
from ..records import UNFINISHED, DeliveryState, SubscribedHook
from .decided import effects_from
from .outbox_rows import EFFECTS_PER_EVENT, DeliveryRow, Planner, wishes
from .rows import to_us

ENDED = "the account was no longer in that state when it was to be called"
"""Why a delivery with a dwell was withdrawn."""
NOT_OPENED = "no opener of it was delivered"
"""Why a paired delivery was withdrawn."""
NOT_DELIVERED = "its opener was not delivered"
"""Why a paired delivery was withdrawn that has waited for its opener."""
SKIPPED = "skipped"
"""Why a delivery was withdrawn on request."""
RENAMED = "its hook was renamed, and had a delivery of this effect under its other name"
"""Why one of two deliveries of an effect was withdrawn."""
HOOKS_PAGE = 500
"""How many deliveries are changed in one transaction when a hook is skipped or renamed."""


def skipped(hook: SubscribedHook, before: datetime) -> SubscribedHook:
    """Return a hook whose backlog has no events that were received before a time."""
    return hook if hook.backlog is None or hook.since is None else hook._replace(since=max(before, hook.since))


def renamed(old: SubscribedHook, new: SubscribedHook | None, name: str, now: datetime, last: int) -> SubscribedHook:
    """Return the hook that takes over from an old one, disabled until it has all its deliveries.

    ``last`` is the last event. If both wanted the same, it has whatever the old one had.
    """
    kept = (new or old)._replace(
        name=name, since=old.since, backlog=old.backlog, subscribed_at=old.subscribed_at, disabled_at=now
    )
    known_after = old.known_after if wishes(kept) == wishes(old) else last
    return kept._replace(disabled_reason=renaming(old.name), known_after=known_after)


def renaming(old: str) -> str:
    """Return why a hook is disabled that takes over from another one."""
    return f"it takes over from {old}: if that was interrupted, rename it again"


def withdrawn(row: DeliveryRow, at: int, reason: str) -> DeliveryRow:
    """Return a delivery that is not to be called any more."""
    return row._replace(state=DeliveryState.WITHDRAWN.value, settled_at=at, leased_until=None, error=reason)


class Withdrawals:
    """The deliveries of some accounts that events may withdraw, or that paired ones depend on.

    ``unfinished`` are those in the store of the planner's watched hooks, ``delivered`` the last effect of each of these
    hooks, by hook and account, that is done.
    """

    def __init__(
        self, planner: Planner, unfinished: Iterable[DeliveryRow], delivered: Mapping[tuple[str, str], int]
    ) -> None:
        self._openers = planner.openers
        self._watched = planner.watched
        self._delivered = delivered
        self._open: dict[str, list[DeliveryRow]] = {}
        self.changed: dict[int, DeliveryRow] = {}
        """Deliveries of the store that were withdrawn, by number."""
        self._made: dict[tuple[str, int], DeliveryRow] = {}
        for row in sorted(unfinished, key=lambda row: (row.effect_id, row.delivery_id)):
            self._open.setdefault(row.account_id, []).append(row)

    def follow(
        self, event_id: int, account_id: str, effects: Sequence[Effect], at: datetime, made: Iterable[DeliveryRow]
    ) -> None:
        """See an event and the deliveries that are made of it, after those before it."""
        left, first = [], event_id * EFFECTS_PER_EVENT
        for row in self._open.get(account_id, ()):
            is_over = row.stands_for is not None and row.effect_id < first and ends(row.stands_for, effects)
            if is_over and _is_untouched(row):
                self._withdraw(row, to_us(at), ENDED)
            else:
                left.append(row)
        for row in made:
            if row.hook in self._watched:
                row = self._opened(row, left, to_us(at)) if row.hook in self._openers else row
                self._made[row.hook, row.effect_id] = row
                if row.state in UNFINISHED:
                    left.append(row)
        self._open[account_id] = left

    def as_made(self, row: DeliveryRow) -> DeliveryRow:
        """Return a new delivery as it stands after all that was seen."""
        return self._made.get((row.hook, row.effect_id), row)

    def _withdraw(self, row: DeliveryRow, at: int, reason: str) -> None:
        gone = withdrawn(row, at, reason)
        if row.delivery_id:
            self.changed[row.delivery_id] = gone
        else:
            self._made[row.hook, row.effect_id] = gone

    def _opened(self, row: DeliveryRow, unfinished: Iterable[DeliveryRow], at: int) -> DeliveryRow:
        """Return a paired delivery as its opener lets it be."""
        openers, last = self._openers[row.hook], self._delivered.get((row.hook, row.account_id), -1)
        if any(self._delivered.get((opener, row.account_id), -1) > last for opener in openers):
            return row
        waits_for = [each for each in unfinished if each.hook in openers and last < each.effect_id < row.effect_id]
        if not waits_for:
            return withdrawn(row, at, NOT_OPENED)
        return row._replace(opener_hook=waits_for[-1].hook, opener_effect_id=waits_for[-1].effect_id)


def _is_untouched(row: DeliveryRow) -> bool:
    """Return whether a delivery waits and was never called."""
    return row.state == DeliveryState.WAITING and row.attempts == 0


def dependents(row: DeliveryRow, waiting: Iterable[DeliveryRow], at: int) -> Iterator[DeliveryRow]:
    """Yield those of the deliveries that wait, withdrawn, that have waited for one which will not be delivered."""
    for each in waiting:
        if (each.opener_hook, each.opener_effect_id) == (row.hook, row.effect_id):
            yield withdrawn(each, at, NOT_DELIVERED)


def watch_backlog(
    planner: Planner,
    made: Sequence[DeliveryRow],
    events: Iterable[tuple[int, str, str]],
    now: datetime,
    unfinished: Iterable[DeliveryRow],
    delivered: Mapping[tuple[str, str], int],
) -> tuple[list[DeliveryRow], list[DeliveryRow]]:
    """Return what is changed in the store, and what was ``made`` of a page of earlier events, as they stand by now.

    ``events`` are those of the watched accounts from that page on, up to the last: number, account id, effects' text.
    """
    watch, by_event = Withdrawals(planner, unfinished, delivered), dict[int, list[DeliveryRow]]()
    for row in made:
        by_event.setdefault(row.effect_id // EFFECTS_PER_EVENT, []).append(row)
    for event_id, account_id, text in events:
        watch.follow(event_id, account_id, effects_from(text), now, by_event.get(event_id, ()))
    return list(watch.changed.values()), [watch.as_made(row) for row in made]
