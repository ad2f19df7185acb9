"""Parquet files, a stretch of rows at a time, only the columns that say something.

Knows files of row groups. What a column says, ``arrow_columns`` knows, and ``tables`` what comes of it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import ConfigurationError, UnreadableLog
from ...lifecycle.account import Account
from ..ahead import read_ahead
from ..columns import Chunk
from ..vocabulary import Vocabulary
from .arrow_columns import cells_of, is_text, is_time, moments_of, spelt
from .roles import Role, roles_of
from .tables import Rows, Tables

ROWS = 1 << 17
"""How many rows are read at a time."""
READ_AHEAD = 1 << 20
"""How many bytes of a column are read from the file at a time."""

_DAMAGE = (OSError, pa.ArrowException)
_FEW_WORDS = (Role.STATUS, Role.PROVIDER, Role.PRODUCT)


class Parquet:
    """A log in a Parquet file; raises ``ConfigurationError`` if it has not the columns that are needed."""

    has_deadlines = False

    def __init__(self, path: Path, told: Mapping[Role, str], rows: int = ROWS) -> None:
        self.name = str(path)
        self.size = path.stat().st_size
        self._path = path
        self._rows = rows
        with self._opened() as file:
            schema = file.schema_arrow
            self._columns = roles_of(self.name, schema.names, told)
        for role, column in self._columns.items():
            _check(self.name, role, column, schema.field(column).type)

    def beginnings(self) -> Iterator[Account]:
        """None: it tells of events only."""
        return iter(())

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:
        """Its events, some rows at a time."""
        tables, done = Tables(self.name, vocabulary, stamp), 0
        with self._opened() as file:
            for batch in read_ahead(self._batches(file)):
                chunk = tables.chunk(self._rows_of(batch, done))
                done += batch.num_rows
                yield chunk._replace(position=self.size * done // file.metadata.num_rows)

    def _opened(self) -> pq.ParquetFile:
        few = [column for role, column in getattr(self, "_columns", {}).items() if role in _FEW_WORDS]
        try:
            return pq.ParquetFile(self._path, read_dictionary=few, buffer_size=READ_AHEAD, pre_buffer=False)
        except _DAMAGE as error:
            raise UnreadableLog(f"{self.name} cannot be read as Parquet: {error}") from error

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        done = 0
        try:
            for batch in self._read(file):
                done += batch.num_rows
                yield batch
        except _DAMAGE:
            yield from self._rest(file, done)

    def _rest(self, file: pq.ParquetFile, done: int) -> Iterator[pa.RecordBatch]:
        """What there is before the damage: a batch may reach from good row groups into one that is not."""
        first = 0
        try:
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                for batch in self._read(file, [group]) if first + rows > done else ():
                    yield batch.slice(min(max(done - first, 0), batch.num_rows))
                    first += batch.num_rows
                    rows -= batch.num_rows
                    done = max(done, first)
                first += rows
        except _DAMAGE as error:
            raise UnreadableLog(
                f"{self.name} is damaged after row {done:,} ({error}). All rows before were read. Fetch the file again."
            ) from error

    def _read(self, file: pq.ParquetFile, groups: list[int] | None = None) -> Iterator[pa.RecordBatch]:
        columns = list(self._columns.values())
        batches: Iterator[pa.RecordBatch] = file.iter_batches(self._rows, groups, columns, use_threads=False)
        return batches

    def _rows_of(self, batch: pa.RecordBatch, done: int) -> Rows:
        columns = {role: batch.column(column) for role, column in self._columns.items()}
        at = columns.pop(Role.RECEIVED_AT, None)
        return Rows(
            {role: cells_of(column) for role, column in columns.items()},
            None if at is None else moments_of(at),
            np.arange(done + 1, done + batch.num_rows + 1),
            lambda row: spelt(at, row),
        )


def _check(name: str, role: Role, column: str, kind: pa.DataType) -> None:
    if not (is_time(kind) if role is Role.RECEIVED_AT else is_text(kind)):
        expected = "timestamps, text or numbers" if role is Role.RECEIVED_AT else "text"
        raise ConfigurationError(f"column {column!r} of {name}", str(kind), f"{expected}, as {role}")
