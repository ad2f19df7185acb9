"""Tables as text: CSV with commas, semicolons, tabs or bars, and the rows in it.

A quotation mark that is never closed costs one line only: what follows is read again. Rows come with the number of
their first line; a row that cannot be read comes as the error that says why, with its bytes.
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import ConfigurationError, PayloadError
from .dialects import FIELDS
from .times import TimeReader, folded

SEPARATORS = ",;\t|"
"""What may be between cells: whichever the header has most of."""

_NAME = re.compile(r"\s*[\w@.,:#/ \[\]()-]{1,80}\s*")
CARRIERS = {"payload", "body", "data", "json", "content", "message", "request", "event", "requestbody", "rawbody"}
"""The folded names of columns that hold a whole payload."""


class TableHead(NamedTuple):
    """What the first lines of a table say."""

    names: tuple[str, ...]
    """What its columns are called."""
    delimiter: str
    has_header: bool = True
    has_escapes: bool = False
    """Whether a quotation mark in a cell has a backslash before it, in place of being doubled."""

    def called(self, columns: Mapping[str, str]) -> "TableHead":
        """Return it with the columns that are named called by what they hold.

        Raise ``ConfigurationError`` if one is not there, or twice.
        """
        for field, name in columns.items():
            if self.names.count(name) != 1:
                listed = ", ".join(map(repr, self.names))
                raise ConfigurationError("columns", listed, f"{name!r} for {field}, once")
        fields = {name: field for field, name in columns.items()}
        names = [fields.get(name) or (f"other {name}" if name in columns else name) for name in self.names]
        return self._replace(names=tuple(names))


ROLES = (*FIELDS, "received_at", "payload")
"""What a column can hold that is named."""


def check_columns(columns: Mapping[str, str]) -> None:
    """Raise ``ConfigurationError`` if names are given for columns of a kind that there is none of."""
    unknown = [role for role in columns if role not in ROLES]
    if unknown:
        raise ConfigurationError("columns", repr(unknown[0]), f"one of {', '.join(ROLES)}")


def head_of(lines: list[str]) -> TableHead | None:
    """Return what the first lines of a text say if it is a table, None if it is none."""
    lines = [line for line in lines if line.strip()]
    if not lines or lines[0].lstrip()[:1] in ("{", "["):
        return None
    delimiter = max(SEPARATORS, key=lines[0].count)
    has_escapes = any('{\\"' in line for line in lines[:20]) and not any('{""' in line for line in lines[:20])
    found = _cells(lines[0], delimiter, has_escapes)
    if found is None:
        return None
    if len(found) == 1:
        is_one = folded(found[0]) in CARRIERS and len(lines) > 1 and lines[1].startswith('"')
        return TableHead((found[0].strip(),), delimiter, True, has_escapes) if is_one else None
    names = tuple(cell.strip() for cell in found)
    if all(_NAME.fullmatch(name) for name in names) and len(set(names)) == len(names):
        second = _cells(lines[1], delimiter, has_escapes) if len(lines) > 1 else None
        is_like = second is None or len(second) == len(names) or {"accountid", "status"} <= {*map(folded, names)}
        return TableHead(names, delimiter, True, has_escapes) if is_like or lines[0].count(delimiter) > 1 else None
    if any(_is_object(cell) for cell in found):
        times = [number for number, cell in enumerate(found, 1) if _is_time(cell)]
        names = tuple("time" if [number] == times[:1] else f"column {number}" for number in range(1, len(found) + 1))
        return TableHead(names, delimiter, False, has_escapes)
    return None


def _is_object(cell: str) -> bool:
    try:
        return isinstance(json.loads(cell), dict)
    except (ValueError, RecursionError):
        return False


def _is_time(cell: str) -> bool:
    try:
        return TimeReader().read(cell) is not None
    except ValueError:
        return False


def _cells(line: str, delimiter: str, has_escapes: bool) -> list[str] | None:
    try:
        return next(csv.reader([line], **_format(delimiter, has_escapes)), None)
    except csv.Error:
        return None


def _format(delimiter: str, has_escapes: bool) -> dict[str, Any]:
    escapes: dict[str, Any] = {"doublequote": False, "escapechar": "\\"} if has_escapes else {"strict": True}
    return {"delimiter": delimiter, **escapes}


Lines = Iterator[tuple[int, list[bytes | PayloadError]]]


class CsvRows:
    """The rows of a table, from its lines."""

    def __init__(self, lines: Lines, head: TableHead) -> None:
        self._lines = lines
        self._format = _format(head.delimiter, head.has_escapes)
        self._width = len(head.names)
        self._block: Iterator[bytes | PayloadError] = iter(())
        self._next = self._number = 1
        self._again: list[str] = []  # lines that were taken for a part of a cell, the last one first
        self._row: list[str] = []  # the lines of the present row
        self._refused: PayloadError | None = None
        self._skips_header = head.has_header

    def __iter__(self) -> Iterator[tuple[int, list[str] | PayloadError]]:
        """Yield the number of each row's first line with its cells, or with what is wrong with it; skip blank ones."""
        reader = csv.reader(self._texts(), **self._format)
        number = 1
        while True:
            self._row.clear()
            try:
                cells, fault = next(reader), ""
            except StopIteration:
                if self._refused is None:
                    return
                yield number, self._refused
                self._refused, number = None, number + 1
                reader = csv.reader(self._texts(), **self._format)
                continue
            except csv.Error as error:
                cells, fault = [], _fault(str(error), len(self._row))
                if fault == _UNCLOSED:
                    self._again += reversed(self._row[1:])
                    del self._row[1:]
                    reader = csv.reader(self._texts(), **self._format)
            if cells or fault:
                if self._skips_header:
                    self._skips_header = False
                elif fault or len(cells) != self._width:
                    yield number, self._error(fault or f"{len(cells)} cells")
                else:
                    yield number, cells
            number += len(self._row)

    def _texts(self) -> Iterator[str]:
        """Yield lines with their ends, up to one that cannot be read."""
        while True:
            if self._again:
                line = self._again.pop()
            else:
                found = next(self._block, None)
                if found is None:
                    block = next(self._lines, None)
                    if block is None:
                        return
                    self._block = iter(block[1])
                    continue
                if isinstance(found, PayloadError):
                    self._refused = found
                    return
                line = found.decode("utf-8", errors="surrogateescape") + "\n"
            self._row.append(line)
            yield line

    def _error(self, fault: str) -> PayloadError:
        raw = "".join(self._row).encode("utf-8", errors="surrogateescape").removesuffix(b"\n").removesuffix(b"\r")
        return PayloadError("row", fault, f"{self._width} cells, as many as the header has", raw[: 1 << 16], len(raw))


_UNCLOSED = "a quotation mark that is never closed"


def _fault(error: str, lines: int) -> str:
    if "expected after" in error:
        return "text after the quotation mark that closes a cell"
    if "new-line character" in error:
        return "a carriage return outside of quotation marks"
    return _UNCLOSED if "unexpected end" in error or ("field larger" in error and lines > 1) else error
