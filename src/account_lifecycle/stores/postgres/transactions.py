"""Transactions: done again when they lose a race or their connection, never when they were committed.

Work is a function that may run several times, each time from its start, on a new connection if the last one was lost.
Its last statements travel with the COMMIT, in one round trip. If the connection breaks before the COMMIT was sent,
nothing was kept. If it breaks after that, the outcome is unknown: the next attempt first ends the session that was cut
off, which may still hold its locks, and is given the result of the earlier attempt (``Transaction.earlier``), so that
the work can find out by what is there whether it was kept. If no attempt comes that far, ``UnknownOutcome`` says so.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Generic, TypeVar

import psycopg

from ...errors import StoreError
from ..rows import Row
from .connection import Connection, Connections, Session, in_our_words, is_lost, is_race, plainly, statement

RACES = 10
"""How many races are lost before others are said to be in the way."""
PATIENCE_S = 10.0
"""How long a server that went away is waited for, in seconds."""

PAGE = 500
"""How many rows of a stream are fetched at a time."""

MANY = 50
"""From how many rows on a COPY is worth its round trip."""
FEW = 16
"""Up to how many rows, of all tables together, are written by one statement."""
_COPIED = {
    "save_event": "copy_events",
    "save_anomaly": "copy_anomalies",
    "save_delivery": "copy_deliveries",
}
"""The statements that add rows and do nothing else, and what comes to the same."""

Result = TypeVar("Result")
Cursor = psycopg.Cursor[Row]


class UnknownOutcome(StoreError):
    """The server was asked to commit and was not heard of again."""


class Transaction(Generic[Result]):
    """One attempt. Statements of one round travel together; what is put off travels with the COMMIT."""

    def __init__(self, connection: Connection, earlier: Result | None) -> None:
        self.earlier = earlier
        """What an earlier attempt came to whose COMMIT was sent and never answered: it may have been kept. Whoever
        holds the same locks by now can tell, because it waited for that attempt to end."""
        self.is_committing = False
        self.hoped: Result | None = None
        """What this attempt comes to if it is kept; None if that is what the work returned."""
        self._connection = connection
        self._is_begun = False
        self._late: list[tuple[str, Sequence[Sequence[Any]]]] = []
        self.are_apart = False
        """Whether no two of the statements that are put off touch the same row: then a few travel as one."""

    @contextmanager
    def round(self) -> Iterator[None]:
        """Send what is executed within in one round trip; it can be fetched after that."""
        with self._connection.pipeline():
            if not self._is_begun:
                self._connection.execute(statement("begin"))
                self._is_begun = True
            yield

    def execute(self, name: str, params: Sequence[Any] = (), **parts: str) -> Cursor:
        """Execute a statement, within a round."""
        return self._connection.execute(statement(name, **parts), params, binary=True)

    def ask(self, name: str, params: Sequence[Any] = (), **parts: str) -> list[Row]:
        """Return a statement's rows, in a round of their own."""
        with self.round():
            cursor = self.execute(name, params, **parts)
        return cursor.fetchall()

    def stream(self, name: str, params: Sequence[Any] = (), **parts: str) -> Iterator[Row]:
        """Yield a statement's rows one by one, within the transaction."""
        with self._connection.cursor("stream") as cursor:
            cursor.itersize = PAGE
            cursor.execute(statement(name, **parts), params, binary=True)
            yield from cursor

    def put_off(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        """Put off a statement for each row, last of all."""
        if rows:
            self._late.append((name, rows))

    def ask_last(self, name: str, params: Sequence[Any] = (), **parts: str) -> list[Row]:
        """Return a statement's rows; the COMMIT travels with it, as ``execute_commit`` sends it."""
        with self.round():
            cursor = self.execute(name, params, **parts)
            self.execute_commit()
        return cursor.fetchall()

    def execute_commit(self, hoped: Result | None = None) -> None:
        """Execute the COMMIT, last within a round. If nobody hears the answer, what is ``hoped`` for is what the next
        attempt gets as ``earlier``; without it, the work may be done again."""
        self.is_committing, self.hoped = True, hoped
        self._connection.execute(b"COMMIT")

    def commit(self) -> None:
        """Send what was put off, and the COMMIT; many rows for one table go faster by COPY."""
        if self.is_committing:
            return
        few = [late for late in self._late if not self._copy(*late)]
        with self.round():
            if few and self.are_apart and sum(len(rows) for _, rows in few) <= FEW:
                names = tuple([name for name, rows in few for _ in rows])
                self._connection.execute(_joined(names), [value for _, rows in few for row in rows for value in row])
            else:
                cursor = self._connection.cursor()
                for name, rows in few:
                    cursor.executemany(statement(name), rows)
            self.is_committing = True
            self._connection.execute(b"COMMIT")

    def _copy(self, name: str, rows: Sequence[Sequence[Any]]) -> bool:
        if len(rows) < MANY or name not in _COPIED:
            return False
        with self._connection.cursor() as cursor, cursor.copy(statement(_COPIED[name])) as copy:
            for row in rows:
                copy.write_row(row)
        return True


@lru_cache(maxsize=256)
def _joined(names: tuple[str, ...]) -> bytes:
    """Return several statements that add or change rows as one."""
    *others, last = map(statement, names)
    parts = [b"part_%d AS (\n%s\n)" % (number, text) for number, text in enumerate(others)]
    return b"WITH " + b",\n".join(parts) + b"\n" + last if parts else last


Work = Callable[[Transaction[Result]], Result]
"""What is to be done in a transaction; it may be done several times, each time from its start."""


class Transactions:
    """Runs work on a database's connections. Safe to share between threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @property
    def place(self) -> str:
        """Return what messages call the database."""
        return self._connections.place

    def run(self, work: Work[Result]) -> Result:
        """Do work and commit it; return what it returned.

        Raises ``StoreBusy`` when others were in the way for too long, ``StoreFull`` when there is no room, and
        ``StoreError`` when the server cannot be reached.
        """
        attempts: _Attempts[Result] = _Attempts(self._connections)
        while True:
            try:
                with self._connections.lent() as connection:
                    return attempts.make(connection, work)
            except psycopg.Error as error:
                attempts.fail(error)

    def read(self, ask: Callable[[Connection], Result]) -> Result:
        """Ask something that changes nothing, again if the connection was lost."""
        attempts: _Attempts[Result] = _Attempts(self._connections)
        while True:
            try:
                with self._connections.lent() as connection:
                    return ask(connection)
            except psycopg.Error as error:
                attempts.fail(error)

    def rows(self, name: str, params: Sequence[Any] = (), **parts: str) -> list[Row]:
        """Return all of a statement's rows."""
        query = statement(name, **parts)
        return self.read(lambda connection: connection.execute(query, params, binary=True).fetchall())

    def stream(self, name: str, params: Sequence[Any] = (), **parts: str) -> Iterator[Row]:
        """Yield a statement's rows one by one, from a snapshot and a connection of their own."""
        with in_our_words(self.place), self._snapshot() as connection, connection.cursor("stream") as cursor:
            cursor.itersize = PAGE
            cursor.execute(statement(name, **parts), params, binary=True)
            yield from cursor

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        attempts: _Attempts[None] = _Attempts(self._connections)
        while True:
            with self._connections.lent() as connection:
                try:
                    connection.execute(statement("begin_reading"))
                except psycopg.Error as error:
                    attempts.fail(error)
                    continue
                yield connection
                return


class _Attempts(Generic[Result]):
    """How one piece of work has fared so far."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._races = 0
        self._patience_ends: float | None = None
        self._pause_s = 0.01
        self._left: list[Session] = []
        self._earlier: Result | None = None

    def make(self, connection: Connection, work: Work[Result]) -> Result:
        """Make one attempt."""
        while self._left:  # a session that was cut off may still hold its locks, and know nothing of it
            connection.execute(statement("end_session"), self._left[-1])
            self._left.pop()
        transaction, result = Transaction(connection, self._earlier), self._earlier
        try:
            result = work(transaction)
            transaction.commit()
        except psycopg.Error as error:
            if is_lost(error):
                self._left.append(connection.session)
                if transaction.is_committing:
                    self._earlier = result if transaction.hoped is None else transaction.hoped
            raise
        return result

    def fail(self, error: psycopg.Error) -> None:
        """Get ready for the next attempt, or raise what is in its way."""
        if is_lost(error) and self._is_patient():
            self._connections.forget_idle()
            time.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, 0.5)
        elif is_race(error) and self._races < RACES:
            self._races += 1
            time.sleep(random.uniform(0, 0.005 * self._races))  # two that met do not meet again
        elif self._earlier is not None:
            raise UnknownOutcome(f"{self._connections.place}: {_UNKNOWN}") from error
        else:
            raise plainly(self._connections.place, error) from error

    def _is_patient(self) -> bool:
        now = time.monotonic()
        if self._patience_ends is None:
            self._patience_ends = now + PATIENCE_S
        return now < self._patience_ends


_UNKNOWN = (
    "the connection was lost while the server was asked to commit, and whether it did cannot be found out now. "
    "See what is there before you do the same again."
)
