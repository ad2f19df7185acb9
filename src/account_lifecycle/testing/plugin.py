"""The pytest plugin: the fixtures ``account_clock``, ``account_engine`` and ``account_vendor``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ..engine.core import Engine
from . import Clock, record_hooks

if TYPE_CHECKING:
    from .vendor import SimulatedVendor


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


@pytest.fixture
def account_vendor(account_clock: Clock) -> "SimulatedVendor":
    """Return a simulated vendor that goes by ``account_clock``: ``account_vendor.feed(account_engine)`` subscribes."""
    from .vendor import SimulatedVendor

    return SimulatedVendor(clock=account_clock)
