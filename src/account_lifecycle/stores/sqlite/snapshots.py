"""Reading a file while others write it: each reader has a connection and a snapshot of its own.

Nothing is read by the connection that writes, so a reader waits for no writer and no writer for a reader. Connections
are lent from a small pool, because opening one costs more than most answers.

No connection of SQLite may cross a fork, and no old snapshot may hold bytes that were erased. So before a fork, and
before the log is emptied, a stream of this process reads the rest into memory (``Snapshots.detach``), and
across a fork nobody opens a connection.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, RLock
from typing import Any, TypeVar

import apsw

from ..rows import Row
from .connection import every, open_reader

_Answer = TypeVar("_Answer")

MOST_IDLE = 8
"""How many connections are kept open while nobody reads by them."""


class Snapshots:
    """The snapshots of one file, and the connections that they are read by. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._most_idle = MOST_IDLE
        self.renew()

    @contextmanager
    def opened(self) -> Iterator["Snapshot"]:
        """Open the file as it is at the first row that is read, to be read at leisure while others write."""
        snapshot = Snapshot(self)
        try:
            yield snapshot
        finally:
            snapshot.close()

    def detach(self) -> None:
        """Let the streams of this process read on from memory."""
        for snapshot in list(self._reading):
            snapshot.detach()

    def close(self) -> None:
        """Close the connections that nobody reads by, and the others when they come back."""
        self._most_idle = 0
        self._close_idle()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Close every connection for a fork; a thread that wants another waits until it is over."""
        with self._gate:
            self.detach()
            self._close_idle()
            yield

    def renew(self) -> None:
        """In the child of a fork: forget the other threads, which are not there any more."""
        self._gate = Lock()  # held while a connection is lent, and across a fork
        self._idle: list[apsw.Connection] = []
        self._reading: set[Snapshot] = set()  # those that have a connection

    def lend(self, snapshot: "Snapshot") -> None:
        """Give a snapshot a connection, unless it has one."""
        with self._gate:
            if not snapshot.is_reading:
                db = self._idle.pop() if self._idle else open_reader(self.path)
                self._reading.add(snapshot)
                snapshot.begin(db)

    def take_back(self, snapshot: "Snapshot", db: apsw.Connection) -> None:
        """Take a snapshot's connection back."""
        try:
            db.execute("ROLLBACK")
        except apsw.Error:  # the disk failed under it
            db.close()
        else:
            self._idle.append(db)
        self._reading.discard(snapshot)
        self._close_idle(self._most_idle)

    def _close_idle(self, most: int = 0) -> None:
        while len(self._idle) > most:
            with suppress(IndexError):  # another thread was faster
                self._idle.pop().close()


class Snapshot:
    """What a file holds at one moment, for one reader."""

    def __init__(self, snapshots: Snapshots) -> None:
        self.path = snapshots.path
        self._snapshots = snapshots
        self._lock = RLock()
        self._db: apsw.Connection | None = None
        self._cursors: list[apsw.Cursor] = []
        self._rows: list[SnapshotRows] = []

    @property
    def is_reading(self) -> bool:
        """Return whether it has a connection."""
        return self._db is not None

    def begin(self, db: apsw.Connection) -> None:
        """Read by a connection from now on."""
        with self._lock:
            db.execute("BEGIN")
            self._db = db

    def rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> "SnapshotRows":
        """Return the rows of a statement, one by one; after a row that cannot be decoded come the others."""
        with self._connection() as db:
            cursor = db.execute(sql, bindings)
            self._cursors.append(cursor)
            found = SnapshotRows(cursor, self._lock)
            self._rows.append(found)
        return found

    def every(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[Row]:
        """Return all rows of a statement."""
        return self.read(lambda db: every(db, sql, bindings))

    def read(self, ask: Callable[[apsw.Connection], _Answer]) -> _Answer:
        """Return what a function reads."""
        with self._connection() as db:
            return ask(db)

    @contextmanager
    def _connection(self) -> Iterator[apsw.Connection]:
        """Keep the connection for a moment: it is not detached meanwhile."""
        while True:
            self._snapshots.lend(self)
            with self._lock:
                if self._db is not None:  # or else it was detached in between
                    yield self._db
                    return

    def detach(self) -> None:
        """Let the file go; what is still to be read is read now."""
        with self._lock:
            if self._db is not None:  # or else it was closed meanwhile
                for found in self._rows:
                    found.read_the_rest()
                self.close()

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                for cursor in self._cursors:
                    cursor.close(True)  # a connection that the garbage collector closes does not know them any more
                db, self._db, self._cursors = self._db, None, []
                self._snapshots.take_back(self, db)


class SnapshotRows:
    """The rows of one statement."""

    def __init__(self, rows: Iterator[Row], lock: RLock) -> None:
        self._rows = rows
        self._lock = lock

    def __iter__(self) -> "SnapshotRows":
        return self

    def __next__(self) -> Row:
        with self._lock:
            row = next(self._rows)
        if isinstance(row, Exception):
            raise row
        return row

    def read_the_rest(self) -> None:
        """Keep in memory what was not read yet, trouble included."""
        rest: list[Any] = []
        while True:
            try:
                rest.append(next(self._rows))
            except StopIteration:
                break
            except UnicodeDecodeError as error:
                rest.append(error)
            except apsw.Error as error:  # nothing comes after it
                rest.append(error)
                break
        self._rows = iter(rest)
