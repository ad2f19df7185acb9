"""Audits of simulated logs: judged in memory, without an engine."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.simulate.log import Simulation, simulate
from account_lifecycle.simulate.rehearsal import Rehearsal
from account_lifecycle.simulate.score import Score, score

START = datetime(2026, 5, 1, tzinfo=UTC)

Fleet = Callable[..., Simulation]
Hear = Callable[..., Rehearsal]
Scored = Callable[..., Score]


@pytest.fixture
def hear() -> Hear:
    """What an audit says of a log."""

    def hear(lines: Iterable[str], policy: Policy = DEFAULT_POLICY) -> Rehearsal:
        return Rehearsal(lines, policy)

    return hear


@pytest.fixture
def fleet() -> Fleet:
    """A small fleet's log, as the keywords of ``simulate`` want it."""

    def fleet(**settings: Any) -> Simulation:
        return simulate(**{"accounts": 40, "seed": 1, "start": START, "days": 500, **settings})

    return fleet


@pytest.fixture
def scored() -> Scored:
    """What an audit of a simulation is worth."""

    def scored(simulation: Simulation, policy: Policy = DEFAULT_POLICY) -> Score:
        lines = list(simulation)
        return score(simulation.truth, Rehearsal(lines, policy))

    return scored
