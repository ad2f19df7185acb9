"""Payloads and log lines to events, a batch at a time, on the executors.

Knows which reader is asked for which text: the scanner for what is spelt as usual, ``logs`` and ``payloads`` for
the rest. It must never know what a status means.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import PayloadError
from ..intake.logs import Received, read_line
from ..intake.payloads import parse, status_of
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.events import StatusAnnounced
from ..replay.coding import Bytes, Int32s, Int64s
from ..replay.columns import NO_TIME
from ..replay.native import native
from ..replay.scanning import ACCOUNT, NAME, PRODUCT, PROVIDER, SCAN_PADDING, WORD, Scanned, room_for, scan, texts_of
from ..replay.vocabulary import Words
from .events import spans_of
from .moments import EPOCH, micros_of, moment_of
from .numbering import numbered
from .schemas import event_schema

_ROW_OF = {"account_id": ACCOUNT, "status": WORD, "provider": PROVIDER, "product": PRODUCT, "name": NAME}
_LF = 10


class LineReading(NamedTuple):
    """How texts are to be read."""

    position: pa.DataType
    stamp_us: int
    """When a text counts as received that carries no time, in microseconds since 1970."""
    are_payloads: bool
    """Whether the texts are bare payloads, with their time in a column; otherwise they are lines of a log."""

    def read(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Events, and what is none, of texts with their received_at and position; ``mapInArrow`` takes this."""
        reader = _LineReader(self)
        return (read for batch in numbered(batches) for read in reader.read(batch))


class _LineReader:
    def __init__(self, reading: LineReading) -> None:
        self._reading = reading
        self._schema = event_schema(reading.position)
        self._words = Words(status_of, ANNOUNCEMENTS)

    def read(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The events that were spelt as usual, then all others."""
        texts, times = batch.column("text"), self._times(batch)
        positions = batch.column("position").cast(self._reading.position)
        data, end, is_odd = _joined(texts)
        scanned = room_for(len(texts))
        entries, odd, _ = scan(data, end, 1, scanned)
        rows = scanned.line[:entries] - 1
        usual = np.ones(entries, np.bool_)
        usual[scanned.odd[:odd, 0]] = False
        usual &= self._says_something(data, scanned, entries)
        if self._reading.are_payloads:
            usual &= scanned.at[:entries] == NO_TIME
            is_odd |= True  # all of them, unless they turn out to be usual: not even a blank one may be passed over
        is_odd[rows[~usual]] = True
        is_odd[rows[usual]] = False
        if usual.any():
            yield self._events(data, scanned, np.flatnonzero(usual), times, positions.take(pa.array(rows[usual])))
        if is_odd.any():
            yield from self._read_odd(texts, np.flatnonzero(is_odd), times, positions)

    def _times(self, batch: pa.RecordBatch) -> Int64s:
        """When a text was received that does not say so itself."""
        told = batch.column("received_at").cast(pa.int64()).fill_null(self._reading.stamp_us)
        return np.asarray(told)

    def _says_something(self, data: Bytes, scanned: Scanned, entries: int) -> NDArray[np.bool_]:
        """Which entries have a status that is not blank."""
        spelt = self._words.spellings.encode(data, *texts_of(scanned, WORD, entries))
        return self._words.meanings(spelt) >= 0

    def _events(
        self, data: Bytes, scanned: Scanned, entries: Int64s, times: Int64s, positions: pa.Array
    ) -> pa.RecordBatch:
        rows, at = scanned.line[entries] - 1, scanned.at[entries]
        nothing = [pa.nulls(len(entries), kind) for kind in (pa.string(), pa.string(), pa.binary())]
        columns = [_text_column(data, scanned, row, entries) for row in _ROW_OF.values()]
        received = pa.array(np.where(at == NO_TIME, times[rows], at)).cast(self._schema.field("received_at").type)
        return pa.RecordBatch.from_arrays([*columns, received, positions, *nothing], schema=self._schema)

    # ---- Whatever is spelt otherwise -------------------------------------------------------------------

    def _read_odd(self, texts: pa.Array, rows: Int64s, times: Int64s, positions: pa.Array) -> Iterator[pa.RecordBatch]:
        found, kept = [], []
        for row in rows:
            record = self._read(texts[int(row)].as_py() or b"", int(times[row]))
            if record is not None:
                found.append(record)
                kept.append(row)
        columns = [
            positions.take(pa.array(kept, pa.int64())) if field.name == "position"
            else pa.array([record.get(field.name) for record in found], field.type)
            for field in self._schema
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _read(self, raw: bytes, at_us: int) -> dict[str, object] | None:
        """One text as the live engine would read it; None for a blank line of a log."""
        received = Received(raw) if self._reading.are_payloads else read_line(raw.strip())
        if not self._reading.are_payloads and not raw.strip():
            return None
        try:
            event = parse(
                received.payload, moment_of(at_us) or EPOCH if received.received_at is None else received.received_at
            )
        except PayloadError as error:
            return {"field": error.field, "reason": str(error), "raw": raw}
        return _told(event)


def _told(event: StatusAnnounced) -> dict[str, object]:
    return {
        "account_id": event.account_id,
        "status": event.status,
        "provider": event.provider,
        "product": event.product,
        "name": event.name,
        "received_at": micros_of(event.received_at, "received_at"),
    }


def _joined(texts: pa.Array) -> tuple[Bytes, int, NDArray[np.bool_]]:
    """Texts as lines, where they end, and those that are blank lines instead because they are several."""
    spans = spans_of(texts)
    lengths = np.maximum(spans.lengths, 0)
    lines = np.zeros(int(lengths.sum()) + len(texts) + SCAN_PADDING, np.uint8)
    is_odd = np.zeros(len(texts), np.bool_)
    return lines, _join(spans.data, spans.begins, lengths, lines, is_odd), is_odd


def _text_column(data: Bytes, scanned: Scanned, row: int, entries: Int64s) -> pa.Array:
    """The texts of one kind, as Arrow has them."""
    begins, lengths = scanned.begins[row][entries], scanned.lengths[row][entries]
    offsets = np.zeros(len(entries) + 1, np.int32)
    np.cumsum(np.maximum(lengths, 0), out=offsets[1:])
    gathered = np.empty(int(offsets[-1]), np.uint8)
    _gather(data, begins, offsets, gathered)
    present = None
    if (lengths < 0).any():
        present = pa.array(lengths >= 0).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(entries), [present, pa.py_buffer(offsets), pa.py_buffer(gathered)])


@native
def _join(data: Bytes, begins: Int64s, lengths: Int64s, lines: Bytes, is_odd: NDArray[np.bool_]) -> int:
    end = 0
    for row in range(begins.shape[0]):
        begin, start = begins[row], end
        for i in range(lengths[row]):
            byte = data[begin + i]
            lines[end] = byte
            is_odd[row] |= byte == _LF
            end += 1
        if is_odd[row]:
            end = start
        lines[end] = _LF
        end += 1
    return end


@native
def _gather(data: Bytes, begins: Int64s, offsets: Int32s, gathered: Bytes) -> None:
    for row in range(begins.shape[0]):
        begin, start = begins[row], offsets[row]
        for i in range(offsets[row + 1] - start):
            gathered[start + i] = data[begin + i]
