"""What the tests of runners and workers share: an engine on either store, and a clock that is told the time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def engine(url: str, clock: Clock) -> Iterator[Engine]:
    """An engine whose clock stands still until it is told otherwise."""
    with Engine.open(url, clock=clock, observers=()) as engine:
        yield engine


@pytest.fixture
def live(url: str) -> Iterator[Engine]:
    """An engine with a real clock."""
    with Engine.open(url, observers=()) as engine:
        yield engine
