"""A stretch of a log as columns of codes: what every source of events makes, and what the kernel reads.

Knows the shape of a stretch. It must never know a file format, nor judge an event.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .coding import Int32s, Int64s

NO_TIME = np.iinfo(np.int64).min
"""Stands for a time that is not known, or not told."""
DEADLINE = -1
"""As a word: not announced, but a deadline that passed; ``product`` is its row in ``deadlines``."""


class Columns(NamedTuple):
    """Events, one an entry, in the order of the log. Times are microseconds since 1970 in UTC."""

    account: Int32s
    word: Int32s
    """What was announced, as ``Vocabulary.words`` numbers it; or ``DEADLINE``."""
    provider: Int32s
    """As ``Vocabulary.providers`` numbers it; negative where it was not told."""
    product: Int32s
    """As ``Vocabulary.products`` numbers it; 0 where none was named."""
    name: Int32s
    """Your own user id; negative where it was not told."""
    at: Int64s
    """When it was received."""
    line: Int64s
    """Where it stands in its source, from 1."""
    deadlines: Int64s = np.zeros((0, 3), np.int64)
    """Of deadlines that passed: the status as a word, since when, and the microseconds allowed."""

    def only(self, kept: NDArray[np.bool_] | Int64s) -> "Columns":
        """Some of the events: those that a mask keeps, or in the order of their places."""
        return Columns(
            self.account[kept], self.word[kept], self.provider[kept], self.product[kept], self.name[kept],
            self.at[kept], self.line[kept], self.deadlines,
        )  # fmt: skip


class RefusedLine(NamedTuple):
    """A line that is no readable event."""

    source: str
    line: int
    """From 1."""
    field: str
    reason: str
    raw: bytes
    """The line as it stands in its source, without its end."""


class Chunk(NamedTuple):
    """What a source has read at a time."""

    columns: Columns
    refused: tuple[RefusedLine, ...] = ()
    undated: int = 0
    """How many of its events carried no time and were stamped with that of the replay."""
    position: int = 0
    """How many bytes of the source were read so far."""
    accounts: int = 0
    """How many accounts the vocabulary had when this was read: no column names a later one."""
