"""Where the events of a replay come from: one module a format, all of which make ``Chunk``s.

Knows what a source is asked for. It must never judge an event.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

from ...lifecycle.account import Account
from ..columns import Chunk
from ..vocabulary import Vocabulary


class Source(Protocol):
    """One log."""

    @property
    def name(self) -> str:
        """What people call it: a path, a URL, or "-"."""

    @property
    def size(self) -> int | None:
        """How many bytes will be read, as ``Chunk.position`` counts them; None if nobody knows."""

    @property
    def has_deadlines(self) -> bool:
        """Whether deadlines that passed are among its events, so that none is to be watched for."""

    def beginnings(self) -> Iterable[Account]:
        """Accounts as they were where it begins, if it is the rest of something longer."""

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:
        """Its events in order. What carries no time counts as received at ``stamp`` (aware, UTC)."""


def size_of(sources: Iterable[Source]) -> int | None:
    """How many bytes will be read in all; None where nobody can tell."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)
