"""The fleet as the pages, the figures for monitoring and the stream show it: read once for all of them.

A snapshot is a few statements over indexes, milliseconds for a small fleet and a few hundred for half a million
accounts. Each process keeps the newest for two seconds; while one is read, others who want one wait for it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import NamedTuple

from ..engine.core import Engine
from ..engine.overview import Overview
from ..lifecycle.status import Status
from ..stores.fleet import FleetEvent, KindCount

CACHED_S = 2.0
"""For how long a snapshot is shown."""
EVENTS_SHOWN = 200
"""How many events it has, before runs of them are folded."""
BARS = 24
"""In how many hours moves are counted."""

_HOUR = timedelta(hours=1)


class FleetSnapshot(NamedTuple):
    """One fleet at one moment."""

    overview: Overview
    moves: dict[tuple[Status, str | None], list[int]]
    """By status and provider, how many accounts came into it in each of 24 hours of the clock, the present one last."""
    events: tuple[FleetEvent, ...]
    """The newest first."""
    anomalies: tuple[KindCount, ...]
    """Of the last 24 hours, the worst kinds first."""

    @property
    def at(self) -> datetime:
        """When it was read, by the engine's clock."""
        return self.overview.at


def read_snapshot(engine: Engine) -> FleetSnapshot:
    """Read how the fleet stands now."""
    overview = engine.overview()
    first = overview.at.replace(minute=0, second=0, microsecond=0) - (BARS - 1) * _HOUR
    moves: dict[tuple[Status, str | None], list[int]] = {}
    for each in engine.store.hourly_moves(first):
        hour = min((each.hour - first) // _HOUR, BARS - 1)  # a clock that is wrong may be ahead
        moves.setdefault((each.status, each.provider), [0] * BARS)[hour] += each.moved
    events = engine.store.recent(limit=EVENTS_SHOWN)
    anomalies = engine.store.anomalies_by_kind(overview.at - 24 * _HOUR)
    return FleetSnapshot(overview, moves, tuple(reversed(events)), tuple(anomalies))


class FleetSnapshots:
    """The newest snapshot of an engine's fleet; safe to share between threads."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()  # held while one is read: those who come meanwhile take that one
        self._newest: FleetSnapshot | None = None
        self._read_s = 0.0
        self.kept_s = CACHED_S
        """For how long one is shown."""
        self.cost_s = 0.0
        """How long the last one took to read."""

    def newest(self, at_most_s: float | None = None) -> FleetSnapshot:
        """Return a snapshot that is no older than so many seconds, by default than it is to be shown."""
        with self._lock:
            begun_s, limit_s = self._clock(), self.kept_s if at_most_s is None else at_most_s
            if self._newest is None or begun_s - self._read_s > limit_s:
                self._newest = read_snapshot(self._engine)
                self._read_s, self.cost_s = begun_s, self._clock() - begun_s
            return self._newest
