"""An audit of a simulated log: the payloads parsed and decided on, account by account, without an engine."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

import pytest

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.simulate.log import Simulation, simulate
from account_lifecycle.simulate.score import Heard, Truth, truth_of

START = datetime(2026, 5, 1, tzinfo=UTC)

Hear = Callable[..., Iterator[Heard]]
Fleet = Callable[..., Simulation]


class Auditor:
    """Decides on every line of a log, and on every deadline as soon as it has passed."""

    def __init__(self, *, deadlines: bool) -> None:
        self.accounts: dict[str, Account] = {}
        self.decisions: list[Decision] = []
        self._deadlines: list[tuple[datetime, str, datetime, Status]] | None = [] if deadlines else None

    def hear(self, lines: Iterable[str]) -> Iterator[Heard]:
        number, now = 0, None
        for number, line in enumerate(lines, 1):
            entry = json.loads(line)
            now = datetime.fromisoformat(entry["received_at"])
            yield from self._pass_deadlines(number - 1, now)
            try:
                event = parse(entry["payload"], now)
            except PayloadError:
                yield Heard(number, None, None)
            else:
                yield self._decide(number, event)
        if now is not None:
            yield from self._pass_deadlines(number, now)

    def _decide(self, number: int, event: Event) -> Heard:
        before = self.accounts.get(event.account_id, Account(event.account_id))
        decision = decide(before, event)
        account = self.accounts[event.account_id] = decision.after
        if decision.anomalies:
            self.decisions.append(decision)
        allowed = DEFAULT_POLICY.deadlines_of(account.provider).get(account.status)
        if self._deadlines is not None and allowed is not None and account.since is not None:
            heappush(self._deadlines, (account.since + allowed, account.account_id, account.since, account.status))
        kinds = tuple(anomaly.kind for anomaly in decision.anomalies)
        return Heard(number, event.account_id, decision.verdict, kinds)

    def _pass_deadlines(self, number: int, now: datetime) -> Iterator[Heard]:
        while self._deadlines and self._deadlines[0][0] < now:
            due, account_id, since, status = heappop(self._deadlines)
            account = self.accounts[account_id]
            if (account.since, account.status, account.stuck) == (since, status, False):
                yield self._decide(number, DeadlinePassed(account_id, status, due, since, due - since))


@pytest.fixture
def auditor() -> Auditor:
    """One that watches the deadlines too."""
    return Auditor(deadlines=True)


@pytest.fixture
def hear() -> Hear:
    """What an audit says of a log, watching the deadlines or not."""

    def hear(lines: Iterable[str], *, deadlines: bool = True) -> Iterator[Heard]:
        return Auditor(deadlines=deadlines).hear(lines)

    return hear


@pytest.fixture
def fleet() -> Fleet:
    """A small fleet's log, as the keywords of ``simulate`` want it."""

    def fleet(**settings: Any) -> Simulation:
        return simulate(**{"accounts": 40, "seed": 1, "start": START, "days": 500, **settings})

    return fleet


@pytest.fixture
def truth() -> Callable[[Simulation], Truth]:
    """The truth about a log that is exhausted."""
    return lambda simulation: truth_of([simulation.header, *(fault._asdict() for fault in simulation.truth)])
