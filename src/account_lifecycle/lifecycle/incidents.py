"""Incidents of a fleet: accounts that are lost together, and announcements that no longer come.

A fold over moves (when, of which provider, into which status, which account) and over the times of announcements.

A **burst** is many accounts of one provider that come into one status within ten minutes: at least ten, and at least
five times as many as is usual at that time of the day. The median of the same ten minutes of the last fourteen days is
usual, so that a nightly maintenance is no incident and one incident does not hide the next. Ten minutes slide over the
times of the events: a grid of clock hours would cut an incident in two. Good news is no burst, however much of it
comes at once.

A **silence** is a time without any announcement that is longer than an hour and than three times the gap which 99 of
100 gaps of the last fourteen days were no longer than.

What is kept is bounded by time: single moves for two hours, and for fourteen days counts by minute. Counts are moves
and not accounts, and gaps are known to the minute, which is exact enough for what they are compared with.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from . import definition
from .status import Status
from .wording import JsonObject, lasting, plain, printable, time_text

MIN_ACCOUNTS = 10
"""How many accounts make a burst, at least."""
TIMES_USUAL = 5
"""How many times as many as usual they have to be."""
WIDTH = timedelta(minutes=10)
"""Within how long they come."""
PRESENT_FOR = timedelta(hours=2)
"""For how long a burst counts as present."""
HISTORY = timedelta(days=14)
"""How far back is looked for what is usual."""
MIN_SILENCE = timedelta(hours=1)
"""How long a silence lasts at least."""
TIMES_GAP = 3
"""How many times as long as a long gap it has to be."""
LONG_GAP = 0.99
"""Which share of all gaps is no longer than a long one."""

GOOD_NEWS = tuple(status for status in definition.RESTORES if status is not definition.TERMINAL)
"""Statuses that no burst is made of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1) // _MINUTE


class StatusMove(NamedTuple):
    """An account came into a status."""

    at: datetime
    provider: str | None
    status: Status
    account_id: str


class Burst(NamedTuple):
    """Many accounts of a provider that came into one status together: the densest ten minutes of it."""

    provider: str | None
    status: Status
    accounts: int
    began_at: datetime
    """When the first of them moved."""
    ended_at: datetime
    """When the last of them did."""
    usual: float = 1.0
    """How many moves are usual in these ten minutes; at least 1."""

    @property
    def lasted(self) -> timedelta:
        """How long it took from the first account to the last."""
        return self.ended_at - self.began_at

    @property
    def took(self) -> str:
        """Within how long they came, in words."""
        return "within a minute" if self.lasted <= _MINUTE else f"within {ceil(self.lasted / _MINUTE)} min"

    def __str__(self) -> str:
        named = f"{self.accounts:,} {printable(self.provider)} accounts" if self.provider is not None else ""
        who = named or f"{self.accounts:,} accounts of an unknown provider"
        return f"{who} went {self.status} {self.took}"

    def to_dict(self) -> JsonObject:
        """Return the burst as a JSON object."""
        return {
            "provider": plain(self.provider),
            "status": self.status.value,
            "accounts": self.accounts,
            "began_at": time_text(self.began_at),
            "ended_at": time_text(self.ended_at),
            "lasted_s": self.lasted.total_seconds(),
            "usual": self.usual,
        }


class Silence(NamedTuple):
    """No announcement has come for longer than ever is usual."""

    since: datetime
    """When the last one came."""
    lasts: timedelta
    allowed: timedelta
    """How long it may last until it is called a silence."""

    def __str__(self) -> str:
        return f"No announcement for {lasting(self.lasts)}"

    def to_dict(self) -> JsonObject:
        """Return the silence as a JSON object."""
        return {
            "since": time_text(self.since),
            "lasts_s": self.lasts.total_seconds(),
            "allowed_s": self.allowed.total_seconds(),
        }


_Kind = tuple[str | None, Status]


