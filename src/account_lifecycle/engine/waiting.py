"""What waits for the hooks of a process before it calls any: how much, and how much of it is old news.

A process that was down for a weekend has calls of Friday to make, which are perhaps messages to people. So a runner can
be asked to start only if nothing has been due for longer than ``OLD``.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from ..errors import ConfigurationError
from ..lifecycle.wording import JsonObject, lasting, time_text
from ..records import DeliveryFilter, DeliveryState, SubscribedHook
from ..stores.protocol import Store

OLD = timedelta(hours=1)
"""Calls that have been due for longer are old news."""


class WaitingCalls(NamedTuple):
    """What a hook would be called for."""

    hook: str
    due: int
    """How many deliveries are due."""
    later: int
    """How many are to be due."""
    oldest_due: datetime | None
    events: int
    """How many events are still to be looked through for it."""
    old_due: int
    """How many of the deliveries have been due for longer than an hour."""
    old_events: int
    """How many of the events were received more than an hour ago."""
    is_new: bool
    """Whether the store does not know the hook yet."""

    @property
    def is_old(self) -> bool:
        """Return whether the hook would be called for what is more than an hour old."""
        return bool(self.old_due or self.old_events)

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return self._asdict() | {"oldest_due": time_text(self.oldest_due)}


def waiting_calls(store: Store, hooks: Iterable[SubscribedHook], now: datetime) -> list[WaitingCalls]:
    """Return what waits for each of these hooks, whether the store knows it or not."""
    known = {hook.name: hook for hook in store.subscribed()}
    return [_waiting_for(store, hook, known.get(hook.name), now) for hook in hooks]


def _waiting_for(store: Store, hook: SubscribedHook, known: SubscribedHook | None, now: datetime) -> WaitingCalls:
    due, old, later, oldest = 0, 0, 0, None
    is_called = known is not None and known.disabled_at is None
    for record in store.deliveries(DeliveryFilter(DeliveryState.WAITING, hook.name)):
        if record.due_at > now:
            later += 1
        elif is_called:
            due, old = due + 1, old + (record.due_at < now - OLD)
            oldest = min(record.due_at, oldest or record.due_at)
    events, old_events = (store.behind(known or hook, before) for before in (now, now - OLD))
    return WaitingCalls(hook.name, due, later, oldest, events, old, old_events, known is None)


def refuse_old(waiting: Iterable[WaitingCalls]) -> None:
    """Raise ``ConfigurationError`` if a hook would be called for old news, with how to make or leave out the calls."""
    for each in waiting:
        if each.is_old:
            waits = f"{each.old_due:,} due deliveries and {each.old_events:,} events to be looked through"
            leave = "register it without since=" if each.is_new else f"engine.skip({each.hook!r}, before=…)"
            raise ConfigurationError(
                "catch_up",
                f"False, and {each.hook} has {waits} that are older than {lasting(OLD)}",
                f"True to make these calls. To leave them out: {leave}",
            )
