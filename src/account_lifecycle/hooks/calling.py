"""One call of a hook, from its beginning to its end: where it runs, how long it is waited for, and what it comes to.

**Where.** Without a timeout a hook runs in the thread that calls it; with one it runs in a daemon thread
(``threads``), for which that thread waits. An answer that can be awaited, as that of an ``async def`` can, is awaited
in the event loop of the hooks (``loop``), and the calling thread waits for that: as many run at a time as threads call.

**How long.** At half of its timeout a warning is logged. At the timeout the call has failed, whatever becomes of it:

* What is awaited is cancelled, and has a second to clean up.
* Any other code cannot be stopped. It runs on in its thread, *stuck*; when it returns, that is logged, and its answer
  counts for nothing. The next attempt may run beside it, with a larger ``call.token``, by which a system that the hook
  writes to can refuse the older one. Of a hook with ``STUCK_LIMIT`` stuck calls nothing more is claimed here until one
  of them returns: one that hangs each time does not fill the process with threads, and no other hook waits for it.

A hook without a timeout may take as long as it likes. A worker, though, has only so many threads, and renews a lease
only so long: after an hour it takes such a call for stuck, too, and replaces the thread (``Calls.overdue``).

**What it comes to.** Whatever a hook raises is its failure, ``SystemExit`` and ``CancelledError`` included. So is an
answer that would have to be iterated over before anything is done.
"""

import inspect
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from threading import Thread, current_thread
from typing import NamedTuple

from ..errors import logger
from ..lifecycle.wording import JsonObject, time_text
from ..records import TimeSource
from .calls import HookCall
from .registry import Subscription
from .threads import HOOK_THREADS

STUCK_LIMIT = 10
"""So many calls of a hook may run on past their timeout before it is called no more in this process."""
CLEANUP_S = 1.0
"""How long what was cancelled may clean up before it counts as stuck."""

waiting_threads: ContextVar[frozenset[Thread]] = ContextVar("waiting_threads", default=frozenset())
"""The threads that wait for the hook that the present code is part of; none outside of hooks."""


class RunningCall(NamedTuple):
    """A call of a hook that has not returned yet."""

    hook: str
    """The hook's name."""
    account_id: str
    """The account; blank for a creation that failed before there was one."""
    key: str
    """The idempotency key of what it is called for."""
    since: datetime
    """When it began."""
    is_stuck: bool = False
    """Whether it runs on past its timeout, and nobody waits for it any more."""

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return self._asdict() | {"since": time_text(self.since)}


