"""Fixtures: an engine in a file and a clock that stands still, and fleets: a simulated one, and one of few accounts."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.engine.core import utc_now
from account_lifecycle.testing import Clock
from server.fleets import feed
from server.showing import Shown, showing
from server.simulated import simulated_fleet


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", clock=clock, observers=()) as opened:
        yield opened


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with simulated_fleet(tmp_path_factory.mktemp("fleet")) as engine:
        yield engine


@pytest.fixture
def few() -> Iterator[Engine]:
    """Five accounts, live for half an hour."""
    with Engine.open("memory:", observers=()) as engine:
        feed(engine, *(("OK", f"acc_{n}", "LINKEDIN") for n in range(5)), at=utc_now() - timedelta(minutes=30))
        yield engine


@pytest.fixture
def shown(few: Engine) -> Iterator[Shown]:
    """They are served."""
    with showing(few) as found:
        yield found
