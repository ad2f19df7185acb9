"""Tables as logs: CSV and Parquet, with a column for each field of an event, or with whole payloads in one.

A row of fields is written as the payload that it amounts to and read like any other, so that a table cannot be
understood differently from the wire. Times in tables are texts in many spellings, or numbers since 1970; where no time
zone is given, UTC is meant. Numbers count seconds up to 10^11 (the year 5138), milliseconds from there to 10^13,
microseconds from 10^14 to 10^17, and nanoseconds beyond; between 10^13 and 10^14 it may as well be a date
(20260501120000), and nobody is served by a guess.
"""

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import ConfigurationError, PayloadError, UnreadableLog
from ..intake.dialects import FIELDS, TableRow, columns
from ..intake.logs import read_line
from ..intake.payloads import Payload
from .lines import NEEDS_EXTRA, LogFile, Record, Share

MAX_HEADER = 1 << 16
DELIMITERS = ",;\t"
"""What may be between cells: whichever the header has most of."""
ROWS_AT_ONCE = 8192
"""How many rows are read at a time."""

_MARK = b"\xef\xbb\xbf"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


RECEIVED_AT, PAYLOAD = "received_at", "payload"
NAMES: Mapping[str, tuple[str, ...]] = {
    **columns(),
    RECEIVED_AT: (RECEIVED_AT, "at", "timestamp", "time"),
    PAYLOAD: (PAYLOAD,),
}
"""What a column can hold, and how it is called unless another name is given; the first one that is there.

A payload is JSON as it came; beside it, only the time of its arrival is read."""
_NEEDED = {"account_id", "status"}


