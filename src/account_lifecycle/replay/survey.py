"""One look at every account at the end of a log: how many stand where, for how long, and how blind.

Knows the records of a fleet and how blind windows are added up. It must never judge an event.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .coding import Int32s, Int64s
from .columns import NO_TIME
from .kernel import ROWS
from .lengths import add_length
from .native import Int, inlined, native
from .tables import KNOWN_PROVIDERS, KNOWN_WORDS, SITUATIONS

CAUSES = KNOWN_WORDS + 1
"""By number of a cause: none, then the announcements."""


class WindowSums(NamedTuple):
    """Blind windows by provider's row and first cause: how many, and how long (``lengths``)."""

    windows: Int64s
    unknown_start: Int64s
    lost: Int64s
    lost_at_most: Int64s

    @classmethod
    def nothing(cls) -> "WindowSums":
        """No window yet."""
        shape = ROWS, CAUSES
        counts, sums = np.zeros((2, *shape), np.int64), np.zeros((2, *shape, 2), np.int64)
        return cls(*counts, *sums)


class Survey(NamedTuple):
    """All accounts of which anything was heard, added up."""

    accounts: Int64s
    """By provider's row."""
    affected: Int64s
    """By provider's row: accounts with an anomaly."""
    standing: Int64s
    """By situation, and by whether OK was ever heard: how many accounts."""
    stays: Int64s
    """By provider's row and situation: for how long they have been in it (``lengths``)."""
    windows: WindowSums
    """Those that are open."""


def survey(records: NDArray[np.void], anomalies: Int32s, until: int) -> Survey:
    """Look at every account; ``until`` is when the log ends."""
    found = Survey(
        np.zeros(ROWS, np.int64),
        np.zeros(ROWS, np.int64),
        np.zeros((len(SITUATIONS), 2), np.int64),
        np.zeros((ROWS, len(SITUATIONS), 2), np.int64),
        WindowSums.nothing(),
    )
    _survey(records, anomalies, until, found, found.windows)
    return found


@native
def add_closed(rows: NDArray[np.void], sums: WindowSums) -> None:
    """Add blind windows that are over."""
    windows, unknown_start, lost, at_most = sums
    for place in range(rows.shape[0]):
        row = rows[place]
        _add(row.provider, row.causes, row.ok, row.opened, row.closed, windows, unknown_start, lost, at_most)


@native
def _survey(records: NDArray[np.void], anomalies: Int32s, until: int, found: Survey, sums: WindowSums) -> None:
    accounts, affected, standing, stays, _ = found
    windows, unknown_start, lost, at_most = sums
    for number in range(records.shape[0]):
        record = records[number]
        if record.sequence == 0:
            continue
        row = min(record.provider + 1, KNOWN_PROVIDERS + 1)
        accounts[row] += 1
        affected[row] += anomalies[number] > 0
        standing[record.situation, np.int64(record.ok != NO_TIME)] += 1
        if record.since != NO_TIME:
            add_length(stays, row, record.situation, max(until - record.since, 0))
        if record.window:
            _add(record.provider, record.causes, record.ok, record.opened, until, windows, unknown_start, lost, at_most)


@inlined
def _add(
    provider: Int, causes: Int, ok: Int, opened: Int, closed: Int,
    windows: Int64s, unknown_start: Int64s, lost: Int64s, at_most: Int64s,
) -> None:  # fmt: skip
    row, cause = min(provider + 1, KNOWN_PROVIDERS + 1), causes & 0xF
    windows[row, cause] += 1
    unknown_start[row, cause] += ok == NO_TIME
    add_length(lost, row, cause, max(closed - opened, 0))
    add_length(at_most, row, cause, max(closed - (opened if ok == NO_TIME else ok), 0))
