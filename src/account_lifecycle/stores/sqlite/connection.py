"""Connections to a SQLite file: how they are opened, what one transaction is, and how trouble is told.

Knows SQLite's settings and its errors; it must never know a table.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from ...errors import StoreBusy, StoreError, StoreFull
from ..rows import Row

BUSY_TIMEOUT_MS = 10_000
"""How long to wait for others who are writing, in milliseconds."""
CACHE_KIB = 32 * 1024
"""How much of the file the writing connection may hold in memory: a seventh of the time of feeding a long log."""


def check_library(version: str) -> None:
    """Refuse a SQLite that can lose committed transactions when it resets its write-ahead log.

    The flaw was mended in 3.51.3, and in 3.50.7 and 3.44.6 for those who stay on the older branches.
    """
    parts = tuple(int(part) for part in version.split("."))
    mended = parts >= (3, 51, 3) or (3, 50, 7) <= parts < (3, 51) or (3, 44, 6) <= parts < (3, 45)
    if not mended:
        raise StoreError(
            f"SQLite {version} can lose committed events when it resets its write-ahead log. "
            "Install apsw 3.51.3 or newer, which brings a SQLite in which that is mended."
        )


def open_writer(path: Path) -> apsw.Connection:
    """The connection that writes: makes the file if it is not there."""
    db = _open(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return db


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads, with a snapshot of its own; it never makes a file."""
    db = _open(path, apsw.SQLITE_OPEN_READWRITE)
    every(db, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0")
    return db


def _open(path: Path, flags: int) -> apsw.Connection:
    """None checkpoints when it is closed: that is for whoever holds the file's lock."""
    db = apsw.Connection(str(path), flags=flags)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    every(db, "PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST")
    return db


def every(db: apsw.Connection, sql: str, bindings: tuple[Any, ...] = ()) -> list[Row]:
    """All rows of a statement, or of several: apsw stops at the first row of several unless exhausted."""
    return db.execute(sql, bindings).fetchall()


def pragma(db: apsw.Connection, name: str) -> Any:
    """The value of a setting."""
    return every(db, f"PRAGMA {name}")[0][0]


@contextmanager
def transaction(db: apsw.Connection, mode: str) -> Iterator[None]:
    """One transaction. IMMEDIATE holds the write lock from its start, so that what it reads cannot be overtaken."""
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


# ---- Trouble --------------------------------------------------------------------------------------


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """The errors of SQLite and of the disk in our words."""
    try:
        yield
    except apsw.Error as error:
        raise _kind(error)(f"{path}: {_advice(error)} SQLite says: {error}.") from error
    except OSError as error:
        kind = StoreFull if error.errno in _NO_ROOM else StoreError
        advice = _FULL if kind is StoreFull else "the file's lock cannot be had. Check the permissions of its folder."
        raise kind(f"{path}: {advice} The system says: {error.strerror}.") from error


_FULL = "the disk is full; nothing of this call was kept. Make room and feed the same again."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def _kind(error: apsw.Error) -> type[StoreError]:
    if isinstance(error, apsw.BusyError):
        return StoreBusy
    return StoreFull if _is_full(error) else StoreError


def _is_full(error: apsw.Error) -> bool:
    """Also where it is the memory that processes share that cannot grow, which SQLite calls an I/O error."""
    return isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE


def _advice(error: apsw.Error) -> str:
    if _is_full(error):
        return _FULL
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind):
            return advice
    return "the store failed; nothing of this call was kept."


_ADVICE: dict[type[apsw.Error], str] = {
    apsw.BusyError: f"another process has been writing for {BUSY_TIMEOUT_MS // 1000} s. Feed the same again.",
    apsw.CantOpenError: "the file cannot be opened or made. Check that its folder exists and may be written.",
    apsw.NotADBError: "this is not a SQLite file. Name another one.",
    apsw.ReadOnlyError: "the file may not be written. Check its permissions.",
    apsw.IOError: "the disk failed. Look after it, then feed the same again.",
    apsw.CorruptError: "the file is damaged. Restore a backup.",
    apsw.ConnectionClosedError: "the store is closed. Open the engine again.",
}
