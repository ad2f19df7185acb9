"""Whose an unreadable payload is: every spelling in which it may name an account.

What cannot be read is in no known form, so nothing is known of how it writes an id. It is decoded in every way in which
JSON, URLs and forms spell text, one upon the other, and packed parts are unpacked; then the id is looked for as a word
of its own, whatever the case and the Unicode form of its letters. A short id may well be found in a payload that is
about something else: what is erased is rather too much than too little.
"""

import html
import re
import zlib
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator
from decimal import Decimal
from unicodedata import normalize
from urllib.parse import unquote, unquote_plus

DEPTH = 5
"""How many decodings are tried one upon the other: JSON in text in JSON in a form in base64."""
MAX_UNPACKED = 1 << 20
"""How much of a packed part is looked at, in bytes."""
MAX_DECODED = 4 << 20
"""How much is looked at of what one payload decodes to, in characters."""

_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_NUMBER = re.compile(r"(?<![\w.-])\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?(?![\w-])")
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


class Mentions:
    """An account's id, to be looked for in payloads and in words."""

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self._id = _comparable(account_id)
        # A letter that belongs to another word; what combines with the letter before it is no end of one.
        self._pattern = re.compile(rf"(?<![\w-]){re.escape(self._id)}(?![\w-])")
        self._number = Decimal(account_id) if account_id.isascii() and account_id.isdigit() else None

    def quarantined(self, found: Iterable[tuple[int, bytes | None, str]]) -> list[int]:
        """Return the numbers of the payloads that name the account, or whose refusals quote it."""
        return [number for number, data, reason in found if self.are_in(bytes(data or b"")) or self.are_in(reason)]

    def errors(self, found: Iterable[tuple[int, str, str]]) -> list[int]:
        """Return the numbers of the deliveries that are about the account, or whose errors name it."""
        return [number for number, account_id, error in found if account_id == self.account_id or self.are_in(error)]

    def are_in(self, found: bytes | str) -> bool:
        """Return whether the id stands somewhere in a payload, or in words, in any spelling."""
        left = MAX_DECODED
        waiting = [(text, DEPTH) for text in ([found] if isinstance(found, str) else _texts(found))]
        seen = {text for text, _ in waiting}
        while waiting:
            text, depth = waiting.pop()
            if self._is_in(text):
                return True
            for decoded in _decodings(text) if depth else ():
                if decoded in seen:
                    continue
                left -= len(decoded)
                if left < 0:  # of what is decoded no more is held than is looked at
                    break
                seen.add(decoded)
                waiting.append((decoded, depth - 1))
        return False

    def _is_in(self, text: str) -> bool:
        if self._pattern.search(_comparable(text)):
            return True
        return self._number is not None and any(Decimal(number) == self._number for number in _NUMBER.findall(text))


def _comparable(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).casefold())


def _texts(data: bytes) -> Iterator[str]:
    """Yield what bytes may be as text: in UTF-8, in wider letters where they cannot be that, and unpacked."""
    text = data.decode("utf-8", errors="surrogateescape")
    yield text
    if "\0" in text or not text.isascii():
        for code in _WIDE:
            yield data.decode(code, errors="replace")
    if not text.isprintable():
        yield from (unpacked for unpacked in map(_unpacked, (data,), (47,)) if unpacked)
        if (begin := data.find(b"\x1f\x8b")) > 0 and (unpacked := _unpacked(data[begin:], 31)):
            yield unpacked


def _unpacked(data: bytes, wbits: int) -> str:
    """Return as much text as can be unpacked with gzip or deflate, also of what was cut; blank if nothing can."""
    try:
        return zlib.decompressobj(wbits=wbits).decompress(data, MAX_UNPACKED).decode("utf-8", errors="replace")
    except zlib.error:
        return ""


def _decodings(text: str) -> Iterator[str]:
    """Yield what text is if it is JSON's, a URL's, a form's, HTML's, or in base64."""
    if "\\" in text:
        yield _ESCAPES.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "%" in text:
        yield unquote(text, errors="replace")
    if "+" in text:
        yield unquote_plus(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    for run in _BASE64.findall(text):
        letters = run.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            data = b64decode(letters + "==")  # more padding than is missing does no harm
        except (Error, ValueError):
            continue
        yield from (found for found in _texts(data) if found)


def _unescaped(found: re.Match[str]) -> str:
    wide, narrow, letter = found.groups()
    if wide or narrow:
        return chr(int(wide or narrow, 16))
    return _CONTROLS.get(letter, letter)
