"""The vendor's JSON, read: bytes in, an event out, or a ``PayloadError`` that names the field.

What the payloads look like is said by the rows of ``dialects``. They are compiled into one pydantic model of all known
fields, whose core validator reads a payload once whichever dialect it is in. That model is stricter than any dialect:
a status webhook may have a ``status`` of any type beside its object, which the model refuses because notifications
have text there. So a payload that the model refuses is read again by the model of its own dialect alone, which settles
whether it is in order and, if it is not, what is said about it.

A known field that is given twice with different values is refused, and validators keep the last one only. Where the
payload has as many colons as the model found keys, every key is a known one and was there once; only the others are
read key by key, for what their dialect says of keys that the model does not have. Keys that are not known are never
refused; they stay in the payload that the ledger keeps.

Another kind of webhook is refused by its name, and its text does not come with the refusal.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from hashlib import sha256
from math import isfinite
from typing import Any, NoReturn

import msgspec
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core.core_schema import (
    CoreSchema,
    any_schema,
    nullable_schema,
    str_schema,
    typed_dict_field,
    typed_dict_schema,
)

from ..errors import PayloadError
from ..lifecycle.definition import ANNOUNCEMENTS
from ..lifecycle.events import MAX_CHARACTERS, NOBODY, StatusAnnounced
from ..lifecycle.providers import ALIASES
from ..lifecycle.wording import printable, shown
from .arguments import require_payload
from .dialects import DIALECTS, FIELDS, FOREIGN, REMARK, TABLE, Dialect, Path, TableRow, check_dialects, write
from .times import in_utc
from .words import product_of, provider_of, reason_of, status_of

MAX_BYTES = 64 * 1024
"""The longest payload that is read, and how much of a longer one is kept."""
MAX_UNCHECKED = MAX_CHARACTERS * 2 // 3
"""The longest payload whose fields need no measuring: a letter is at most three in another case, and then two bytes."""

Payload = Mapping[str, Any] | str | bytes | bytearray | memoryview | TableRow | PayloadError
"""What can be read: a body in any form, a row of a table, or the refusal of what a log had in place of a payload."""

_MARK = b"\xef\xbb\xbf"
_read_object = msgspec.json.Decoder(dict[str, Any]).decode


def parse(payload: Payload, received_at: datetime) -> StatusAnnounced:
    """Return the event in a payload, whichever dialect it is in.

    ``received_at`` is when it arrived. Raise ``PayloadError`` for a payload that names no account or no status, has a
    wrong type in a known field, is over a limit, or is another kind of webhook; raise ``ConfigurationError`` for
    arguments that are no payload or no moment.
    """
    data = payload if isinstance(payload, bytes) else _as_bytes(payload)
    if type(received_at) is not datetime or received_at.tzinfo is not UTC:
        if isinstance(received_at, str):
            raise without_time(data, received_at)
        received_at = in_utc("received_at", received_at)
    wire = TABLES if isinstance(payload, TableRow) else WIRE
    if len(data) > MAX_BYTES:
        _refuse_as("payload", f"{len(data):,} bytes", data, f"at most {MAX_BYTES:,} bytes")
    try:
        found = wire.validate(data)
    except ValidationError:
        found = wire.read_alone(data)
    for form in wire.forms:
        if form.key in found and (not form.more or form.more <= found.keys()):
            break
    else:
        form = wire.last
    fields: Any
    if form.is_scattered:
        fields, keys = form.gather(found)
    elif form.parent:
        fields = found[form.parent]
        keys = len(found) + len(fields)
    else:
        fields, keys = found, len(found)
    if data.count(b":") != keys:
        fields = _with_loose_keys(wire, form, fields, data)
    account_id, word = fields.get(form.account_id), fields.get(form.status)
    status = form.words.get(word) or form.status_of(word)
    account_id = account_id.strip() if account_id else NOBODY
    if (
        not account_id.isprintable()
        or not account_id
        or not status
        or (form.statuses and status not in form.statuses)
        or form.asks
    ):
        _refuse_missing(wire, form, fields, status, data)
    account_type, product = fields.get(form.provider), fields.get(form.product)
    name, reason = fields.get(form.name), fields.get(form.reason)
    event = StatusAnnounced(
        account_id,
        status,
        received_at,
        None if account_type is None else ALIASES.get(account_type) or provider_of(account_type),
        product_of(product) if product else "",
        None if name is None else _owner_of(name, form, data),
        reason_of(reason) if isinstance(reason, str) else "",
        data,
    )
    if len(data) > MAX_UNCHECKED:
        _check_lengths(event, form)
    return event


def without_time(payload: Payload, found: object) -> PayloadError:
    """Return the refusal of a payload for what a log has in place of the time of its arrival."""
    try:
        data = _as_bytes(payload)
        _refuse_as("received_at", _found(found), data, "a time with its time zone, such as 2026-05-01T12:00:00Z")
    except PayloadError as error:
        return error


# ---- The dialects, compiled ------------------------------------------------------------------------


class Form:
    """One dialect, compiled: where ``parse`` finds its fields, and what it says where something is wrong."""

    __slots__ = (
        "account_id", "asks", "dialect", "expected", "is_scattered", "key", "more", "name", "parent", "product",
        "provider", "reason", "status", "statuses", "validate", "words",
    )  # fmt: skip

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.validate = SchemaValidator(_schema([dialect])).validate_json
        self.key, self.more = dialect.keys[0] if dialect.keys else "", frozenset(dialect.keys[1:])
        self.words = {str(word): str(word) for word in ANNOUNCEMENTS} | dict(dialect.words)
        self.asks = len(dialect.required) > 2  # for more than an account and its status
        self.statuses = dialect.statuses
        parents = {path[:-1] for path in dialect.fields.values()}
        # Fields are read where they stand if that is in one object that is there for sure, else they are gathered.
        self.is_scattered = parents != {()} and parents != {(self.key,)}
        self.parent = "" if self.is_scattered or () in parents else self.key
        at = {field: field if self.is_scattered else path[-1] for field, path in dialect.fields.items()}
        self.account_id, self.status = at["account_id"], at["status"]
        self.provider, self.product = at.get("provider"), at.get("product")
        self.name, self.reason = at.get("name"), at.get("reason")
        self.expected = _expected(dialect)

    def gather(self, found: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        """Return the fields by their names in an event, and how many keys were found in all."""
        fields = {}
        for field, (*parents, key) in self.dialect.fields.items():
            fields[field] = reduce(lambda inner, parent: inner.get(parent) or {}, parents, found).get(key)
        return fields, _count_keys(found)

    def status_of(self, word: str | None) -> str:
        """Return the status that a word of the dialect means, as it is compared."""
        status = status_of(word)
        return self.words.get(status, status)


class Wire:
    """All dialects, compiled into one model. Raise ``ValueError`` for rows that cannot be distinguished."""

    __slots__ = ("dialects", "expected", "forms", "last", "probe", "validate")

    def __init__(self, dialects: Sequence[Dialect] = DIALECTS) -> None:
        check_dialects(dialects)
        self.dialects = tuple(dialects)
        self.validate = SchemaValidator(_schema(dialects)).validate_json
        keys = {key: typed_dict_field(any_schema(), required=False) for row in dialects for key in row.keys}
        self.probe = SchemaValidator(typed_dict_schema(keys)).validate_json
        *self.forms, self.last = map(Form, dialects)
        self.expected = "a JSON object in UTF-8: " + " or ".join(map(_outline, dialects))

    def read_alone(self, data: bytes) -> Any:
        """Read a payload by the model of its own dialect, without a byte order mark, which UTF-8 does not need."""
        text = data.removeprefix(_MARK)
        form = None
        try:
            keys = self.probe(text).keys()
            form = next((form for form in self.forms if {*form.dialect.keys} <= keys), self.last)
            return form.validate(text)
        except ValidationError as error:
            _refuse_invalid(form, error, data)


def _count_keys(found: Mapping[str, Any]) -> int:
    return len(found) + sum(_count_keys(value) for value in found.values() if isinstance(value, dict))


def _schema(dialects: Sequence[Dialect]) -> CoreSchema:
    """Return the pydantic model of all known fields of some dialects: optional, nullable, and most of them text."""
    tree: dict[str, Any] = {}
    for dialect in dialects:
        for field, (*parents, key) in dialect.by_reading_order.items():
            inner = tree
            for parent in parents:
                inner = inner.setdefault(parent, {})
            free = field in ("name", REMARK)  # a name may be a number
            inner[key] = any_schema() if free else inner.get(key) or nullable_schema(str_schema(strict=True))
    for key in {key for dialect in dialects for key in dialect.keys} - tree.keys():
        tree[key] = any_schema()
    return _object_schema(tree)


def _object_schema(tree: Mapping[str, Any]) -> CoreSchema:
    schemas = {key: inner if "type" in inner else _object_schema(inner) for key, inner in tree.items()}
    return typed_dict_schema({key: typed_dict_field(schema, required=False) for key, schema in schemas.items()})


# ---- What arrives without bytes of its own ---------------------------------------------------------


def _as_bytes(payload: object) -> bytes:
    """Return the bytes of any payload; those of an object are its JSON, which is what is read and kept."""
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    if isinstance(payload, str):
        return payload.encode("utf-8", errors="surrogatepass")
    if isinstance(payload, TableRow):
        return payload.to_bytes()
    if isinstance(payload, PayloadError):
        raise payload
    require_payload(payload)
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
    """Return what stands for a value that JSON does not have: visible, but never taken for text."""
    return dict(value) if isinstance(value, Mapping) else {"not JSON": _displayed(value)}


def _displayed(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # somebody else's __repr__
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


# ---- Key by key ------------------------------------------------------------------------------------


class _Object(dict[str, Any]):
    """A JSON object that remembers the places in it at which two different values were given."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.contradictions: set[Path] = {(key,) for key, value in pairs if self[key] != value}
        for key, value in pairs:  # also in an object that a later one of the same key hides
            if isinstance(value, _Object) and value.contradictions:
                self.contradictions |= {(key, *path) for path in value.contradictions}


