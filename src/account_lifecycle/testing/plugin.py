"""The pytest plugin: the fixtures ``account_clock`` and ``account_engine``."""

from collections.abc import Iterator

import pytest

from ..engine.core import Engine
from . import Clock, record_hooks


@pytest.fixture
def account_clock() -> Clock:
    """Return the clock of ``account_engine``, which stands still until ``account_clock.tick(minutes=5)``."""
    return Clock()


@pytest.fixture
def account_engine(account_clock: Clock) -> Iterator[Engine]:
    """Provide an engine on an empty store in memory, which is closed after the test.

    It goes by ``account_clock``, logs no anomalies, and records what its hooks are called with, for ``drain(engine)``
    and ``assert_called(engine, hook, times=1)``.
    """
    with Engine.open("memory:", clock=account_clock, observers=()) as engine:
        record_hooks(engine)
        yield engine
