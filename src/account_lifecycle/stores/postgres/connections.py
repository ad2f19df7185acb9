"""Connections to one database: lent to one borrower at a time, and kept for the next.

Knows how a connection is made and when it may be used again; it must never know a table. A process that is forked
never touches its parent's connections: neither uses nor closes them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakSet

import psycopg
from psycopg import conninfo
from psycopg.pq import TransactionStatus

from ...errors import ConfigurationError, StoreError, without_password
from .. import schema_script, statements
from . import troubles
from .words import adapt

Connection = psycopg.Connection[tuple[Any, ...]]

KEPT = 8
"""How many connections are kept open while nobody uses them."""
CONNECT_TIMEOUT_S = 10
"""How long to wait for the server when a connection is made, unless the URL says otherwise."""
ABANDONED_AFTER_MS = 60_000
"""How long a transaction may rest before the server ends it, so that a process cut off from it blocks nobody."""
OLDEST_SERVER = 13
"""The oldest major version of PostgreSQL that will do."""
SCHEMA_VERSION = 1
"""The version of ``schema.sql``; a schema of any other is refused."""


@cache
def statement(name: str, **parts: str) -> bytes:
    """A statement by its name, with its variable parts filled in."""
    text = statements("postgres")[name]
    return (text.format(**parts) if parts else text).encode()


class Session(NamedTuple):
    """What names a connection on the server's side, for good."""

    pid: int
    started: str


class Connections:
    """Connections to the database that a URL names. Safe to share between threads."""

    def __init__(self, url: str, forked: Callable[[], None] = lambda: None) -> None:
        self._forked = forked  # called in the child of a fork
        self._parameters = _parameters(url)
        self.place = _place(self._parameters)
        """What messages call the database; never with a password."""
        self._renew()
        self._is_closed = False
        _EVERY.add(self)

    def _renew(self) -> None:
        self._lock = Lock()
        self._idle: list[Connection] = []
        self._sessions: dict[Connection, Session] = {}

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """A connection of one's own, outside of any transaction; one that comes back within one is rolled back."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def session(self, connection: Connection) -> Session:
        """What the server knows a connection by."""
        return self._sessions[connection]

    def forget_idle(self) -> None:
        """Close those that nobody uses: they go the way of one that was lost."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._drop(connection)

    def close(self) -> None:
        """Close those that nobody uses now, and the others when they come back."""
        self._is_closed = True
        self.forget_idle()

    def _take(self) -> Connection:
        if self._is_closed:
            raise StoreError(f"{self.place}: the store is closed. Open the engine again.")
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> Connection:
        connection: Connection = psycopg.connect(autocommit=True, **self._parameters)
        try:
            _check_server(connection, self.place)
            adapt(connection)
            timeouts = (str(troubles.LOCK_TIMEOUT_MS), str(ABANDONED_AFTER_MS))
            pid, started, *_ = connection.execute(statement("session"), timeouts).fetchall()[0]
        except BaseException:
            connection.close()
            raise
        self._sessions[connection] = Session(pid, started)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection not in self._sessions:
            return  # of the process that this one was forked from
        if _is_clean(connection):
            with self._lock:
                if not self._is_closed and len(self._idle) < KEPT:
                    self._idle.append(connection)
                    return
        self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._sessions.pop(connection, None)
        connection.close()

    def let_go(self) -> None:
        """In the child of a fork: leave every connection to the parent, whose sessions must not hear of it."""
        for connection in self._sessions:
            _detach(connection)
        self._renew()
        self._forked()


def _is_clean(connection: Connection) -> bool:
    """Whether a connection is outside of any transaction, if need be after a rollback."""
    status = connection.info.transaction_status
    if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            connection.execute("ROLLBACK")
        status = connection.info.transaction_status
    return status is TransactionStatus.IDLE


def _parameters(url: str) -> dict[str, Any]:
    try:
        told = conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose words may have the password in them
        raise ConfigurationError(
            "store", repr(without_password(url)), "a URL as libpq reads it: postgresql://USER@HOST:PORT/DATABASE"
        ) from None
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "account-lifecycle"}
    return {**defaults, **told, "client_encoding": "UTF8"}


def _place(parameters: dict[str, Any]) -> str:
    host, port = parameters.get("host"), parameters.get("port")
    where = f"{host or ''}{f':{port}' if port else ''}"
    return f"postgresql://{where}/{parameters.get('dbname') or ''}"


def _check_server(connection: Connection, place: str) -> None:
    """Refuse a server that is too old, or a database that cannot hold every word."""
    version, encoding = connection.info.server_version // 10_000, connection.info.parameter_status("server_encoding")
    if version < OLDEST_SERVER:
        raise StoreError(f"{place}: the server is PostgreSQL {version}. Version {OLDEST_SERVER} or newer is needed.")
    if encoding != "UTF8":
        raise StoreError(f"{place}: the database is in {encoding}. Make one in UTF8: createdb -E UTF8 -T template0.")


def prepare(connection: Connection, place: str) -> None:
    """Make the tables in an empty schema, and wait while another process does; raise ``StoreError`` for another's.

    ``place`` is what messages call the database.
    """
    ((has_version,),) = connection.execute(statement("has_version")).fetchall()
    if not has_version:
        with connection.transaction():
            connection.execute(statement("preparing"))
            connection.execute(statement("version_table"))
            if connection.execute(statement("version")).fetchall() == [(0,)]:  # or else another was faster
                connection.execute(schema_script("postgres").encode())
                connection.execute(statement("save_version"), (SCHEMA_VERSION,))
    ((version,),) = connection.execute(statement("version")).fetchall()
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{place} has schema version {version}, but this version of account-lifecycle knows only {SCHEMA_VERSION}. "
            "Install the version that made it, or name another schema."
        )


# ---- Forks ---------------------------------------------------------------------------------------

_EVERY: WeakSet[Connections] = WeakSet()
_INHERITED: list[Connection] = []
"""The parent's connections, kept so that nothing closes them."""


def _detach(connection: Connection) -> None:
    """Put nothing in the place of the parent's socket: whatever is said to it now reaches nobody."""
    _INHERITED.append(connection)
    with suppress(psycopg.Error, OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, connection.fileno())
        os.close(nowhere)


def _let_go_of_all() -> None:
    for connections in tuple(_EVERY):
        connections.let_go()


os.register_at_fork(after_in_child=_let_go_of_all)
