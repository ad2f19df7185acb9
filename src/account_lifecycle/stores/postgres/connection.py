"""Connections to one database: a pool (``psycopg_pool``), what a new connection is set up with, and what errors say.

The pool connects in a thread of its own, and a caller that waits for a connection learns only that time is up. A person
needs to know why, at once: so connecting notes why it failed, and the waiting caller looks for that note. A forked
process never touches its parent's connections, neither uses nor closes them: in the child the parent's pool is left
alone, its sockets are replaced by nothing, and a new pool begins.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, NamedTuple, Self
from weakref import WeakSet

import psycopg
from psycopg import conninfo, errors
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper, TextBinaryLoader, TextLoader
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ...errors import ConfigurationError, StoreBusy, StoreError, StoreFull
from ...urls import HIDDEN, public_url
from .. import schema_script, statements

MOST_CONNECTIONS = 64
"""How many connections a store has at most; each stream that is being read holds one."""
IDLE_S = 60.0
"""How long a connection is kept open while nobody uses it, in seconds."""
FREE_WITHIN_S = 30.0
"""How long to wait for a connection while all are in use, in seconds."""
_LOOK_S = 0.05
_WITHIN = (TransactionStatus.INTRANS, TransactionStatus.INERROR)

# Why a connection failed is in our own error: where nobody has set up logging, the pool says nothing beside it.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())
CONNECT_TIMEOUT_S = 10
"""How long to wait for the server when a connection is made, unless the URL says otherwise."""
LOCK_TIMEOUT_MS = 10_000
"""How long to wait for others who are writing the same accounts, in milliseconds."""
ABANDONED_AFTER_MS = 60_000
"""How long a transaction that writes may rest before the server ends it, so that a process cut off from it blocks
nobody. One that only reads may rest as long as it likes."""
OLDEST_SERVER = 13
"""The oldest major version of PostgreSQL that will do."""
SCHEMA_VERSION = 1
"""The version of ``schema.sql``; a schema of any other is refused."""


@cache
def statement(name: str, **parts: str) -> bytes:
    """Return a statement by its name, with its variable parts filled in."""
    text = statements("postgres")[name]
    return (text.format(**parts) if parts else text).encode()


class Session(NamedTuple):
    """What names a connection on the server's side, for good."""

    pid: int
    started: str


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection of the pool."""

    session: Session

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """Connect and set up; ``owner`` among the parameters learns why if that fails."""
        owner: Connections = parameters.pop("owner")
        try:
            try:
                connection = super().connect(conninfo, **parameters)
            except psycopg.Error as error:
                raise type(error)(reason_of_failure(error, parameters)) from None
            try:
                owner.set_up(connection)
            except BaseException:
                connection.close()
                raise
        except Exception as error:
            owner.refusal = time.monotonic(), error
            raise
        return connection


class Connections:
    """Connections to the database that a URL names. Safe to share between threads."""

    def __init__(self, url: str, forked: Callable[[], None] = lambda: None) -> None:
        self._forked = forked  # called in the child of a fork
        self._parameters = _parameters(url)
        self.place = public_url(url)
        """What messages call the database."""
        self._is_closed = False
        self._renew()
        _EVERY.add(self)

    def _renew(self) -> None:
        self.refusal: tuple[float, Exception] | None = None
        """When the last connection failed, and why."""
        self._alive: WeakSet[Connection] = WeakSet()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            connection_class=Connection,
            kwargs={"owner": self, "autocommit": True, **self._parameters},
            min_size=0,
            max_size=MOST_CONNECTIONS,
            max_idle=IDLE_S,
            reconnect_timeout=0,
            open=False,
        )

    @contextmanager
    def lent(self) -> Iterator[Connection]:
        """Lend a connection, outside of any transaction; one that comes back within one is rolled back."""
        connection = self._take()
        try:
            yield connection
        finally:
            if connection in self._alive:  # or else it is of the process that this one was forked from
                if connection.info.transaction_status in _WITHIN:  # the pool would do the same, and log a warning
                    with suppress(psycopg.Error):
                        connection.rollback()
                self._pool.putconn(connection)

    def forget_idle(self) -> None:
        """Close those that nobody uses: they go the way of one that was lost."""
        self._pool.drain()

    def close(self) -> None:
        """Close those that nobody uses now, and the others when they come back."""
        self._is_closed = True
        self._pool.close()

    def set_up(self, connection: Connection) -> None:
        """Check a new connection's server, and set how values cross and how long to wait."""
        _check_server(connection, self.place)
        adapt(connection)
        timeouts = (str(LOCK_TIMEOUT_MS), str(ABANDONED_AFTER_MS))
        pid, started, *_ = connection.execute(statement("session"), timeouts).fetchall()[0]
        connection.session = Session(pid, started)
        self._alive.add(connection)

    def _take(self) -> Connection:
        asked_at = time.monotonic()
        while True:
            if self._is_closed:
                raise StoreError(f"{self.place}: the store is closed. Open the engine again.")
            try:
                self._pool.open()
                return self._pool.getconn(timeout=_LOOK_S)
            except PoolClosed:
                continue
            except PoolTimeout as error:
                if self.refusal is not None and self.refusal[0] >= asked_at:
                    raise self.refusal[1] from None
                if time.monotonic() - asked_at > FREE_WITHIN_S:
                    raise StoreBusy(
                        f"{self.place}: all {MOST_CONNECTIONS} connections have been in use for {FREE_WITHIN_S:g} s; "
                        "nothing of this call was kept. Read streams to their end or close them, then try again."
                    ) from error

    def abandon(self) -> None:
        """In the child of a fork: leave every connection to the parent, whose sessions must not notice it."""
        for connection in self._alive:
            _detach(connection)
        _INHERITED.append(self._pool)
        self._renew()
        self._forked()


