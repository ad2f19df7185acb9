"""The quarantine: what goes into it, and what of it a newer parser understands and is fed after all, each payload once.

Knows which payloads can be tried and in which order; how an event is fed, whoever asks knows. It must never judge
why a payload could not be read.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from ..errors import ConfigurationError, PayloadError, StoreError
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..records import Quarantined, Refused, TimeSource
from ..stores.protocol import Store
from .payloads import parse
from .times import in_utc

Advance = Callable[[Event, int], Decision]
"""Feeds an event and marks its number in the quarantine as released, both or neither."""


class Replayed(NamedTuple):
    """What became of one quarantined payload."""

    quarantine_id: int
    decision: Decision | None = None
    """What was decided about it; None if it was not fed."""
    error: str | None = None
    """Why it was not fed."""
    is_known: bool = True
    """Whether there is such a number in the quarantine."""


def refusal(error: PayloadError, at: datetime, clock: TimeSource) -> Refused:
    """What could not be read, as it is put into the quarantine.

    ``at`` is when it came; if that is what could not be read, it came now.
    """
    try:
        received_at = in_utc("received_at", at)
    except ConfigurationError:
        received_at = clock()
    return Refused(received_at, error.payload, error.size, error.field, error.reason)


def replay_quarantine(store: Store, advance: Advance, quarantine_ids: Collection[int] | None = None) -> list[Replayed]:
    """Feed what can be read by now, in the order of the quarantine, each with the time at which it came.

    None means whatever can be tried: payloads that are kept whole, not erased and not fed yet; they are also all
    that the answer is about. Of numbers that are named, each is answered for. A payload is fed once, even if
    several processes replay at the same time. Raises ``StoreError`` if the store fails; what was fed until then stays.
    """
    wanted = None if quarantine_ids is None else set(quarantine_ids)
    results = [result for kept in _chosen(store, wanted) if (result := _replay(store, advance, kept, wanted))]
    missing = sorted((wanted or set()) - {result.quarantine_id for result in results})
    return [*results, *(_unknown(number) for number in missing)]


def _chosen(store: Store, wanted: Collection[int] | None) -> Iterator[Quarantined]:
    return (kept for kept in store.quarantined() if wanted is None or kept.quarantine_id in wanted)


def _replay(store: Store, advance: Advance, kept: Quarantined, wanted: Collection[int] | None) -> Replayed | None:
    """What became of a payload; None for one that nobody asked for by its number and that cannot be tried."""
    number = kept.quarantine_id
    hindrance = hindrance_of(kept)
    if hindrance:
        return None if wanted is None else Replayed(number, error=hindrance)
    try:
        return Replayed(number, advance(parse(kept.payload, kept.received_at), number))
    except PayloadError as error:
        return Replayed(number, error=error.reason)
    except StoreError:
        now = next(iter(_chosen(store, (number,))), kept)
        if not (lost := hindrance_of(now)):
            raise
        return None if wanted is None else Replayed(number, error=lost)


def _unknown(number: int) -> Replayed:
    return Replayed(number, error=f"there is no number {number} in the quarantine", is_known=False)


def hindrance_of(kept: Quarantined) -> str:
    """Why a payload cannot be tried again; blank if it can."""
    if kept.released_at is not None:
        return f"it was fed at {kept.released_at:%Y-%m-%d %H:%M:%S} UTC"
    if kept.is_erased:
        return "its payload was erased"
    if kept.size > len(kept.payload):
        return f"only the first {len(kept.payload):,} of its {kept.size:,} bytes are kept"
    return ""
