"""Leases on claimed deliveries, renewed for as long as their hooks run.

A claim is exclusive until its lease runs out, a minute after it was made or last renewed. One daemon thread, the
heartbeat, renews what this process holds on all its stores, every third of a lease: two renewals in a row may fail
before a lease is lost. It starts with the first claim and sleeps while nothing is held.

* A worker that dies renews nothing. Its leases run out, and any worker reaps its deliveries as failed attempts.
* A worker that was only paused (stopped, swapped out, its machine asleep) wakes up in the middle of a call whose
  delivery may be another worker's by now. It cannot know that, so expiry alone would not be safe: every claim has a
  fencing token that grows with each claim of the delivery, and the store refuses renewals and completions under any
  but the latest. Clocks decide when a delivery may be claimed again; tokens decide whose completion counts.
* A call that never returns would hold its lane for ever. After ``LONGEST_CALL`` its lease is renewed no more.
* A forked child has no heartbeat and must not renew what its parent claimed, or the leases would outlive the parent:
  it begins with nothing held.

Why a lease was lost is kept until the claim is dropped, to explain the refused completion. Leases end by the clock
that is handed in; the heartbeat sleeps in real time.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from threading import Condition, Thread
from typing import Protocol

from ..errors import StoreError, logger
from ..records import Claim, TimeSource
from .options import LONGEST_CALL

LEASE = timedelta(seconds=60)
"""How long a claim holds without being renewed."""
HEARTBEAT = "account-lifecycle heartbeat"
"""The name of the thread."""

_PAGE = 500


class Renewing(Protocol):
    """The part of a store that leases need."""

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Extend leases; return for each claim whether it still holds."""


class Leases:
    """The claims that are held on one store, renewed every third of ``lease``. Safe to share between threads."""

    def __init__(
        self, store: Renewing, clock: TimeSource, lease: timedelta = LEASE, longest: timedelta = LONGEST_CALL
    ) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._longest = longest
        self.beat_s = lease.total_seconds() / 3
        """How often leases are renewed, in seconds."""
        self.next_beat_s = 0.0
        """When they are renewed next, by the monotonic clock."""
        self._held: dict[Claim, datetime] = {}  # and since when
        self._lost: dict[Claim, str] = {}  # and why

    def until(self) -> datetime:
        """Return until when a claim that is made now holds."""
        return self._clock() + self._lease

    def hold(self, claims: Sequence[Claim]) -> None:
        """Renew these claims from now on."""
        if not claims:
            return
        now = self._clock()
        with _heartbeat.changed:
            if not self._held:
                self.next_beat_s = time.monotonic() + self.beat_s
            self._held.update((claim, now) for claim in claims)
            _heartbeat.watch(self)

    def drop(self, claims: Sequence[Claim]) -> None:
        """Renew these claims no more: their deliveries are completed or released, or left to their leases."""
        with _heartbeat.changed:
            for claim in claims:
                self._held.pop(claim, None)
                self._lost.pop(claim, None)
            if not self._held:
                _heartbeat.forget(self)

    def loss_of(self, claim: Claim) -> str | None:
        """Return why a claim is known to be lost; None while it seems to hold."""
        with _heartbeat.changed:
            return self._lost.get(claim)

    def renew(self) -> None:
        """Renew everything that is held, and remember what could not be renewed."""
        now = self._clock()
        with _heartbeat.changed:
            self.next_beat_s = time.monotonic() + self.beat_s
            too_long = [claim for claim, since in self._held.items() if now - since >= self._longest]
            self._lose(too_long, f"it ran for longer than {self._longest}, so its lease was not renewed")
            claims = iter(tuple(self._held))
        while page := list(islice(claims, _PAGE)):
            try:
                holds = self._store.renew(page, self.until())
            except StoreError as error:
                logger().warning("leases could not be renewed; trying again", error=str(error), claims=len(page))
                continue
            with _heartbeat.changed:
                lost = [claim for claim, is_held in zip(page, holds, strict=True) if not is_held]
                self._lose(lost, "its lease ran out while it ran")

    def abandon(self) -> None:
        """Renew nothing any more that is held by now."""
        with _heartbeat.changed:
            self._held.clear()
            _heartbeat.forget(self)

    def clear(self) -> None:
        """Forget every claim, in a forked child: they are the parent's."""
        self._held.clear()
        self._lost.clear()

    def _lose(self, claims: Sequence[Claim], why: str) -> None:
        for claim in claims:
            if self._held.pop(claim, None) is not None:  # else it was dropped meanwhile
                self._lost[claim] = why
        if not self._held:
            _heartbeat.forget(self)


class _Heartbeat:
    """The one thread of this process that renews leases."""

    def __init__(self) -> None:
        self.changed = Condition()  # guards the claims of all leases, and what follows
        self.watched: set[Leases] = set()
        self._thread: Thread | None = None
        self._wakes_s = 0.0

    def watch(self, leases: Leases) -> None:
        """Renew these from now on; the caller holds ``changed``."""
        self.watched.add(leases)
        if self._thread is None or not self._thread.is_alive():
            self._wakes_s = leases.next_beat_s
            self._thread = Thread(target=self._run, name=HEARTBEAT, daemon=True)
            with suppress(RuntimeError):  # the interpreter is shutting down: what it still claims has one lease
                self._thread.start()
        elif leases.next_beat_s < self._wakes_s:
            self.changed.notify()

    def forget(self, leases: Leases) -> None:
        """Renew these no more, as nothing of them is held; the caller holds ``changed``."""
        self.watched.discard(leases)

    def _run(self) -> None:
        while True:
            for leases in self._wait():
                try:
                    leases.renew()
                except Exception:  # whatever goes wrong with one store must not cost another its leases
                    logger().exception("leases could not be renewed; trying again")

    def _wait(self) -> list[Leases]:
        """Sleep until the next beat; return the leases that are to be renewed."""
        with self.changed:
            now_s = time.monotonic()
            self._wakes_s = min((leases.next_beat_s for leases in self.watched), default=float("inf"))
            if self._wakes_s > now_s:
                self.changed.wait(None if self._wakes_s == float("inf") else self._wakes_s - now_s)
            now_s = time.monotonic()
            return [leases for leases in self.watched if leases.next_beat_s <= now_s]


_heartbeat = _Heartbeat()


def _start_afresh() -> None:
    global _heartbeat
    for leases in _heartbeat.watched:
        leases.clear()
    _heartbeat = _Heartbeat()


os.register_at_fork(after_in_child=_start_afresh)