def _read_all(data: bytes) -> _Object:
    """Return a payload, which the model could read, with every key and with numbers as they were written."""
    found: _Object = json.loads(
        data, object_pairs_hook=_Object, parse_int=_digits, parse_float=_digits, parse_constant=_digits
    )
    return found


def _digits(text: str) -> tuple[str]:
    """Return a number as it was written, equal to no text of the same digits."""
    return (text,)


def _with_loose_keys(wire: "Wire", form: Form, fields: Mapping[str, Any], data: bytes) -> Mapping[str, Any]:
    """Return the fields of a payload in which there are more keys than the model has: known ones in other places too.

    Refuse it if it gives a known field twice with different values, since either may be meant, or if it has what a
    payload in its dialect never has: keys of others, or a payload in another dialect somewhere in it.
    """
    whole = _read_all(data)
    for path in form.expected if whole.contradictions else ():
        if path in whole.contradictions and path != form.dialect.fields.get(REMARK):
            _refuse_as(".".join(path), "two different values", data, "the field once")
    if form is wire.last and form.dialect.foreign_keys:
        expected = f"a {form.dialect.name}, which never has it"
        for key in form.dialect.foreign_keys:
            if key in whole:
                _refuse_as("payload", f"an object with {json.dumps(key)}", data, expected)
        for key in (other.key for other in wire.forms):
            if any(_mentions(value, key) for value in whole.values()):
                _refuse_as("payload", f"an object with {json.dumps(key)} inside of something else", data, expected)
    more = {}
    for field in form.dialect.loose:
        *parents, name = form.dialect.fields[field]
        at = field if form.is_scattered else name
        there = fields.get(at)
        if isinstance(there, str) and there.strip():
            continue
        for place in (whole, reduce(lambda inner, key: inner[key], parents, whole)):
            said = (value for key, value in place.items() if key.casefold() == name and isinstance(value, str))
            if (text := next(filter(str.strip, said), None)) is not None:
                more[at] = text  # what stands inside comes last, and is better
    return {**fields, **more} if more else fields


