"""Leases on claimed deliveries, renewed for as long as their hooks run.

Knows which claims this process holds and until when; it must never know what they are for. One thread renews for the
whole process. It is started with the first claim, and it sleeps while nothing is held.
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
from ..records import Claim, Clock

LEASE = timedelta(seconds=60)
"""How long a claim holds without being renewed."""
LONGEST = timedelta(hours=1)
"""How long a call is kept alive; after that somebody else may take over."""
HEARTBEAT = "account-lifecycle heartbeat"
"""The name of the thread."""

_PAGE = 500


class Renewing(Protocol):
    """The part of a store that leases need."""

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases; for each claim whether it still holds."""


class Leases:
    """The claims that are held on one store, renewed every third of a lease."""

    def __init__(self, store: Renewing, clock: Clock, lease: timedelta = LEASE, longest: timedelta = LONGEST) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._longest_s = longest.total_seconds()
        self.beat_s = lease.total_seconds() / 3
        """How often leases are renewed, in seconds."""
        self.next_beat_s = 0.0
        """When they are to be renewed next, by the monotonic clock."""
        self._held: dict[Claim, float] = {}  # and since when, by the monotonic clock
        self._lost: dict[Claim, str] = {}

    def until(self) -> datetime:
        """Until when a claim that is made now is to hold."""
        return self._clock() + self._lease

    def hold(self, claims: Sequence[Claim]) -> None:
        """Keep these claims from now on."""
        if claims:
            now_s = time.monotonic()
            with _heart.pulse:
                if not self._held:
                    self.next_beat_s = now_s + self.beat_s
                self._held.update((claim, now_s) for claim in claims)
                _heart.watch(self)

    def release(self, claims: Sequence[Claim]) -> None:
        """They are settled, or given up: renew them no more."""
        with _heart.pulse:
            for claim in claims:
                self._held.pop(claim, None)
                self._lost.pop(claim, None)
            if not self._held:
                _heart.forget(self)

    def loss_of(self, claim: Claim) -> str | None:
        """Why a claim is known not to hold any more; None while it seems to."""
        with _heart.pulse:
            return self._lost.get(claim)

    def renew(self) -> None:
        """Renew everything that is held, and remember what could not be."""
        now_s = time.monotonic()
        with _heart.pulse:
            self.next_beat_s = now_s + self.beat_s
            too_long = [claim for claim, since_s in self._held.items() if now_s - since_s >= self._longest_s]
            self._lose(too_long, f"it ran for longer than {timedelta(seconds=self._longest_s)}, so it was let go")
            claims = iter(tuple(self._held))
        while page := list(islice(claims, _PAGE)):
            self._renew_page(page)

    def disown(self) -> None:
        """Forget everything that is held: it is another process's."""
        self._held.clear()
        self._lost.clear()

    def _renew_page(self, page: list[Claim]) -> None:
        try:
            holds = self._store.renew(page, self.until())
        except StoreError as error:
            logger().warning("leases could not be renewed; trying again", error=str(error), claims=len(page))
            return
        with _heart.pulse:
            self._lose([c for c, held in zip(page, holds, strict=True) if not held], "its lease ran out while it ran")

    def _lose(self, claims: Sequence[Claim], why: str) -> None:
        """Stop renewing; what was released meanwhile is not lost but done with."""
        for claim in claims:
            if self._held.pop(claim, None) is not None:
                self._lost[claim] = why
        if not self._held:
            _heart.forget(self)


class _Heart:
    """The one thread that renews, for all stores of this process."""

    def __init__(self) -> None:
        self.pulse = Condition()
        self.watched: set[Leases] = set()
        self._thread: Thread | None = None
        self._wakes_s = 0.0

    def watch(self, leases: Leases) -> None:
        """See to it that these are renewed; the caller holds ``pulse``."""
        self.watched.add(leases)
        if self._thread is None or not self._thread.is_alive():
            self._wakes_s = leases.next_beat_s
            self._start()
        elif leases.next_beat_s < self._wakes_s:
            self.pulse.notify()

    def forget(self, leases: Leases) -> None:
        """Nothing of these is held any more; the caller holds ``pulse``."""
        self.watched.discard(leases)

    def _start(self) -> None:
        self._thread = Thread(target=self._beat, name=HEARTBEAT, daemon=True)
        with suppress(RuntimeError):  # the interpreter is shutting down: what it still claims must do with one lease
            self._thread.start()

    def _beat(self) -> None:
        while True:
            for leases in self._wait():
                try:
                    leases.renew()
                except Exception:  # whatever goes wrong with one store must not cost another its leases
                    logger().exception("leases could not be renewed; trying again")

    def _wait(self) -> list[Leases]:
        """Sleep until leases are to be renewed; whose."""
        with self.pulse:
            now_s = time.monotonic()
            self._wakes_s = min((leases.next_beat_s for leases in self.watched), default=float("inf"))
            if self._wakes_s > now_s:
                self.pulse.wait(None if self._wakes_s == float("inf") else self._wakes_s - now_s)
            now_s = time.monotonic()
            return [leases for leases in self.watched if leases.next_beat_s <= now_s]


_heart = _Heart()


def _renew_heart() -> None:
    """A forked child has no threads but its own, and holds nothing of what its parent holds."""
    global _heart
    for leases in _heart.watched:
        leases.disown()
    _heart = _Heart()


os.register_at_fork(after_in_child=_renew_heart)