class Watch:
    """The fold: sees a fleet's events in the order of their times, and answers for any moment from then on."""

    __slots__ = ("_announcements", "_begins", "_last", "_moves", "_recent", "_swept")

    def __init__(self) -> None:
        self._recent: deque[StatusMove] = deque()
        self._moves: defaultdict[_Kind, Counter[int]] = defaultdict(Counter)
        self._announcements: Counter[int] = Counter()
        self._last: datetime | None = None
        self._begins: int | None = None
        self._swept = 0

    def moved(self, move: StatusMove) -> None:
        """See an account come into a status."""
        self._recent.append(move)
        self.moved_before(move.at, move.provider, move.status)
        while self._recent[0].at < move.at - PRESENT_FOR:
            self._recent.popleft()

    def moved_before(self, at: datetime, provider: str | None, status: Status, moves: int = 1) -> None:
        """See, for what is usual alone, how many accounts came into a status within the minute of ``at``."""
        minute = self._seen(at)
        self._moves[provider, status][minute] += moves
        self._sweep(minute)

    def announced(self, at: datetime, announcements: int = 1) -> None:
        """See announcements that came at a time, or within its minute."""
        self._announcements[self._seen(at)] += announcements
        self._last = at if self._last is None else max(self._last, at)

    def began(self, at: datetime) -> None:
        """Note that events before a time are on record too: days before anything is on record say nothing."""
        self._seen(at)

    def _seen(self, at: datetime) -> int:
        minute = _minute(at)
        self._begins = minute if self._begins is None else min(self._begins, minute)
        return minute

    def _sweep(self, minute: int) -> None:
        """Once a day, forget the minutes that are too old."""
        if minute - self._swept < _DAY:
            return
        self._swept, oldest = minute, minute - HISTORY // _MINUTE - _DAY
        for counts in (*self._moves.values(), self._announcements):
            for each in [each for each in counts if each < oldest]:
                del counts[each]

    # ---- Bursts --------------------------------------------------------------------------------------

    def bursts(self, now: datetime, usual: Callable[[Burst], float] | None = None) -> tuple[Burst, ...]:
        """Return the bursts of the last two hours, of each provider and status the largest: the largest first.

        ``usual`` answers in place of the method of that name, for a fold whose history is read when it is needed.
        """
        kinds: defaultdict[_Kind, list[StatusMove]] = defaultdict(list)
        for move in self._recent:
            if now - PRESENT_FOR <= move.at <= now and move.status not in GOOD_NEWS:
                kinds[move.provider, move.status].append(move)
        found: list[Burst] = []
        for moves in kinds.values():
            for crowd in _crowds(sorted(moves)):
                burst = crowd._replace(usual=(usual or self.usual)(crowd))
                if burst.accounts >= TIMES_USUAL * burst.usual:
                    found.append(burst)
                    break
        return tuple(sorted(found, key=_rank))

    def usual(self, crowd: Burst) -> float:
        """Return how many moves of its kind are usual in the ten minutes from its beginning on; at least 1."""
        counts = self._moves[crowd.provider, crowd.status]
        found = [
            sum(counts[minute] for minute in minutes if minute in counts)
            for minutes in (range(_minute(since), _minute(until)) for since, until in usual_times(crowd))
            if self._begins is not None and minutes[0] >= self._begins
        ]
        from statistics import median  # imports more than all the rest

        return max(1.0, float(median(found or [0])))

    # ---- Silence -------------------------------------------------------------------------------------

    def silence(self, now: datetime) -> Silence | None:
        """Return the silence that lasts at ``now``; None if there is none, or nothing was ever announced."""
        if self._last is None or now - self._last <= MIN_SILENCE:
            return None
        lasts, allowed = now - self._last, max(MIN_SILENCE, TIMES_GAP * self._long_gap())
        return Silence(self._last, lasts, allowed) if lasts > allowed else None

    def _long_gap(self) -> timedelta:
        """Return the gap that 99 of 100 are no longer than, of the fourteen days up to the last announcement."""
        assert self._last is not None
        oldest = _minute(self._last - HISTORY)
        minutes = sorted(minute for minute in self._announcements if minute >= oldest)
        within = sum(self._announcements[minute] for minute in minutes) - len(minutes)
        between = sorted(later - earlier for earlier, later in pairwise(minutes))
        rank = ceil(LONG_GAP * (within + len(between))) - within - 1
        return between[rank] * _MINUTE if rank >= 0 and between else timedelta(0)


