"""What the tests of hooks share: an engine whose clock stands still, and one with a real clock."""

from collections.abc import Iterator

import pytest
import structlog

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


@pytest.fixture(autouse=True)
def unconfigured_structlog() -> None:
    """Log through the standard library, as long as no test says otherwise: ``capture_logs`` leaves it configured."""
    structlog.reset_defaults()


@pytest.fixture
def clock(account_clock: Clock) -> Clock:
    return account_clock


@pytest.fixture
def engine(account_engine: Engine) -> Engine:
    return account_engine


@pytest.fixture
def live() -> Iterator[Engine]:
    """An engine with a real clock."""
    with Engine.open("memory:", observers=()) as engine:
        yield engine
