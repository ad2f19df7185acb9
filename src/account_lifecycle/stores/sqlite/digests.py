"""The digests of rows that stand by themselves: hooks, deliveries, baselines, segments, the counter.

Knows which columns they cover; it must never know why a row is written.
"""

import apsw

from .. import chain, statements
from ..rows import Row
from .connection import every

_SQL = statements("sqlite")


def with_digest(table: str, columns: Row) -> Row:
    """A row as it is written: its columns, then their digest."""
    return (*columns, chain.row_digest(table, columns))


def baseline_with_digest(db: apsw.Connection, columns: Row) -> Row:
    """An account's baseline as it is written: its digest is also over the windows that were closed by then, because
    the events that closed them are there no more."""
    windows = every(db, _SQL["windows_before"], (columns[0], columns[4]))
    return (*columns, baseline_digest(columns, windows))


def baseline_digest(columns: Row, windows: list[Row]) -> bytes:
    """That digest."""
    return chain.row_digest("baseline", (*columns, *(value for window in windows for value in window)))


def holds(table: str, row: Row) -> bool:
    """Whether a row is as it was written."""
    return bool(row[-1] == chain.row_digest(table, row[:-1]))
