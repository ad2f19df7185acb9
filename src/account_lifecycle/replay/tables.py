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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import ConfigurationError, PayloadError, UnreadableLog
from ..intake.logs import read_line
from ..intake.payloads import Payload, provider_of
from .sources import NEEDS_EXTRA, LogFile, Record, Share

MAX_HEADER = 1 << 16
DELIMITERS = ",;\t"
"""What may be between cells: whichever the header has most of."""
ROWS = 8192
"""How many rows are read at a time."""

_MARK = b"\xef\xbb\xbf"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """What a column can hold."""

    ACCOUNT_ID = "account_id"
    STATUS = "status"
    PROVIDER = "provider"
    PRODUCT = "product"
    NAME = "name"
    RECEIVED_AT = "received_at"
    PAYLOAD = "payload"
    """A whole payload as JSON; beside it, only ``RECEIVED_AT`` is read."""


NAMES: Mapping[Role, tuple[str, ...]] = {
    Role.ACCOUNT_ID: ("account_id",),
    Role.STATUS: ("status", "message"),
    Role.PROVIDER: ("provider", "account_type"),
    Role.PRODUCT: ("product",),
    Role.NAME: ("name",),
    Role.RECEIVED_AT: ("received_at", "at", "timestamp", "time"),
    Role.PAYLOAD: ("payload",),
}
"""How a column is called unless another name is given; the first one that is there."""
_FIELDS = (Role.ACCOUNT_ID, Role.STATUS, Role.PROVIDER, Role.PRODUCT, Role.NAME)
_NEEDED = {Role.ACCOUNT_ID, Role.STATUS}


def checked(columns: Mapping[str, str]) -> dict[Role, str]:
    """Return the names of columns by role; raise ``ConfigurationError`` for a role that there is none of."""
    unknown = [role for role in columns if role not in list(Role)]
    if unknown:
        raise ConfigurationError("columns", repr(unknown[0]), f"one of {', '.join(Role)}")
    return {Role(role): column for role, column in columns.items()}


def roles_of(name: str, there: Collection[str], given: Mapping[Role, str]) -> dict[Role, str]:
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
    if Role.PAYLOAD in given or (Role.PAYLOAD in found and not given.keys() & _NEEDED):
        found = {role: column for role, column in found.items() if role in (Role.PAYLOAD, Role.RECEIVED_AT)}
    elif found.keys() >= _NEEDED:
        found.pop(Role.PAYLOAD, None)
    else:
        expected = "account_id and status, or payload, under these names or under others that are given"
        raise ConfigurationError(f"columns of {name}", listed, expected)
    for role, column in found.items():
        if list(there).count(column) != 1:
            raise ConfigurationError(f"columns of {name}", listed, f"{column!r} for {role}, once")
    return found


# ---- Rows ------------------------------------------------------------------------------------------------


def payload_of(
    account_id: str | None, status: str | None, provider: str | None, product: str | None, name: str | None
) -> bytes:
    """Return the payload that says what a row says: a notification if there is a name and no provider."""
    if name and (provider is None or provider_of(provider) is None):
        return _json({"status": status, "account_id": account_id, "name": name})
    fields = {"account_id": account_id, "message": status}
    if provider is not None:
        fields["account_type"] = provider
    if product is not None:
        fields["product"] = product
    return _json({"AccountStatus": fields})


def records_of(
    lines: Iterable[int], cells: Mapping[Role, Sequence[str | None]], times: Sequence[Any], share: Share | None
) -> Iterator[Record]:
    """Yield the records in some rows; ``times`` are times, None, or texts that are no times."""
    if Role.PAYLOAD in cells:
        for line, cell, at in zip(lines, cells[Role.PAYLOAD], times, strict=True):
            text = _bytes(cell or "")
            if share is None or share.has_line(text):
                payload, own = read_line(text)
                yield line, payload, own if at is None else at, line_of(_json(cell), at)
        return
    nothing = (None,) * len(times)
    columns = [cells.get(role, nothing) for role in _FIELDS]
    for line, at, fields in zip(lines, times, zip(*columns, strict=True), strict=True):
        if share is None or share.has_account(fields[0] or ""):
            yield line, payload_of(*fields), at, None


def line_of(payload: bytes, at: object) -> bytes:
    """Return a line of a log: a payload on one line, and when it was received, if that is known."""
    if at is None:
        return b'{"payload": %b}' % payload
    return b'{"received_at": %b, "payload": %b}' % (_json(at.isoformat() if isinstance(at, datetime) else at), payload)


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:  # bytes that are no UTF-8 stay what they are
        return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogateescape")


class _Table:
    """What tables share."""

    has_deadlines = False
    name: str
    size: int | None

    def raw(self, payload: Payload, at: object) -> bytes:
        """Return a row of fields as a line of a log."""
        assert isinstance(payload, bytes)
        return payload if at is None else line_of(payload, at)


# ---- Times -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\d{9,19}(\.\d+)?")
_PER_SECOND = 1_000_000