class BurstLog:
    """The bursts of a whole period: sees moves in the order of their times, and answers at the end.

    Of bursts of one kind within two hours the largest counts. A crowd is looked at ten minutes after it became one.
    """

    __slots__ = ("_due", "_found", "_times", "_watch")

    def __init__(self) -> None:
        self._watch = Watch()
        self._times: defaultdict[_Kind, deque[datetime]] = defaultdict(deque)
        self._found: defaultdict[_Kind, list[Burst]] = defaultdict(list)
        self._due: datetime | None = None

    def moved(self, move: StatusMove) -> None:
        """See an account come into a status."""
        self._pass(move.at)
        self._watch.moved(move)
        times = self._times[move.provider, move.status]
        times.append(move.at)
        while times[0] < move.at - WIDTH:
            times.popleft()
        if self._due is None and len(times) >= MIN_ACCOUNTS:
            self._due = move.at + WIDTH

    def moved_before(self, at: datetime, provider: str | None, status: Status, moves: int) -> None:
        """See, for what is usual alone, how many accounts came into a status within the minute of ``at``."""
        self._pass(at)
        self._watch.moved_before(at, provider, status, moves)

    def ended(self) -> tuple[Burst, ...]:
        """Return the bursts of all that was seen, in the order of their times."""
        if self._due is not None:
            self._look(self._due)
        return tuple(sorted((each for found in self._found.values() for each in found), key=_by_time))

    def _pass(self, at: datetime) -> None:
        if self._due is not None and at > self._due:
            self._look(self._due)

    def _look(self, at: datetime) -> None:
        self._due = None
        for burst in self._watch.bursts(at):
            found = self._found[burst.provider, burst.status]
            if not found or burst.began_at > found[-1].ended_at + PRESENT_FOR:
                found.append(burst)
            elif burst.accounts > found[-1].accounts:
                found[-1] = burst


def usual_times(crowd: Burst) -> Iterator[tuple[datetime, datetime]]:
    """Yield the same ten minutes of each of the fourteen days before."""
    since = _EPOCH + _minute(crowd.began_at) * _MINUTE
    for days in range(1, HISTORY.days + 1):
        yield since - timedelta(days=days), since - timedelta(days=days) + WIDTH


def _crowds(moves: list[StatusMove]) -> Iterator[Burst]:
    """Yield crowds that have no move in common, the densest ten minutes first: what is usual must not hide what is not.

    ``moves`` are of one kind, in the order of their times.
    """
    parts = [crowd] if (crowd := _densest(moves)) else []
    while parts:
        parts.sort(key=lambda part: -part.burst.accounts)
        part = parts.pop(0)
        yield part.burst
        parts += filter(None, (_densest(part.moves[: part.first]), _densest(part.moves[part.last + 1 :])))


class _Part(NamedTuple):
    """Moves of one kind that follow each other, and their densest ten minutes."""

    moves: list[StatusMove]
    first: int
    last: int
    burst: Burst


def _densest(moves: list[StatusMove]) -> _Part | None:
    """Return the ten minutes in which the most accounts moved, the first of several such; None if those are too few."""
    within, first, best = Counter[str](), 0, (0, 0, 0)
    for last, move in enumerate(moves):
        within[move.account_id] += 1
        while move.at - moves[first].at > WIDTH:
            gone = moves[first].account_id
            within[gone] -= 1
            if not within[gone]:
                del within[gone]
            first += 1
        if len(within) > best[0]:
            best = len(within), first, last
    accounts, first, last = best
    if accounts < MIN_ACCOUNTS:
        return None
    begin = moves[first]
    return _Part(moves, first, last, Burst(begin.provider, begin.status, accounts, begin.at, moves[last].at))


def _rank(burst: Burst) -> tuple[int, datetime, str, str]:
    return -burst.accounts, burst.began_at, burst.provider or "", burst.status


def _by_time(burst: Burst) -> tuple[datetime, int, str, str]:
    return burst.began_at, -burst.accounts, burst.provider or "", burst.status


def _minute(at: datetime) -> int:
    return (at - _EPOCH) // _MINUTE
