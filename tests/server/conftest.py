"""Fixtures: an engine in a file and a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", clock=clock, observers=()) as opened:
        yield opened
