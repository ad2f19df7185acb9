"""Lengths added up: a large fleet lives longer than 64 bits of microseconds."""

from datetime import timedelta

import numpy as np

from account_lifecycle.replay.kernel import WINDOW
from account_lifecycle.replay.lengths import length_of
from account_lifecycle.replay.survey import WindowSums, add_closed

YEARS = 8_000
WINDOWS = 50


def test_the_hours_of_a_fleet_are_added_up_beyond_what_64_bits_of_microseconds_hold() -> None:
    rows = np.zeros(WINDOWS, WINDOW)
    length = timedelta(days=365 * YEARS, microseconds=7)
    rows["closed"] = length // timedelta(microseconds=1)
    sums = WindowSums.nothing()
    add_closed(rows, sums)
    assert length_of(sums.lost.sum(axis=(0, 1))) == length_of(sums.lost_at_most.sum(axis=(0, 1))) == length * WINDOWS
    assert length * WINDOWS // timedelta(microseconds=1) > np.iinfo(np.int64).max
    assert sums.windows.sum() == WINDOWS
