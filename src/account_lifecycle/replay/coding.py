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
_U0, _U1, _U3, _U8, _U29, _U32, _U64 = (np.uint64(n) for n in (0, 1, 3, 8, 29, 32, 64))
_MIX, _MIX_LAST = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Slots(NamedTuple):
    """The arrays behind ``Codes``, as compiled code takes them."""

    codes: Int32s
    """An open-addressed hash table; ``NONE`` is free. Its length is a power of two."""
    marks: NDArray[np.uint32]
    """By slot, some bits of the text's hash: most others are told apart without a look at the text."""
    ends: Int64s
    """By code + 1, where the text ends in ``text``; it begins where the one before it ends."""
    text: Bytes
    used: Int64s
    """One number: how many codes there are."""


class Codes:
    """Texts as UTF-8 bytes, numbered from 0. One thread at a time may add to it."""

    def __init__(self) -> None:
        self.slots = Slots(
            np.full(1024, NONE, np.int32),
            np.zeros(1024, np.uint32),
            np.zeros(513, np.int64),
            np.zeros(4096, np.uint8),
            np.zeros(1, np.int64),
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
            encode(data, begins[stretch], lengths[stretch], self.slots, _SEED, found[stretch])
            done = until
        return found

    def _reserve(self, texts: int, size: int) -> None:
        """Make room for so many more texts of so many bytes in all."""
        table, marks, ends, text, used = self.slots
        codes = len(self)
        if codes + texts + 1 > len(ends):
            ends = np.concatenate([ends, np.zeros(max(codes // 2, texts), np.int64)])
        if int(ends[codes]) + size + PADDING > len(text):
            text = np.concatenate([text, np.zeros(max(len(text) // 2, size + PADDING), np.uint8)])
        length = len(table)
        while (codes + texts) * 2 > length:
            length *= 2
        if length > len(table):
            table, marks = np.full(length, NONE, np.int32), np.zeros(length, np.uint32)
        is_new = table is not self.slots.codes
        self.slots = Slots(table, marks, ends, text, used)
        if is_new:
            place_again(self.slots, _SEED)


@native
def encode(data: Bytes, begins: Int64s, lengths: Int64s, slots: Slots, seed: np.uint64, found: Int32s) -> None:
    """Find or give the codes of texts; there must be room for as many new ones."""
    table, marks, ends, text, used = slots
    for row in range(begins.shape[0]):
        if lengths[row] < 0:
            found[row] = NONE
            continue
        begin, length = np.uint64(begins[row]), np.uint64(lengths[row])
        hashed = _hash(data, begin, length, seed)
        at = _slot_of(data, begin, length, hashed, table, marks, ends, text)
        code = table[at]
        if code < 0:
            code = np.int32(used[0])
            start = np.uint64(ends[code])
            for i in range(length):
                text[start + np.uint64(i)] = data[begin + np.uint64(i)]
            ends[code + 1] = np.int64(start + length)
            table[at], marks[at] = code, np.uint32(hashed >> _U32)
            used[0] = code + 1
        found[row] = code


@native
def find(data: Bytes, length: int, slots: Slots, seed: np.uint64) -> int:
    """The code of a text; ``NONE`` if it has none."""
    table, marks, ends, text, _ = slots
    hashed = _hash(data, _U0, np.uint64(length), seed)
    return int(table[_slot_of(data, _U0, np.uint64(length), hashed, table, marks, ends, text)])


@native
def place_again(slots: Slots, seed: np.uint64) -> None:
    """Put every code into slots that are all free."""
    table, marks, ends, text, used = slots
    mask = np.uint64(table.shape[0] - 1)
    for code in range(used[0]):
        hashed = _hash(text, np.uint64(ends[code]), np.uint64(ends[code + 1] - ends[code]), seed)
        at = hashed & mask
        while table[at] >= 0:
            at = (at + _U1) & mask
        table[at], marks[at] = code, np.uint32(hashed >> _U32)


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
    table: Int32s, marks: NDArray[np.uint32], ends: Int64s, text: Bytes,
) -> np.uint64:  # fmt: skip
    """The slot of a text, or the free one where it belongs."""
    mask = np.uint64(table.shape[0] - 1)
    mark = np.uint32(hashed >> _U32)
    at = hashed & mask
    while table[at] >= 0:
        if marks[at] == mark:
            start, end = np.uint64(ends[table[at]]), np.uint64(ends[table[at] + 1])
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
