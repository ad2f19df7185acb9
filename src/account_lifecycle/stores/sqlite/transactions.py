"""The file as threads, processes and forks share it: one writer at a time, every reader with its own snapshot.

Writing: all threads of a process share one connection. Requests of several threads are committed together
(``commit_group``), under a lock between processes that is fair (``file_lock``); SQLite's own locks keep the file whole
even without it. A request among others is written within a savepoint, so that one that fails leaves nothing behind.

Reading: nothing is read by the connection that writes but what a transaction needs. Every answer and every stream has
a snapshot of its own (``snapshots``), and so neither waits for those who write nor keeps them waiting. When the log has
to be emptied (``erase``), or before a fork, streams of this process read their rest into memory.

Forking: SQLite forbids a child to use or close what its parent opened. So before a fork the writer ends its
transaction, and every connection is closed and opened anew on both sides when it is needed. A child that was forked
within a transaction, by the thread that writes, gets a store that refuses to work.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

import apsw

from ...errors import StoreBusy, StoreError
from ..commit_group import CommitGroup, Turn
from ..rows import Row
from . import connection
from .connection import check_file_system, check_library, every, in_our_words, open_writer, prepare
from .file_lock import FileLock
from .snapshots import Snapshot, Snapshots

LOG_PATIENCE_MS = 50
"""How long those who write wait, at most, for those who read in the log, when it is to be emptied, in milliseconds."""
LOOK_S = 0.02
"""How soon after that the log is looked at again."""

Kept = TypeVar("Kept")


class Work:
    """A request that a function of its own writes."""

    def __init__(self, write: Callable[[apsw.Connection], Any]) -> None:
        self.write = write


class SQLiteFile:
    """One SQLite file, made if it is not there. Safe to share between threads, and to carry through a fork."""

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        check_library(apsw.sqlite_lib_version())
        self._synchronous = synchronous
        self.path = path = path.absolute()  # the working directory may change
        check_file_system(path)
        self._closed_because = ""
        self._file_lock = FileLock(path)
        self._db: apsw.Connection | None = None
        self._snapshots = Snapshots(path)
        self._group: CommitGroup[Any, Any] = CommitGroup(self._commit)
        with in_our_words(path):
            db = open_writer(path, synchronous)
            try:
                prepare(db, path, self._locked)
            except BaseException:
                db.close()
                self._file_lock.close()
                raise
        self._db = db
        _FILES.add(self)

    def close(self) -> None:
        """Release the file; closing twice is harmless."""
        with self._group.alone():
            self._snapshots.close()
            self._release_file()
            self._closed_because = self._closed_because or "the store is closed. Open the engine again."

    # ---- Writing ---------------------------------------------------------------------------------

    def _write(self, write: Callable[[apsw.Connection], Kept]) -> Kept:
        """Have a function write in a transaction; return what it returned once it is committed."""
        written: Kept = self._group.ask(Work(write))
        return written

    def _commit(self, turns: Sequence[Turn[Any, Any]]) -> None:
        """Write all turns in one transaction."""
        results: list[tuple[Turn[Any, Any], Any]] = []
        with in_our_words(self.path):
            db = self._connection()
            with self._locked():
                try:
                    db.execute("BEGIN IMMEDIATE")
                    results = self._write_turns(db, turns)
                    db.execute("COMMIT")
                    _give(results)
                except BaseException as error:
                    self._forget()
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    elif results and not isinstance(error, apsw.Error):
                        _give(results)  # an interrupt that came right after the commit
                    raise
        self._committed()

    def _write_turns(self, db: apsw.Connection, turns: Sequence[Turn[Any, Any]]) -> list[tuple[Turn[Any, Any], Any]]:
        """Write what each turn asks for. One that fails among others is refused, and leaves nothing behind."""
        if len(turns) == 1:
            return [(turns[0], turns[0].asked.write(db))]
        written = []
        for turn in turns:
            try:
                with db:  # a savepoint
                    written.append((turn, turn.asked.write(db)))
            except StoreError as error:
                turn.refuse(error)
        return written

    def _committed(self) -> None:
        """Take note that what was written is committed."""

    def _locked(self) -> AbstractContextManager[None]:
        return self._file_lock.held(connection.BUSY_TIMEOUT_MS / 1000)

    def _connection(self) -> apsw.Connection:
        """Return the connection that writes, opened anew after a fork; only for whoever has the store to itself."""
        self._check_open()
        if self._db is None:
            self._db = open_writer(self.path, self._synchronous)
            self._forget()
        return self._db

    def _check_open(self) -> None:
        if self._closed_because:
            raise StoreError(f"{self.path}: {self._closed_because}")

    def _forget(self) -> None:
        """Forget what is kept at hand: it may not be what is in the file."""

    def _release_file(self) -> None:
        """Close the connection that writes, and bring what it logged into the file unless others are writing."""
        if self._db is not None:
            db, self._db = self._db, None
            try:
                with in_our_words(self.path), self._locked():
                    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
                    db.close()
            except StoreError:  # the next one to close will
                db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
                db.close()
        self._file_lock.close()

    def _truncate_log(self) -> None:
        """Bring everything into the file and empty the log, once nobody reads what was there before."""
        ends = time.monotonic() + connection.BUSY_TIMEOUT_MS / 1000
        while self._is_log_read():
            if time.monotonic() > ends:
                seconds = connection.BUSY_TIMEOUT_MS // 1000
                raise StoreBusy(
                    f"{self.path}: it is done, but another process has been reading for {seconds} s, so that the old "
                    "bytes are in the log yet. Do the same again."
                )
            time.sleep(LOOK_S)

    def _is_log_read(self) -> bool:
        """Empty the log unless somebody reads in it: whoever wants to write does not wait for that."""
        self._snapshots.detach()
        with self._group.alone(), in_our_words(self.path), self._locked():
            db = self._connection()
            db.set_busy_timeout(LOG_PATIENCE_MS)
            try:
                return bool(every(db, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0])
            finally:
                db.set_busy_timeout(connection.BUSY_TIMEOUT_MS)

    # ---- Reading ---------------------------------------------------------------------------------

    def _ask(self, ask: Callable[[apsw.Connection], Kept]) -> Kept:
        """Return what a function reads, from a snapshot of its own."""
        with self.snapshot() as snapshot, in_our_words(self.path):
            return snapshot.read(ask)

    def _all(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Row]:
        """Return a few rows."""
        return self._ask(lambda db: every(db, sql, bindings))

    def _stream(self, sql: str, bindings: tuple[Any, ...] = ()) -> Iterator[Row]:
        """Yield a statement's rows one by one, from a snapshot of their own."""
        if not all(map(_can_be_kept, bindings)):
            return
        with self.snapshot() as snapshot, in_our_words(self.path):
            yield from snapshot.rows(sql, bindings)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Open the file as it is now, to be read at leisure while others write."""
        self._check_open()
        with self._snapshots.opened() as snapshot:
            yield snapshot

    # ---- Forks -----------------------------------------------------------------------------------

    def _before_fork(self, forking: ExitStack) -> None:
        """Wait for the writing to end, then close everything: nothing of SQLite may be inherited."""
        was_mine = self._group.is_mine
        forking.enter_context(self._group.alone())
        forking.enter_context(self._snapshots.held())
        if not was_mine:
            self._release_file()

    def _in_child(self) -> None:
        """Begin anew. A fork in the middle of a transaction leaves its child a store that cannot be used."""
        self._group.renew()
        self._snapshots.renew()
        if self._db is not None:
            _INHERITED.append(self._db)  # closing it would be as bad as using it
            self._db = None
            self._closed_because = "the process was forked in the middle of writing. Open the engine again."
            self._file_lock.close()


def _can_be_kept(value: object) -> bool:
    """Return whether there can be such a value in a file: half a character cannot be written to one."""
    try:
        return not isinstance(value, str) or value.encode() is not None
    except UnicodeEncodeError:
        return False


def _give(results: Sequence[tuple[Turn[Any, Any], Any]]) -> None:
    for turn, given in results:
        turn.give(given)


# ---- Every file of this process at a fork ----------------------------------------------------------

_FILES: WeakSet[SQLiteFile] = WeakSet()
_INHERITED: list[apsw.Connection] = []
_forking = ExitStack()


def _before_fork() -> None:
    for file in sorted(_FILES, key=id):
        file._before_fork(_forking)


def _after_fork_in_parent() -> None:
    _forking.close()


def _after_fork_in_child() -> None:
    for file in list(_FILES):
        file._in_child()
    _forking.pop_all()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