def _mentions(value: object, key: str) -> bool:
    """Return whether a key is anywhere in a value, also in text that looks like JSON."""
    if isinstance(value, dict):
        return key in value or any(_mentions(inner, key) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions(inner, key) for inner in value)
    return isinstance(value, str) and "{" in value and key in value


def _owner_of(name: object, form: Form, data: bytes) -> str | None:
    """Return the name of a notification as text: that of a number is its digits, and a blank one tells nothing."""
    if isinstance(name, str):
        return None if not name or name.isspace() else name
    path = form.dialect.fields["name"]
    if type(name) is not int and (type(name) is not float or not isfinite(name)):
        _refuse_as(".".join(path), _found(name), data, form.expected[path])
    written: Any = reduce(lambda inner, key: inner[key], path, _read_all(data))
    return str(written[0])


# ---- Refusals -----------------------------------------------------------------------------------


def _expected(dialect: Dialect) -> dict[Path, str]:
    """Return what would be right at each place that a dialect knows, objects first."""
    texts = {
        "account_id": f"the account's id: 1 to {MAX_CHARACTERS} printable characters",
        "provider": 'text such as "LINKEDIN", or nothing',
        "status": f'a status such as "{dialect.example}"',
        "product": 'text such as "recruiter", or nothing',
        "name": "your own user id as text or as a number, or nothing",
        "reason": "the reason as text, or nothing",
    }
    samples = {"account_id": "...", "provider": "LINKEDIN", "status": "OK"}
    sample = write(dialect, {field: samples[field] for field in dialect.fields if field in samples})
    objects = {path: reduce(lambda inner, key: inner.get(key, {}), path, sample) for path in dialect.objects}
    return {
        **{(key,): "something" for key in dialect.keys},
        **{path: f"an object such as {json.dumps(inner)}" for path, inner in objects.items()},
        **{path: texts[field] for field, path in dialect.by_reading_order.items()},
    }


