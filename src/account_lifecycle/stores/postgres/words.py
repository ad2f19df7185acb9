"""How values cross into PostgreSQL: text that may hold anything, and numbers of one width.

Knows the adapters of a connection, so that no statement has to think of them; it must never know a table.
PostgreSQL's text cannot hold U+0000, and words from the vendor may: U+0000 is written as U+0001 ``0``, U+0001 as
U+0001 ``1``, and half a character (a lone surrogate) as U+0001 ``u`` and its four hexadecimal digits.
"""

import re
from typing import Any

from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper, TextBinaryLoader, TextLoader

_MARK = "\x01"
_HALVES = re.compile("[\ud800-\udfff]")
_MARKED = re.compile(_MARK + "(?:([01])|u([0-9a-f]{4}))")


def escaped(text: str) -> str:
    """Text as it is kept."""
    if "\0" in text or _MARK in text:
        return text.replace(_MARK, "\x011").replace("\0", "\x010")
    return text


def unescaped(text: str) -> str:
    """Text as it was."""
    return _MARKED.sub(_meant, text) if _MARK in text else text


def encoded(text: str) -> bytes:
    """Text as it travels."""
    kept = escaped(text)
    try:
        return kept.encode()
    except UnicodeEncodeError:
        return _HALVES.sub(lambda half: f"{_MARK}u{ord(half[0]):04x}", kept).encode()


def _meant(mark: re.Match[str]) -> str:
    digit, half = mark.groups()
    return chr(int(half, 16)) if half else chr(int(digit))


class _WordDumper(StrDumper):
    def dump(self, obj: str) -> Buffer | None:
        return encoded(obj)


class _WordLoader(TextLoader):
    def load(self, data: Buffer) -> str:
        return unescaped(str(data, "utf-8"))


class _BinaryWordLoader(TextBinaryLoader):
    def load(self, data: Buffer) -> str:
        return unescaped(str(data, "utf-8"))


class _FactDumper(Dumper):
    oid = 20  # bigint, as every other number: one width, and so one prepared statement

    def dump(self, obj: bool) -> Buffer | None:
        return b"1" if obj else b"0"


class _NumberDumper(Int8Dumper):
    pass


def adapt(connection: AdaptContext) -> None:
    """Have a connection's values cross in this way."""
    adapters: Any = connection.adapters
    adapters.register_dumper(str, _WordDumper)
    adapters.register_dumper(bool, _FactDumper)
    adapters.register_dumper(int, _NumberDumper)
    adapters.register_loader("text", _WordLoader)
    adapters.register_loader("text", _BinaryWordLoader)
