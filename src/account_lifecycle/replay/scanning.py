"""The usual line of a log, read straight from its bytes at the speed of memory.

Knows the spelling that all but a few lines have: plain ASCII texts without escapes, each known key once, the time in
UTC to the second, the millisecond or the microsecond. Whatever is spelt otherwise is left to the reader that the
live engine uses: this one must never refuse a line, nor understand one differently.
"""

from typing import NamedTuple

import numpy as np

from .coding import NONE, Bytes, Int64s
from .columns import NO_TIME
from .native import Int, inlined, load64, native, trailing_zeros

SCAN_PADDING = 32
"""How many bytes must be readable after the last line."""
ACCOUNT, WORD, PROVIDER, PRODUCT, NAME = range(5)
"""The texts of an event, by row."""
MAX_LINE = 64 * 1024
"""Longer lines are left to the other reader, which knows the limits."""

_U0, _U1, _U2, _U3, _U6, _U7, _U8, _U9 = (np.uint64(n) for n in (0, 1, 2, 3, 6, 7, 8, 9))
_U13, _U14, _U15, _U19 = (np.uint64(n) for n in (13, 14, 15, 19))
_ONES, _HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES = np.uint64(0x2222222222222222), np.uint64(0x5C5C5C5C5C5C5C5C)
_DELETES, _SPACES = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x2020202020202020)
_QUOTE, _OPEN, _CLOSE, _COLON, _COMMA, _SPACE, _TAB, _CR, _LF = b'"{}:, \t\r\n'
_DOT, _PLUS, _MINUS, _ZERO, _NINE, _T, _Z = b".+-09TZ"


def _bytes8(text: str) -> np.uint64:
    """Up to eight characters as ``load64`` reads them."""
    return np.uint64(int.from_bytes(text.encode(), "little"))


def _first(count: int) -> np.uint64:
    """What keeps the first so many of eight bytes."""
    return np.uint64((1 << 8 * count) - 1)


_RECEIVED, _AT, _PAYLOAD = _bytes8("received"), _bytes8('_at"'), _bytes8('payload"')
_ACCOUNT_S, _TATUS = _bytes8("AccountS"), _bytes8('tatus"')
_ACCOUNT_, _ID, _TYPE = _bytes8("account_"), _bytes8('id"'), _bytes8('type"')
_MESSAGE, _PRODUCT, _STATUS, _NAME = _bytes8('message"'), _bytes8('product"'), _bytes8('status"'), _bytes8('name"')
_NULL, _TRUE, _FALSE = _bytes8("null"), _bytes8("true"), _bytes8("false")
_FIRST_3, _FIRST_4, _FIRST_5, _FIRST_6, _FIRST_7 = (_first(n) for n in (3, 4, 5, 6, 7))


class Scanned(NamedTuple):
    """Lines as they were scanned, one an entry; of those that are ``odd`` nothing but their place is known."""

    begins: Int64s
    """By text and entry, where a text begins ..."""
    lengths: Int64s
    """... and how long it is; negative for none."""
    at: Int64s
    line: Int64s
    odd: Int64s
    """By number of odd line: its entry, where it begins and where it ends."""


def room_for(lines: int) -> Scanned:
    """Arrays for so many lines."""
    texts = np.empty((2, 5, lines), np.int64)
    return Scanned(
        texts[0], texts[1], np.empty(lines, np.int64), np.empty(lines, np.int64), np.empty((lines, 3), np.int64)
    )


@native
def lines_in(data: Bytes, end: int) -> int:
    """How many lines end before ``end``."""
    lines = 0
    for i in range(end):
        lines += data[i] == _LF
    return lines


