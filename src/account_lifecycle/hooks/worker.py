"""Running hooks in threads of their own, for as long as the process likes.

Knows threads, polling and how to stop; how a hook is called, ``courier`` knows. Polling is the truth: a nudge
only makes the next look come sooner.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from queue import SimpleQueue
from threading import Condition, Thread, current_thread
from typing import Self

from ..errors import StoreError, logger
from ..records import Clock, Delivery
from ..stores.protocol import Store
from .delivery import Called, Courier
from .leases import LEASE
from .registry import HookOutcome, HookRegistry

THREADS = "account-lifecycle hooks"
"""What the names of the threads begin with."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 30.0
"""How long the worker waits at most before it turns again to a store that could not be used."""
LAST_TRIES = 5
"""How often a worker that is to stop tries to settle on such a store before it leaves that to the lease."""


def start(
    store: Store,
    registry: HookRegistry,
    clock: Clock,
    *,
    threads: int = 4,
    poll_s: float = 1.0,
    lease: timedelta = LEASE,
) -> "Worker":
    """Start a worker for a registry's hooks; they are known to the store when this returns.

    Raises ``ValueError`` for less than one thread or no time between polls, and ``StoreError``.
    """
    if threads < 1:
        raise ValueError(f"threads: found {threads}; expected 1 or more")
    if not poll_s > 0:
        raise ValueError(f"poll_s: found {poll_s}; expected more than 0 seconds")
    courier = Courier(store, registry, clock, lease)
    courier.subscribe()
    return Worker(courier, threads, poll_s)


