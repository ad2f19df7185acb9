"""``feed --truth``: what was heard of each line of a simulated log, for the score.

Knows how to number the lines; what a score is, ``score`` knows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from ..engine.core import utc_now
from ..errors import PayloadError
from ..intake.logs import Received
from ..intake.payloads import parse
from ..lifecycle.decide import Decision
from ..simulate.score import Heard

Feed = Callable[[Iterable[Received]], Iterator[Decision]]
"""Feeds payloads and yields their decisions, in order, none for those that cannot be read."""


class Numbered:
    """The lines of a log on their way into a feed, and what is heard of each.

    A batch yields no decision for a payload that cannot be read, so each is read here first, only to know
    which decisions belong to which lines.
    """

    def __init__(self, lines: Iterable[Received]) -> None:
        self._lines = lines
        self._fed: deque[bool] = deque()
        self.line = 0
        """How many lines were heard of."""

    def heard(self, feed: Feed) -> Iterator[Heard]:
        """Feed everything; what was heard of each line, in order."""
        for decision in feed(self._note()):
            yield from self._refused()
            yield self.about(decision)
        yield from self._refused()

    def about(self, decision: Decision) -> Heard:
        """What was said about the line after the last, or about a deadline when there are no more."""
        if self._fed:
            self._fed.popleft()
            self.line += 1
        kinds = tuple(anomaly.kind for anomaly in decision.anomalies)
        return Heard(self.line, decision.account.account_id, decision.verdict, kinds)

    def _note(self) -> Iterator[Received]:
        for received in self._lines:
            self._fed.append(_is_readable(received))
            yield received

    def _refused(self) -> Iterator[Heard]:
        while self._fed and not self._fed[0]:
            self._fed.popleft()
            self.line += 1
            yield Heard(self.line, None, None)


def _is_readable(received: Received) -> bool:
    try:
        parse(received.payload, utc_now() if received.received_at is None else received.received_at)
    except PayloadError:
        return False
    return True
