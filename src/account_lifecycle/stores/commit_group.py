"""Group commit: threads that want to write at the same time share one transaction, and so one sync of the disk.

A sync costs milliseconds and judging an event microseconds, so a store that commits each caller's events by
themselves spends its time waiting. Here a caller queues its request. If nobody is writing, its thread becomes the
leader: it waits for at most half a millisecond for as many others as shared the last commit (whoever is alone waits
for nobody), takes everything that is queued, and writes it in one transaction. The others sleep until their own
request is over, or until it is their turn to lead. Nobody returns before its own commit.

The queue is served first come, first served, for those who write and for those who want the store to themselves
alike. The one that leaves hands over to the first that waits, whichever thread runs at that moment: a thread that
asks again right after its own commit stands behind all who were waiting by then, so each waits for one transaction of
everybody before it, and a thread that feeds in a loop keeps nobody out.

When a shared transaction fails, nothing of it was kept, and whose fault it was is not known: so each request is
written again in a transaction of its own, and only the one at fault raises. A store that can tell whose fault it is
refuses that request and commits the rest. Being busy is everybody's: all have waited as long. An interrupt
(``KeyboardInterrupt``) belongs to the thread that it reached: its own request fails, the others are written again.

After a fork the child forgets all waiting threads: they do not exist there.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import Any, Generic, TypeGuard, TypeVar

from ..errors import StoreBusy, StoreError

GATHERING_S = 0.0005
"""How long a thread that is about to write waits, at most, for as many others as shared the last transaction."""

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Waiter:
    """A thread in the queue: it sleeps until it is called."""

    __slots__ = ("_sleep", "thread")

    def __init__(self) -> None:
        self.thread = get_ident()
        self._sleep = Lock()
        self._sleep.acquire()

    def wait(self) -> None:
        """Sleep until somebody calls, also if that was before."""
        self._sleep.acquire()

    def call(self) -> None:
        """Let the thread go on."""
        if self._sleep.locked():
            self._sleep.release()


class Turn(Waiter, Generic[Asked, Given]):
    """One caller's request on its way, and what came of it."""

    __slots__ = ("_error", "_given", "asked", "is_alone", "is_over")

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked
        self.is_over = False
        self.is_alone = False
        """Whether it is written in a transaction of its own, because one that it shared failed."""
        self._error: BaseException | None = None
        self._given: Given

    def give(self, given: Given) -> None:
        """Let the caller return with this: what was asked for is committed."""
        self._given, self.is_over = given, True
        self.call()

    def refuse(self, error: BaseException) -> None:
        """Let the caller raise this: nothing of what was asked for is kept."""
        self._error, self.is_over = error, True
        self.call()

    def outcome(self) -> Given:
        """Return what the caller is to return, or raise what it is to raise."""
        if self._error is not None:
            raise self._error
        return self._given


