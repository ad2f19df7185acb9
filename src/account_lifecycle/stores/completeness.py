"""Which deliveries have to be there: those that each hook wanted of the events that were fed since it is known."""

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
    ids and hooks of its deliveries. Hooks that choose anomalies by what the code says of their kind are passed over:
    an upgrade may have changed that.
    """
    planner = Planner(hook for hook in hooks if hook.severity is None and hook.next_step is None and not _taken(hook))
    for event_id, account_id, received_at, text, made in events:
        for place, hook in planner.wanted(text):
            effect_id = event_id * EFFECTS_PER_EVENT + place
            is_its_own = event_id > hook.known_after and (hook.since is None or from_us(received_at) >= hook.since)
            if is_its_own and (effect_id, hook.name) not in made:
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
