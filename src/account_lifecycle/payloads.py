"""The vendor's JSON, read: bytes in, an event out, or a ``PayloadError`` that names the field.

Knows the two formats on the wire, their limits and their aliases, and is the only home of pydantic
models. It must never judge what a status means. Source: the vendor's page "Account status updates".

A *status webhook* is ``{"AccountStatus": {"account_id": ..., "account_type": ..., "message": ...}}``; a
*hosted-auth notification* is ``{"status": ..., "account_id": ..., "name": ...}``. Keys that are not known
are never refused; they stay in the payload that the ledger keeps.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

from pydantic import StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from .errors import PayloadError
from .lifecycle.events import StatusAnnounced
from .lifecycle.explain import shown
from .lifecycle.providers import ALIASES

MAX_BYTES = 64 * 1024
"""The longest payload that is read, and how much of a longer one is kept."""
MAX_ID_CHARACTERS = 256
"""The longest account id."""

Payload = Mapping[str, Any] | str | bytes | bytearray | memoryview

_Id = Annotated[str, StringConstraints(strict=True, max_length=MAX_ID_CHARACTERS)]
_Word = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, to_upper=True)]
_Text = Annotated[str, StringConstraints(strict=True)]


class _AccountStatus(TypedDict, total=False):
    account_id: _Id | None
    account_type: _Word | None
    message: _Word | None
    product: _Text | None


class _Wire(TypedDict, total=False):
    """Either format; which one it is, the keys tell."""

    AccountStatus: _AccountStatus
    status: _Word | None
    account_id: _Id | None
    name: _Text | None


_WIRE = TypeAdapter(_Wire)

_EXPECTED = {
    "AccountStatus": 'an object such as {"account_id": "...", "account_type": "LINKEDIN", "message": "OK"}',
    "account_id": f"the account's id: text of 1 to {MAX_ID_CHARACTERS} printable characters",
    "account_type": 'text such as "LINKEDIN", or nothing',
    "message": 'a status such as "CREDENTIALS"',
    "status": 'a status such as "CREATION_SUCCESS"',
    "product": 'text such as "recruiter", or nothing',
    "name": "your own user id as text, or nothing",
    "payload": 'a JSON object in UTF-8: {"AccountStatus": {...}} or {"status": ..., "account_id": ...}',
    "received_at": "a datetime with a time zone, or nothing for now",
}


def parse(payload: Payload, received_at: datetime) -> StatusAnnounced:
    """Read one payload, whichever format it has.

    ``received_at`` is when it arrived. Raises ``PayloadError`` for a payload that names no account or no
    status, or has a wrong type in a known field, or is over a limit.
    """
    if isinstance(payload, bytes):
        data = payload
        wire = _read_json(data)
    else:
        data, wire = _read_other(payload)
    if not isinstance(received_at, datetime) or received_at.tzinfo is not UTC:
        received_at = _in_utc(received_at, data)
    return _event(wire, data, received_at)


def _event(wire: _Wire, data: bytes, received_at: datetime) -> StatusAnnounced:
    inner = wire.get("AccountStatus")
    if inner is not None:
        account_id = inner.get("account_id")
        if not account_id or not account_id.isprintable() or account_id.isspace():
            _refuse("AccountStatus.account_id", account_id, data)
        status = inner.get("message")
        if not status:
            _refuse("AccountStatus.message", status, data)
        product = inner.get("product")
        account_type = inner.get("account_type")
        return StatusAnnounced(
            account_id,
            status,
            received_at,
            ALIASES.get(account_type, account_type) if account_type else None,
            product.strip().casefold() if product else "",
            None,
            data,
        )
    account_id = wire.get("account_id")
    status = wire.get("status")
    if status is None and account_id is None:
        _refuse_as("payload", "neither AccountStatus nor status", data)
    if not status:
        _refuse("status", status, data)
    if not account_id or not account_id.isprintable() or account_id.isspace():
        _refuse("account_id", account_id, data)
    return StatusAnnounced(account_id, status, received_at, None, "", wire.get("name") or None, data)


def _read_json(data: bytes) -> _Wire:
    if len(data) > MAX_BYTES:
        _refuse_as("payload", f"{len(data):,} bytes", data, f"at most {MAX_BYTES:,} bytes")
    try:
        wire = _WIRE.validate_json(data)
    except ValidationError as error:
        if data.startswith(b"\xef\xbb\xbf"):  # a byte order mark is needless in UTF-8, but harmless
            return _without_mark(data)
        _refuse_invalid(error, data)
    if data.count(b'"') != _quotes(wire):
        _refuse_contradictions(data)
    return wire


def _without_mark(data: bytes) -> _Wire:
    try:
        return _read_json(data[3:])
    except PayloadError as error:
        raise PayloadError(error.field, error.found, error.expected, data, len(data)) from None


def _read_other(payload: object) -> tuple[bytes, _Wire]:
    """Anything but bytes: its bytes as the ledger keeps them, and what was read."""
    if isinstance(payload, bytearray | memoryview):
        return bytes(payload), _read_json(bytes(payload))
    if isinstance(payload, str):
        data = payload.encode("utf-8", errors="surrogatepass")
        return data, _read_json(data)
    if not isinstance(payload, Mapping):
        _refuse_as("payload", _kind(payload), _as_bytes(payload))
    data = _as_bytes(payload)
    if len(data) > MAX_BYTES:
        _refuse_as("payload", f"{len(data):,} bytes as JSON", data, f"at most {MAX_BYTES:,} bytes")
    try:
        return data, _WIRE.validate_python(payload)
    except ValidationError as error:
        _refuse_invalid(error, data)


def _as_bytes(payload: object) -> bytes:
    """The JSON of an object that arrived without bytes of its own; what is not JSON, as Python shows it."""
    try:
        text = json.dumps(payload, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, or a mapping that holds itself
        try:
            text = repr(payload)
        except Exception as error:  # somebody else's __repr__
            text = f"<{type(payload).__name__} that cannot be shown: {type(error).__name__}>"
    return text.encode("utf-8", errors="surrogatepass")


def _in_utc(received_at: datetime, data: bytes) -> datetime:
    if not isinstance(received_at, datetime):
        _refuse("received_at", received_at, data)
    if received_at.tzinfo is None or received_at.utcoffset() is None:
        _refuse_as("received_at", f"{received_at.isoformat()} without a time zone", data)
    return received_at.astimezone(UTC)


# ---- The same field twice ------------------------------------------------------------------------


def _quotes(wire: _Wire) -> int:
    """How many quotation marks the payload has if nothing in it is unknown, escaped or given twice."""
    inner = wire.get("AccountStatus")
    return 4 * len(wire) if inner is None else 4 * (len(wire) + len(inner)) - 2


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were given twice, with different values."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.contradictions = [key for key, value in pairs if self[key] != value]


def _refuse_contradictions(data: bytes) -> None:
    """Refuse a payload that gives a known field twice with different values: nobody can tell which is meant."""
    whole = json.loads(data, object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str)
    inner = whole.get("AccountStatus")
    places = [
        ("", whole, _Wire),
        ("AccountStatus.", inner if isinstance(inner, _Object) else _Object([]), _AccountStatus),
    ]
    for prefix, found, known in places:
        for key in found.contradictions:
            if key in known.__annotations__:
                _refuse_as(f"{prefix}{key}", "two different values", data, "the field once")


# ---- Refusals -----------------------------------------------------------------------------------


def _refuse(field: str, value: object, data: bytes) -> NoReturn:
    found = (
        "nothing" if value is None else "blank text" if isinstance(value, str) and not value.strip() else _show(value)
    )
    _refuse_as(field, found, data)


def _refuse_invalid(error: ValidationError, data: bytes) -> NoReturn:
    """Tell pydantic's first finding in our words."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        _refuse_as("payload", _unreadable(data, str(first["ctx"]["error"])), data)
    names = [str(part) for part in first["loc"] if part in ("AccountStatus", *_EXPECTED)]
    found = _show(first["input"])
    if first["type"] == "string_too_long":
        found = f"{len(first['input'])} characters"
    elif first["type"] == "string_unicode":
        found = "text that is not valid Unicode"
    elif not names:
        found = _kind(first["input"])
    _refuse_as(".".join(names) or "payload", found, data)


def _refuse_as(field: str, found: str, data: bytes, expected: str | None = None) -> NoReturn:
    raise PayloadError(
        field, found, expected or _EXPECTED[field.rpartition(".")[2]], data[:MAX_BYTES], len(data)
    ) from None


def _unreadable(data: bytes, why: str) -> str:
    if not data.strip():
        return "an empty body"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        return "text in UTF-16 or UTF-32"
    if "recursion" in why:
        return "objects nested too deeply"
    return f"{shown(data[:60].decode('utf-8', errors='backslashreplace'))}, which is not JSON ({why})"


def _show(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"a number ({shown(_number(value))[1:-1]})"
    return _kind(value)


def _number(value: float) -> str:
    try:
        return str(value)
    except ValueError:  # an int of more digits than Python prints
        return "very large"


def _kind(value: object) -> str:
    """What sort of JSON value it is, for a person."""
    match value:
        case None:
            return "null"
        case bool():
            return json.dumps(value)
        case str():
            return f"text ({shown(value)})"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "an array"
        case Mapping():
            return "an object"
        case _:
            return f"a Python {type(value).__name__}"
