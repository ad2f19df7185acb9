"""Texts to codes: every distinct text gets a number, in the order of its first appearance.

Knows bytes and numbers. It must never know what a text means, nor normalize one.
"""

import secrets
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .native import Int, inlined, load64, native

Bytes = NDArray[np.uint8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

PADDING = 8
"""How many bytes must be readable after the last byte of a text: they are read eight at a time."""
NONE = -1
"""The code of no text at all."""

_SEED = np.uint64(secrets.randbits(64))
"""Strangers choose the texts: without a secret they could choose such as collide."""
_U0, _U1, _U3, _U8, _U16, _U29, _U32, _U64 = (np.uint64(n) for n in (0, 1, 3, 8, 16, 29, 32, 64))
_LOW = np.uint64(0xFFFF_FFFF)
_AT_A_TIME = 64
_MEMO, _MEMO_SHIFT = 256, np.uint64(64 - 8)
_MIX, _MIX_LAST = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Slots(NamedTuple):
    """The arrays behind ``Codes``, as compiled code takes them."""

    table: NDArray[np.uint64]
    """An open-addressed hash table, as long as a power of two: 0, or a code + 1 with some bits of the text's hash above
    it, by which most others are told apart without a look at the text."""
    ends: Int64s
    """By code + 1, where the text ends in ``text``; it begins where the one before it ends."""
    text: Bytes
    used: Int64s
    """How many codes there are, and a sum that nobody needs."""


class Codes:
    """Texts as UTF-8 bytes, numbered from 0. One thread at a time may add to it.

    ``are_few`` tells that the same few short texts come again and again: those are known without a look at the table.
    """

    def __init__(self, *, are_few: bool = False) -> None:
        self._memo = np.zeros((_MEMO if are_few else 0, 4), np.uint64)
        self.slots = Slots(
            np.zeros(1024, np.uint64),
            np.zeros(513, np.int64),
            np.zeros(4096, np.uint8),
            np.zeros(2, np.int64),
        )

    def __len__(self) -> int:
        return int(self.slots.used[0])

    def __getitem__(self, code: int) -> str:
        begin, end = self.slots.ends[code : code + 2]
        return self.slots.text[begin:end].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        return (self[code] for code in range(len(self)))

    def find(self, text: str) -> int:
        """The code of a text; ``NONE`` if it was never met."""
        data = text.encode()
        return int(find(np.frombuffer(data + bytes(PADDING), np.uint8), len(data), self.slots, _SEED))

    def code(self, text: str) -> int:
        """The code of a text, a new one if it was never met."""
        data = text.encode()
        padded = np.frombuffer(data + bytes(PADDING), np.uint8)
        return int(self.encode(padded, np.zeros(1, np.int64), np.array([len(data)], np.int64))[0])

    def encode(self, data: Bytes, begins: Int64s, lengths: Int64s) -> Int32s:
        """The codes of texts that lie anywhere in ``data``, which is ``PADDING`` longer; negative length: ``NONE``."""
        found = np.empty(len(begins), np.int32)
        done = 0
        while done < len(begins):  # a stretch at a time, so that there is room but not much too much
            until = min(len(begins), done + 65_536)
            stretch = slice(done, until)
            self._reserve(until - done, int(np.maximum(lengths[stretch], 0).sum()))
            if len(self._memo):
                encode_few(data, begins[stretch], lengths[stretch], self.slots, _SEED, self._memo, found[stretch])
            else:
                encode(data, begins[stretch], lengths[stretch], self.slots, _SEED, found[stretch])
            done = until
        return found

    def _reserve(self, texts: int, size: int) -> None:
        """Make room for so many more texts of so many bytes in all."""
        table, ends, text, used = self.slots
        codes = len(self)
        if codes + texts + 1 > len(ends):
            ends = np.concatenate([ends, np.zeros(max(codes, texts), np.int64)])
        if int(ends[codes]) + size + PADDING > len(text):
            text = np.concatenate([text, np.zeros(max(len(text), size + PADDING), np.uint8)])
        length = len(table)
        while (codes + texts) * 2 > length:
            length *= 2
        self.slots = Slots(table if length == len(table) else np.zeros(length, np.uint64), ends, text, used)
        if length > len(table):
            place_again(self.slots, _SEED)


@native
def encode(data: Bytes, begins: Int64s, lengths: Int64s, slots: Slots, seed: np.uint64, found: Int32s) -> None:
    """Find or give the codes of texts; there must be room for as many new ones.

    A few texts at a time are hashed, and what will be looked at is touched, so that memory is waited for only once.
    """
    table, ends, text, used = slots
    hashes = np.empty(_AT_A_TIME, np.uint64)
    for first in range(0, begins.shape[0], _AT_A_TIME):
        rows = min(_AT_A_TIME, begins.shape[0] - first)
        used[1] += _hash_all(data, begins[first : first + rows], lengths[first : first + rows], table, seed, hashes)
        used[1] += _touch(hashes[:rows], table, ends, text)
        for row in range(rows):
            begin, length = np.uint64(begins[first + row]), lengths[first + row]
            found[first + row] = NONE
            if length >= 0:
                found[first + row] = _code_of(data, begin, np.uint64(length), hashes[row], table, ends, text, used)


@native
def encode_few(
    data: Bytes, begins: Int64s, lengths: Int64s, slots: Slots, seed: np.uint64, memo: NDArray[np.uint64], found: Int32s
) -> None:
    """The same as ``encode``, for few short texts; the memo has 16 bytes of each, its length and its code + 1."""
    table, ends, text, used = slots
    for row in range(begins.shape[0]):
        begin, length = np.uint64(begins[row]), np.uint64(max(lengths[row], 0))
        if lengths[row] < 0:
            found[row] = NONE
            continue
        low = load64(data, begin) & _first(min(length, _U8))
        high = load64(data, begin + _U8) & _first(length - _U8) if length > _U8 else _U0
        known = memo[((low ^ (high * _MIX_LAST) ^ length) * _MIX) >> _MEMO_SHIFT]
        if known[0] != low or known[1] != high or known[2] != length or known[3] == _U0 or length > _U16:
            hashed = _hash(data, begin, length, seed)
            code = _code_of(data, begin, length, hashed, table, ends, text, used)
            known[0], known[1], known[2], known[3] = low, high, length, np.uint64(code) + _U1
        found[row] = np.int32(known[3]) - np.int32(1)


@native
def find(data: Bytes, length: int, slots: Slots, seed: np.uint64) -> int:
    """The code of a text; ``NONE`` if it has none."""
    table, ends, text, _ = slots
    hashed = _hash(data, _U0, np.uint64(length), seed)
    return int(table[_slot_of(data, _U0, np.uint64(length), hashed, table, ends, text)] & _LOW) - 1


@native
def place_again(slots: Slots, seed: np.uint64) -> None:
    """Put every code into slots that are all free."""
    table, ends, text, used = slots
    mask = np.uint64(table.shape[0] - 1)
    for code in range(used[0]):
        hashed = _hash(text, np.uint64(ends[code]), np.uint64(ends[code + 1] - ends[code]), seed)
        at = hashed & mask
        while table[at] != _U0:
            at = (at + _U1) & mask
        table[at] = _entry(hashed, np.uint64(code))


@native
def _hash_all(
    data: Bytes, begins: Int64s, lengths: Int64s, table: NDArray[np.uint64], seed: np.uint64, hashes: NDArray[np.uint64]
) -> Int:
    """Hash texts and load their slots; a sum, lest that be optimized away."""
    mask, total = np.uint64(table.shape[0] - 1), _U0
    for row in range(begins.shape[0]):
        hashes[row] = _U0
        if lengths[row] >= 0:
            hashes[row] = _hash(data, np.uint64(begins[row]), np.uint64(lengths[row]), seed)
            total += table[hashes[row] & mask]
    return np.int64(total & _LOW)


@native
def _touch(hashes: NDArray[np.uint64], table: NDArray[np.uint64], ends: Int64s, text: Bytes) -> Int:
    """Load the texts that slots are about; a sum, again."""
    mask, total = np.uint64(table.shape[0] - 1), np.int64(0)
    for row in range(hashes.shape[0]):
        entry = table[hashes[row] & mask] & _LOW
        if entry:
            total += text[np.uint64(ends[entry - _U1])]
    return total


@inlined
def _code_of(
    data: Bytes, begin: np.uint64, length: np.uint64, hashed: np.uint64,
    table: NDArray[np.uint64], ends: Int64s, text: Bytes, used: Int64s,
) -> np.int32:  # fmt: skip
    """The code of a text, a new one if it was never met."""
    at = _slot_of(data, begin, length, hashed, table, ends, text)
    if table[at] == _U0:
        _give(data, begin, length, np.uint64(used[0]), ends, text)
        used[0] += 1
        table[at] = _entry(hashed, np.uint64(used[0] - 1))
    return np.int32(table[at] & _LOW) - np.int32(1)


@inlined
def _first(count: np.uint64) -> np.uint64:
    """What keeps the first so many of eight bytes, one of them at least."""
    return ~_U0 >> (_U64 - (count << _U3)) if count else _U0


@inlined
def _give(data: Bytes, begin: np.uint64, length: np.uint64, code: np.uint64, ends: Int64s, text: Bytes) -> None:
    """Remember the text of a new code."""
    start = np.uint64(ends[code])
    for i in range(length):
        text[start + np.uint64(i)] = data[begin + np.uint64(i)]
    ends[code + _U1] = np.int64(start + length)


@inlined
def _entry(hashed: np.uint64, code: np.uint64) -> np.uint64:
    """What a slot holds for a code."""
    return (hashed & ~_LOW) | (code + _U1)


@native
def _hash(data: Bytes, begin: np.uint64, length: np.uint64, seed: np.uint64) -> np.uint64:
    hashed, at, left = seed ^ (length * _MIX), begin, length
    while left >= _U8:
        hashed = (hashed ^ load64(data, at)) * _MIX
        hashed = hashed ^ (hashed >> _U32)
        at, left = at + _U8, left - _U8
    if left:
        hashed = (hashed ^ (load64(data, at) & ((_U1 << (left << _U3)) - _U1))) * _MIX
        hashed = hashed ^ (hashed >> _U32)
    hashed = hashed * _MIX_LAST
    return hashed ^ (hashed >> _U29)


@inlined
def _slot_of(
    data: Bytes, begin: np.uint64, length: np.uint64, hashed: np.uint64,
    table: NDArray[np.uint64], ends: Int64s, text: Bytes,
) -> np.uint64:  # fmt: skip
    """The slot of a text, or the free one where it belongs."""
    mask = np.uint64(table.shape[0] - 1)
    at = hashed & mask
    while table[at] != _U0:
        if (table[at] ^ hashed) & ~_LOW == _U0:
            code = (table[at] & _LOW) - _U1
            start, end = np.uint64(ends[code]), np.uint64(ends[code + _U1])
            if end - start == length and _is_same(data, begin, text, start, length):
                break
        at = (at + _U1) & mask
    return at


@native
def _is_same(data: Bytes, begin: np.uint64, text: Bytes, start: np.uint64, length: np.uint64) -> Int:
    left = length
    while left >= _U8:
        if load64(data, begin) != load64(text, start):
            return False
        begin, start, left = begin + _U8, start + _U8, left - _U8
    return left == _U0 or (load64(data, begin) ^ load64(text, start)) << (_U64 - (left << _U3)) == _U0
