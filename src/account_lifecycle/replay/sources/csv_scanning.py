"""The rows of a CSV file, cut into cells straight from its bytes.

Knows RFC 4180: cells in quotation marks, in which a mark is doubled and a line may end. A row that is none is set
aside, and reading goes on after it. It must never know what a cell means.
"""

from typing import NamedTuple

import numpy as np

from ..coding import Bytes, Int32s, Int64s
from ..native import native

MAX_ROW = 256 * 1024
"""A quotation mark that is not closed within so many bytes was never meant to open a cell."""
CELLS, STRAY, UNCLOSED = range(3)
"""What is wrong with a row: how many cells it has, something after a closing mark, or a mark that is never closed."""

_LF, _CR, _QUOTE = b'\n\r"'


class Scanned(NamedTuple):
    """Rows, one an entry, and those that are none."""

    begins: Int64s
    """By wanted column and entry, where a cell begins ..."""
    lengths: Int64s
    """... and how long it is."""
    line: Int64s
    """On which line a row begins, from that of the first one."""
    bad: Int64s
    """Of rows that are none: the line, where it begins and ends, what is wrong with it, and how many cells it has."""


def room_for(wanted: int, rows: int) -> Scanned:
    """Arrays for so many rows."""
    cells = np.empty((2, wanted, rows), np.int64)
    return Scanned(cells[0], cells[1], np.empty(rows, np.int64), np.empty((rows, 5), np.int64))


@native
def scan_rows(
    data: Bytes, end: int, is_last: bool, delimiter: int, wanted: Int32s, scanned: Scanned
) -> tuple[int, int, int, int]:
    """Cut rows up to ``end``: how many, how many that are none, where reading stopped, and how many lines that were.

    ``wanted`` has, by column, which row of ``begins`` it goes to, or a negative number. There must be room for as
    many rows as there are line feeds, and one more; a line feed must follow the end. Doubled marks are undone where
    they stand. A row that does not end before ``end`` is left for later, unless this is the last of the file.
    """
    begins, lengths, lines, bad = scanned
    doubled = np.zeros(wanted.shape[0], np.bool_)
    here, rows, bads, line = 0, 0, 0, 0
    while here < end:
        if data[here] == _LF or (data[here] == _CR and data[here + 1] == _LF):
            here, line = here + (1 if data[here] == _LF else 2), line + 1
            continue
        number, cells, fault, at = line, 0, -1, here
        while fault < 0 and (cells == 0 or data[at - 1] != _LF):
            first, to, after, is_doubled = at, at, at, False
            if data[at] == _QUOTE:
                first = at + 1
                to, line, is_doubled = _closing(data, first, min(end, here + MAX_ROW), line)
                after = to + 1
                if to < 0:
                    fault = UNCLOSED
                    break
            else:
                while data[to] != delimiter and data[to] != _LF:
                    to += 1
                after = to
                if data[to] == _LF and to > first and data[to - 1] == _CR:
                    to -= 1
            if cells < wanted.shape[0]:
                doubled[cells] = is_doubled
                if wanted[cells] >= 0:
                    begins[wanted[cells], rows], lengths[wanted[cells], rows] = first, to - first
            cells += 1
            if data[after] == _CR and data[after + 1] == _LF:
                after += 1
            if data[after] != delimiter and data[after] != _LF:
                fault = STRAY
            at = after + 1
        if fault == UNCLOSED and not is_last and end - here <= MAX_ROW:
            return rows, bads, here, number
        if fault == UNCLOSED:
            at, line = here + 1, number
        while data[at - 1] != _LF:
            at += 1
        if fault < 0 and cells != wanted.shape[0]:
            fault = CELLS
        if fault < 0:
            for cell in range(cells):
                if doubled[cell] and wanted[cell] >= 0:
                    place = wanted[cell]
                    lengths[place, rows] = _undoubled(data, begins[place, rows], lengths[place, rows])
            lines[rows] = number
            rows += 1
        else:
            bad[bads, 0], bad[bads, 1], bad[bads, 2], bad[bads, 3], bad[bads, 4] = number, here, at - 1, fault, cells
            bads += 1
        here, line = at, line + 1
    return rows, bads, min(here, end), line


@native
def _closing(data: Bytes, at: int, end: int, line: int) -> tuple[int, int, bool]:
    """Where the mark is that closes a cell, or a negative number; on which line; and whether marks are doubled."""
    is_doubled = False
    while at < end:
        if data[at] == _QUOTE:
            if data[at + 1] != _QUOTE:
                return at, line, is_doubled
            is_doubled = True
            at += 1
        line += data[at] == _LF
        at += 1
    return -1, line, is_doubled


@native
def _undoubled(data: Bytes, begin: int, length: int) -> int:
    """Write each doubled mark of a cell once; how long that is."""
    at, to = begin, begin
    while at < begin + length:
        at += data[at] == _QUOTE
        data[to] = data[at]
        at, to = at + 1, to + 1
    return to - begin
