"""Tables that have whole payloads in one column: lines of a log but for their ends.

Knows how to lay them out for ``scanning``. What a payload means, others say.
"""

from collections.abc import Mapping

import numpy as np

from ..coding import NONE, Bytes, Int32s, Int64s
from ..columns import NO_TIME, Columns
from ..scanning import ACCOUNT, NAME, PRODUCT, PROVIDER, SCAN_PADDING, WORD, room_for, scan, texts_of
from ..vocabulary import Vocabulary, Words
from .cells import Cells, Marks, are_lines, frozen, join_lines
from .roles import Role

_LF = ord("\n")


def code(cells: Mapping[Role, Cells], line: Int64s, words: Vocabulary) -> tuple[Columns, Marks]:
    """Rows as columns, with the times of payloads that are enveloped; and of which rows nothing is said by that."""
    data, end = _lines(cells[Role.PAYLOAD].flat())
    arrays = room_for(len(line))
    entries, _, _ = scan(data, end, 0, arrays)
    rows = arrays.line[:entries]

    def spelt(text: int, of: Words) -> Int32s:
        return _at(rows, of.meanings(of.spellings.encode(data, *texts_of(arrays, text, entries))), len(line))

    account = _at(rows, words.accounts.encode(data, *texts_of(arrays, ACCOUNT, entries)), len(line))
    name = _at(rows, words.names.encode(data, *texts_of(arrays, NAME, entries)), len(line))
    word, provider = spelt(WORD, words.words), spelt(PROVIDER, words.providers)
    product = np.maximum(spelt(PRODUCT, words.products), 0)
    at = np.full(len(line), NO_TIME, np.int64)
    at[rows] = arrays.at[:entries]
    return Columns(account, word, provider, product, name, at, line), (account < 0) | (word < 0)


def _lines(cells: Cells) -> tuple[Bytes, int]:
    """The payloads as lines; a blank one for each that is blank, or would be several."""
    if (cells.data == _LF).any():
        whole = np.zeros(len(cells.begins), np.bool_)
        are_lines(cells.data, cells.begins, cells.lengths, whole)
        cells = cells.without(~whole)
    size = int(np.maximum(cells.lengths, 0).sum()) + len(cells.begins)
    data = np.empty(size + SCAN_PADDING, np.uint8)
    end = join_lines(cells.data, cells.begins, cells.lengths, data)
    data[end:] = 0
    return frozen(data), end


def _at(rows: Int64s, codes: Int32s, count: int) -> Int32s:
    if len(rows) == count:
        return codes
    placed = np.full(count, NONE, np.int32)
    placed[rows] = codes
    return placed
