"""Streams in the order of account ids, read side by side, an account at a time.

Knows how to walk, and what a stream does that comes upon a value nobody can have written; it must never know what
the records are.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ..errors import StoreError

RecordT = TypeVar("RecordT")

_VALUES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
UNREADABLE = (StoreError, *_VALUES)
"""What may come of a value that was never written by this program; ``damage`` tells whether it did."""


def damage(error: BaseException) -> str:
    """What is wrong with a row that cannot be read; raises an error again that is not about a row."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    if not isinstance(cause, _VALUES):
        raise error
    return f"it cannot be read ({type(cause).__name__}: {cause})"


class ByAccount(Generic[RecordT]):
    """A stream in the order of account ids, to be read account by account.

    It is opened at once, so that several streams are of nearly the same moment.
    """

    def __init__(self, records: Iterator[RecordT], id_of: Callable[[RecordT], str]) -> None:
        self._records = records
        self._id_of = id_of
        self.head: RecordT | None = None
        self.head_id: str | None = None
        self.last_id = ""
        self.breakage: str | None = None
        """Why it ended before its end."""
        self._advance()

    def take(self, account_id: str) -> Iterator[RecordT]:
        """What there is of one account; it has to be exhausted before the next one is taken."""
        while self.head is not None and self.head_id == account_id:
            yield self.head
            self._advance()

    def find(self, account_id: str) -> RecordT | None:
        """The first record of an account, passing over those of accounts that come before it."""
        while self.head_id is not None and self.head_id < account_id:
            self._advance()
        return self.head if self.head_id == account_id else None

    def _advance(self) -> None:
        self.last_id = self.head_id or self.last_id
        try:
            self.head = next(self._records, None)
        except UNREADABLE as error:
            self.head, self.breakage = None, damage(error)
        self.head_id = None if self.head is None else self._id_of(self.head)
        assert self.head_id is None or self.head_id >= self.last_id, "a store has to read in the order of account ids"
