"""Incidents for a report: accounts that were lost together within the last fourteen days of its period.

Of a store, the counts of each minute say where many accounts moved together; only those moves are read one by one.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ..lifecycle.account import Account
from ..lifecycle.incidents import GOOD_NEWS, HISTORY, MIN_ACCOUNTS, PRESENT_FOR, WIDTH, Burst, BurstLog, StatusMove
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import JsonObject, moment
from ..stores.fleet import AccountTally, EventFilter
from ..stores.protocol import Reader

_MINUTE = timedelta(minutes=1)
_Kind = tuple[str | None, Status]


class Incident(NamedTuple):
    """Accounts of a provider that were lost together, and what has become of them."""

    burst: Burst
    of: int
    """How many accounts of the provider there are."""
    still: int
    """How many of those that were lost then are not live again."""

    def is_present(self, until: datetime) -> bool:
        """Return whether it matters at the end of a period: most of its accounts are not live, or it has just begun."""
        return 2 * self.still >= self.burst.accounts or self.burst.ended_at >= until - PRESENT_FOR

    def __str__(self) -> str:
        accounts, rest = f"{self.burst.accounts:,} ", str(self.burst).removeprefix(f"{self.burst.accounts:,} ")
        of = f"of {self.of:,} " if self.of >= self.burst.accounts else ""
        became = f"{self.still:,} of them are not live"
        if self.still in (0, self.burst.accounts):
            became = "none of them is live again" if self.still else "all of them are live again"
        return f"{accounts}{of}{rest}, from {moment(self.burst.began_at)} on; {became}."

    def to_dict(self) -> JsonObject:
        """Return the incident as a JSON object."""
        return {**self.burst.to_dict(), "of": self.of, "still": self.still}


def incidents_of(
    bursts: Iterable[Burst], still: Counter[Burst], tallies: Iterable[AccountTally]
) -> tuple[Incident, ...]:
    """Return what has become of bursts, the most accounts that are not live first; ``still``: how many there are."""
    of = Counter[str | None]()
    for each in tallies:
        of[each.provider] += each.accounts
    found = [Incident(burst, of[burst.provider], min(still[burst], burst.accounts)) for burst in bursts]
    return tuple(sorted(found, key=lambda each: (-each.still, -each.burst.accounts, each.burst.began_at)))


def burst_behind(account: Account, bursts: Sequence[Burst]) -> Burst | None:
    """Return the burst since which an account is not live; None if it is live, or was lost otherwise."""
    if account.health in (Health.LIVE, Health.GONE):
        return None
    window = account.blind_window
    times = [at for at in (account.since, window and window.opened_at) if at is not None]
    for burst in bursts:
        if account.provider == burst.provider and any(burst.began_at <= at <= burst.ended_at for at in times):
            return burst
    return None


def bursts_in(store: Reader, since: datetime | None, until: datetime, provider: str | None) -> tuple[Burst, ...]:
    """Return the bursts of a store within the last fourteen days of a period."""
    begin = until - HISTORY if since is None else max(since, until - HISTORY)
    counts = [
        (each.minute, (each.provider, each.status), each.moved)
        for each in store.traffic(begin - HISTORY, until)
        if each.moved and each.status not in GOOD_NEWS and provider in (None, each.provider)
    ]
    log = BurstLog()
    spans = _crowded(counts, begin)
    moves = (
        move for first, last, kinds in spans for move in _moves_of(store, first, min(last + _MINUTE, until), kinds)
    )
    crowded = {(minute, kind) for first, last, kinds in spans for minute, kind, _ in counts
               if kind in kinds and first <= minute <= last}  # fmt: skip
    move = next(moves, None)
    for minute, kind, count in counts:
        while move is not None and move.at < minute:
            log.moved(move)
            move = next(moves, None)
        if (minute, kind) not in crowded:
            log.moved_before(minute, *kind, count)
    while move is not None:
        log.moved(move)
        move = next(moves, None)
    return log.ended()


def _crowded(
    counts: Iterable[tuple[datetime, _Kind, int]], begin: datetime
) -> list[tuple[datetime, datetime, set[_Kind]]]:
    """Return the times, minutes that are included, in which enough accounts of a kind moved within ten minutes; those
    that overlap are one."""
    recent: defaultdict[_Kind, deque[tuple[datetime, int]]] = defaultdict(deque)
    spans: list[tuple[datetime, datetime, set[_Kind]]] = []
    for minute, kind, count in counts:
        times = recent[kind]
        times.append((minute, count))
        while times[0][0] < minute - WIDTH:
            times.popleft()
        if minute < begin or sum(count for _, count in times) < MIN_ACCOUNTS:
            continue
        first = times[0][0]
        if spans and first <= spans[-1][1] + WIDTH:
            spans[-1] = min(spans[-1][0], first), minute, {*spans[-1][2], kind}
        else:
            spans.append((first, minute, {kind}))
    return spans


def _moves_of(store: Reader, since: datetime, until: datetime, kinds: set[_Kind]) -> Iterator[StatusMove]:
    """Yield the moves of some kinds within a time, in its order."""
    for each in store.events(EventFilter(since, until, moved=True)):
        if (each.provider, each.entry.status) in kinds and not each.is_adoption:
            yield StatusMove(each.entry.received_at, each.provider, each.entry.status, each.entry.account_id)
