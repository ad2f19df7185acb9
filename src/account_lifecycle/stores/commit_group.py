"""Group commit: threads that want to write at the same time share one transaction, and so one sync of the disk.

A sync costs milliseconds and judging an event microseconds, so a store that commits each caller's events by
themselves spends its time waiting. Here a caller queues its request. If nobody is writing, its thread becomes the
leader: it waits for at most half a millisecond for as many others as shared the last commit (whoever is alone waits
for nobody), takes everything that is queued, and writes it in one transaction. The others sleep until their own
request is over, or until the leader is done and one of them leads. Nobody returns before its own commit.

When a shared transaction fails, nothing of it was kept, and whose fault it was is not known: so each request is
written again in a transaction of its own, and only the one at fault raises. A store that can tell whose fault it is
refuses that request and commits the rest. Being busy is everybody's: all have waited as long. An interrupt
(``KeyboardInterrupt``) belongs to the thread that it reached: its own request fails, the others are written again.

After a fork the child forgets all waiting threads: they do not exist there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Condition, get_ident
from typing import Generic, TypeVar

from ..errors import StoreBusy, StoreError

GATHERING_S = 0.0005
"""How long a thread that is about to write waits, at most, for as many others as shared the last transaction."""

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Turn(Generic[Asked, Given]):
    """One caller's request on its way, and what came of it."""

    __slots__ = ("_error", "_given", "asked", "is_alone", "is_over")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.is_over = False
        self.is_alone = False
        """Whether it is written in a transaction of its own, because one that it shared failed."""
        self._error: BaseException | None = None
        self._given: Given

    def give(self, given: Given) -> None:
        """Let the caller return with this: what was asked for is committed."""
        self._given, self.is_over = given, True

    def refuse(self, error: BaseException) -> None:
        """Let the caller raise this: nothing of what was asked for is kept."""
        self._error, self.is_over = error, True

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
    been kept; each of them is then written again in a transaction of its own, so that only the one at fault is
    fails. ``StoreBusy`` alone fails all of them at once, because each has waited as long.
    """

    def __init__(self, write: Callable[[Sequence[Turn[Asked, Given]]], None]) -> None:
        self._write = write
        self._changed = Condition()
        self._waiting: list[Turn[Asked, Given]] = []
        self._company = 1  # how many shared the last transaction
        self._owner: int | None = None  # the thread that writes, or has the store to itself

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
            self._leave()
        return turn.outcome()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep everybody else from writing meanwhile; may be nested in one thread, also within ``write``."""
        if self.is_mine:
            yield
            return
        try:
            self._enter(None)
            yield
        finally:
            self._leave()

    @property
    def is_mine(self) -> bool:
        """Return whether this thread is the one that writes, or has the store to itself."""
        return self._owner == get_ident()

    def renew(self) -> None:
        """In the child of a fork: forget the other threads, which are not there any more, and what they wait for."""
        self._changed = Condition()
        self._waiting = []
        self._company = 1
        self._owner = None

    def _enter(self, turn: Turn[Asked, Given] | None) -> None:
        """Wait until nobody is writing, and be the writer; or until the turn is over."""
        with self._changed:
            if turn is not None:
                self._waiting.append(turn)
            try:
                while self._owner is not None:
                    self._changed.wait()
                    if turn is not None and turn.is_over:
                        return
            except BaseException:  # interrupted: whoever writes need not write this one any more
                if turn in self._waiting:
                    self._waiting.remove(turn)
                raise
            self._owner = get_ident()

    def _leave(self) -> None:
        if self.is_mine:  # and not one whose turn somebody else has written
            with self._changed:
                self._owner = None
                self._changed.notify_all()

    def _lead(self, own: Turn[Asked, Given]) -> None:
        self._gather()
        while not own.is_over:
            turns = self._take(own)
            try:
                self._write(turns)
            except BaseException as error:
                self._part(turns, own, error)
                if not isinstance(error, Exception):
                    raise  # it is this thread that was interrupted, whatever it was writing

    def _gather(self) -> None:
        """Give those a moment who shared the last commit and are about to ask again; who is alone waits for nobody."""
        ends = time.perf_counter() + GATHERING_S
        while len(self._waiting) < self._company and time.perf_counter() < ends:
            time.sleep(0.00002)

    def _take(self, own: Turn[Asked, Given]) -> list[Turn[Asked, Given]]:
        """Return the turns to write together: everybody's, except those that failed in company before."""
        with self._changed:
            turns = [own] if own.is_alone else [turn for turn in self._waiting if not turn.is_alone]
            self._company = len(turns)
            self._waiting = [turn for turn in self._waiting if turn not in turns]
        return turns

    def _part(self, turns: Sequence[Turn[Asked, Given]], own: Turn[Asked, Given], error: BaseException) -> None:
        """Fail those who were alone or in vain; let everybody else try again without company."""
        left = [turn for turn in turns if not turn.is_over]
        for turn in left:
            if isinstance(error, StoreBusy) or len(turns) == 1 or (turn is own and not isinstance(error, Exception)):
                turn.refuse(error)
            turn.is_alone = True
        with self._changed:
            self._waiting += [turn for turn in left if not turn.is_over]
