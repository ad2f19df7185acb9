"""Parquet files as logs, with a column for each field of an event, or with whole payloads in one.

A row of fields is read like the row of any table, a payload like the line of a log, and times as in all logs, so that
Parquet cannot be understood differently from text.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from ..errors import ConfigurationError, UnreadableLog
from ..intake.dialects import FIELDS, TableRow
from ..intake.finding import columns_of
from ..intake.layouts import ENVELOPE, Received, received
from ..intake.payloads import Payload
from ..intake.tables import CARRIERS
from ..intake.times import TIME_RANKS, TimeReader, folded

NEEDS_EXTRA = '{what} needs pyarrow, which is not installed. Run: pip install "account-lifecycle[replay]"'
ROWS_AT_ONCE = 8192
"""How many rows are read at a time."""
RECEIVED_AT, PAYLOAD = "received_at", "payload"

_NEEDED = {"account_id", "status"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def roles_of(name: str, there: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that will be read; raise ``ConfigurationError`` if what is needed is not there.

    What came in, byte for byte, is better than what somebody made of it: a payload is read in place of all other
    columns, unless the names of those are ``given``.
    """
    left = [column for column in there if column not in given.values()]
    times = sorted((column for column in left if folded(column) in TIME_RANKS), key=lambda c: TIME_RANKS[folded(c)])
    payloads = [column for column in left if folded(column) in CARRIERS]
    likely = ((RECEIVED_AT, times), (PAYLOAD, payloads))
    usual = {**columns_of(left), **{role: columns[0] for role, columns in likely if columns}}
    found = {**usual, **given}
    listed = ", ".join(map(repr, there)) or "none"
    if PAYLOAD in given or (PAYLOAD in found and not given.keys() & _NEEDED):
        found = {role: column for role, column in found.items() if role in (PAYLOAD, RECEIVED_AT)}
    elif found.keys() >= _NEEDED:
        found.pop(PAYLOAD, None)
    else:
        expected = "account_id and status, or payload, under these names or under others that are given"
        raise ConfigurationError(f"columns of {name}", listed, expected)
    for role, column in found.items():
        if list(there).count(column) != 1:
            raise ConfigurationError(f"columns of {name}", listed, f"{column!r} for {role}, once")
    return found


def open_parquet(path: Path, given: Mapping[str, str]) -> "Parquet":
    """Return a Parquet file as a source; raise ``ConfigurationError`` if it has not the columns that are needed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise UnreadableLog(NEEDS_EXTRA.format(what=f"Reading {path}")) from error
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise UnreadableLog(f"{path} cannot be read as Parquet: {error}") from error
    roles = roles_of(str(path), schema.names, given)
    for role, column in roles.items():
        kind = schema.field(column).type
        if not (_is_time(kind) if role == RECEIVED_AT else _is_text(kind)):
            expected = "timestamps, text or numbers" if role == RECEIVED_AT else "text"
            raise ConfigurationError(f"column {column!r} of {path}", str(kind), f"{expected}, as {role}")
    return Parquet(path, roles)


class Parquet:
    """A Parquet file as a log, some rows at a time, only the columns that say something."""

    def __init__(self, path: Path, roles: Mapping[str, str]) -> None:
        self.name = str(path)
        self.size: int = path.stat().st_size
        self.position = 0
        """How many bytes were read, as far as that can be told from the rows."""
        self._path = path
        self._roles = roles

    def events(self, clock: TimeReader) -> Iterator[tuple[int, list[Received]]]:
        """Yield the number of each row with the event in it. Raise ``UnreadableLog`` for damage."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        done = 0
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, columns=[*self._roles.values()], use_threads=False):
                    columns = {role: batch.column(name) for role, name in self._roles.items()}
                    yield from events_in_rows(columns, done + 1, clock)
                    done += batch.num_rows
                    self.position = self.size * done // file.metadata.num_rows
            self.position = self.size
        except (OSError, pa.ArrowException) as error:
            raise UnreadableLog(
                f"{self.name} is damaged after row {done:,} ({error}). Fetch the file again."
            ) from error


def events_in_rows(columns: Mapping[str, Any], first: int, clock: TimeReader) -> Iterator[tuple[int, list[Received]]]:
    """Yield the events in the rows of some Arrow columns, numbered from ``first``."""
    rows = len(next(iter(columns.values())))
    nothing = [None] * rows
    times = times_in(columns[RECEIVED_AT]) if RECEIVED_AT in columns else nothing
    if PAYLOAD in columns:
        read = ENVELOPE.event_reader(clock)
        for number, (text, time) in enumerate(zip(texts_in(columns[PAYLOAD]), times, strict=True), first):
            found = read((text or "null").encode("utf-8", errors="surrogateescape"))
            if time is not None:
                found = [received(cast(Payload, each.payload), time, clock) for each in found]
            yield number, found
        return
    cells = zip(*(texts_in(columns[role]) if role in columns else nothing for role in FIELDS), strict=True)
    for number, (row, time) in enumerate(zip(cells, times, strict=True), first):
        yield number, [received(TableRow(*row), time, clock)]


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    kind = getattr(kind, "storage_type", kind)
    kind = kind.value_type if types.is_dictionary(kind) else kind
    kinds = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary,
             types.is_binary_view, types.is_integer, types.is_null)  # fmt: skip
    return any(is_kind(kind) for is_kind in kinds)


def _is_time(kind: Any) -> bool:
    from pyarrow import types

    kinds = (types.is_timestamp, types.is_date, types.is_floating, types.is_decimal)
    return _is_text(kind) or any(is_kind(getattr(kind, "storage_type", kind)) for is_kind in kinds)


def texts_in(column: Any) -> list[str | None]:
    """Return the texts of an Arrow column of texts, bytes or whole numbers."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        import pyarrow as pa

        values = getattr(column, "storage", column).cast(pa.large_binary()).to_pylist()
    if next((False for value in values if value is not None and type(value) is not str), True):
        return values  # type: ignore[no-any-return]
    return [
        value if value is None or type(value) is str
        else value.decode("utf-8", errors="surrogateescape") if type(value) is bytes else str(value)
        for value in values
    ]  # fmt: skip


def times_in(column: Any) -> list[Any]:
    """Return the times of an Arrow column as ``TimeReader`` takes them: times, numbers or texts, and None for null."""
    import pyarrow as pa
    from pyarrow import types

    column = getattr(column, "storage", column)
    kind = column.type
    if types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    elif not types.is_timestamp(kind):
        if _is_text(kind) and not types.is_integer(kind):
            return [text if text is None or text.strip() else None for text in texts_in(column)]
        values = (None if value is None or value != value else value for value in column.to_pylist())
        return [value if value is None or isinstance(value, int) else float(value) for value in values]
    factor = {"s": 1_000_000, "ms": 1000, "us": 1, "ns": 0}[column.type.unit]
    found: list[Any] = []
    for number in column.view(pa.int64()).to_pylist():
        try:
            if number is not None:
                number = _EPOCH + timedelta(microseconds=number * factor if factor else number // 1000)
            found.append(number)
        except OverflowError:
            found.append(f"{number} as {column.type}")
    return found
