"""The event loop in which the hooks of a process are awaited, in a daemon thread of its own.

One loop serves all engines of the process, so that hooks can share what belongs to a loop, such as an HTTP client. A
program's own loop would not do: its thread may be the one that feeds, and waits. A forked child makes its own.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from threading import Lock, Thread, current_thread

from ..errors import logger

NAME = "account-lifecycle hooks, event loop"
"""The name of the thread."""


class HookLoop:
    """An event loop in a daemon thread, which starts with the first coroutine."""

    def __init__(self) -> None:
        self._starting = Lock()  # guards what follows
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._inner: HookLoop | None = None

    def submit(self, awaitable: "Awaitable[object] | Future[object]") -> tuple[Future[object], Callable[[], object]]:
        """Await something in the loop, with the context variables of the caller.

        Return what will be its result, and a function that cancels it. Even then there is a result only once it has
        ended, which what ``asyncio.run_coroutine_threadsafe`` returns does not wait for. The calling thread may wait
        for the result; from within this loop, another loop runs it, so that waiting does not block it.
        """
        with self._starting:
            if current_thread() is self._thread:
                self._inner = self._inner or HookLoop()
                return self._inner.submit(awaitable)
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._run, args=(self._loop,), name=NAME, daemon=True)
                self._thread.start()
            loop = self._loop
        future: Future[object] = Future()
        tasks: list[asyncio.Task[None]] = []

        def begin() -> None:
            tasks.append(loop.create_task(_settle(awaitable, future)))
            tasks[0].add_done_callback(lambda _: _end_unbegun(awaitable, future))

        loop.call_soon_threadsafe(begin)
        return future, lambda: loop.call_soon_threadsafe(lambda: tasks[0].cancel())

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while True:
            try:
                loop.run_forever()
            except BaseException as error:  # raised by a task that a hook has left behind: the loop is others', too
                logger().error("the event loop of the hooks goes on: a task in it tried to end it", exc_info=error)


async def _settle(awaitable: "Awaitable[object] | Future[object]", future: Future[object]) -> None:
    """Await something and keep how it ended, whatever it raises: a task that raises ``SystemExit`` ends its loop."""
    try:
        if isinstance(awaitable, Future):
            awaitable = asyncio.wrap_future(awaitable)
        if isinstance(awaitable, asyncio.Future) and awaitable.get_loop() is not asyncio.get_running_loop():
            raise RuntimeError("it returned a future of another event loop, which cannot be awaited here")
        result = await awaitable
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _end_unbegun(awaitable: object, future: Future[object]) -> None:
    """Keep how something ended that was cancelled before it began."""
    if not future.done():
        future.set_exception(asyncio.CancelledError())
        if asyncio.iscoroutine(awaitable):
            awaitable.close()


_hook_loop = HookLoop()


def hook_loop() -> HookLoop:
    """Return the loop of this process."""
    return _hook_loop


def _start_afresh() -> None:
    global _hook_loop
    _hook_loop = HookLoop()


os.register_at_fork(after_in_child=_start_afresh)
