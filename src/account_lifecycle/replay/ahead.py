"""Reading ahead: the next item is made in a thread of its own while this one is worked on.

Knows threads; it must never know what is read. The thread is a daemon: one that waits for a terminal or a pipe must
not keep a program from ending.
"""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

_PATIENCE_S = 0.1
"""After which the reader looks whether anybody still wants what it has."""


def read_ahead(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """The same items, each made while the one before is worked on; an error is raised in its place."""
    reader = _Reader(items)
    try:
        yield from reader.read()
    finally:
        reader.leave.set()


class _Reader(Generic[ItemT]):
    """The thread, and what it has made."""

    def __init__(self, items: Iterator[ItemT]) -> None:
        self.leave = Event()
        self._items = items
        self._made: Queue[tuple[ItemT | None, BaseException | None]] = Queue(1)
        self._thread = Thread(target=self._work, name="account-lifecycle-reader", daemon=True)
        self._thread.start()

    def read(self) -> Iterator[ItemT]:
        """Whatever the thread makes."""
        while True:
            item, error = self._made.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._hand_over(item, None):
                    return
        except BaseException as raised:  # it is raised again where the items are wanted
            error = raised
        self._hand_over(None, error)

    def _hand_over(self, item: ItemT | None, error: BaseException | None) -> bool:
        """Whether anybody has taken it, or may still."""
        while not self.leave.is_set():
            try:
                self._made.put((item, error), timeout=_PATIENCE_S)
            except Full:
                continue
            return True
        return False