class Calls:
    """The calls of one engine's hooks in this process.

    Safe to share between threads, without a lock, which a forked child could inherit locked: each part changes in one
    step, and a call is taken for stuck only as long as it is known.
    """

    def __init__(self, clock: TimeSource) -> None:
        self._clock = clock
        self._numbers = count()
        self._running: dict[int, RunningCall] = {}
        self._stuck: set[int] = set()
        self._untimed: dict[int, tuple[float, Thread]] = {}  # when each began that has no timeout, and who waits for it

    @property
    def running(self) -> list[RunningCall]:
        """Return the calls that have not returned, oldest first."""
        running, stuck = sorted(self._running.items()), self._stuck.copy()
        return [call._replace(is_stuck=number in stuck) for number, call in running]

    def is_blocked(self, hook: str) -> bool:
        """Return whether so many calls of a hook are stuck that it is not to be called."""
        return bool(self._stuck) and sum(call.is_stuck and call.hook == hook for call in self.running) >= STUCK_LIMIT

    def overdue(self, longest: timedelta) -> list[Thread]:
        """Take calls without a timeout for stuck that have been running for longer; return the threads that wait."""
        began_before_s = time.monotonic() - longest.total_seconds()
        threads = []
        for number, (begun_s, thread) in sorted(self._untimed.items()):
            call = self._running.get(number)
            if begun_s <= began_before_s and call is not None:
                self._untimed.pop(number, None)
                self._stick(number, call)
                threads.append(thread)
        return threads

    def make(self, subscription: Subscription, call: HookCall) -> object:
        """Call a hook and return its answer; raise what it raised, or ``TimeoutError`` at its timeout."""
        number, timeout = next(self._numbers), subscription.timeout
        this = RunningCall(subscription.name, call.account_id, call.key, self._clock())
        waiting = _Wait(this, timeout)
        self._running[number] = this
        if timeout is None:
            self._untimed[number] = time.monotonic(), current_thread()
        reset = waiting_threads.set(waiting_threads.get() | {current_thread()})
        try:
            if timeout is None or subscription.is_async:
                answer = subscription.hook(call)
            else:
                answer = waiting.result_of(HOOK_THREADS.submit(partial(subscription.hook, call)))
            if answer is not None and (inspect.isawaitable(answer) or isinstance(answer, Future)):
                from .loop import hook_loop  # here, because asyncio takes long to import

                answer = waiting.result_of(*hook_loop().submit(answer))
        finally:
            waiting_threads.reset(reset)
            self._untimed.pop(number, None)
            if waiting.left is None:
                self._forget(number)
            else:
                self._stick(number, this)
                waiting.left.add_done_callback(partial(self._returned, number, this))
        return _checked(answer)

    def _stick(self, number: int, call: RunningCall) -> None:
        """Take a call for stuck until it has ended."""
        self._stuck.add(number)
        if number not in self._running:  # it has ended meanwhile
            self._stuck.discard(number)
        elif self.is_blocked(call.hook):
            logger().error("hook is not called here until a call of it returns: too many hang", hook=call.hook)

    def _forget(self, number: int) -> None:
        """Forget a call that has ended."""
        del self._running[number]
        self._stuck.discard(number)

    def _returned(self, number: int, call: RunningCall, left: "Future[object]") -> None:
        self._forget(number)
        logger().warning("hook returned after it had timed out, which counts for nothing", hook=call.hook, key=call.key)
        if left.exception() is None and inspect.iscoroutine(answer := left.result()):
            answer.close()


class _Wait:
    """Waits for what one call has started, until its timeout."""

    def __init__(self, call: RunningCall, timeout: timedelta | None) -> None:
        self._call = call
        self._timeout_s = None if timeout is None else timeout.total_seconds()
        self._begun_s = time.monotonic()
        self._is_warned = False
        self.left: Future[object] | None = None
        """What runs on, although nobody waits for it any more."""

    def result_of(self, future: "Future[object]", cancel: Callable[[], object] | None = None) -> object:
        """Return the result of something, or raise its error; at the timeout, cancel it and raise ``TimeoutError``."""
        try:
            self._wait_for(future)
        except BaseException:  # the timeout, or Ctrl-C
            self.left = future
            if cancel is not None:
                cancel()
                wait((future,), CLEANUP_S)
            if future.done():
                self.left = None
            raise
        return future.result()

    def _wait_for(self, future: "Future[object]") -> None:
        if self._timeout_s is None:
            wait((future,))
            return
        if not self._is_warned and not self._is_over(future, self._timeout_s / 2):
            self._is_warned = True
            facts = {"hook": self._call.hook, "key": self._call.key, "timeout_s": self._timeout_s}
            logger().warning("hook has been running for half of its timeout", **facts)
        if not self._is_over(future, self._timeout_s):
            raise TimeoutError(f"timed out after {self._timeout_s:g} s")

    def _is_over(self, future: "Future[object]", until_s: float) -> bool:
        return bool(wait((future,), max(0.0, self._begun_s + until_s - time.monotonic())).done)


def _checked(answer: object) -> object:
    """Return an answer; raise ``TypeError`` for one that shows that nothing was done."""
    if answer is None:
        return None
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer) or inspect.isawaitable(answer):
        if inspect.iscoroutine(answer):
            answer.close()
        raise TypeError(
            f"it returned a {type(answer).__name__} and has done nothing; expected it to do its work itself"
        )
    return answer