@native
def scan(data: Bytes, end: int, first_line: int, scanned: Scanned) -> tuple[int, int, int]:
    """Scan whole lines, up to ``end``; how many entries, how many odd ones, and how many lines that were.

    Blank lines have no entry. There must be room for as many lines, ``SCAN_PADDING`` after the end, and a line feed
    right before it.
    """
    begins, lengths, at, line, odd = scanned
    texts = np.empty((2, 5), np.int64)
    here, until = _U0, np.uint64(end)
    entries, oddities, number = 0, 0, first_line
    while here < until:
        if data[here] == _LF:
            here += _U1
            number += 1
            continue
        time, after = _read(data, here, texts)
        if after == _U0 or after - here > np.uint64(MAX_LINE):
            after = here
            while data[after] != _LF:
                after += _U1
            odd[oddities, 0], odd[oddities, 1], odd[oddities, 2] = entries, np.int64(here), np.int64(after)
            oddities += 1
            texts[1, :] = NONE
            after += _U1
        for text in range(5):
            begins[text, entries] = texts[0, text]
            lengths[text, entries] = texts[1, text]
        at[entries], line[entries] = time, number
        entries += 1
        number += 1
        here = after
    return entries, oddities, number - first_line


@native
def _read(data: Bytes, here: np.uint64, texts: Int64s) -> tuple[np.int64, np.uint64]:
    """One line: its time and where the next one begins, or 0 for a line that is not spelt as usual."""
    texts[1, :] = NONE
    time = np.int64(NO_TIME)
    odd = (time, _U0)
    here = _open(data, here)
    if here == _U0:
        return odd
    is_enveloped = load64(data, here + _U1) == _RECEIVED and load64(data, here + _U9) & _FIRST_4 == _AT
    if is_enveloped:
        time, here = _envelope(data, here)
        if here == _U0:
            return odd
    is_webhook = load64(data, here + _U1) == _ACCOUNT_S and load64(data, here + _U9) & _FIRST_6 == _TATUS
    if is_webhook:
        here = _past(data, here + _U15, _COLON)
        here = _open(data, here) if here != _U0 else _U0
        if here == _U0:
            return odd
    here = _fields(data, here, is_webhook, texts)
    if here != _U0 and is_webhook:
        here = _more(data, here)
    if here != _U0 and is_enveloped:
        here = _closed(data, here)
    if here == _U0:
        return odd
    if data[here] == _CR:
        here += _U1
    account, word = texts[1, ACCOUNT], texts[1, WORD]
    if data[here] != _LF or word < 0 or not 0 < account <= 256 or data[texts[0, ACCOUNT]] == _SPACE:
        return odd
    if texts[1, NAME] == 0:
        texts[1, NAME] = NONE  # a blank name is none
    return time, here + _U1


@native
def _envelope(data: Bytes, here: np.uint64) -> tuple[np.int64, np.uint64]:
    """The time on an envelope, and the first key of what is in it; 0 for an envelope that is not as usual.

    White space before a colon or a comma is not as usual: ``logs`` reads such an envelope in another way.
    """
    unread = (np.int64(NO_TIME), _U0)
    if data[here + _U13] != _COLON:
        return unread
    begin = _skip(data, here + _U14) + _U1
    if data[begin - _U1] != _QUOTE:
        return unread
    end = _text_end(data, begin)
    time = _time(data, begin, end)
    if time == NO_TIME or data[end + _U1] != _COMMA:
        return unread
    here = _skip(data, end + _U2)
    if data[here] != _QUOTE or load64(data, here + _U1) != _PAYLOAD or data[here + _U9] != _COLON:
        return unread
    return time, _open(data, here + _U9 + _U1)


@native
def _fields(data: Bytes, here: np.uint64, is_webhook: bool, texts: Int64s) -> np.uint64:
    """The pairs of an object up to its end, and past that; 0 for what is not spelt as usual."""
    while True:
        if data[here] != _QUOTE:
            return _U0
        text, after = _key(data, here + _U1, is_webhook)
        if after == _U0:
            return _U0
        here = _past(data, after, _COLON)
        if here == _U0:
            return _U0
        if data[here] == _QUOTE:
            end = _text_end(data, here + _U1)
            if text >= 0:
                if texts[1, text] >= 0:
                    return _U0  # the same key twice
                texts[0, text] = np.int64(here + _U1)
                texts[1, text] = np.int64(end - here - _U1)
            here = _skip(data, end + _U1)
        else:
            end = _scalar_end(data, here)
            here = _skip(data, end)
            if text >= 0:
                return _U0
        if end == _U0:
            return _U0
        if data[here] == _CLOSE:
            return _skip(data, here + _U1)
        if data[here] != _COMMA:
            return _U0
        here = _skip(data, here + _U1)


