"""PostgreSQL's errors in our words: what happened, and what to do next.

Knows which errors are a lost race, a lost connection or a lack of room; it must never know what was being done.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from ...errors import StoreBusy, StoreError, StoreFull

LOCK_TIMEOUT_MS = 10_000
"""How long to wait for others who are writing the same accounts, in milliseconds."""

_GONE = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.IdleInTransactionSessionTimeout)
_RACES = (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation)
_KEPT_NOTHING = "nothing of this call was kept."


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection went away, so that another may do."""
    return isinstance(error, _GONE) or (
        isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        and not isinstance(error, psycopg.errors.PipelineAborted)
        and (error.sqlstate is None or error.sqlstate.startswith("08"))
        and not is_refused(error)
    )


def is_refused(error: psycopg.Error) -> bool:
    """Whether the server answered, and will not let us in however often we ask."""
    return any(sign in str(error) for sign in _REFUSALS)


def is_race(error: psycopg.Error) -> bool:
    """Whether it was lost to another transaction, so that the same may succeed when it is done anew."""
    return isinstance(error, _RACES)


@contextmanager
def told_plainly(place: str) -> Iterator[None]:
    """PostgreSQL's errors in our words."""
    try:
        yield
    except psycopg.Error as error:
        raise plainly(place, error) from error


def plainly(place: str, error: psycopg.Error) -> StoreError:
    """An error as a person is told it; the password is in none of the server's."""
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