def _parameters(url: str) -> dict[str, Any]:
    try:
        given = conninfo.conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeError):  # whose words may have the password in them
        raise ConfigurationError(
            "store", repr(public_url(url)), "a URL as libpq reads it: postgresql://USER@HOST:PORT/DATABASE"
        ) from None
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "account-lifecycle"}
    return {**defaults, **given, "client_encoding": "UTF8"}


def reason_of_failure(error: psycopg.Error, parameters: Mapping[str, object]) -> str:
    """Return why a connection failed without any value of a setting that libpq quotes.

    Of a malformed URL that may be a password, or a part of one.
    """
    said = str(error)
    signs = [sign for sign in _REFUSALS if sign in said]
    for value in sorted(map(str, parameters.values()), key=len, reverse=True):
        said = said.replace(value, HIDDEN) if len(value) > 2 else said
    said = _QUOTED.sub(HIDDEN, said)
    return ": ".join([*(sign for sign in signs if sign not in said), said])


_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|\"[^\"]*$")


def _check_server(connection: Connection, place: str) -> None:
    """Raise ``StoreError`` for a server that is too old, or a database that cannot hold every word."""
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
    check_version(connection, place)


def check_version(connection: Connection, place: str) -> None:
    """Raise ``StoreError`` unless the tables are of this version."""
    ((version,),) = connection.execute(statement("version")).fetchall()
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{place} has schema version {version}, but this version of account-lifecycle knows only {SCHEMA_VERSION}. "
            "Install the version that made it, or name another schema."
        )


# ---- Forks ---------------------------------------------------------------------------------------

_EVERY: WeakSet[Connections] = WeakSet()
_INHERITED: list[Connection | ConnectionPool[Connection]] = []
"""The parent's connections and pools, kept so that nothing closes them."""


def _detach(connection: Connection) -> None:
    """Put nothing in the place of the parent's socket: whatever is said to it now reaches nobody."""
    _INHERITED.append(connection)
    with suppress(psycopg.Error, OSError):
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, connection.fileno())
        os.close(nowhere)


def _abandon_all() -> None:
    for connections in tuple(_EVERY):
        connections.abandon()


os.register_at_fork(after_in_child=_abandon_all)


# ---- Trouble -------------------------------------------------------------------------------------

_GONE = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.IdleInTransactionSessionTimeout)
_RACES = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
_KEPT_NOTHING = "nothing of this call was kept."


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection went away, so that another may do."""
    return isinstance(error, _GONE) or (
        isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        and not isinstance(error, psycopg.errors.PipelineAborted)
        and (error.sqlstate is None or error.sqlstate.startswith("08"))
        and not is_refused(error)
    )


def is_refused(error: psycopg.Error) -> bool:
    """Return whether the server answered, and will not let us in however often we ask."""
    return any(sign in str(error) for sign in _REFUSALS)


def is_race(error: psycopg.Error) -> bool:
    """Return whether it was lost to another transaction, so that the same may succeed when it is done anew."""
    return isinstance(error, _RACES)


@contextmanager
def in_our_words(place: str) -> Iterator[None]:
    """Raise PostgreSQL's errors as ``StoreError``, in our words."""
    try:
        yield
    except psycopg.Error as error:
        raise plainly(place, error) from error


def plainly(place: str, error: psycopg.Error) -> StoreError:
    """Return an error in our words."""
    kind, advice = _advice(error)
    said = (error.diag.message_primary or str(error)).strip().replace("\n", " ").removesuffix(".")
    return kind(f"{place}: {advice} PostgreSQL says: {said}.")


