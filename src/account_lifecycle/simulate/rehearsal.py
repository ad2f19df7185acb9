"""An audit of a log in memory: every line parsed and judged, account by account, without an engine or a store.

What the vendor's list of accounts said in between can be judged with it, and ``looks`` says what it would have said.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ..errors import PayloadError
from ..intake.payloads import parse
from ..lifecycle.account import Account
from ..lifecycle.deadlines import next_deadline
from ..lifecycle.decide import Decision, judge
from ..lifecycle.definition import (
    CONNECTING,
    CREATION_FAIL,
    FINISHES_SYNC,
    PROVES_LIFE,
    SETTLES_INTO_OK,
    TERMINAL,
)
from ..lifecycle.events import ABSENT, Event, StatusObserved
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .score import Listened
from .truth import Lived


class Rehearsal:
    """Iterate over it for what is said about each line, and about each deadline that passed before or by the end.

    The lines are those of a simulation that is not bare; ``observed`` is in the order of its times.
    """

    def __init__(
        self, lines: Iterable[str], policy: Policy = DEFAULT_POLICY, observed: Iterable[StatusObserved] = ()
    ) -> None:
        self.accounts: dict[str, Account] = {}
        self._lines = lines
        self.policy = policy
        self._observed = deque(observed)

    def __iter__(self) -> Iterator[Listened]:
        return (Listened(line, None, None) if d is None else Listened.about(line, d) for line, d in self.decisions())

    def decisions(self) -> Iterator[tuple[int, Decision | None]]:
        """Yield each decision with the line at which it was made, None for a line that cannot be read."""
        number, now = 0, None
        for number, line in enumerate(self._lines, 1):
            entry = json.loads(line)
            at = datetime.fromisoformat(entry["received_at"])
            now = at if now is None else max(now, at)
            while self._observed and self._observed[0].received_at < now:
                yield from self._judge(number, self._observed.popleft())
            try:
                event = parse(entry["payload"], at)
            except PayloadError:
                yield number, None
                continue
            yield from self._judge(number, event)
        if now is not None:
            yield from self._pass_deadlines(number, now)

    def _pass_deadlines(self, number: int, now: datetime) -> Iterator[tuple[int, Decision]]:
        """Judge what has passed by the end of the log."""
        for account in tuple(self.accounts.values()):
            due = next_deadline(account, self.policy)
            if due is not None and due.received_at <= now:
                yield from self._judge(number, replace(due, received_at=now))

    def _judge(self, number: int, event: Event) -> Iterator[tuple[int, Decision]]:
        account = self.accounts.get(event.account_id) or Account(event.account_id)
        for decision in judge(account, event, self.policy):
            self.accounts[event.account_id] = decision.after
            yield number, decision


def looks(lives: Iterable[Lived], every: timedelta, until: datetime) -> list[StatusObserved]:
    """Return what the vendor's list would have said of these accounts at regular moments, in the order of time."""
    seen = []
    for lived in lives:
        facts: list[tuple[datetime, str]] = []
        for text, status, _ in lived.timeline:
            is_no_change = status == FINISHES_SYNC and bool(facts) and facts[-1][1] == PROVES_LIFE
            if status != CREATION_FAIL and not is_no_change:
                facts.append((datetime.fromisoformat(text), status))
        at = facts[0][0] + every if facts else until
        while at < until:
            while len(facts) > 1 and facts[1][0] <= at:
                del facts[0]
            status = facts[0][1]
            word = ABSENT if status == TERMINAL else CONNECTING if status in SETTLES_INTO_OK else status
            seen.append(StatusObserved(lived.account_id, str(word), at, lived.provider))
            at += every
    return sorted(seen, key=lambda each: each.received_at)
