"""JSON Lines, bare or enveloped: whatever ``feed`` takes.

Knows blocks of lines, and which reader is asked for which line; what a payload means, ``payloads`` says.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import PayloadError
from ...intake.logs import read_line
from ...intake.payloads import parse
from ...lifecycle.account import Account
from ..ahead import read_ahead
from ..coding import Int64s
from ..columns import NO_TIME, Chunk, Columns, RefusedLine
from ..fleet import micros
from ..scanning import ACCOUNT, NAME, PRODUCT, PROVIDER, SCAN_PADDING, WORD, Scanned, lines_in, room_for, scan, texts_of
from ..vocabulary import BLANK, Vocabulary
from .placing import place

BLOCK = 4 << 20
"""How many bytes are read at a time."""


class JsonLines:
    """A log as a stream of bytes, already decompressed."""

    has_deadlines = False

    def __init__(self, name: str, stream: BinaryIO, size: int | None = None, block: int = BLOCK) -> None:
        self.name = name
        self.size = size
        self._stream = stream
        self._block = block

    def beginnings(self) -> Iterable[Account]:
        """Nothing came before."""
        return ()

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:
        """Its events, a block at a time."""
        for block, scanned in read_ahead(self._scanned()):
            yield _Chunking(self.name, vocabulary, stamp, block, scanned).chunk()._replace(position=block.position)

    def _scanned(self) -> Iterator[tuple["_Block", "_Scan"]]:
        line = 1
        for block in self._blocks():
            scanned = _scan(block, line)
            yield block, scanned
            line += scanned.lines

    def _blocks(self) -> Iterator["_Block"]:
        """Whole lines, some millions of bytes of them at a time; the last one need not end."""
        begun: list[bytes] = []  # of a line that ends in a later block
        position = 0
        while data := self._stream.read(self._block):
            position += len(data)
            if end := data.rfind(b"\n") + 1:
                yield _block((*begun, memoryview(data)[:end]), position)
                begun = [data[end:]] if end < len(data) else []
            else:
                begun.append(data)
        if begun:
            yield _block((*begun, b"\n"), position)


class _Block(NamedTuple):
    data: bytes
    end: int
    position: int


def _block(parts: Sequence[bytes | memoryview], position: int) -> _Block:
    return _Block(b"".join((*parts, bytes(SCAN_PADDING))), sum(map(len, parts)), position)


class _Scan(NamedTuple):
    entries: int
    odd: Int64s
    lines: int
    arrays: Scanned


def _scan(block: _Block, first_line: int) -> _Scan:
    data = np.frombuffer(block.data, np.uint8)
    arrays = room_for(lines_in(data, block.end))
    entries, odd, lines = scan(data, block.end, first_line, arrays)
    return _Scan(entries, arrays.odd[:odd], lines, arrays)


class _Chunking:
    """One block on its way from bytes to columns."""

    def __init__(self, name: str, vocabulary: Vocabulary, stamp: datetime, block: _Block, scanned: _Scan) -> None:
        self._name = name
        self._vocabulary = vocabulary
        self._stamp = micros(stamp)
        self._now = stamp
        self._block = block
        self._scanned = scanned
        self._refused: list[RefusedLine] = []

    def chunk(self) -> Chunk:
        """The block as columns."""
        columns = self._encoded()
        blank = np.flatnonzero(columns.word == BLANK)
        kept = np.ones(len(columns.at), np.bool_)
        undated = columns.at == NO_TIME
        columns.at[undated] = self._stamp
        for row, begin, end in self._scanned.odd:
            kept[row] = self._read(columns, int(row), self._block.data[begin:end], undated)
        for row in blank:
            kept[row] = self._read(columns, int(row), self._line_of(int(row)), undated)
        if not kept.all():
            columns = columns.only(kept)
        refused = tuple(sorted(self._refused, key=lambda line: line.line))
        return Chunk(columns, refused, int(undated[kept].sum()), accounts=len(self._vocabulary.accounts))

    def _encoded(self) -> Columns:
        """The columns of all that was spelt as usual."""
        words, entries, arrays = self._vocabulary, self._scanned.entries, self._scanned.arrays
        data = np.frombuffer(self._block.data, np.uint8)
        return Columns(
            words.accounts.encode(data, *texts_of(arrays, ACCOUNT, entries)),
            words.words.meanings(words.words.spellings.encode(data, *texts_of(arrays, WORD, entries))),
            words.providers.meanings(words.providers.spellings.encode(data, *texts_of(arrays, PROVIDER, entries))),
            np.maximum(
                words.products.meanings(words.products.spellings.encode(data, *texts_of(arrays, PRODUCT, entries))), 0
            ),
            words.names.encode(data, *texts_of(arrays, NAME, entries)),
            arrays.at[:entries],
            arrays.line[:entries],
        )

    def _read(self, columns: Columns, row: int, raw: bytes, undated: NDArray[np.bool_]) -> bool:
        """Read one line as the live engine would; whether it is an event."""
        if not (text := raw.strip()):
            return False
        received = read_line(text)
        try:
            event = parse(received.payload, self._now if received.received_at is None else received.received_at)
        except PayloadError as error:
            refused = RefusedLine(self._name, int(columns.line[row]), error.field, str(error), raw)
            self._refused.append(refused)
            return False
        undated[row] = received.received_at is None
        place(columns, row, event, self._vocabulary)
        columns.at[row] = micros(event.received_at)
        return True

    def _line_of(self, row: int) -> bytes:
        """The line that an entry was scanned from."""
        begin = int(self._scanned.arrays.begins[ACCOUNT, row])
        data = self._block.data
        return data[data.rfind(b"\n", 0, begin) + 1 : data.index(b"\n", begin)]