@native
def _key(data: Bytes, here: np.uint64, is_webhook: bool) -> tuple[int, np.uint64]:
    """Which text a key names, ``NONE`` for a key that is not known; and what follows it, or 0."""
    word = load64(data, here)
    if word == _ACCOUNT_:
        rest = load64(data, here + _U8)
        if rest & _FIRST_3 == _ID:
            return ACCOUNT, here + np.uint64(11)
        if rest & _FIRST_5 == _TYPE and is_webhook:
            return PROVIDER, here + _U13
    if is_webhook:
        if word == _MESSAGE:
            return WORD, here + _U8
        if word == _PRODUCT:
            return PRODUCT, here + _U8
    else:
        if word & _FIRST_7 == _STATUS:
            return WORD, here + _U7
        if word & _FIRST_5 == _NAME:
            return NAME, here + np.uint64(5)
        if word == _ACCOUNT_S:
            return NONE, _U0
    end = _text_end(data, here)
    return NONE, _U0 if end == _U0 else end + _U1


@native
def _more(data: Bytes, here: np.uint64) -> np.uint64:
    """Whatever else a webhook says beside its ``AccountStatus``, and past its end; 0 for what is not as usual."""
    while data[here] == _COMMA:
        here = _skip(data, here + _U1)
        if data[here] != _QUOTE or load64(data, here + _U1) == _ACCOUNT_S:
            return _U0
        end = _text_end(data, here + _U1)
        here = _past(data, end + _U1, _COLON)
        if end == _U0 or here == _U0:
            return _U0
        after = _text_end(data, here + _U1) + _U1 if data[here] == _QUOTE else _scalar_end(data, here)
        if after <= _U1:
            return _U0
        here = _skip(data, after)
    return _closed(data, here)


@inlined
def _skip(data: Bytes, here: np.uint64) -> np.uint64:
    """The next byte that is no white space."""
    while data[here] == _SPACE or data[here] == _TAB:
        here = here + _U1
    return here


@native
def _past(data: Bytes, here: np.uint64, mark: int) -> np.uint64:
    """What follows a mark; 0 if something else is there."""
    here = _skip(data, here)
    return _skip(data, here + _U1) if data[here] == mark else _U0


@native
def _open(data: Bytes, here: np.uint64) -> np.uint64:
    """The first key of an object, its quotation mark included; 0 if there is none."""
    here = _skip(data, here)
    if data[here] != _OPEN:
        return _U0
    here = _skip(data, here + _U1)
    return here if data[here] == _QUOTE else _U0


@native
def _closed(data: Bytes, here: np.uint64) -> np.uint64:
    """What follows the end of an object; 0 if it does not end here."""
    return _skip(data, here + _U1) if data[here] == _CLOSE else _U0


@native
def _text_end(data: Bytes, here: np.uint64) -> np.uint64:
    """The quotation mark that ends a text; 0 if anything else than plain ASCII comes before it."""
    while True:
        word = load64(data, here)
        quotes, backslashes, deletes = word ^ _QUOTES, word ^ _BACKSLASHES, word ^ _DELETES
        odd = (quotes - _ONES) & ~quotes
        odd |= (backslashes - _ONES) & ~backslashes
        odd |= (deletes - _ONES) & ~deletes
        odd |= (word - _SPACES) & ~word
        odd = (odd | word) & _HIGH
        if odd:
            end = here + (trailing_zeros(odd) >> _U3)
            return end if data[end] == _QUOTE else _U0
        here = here + _U8


