"""Tables: some of their rows as a stretch of a log, whatever file the rows are from.

Knows that a row which is not spelt as usual is made a payload of, and read as the live engine would read it. It must
never know a file format, nor what a value means.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ...errors import PayloadError
from ...intake.logs import read_line
from ...intake.payloads import parse
from ...lifecycle.events import StatusAnnounced
from ..coding import Int64s
from ..columns import NO_TIME, Chunk, Columns, RefusedLine
from ..fleet import micros, time_of
from ..vocabulary import Vocabulary
from . import fields, payload_column
from .cells import Cells
from .moments import Moments
from .placing import place
from .roles import Role
from .single import line_of, payload_of, quoted

_FIELDS = (Role.ACCOUNT_ID, Role.STATUS, Role.PROVIDER, Role.PRODUCT, Role.NAME)


class Rows(NamedTuple):
    """Some rows of a table, in order."""

    cells: Mapping[Role, Cells]
    """All but those of ``received_at``."""
    moments: Moments | None
    """None where no column tells of times."""
    line: Int64s
    """Where they stand in their file, from 1."""
    moment_text: Callable[[int], str]
    """How the time of a row is spelt; asked for only where it cannot be read."""


class Tables:
    """Makes chunks of the rows of one table."""

    def __init__(self, name: str, vocabulary: Vocabulary, stamp: datetime) -> None:
        self._name = name
        self._vocabulary = vocabulary
        self._stamp = stamp

    def chunk(self, rows: Rows) -> Chunk:
        """Some rows as columns."""
        code = payload_column.code if Role.PAYLOAD in rows.cells else fields.code
        columns, odd = code(rows.cells, rows.line, self._vocabulary)
        if rows.moments is not None:
            odd |= rows.moments.odd
            np.copyto(columns.at, rows.moments.at, where=rows.moments.at != NO_TIME)
        refused = self._read_odd(rows, columns, np.flatnonzero(odd).tolist()) if odd.any() else []
        if refused:
            events = ~np.isin(rows.line, [line.line for line in refused])
            columns = Columns(*(column[events] for column in columns[:7]))  # type: ignore[arg-type]
        undated = columns.at == NO_TIME
        columns.at[undated] = micros(self._stamp)
        return Chunk(columns, tuple(refused), int(undated.sum()), accounts=len(self._vocabulary.accounts))

    def _read_odd(self, rows: Rows, columns: Columns, odd: list[int]) -> list[RefusedLine]:
        refused = []
        for row in odd:
            try:
                event, is_dated = self._read(rows, row)
            except PayloadError as error:
                raw = _line(rows, row)
                refused.append(RefusedLine(self._name, int(rows.line[row]), error.field, str(error), raw))
            else:
                place(columns, row, event, self._vocabulary)
                columns.at[row] = micros(event.received_at) if is_dated else NO_TIME
        return refused

    def _read(self, rows: Rows, row: int) -> tuple[StatusAnnounced, bool]:
        """The event in a row, and whether its time was told."""
        received = read_line(_payload(rows, row)) if Role.PAYLOAD in rows.cells else (_payload(rows, row), None)
        at: object = received[1]
        if rows.moments is not None:
            told = time_of(int(rows.moments.at[row]))
            at = rows.moment_text(row) if rows.moments.odd[row] else (told or at)
        return parse(received[0], self._stamp if at is None else at), at is not None  # type: ignore[arg-type]


def _payload(rows: Rows, row: int) -> bytes:
    if Role.PAYLOAD in rows.cells:
        return rows.cells[Role.PAYLOAD].text(row) or b""
    return payload_of(*(rows.cells[role].text(row) if role in rows.cells else None for role in _FIELDS))


def _line(rows: Rows, row: int) -> bytes:
    """A row as a line of a log, which would be refused just the same."""
    payload = _payload(rows, row)
    at: str | None = None
    if rows.moments is not None:
        told = time_of(int(rows.moments.at[row]))
        at = rows.moment_text(row) if rows.moments.odd[row] else (None if told is None else told.isoformat())
    if Role.PAYLOAD not in rows.cells:
        return line_of(payload, at)
    return line_of(quoted(payload), at) if at else b'{"payload": %b}' % quoted(payload)
