"""Sites for the campaigns' stores: a folder of SQLite files, or a PostgreSQL server started for the campaign.

A site makes and drops stores, and knows what can happen to them from outside besides killing the processes that use
them.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from account_lifecycle import Engine

from .invariants import flaws
from .processes import scratch_folder

if TYPE_CHECKING:
    from tests.postgres_server import PostgresServer, PrivateServer

STORES = ("sqlite", "postgresql")


class Way(NamedTuple):
    """Something that happens to a store from outside."""

    name: str
    act: Callable[[str], None]
    """Does it to the store of this URL."""


class Site:
    """SQLite files in a folder: nothing happens to them but that their users are killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    may_be_down = False
    """Whether the store can be out of reach for a moment: opening it then fails, while an open store reconnects."""

    def new_folder(self) -> Path:
        """An empty folder beside the stores."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def new_store(self) -> str:
        """The URL of a store that is not there yet."""
        return f"sqlite:///{self.new_folder()}/accounts.db"

    def draw(self, random: Random) -> Way | None:
        """What happens next; None if a user is to be killed."""
        del random
        return None

    def flaws(self, url: str) -> list[str]:
        """Everything in a store that contradicts itself, in words."""
        with Engine.open(url, observers=()) as engine:
            return flaws(engine, Path(url.removeprefix("sqlite:///")))

    def drop(self, url: str) -> None:
        """Forget a store; the folder goes with everything in the end."""
        for file in Path(url.removeprefix("sqlite:///")).parent.iterdir():
            file.unlink()


class PostgresSite(Site):
    """Databases on a server, whose connections can be cut; a private one can be stopped as if its power had failed."""

    def __init__(self, folder: Path, server: "PostgresServer") -> None:
        super().__init__(folder)
        self._server = server
        self._databases: dict[str, ExitStack] = {}

    may_be_down = True

    def new_store(self) -> str:
        """The URL of a new database."""
        with ExitStack() as stack:
            url = stack.enter_context(self._server.database())
            self._databases[url] = stack.pop_all()
        return url

    def draw(self, random: Random) -> Way | None:
        """Of ten things, six are kills of users, three cut a connection, one stops the server."""
        number = random.randrange(10)
        if number < 6:
            return None
        return Way("connections cut", self._cut) if number < 9 else Way("servers stopped at once", self._stop)

    def flaws(self, url: str) -> list[str]:
        """Nothing beyond what the engine verifies."""
        del url
        return []

    def drop(self, url: str) -> None:
        """Drop a database."""
        self._databases.pop(url).close()

    def _cut(self, url: str) -> None:
        """Terminate one of the connections to a store."""
        self._server.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s ORDER BY random() LIMIT 1",
            (url.rpartition("/")[2],),
        )

    def _stop(self, url: str) -> None:
        """Stop the server without letting it tidy up, and start it again."""
        del url
        server: PrivateServer = self._server  # type: ignore[assignment]
        server.stop("immediate")
        server.start()


@contextmanager
def opened_site(store: str, *, own_server: bool = True, is_on_disk: bool = False) -> Iterator[Site | str]:
    """A site for one kind of store, or why there can be none here.

    Without ``own_server`` the server that the environment names serves as well. Files are in memory unless they are
    to be on a disk: what a kill leaves behind is the same.
    """
    with ExitStack() as stack:
        stack.enter_context(_tidying_up())
        folder = (
            Path(stack.enter_context(TemporaryDirectory())) if is_on_disk else stack.enter_context(scratch_folder())
        )
        yield Site(folder) if store == "sqlite" else _postgres_site(stack, folder, own_server)


@contextmanager
def _tidying_up() -> Iterator[None]:
    """Leave no server behind, also on SIGTERM."""
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit("terminated"))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _postgres_site(stack: ExitStack, folder: Path, own_server: bool) -> Site | str:
    import pytest

    from tests.postgres_server import GIVEN, PostgresServer, private_server

    if not own_server and (given := os.environ.get(GIVEN)):
        return PostgresSite(folder, PostgresServer(given))
    try:
        return PostgresSite(folder, stack.enter_context(private_server()))
    except pytest.skip.Exception as reason:
        return str(reason)
