"""The pytest plugin: the fixtures ``account_clock`` and ``account_engine``."""

from collections.abc import Iterator

import pytest

from ..engine.core import Engine
from . import Clock


@pytest.fixture
def account_clock() -> Clock:
    """Return the clock of ``account_engine``, which stands still until ``account_clock.tick(minutes=5)``."""
    return Clock()


@pytest.fixture
def account_engine(account_clock: Clock) -> Iterator[Engine]:
    """Provide an engine on an empty store in memory, which logs no anomalies and is closed after the test."""
    with Engine.open("memory:", clock=account_clock, observers=()) as engine:
        yield engine
