"""What the tests of verifying share: an engine on each store, and the fleet with something in every column."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import Clock
from verify.fleets import everything, feed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        from postgres_server import empty  # here, so that nothing else waits for psycopg

        database: str = request.getfixturevalue("database")
        empty(database)
        return database
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def engine(url: str, clock: Clock) -> Iterator[Engine]:
    with Engine.open(url, clock=clock, observers=()) as engine:
        yield engine


@pytest.fixture
def fed(engine: Engine) -> Engine:
    """An engine whose store has something in every column of every table."""
    feed(engine.store, everything())
    return engine
