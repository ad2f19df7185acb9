"""CSV files with a header, also compressed.

Knows blocks of whole rows, and the header. What a column says, ``tables`` knows.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ...errors import ConfigurationError, PayloadError
from ...lifecycle.account import Account
from ..coding import PADDING, Int32s
from ..columns import Chunk, RefusedLine
from ..scanning import lines_in
from ..vocabulary import Vocabulary
from .cells import Cells, frozen
from .csv_scanning import CELLS, STRAY, UNCLOSED, room_for, scan_rows
from .files import Counted, LogFile
from .moments import read_texts
from .roles import Role, roles_of
from .tables import Rows, Tables

BLOCK = 4 << 20
"""How many bytes are read at a time."""
MAX_HEADER = 1 << 16
DELIMITERS = ",;\t"
"""What may be between cells: whichever the header has most of."""

_MARK = b"\xef\xbb\xbf"
_FAULTS = {STRAY: "text after the quotation mark that closes a cell", UNCLOSED: "a quotation mark that is never closed"}


class _Header(NamedTuple):
    delimiter: str
    cells: int
    roles: tuple[Role, ...]
    """Those that will be read, in the order of ``wanted``."""
    wanted: Int32s
    """By column, its place in ``roles``, or a negative number."""


class Csv:
    """A log in a CSV file; raises ``ConfigurationError`` if it has not the columns that are needed."""

    has_deadlines = False

    def __init__(self, file: LogFile, told: Mapping[Role, str], block: int = BLOCK) -> None:
        self.name = file.name
        self.size = file.size
        self._file = file
        self._told = told
        self._block = block
        if not file.is_stream:
            with file.opened() as stream:
                self._header(_first_line(stream)[0])

    def beginnings(self) -> Iterator[Account]:
        """None: it tells of events only."""
        return iter(())

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:
        """Its events, a block at a time."""
        tables = Tables(self.name, vocabulary, stamp)
        with self._file.opened() as stream:
            line, rest = _first_line(stream)
            if (header := self._header(line)) is None:
                return
            number = 2
            for block, is_last in _blocks(stream, rest, self._block):
                cut = _Cut(self.name, header, block, number, is_last)
                chunk = tables.chunk(cut.rows())
                refused = sorted((*chunk.refused, *cut.refused()), key=lambda refusal: refusal.line)
                yield chunk._replace(refused=tuple(refused), position=stream.position)
                number += cut.lines
                block.done = cut.end

    def _header(self, line: bytes) -> _Header | None:
        """What the first line says; None for an empty file."""
        try:
            text = line.removeprefix(_MARK).decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"header of {self.name}", "text that is not UTF-8", "UTF-8") from error
        if not text:
            return None
        delimiter = max(DELIMITERS, key=text.count)
        columns = next(csv.reader([text], delimiter=delimiter))
        roles = roles_of(self.name, columns, self._told)
        wanted = np.full(len(columns), -1, np.int32)
        for place, column in enumerate(roles.values()):
            wanted[columns.index(column)] = place
        return _Header(delimiter, len(columns), tuple(roles), wanted)


class _Block:
    """Whole lines."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.done = 0
        """How much of it was read as rows."""


class _Cut:
    """A block cut into rows."""

    def __init__(self, name: str, header: _Header, block: _Block, number: int, is_last: bool) -> None:
        self._name = name
        self._header = header
        self._block = block
        self._number = number
        self._data = np.zeros(len(block.data) + 1 + PADDING, np.uint8)
        self._data[: len(block.data)] = np.frombuffer(block.data, np.uint8)
        self._data[len(block.data)] = ord("\n")
        found = room_for(len(header.roles), lines_in(frozen(self._data), len(block.data)) + 1)
        self._rows, bad, self.end, self.lines = scan_rows(
            self._data, len(block.data), is_last, ord(header.delimiter), header.wanted, found
        )
        self._found = found
        self._bad = found.bad[:bad].tolist()

    def rows(self) -> Rows:
        """Its rows, as far as they are such."""
        begins, lengths, line, _ = self._found
        data, count = frozen(self._data), self._rows
        cells = {
            role: Cells(data, begins[place, :count], lengths[place, :count])
            for place, role in enumerate(self._header.roles)
        }
        at = cells.pop(Role.RECEIVED_AT, None)
        return Rows(
            cells,
            None if at is None else read_texts(at),
            line[:count] + self._number,
            lambda row: _shown(at, row),
        )

    def refused(self) -> list[RefusedLine]:
        """What is no row."""
        return [self._refusal(*bad) for bad in self._bad]

    def _refusal(self, line: int, begin: int, end: int, fault: int, cells: int) -> RefusedLine:
        raw = self._block.data[begin:end].removesuffix(b"\r")
        found = f"{cells} cells" if fault == CELLS else _FAULTS[fault]
        error = PayloadError("row", found, f"{self._header.cells} cells, as many as the header has", raw)
        return RefusedLine(self._name, line + self._number, error.field, str(error), raw)


def _shown(cells: Cells | None, row: int) -> str:
    text = None if cells is None else cells.text(row)
    return (text or b"").decode(errors="replace")


def _first_line(stream: Counted) -> tuple[bytes, bytes]:
    """The first line, and what was read beyond it."""
    data = b""
    while b"\n" not in data and len(data) < MAX_HEADER and (more := stream.read(MAX_HEADER)):
        data += more
    line, _, rest = data.partition(b"\n")
    return line, rest


def _blocks(stream: Counted, rest: bytes, size: int) -> Iterator[tuple[_Block, bool]]:
    """Whole lines, some millions of bytes of them at a time; what was not done of one comes again with the next."""
    data = rest
    while data:
        if end := rest.rfind(b"\n") + 1:
            block = _Block(rest[:end])
            yield block, False
            rest = rest[block.done :]
        data = stream.read(size)
        rest += data
    if rest:
        yield _Block(rest), True
