"""Which deliveries have to be there: those that each hook wanted of the events that were fed since it is known,
and of those before that which it had as a backlog."""

from collections.abc import Collection, Iterable, Iterator

from ..records import SubscribedHook
from .outbox_rows import EFFECTS_PER_EVENT, Planner
from .rows import from_us
from .withdrawal import renaming


def undelivered(
    hooks: Iterable[SubscribedHook], events: Iterable[tuple[int, str, int, str, Collection[tuple[int, str]]]]
) -> Iterator[tuple[int, str, SubscribedHook]]:
    """Yield effects without a delivery for a hook that wants them and knew of them: id, account id and the hook.

    ``events`` are event id, account id, time of receipt and effects' text of each that is not quiet, and the effect
    ids and hooks of its deliveries.
    """
    planner = Planner(hook for hook in hooks if not _taken(hook))
    for event_id, account_id, received_at, text, made in events:
        for place, hook in planner.wanted(text):
            effect_id = event_id * EFFECTS_PER_EVENT + place
            is_its_own = event_id > hook.known_after and (hook.since is None or from_us(received_at) >= hook.since)
            is_put_off = hook.backlog is not None and hook.backlog.after < event_id <= hook.backlog.until
            if is_its_own and not is_put_off and (effect_id, hook.name) not in made:
                yield effect_id, account_id, hook


def unowned(hooks: Iterable[SubscribedHook], found: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, str]]:
    """Yield number and account id of unfinished deliveries of which the hook is not there.

    ``found`` are their numbers, account ids and hooks. One that another hook is taking over has its new name soon.
    """
    reasons = {hook.disabled_reason for hook in hooks}
    for delivery_id, account_id, hook in found:
        if renaming(hook) not in reasons:
            yield delivery_id, account_id


def _taken(hook: SubscribedHook) -> bool:
    """Return whether a hook is still taking over the deliveries of another."""
    before, _, after = renaming("\0").partition("\0")
    return hook.disabled_reason.startswith(before) and hook.disabled_reason.endswith(after)
