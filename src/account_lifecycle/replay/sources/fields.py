"""Tables that have a column for each field of an event, coded a column at a time.

Knows which values are beyond doubt. All others it leaves alone: it must never refuse one, nor read one differently.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from ...errors import PayloadError
from ...intake.payloads import MAX_ID_CHARACTERS, parse
from ..coding import NONE, Int32s, Int64s
from ..columns import NO_TIME, Columns
from ..vocabulary import Vocabulary, Words
from .cells import PLAIN, Cells, Marks, look_at, not_unicode
from .roles import Role
from .single import payload_of

LONG = 10_000
"""Rows of more bytes may be over the limit of a payload once they are written as JSON."""

_SAMPLE = datetime(2000, 1, 1, tzinfo=UTC)


def code(cells: Mapping[Role, Cells], line: Int64s, words: Vocabulary) -> tuple[Columns, Marks]:
    """Rows as columns that are still without times; and of which rows nothing is said by that."""
    odd = _long(cells, len(line))
    account = _ids(cells[Role.ACCOUNT_ID]).codes(words.accounts)
    word = _meanings(cells.get(Role.STATUS), words.words, odd)
    provider = _meanings(cells.get(Role.PROVIDER), words.providers, odd)
    product = np.maximum(_meanings(cells.get(Role.PRODUCT), words.products, odd), 0)
    name = _names(cells.get(Role.NAME), provider, words, odd)
    product[name >= 0] = 0  # a notification has none
    odd |= (account < 0) | (word < 0)
    return Columns(account, word, provider, product, name, np.full(len(line), NO_TIME, np.int64), line), odd


def _long(cells: Mapping[Role, Cells], rows: int) -> Marks:
    """Which rows have a great deal of text."""
    if sum(int(column.lengths.max(initial=0)) for column in cells.values()) <= LONG:
        return np.zeros(rows, np.bool_)
    sizes = sum(np.maximum(column.by_row(column.lengths, NONE), 0) for column in cells.values())
    return np.asarray(sizes > LONG)


def _ids(cells: Cells) -> Cells:
    """The account ids that are beyond doubt."""
    looks = np.zeros(len(cells.begins), np.uint8)
    look_at(cells.data, cells.begins, cells.lengths, looks)
    doubtful = (looks != PLAIN) | (cells.lengths > MAX_ID_CHARACTERS)
    if not doubtful.any():
        return cells
    judged: dict[bytes | None, bool] = {None: False}
    by_text = cells._replace(rows=None)
    for at in np.flatnonzero(doubtful).tolist():
        text = by_text.text(at)
        if text not in judged:
            judged[text] = _is_id(text)
        doubtful[at] = not judged[text]
    return cells.without(doubtful)


def _is_id(text: bytes | None) -> bool:
    try:
        parse(payload_of(text, b"X", None, None, None), _SAMPLE)
    except PayloadError:
        return False
    return True


def _meanings(cells: Cells | None, words: Words, odd: Marks) -> Int32s:
    """What the words of a column mean; rows with such as are no text are marked as odd."""
    if cells is None:
        return np.full(len(odd), NONE, np.int32)
    return words.meanings(_texts(cells, odd).codes(words.spellings))


def _names(cells: Cells | None, provider: Int32s, words: Vocabulary, odd: Marks) -> Int32s:
    """Your user ids, of the rows that are notifications."""
    if cells is None:
        return np.full(len(odd), NONE, np.int32)
    cells = _texts(cells, odd).flat()
    told = np.flatnonzero((cells.lengths > 0) & (provider < 0))
    name = np.full(len(odd), NONE, np.int32)
    name[told] = words.names.encode(cells.data, cells.begins[told], cells.lengths[told])
    return name


def _texts(cells: Cells, odd: Marks) -> Cells:
    bad = not_unicode(cells)
    if bad.any():
        np.logical_or(odd, cells.by_row(bad, 0), out=odd)
    return cells.without(bad)