def _outline(dialect: Dialect) -> str:
    """Return what a payload looks like from outside."""
    required = [dialect.fields[field] for field in dialect.fields if field in dialect.required]
    inner = dict.fromkeys(dialect.keys, "...") | {path[0]: "{...}" if path[1:] else "..." for path in required}
    return "{" + ", ".join(f'"{key}": {text}' for key, text in inner.items()) + "}"


def _refuse_missing(wire: Wire, form: Form, fields: Mapping[str, Any], status: str, data: bytes) -> None:
    """Refuse a payload in which a required field says nothing, or not what it says in this dialect."""
    dialect, paths = form.dialect, form.dialect.fields
    values = {field: fields.get(field if form.is_scattered else path[-1]) for field, path in paths.items()}
    values = {field: value for field, value in values.items() if field in dialect.required}
    if form is wire.last and not any(value is not None for value in values.values()):
        names = [key for other in wire.dialects for key in other.keys] + [paths["status"][0]]
        _refuse_as("payload", f"neither {' nor '.join(names)}", data)
    if dialect.statuses and status and status not in dialect.statuses:
        expected = f"{' or '.join(sorted(dialect.statuses))} in a {dialect.name}"
        _refuse_as(".".join(paths["status"]), shown(status), data, expected)
    for field, value in values.items():
        if field == "account_id" and not (value and value.strip()) and status in dialect.nobodys:
            continue
        if not value or value.isspace() or (field == "account_id" and not value.strip().isprintable()):
            _refuse_as(".".join(paths[field]), _found(value), data, form.expected[paths[field]])


def _check_lengths(event: StatusAnnounced, form: Form) -> None:
    """Refuse an event with a field that is too long to be remembered, as it is compared."""
    values = event.account_id, event.provider, event.status, event.product, event.owner
    for field, value in zip(FIELDS, values, strict=False):  # a reason is cut
        if value is not None and len(value) > MAX_CHARACTERS:
            found, expected = f"{len(value):,} characters", f"at most {MAX_CHARACTERS} characters"
            _refuse_as(".".join(form.dialect.fields[field]), found, event.payload, expected)


def _refuse_invalid(form: Form | None, error: ValidationError, data: bytes) -> NoReturn:
    """Say pydantic's first finding in our words."""
    first = error.errors(include_url=False)[0]
    path, found = tuple(map(str, first["loc"])), _show(first["input"])
    if first["type"] == "json_invalid":
        _refuse_as("payload", _unreadable(data, str(first["ctx"]["error"])), data)
    if first["type"] == "string_unicode":
        found = "text that is not valid Unicode"
    elif not path:
        found = _kind(first["input"])
    _refuse_as(".".join(path) or "payload", found, data, form.expected[path] if form and path else None)


def _refuse_as(field: str, found: str, data: bytes, expected: str | None = None) -> NoReturn:
    if (foreign := _foreign_in(data)) is not None:
        raise foreign from None
    raise PayloadError(field, found, expected or WIRE.expected, data[:MAX_BYTES], len(data)) from None


def _foreign_in(data: bytes) -> PayloadError | None:
    """Return the refusal of another kind of webhook, without its text; None if it is none that is known."""
    try:
        found = _read_object(data.removeprefix(_MARK))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if any(key in found for dialect in WIRE.dialects for key in dialect.keys):
        return None
    for row in FOREIGN:
        value = found.get(row.key)
        if isinstance(value, str) and row.values.fullmatch(value):
            error = PayloadError("payload", f"{row.kind} ({shown(value)})", WIRE.expected, b"", len(data))
            error.foreign, error.sha256 = row.kind, sha256(data).hexdigest()
            account_id = found.get("account_id")
            if isinstance(account_id, str) and account_id.strip().isprintable():
                error.account_id = account_id.strip()[:MAX_CHARACTERS] or None
            return error
    return None


def _found(value: object) -> str:
    is_blank = isinstance(value, str) and not value.strip()
    return "nothing" if value is None else "blank text" if is_blank else _show(value)


def _unreadable(data: bytes, why: str) -> str:
    if not data.strip():
        return "an empty body"
    if data.startswith(b"\x1f\x8b"):
        return "compressed bytes (gzip)"
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
    """Return what sort of JSON value it is, for a person."""
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


WIRE = Wire()
"""The dialects in force."""
TABLES = Wire((TABLE,))
"""The dialect of rows of tables."""
