"""Hooks run in threads of their own, until they are told to stop.

A dispatcher thread claims deliveries for the threads that call hooks, one each, so that nothing lies claimed in a
queue while its lease runs. It polls; a nudge after a feed only makes the next look come sooner.

Hooks are also called for what should have happened and did not, and nobody announces that: a thread of its own looks at
the clock. Where deadlines are looked up is not known here; it is handed in (``tick``).
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from itertools import count
from queue import SimpleQueue
from threading import Condition, Thread, current_thread
from typing import Self

from ..errors import StoreError, logger
from ..records import Delivery, TimeSource
from ..stores.protocol import Store
from .calling import RunningCall, waiting_threads
from .confirming import Confirming
from .delivery import Called, Deliverer
from .leases import LEASE
from .options import LONGEST_CALL
from .registry import HookOutcome, HookRegistry

THREADS = "account-lifecycle hooks"
"""What the names of the threads begin with."""
FIRST_PAUSE_S = 0.05
"""How long the worker waits before it turns again to a store that could not be used; then twice as long, and so on."""
LONGEST_PAUSE_S = 30.0
"""How long it waits at most."""
TICK = timedelta(minutes=1)
"""How often deadlines are looked at by default."""
STOP_S = 30.0
"""How long a worker that is to stop waits for running calls by default."""
LAST_TRIES = 5
"""How often a worker that is to stop tries to write completions to such a store before it leaves them to the lease."""

is_ticking: ContextVar[bool] = ContextVar("is_ticking", default=False)
"""Whether the present code is what a worker calls to look at deadlines: it leaves the hooks to the worker."""


class Worker:
    """Threads that run a registry's hooks until ``stop``. As a context manager it stops at the end.

    The hooks are known to the store once it is made. ``poll_s`` and ``threads`` are seconds between looks and how many
    hooks run at a time. ``tick`` is called at once and then ``every`` so long, to look at deadlines; if its answer is
    true, there may be effects. An error that it raises is logged, and the next call comes in its turn.
    ``confirming`` asks the vendor before hooks that are to be confirmed. Due times,
    leases and ticks go by ``clock``; polls and pauses take real time. Raise ``ValueError`` for less than one thread or
    no time between polls or ticks, and ``StoreError``.
    """

    def __init__(
        self,
        store: Store,
        registry: HookRegistry,
        clock: TimeSource,
        *,
        threads: int = 4,
        poll_s: float = 1.0,
        lease: timedelta = LEASE,
        longest: timedelta = LONGEST_CALL,
        tick: Callable[[], object] | None = None,
        every: timedelta = TICK,
        confirming: Confirming | None = None,
    ) -> None:
        if threads < 1:
            raise ValueError(f"threads: found {threads}; expected 1 or more")
        if not poll_s > 0:
            raise ValueError(f"poll_s: found {poll_s}; expected more than 0 seconds")
        if every <= timedelta(0):
            raise ValueError(f"every: found {every}; expected a length longer than nothing")
        self._deliverer = Deliverer(store, registry, clock, lease, longest, confirming)
        self._deliverer.subscribe()
        self._poll_s = poll_s
        self._clock, self._every = clock, every
        self._pid = os.getpid()
        self._changed = Condition()  # guards what follows
        self._free = threads
        self._suspects = 0  # so many deliveries were left by a worker that died, perhaps of one of them
        self._is_freed = self._is_nudged = self._is_stopping = False
        self._counts: Counter[str] = Counter()
        self._queue: SimpleQueue[Delivery | None] = SimpleQueue()
        self._numbers = count(1)
        self._threads = [self._new_thread() for _ in range(threads)]
        self._dispatcher = Thread(target=self._dispatch, name=f"{THREADS} dispatcher", daemon=True)
        self._watches = [Thread(target=self._watch, name=f"{THREADS} clock", args=(tick,), daemon=True)] if tick else []
        for thread in (*self._threads, self._dispatcher, *self._watches):
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Return whether it takes on deliveries; never in a forked child, which has none of its threads."""
        return self._dispatcher.is_alive() and not self._is_stopping

    @property
    def counts(self) -> dict[str, int]:
        """Return how many calls have ended so far, by the state of their delivery: ``done``, ``waiting``, ``dead`` …"""
        with self._changed:
            return dict(self._counts)

    def nudge(self) -> None:
        """Look for deliveries now rather than at the next poll."""
        with self._changed:
            self._is_nudged = True
            self._changed.notify_all()

    @property
    def running_calls(self) -> list[RunningCall]:
        """Return the calls that have not returned, oldest first; those that are stuck have timed out already."""
        return self._deliverer.running

    def stop(self, timeout_s: float | None = STOP_S) -> bool:
        """Take on nothing more and let running calls finish; stopping twice is harmless.

        What was claimed and not begun is released. Return False if something still runs after ``timeout_s`` (None: wait
        as long as it takes), and log each call that does: it goes on as long as the process lives, which it does not
        keep from ending, and what becomes of it is written as long as the store is open. ``running_calls`` are those.
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
        everyone = (self._dispatcher, *self._watches, *self._threads)
        own = {current_thread(), *waiting_threads.get()}  # a hook that stops its worker does not wait for itself
        threads = [thread for thread in everyone if thread not in own]
        for thread in threads:
            thread.join(None if ends_s is None else max(0.0, ends_s - time.monotonic()))
        is_over = not any(thread.is_alive() for thread in threads)
        for call in () if is_over else self.running_calls:
            facts = {"hook": call.hook, "account_id": call.account_id, "key": call.key, "since": str(call.since)}
            logger().warning("the worker stops while a hook is running", **facts)
        return is_over

    def abandon(self) -> None:
        """Leave the deliveries of a stopped worker whose hooks still run to others, once their leases have run out."""
        self._deliverer.abandon()

    # ---- The dispatcher: reaps at every poll, plans at every poll and nudge, claims when a thread is free ----

    def _dispatch(self) -> None:
        pause, next_poll_s = _Pause(), 0.0
        while not self._is_stopping:
            is_nudged = self._wait(next_poll_s, pause)
            try:
                if time.monotonic() >= next_poll_s:
                    next_poll_s, is_nudged = time.monotonic() + self._poll_s, True
                    self._suspects += self._deliverer.reap()
                    self._replace(self._deliverer.overdue())
                self._look(is_nudged)
                pause.end()
            except Exception as error:  # whatever it is: the next look may go better
                next_poll_s = 0.0
                pause.grow("hooks wait: the store cannot be used", error)

    def _wait(self, until_s: float, pause: "_Pause") -> bool:
        """Wait for the next poll, a nudge or a free thread; after trouble, for the pause. Return whether nudged."""
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
        """Plan a page, if there may be something to plan, and give every free thread a delivery.

        What a dead worker has left is called with nothing beside it, so that a hook which kills its worker does not
        take others along each time.
        """
        self._deliverer.subscribe()
        if is_to_plan and self._deliverer.plan():
            self.nudge()  # there may be more, after what is called now
        with self._changed:
            are_all_free = self._free == len(self._threads)
            limit = 0 if self._is_stopping else int(are_all_free) if self._suspects else self._free
        claimed = self._deliverer.claim(limit) if limit else []
        if limit:
            self._suspects = max(0, self._suspects - 1) if claimed else 0
        with self._changed:
            is_too_late = self._is_stopping
            if not is_too_late:
                self._free -= len(claimed)
                for delivery in claimed:
                    self._queue.put(delivery)
        if is_too_late:
            self._complete((), claimed)

    def _replace(self, threads: Sequence[Thread]) -> None:
        """Start a thread in place of each that has been waiting for too long; if it ever goes on, it ends."""
        for thread in threads:
            with self._changed:
                if self._is_stopping or thread not in self._threads:
                    return
                self._threads[self._threads.index(thread)] = new = self._new_thread()
                self._free += 1
            new.start()
            logger().error("a thread of the worker is replaced: the hook that it called does not return")

    def _new_thread(self) -> Thread:
        return Thread(target=self._call, name=f"{THREADS} {next(self._numbers)}", daemon=True)

    # ---- The thread that looks at the clock ------------------------------------------------------------

    def _watch(self, tick: Callable[[], object]) -> None:
        """Call ``tick`` whenever ``every`` has gone by, and when the clock was set back."""
        is_ticking.set(True)  # in the context of this thread
        longest_s = min(self._poll_s, self._every.total_seconds())
        last: datetime | None = None
        while not self._is_stopping:
            now = self._clock()
            if last is None or not last <= now < last + self._every:
                last = now
                try:
                    if tick():
                        self.nudge()
                except Exception as error:  # whatever it is: the next look may go better
                    exc_info = None if isinstance(error, StoreError) else error
                    logger().warning("deadlines could not be looked at", error=str(error), exc_info=exc_info)
            with self._changed:
                self._changed.wait_for(lambda: self._is_stopping, longest_s)

    # ---- The threads that call hooks -----------------------------------------------------------------

    def _call(self) -> None:
        is_replaced = False
        while not is_replaced and (delivery := self._queue.get()) is not None:
            try:
                self._deliver(delivery)
            except Exception:  # left to its lease
                logger().exception("a delivery could not be carried out", hook=delivery.hook.name, key=delivery.row.key)
            finally:
                with self._changed:
                    is_replaced = current_thread() not in self._threads
                    self._free += not is_replaced
                    self._is_freed = True
                    self._changed.notify_all()

    def _deliver(self, delivery: Delivery) -> None:
        if self._is_stopping:
            self._complete((), [delivery])
            return
        try:
            accounts = self._deliverer.accounts_of([delivery])
            called = self._deliverer.call(delivery, accounts.get(delivery.row.account_id))
        except StoreError as error:
            logger().warning("hook was not called: the store cannot be used", hook=delivery.hook.name, error=str(error))
            self._complete((), [delivery])
            return
        outcomes = self._complete([called], ())
        with self._changed:
            self._counts.update(str(outcome.state) for outcome in outcomes)

    def _complete(self, called: Sequence[Called], uncalled: Sequence[Delivery]) -> list[HookOutcome]:
        """Write what became of deliveries, again and again if the store cannot be used; leases are renewed meanwhile.

        Return nothing if the worker is to stop and the store stays unusable: the deliveries are left to their leases.
        """
        pause, tries_left = _Pause(), LAST_TRIES
        try:
            while tries_left:
                try:
                    return self._deliverer.complete(called, uncalled)
                except StoreError as error:
                    pause.grow("what became of a delivery waits: the store cannot be used", error)
                with self._changed:
                    self._changed.wait_for(lambda: self._is_stopping, pause.length_s)
                if self._is_stopping:
                    tries_left -= 1
                    time.sleep(FIRST_PAUSE_S)
            return []
        finally:
            self._deliverer.drop(called, uncalled)


class _Pause:
    """A pause that doubles with every trouble in a row."""

    def __init__(self) -> None:
        self._troubles = 0
        self.length_s = 0.0

    def grow(self, what: str, error: Exception) -> None:
        """Make the next pause longer, and log the trouble."""
        self.length_s = min(FIRST_PAUSE_S * 2 ** min(self._troubles, 20), LONGEST_PAUSE_S)
        self._troubles += 1
        exc_info = None if isinstance(error, StoreError) else error
        logger().warning(what, error=str(error), next_try_s=self.length_s, exc_info=exc_info)

    def end(self) -> None:
        """Begin anew: there is no trouble any more."""
        self._troubles, self.length_s = 0, 0.0
