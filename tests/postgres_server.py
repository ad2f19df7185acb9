"""A PostgreSQL server of the tests' own: started once, on loopback, in a folder of its own, and stopped at the end.

A test module says ``pytest_plugins = ("postgres_server",)`` and asks for ``postgres_server`` (the server),
``database`` (the URL of a database that no other module has) or ``emptied`` (what empties it). With
``ACCOUNT_LIFECYCLE_TEST_POSTGRES`` set to the URL of a superuser the tests use that server instead, except those
that stop it. Without server binaries they are skipped, and say so. PYTEST_DONT_REWRITE: its asserts need no explaining.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import conninfo, sql

GIVEN = "ACCOUNT_LIFECYCLE_TEST_POSTGRES"
SUPERUSER = "postgres"
WAIT_S = 60
"""How long a server may take to start or to stop."""

new_names = map(f"lifecycle_{os.getpid()}_{{}}".format, count()).__next__


class PostgresServer:
    """A server that databases can be made on."""

    def __init__(self, url: str) -> None:
        self.url = url
        """The URL of its superuser, in its first database."""

    def url_of(self, database: str, **more: Any) -> str:
        """The URL of one of its databases."""
        parts: dict[str, Any] = {**conninfo.conninfo_to_dict(self.url), "dbname": database, **more}
        host, port = parts.pop("host", "localhost"), parts.pop("port", 5432)
        user, password = parts.pop("user", SUPERUSER), parts.pop("password", None)
        name = parts.pop("dbname")
        asked = "&".join(f"{key}={value}" for key, value in parts.items())
        who = user if password is None else f"{user}:{password}"
        return f"postgresql://{who}@{host}:{port}/{name}" + (f"?{asked}" if asked else "")

    def ask(self, query: str, params: tuple[Any, ...] = (), database: str | None = None) -> list[tuple[Any, ...]]:
        """What the superuser is told."""
        url = self.url if database is None else self.url_of(database)
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query, params)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database, which is dropped in the end."""
        name = new_names()
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )
        try:
            yield self.url_of(name)
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class PrivateServer(PostgresServer):
    """A server in a temporary folder, which can be stopped and started again."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._port = _free_port()
        super().__init__(f"postgresql://{SUPERUSER}@127.0.0.1:{self._port}/postgres")
        self._run("initdb", "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", self._data)
        access = self._folder / "data" / "pg_hba.conf"
        access.write_text(f"host all {SUPERUSER} 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    @property
    def tables(self) -> Path:
        """The folder with the files of all tables, without the write-ahead log."""
        return self._folder / "data" / "base"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder} -c max_connections=80"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-D", self._data, "-w", "-t", str(WAIT_S), "-l", log, "-o", settings)

    def stop(self, mode: str = "fast") -> None:
        """Stop it and wait until it has gone; ``immediate`` is as if the machine had lost its power."""
        self._run("pg_ctl", "stop", "-D", self._data, "-w", "-t", str(WAIT_S), "-m", mode)

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs, which refuse to run as root."""
        is_root = os.geteuid() == 0
        who: dict[str, Any] = {"user": SUPERUSER, "group": SUPERUSER, "extra_groups": []} if is_root else {}
        command = [str(self._binaries / program), *arguments]
        with tempfile.TemporaryFile() as told:  # a pipe would stay open as long as the server runs
            done = subprocess.run(command, stdout=told, stderr=told, cwd=self._folder, check=False, **who)
            told.seek(0)
            if done.returncode:
                raise RuntimeError(f"{program}: {told.read().decode(errors='replace').strip()}")


@contextmanager
def private_server() -> Iterator[PrivateServer]:
    """A server of one's own, running; skips the test where that is not possible."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL server here; install it (dev.py services), or set {GIVEN} to a server's URL")
    folder = Path(tempfile.mkdtemp(prefix="account-lifecycle-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, SUPERUSER, SUPERUSER)
        server = _started(binaries, folder)
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(binaries: Path, folder: Path) -> PrivateServer:
    try:
        server = PrivateServer(binaries, folder)
        server.start()
    except (OSError, RuntimeError, LookupError) as error:
        pytest.skip(f"no PostgreSQL server could be started here: {error}")
    return server


def _binaries() -> Path | None:
    """Where the server's programs are: on the PATH, or where Debian puts them."""
    found = shutil.which("pg_ctl")
    if found is not None and shutil.which("initdb") is not None:
        return Path(found).resolve().parent
    return max(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")),
        key=lambda path: float(path.parent.name),
        default=None,
    )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of all tests."""
    if given := os.environ.get(GIVEN):
        yield PostgresServer(given)
        return
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database that this module's tests have to themselves."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="module")
def emptied(database: str) -> Callable[[], str]:
    """Take every row out of the module's database and let every number begin anew; its URL."""

    def emptied_database() -> str:
        empty(database)
        return database

    return emptied_database


def empty(url: str) -> None:
    """Take every row out of a database and let every number begin anew."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(_EMPTY)


_EMPTY = """
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname = current_schema() AND tablename <> 'account_lifecycle_version' LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
        WHERE schemaname = current_schema();
END $$
"""