class CommitGroup(Generic[Asked, Given]):
    """Combines the requests of many threads; safe to share between them.

    A caller of ``ask`` queues its request. If nobody is writing, its thread calls ``write`` with the turns of
    everybody who waits, itself included; otherwise it waits until somebody has written its own. So there is one
    writer at a time, nobody returns before its own commit, and one who is alone pays for no more than a lock.

    ``write(turns)`` keeps all of them in one transaction. A request that fails by itself it leaves out and refuses
    (``turn.refuse``). As soon as the transaction is committed, and not before, it gives each of the others its
    result (``turn.give``). If ``write`` raises, nothing of the turns that were neither given nor refused may have
    been kept; each of them is then written again in a transaction of its own, so that only the one at fault
    fails. ``StoreBusy`` alone fails all of them at once, because each has waited as long.
    """

    def __init__(self, write: Callable[[Sequence[Turn[Asked, Given]]], None]) -> None:
        self._write = write
        self._mutex = Lock()  # guards what follows; never held for longer than it takes to change it
        self._waiting: deque[Waiter] = deque()  # in the order of their arrival; empty while there is no owner
        self._owner: int | None = None  # the thread that writes, or has the store to itself
        self._taken: list[Turn[Asked, Given]] = []  # out of the queue, being written together
        self._company = 1  # how many shared the last transaction

    def ask(self, asked: Asked) -> Given:
        """Have a request written; returns once it is committed, or raises what it failed for."""
        if self.is_mine:
            raise StoreError("the store cannot be written from within a step that it is asking. Write after it.")
        turn: Turn[Asked, Given] = Turn(asked)
        try:
            self._enter(turn)
            if self.is_mine:
                self._lead(turn)
        finally:
            self._leave(turn)
        return turn.outcome()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody else from writing meanwhile; may be nested in one thread, also within ``write``."""
        if self.is_mine:
            yield
            return
        waiter = Waiter()
        try:
            self._enter(waiter)
            yield
        finally:
            self._leave(waiter)

    @property
    def is_mine(self) -> bool:
        """Return whether this thread is the one that writes, or has the store to itself."""
        return self._owner == get_ident()

    def renew(self) -> None:
        """In the child of a fork: forget the other threads, which are not there any more, and what they wait for."""
        self._mutex = Lock()
        self._waiting = deque()
        self._owner = None
        self._taken = []
        self._company = 1

    def _enter(self, waiter: Waiter) -> None:
        """Wait until it is this thread's turn to write, or until its request is over."""
        with self._mutex:
            is_free = self._owner is None
            if is_free:
                self._owner = waiter.thread
            if not is_free or isinstance(waiter, Turn):  # the leader takes its own request out of the queue, too
                self._waiting.append(waiter)
        if not is_free:
            waiter.wait()

    def _leave(self, waiter: Waiter) -> None:
        """Hand over to the first that waits; an interrupted thread leaves the queue."""
        with self._mutex:
            if self.is_mine:
                self._put_back()
            if waiter in self._waiting:  # nobody need write it any more
                self._waiting.remove(waiter)
            if not self.is_mine:
                return
            first = self._waiting[0] if self._waiting else None
            if first is not None and not isinstance(first, Turn):
                self._waiting.popleft()
            self._owner = first.thread if first is not None else None
        if first is not None:
            first.call()

    def _lead(self, own: Turn[Asked, Given]) -> None:
        self._gather()
        while not own.is_over:
            try:
                self._write(self._take(own))
            except BaseException as error:
                self._part(own, error)
                if not isinstance(error, Exception):
                    raise  # it is this thread that was interrupted, whatever it was writing

    def _gather(self) -> None:
        """Give those a moment who shared the last commit and are about to ask again; who is alone waits for nobody."""
        ends = time.perf_counter() + GATHERING_S
        while len(self._waiting) < self._company and time.perf_counter() < ends:
            time.sleep(0.00002)

    def _take(self, own: Turn[Asked, Given]) -> list[Turn[Asked, Given]]:
        """Return the turns to write together: everybody's, except those that failed in company before."""
        with self._mutex:
            self._taken = [own] if own.is_alone else [each for each in self._waiting if _may_be_shared(each)]
            self._waiting = deque(each for each in self._waiting if each not in self._taken)
            self._company = len(self._taken)
        return self._taken

    def _part(self, own: Turn[Asked, Given], error: BaseException) -> None:
        """Fail those who were alone or in vain; let everybody else try again without company, before all others."""
        for turn in self._taken:
            if turn.is_over:
                continue
            turn.is_alone = len(self._taken) > 1
            if isinstance(error, StoreBusy) or not turn.is_alone or (turn is own and not isinstance(error, Exception)):
                turn.refuse(error)
        with self._mutex:
            self._put_back()

    def _put_back(self) -> None:
        """Queue what was taken and not written, before all others: it has waited longest."""
        self._waiting.extendleft(turn for turn in reversed(self._taken) if not turn.is_over)
        self._taken = []


def _may_be_shared(waiter: Waiter) -> TypeGuard[Turn[Any, Any]]:
    return isinstance(waiter, Turn) and not waiter.is_alone
