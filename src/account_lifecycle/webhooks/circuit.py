"""A circuit breaker: after some failures in a row a receiver is left alone for a while, then tried with one call.

Knows counts and pauses; it must never know what is called or why that failed, nor look at a clock.
"""

from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple


class Entry(NamedTuple):
    """Whether a call may go ahead."""

    waits_until: datetime | None = None
    """When to come again; None: go ahead, and ``leave`` afterwards."""
    is_probe: bool = False
    """Whether this is the one call that finds out how the receiver is."""


class Circuit:
    """Counts failures in a row. May be used by many threads at once; times are aware and come from the caller."""

    def __init__(self, failures_limit: int, first_pause: timedelta, longest_pause: timedelta, probe: timedelta) -> None:
        self._failures_limit = failures_limit
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._probe = probe  # a probe that has not come back by then counts for nothing
        self._lock = Lock()
        self._failures = 0
        self._openings = 0
        self._paused_until: datetime | None = None  # None while calls go ahead

    def enter(self, now: datetime) -> Entry:
        """Ask to go ahead. While it is open nobody does; after the pause one call at a time, as a probe."""
        with self._lock:
            if self._paused_until is None:
                return Entry()
            if now < self._paused_until:
                return Entry(waits_until=self._paused_until)
            self._paused_until = now + self._probe
            return Entry(is_probe=True)

    def leave(self, entry: Entry, now: datetime, *, failed: bool) -> None:
        """Tell how a call ended that went ahead. One success closes the circuit, whoever had it."""
        with self._lock:
            if not failed:
                self._failures, self._openings, self._paused_until = 0, 0, None
                return
            self._failures += 1
            is_opening = self._paused_until is None and self._failures >= self._failures_limit
            if entry.is_probe or is_opening:
                self._openings += 1
                self._paused_until = now + self._pause()

    def _pause(self) -> timedelta:
        """Twice as long each time, up to the longest."""
        doublings = min(self._openings - 1, 32)
        return min(self._first_pause * (1 << doublings), self._longest_pause)
