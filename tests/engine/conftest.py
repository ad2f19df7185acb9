"""What the tests of the engine share: an engine on either store, and a clock that is told the time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """A store that outlives its engine."""
    return f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def engine(url: str, clock: Clock) -> Iterator[Engine]:
    with Engine.open(url, clock=clock, observers=()) as engine:
        yield engine


@pytest.fixture
def unconfigured_structlog() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
