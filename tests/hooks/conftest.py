"""What the tests of hooks share: an engine whose clock stands still, and one with a real clock."""

from collections.abc import Iterator

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


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