@native
def _scalar_end(data: Bytes, here: np.uint64) -> np.uint64:
    """What follows an integer of a usual size, true, false or null; 0 for anything else."""
    word = load64(data, here) & _FIRST_5
    if word == _FALSE:
        return here + np.uint64(5)
    if word & _FIRST_4 == _NULL or word & _FIRST_4 == _TRUE:
        return here + np.uint64(4)
    if data[here] == _MINUS:
        here = here + _U1
    first = here
    while _is_digit(data, here):
        here = here + _U1
    if here == first or here - first > _U19 or (data[first] == _ZERO and here - first > _U1):
        return _U0
    return here if data[here] in (_COMMA, _CLOSE, _SPACE) else _U0


@inlined
def _is_digit(data: Bytes, here: np.uint64) -> Int:
    return _ZERO <= data[here] <= _NINE


@inlined
def _digits(data: Bytes, here: np.uint64, count: int) -> Int:
    """A number of so many digits; negative if any is none."""
    number = np.int64(0)
    for i in range(count):
        digit = np.int64(data[here + np.uint64(i)]) - _ZERO
        number = number * 10 + digit if 0 <= digit <= 9 else np.int64(-(10**9))
    return number


@native
def _time(data: Bytes, begin: np.uint64, end: np.uint64) -> np.int64:
    """``2026-05-01T12:00:00.123456Z`` as microseconds since 1970; ``NO_TIME`` if it is not spelt like that."""
    unread = np.int64(NO_TIME)
    if end < begin + _U19 + _U1:
        return unread
    year, month, day = _digits(data, begin, 4), _digits(data, begin + np.uint64(5), 2), _digits(data, begin + _U8, 2)
    hour, minute = _digits(data, begin + np.uint64(11), 2), _digits(data, begin + _U14, 2)
    second = _digits(data, begin + np.uint64(17), 2)
    is_marked = data[begin + np.uint64(4)] == _MINUS and data[begin + _U7] == _MINUS
    is_marked &= data[begin + np.uint64(10)] == _T and data[begin + _U13] == _COLON
    is_marked &= data[begin + np.uint64(16)] == _COLON
    if not is_marked or year < 1 or not 1 <= month <= 12 or not 1 <= day <= days_of(year, month):
        return unread
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return unread
    fraction, zone = _fraction(data, begin + _U19, end)
    if fraction < 0 or not _is_utc(data, zone, end):
        return unread
    seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    return np.int64(seconds * 1_000_000 + fraction)


@native
def _fraction(data: Bytes, here: np.uint64, end: np.uint64) -> tuple[Int, np.uint64]:
    """The microseconds of a second, and what follows them; negative if they are not spelt as usual."""
    if data[here] != _DOT:
        return np.int64(0), here
    first = here = here + _U1
    number = np.int64(0)
    while here < end and here - first < _U7 and _is_digit(data, here):
        number = number * 10 + np.int64(data[here]) - _ZERO
        here = here + _U1
    if here - first == _U3:
        return number * 1000, here
    return (number if here - first == _U6 else np.int64(-1)), here


@native
def _is_utc(data: Bytes, here: np.uint64, end: np.uint64) -> Int:
    if end - here == _U1:
        return bool(data[here] == _Z)
    if end - here != _U6 or data[here] != _PLUS or data[here + _U3] != _COLON:
        return False
    return _digits(data, here + _U1, 2) == 0 and _digits(data, here + np.uint64(4), 2) == 0


@native
def days_of(year: int, month: int) -> int:
    """How many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 31 - (month - 1) % 7 % 2


@native
def days_since_1970(year: int, month: int, day: int) -> int:
    """How many days have passed since; years are taken to begin in March, so that the leap day comes last."""
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def texts_of(scanned: Scanned, text: int, entries: int) -> tuple[Int64s, Int64s]:
    """Where the texts of one kind begin, and how long they are."""
    return scanned.begins[text, :entries], scanned.lengths[text, :entries]
