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

from ..errors import PayloadError
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.events import StatusAnnounced
from ..lifecycle.providers import ALIASES
from ..lifecycle.wording import printable, shown

MAX_BYTES = 64 * 1024
"""The longest payload that is read, and how much of a longer one is kept."""
MAX_ID_CHARACTERS = 256
"""The longest account id."""

Payload = Mapping[str, Any] | str | bytes | bytearray | memoryview

_Text = Annotated[str, StringConstraints(strict=True)]
_Id = Annotated[str, StringConstraints(strict=True, max_length=MAX_ID_CHARACTERS)]


class _AccountStatus(TypedDict, total=False):
    account_id: _Id | None
    account_type: _Text | None
    message: _Text | None
    product: _Text | None


class _Webhook(TypedDict, total=False):
    AccountStatus: _AccountStatus


class _Notification(TypedDict, total=False):
    account_id: _Id | None
    status: _Text | None
    name: _Text | None


# The validators themselves: the adapter's own methods add half again to the time that they take.
_WEBHOOK = TypeAdapter(_Webhook).validator
_NOTIFICATION = TypeAdapter(_Notification).validator

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
_MARK = b"\xef\xbb\xbf"
_KNOWN_WORDS = frozenset(str(word) for word in ANNOUNCEMENTS)


def parse(payload: Payload, received_at: datetime) -> StatusAnnounced:
    """Read one payload, whichever format it has.

    ``received_at`` is when it arrived. Raises ``PayloadError`` for a payload that names no account or no
    status, or has a wrong type in a known field, or is over a limit.
    """
    data = payload if isinstance(payload, bytes) else _as_bytes(payload)
    if type(received_at) is not datetime or received_at.tzinfo is not UTC:
        received_at = _in_utc(received_at, data)
    if len(data) > MAX_BYTES:
        _refuse_as("payload", f"{len(data):,} bytes", data, f"at most {MAX_BYTES:,} bytes")
    try:
        wire: _Webhook = _WEBHOOK.validate_json(data)
    except ValidationError as error:
        wire = _without_mark(error, data)
    webhook = wire.get("AccountStatus")
    if webhook is None:
        return _read_notification(data, received_at)
    if data.count(b":") != 1 + len(webhook):
        _refuse_contradictions(data)  # there is more in it than known fields, each given once
    account_id, word = webhook.get("account_id"), webhook.get("message")
    if not account_id or not account_id.isprintable() or account_id.isspace():
        _refuse("AccountStatus.account_id", account_id, data)
    status = word if word in _KNOWN_WORDS else status_of(word)
    if not status:
        _refuse("AccountStatus.message", word, data)
    product, account_type = webhook.get("product"), webhook.get("account_type")
    provider = None if account_type is None else ALIASES.get(account_type) or provider_of(account_type)
    product = product_of(product) if product else ""
    return tuple.__new__(StatusAnnounced, (account_id, status, received_at, provider, product, None, data))


def status_of(word: str | None) -> str:
    """A status as it is compared: stripped and upper-cased; blank if it says nothing."""
    return word.strip().upper() if word else ""


def provider_of(account_type: str) -> str | None:
    """The family that an account type belongs to, or the unknown word as it is compared; None if it is blank."""
    word = status_of(account_type)
    return ALIASES.get(word, word) or None


def product_of(product: str) -> str:
    """A product as it is compared: stripped and case-folded."""
    return product.strip().casefold()


def _read_notification(data: bytes, received_at: datetime) -> StatusAnnounced:
    try:
        wire: _Notification = _NOTIFICATION.validate_json(data.removeprefix(_MARK))
    except ValidationError as error:
        _refuse_invalid(error, data)
    _refuse_contradictions(data)
    account_id, word = wire.get("account_id"), wire.get("status")
    if word is None and account_id is None:
        _refuse_as("payload", "neither AccountStatus nor status", data)
    status = status_of(word)
    if not status:
        _refuse("status", word, data)
    if not account_id or not account_id.isprintable() or account_id.isspace():
        _refuse("account_id", account_id, data)
    return StatusAnnounced(account_id, status, received_at, None, "", wire.get("name") or None, data)


def _without_mark(error: ValidationError, data: bytes) -> _Webhook:
    """Read again without a byte order mark, which is needless in UTF-8 but harmless."""
    if not data.startswith(_MARK):
        _refuse_invalid(error, data)
    try:
        wire: _Webhook = _WEBHOOK.validate_json(data[len(_MARK) :])
    except ValidationError as without:
        _refuse_invalid(without, data)
    return wire


# ---- What arrives without bytes of its own ---------------------------------------------------------


def _as_bytes(payload: object) -> bytes:
    """The bytes of any payload; those of an object are its JSON, and that is what is read and kept."""
    if isinstance(payload, bytearray | memoryview):
        return bytes(payload)
    if isinstance(payload, str):
        return payload.encode("utf-8", errors="surrogatepass")
    try:
        text = json.dumps(payload, ensure_ascii=False, default=_jsonable)
    except (TypeError, ValueError, RecursionError) as error:
        data = _displayed(payload).encode("utf-8", errors="backslashreplace")
        _refuse_as("payload", f"{_kind(payload)} that is no JSON ({error})", data)
    data = text.encode("utf-8", errors="surrogatepass")
    if not isinstance(payload, Mapping):
        _refuse_as("payload", _kind(payload), data)
    return data


def _jsonable(value: object) -> object:
    """What JSON has no word for: kept in sight, but never taken for text."""
    return dict(value) if isinstance(value, Mapping) else {"not JSON": _displayed(value)}


def _displayed(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # somebody else's __repr__
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _in_utc(received_at: datetime, data: bytes) -> datetime:
    if not isinstance(received_at, datetime):
        _refuse("received_at", received_at, data)
    if received_at.utcoffset() is None:
        _refuse_as("received_at", f"{received_at.isoformat()} without a time zone", data)
    try:
        return received_at.astimezone(UTC)
    except OverflowError:
        _refuse_as("received_at", f"{received_at.isoformat()}, which UTC has no year for", data)


# ---- The same field twice ------------------------------------------------------------------------


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys were given twice, with different values."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.contradictions = {key for key, value in pairs if self[key] != value}
        for key, value in pairs:  # also in an object that a later one of the same key hides
            if key == "AccountStatus" and isinstance(value, _Object):
                self.contradictions |= {f"AccountStatus.{inner}" for inner in value.contradictions}


def _refuse_contradictions(data: bytes) -> None:
    """Refuse a payload that gives a known field twice with different values: nobody can tell which is meant."""
    whole = json.loads(data, object_pairs_hook=_Object, parse_int=_digits, parse_float=_digits, parse_constant=_digits)
    known = [f"AccountStatus.{field}" for field in _AccountStatus.__annotations__]
    known = ["AccountStatus", *known] if "AccountStatus" in whole else [*_Notification.__annotations__]
    for field in known:
        if field in whole.contradictions:
            _refuse_as(field, "two different values", data, "the field once")


def _digits(text: str) -> tuple[str]:
    """A number as it was written, equal to no text of the same digits."""
    return (text,)


# ---- Refusals -----------------------------------------------------------------------------------


def _refuse(field: str, value: object, data: bytes) -> NoReturn:
    is_blank = isinstance(value, str) and not value.strip()
    _refuse_as(field, "nothing" if value is None else "blank text" if is_blank else _show(value), data)


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
        return f"a number ({printable(_number(value))})"
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
