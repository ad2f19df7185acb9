"""Times as tables have them: text in many spellings, or numbers since 1970.

Knows spellings and units. Where no time zone is told, UTC is meant. Numbers count seconds up to 10^11 (the year
5138), milliseconds from there to 10^13, microseconds from 10^14 to 10^17, and nanoseconds beyond; between 10^13 and
10^14 it may as well be a date (20260501120000), and nobody is served by a guess.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..coding import Bytes, Int64s
from ..columns import NO_TIME
from ..fleet import micros
from ..native import native
from ..scanning import days_of, days_since_1970
from .cells import Cells, Marks

EARLIEST, LATEST = micros(datetime.min.replace(tzinfo=UTC)), micros(datetime.max.replace(tzinfo=UTC))
SECOND = 1_000_000

_DASH, _PLUS, _DOT, _COLON, _T, _Z, _SPACE, _ZERO, _NINE = b"-+.:TZ 09"


class Moments(NamedTuple):
    """When the rows of a table were received."""

    at: Int64s
    """``NO_TIME`` where that is not told, or cannot be read."""
    odd: Marks
    """Where it cannot be read."""


def read_texts(cells: Cells) -> Moments:
    """The times in a column of texts."""
    at = np.empty(len(cells.begins), np.int64)
    read_moments(cells.data, cells.begins, cells.lengths, at)
    odd = np.zeros(len(at), np.bool_)
    by_text = cells._replace(rows=None)
    for row in np.flatnonzero((at == NO_TIME) & (cells.lengths > 0)):
        text = (by_text.text(int(row)) or b"").decode(errors="replace").strip()
        at[row] = NO_TIME if not text else _read_slowly(text)
        odd[row] = bool(text) and at[row] == NO_TIME
    return Moments(cells.by_row(at, int(NO_TIME)), cells.by_row(odd, 0))


def _read_slowly(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
        return micros(at.replace(tzinfo=UTC) if at.utcoffset() is None else at.astimezone(UTC))
    except (ValueError, OverflowError):
        return int(NO_TIME)


def read_numbers(numbers: Int64s | NDArray[np.float64], told: Marks) -> Moments:
    """The times in a column of numbers, as far as they are ``told``."""
    size = np.abs(numbers.astype(np.float64))
    bounds, scales = np.array([1e11, 1e13, 1e14, 1e17]), np.array([1e6, 1e3, np.nan, 1, 1e-3])
    unit = np.searchsorted(bounds, size, side="right")
    if numbers.dtype == np.int64:
        scaled = _scaled(numbers, unit)  # type: ignore[arg-type]
        odd = told & (unit == 2)
    else:
        wide = np.round(numbers * scales[unit])
        odd = told & ~(np.abs(wide) < 2.0**62)
        scaled = np.where(odd | ~told, 0, wide).astype(np.int64)
    return in_range(scaled, told, odd)


def _scaled(numbers: Int64s, unit: NDArray[np.intp]) -> Int64s:
    factors, divisors = np.array([SECOND, 1000, 0, 1, 1]), np.array([1, 1, 1, 1, 1000])
    scaled: Int64s = numbers * factors[unit] // divisors[unit]
    return scaled


def in_range(at: Int64s, told: Marks, odd: Marks | None = None) -> Moments:
    """Microseconds since 1970 as times, as far as the calendar has them."""
    beyond = told & ((at < EARLIEST) | (at > LATEST))
    odd = beyond if odd is None else odd | beyond
    return Moments(np.where(told & ~odd, at, NO_TIME), odd)


@native
def read_moments(data: Bytes, begins: Int64s, lengths: Int64s, at: Int64s) -> None:
    """Read texts that are spelt as usual; ``NO_TIME`` for all others."""
    for row in range(begins.shape[0]):
        begin, end = begins[row], begins[row] + lengths[row]
        at[row] = NO_TIME
        if lengths[row] >= 9:
            is_date = lengths[row] >= 19 and data[begin + 4] == _DASH
            at[row] = _date_and_time(data, begin, end) if is_date else _number(data, begin, end)


@native
def _number(data: Bytes, begin: int, end: int) -> np.int64:
    """A number of seconds, milliseconds, microseconds or nanoseconds; the last three without a fraction."""
    whole, digits = _whole(data, begin, end)
    here = begin + digits
    if 9 <= digits <= 11:
        if here == end:
            return np.int64(whole * SECOND)
        if data[here] == _DOT:
            fraction, more = _fraction(data, here + 1, end)
            if more > 0 and here + 1 + more == end:
                return np.int64(whole * SECOND + fraction)
    elif here == end:
        if 12 <= digits <= 13:
            return np.int64(whole * 1000)
        if 15 <= digits <= 17:
            return np.int64(whole) if whole <= LATEST else np.int64(NO_TIME)
        if 18 <= digits <= 19:
            return np.int64(whole // 1000)
    return np.int64(NO_TIME)


@native
def _date_and_time(data: Bytes, begin: int, end: int) -> np.int64:
    """``2026-05-01 12:00:00.123456+02:00``, with a T or a space, with or without a fraction and a zone."""
    unread = np.int64(NO_TIME)
    year, month, day = _digits(data, begin, 4), _digits(data, begin + 5, 2), _digits(data, begin + 8, 2)
    hour, minute, second = _digits(data, begin + 11, 2), _digits(data, begin + 14, 2), _digits(data, begin + 17, 2)
    is_marked = data[begin + 7] == _DASH and (data[begin + 10] == _T or data[begin + 10] == _SPACE)
    is_marked &= data[begin + 13] == _COLON and data[begin + 16] == _COLON
    if not is_marked or year < 2 or year > 9998 or not 1 <= month <= 12 or not 1 <= day <= days_of(year, month):
        return unread
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return unread
    here, fraction = begin + 19, np.int64(0)
    if here < end and data[here] == _DOT:
        fraction, digits = _fraction(data, here + 1, end)
        here += 1 + digits
        if digits == 0:
            return unread
    offset = _offset(data, here, end)
    if offset == NO_TIME:
        return unread
    minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset
    return np.int64((minutes * 60 + second) * SECOND + fraction)


@native
def _offset(data: Bytes, here: int, end: int) -> np.int64:
    """How many minutes a zone is ahead of UTC; none is UTC."""
    length, unread = end - here, np.int64(NO_TIME)
    if length == 0 or (length == 1 and data[here] == _Z):
        return np.int64(0)
    if length not in (3, 5, 6) or (data[here] != _PLUS and data[here] != _DASH):
        return unread
    hours, minutes = _digits(data, here + 1, 2), 0
    if length == 6 and data[here + 3] != _COLON:
        return unread
    if length > 3:
        minutes = _digits(data, end - 2, 2)
    if not (0 <= hours <= 23 and 0 <= minutes <= 59):
        return unread
    return np.int64((hours * 60 + minutes) * (1 if data[here] == _PLUS else -1))


@native
def _fraction(data: Bytes, here: int, end: int) -> tuple[np.int64, int]:
    """The microseconds of a second, what is finer cut off; and how many digits there are."""
    number, digits = np.int64(0), 0
    while here + digits < end and _ZERO <= data[here + digits] <= _NINE:
        if digits < 6:
            number = number * 10 + np.int64(data[here + digits]) - _ZERO
        digits += 1
    for _ in range(6 - digits):
        number *= 10
    return number, digits


@native
def _whole(data: Bytes, here: int, end: int) -> tuple[np.int64, int]:
    """A whole number of at most 18 digits, or 19 that are not too many; and how many digits there are."""
    number, digits = np.int64(0), 0
    while here + digits < end and digits < 20 and _ZERO <= data[here + digits] <= _NINE:
        if digits < 18 or (digits == 18 and number < 900_000_000_000_000_000):
            number = number * 10 + np.int64(data[here + digits]) - _ZERO
        elif digits == 18:
            return number, 20
        digits += 1
    return number, digits


@native
def _digits(data: Bytes, begin: int, count: int) -> int:
    """A number of so many digits; negative if any is none."""
    number = np.int64(0)
    for i in range(count):
        digit = np.int64(data[begin + i]) - _ZERO
        number = number * 10 + digit if 0 <= digit <= 9 else np.int64(-(10**9))
    return number  # type: ignore[return-value]
