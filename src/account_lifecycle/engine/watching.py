"""What is unusual about a fleet at a moment: the fold of ``lifecycle.incidents`` over no more than it needs.

Two hours of traffic say which providers and statuses many accounts moved of and into; only those moves are read one by
one, and only for a crowd of them the same ten minutes of fourteen days. Gaps between announcements are counted only
when an hour has passed without any.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from ..lifecycle.events import StatusAnnounced
from ..lifecycle.incidents import (
    GOOD_NEWS,
    HISTORY,
    MIN_ACCOUNTS,
    MIN_SILENCE,
    PRESENT_FOR,
    Burst,
    Silence,
    StatusMove,
    Watch,
    usual_times,
)
from ..lifecycle.status import Status
from ..stores.fleet import EventFilter
from ..stores.protocol import Reader

_MICROSECOND = timedelta(microseconds=1)


class Unusual(NamedTuple):
    """What is unusual at a moment."""

    bursts: tuple[Burst, ...] = ()
    """The largest first."""
    silence: Silence | None = None


def unusual_at(store: Reader, now: datetime, last_announced_at: datetime | None) -> Unusual:
    """Return what is unusual at ``now`` (aware, UTC), from the events received by then.

    ``last_announced_at`` is when the newest announcement on record came, perhaps after ``now``.
    """
    until = now + _MICROSECOND
    moves, is_silent = Counter[tuple[str | None, Status]](), True
    for each in store.traffic(now - PRESENT_FOR, until):
        moves[each.provider, each.status] += each.moved
        is_silent = is_silent and not (each.announced and each.minute > now - MIN_SILENCE)
    crowded = {kind for kind, count in moves.items() if count >= MIN_ACCOUNTS and kind[1] not in GOOD_NEWS}
    bursts = _bursts(store, now, crowded) if crowded else ()
    return Unusual(bursts, _silence(store, now, last_announced_at) if is_silent else None)


def _bursts(store: Reader, now: datetime, crowded: set[tuple[str | None, Status]]) -> tuple[Burst, ...]:
    watch, since, until = Watch(), now - PRESENT_FOR, now + _MICROSECOND
    for status in sorted({status for _, status in crowded}):
        for each in store.events(EventFilter(since, until, status=status, moved=True)):
            if (each.provider, status) in crowded and not each.is_adoption:
                at = each.entry.received_at
                watch.moved(StatusMove(at, each.provider, status, each.entry.account_id))
    first = next(iter(store.events(EventFilter())), None)
    if first is not None:
        watch.began(first.entry.received_at)
    known = set[datetime]()

    def usual(crowd: Burst) -> float:
        """Read what is not known yet of the days before, and answer from it."""
        for start, end in usual_times(crowd):
            minutes = {start + timedelta(minutes=number) for number in range((end - start) // timedelta(minutes=1))}
            for each in store.traffic(start, end) if minutes - known else ():
                if each.minute not in known:
                    watch.moved_before(each.minute, each.provider, each.status, each.moved)
            known.update(minutes)
        return watch.usual(crowd)

    return watch.bursts(now, usual)


def _silence(store: Reader, now: datetime, last_announced_at: datetime | None) -> Silence | None:
    last = last_announced_at
    if last is None or last > now:  # the moment is one of the past
        minutes = [each.minute for each in store.traffic(now - HISTORY, now + _MICROSECOND) if each.announced]
        found = store.events(EventFilter(max(minutes), now + _MICROSECOND)) if minutes else iter(())
        last = max((e.entry.received_at for e in found if isinstance(e.entry.event, StatusAnnounced)), default=None)
    if last is None or now - last <= MIN_SILENCE:
        return None
    watch = Watch()
    for each in store.traffic(last - HISTORY, last):
        if each.announced:
            watch.announced(each.minute, each.announced)
    watch.announced(last)
    return watch.silence(now)
