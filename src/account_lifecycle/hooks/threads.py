"""Threads that never keep a process from ending, and that a forked child makes anew.

A call cannot be stopped from outside its thread. So that one which hangs does not hold up the end of the process, these
threads are daemons; those of ``concurrent.futures`` and ``asyncio.to_thread`` are joined at exit.
"""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Condition, Thread
from typing import TypeVar
from weakref import WeakSet

REST_S = 10.0
"""How long a thread waits for more before it ends."""

ResultT = TypeVar("ResultT")


class DaemonThreads:
    """Threads that are made as they are needed and used again: at most ``limit``, or as many as are needed."""

    def __init__(self, name: str, limit: int | None = None) -> None:
        self._name = name
        self._limit = limit
        self.clear()
        _pools.add(self)

    def clear(self) -> None:
        """Begin without any thread, in a forked child: they are the parent's."""
        self._changed = Condition()  # guards what follows
        self._count = self._idle = 0
        self._queue: deque[Callable[[], None]] = deque()

    def submit(self, function: Callable[[], ResultT]) -> Future[ResultT]:
        """Call ``function`` in one of the threads as soon as one is free, with the context variables of the caller.

        Return what will be its result. Raise ``RuntimeError`` if no thread can be started.
        """
        future: Future[ResultT] = Future()
        context = copy_context()

        def run() -> None:
            try:
                result = context.run(function)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._changed:
            if self._idle <= len(self._queue) and (self._limit is None or self._count < self._limit):
                Thread(target=self._work, name=f"{self._name} {self._count + 1}", daemon=True).start()
                self._count += 1
            self._queue.append(run)
            self._changed.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                is_more = self._changed.wait_for(lambda: self._queue, REST_S)
                self._idle -= 1
                if not is_more:
                    self._count -= 1
                    return
                run = self._queue.popleft()
            run()
            del run  # and all that it holds, while this thread waits


_pools: WeakSet[DaemonThreads] = WeakSet()
HOOK_THREADS = DaemonThreads("account-lifecycle hooks, call")
"""Where hooks are called that are waited for no longer than their timeout."""


def _start_afresh() -> None:
    for pool in _pools:
        pool.clear()


os.register_at_fork(after_in_child=_start_afresh)
