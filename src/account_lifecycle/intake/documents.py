"""Whole JSON documents as logs: an array, an object with an array in it, objects one after the other.

Such a file is read element by element, however long it is: where an element may end, its bytes are tried as JSON, and
the first beginning of it that is JSON is the element, since no proper beginning of an object is an object. So an
element stays the bytes that it is, and is read like a line of a log.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ..errors import PayloadError
from .dialects import Path
from .files import MAX_LINE_BYTES, too_long

_GAP = re.compile(rb"[\s,\x1e]*")
_ENDS = {ord("{"): re.compile(rb"\}(?=\s*[,\]{\[\x1e]|\s*$)"), ord("["): re.compile(rb"\](?=\s*[,\]{\[\x1e]|\s*$)"),
         ord('"'): re.compile(rb'"(?=\s*[,\]]|\s*$)')}  # fmt: skip
_SCALAR = re.compile(rb"[^\s,\]]+")
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_check = msgspec.json.Decoder(msgspec.Raw).decode
MAX_TRIES = 8


def elements(pieces: Iterator[bytes], array: Path | None) -> Iterator[bytes | PayloadError]:
    """Yield the elements of every array that the keys ``array`` lead to; None: the documents themselves.

    An element that is longer than ``MAX_LINE_BYTES`` is an error in its place; so is what is no JSON, up to the next.
    """
    data, ended = _Buffer(pieces), False
    while not ended:
        if array is not None and not data.skip_to_array(array):
            return
        ended = array is None
        while True:
            data.skip(_GAP)
            if not data.has_more():
                return
            if array is not None and data.starts_with(b"]"):
                break
            yield data.element()


class _Buffer:
    """Bytes on their way, of which no more are kept than a long element has."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._data = b""
        self._at = 0
        self._is_all = False

    def has_more(self) -> bool:
        """Return whether there is another byte."""
        return self._at < len(self._data) or self._fill()

    def starts_with(self, byte: bytes) -> bool:
        """Return whether the next byte is this one."""
        return self._data[self._at : self._at + 1] == byte

    def skip(self, gap: re.Pattern[bytes]) -> None:
        """Pass over everything that a pattern takes."""
        while True:
            found = gap.match(self._data, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._data) or not self._fill():
                return

    def skip_to_array(self, array: Path) -> bool:
        """Pass over everything up to the first element of an array; return False if there is none."""
        keys = b"".join(re.escape(json.dumps(key).encode()) + rb"\s*:\s*(?:\{.*?)?" for key in array)
        start = re.compile(keys.removesuffix(rb"(?:\{.*?)?") + rb"\[" if array else rb"\[", re.DOTALL)
        while (found := start.search(self._data, self._at)) is None:
            if len(self._data) - self._at > MAX_LINE_BYTES:
                self._at = len(self._data) - 1024
            if not self._fill():
                return False
        self._at = found.end()
        return True

    def element(self) -> bytes | PayloadError:
        """Return the next element, and pass over it."""
        first = self._data[self._at]
        ends, begin, tries = _ENDS.get(first), 1, 0
        while True:
            if ends is None:
                found = _SCALAR.match(self._data, self._at)
                end = found.end() if found else self._at + 1
            elif tries > MAX_TRIES:
                end = self._exact_end()
            else:
                found = ends.search(self._data, self._at + begin)
                end = found.end() if found else 0
            if end and (end < len(self._data) or self._is_all or not self._fill()):
                piece = self._data[self._at : end]
                if ends is None or _is_json(piece):
                    self._at = end
                    return piece if len(piece) <= MAX_LINE_BYTES else too_long(piece, len(piece), "an element")
                if tries > MAX_TRIES:
                    return self._lost()
                begin, tries = end - self._at, tries + 1
            elif not end and (len(self._data) - self._at > MAX_LINE_BYTES or not self._fill()):
                return self._lost()

    def _exact_end(self) -> int:
        """Return where the element ends by the brackets in it; 0 if that is not known yet."""
        depth = 0
        for token in _TOKEN.finditer(self._data, self._at):
            kind = token.group()[0]
            depth += 1 if kind in b"{[" else -1 if kind in b"}]" else 0
            if depth <= 0:
                return token.end()
        return 0

    def _lost(self) -> PayloadError:
        """Pass over what is no JSON, or too long, up to where another element may begin; return the refusal."""
        kept, size = self._data[self._at : self._at + MAX_LINE_BYTES], 0
        begin = re.compile(rb"[}\]]\s*,?\s*(?=[{\[])")
        at = self._at + 1
        while True:
            found = begin.search(self._data, at)
            if found is not None and found.end() < len(self._data):
                size += found.end() - self._at
                self._at = found.end()
                break
            size += max(len(self._data) - 64 - self._at, 0)
            self._at = max(len(self._data) - 64, self._at)
            if not self._fill():
                size += len(self._data) - self._at
                self._at = len(self._data)
                break
            at = self._at
        if size > MAX_LINE_BYTES:
            return too_long(kept, size, "an element")
        return PayloadError("line", "text that is not JSON", "JSON, element by element", kept[: 1 << 16], size)

    def _fill(self) -> bool:
        piece = next(filter(None, self._pieces), b"")
        self._is_all = not piece
        if piece:
            self._data, self._at = self._data[self._at :] + piece, 0
        return bool(piece)


def _is_json(piece: bytes) -> bool:
    try:
        _check(piece)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def sample_of(head: bytes) -> Any:
    """Return the first document in the beginning of a file, cut after its last whole element; None if there is none."""
    text = head.decode(errors="replace").lstrip()
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        pass
    stack: list[str] = []
    ends: list[tuple[int, str]] = []
    for token in _TEXT_TOKEN.finditer(text):
        kind = token.group()[0]
        if kind in "{[":
            stack.append("}" if kind == "{" else "]")
        elif kind in "}]" and stack:
            stack.pop()
            if stack and stack[-1] == "]" and (not ends or len(stack) <= len(ends[0][1])):
                found = (token.end(), "".join(reversed(stack)))
                ends = [*ends[:1], found] if ends and len(found[1]) == len(ends[0][1]) else [found]
    for end, closers in reversed(ends):  # up to the last element, or else, if one is damaged, the first
        try:
            return json.loads(text[:end] + closers)
        except (ValueError, RecursionError):
            pass
    return None


_TEXT_TOKEN = re.compile(_TOKEN.pattern.decode(), re.DOTALL)
