"""A replay under way: chunks go in, and what is found is kept as it is found.

Knows when the kernel has to stop and what it then needs. It must never know where chunks come from.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..engine.deadlines import by_family
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from . import kernel
from .columns import Chunk, Columns
from .fleet import Fleet
from .kernel import DONE, UNKNOWN_SET
from .tables import Rules, rules_for
from .vocabulary import Vocabulary

ANOMALIES_AT_A_TIME = 65_536
WINDOWS_AT_A_TIME = 65_536


class Findings(NamedTuple):
    """Some of what was found, in the order of the log; the arrays are good until the next ones are asked for."""

    anomalies: NDArray[np.void]
    windows: NDArray[np.void]
    """Blind windows that closed."""


class Judging:
    """A fleet that lives through a log."""

    def __init__(
        self, vocabulary: Vocabulary, policy: Policy = DEFAULT_POLICY, *, watches_deadlines: bool = True
    ) -> None:
        self.vocabulary = vocabulary
        self.fleet = Fleet(vocabulary)
        self.events = 0
        self.first_at: int | None = None
        self.last_at: int | None = None
        """In microseconds since 1970: of all that was judged so far, the earliest and the latest time."""
        self.found = kernel.room_for(0, ANOMALIES_AT_A_TIME, WINDOWS_AT_A_TIME)
        self._policy = by_family(policy)
        self._watches_deadlines = watches_deadlines
        self._rules = self._rules_now()

    def judge(self, chunk: Chunk, source: int = 0) -> Iterator[Findings]:
        """Judge a chunk: exhaust this. The outcomes of its events are in ``found.outcomes`` afterwards."""
        columns = chunk.columns
        self.fleet.grow(max(chunk.accounts, int(columns.account.max(initial=-1)) + 1))
        if len(self._rules.announces_sync) <= len(self.vocabulary.providers):
            self._rules = self._rules_now()
        self.found = self.found._replace(outcomes=np.zeros(len(columns.at), np.uint32))
        self._follow_time(columns)
        self.events += len(columns.at)
        yield from self._pass(
            lambda row: kernel.judge(columns, row, source, self.fleet.arrays, self._rules, self.found)
        )

    def end(self, until: int, source: int = 0) -> Iterator[Findings]:
        """Report what has lasted too long at ``until``, in microseconds since 1970."""
        yield from self._pass(
            lambda account: kernel.report_deadlines(until, source, account, self.fleet.arrays, self._rules, self.found)
        )

    def _pass(self, go_on: Callable[[int], tuple[int, int]]) -> Iterator[Findings]:
        place, reason = 0, -1
        while reason != DONE:
            place, reason = go_on(place)
            anomalies, windows = int(self.found.ends[0]), int(self.found.ends[1])
            if anomalies or windows:
                yield Findings(self.found.anomalies[:anomalies], self.found.windows[:windows])
            if reason == UNKNOWN_SET:
                self.fleet.learn_set(int(self.found.ends[2]))

    def _rules_now(self) -> Rules:
        return rules_for(self._policy, self.vocabulary.providers, watches_deadlines=self._watches_deadlines)

    def _follow_time(self, columns: Columns) -> None:
        if len(columns.at):
            first, last = int(columns.at.min()), int(columns.at.max())
            self.first_at = first if self.first_at is None else min(self.first_at, first)
            self.last_at = last if self.last_at is None else max(self.last_at, last)
