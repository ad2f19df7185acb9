"""What a replay adds up while it runs, so that a report needs no second look at the log.

Knows how rows of codes are counted, a few thousand at a time. It must never judge an event, nor say how a sum is
shown.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Status
from ..report.grouping import OTHER_WORDS, Group, Groups
from .coding import Int64s
from .fleet import time_of
from .kernel import ROWS
from .survey import CAUSES, WindowSums, add_closed
from .tables import (
    AFTER,
    ANNOUNCEMENTS,
    KINDS,
    KNOWN_PROVIDERS,
    KNOWN_WORDS,
    SITUATIONS,
    STATUSES,
    VERDICTS,
    packed_steps,
)
from .unpacking import anomaly_of
from .vocabulary import Vocabulary

NO_EVENT = len(VERDICTS)
"""As a verdict: a deadline passed that nobody recorded."""
_STATUS_OF = np.array([STATUSES.index(situation.status) for situation in SITUATIONS], np.int64)
_WORD_BITS = 27
"""Into which a word or a provider is packed; there is no memory for as many."""
_SMALL_BITS = 4
"""Into which anything else is packed, of which there are a dozen."""


class Crossed(NamedTuple):
    """Events that were judged alike."""

    before: Status
    announced: str
    after: Status
    kind: AnomalyKind | None
    """Of the first anomaly."""


class Tally:
    """The sums of one replay."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.groups = Groups()
        self.windows = WindowSums.nothing()
        self.anomalies = np.zeros(ROWS, np.int64)
        """By provider's row."""
        self.undated = 0
        self.refused = 0
        self._odd_events: Counter[tuple[int, ...]] = Counter()
        self._vocabulary = vocabulary

    def add_anomalies(self, rows: NDArray[np.void]) -> None:
        """Count anomalies."""
        self.anomalies += np.bincount(row_of(rows["provider"]), minlength=ROWS)
        for group in self._grouped(rows):
            self.groups.merge(group)
        first = rows[rows["is_first"] == 1]
        key = np.zeros(len(first), np.int64)
        for column in (first["before"], np.minimum(first["word"], KNOWN_WORDS), first["after"], first["kind"],
                       row_of(first["provider"]), np.where(first["line"] > 0, first["verdict"], NO_EVENT)):  # fmt: skip
            key = key << _SMALL_BITS | column
        for packed, count in zip(*(part.tolist() for part in np.unique(key, return_counts=True)), strict=True):
            places = range(5 * _SMALL_BITS, -1, -_SMALL_BITS)
            self._odd_events[tuple(packed >> place & (1 << _SMALL_BITS) - 1 for place in places)] += count

    def add_windows(self, rows: NDArray[np.void]) -> None:
        """Count blind windows that are over."""
        add_closed(rows, self.windows)

    def _grouped(self, rows: NDArray[np.void]) -> Iterator[Group]:
        """Anomalies that are alike, each kind of them once; the latest is the example."""
        key = rows["kind"].astype(np.int64) << 4 | _STATUS_OF[rows["before"]]
        key = key << _WORD_BITS | rows["word"]
        key = key << _WORD_BITS | rows["provider"] + 1
        order = np.lexsort((rows["at"], key))
        last = np.append(np.flatnonzero(np.diff(key[order])), len(order) - 1)
        first = np.append(0, last[:-1] + 1)
        for begin, end in zip(first.tolist(), last.tolist(), strict=True):
            example = anomaly_of(rows[order[end]], self._vocabulary)
            first_seen = time_of(int(rows["at"][order[begin]]))
            assert first_seen is not None
            yield Group(
                example.kind, example.situation.status, example.announced, example.provider,
                end - begin + 1, first_seen, example.at, example,
            )  # fmt: skip

    # ---- Sums of events ------------------------------------------------------------------------------

    def verdicts(self, clean: Int64s) -> Int64s:
        """By provider's row and verdict, how many events there were; those without an anomaly are ``clean``."""
        counts: Int64s = clean.sum(axis=(1, 2))
        for (*_, row, verdict), count in self._odd_events.items():
            if verdict != NO_EVENT:
                counts[row, verdict] += count
        return counts

    @property
    def deadlines(self) -> int:
        """How many deadlines passed that nobody recorded."""
        return sum(count for (*_, verdict), count in self._odd_events.items() if verdict == NO_EVENT)

    def crossings(self, clean: Int64s) -> Counter[Crossed]:
        """How often which event was judged how; those without an anomaly are ``clean``."""
        counts: Counter[Crossed] = Counter()
        afters = packed_steps()[1] & AFTER  # what is lawful leads to the same, whoever announces it
        for before, word, verdict in np.argwhere(clean.sum(axis=0)).tolist():
            after = int(afters[before, word]) if verdict == 0 else before
            crossed = Crossed(SITUATIONS[before].status, ANNOUNCEMENTS[word], SITUATIONS[after].status, None)
            counts[crossed] += int(clean[:, before, word, verdict].sum())
        for (before, word, after, kind, *_), count in self._odd_events.items():
            announced = str(ANNOUNCEMENTS[word]) if word < KNOWN_WORDS else OTHER_WORDS
            counts[Crossed(SITUATIONS[before].status, announced, SITUATIONS[after].status, KINDS[kind])] += count
        return counts


def row_of(provider: NDArray[np.integer]) -> Int64s:
    """The row in which accounts of a provider are counted."""
    return np.minimum(provider.astype(np.int64) + 1, KNOWN_PROVIDERS + 1)


assert max(len(VERDICTS), len(SITUATIONS), len(KINDS), CAUSES, ROWS) <= 1 << _SMALL_BITS