def check_roles(given: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` if names are given for columns of a kind that there is none of."""
    unknown = [role for role in given if role not in NAMES]
    if unknown:
        raise ConfigurationError("columns", repr(unknown[0]), f"one of {', '.join(NAMES)}")


def roles_of(name: str, there: Collection[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that will be read; raise ``ConfigurationError`` if what is needed is not there.

    What came in, byte for byte, is better than what somebody made of it: a payload is read in place of all other
    columns, unless the names of those are ``given``.
    """
    taken = set(given.values())
    usual = {
        role: column
        for role, names in NAMES.items()
        if (column := next((name for name in names if name in there and name not in taken), None)) is not None
    }
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


# ---- Rows ------------------------------------------------------------------------------------------------

TableCells = tuple[str | None, ...]
"""Those of a row that are read: its payload, or what it has of ``FIELDS``, in that order."""


def record_of(line: int, cells: TableCells, at: Any, is_payload: bool, share: Share | None) -> Record | None:
    """Return the record in a row, unless it is not in the share; ``at`` is a time, None, or text that is no time."""
    if not is_payload:
        if share is not None and not share.has_account((cells[0] or "").strip()):
            return None
        return line, payload_of(cells), at, None
    text = (cells[0] or "").encode("utf-8", errors="surrogateescape")
    if share is not None and not share.has_line(text):
        return None
    payload, own = read_line(text)[:2]
    return line, payload, own if at is None else at, line_of(b"null", at) if cells[0] is None else cells[0]


def payload_of(fields: TableCells) -> TableRow:
    """Return the payload that a row amounts to, whose cells are ``FIELDS``."""
    return TableRow(*fields)


def bytes_of(row: TableRow) -> bytes:
    """Return what is kept of a row of fields; bytes that are no UTF-8 stay what they are."""
    return row.to_bytes().decode("utf-8", "surrogatepass").encode("utf-8", "surrogateescape")


def line_of(payload: bytes, at: object) -> bytes:
    """Return a line of a log: a payload on one line, and when it was received, if that is known."""
    if at is None:
        return b'{"payload": %b}' % payload
    return b'{"received_at": %b, "payload": %b}' % (_json(at.isoformat() if isinstance(at, datetime) else at), payload)


_encode = msgspec.json.Encoder().encode


def _json(value: object) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # bytes that are no UTF-8 stay what they are
        return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogateescape")


class _Table:
    """What tables share."""

    name: str
    size: int | None

    def raw(self, payload: Payload, cell: str | None, at: object) -> bytes:
        """Return a row as a line of a log."""
        if cell is not None:
            return line_of(_json(cell), at)
        data = bytes_of(payload) if isinstance(payload, TableRow) else payload
        assert isinstance(data, bytes)
        return data if at is None else line_of(data, at)


# ---- Times -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\d{9,19}(\.\d+)?")
_PER_SECOND = 1_000_000


def time_in(text: str | None) -> datetime | str | None:
    """Return the time that a text tells; None for blank text, and the text itself if it is no time."""
    if text is None or not (stripped := text.strip()):
        return None
    try:
        if stripped[4:5] != "-" and _NUMBER.fullmatch(stripped):
            whole, _, fraction = stripped.partition(".")
            if fraction and len(whole) > 11:
                return text
            at = time_at(int(whole))
            if fraction and isinstance(at, datetime):
                at += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
            return text if at is None else at
        found = datetime.fromisoformat(stripped)
        if found.tzinfo is UTC:
            return found
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return text


def time_at(number: float) -> datetime | None:
    """Return the time that a number tells, by its size; None if it can be placed nowhere."""
    size = abs(number)
    if not size < float("inf") or 1e13 <= size < 1e14:
        return None
    if size < 1e11:
        micros = number * _PER_SECOND
    elif size < 1e13:
        micros = number * 1000
    else:
        micros = number if size < 1e17 else number // 1000
    try:
        return _EPOCH + timedelta(microseconds=round(micros))
    except OverflowError:
        return None


# ---- CSV -------------------------------------------------------------------------------------------------


class _Header(NamedTuple):
    delimiter: str
    cells: int
    pick: Callable[[Sequence[str | None]], TableCells]
    """Picks the ``TableCells`` of a row, to which None was appended for those that it has not."""
    at: int | None
    """In which column the time is."""
    is_payload: bool


def open_csv(file: LogFile, given: Mapping[str, str]) -> "Csv":
    """Return a CSV file as a source; raise ``ConfigurationError`` if it has not the columns that are needed."""
    found = Csv(file, given)
    if not file.is_stream:
        with file.opened() as stream:
            found.header(_first_line(stream.pieces())[0])
    return found


class Csv(_Table):
    """CSV with a header, also compressed."""

    def __init__(self, file: LogFile, given: Mapping[str, str]) -> None:
        self.name = file.name
        self.size = file.size
        self._file = file
        self._given = given

    def header(self, line: bytes) -> _Header | None:
        """Return what the first line says; None for an empty file."""
        try:
            text = line.removeprefix(_MARK).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"header of {self.name}", "text that is not UTF-8", "UTF-8") from error
        if not text:
            return None
        delimiter = max(DELIMITERS, key=text.count)
        names = next(csv.reader([text], delimiter=delimiter))
        roles = {role: names.index(name) for role, name in roles_of(self.name, names, self._given).items()}
        is_payload = PAYLOAD in roles
        if is_payload:
            place = roles[PAYLOAD]
            return _Header(delimiter, len(names), lambda row: (row[place],), roles.get(RECEIVED_AT), is_payload)
        pick = itemgetter(*(roles.get(field, -1) for field in FIELDS))
        return _Header(delimiter, len(names), pick, roles.get(RECEIVED_AT), is_payload)

    def blocks(self, share: Share | None = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records; see ``Source``."""
        with self._file.opened() as stream:
            blocks = stream.blocks()
            first, rest = _first_line(blocks)
            header = self.header(first)
            if header is None:
                return
            rows = self._records(_CsvLines(rest, blocks), header, share)
            while records := list(islice(rows, ROWS_AT_ONCE)):
                yield stream.position, records
            yield stream.position, ()

    def _records(self, lines: "_CsvLines", header: _Header, share: Share | None) -> Iterator[Record]:
        """Yield the records in rows, and rows that are none as payloads that will be refused."""
        _, width, pick, at_place, is_payload = header
        for line, row, fault in lines.rows(header.delimiter):
            if row is not None and len(row) == width:
                at = None if at_place is None else time_in(row[at_place])
                row.append(None)
                if (record := record_of(line, pick(row), at, is_payload, share)) is not None:
                    yield record
                continue
            raw = lines.taken()
            if share is None or share.has_line(raw):
                found = fault or f"{len(row or ())} cells"
                yield line, PayloadError("row", found, f"{width} cells, as many as the header has", raw), None, raw


class _CsvLines:
    """Lines of a CSV file on their way into ``csv.reader``, which takes as many as a row has."""

    def __init__(self, rest: bytes, blocks: Iterator[bytes]) -> None:
        self._lines = chain.from_iterable(map(_split, chain((rest,), blocks)))
        self._again: list[str] = []  # lines that were taken for a part of a cell, the last one first
        self._row: list[str] = []  # the lines of the present row

    def _fed(self) -> Iterator[str]:
        again, lines, row = self._again, self._lines, self._row
        while (line := again.pop() if again else next(lines, None)) is not None:
            row.append(line)
            yield line

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[Any] | None, str]]:
        """Yield the number of each row's first line with its cells, or with what is wrong with it; skip blank ones.

        A quotation mark that is never closed costs one line only: what follows is read again.
        """
        reader, number = csv.reader(self._fed(), delimiter=delimiter, strict=True), 2
        while True:
            self._row.clear()
            try:
                cells, fault = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                cells, fault = None, str(error)
                if "expected after" in fault:
                    fault = "text after the quotation mark that closes a cell"
                elif "new-line character" in fault:
                    fault = "a carriage return outside of quotation marks"
                elif "unexpected end" in fault or ("field larger" in fault and len(self._row) > 1):
                    fault = "a quotation mark that is never closed"
                    self._again += reversed(self._row[1:])
                    del self._row[1:]
                    reader = csv.reader(self._fed(), delimiter=delimiter, strict=True)
            if cells != []:
                yield number, cells, fault
            number += len(self._row)

    def taken(self) -> bytes:
        """Return the lines of the present row as they stand in the file, without their end."""
        return "".join(self._row).encode("utf-8", errors="surrogateescape").removesuffix(b"\n").removesuffix(b"\r")


def _split(block: bytes) -> list[str]:
    """Return lines with their ends; only a line feed ends one."""
    lines = block.decode("utf-8", errors="surrogateescape").split("\n")
    last = lines.pop()
    ended = [f"{line}\n" for line in lines]
    return [*ended, last] if last else ended


def _first_line(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """Return the first line, and what was read beyond it."""
    data = b""
    while b"\n" not in data and len(data) < MAX_HEADER and (more := next(pieces, b"")):
        data += more
    line, _, rest = data.partition(b"\n")
    return line, rest


# ---- Parquet ---------------------------------------------------------------------------------------------


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


class Parquet(_Table):
    """A Parquet file, some rows at a time, only the columns that say something."""

    def __init__(self, path: Path, roles: Mapping[str, str]) -> None:
        self.name = str(path)
        self.size: int = path.stat().st_size
        self._path = path
        self._roles = roles

    def blocks(self, share: Share | None = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records; see ``Source``."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        done = 0
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, columns=[*self._roles.values()], use_threads=False):
                    columns = {role: batch.column(name) for role, name in self._roles.items()}
                    first, done = done + 1, done + batch.num_rows
                    yield self.size * done // file.metadata.num_rows, records_in(columns, first, share)
        except (OSError, pa.ArrowException) as error:
            raise UnreadableLog(
                f"{self.name} is damaged after row {done:,} ({error}). Fetch the file again."
            ) from error


def records_in(columns: Mapping[str, Any], first: int, share: Share | None) -> Iterator[Record]:
    """Yield the records in the rows of some Arrow columns, numbered from ``first``."""
    rows = len(next(iter(columns.values())))
    times = times_in(columns[RECEIVED_AT]) if RECEIVED_AT in columns else [None] * rows
    is_payload = PAYLOAD in columns
    nothing = [None] * rows
    read = [texts_in(columns[role]) if role in columns else nothing for role in ((PAYLOAD,) if is_payload else FIELDS)]
    for line, (cells, at) in enumerate(zip(zip(*read, strict=True), times, strict=True), first):
        if (record := record_of(line, cells, at, is_payload, share)) is not None:
            yield record


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


def times_in(column: Any) -> list[datetime | str | None]:
    """Return the times of an Arrow column; the text of a value that is no time, and None for null."""
    import pyarrow as pa
    from pyarrow import types

    column = getattr(column, "storage", column)
    kind = column.type
    if _is_text(kind) and not types.is_integer(kind):
        return [time_in(text) for text in texts_in(column)]
    if not types.is_date(kind) and not types.is_timestamp(kind):
        values = (None if value is None or value != value else value for value in column.to_pylist())
        return [None if value is None else time_at(value if isinstance(value, int) else float(value)) or str(value)
                for value in values]  # fmt: skip
    if types.is_date(kind):
        column = column.cast(pa.timestamp("s"))
    factor = {"s": _PER_SECOND, "ms": 1000, "us": 1, "ns": 0}[column.type.unit]
    found: list[datetime | str | None] = []
    for number in column.view(pa.int64()).to_pylist():
        if number is None:
            found.append(None)
            continue
        try:
            found.append(_EPOCH + timedelta(microseconds=number * factor if factor else number // 1000))
        except OverflowError:
            found.append(f"{number} as {column.type}")
    return found