def time_in(text: str | None) -> datetime | str | None:
    """Return the time that a text tells; None for blank text, and the text itself if it is no time."""
    if text is None or not (stripped := text.strip()):
        return None
    try:
        if _NUMBER.fullmatch(stripped):
            whole, _, fraction = stripped.partition(".")
            if fraction and len(whole) > 11:
                return text
            at = time_at(int(whole))
            if fraction and isinstance(at, datetime):
                at += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
            return text if at is None else at
        found = datetime.fromisoformat(stripped)
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
    places: Mapping[Role, int]


def open_csv(file: LogFile, given: Mapping[Role, str]) -> "Csv":
    """Return a CSV file as a source; raise ``ConfigurationError`` if it has not the columns that are needed."""
    found = Csv(file, given)
    if not file.is_stream:
        with file.opened() as stream:
            found.header(_first_line(stream.pieces())[0])
    return found


class Csv(_Table):
    """CSV with a header, also compressed."""

    def __init__(self, file: LogFile, given: Mapping[Role, str]) -> None:
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
        columns = next(csv.reader([text], delimiter=delimiter))
        roles = roles_of(self.name, columns, self._given)
        return _Header(delimiter, len(columns), {role: columns.index(column) for role, column in roles.items()})

    def blocks(self, share: Share | None = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records; see ``Source``."""
        with self._file.opened() as stream:
            blocks = stream.blocks()
            first, rest = _first_line(blocks)
            header = self.header(first)
            if header is None:
                return
            rows = self._records(_CsvLines(rest, blocks), header, share)
            while records := list(islice(rows, ROWS)):
                yield stream.position, records
            yield stream.position, ()

    def _records(self, lines: "_CsvLines", header: _Header, share: Share | None) -> Iterator[Record]:
        """Yield the records in rows, and rows that are none as payloads that will be refused."""
        at_place = header.places.get(Role.RECEIVED_AT)
        places = {role: place for role, place in header.places.items() if role is not Role.RECEIVED_AT}
        for line, cells, fault in lines.rows(header.delimiter):
            if cells is not None and len(cells) == header.cells:
                at = None if at_place is None else time_in(cells[at_place])
                row: dict[Role, Sequence[str | None]] = {role: (cells[place],) for role, place in places.items()}
                yield from records_of((line,), row, (at,), share)
                continue
            raw = lines.taken()
            if share is None or share.has_line(raw):
                found = fault or f"{len(cells or ())} cells"
                expected = f"{header.cells} cells, as many as the header has"
                yield line, PayloadError("row", found, expected, raw), None, raw


class _CsvLines:
    """Lines of a CSV file on their way into ``csv.reader``, which takes as many as a row has."""

    def __init__(self, rest: bytes, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._lines: Iterator[str] = iter(_split(rest))
        self._again: list[str] = []  # lines that were taken for a part of a cell, the last one first
        self._row: list[str] = []  # the lines of the present row

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._lines, None)
        while line is None:
            self._lines = iter(_split(next(self._blocks)))
            line = next(self._lines, None)
        self._row.append(line)
        return line

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[str] | None, str]]:
        """Yield the number of each row's first line with its cells, or with what is wrong with it; skip blank ones.

        A quotation mark that is never closed costs one line only: what follows is read again.
        """
        reader, number = csv.reader(self, delimiter=delimiter, strict=True), 2
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
                    reader = csv.reader(self, delimiter=delimiter, strict=True)
            if cells != []:
                yield number, cells, fault
            number += len(self._row)

    def taken(self) -> bytes:
        """Return the lines of the present row as they stand in the file, without their end."""
        return _bytes("".join(self._row)).removesuffix(b"\n").removesuffix(b"\r")


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


def open_parquet(path: Path, given: Mapping[Role, str]) -> "Parquet":
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
    columns = roles_of(str(path), schema.names, given)
    for role, column in columns.items():
        kind = schema.field(column).type
        if not (_is_time(kind) if role is Role.RECEIVED_AT else _is_text(kind)):
            expected = "timestamps, text or numbers" if role is Role.RECEIVED_AT else "text"
            raise ConfigurationError(f"column {column!r} of {path}", str(kind), f"{expected}, as {role}")
    return Parquet(path, columns)


class Parquet(_Table):
    """A Parquet file, some rows at a time, only the columns that say something."""

    def __init__(self, path: Path, columns: Mapping[Role, str]) -> None:
        self.name = str(path)
        self.size: int = path.stat().st_size
        self._path = path
        self._columns = columns

    def blocks(self, share: Share | None = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records; see ``Source``."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        done = 0
        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                wanted = list(self._columns.values())
                for batch in file.iter_batches(ROWS, columns=wanted, use_threads=False):
                    cells = {role: batch.column(column) for role, column in self._columns.items()}
                    at = cells.pop(Role.RECEIVED_AT, None)
                    times = [None] * batch.num_rows if at is None else times_in(at)
                    texts = {role: texts_in(column) for role, column in cells.items()}
                    lines = range(done + 1, done + batch.num_rows + 1)
                    done += batch.num_rows
                    yield self.size * done // file.metadata.num_rows, records_of(lines, texts, times, share)
        except (OSError, pa.ArrowException) as error:
            raise UnreadableLog(
                f"{self.name} is damaged after row {done:,} ({error}). Fetch the file again."
            ) from error


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
