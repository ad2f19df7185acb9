"""The body of a live request: which payloads are in it, in whatever way a server or a proxy on the way has put them.

JSON as it is; JSON in text, also twice; an array, which is several events; a form, with brackets in its keys or with
the JSON in one field; any of them compressed, if the request says so. Nothing is searched for here: what is wrapped in
something else is handed on as it is, and feeding it says what it is not.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sized
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec

from ..errors import PayloadError
from .arguments import refuse, text
from .dialects import DIALECTS
from .payloads import MAX_BYTES

MAX_BODY_BYTES = 1 << 20
"""The longest body that is read, also when it is unpacked; the limit of each payload in it is shorter."""
MAX_PAYLOADS = 1_000
"""How many payloads a body may have."""
MAX_TEXTS = 3
"""How often JSON may be in text in JSON."""

_FORM = re.compile(r"[\w.\-~%+\[\]]+=[^\s]*")
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]+\])*)")
_CARRIERS = ("payload", "body", "data", "json", "content", "event")
"""The fields of a form that hold a whole payload."""


def read_body(body: bytes, headers: Mapping[str, str] | None = None) -> list[bytes]:
    """Return the payloads in the body of a request, byte for byte where they are JSON; feed them together.

    ``headers`` are those of the request, in any case; of them only ``Content-Encoding`` matters (gzip, deflate). A
    body in which no payload can be seen is returned as it is. Raise ``PayloadError`` for one that cannot be unpacked,
    or is longer than ``MAX_BODY_BYTES``, or has more than ``MAX_PAYLOADS`` payloads; raise ``ConfigurationError`` for a
    body that is no bytes and headers that are no names and values.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise refuse("body", body, "the body of the request as it came: bytes")
    if headers is not None and not hasattr(headers, "items"):
        raise refuse("headers", headers, "the headers of the request: a mapping of text to text")
    body = bytes(body)
    if len(body) > MAX_BODY_BYTES:
        _refuse(f"{len(body):,} bytes", f"at most {MAX_BODY_BYTES:,} bytes", body)
    encodings = [
        text("headers", value)
        for name, value in (headers or {}).items()
        if text("headers", name).lower() == "content-encoding"
    ]
    data = body
    for encoding in reversed(",".join(encodings).lower().replace(" ", "").split(",")):
        data = _unpacked(data, encoding, body)
    found = _payloads(data, MAX_TEXTS)
    if len(found) > MAX_PAYLOADS:
        _refuse_many(found, body)
    return found


def _payloads(data: bytes, texts: int) -> list[bytes]:
    text = data.strip().removeprefix(b"\xef\xbb\xbf")
    first = text[:1]
    try:
        inner = msgspec.json.decode(text, type=str).encode() if first == b'"' and texts else None
        elements = msgspec.json.decode(text, type=list[msgspec.Raw]) if first == b"[" else []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [data]
    if inner is not None:
        return _payloads(inner, texts - 1)
    if len(elements) > MAX_PAYLOADS:
        _refuse_many(elements, data)
    if elements:
        return [payload for each in elements for payload in _element(bytes(each), texts)]
    if first not in (b"{", b"") and len(text) <= MAX_BYTES:
        try:
            form = form_in(text.decode())
        except UnicodeDecodeError:
            return [data]
        if form is not None:
            return _payloads(form.encode("utf-8", errors="surrogatepass"), 1)
    return [data]


def _element(data: bytes, texts: int) -> list[bytes]:
    return _payloads(data, texts) if data[:1] == b'"' else [data]


def form_in(text: str) -> str | None:
    """Return the JSON that a form amounts to: that of its one field, or the object of all; None if it is no form."""
    if not _FORM.fullmatch(text):
        return None
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    except ValueError:
        return None
    whole: dict[str, Any] = {}
    for name, value in pairs:
        if name in _CARRIERS and value.lstrip()[:1] in ("{", "["):
            return value
        found = _KEY.fullmatch(name)
        if found is None:
            return None
        *parents, key = [found.group(1), *re.findall(r"\[([^\[\]]+)\]", found.group(2))]
        inner = whole
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                return None
        if key in inner:
            return None  # which of them is meant?
        inner[key] = value
    known = {path[0] for dialect in DIALECTS for path in dialect.fields.values()}
    return json.dumps(whole, ensure_ascii=False) if known & whole.keys() else None


def _unpacked(data: bytes, encoding: str, body: bytes) -> bytes:
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip", "deflate"):
        _refuse(f"a body packed as {encoding[:20]!r}", "JSON as it is, or packed with gzip or deflate", body)
    is_raw = encoding == "deflate" and data[:1] != b"\x78"
    unpacker = zlib.decompressobj(wbits=31 if encoding.endswith("gzip") else -15 if is_raw else 15)
    try:
        found = unpacker.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        _refuse(f"a body that cannot be unpacked ({error})", f"{encoding}, as the request says", body)
    if len(found) > MAX_BODY_BYTES:
        _refuse("a body that is too long when it is unpacked", f"at most {MAX_BODY_BYTES:,} bytes", body)
    if not unpacker.eof:
        _refuse("a body that ends before it is unpacked", f"{encoding}, as the request says", body)
    return found


def _refuse_many(elements: Sized, body: bytes) -> NoReturn:
    _refuse(f"an array of {len(elements):,} elements", f"at most {MAX_PAYLOADS:,}", body)


def _refuse(found: str, expected: str, body: bytes) -> NoReturn:
    raise PayloadError("payload", found, expected, body[:MAX_BYTES], len(body)) from None
