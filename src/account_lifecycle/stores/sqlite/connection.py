"""Connections to a SQLite file: which files are ours, how they are opened, and what errors say."""

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import apsw

from ...errors import StoreBusy, StoreError, StoreFull
from .. import schema_script
from ..rows import Row

APPLICATION_ID = 0x41434C43
"""What marks a SQLite file as one of ours ("ACLC")."""
SCHEMA_VERSION = 1
"""The version of ``schema.sql``; a file of any other is refused."""
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


def open_writer(path: Path, synchronous: str) -> apsw.Connection:
    """Open the connection that writes, and make the file if it does not exist: for its owner only.

    ``synchronous`` is SQLite's setting of that name: FULL syncs the disk at every commit, OFF never.
    """
    with suppress(OSError):  # what cannot be made cannot be opened either, which SQLite says
        os.close(os.open(os.path.realpath(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    db = _open(path, apsw.SQLITE_OPEN_READWRITE)
    every(db, f"PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{CACHE_KIB}")
    return db


def open_reader(path: Path) -> apsw.Connection:
    """Open a connection that only reads, with a snapshot of its own; it never makes a file."""
    db = _open(path, apsw.SQLITE_OPEN_READWRITE)
    every(db, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0")
    return db


def _open(path: Path, flags: int) -> apsw.Connection:
    # None checkpoints when it is closed: only the holder of the file's lock may.
    db = apsw.Connection(str(path), flags=flags)
    db.set_busy_timeout(BUSY_TIMEOUT_MS)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.execute("PRAGMA secure_delete = FAST")
    return db


def every(db: apsw.Connection, sql: str, bindings: tuple[Any, ...] = ()) -> list[Row]:
    """Return all rows of a statement, or of several: apsw stops at the first row of several unless exhausted."""
    return db.execute(sql, bindings).fetchall()


def pragma(db: apsw.Connection, name: str) -> Any:
    """Return the value of a setting."""
    return every(db, f"PRAGMA {name}")[0][0]


@contextmanager
def transaction(db: apsw.Connection, mode: str) -> Iterator[None]:
    """Run one transaction. IMMEDIATE holds the write lock from its start, so that what it reads cannot be overtaken."""
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


# ---- Files of ours --------------------------------------------------------------------------------


@cache
def schema() -> dict[str, str]:
    """Return the definitions of the tables and indexes by name, as a file has them."""
    db = apsw.Connection(":memory:")
    try:
        every(db, schema_script("sqlite"))
        return dict(every(db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"))
    finally:
        db.close()


def prepare(db: apsw.Connection, path: Path, locked: Callable[[], AbstractContextManager[None]]) -> None:
    """Make the tables in a new file, and wait while another process does; raise ``StoreError`` for a foreign file.

    ``locked`` holds the file's lock.
    """
    patience_ends = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if _check_is_ours(db, path) and pragma(db, "journal_mode") == "wal":
                return
            with locked():
                _make_tables(db, path)
                every(db, "PRAGMA journal_mode = WAL")
            return
        except apsw.BusyError:  # SQLite itself does not wait for a change of the journal mode
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.02)


def _check_is_ours(db: apsw.Connection, path: Path) -> bool:
    with transaction(db, "DEFERRED"):
        return has_tables(db, path)


def has_tables(db: apsw.Connection, path: Path) -> bool:
    """Return whether a file has tables; raise ``StoreError`` for another program's, or another version's."""
    application_id, version = pragma(db, "application_id"), pragma(db, "user_version")
    if application_id == 0 and pragma(db, "schema_version") == 0:
        return False
    if application_id != APPLICATION_ID:
        raise StoreError(f"{path} is a SQLite file of another program. Name a file of your own.")
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {version}, but this version of account-lifecycle knows only {SCHEMA_VERSION}. "
            "Install the version that made it, or name another file."
        )
    return True


def _make_tables(db: apsw.Connection, path: Path) -> None:
    with transaction(db, "IMMEDIATE"):
        if not has_tables(db, path):  # or else another process was faster
            every(db, schema_script("sqlite"))
            every(db, f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION}")


# ---- Where a file lies ----------------------------------------------------------------------------
# SQLite's write-ahead log needs memory that all processes share, which no network gives.

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux tells them; elsewhere nothing is known and nothing refused."""

NETWORKED = frozenset(
    (
        *("9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb", "smb3", "smbfs"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Kinds of file system on which other machines, or another kernel, may have the same file open."""


def check_file_system(path: Path, mounts: Path | None = None) -> None:
    """Raise ``StoreError`` for a file on a network file system."""
    try:
        mount_info = (mounts or MOUNTS).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    mount, kind = mount_of(path.resolve(), mount_info)
    if kind in NETWORKED:
        raise StoreError(
            f"{path} lies on a network file system ({kind}, mounted at {mount}), on which SQLite can lose what was "
            "committed. Put it on a disk of this machine, or use a database server."
        )


def mount_of(path: Path, mount_info: str) -> tuple[str, str]:
    """Return the mount point that a path lies below, and its kind, from ``mountinfo``; blank if there is none."""
    found = ("", "")
    for line in mount_info.splitlines():
        before, separator, after = line.partition(" - ")
        columns = before.split(" ")
        if not separator or len(columns) < 5:
            continue
        mount = _unescaped(columns[4])
        if path.is_relative_to(mount) and len(mount) >= len(found[0]):  # of two at one place the later is in force
            found = mount, after.split(" ")[0]
    return found


def _unescaped(text: str) -> str:
    """White space in a mount point is written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


# ---- Trouble --------------------------------------------------------------------------------------


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """Raise the errors of SQLite and of the disk as ``StoreError``, in our words; so too text that is not UTF-8, of
    which SQLite says nothing."""
    try:
        yield
    except apsw.Error as error:
        raise _kind(error)(f"{path}: {_advice(error)} SQLite says: {error}.") from error
    except UnicodeDecodeError as error:
        raise damaged(path, error) from error
    except OSError as error:
        kind = StoreFull if error.errno in _NO_ROOM else StoreError
        advice = _FULL if kind is StoreFull else "the file's lock cannot be had. Check the permissions of its folder."
        raise kind(f"{path}: {advice} The system says: {error.strerror}.") from error


def damaged(path: Path, error: Exception) -> StoreError:
    """Return what is raised for a row that holds what this program never wrote."""
    advice = "`account-lifecycle verify` names it; restore a backup."
    return StoreError(f"{path}: a row is damaged ({error}). {advice}")


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
