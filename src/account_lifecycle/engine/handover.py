"""Feeding for callers that await: each feed is handed over to a thread, and goes on whatever becomes of its caller.

A server cancels the task of a request whose client has gone away. What was handed over is fed all the same, at once or
as soon as a thread is free, and closing the engine waits for it. Only its result has nobody who takes it, so that an
error is logged.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import logger
from ..hooks.calling import waiting_threads
from ..hooks.threads import HOOK_THREADS, DaemonThreads, ResultT

if TYPE_CHECKING:
    import asyncio

FEED_THREADS = 32
"""How many feeds of one engine go on at a time; those that wait at the same moment share a commit."""


class Handover:
    """The feeds of one engine that are awaited."""

    def __init__(self) -> None:
        self._threads = DaemonThreads("account-lifecycle feeds", FEED_THREADS)
        self._pending: set[Future[Any]] = set()
        self._pid = os.getpid()

    async def call(self, function: Callable[[], ResultT]) -> ResultT:
        """Call a function in a thread, with the context variables of the caller; return its result.

        Within a hook it does not wait for a thread to be free: the threads may all be waiting for hooks.
        """
        import asyncio  # here, because it takes long to import, and who awaits has it

        loop = asyncio.get_running_loop()
        result: asyncio.Future[ResultT] = loop.create_future()
        threads = HOOK_THREADS if waiting_threads.get() else self._threads
        work = threads.submit(function)
        self._pending.add(work)
        work.add_done_callback(partial(self._end, loop, result))
        return await result

    def finish(self, timeout_s: float | None) -> None:
        """Wait until everything that was handed over is fed, or for ``timeout_s``."""
        pending = tuple(self._pending) if os.getpid() == self._pid else ()  # a forked child has none of the threads
        if left := wait(pending, timeout_s).not_done:
            logger().error("the engine is closed while events are being fed", count=len(left))

    def _end(
        self, loop: "asyncio.AbstractEventLoop", result: "asyncio.Future[ResultT]", work: "Future[ResultT]"
    ) -> None:
        self._pending.discard(work)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(_pass_on, work, result)
            return
        _log_error(work)


def _pass_on(work: "Future[ResultT]", result: "asyncio.Future[ResultT]") -> None:
    if result.cancelled():
        _log_error(work)
    elif error := work.exception():
        result.set_exception(error)
    else:
        result.set_result(work.result())


def _log_error(work: "Future[ResultT]") -> None:
    if error := work.exception():
        logger().error("what a cancelled task handed over could not be fed", error=str(error), exc_info=error)
