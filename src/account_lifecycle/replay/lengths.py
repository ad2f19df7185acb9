"""Lengths of time, added up without an end: a million accounts live more microseconds in a year than 64 bits hold.

Knows sums as pairs of whole seconds and the microseconds left over.
"""

from datetime import timedelta

from .coding import Int64s
from .native import Int, inlined

SECOND = 1_000_000
"""In microseconds."""


@inlined
def add_length(sums: Int64s, row: Int, column: Int, length: Int) -> None:
    """Add a length in microseconds, not negative, to one of the sums; their last axis has the pair."""
    sums[row, column, 0] += length // SECOND
    sums[row, column, 1] += length % SECOND


def length_of(pair: Int64s) -> timedelta:
    """A sum as the domain has it."""
    return timedelta(seconds=int(pair[0]), microseconds=int(pair[1]))
