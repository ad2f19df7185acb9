"""The texts of a column, one a row, wherever their bytes are; and which of them have to be looked at closely.

Knows bytes. It must never know what a text means, nor a file format.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..coding import NONE, PADDING, Bytes, Codes, Int32s, Int64s
from ..native import load64, native

Marks = NDArray[np.bool_]
KindT = TypeVar("KindT", bound=np.generic)

_U0, _U8 = np.uint64(0), np.uint64(8)
_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_DELETES, _SPACES = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x2020202020202020)
_SPACE, _LF = b" \n"


class Cells(NamedTuple):
    """One column. Its data cannot be written to, and is ``PADDING`` longer than its texts."""

    data: Bytes
    begins: Int64s
    lengths: Int64s
    """Negative where there is no text."""
    rows: Int32s | None = None
    """By row, which text it has; negative for none. None: each row has its own."""

    def text(self, row: int) -> bytes | None:
        """The text of a row."""
        at = row if self.rows is None else int(self.rows[row])
        if at < 0 or self.lengths[at] < 0:
            return None
        begin = int(self.begins[at])
        return self.data[begin : begin + int(self.lengths[at])].tobytes()

    def flat(self) -> "Cells":
        """The same with each row's own text."""
        if self.rows is None:
            return self
        begins, lengths = self.by_row(self.begins, 0), self.by_row(self.lengths, NONE)
        return Cells(self.data, begins, lengths)

    def without(self, texts: Marks) -> "Cells":
        """The same without some of its texts."""
        return self._replace(lengths=np.where(texts, NONE, self.lengths)) if texts.any() else self

    def by_row(self, by_text: NDArray[KindT], otherwise: int) -> NDArray[KindT]:
        """What is known of texts, for each row."""
        if self.rows is None:
            return by_text
        found: NDArray[KindT] = np.append(by_text, np.asarray(otherwise, by_text.dtype))[self.rows]
        return found

    def codes(self, codes: Codes) -> Int32s:
        """The codes of the texts, by row."""
        return self.by_row(codes.encode(self.data, self.begins, self.lengths), NONE)


def padded(data: bytes, padding: int = PADDING) -> Bytes:
    """Bytes that may be read a little beyond their end."""
    return np.frombuffer(data + bytes(padding), np.uint8)


def frozen(data: Bytes) -> Bytes:
    """The same bytes, not to be written to: compiled code is made for such."""
    view = data.view()
    view.flags.writeable = False
    return view


def not_unicode(cells: Cells) -> Marks:
    """Which texts are not UTF-8."""
    marks = np.zeros(len(cells.begins), np.bool_)
    if len(cells.data) and cells.data.max() < 0x80:
        return marks
    looks = np.zeros(len(cells.begins), np.uint8)
    look_at(cells.data, cells.begins, cells.lengths, looks)
    by_text = cells._replace(rows=None)
    for row in np.flatnonzero(looks == NOT_ASCII):
        marks[row] = not _is_unicode(by_text.text(int(row)) or b"")
    return marks


def _is_unicode(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


PLAIN, ODD, NOT_ASCII = range(3)
"""Of a text: printable ASCII that does not begin with a space and is not blank; other ASCII; anything else."""


@native
def look_at(data: Bytes, begins: Int64s, lengths: Int64s, looks: NDArray[np.uint8]) -> None:
    """Look at each text, as far as there is one."""
    for row in range(begins.shape[0]):
        if lengths[row] < 0:
            continue
        at, left = np.uint64(begins[row]), np.uint64(lengths[row])
        odd, high = left == _U0 or data[at] == _SPACE, _U0
        while left > _U0:
            word = load64(data, at)
            if left < _U8:
                kept = (np.uint64(1) << (left * _U8)) - np.uint64(1)
                word = (word & kept) | (_SPACES & ~kept)
                left = _U8
            deletes = word ^ _DELETES
            odd |= (((deletes - _ONES) & ~deletes | (word - _SPACES) & ~word) & _HIGH) != _U0
            high |= word & _HIGH
            at, left = at + _U8, left - _U8
        looks[row] = NOT_ASCII if high else (ODD if odd else PLAIN)


@native
def join_lines(data: Bytes, begins: Int64s, lengths: Int64s, lines: Bytes) -> int:
    """Write each text as a line, a blank one for none; where the last one ends."""
    at = 0
    for row in range(begins.shape[0]):
        begin, length = begins[row], max(lengths[row], 0)
        lines[at : at + length] = data[begin : begin + length]
        lines[at + length] = _LF
        at += length + 1
    return at


@native
def are_lines(data: Bytes, begins: Int64s, lengths: Int64s, found: Marks) -> None:
    """Which texts have no line feed in them."""
    for row in range(begins.shape[0]):
        found[row] = True
        for at in range(begins[row], begins[row] + lengths[row]):
            found[row] &= data[at] != _LF