def _advice(error: psycopg.Error) -> tuple[type[StoreError], str]:
    for kind, raised, advice in _ADVICE:
        if isinstance(error, kind):
            return raised, advice
    for sign, advice in _REFUSALS.items():
        if sign in str(error):
            return StoreError, advice
    if is_lost(error):
        return StoreError, "the server cannot be reached. Check that it runs, and the host and the port."
    return StoreError, f"the store failed; {_KEPT_NOTHING}"


_ADVICE: tuple[tuple[type[psycopg.Error], type[StoreError], str], ...] = (
    (errors.LockNotAvailable, StoreBusy, f"others have been writing the same for too long; {_KEPT_NOTHING} Try again."),
    (errors.QueryCanceled, StoreBusy, f"it took longer than the server allows; {_KEPT_NOTHING} Try again."),
    *((race, StoreBusy, f"it lost race after race to others; {_KEPT_NOTHING} Try again.") for race in _RACES),
    (errors.TooManyConnections, StoreBusy, "the server has no connection left. Try again, or raise max_connections."),
    (errors.DiskFull, StoreFull, f"the server's disk is full; {_KEPT_NOTHING} Make room and try again."),
    (errors.InvalidSchemaName, StoreError, "the schema of the search_path is not there. Make it: CREATE SCHEMA."),
    (
        errors.DuplicateTable,
        StoreError,
        "another program's table has one of our names. Give a schema of its own to us.",
    ),
    (errors.ReadOnlySqlTransaction, StoreError, "the server only reads, as a standby does. Name the primary."),
    (errors.InsufficientPrivilege, StoreError, "this user may not do that. GRANT it, or name another user."),
    (errors.UndefinedTable, StoreError, "a table is missing. Check the search_path, or restore a backup."),
    (errors.InvalidPassword, StoreError, "the password is wrong. Check the URL, PGPASSWORD or ~/.pgpass."),
    (errors.InvalidCatalogName, StoreError, "there is no such database. Make it: createdb."),
)
_REFUSALS = {
    "password authentication failed": "the password is wrong. Check the URL, PGPASSWORD or ~/.pgpass.",
    "no password supplied": "a password is needed. Put it into the URL, PGPASSWORD or ~/.pgpass.",
    "no pg_hba.conf entry": "the server does not let this user in from here. Add it to pg_hba.conf.",
    "does not exist": "there is no such user or database. Make it: createuser, createdb.",
    "too many clients": "the server has no connection left. Try again, or raise max_connections.",
    "remaining connection slots": "the server has no connection left. Try again, or raise max_connections.",
}
"""What a server says before there is a session, when nothing but its words tell errors apart."""


# ---- Values --------------------------------------------------------------------------------------
# PostgreSQL's text cannot hold U+0000, and words from the vendor may: U+0000 is written as U+0001 "0", U+0001 as
# U+0001 "1", and half a character (a lone surrogate) as U+0001 "u" and its four hexadecimal digits.

_MARK = "\x01"
_HALVES = re.compile("[\ud800-\udfff]")
_MARKED = re.compile(_MARK + "(?:([01])|u([0-9a-f]{4}))")


def nul_escaped(text: str) -> str:
    """Return text as it is kept."""
    if "\0" in text or _MARK in text:
        return text.replace(_MARK, "\x011").replace("\0", "\x010")
    return text


def nul_unescaped(text: str) -> str:
    """Return text as it was."""
    return _MARKED.sub(_meant, text) if _MARK in text else text


def encoded(text: str) -> bytes:
    """Return text as it travels."""
    kept = nul_escaped(text)
    try:
        return kept.encode()
    except UnicodeEncodeError:
        return _HALVES.sub(lambda half: f"{_MARK}u{ord(half[0]):04x}", kept).encode()


def _meant(mark: re.Match[str]) -> str:
    digit, half = mark.groups()
    return chr(int(half, 16)) if half else chr(int(digit))


class _WordDumper(StrDumper):
    def dump(self, obj: str) -> Buffer | None:
        return encoded(obj)


class _WordLoader(TextLoader):
    def load(self, data: Buffer) -> str:
        return nul_unescaped(str(data, "utf-8"))


class _BinaryWordLoader(TextBinaryLoader):
    def load(self, data: Buffer) -> str:
        return nul_unescaped(str(data, "utf-8"))


class _FactDumper(Dumper):
    oid = 20  # bigint, as every other number: one width, and so one prepared statement

    def dump(self, obj: bool) -> Buffer | None:
        return b"1" if obj else b"0"


class _NumberDumper(Int8Dumper):
    pass


def adapt(connection: AdaptContext) -> None:
    """Have a connection's values cross in this way."""
    adapters: Any = connection.adapters
    adapters.register_dumper(str, _WordDumper)
    adapters.register_dumper(bool, _FactDumper)
    adapters.register_dumper(int, _NumberDumper)
    adapters.register_loader("text", _WordLoader)
    adapters.register_loader("text", _BinaryWordLoader)
