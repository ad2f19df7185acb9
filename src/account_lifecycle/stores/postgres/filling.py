"""Fill an empty database in one go: rows from elsewhere, by COPY, proved before they are committed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from psycopg import sql

from ...errors import StoreError
from ...records import Fault
from ..rows import Row
from .connection import Connection, Connections, in_our_words, statement
from .proving import faults_in, head_in
from .transactions import Transaction

FILLED_TABLES = (
    "account", "rules", "event", "anomaly", "blind_window", "hook", "delivery", "quarantine", "segment", "baseline",
    "reconciliation",
)  # fmt: skip
"""Everything that a store keeps."""


class Filling:
    """A transaction that fills an empty database."""

    def __init__(self, connection: Connection, place: str) -> None:
        self._connection = connection
        self._transaction: Transaction[None] = Transaction(connection, None)
        self._place = place

    def check_empty(self) -> None:
        """Refuse a database that holds anything, and let nobody else write meanwhile."""
        names = sql.SQL(", ").join(map(sql.Identifier, FILLED_TABLES))
        self._connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(names))
        full = [table for table, count in self.counts().items() if count]
        if full:
            raise StoreError(f"{self._place} is not empty: there are rows in {', '.join(full)}. Name a new database.")

    def copy(self, table: str, rows: Iterable[Row]) -> int:
        """Put rows into a table; return how many."""
        count = 0
        into = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
        with self._connection.cursor() as cursor, cursor.copy(into) as copy:
            for count, row in enumerate(rows, 1):  # noqa: B007 - counted and returned
                copy.write_row(row)
        return count

    def number_on(
        self, account: int, event: int, delivery: int, quarantine: int, reconciliation: int, redrives: int
    ) -> None:
        """Let new numbers follow these, and note how many redrives there are."""
        for sequence, last in (("account", account), ("event", event), ("delivery", delivery)):
            self._connection.execute(statement("number_on"), (f"{sequence}_number", last + 1))
        self._connection.execute(statement("save_quarantined"), (quarantine,))
        self._connection.execute(statement("number_reconciliation"), (reconciliation,))
        self._connection.execute(statement("note_redrives"), (redrives,))
        self._connection.execute(statement("seal_hooks"))

    def note_origin(self, last_event: int, link: bytes) -> None:
        """Note that the events up to a number are copied, and what the one chain of their file begins with."""
        self._connection.execute(statement("save_origin"), (last_event, link))

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        count = sql.SQL("SELECT count(*) FROM {}")
        found = {
            table: self._connection.execute(count.format(sql.Identifier(table))).fetchall() for table in FILLED_TABLES
        }
        return {table: row[0] for table, [row] in found.items()}

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with what was put in."""
        return faults_in(self._transaction.stream)

    def head(self) -> str:
        """Return what stands for all chains, in hexadecimal."""
        return head_in(self._transaction.stream)


class PostgresFiller:
    """The side of the store that can be filled."""

    _connections: Connections

    @contextmanager
    def filling(self) -> Iterator[Filling]:
        """Fill the store, which has to be empty: all of it is kept, or nothing.

        Raises ``StoreError`` if there is anything in it.
        """
        place = self._connections.place
        with in_our_words(place), self._connections.lent() as connection, connection.transaction():
            filling = Filling(connection, place)
            filling.check_empty()
            yield filling