class Worker:
    """Threads that run hooks until ``stop``. As a context manager it stops at the end."""

    def __init__(self, courier: Courier, threads: int, poll_s: float) -> None:
        self._courier = courier
        self._poll_s = poll_s
        self._pid = os.getpid()
        self._changed = Condition()  # guards what follows
        self._free = threads
        self._suspects = 0  # so many deliveries were left by a worker that died, perhaps of one of them
        self._is_freed = self._is_nudged = self._is_stopping = False
        self._counts: Counter[str] = Counter()
        self._queue: SimpleQueue[Delivery | None] = SimpleQueue()
        self._threads = [Thread(target=self._serve, name=f"{THREADS} {n + 1}", daemon=True) for n in range(threads)]
        self._dispatcher = Thread(target=self._dispatch, name=f"{THREADS} dispatcher", daemon=True)
        for thread in (*self._threads, self._dispatcher):
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it takes on deliveries; never in a forked child, which has none of its threads."""
        return self._dispatcher.is_alive() and not self._is_stopping

    @property
    def counts(self) -> dict[str, int]:
        """How many calls have ended so far, by the state of their delivery: ``done``, ``waiting``, ``dead`` …"""
        with self._changed:
            return dict(self._counts)

    def nudge(self) -> None:
        """There may be something to do: look now rather than at the next poll."""
        with self._changed:
            self._is_nudged = True
            self._changed.notify_all()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Take on nothing more and let running calls finish; stopping twice is harmless.

        What was claimed and not begun is given back. False if calls are still running after ``timeout_s``: they
        go on as long as the process lives, and what becomes of them is kept.
        """
        if os.getpid() != self._pid:
            return True
        with self._changed:
            if not self._is_stopping:
                self._is_stopping = True
                for _ in self._threads:
                    self._queue.put(None)
            self._changed.notify_all()
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        threads = [thread for thread in (self._dispatcher, *self._threads) if thread is not current_thread()]
        for thread in threads:
            thread.join(None if ends_s is None else max(0.0, ends_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    # ---- The dispatcher: reaps at every poll, plans at every poll and nudge, claims when a thread is free ----

    def _dispatch(self) -> None:
        pause, next_poll_s = _Pause(), 0.0
        while not self._is_stopping:
            is_nudged = self._wait(next_poll_s, pause)
            try:
                if time.monotonic() >= next_poll_s:
                    next_poll_s, is_nudged = time.monotonic() + self._poll_s, True
                    self._suspects += self._courier.reap()
                self._look(is_nudged)
                pause.end()
            except Exception as error:  # whatever it is: the next look may go better
                next_poll_s = 0.0
                pause.grow("hooks wait: the store cannot be used", error)

    def _wait(self, until_s: float, pause: "_Pause") -> bool:
        """Wait for the next poll or for news; after trouble, for as long as the pause lasts. Whether a nudge came."""
        with self._changed:
            if pause.length_s:
                self._changed.wait_for(lambda: self._is_stopping, pause.length_s)
            else:
                self._changed.wait_for(
                    lambda: self._is_stopping or self._is_nudged or self._is_freed, until_s - time.monotonic()
                )
            is_nudged, self._is_nudged, self._is_freed = self._is_nudged, False, False
            return is_nudged

    def _look(self, is_to_plan: bool) -> None:
        """Plan, if there may be something to plan, and give every free thread a delivery."""
        self._courier.subscribe()
        if is_to_plan:
            self._courier.plan()
        limit = self._room()
        claimed = self._courier.claim(limit) if limit else []
        self._suspects = max(0, self._suspects - 1) if claimed else 0 if limit else self._suspects
        with self._changed:
            is_too_late = self._is_stopping
            if not is_too_late:
                self._free -= len(claimed)
                for delivery in claimed:
                    self._queue.put(delivery)
        if is_too_late:
            self._settle((), claimed)

    def _room(self) -> int:
        """How many deliveries may be claimed now. What a dead worker has left is called with nothing beside it, so
        that a hook which kills its worker does not take others along each time.
        """
        with self._changed:
            if self._is_stopping:
                return 0
            return self._free if not self._suspects else int(self._free == len(self._threads))

    # ---- The threads that call hooks -----------------------------------------------------------------

    def _serve(self) -> None:
        while (delivery := self._queue.get()) is not None:
            try:
                self._carry_out(delivery)
            except Exception:  # left to its lease
                logger().exception("a delivery could not be carried out", hook=delivery.hook.name, key=delivery.row.key)
            finally:
                with self._changed:
                    self._free += 1
                    self._is_freed = True
                    self._changed.notify_all()

    def _carry_out(self, delivery: Delivery) -> None:
        if self._is_stopping:
            self._settle((), [delivery])
            return
        try:
            accounts = self._courier.accounts_of([delivery])
            called = self._courier.call(delivery, accounts[delivery.row.account_id])
        except StoreError as error:
            logger().warning("hook was not called: the store cannot be used", hook=delivery.hook.name, error=str(error))
            self._settle((), [delivery])
            return
        outcomes = self._settle([called], ())
        with self._changed:
            self._counts.update(str(outcome.state) for outcome in outcomes)

    def _settle(self, called: Sequence[Called], unstarted: Sequence[Delivery]) -> list[HookOutcome]:
        """Keep what became of deliveries, on a store that cannot be used for a while too; their leases live on."""
        pause, tries_left = _Pause(), LAST_TRIES
        try:
            while tries_left:
                try:
                    return self._courier.keep(called, unstarted)
                except StoreError as error:
                    pause.grow("what became of a delivery waits: the store cannot be used", error)
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopping, pause.length_s)
                if self._is_stopping:
                    tries_left -= 1
                    time.sleep(FIRST_PAUSE_S)
            return []
        finally:
            self._courier.let_go(called, unstarted)


class _Pause:
    """A pause that doubles with every trouble in a row."""

    def __init__(self) -> None:
        self.count = 0
        self.length_s = 0.0

    def grow(self, what: str, error: Exception) -> None:
        """Make the next one longer, and tell of the trouble."""
        self.length_s = min(FIRST_PAUSE_S * 2 ** min(self.count, 20), LONGEST_PAUSE_S)
        self.count += 1
        is_known = isinstance(error, StoreError)
        logger().warning(what, error=str(error), next_try_s=self.length_s, exc_info=None if is_known else error)

    def end(self) -> None:
        """There is no trouble any more."""
        self.count, self.length_s = 0, 0.0
