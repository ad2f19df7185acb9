"""What the tests of the engine share: an engine whose clock stands still, and a store that outlives its engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


@pytest.fixture
def account_clock(clock: Clock) -> Clock:
    return clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(account_engine: Engine) -> Engine:
    return account_engine


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """A store that outlives its engine."""
    return f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def unconfigured_structlog() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
