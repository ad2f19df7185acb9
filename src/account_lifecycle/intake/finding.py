"""Finding the vendor's object in what a log holds, wherever it is: one walker over whatever JSON there is.

A value is opened before it is looked at: JSON in text (however often), base64, a form, JSON behind the prefix of a log
line. Then the vendor's object is searched: itself, in the values of its keys, in the elements of an array. What is
further inside wins: a delivery's own ``account_id`` and ``status`` say nothing if the webhook that it delivered is in
it. The path to what was found is made of keys; ``EACH`` stands in it for the elements of an array.
"""

import json
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from ..lifecycle.definition import ANNOUNCEMENTS
from .bodies import form_in
from .dialects import DIALECTS, FOREIGN, HOSTED_AUTH, TABLE, Dialect, Path, TableRow, columns
from .times import IN_TEXT, TIME_RANKS, TimeReader, folded

EACH = "[]"
"""The step of a path into every element of an array."""
MAX_DEPTH = 24
MAX_TRIES = 8
"""How many brackets in a line of a log are tried as the beginning of JSON."""

_COLUMNS: Mapping[str, str] = {folded(name): field for field, names in columns().items() for name in names}
"""The folded names of what a row of a table has, and the field that each is."""
_WORDS = {*map(str, ANNOUNCEMENTS), *TABLE.words}


class Kind(IntEnum):
    """What was found, the best last."""

    ROW = 1
    """A row of a table: its columns hold the fields of an event."""
    FOREIGN = 2
    """Another kind of webhook."""
    PAYLOAD = 3
    """The vendor's object."""


class Found(NamedTuple):
    """A payload, and where it was."""

    kind: Kind
    path: Path
    value: Any


def find(value: Any, path: Path = ()) -> list[Found]:
    """Return the best that there is in a value, in the order of the text: all of one kind."""
    value = unwrapped(value)
    if len(path) > MAX_DEPTH:
        return []
    if isinstance(value, list):
        return _best([found for each in value for found in find(each, (*path, EACH))])
    if not isinstance(value, dict):
        return []
    if any(row.keys and _is_in(row, value) for row in DIALECTS):
        return [Found(Kind.PAYLOAD, path, value)]
    inner = _best([found for key, each in value.items() if each for found in find(each, (*path, key))])
    if inner and inner[0].kind == Kind.PAYLOAD:
        return inner
    if _is_notification(value):
        return [Found(Kind.PAYLOAD, path, value)]
    if inner and inner[0].kind == Kind.FOREIGN:
        return inner
    if any(isinstance(value.get(row.key), str) and row.values.fullmatch(value[row.key]) for row in FOREIGN):
        return [Found(Kind.FOREIGN, path, value)]
    columns = columns_of(value)
    if "account_id" in columns and str(value.get(columns.get("status", ""), "")).strip().upper() in _WORDS:
        return [Found(Kind.ROW, path, value)]
    return inner


def _best(found: list[Found]) -> list[Found]:
    best = max((each.kind for each in found), default=None)
    return [each for each in found if each.kind == best]


def _is_in(dialect: Dialect, value: Mapping[str, Any]) -> bool:
    outer = {path[0] for path in dialect.objects}
    return all(key in value for key in dialect.keys) and all(isinstance(value.get(key), dict) for key in outer)


def _is_notification(value: Mapping[str, Any]) -> bool:
    status = value.get("status")
    if not isinstance(status, str) or any(key in value for key in HOSTED_AUTH.foreign_keys):
        return False
    word = status.strip().upper()
    word = HOSTED_AUTH.words.get(word, word)
    others = {folded(key) for key in value} & {"accounttype", "provider", "product", *TIME_RANKS}
    return word in HOSTED_AUTH.statuses and not others and ("account_id" in value or "name" in value)


def columns_of(names: Any) -> dict[str, str]:
    """Return which field of a row each of some keys or columns holds; the first of those that may be one."""
    columns: dict[str, str] = {}
    for name in names:
        field = _COLUMNS.get(folded(name)) if isinstance(name, str) else None
        if field is not None and (field not in columns or folded(columns[field]) == "message"):
            columns[field] = name
    return columns


def row_of(value: Mapping[str, Any], columns: Mapping[str, str]) -> TableRow:
    """Return the row of a table that an object is; what is no text in it is told as text."""
    cells = {field: value.get(name) for field, name in columns.items()}
    return TableRow(**{field: cell if cell is None else str(cell) for field, cell in cells.items()})


# ---- Opening -------------------------------------------------------------------------------------------


class Object(dict[str, Any]):
    """A JSON object that remembers the keys to which it was given two different values."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = {key for key, value in pairs if self[key] is not value and self[key] != value}

    def only(self, key: str) -> Any:
        """Return the value of a key. Raise ``KeyError`` if there is none, ``ValueError`` if there are two."""
        if key in self.twice:
            raise ValueError("a key has two different values")
        return self[key]


_decoder = json.JSONDecoder(object_pairs_hook=Object)


def unwrapped(value: Any, prefix: list[str] | None = None) -> Any:
    """Return what is in a text: the JSON that it is, or hides; any other value as it is.

    The text before JSON that stands behind something is appended to ``prefix``.
    """
    for _ in range(MAX_DEPTH):
        if not isinstance(value, str):
            return value
        text = value.strip().removeprefix("\ufeff")
        if len(text) < 2:
            return value
        inner = _json_in(text, prefix) if "{" in text or "[" in text or text[0] == '"' else _encoded_in(text)
        if inner is None:
            return value
        value = inner
    return value


def _json_in(text: str, prefix: list[str] | None) -> Any:
    """Return the JSON that a text is, or that begins somewhere in it; None if there is none."""
    start, tries = 0, 0
    if text[0] not in '{["':
        start = _next_bracket(text, 0)
    while start >= 0 and tries < MAX_TRIES:
        try:
            found, end = _decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found, end = None, 0
        is_all = start == 0 and not text[end:].strip(" \t\r\n;,")
        if isinstance(found, dict | list) or (isinstance(found, str) and (is_all or "{" in found)):
            if is_all or (not start and isinstance(found, dict)) or _speaks(found):
                if start and prefix is not None:
                    prefix.append(text[:start])
                return found
            start = _next_bracket(text, end)
        else:
            start = _next_bracket(text, start + 1)
        tries += 1
    return None


def _next_bracket(text: str, start: int) -> int:
    """Return where the next object or array begins, or the text that one is in."""
    at = min((at for at in (text.find("{", start), text.find("[", start)) if at >= 0), default=-1)
    return at - 1 if at > start and text[at - 1] == '"' else at


def _speaks(found: object) -> bool:
    """Return whether JSON in the middle of a text is what such a text is kept for."""
    return not isinstance(found, list) or any(isinstance(each, dict) for each in found)


def _encoded_in(text: str) -> str | None:
    """Return the text that base64 or a form stands for; None if it is neither."""
    if (form := form_in(text)) is not None:
        return form
    if (
        len(text) >= 16
        and len(text) % 4 != 1
        and text[0] in "eWIi"
        and text.rstrip("=").replace("+", "-").replace("/", "_").replace("-", "").replace("_", "").isalnum()
    ):
        try:
            return urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "==").decode()
        except (Base64Error, ValueError):
            return None
    return None


# ---- Walking a path ------------------------------------------------------------------------------------

NOT_THERE = object()


def at(value: Any, payload: Path, time: Path, when: Any = NOT_THERE, prefix: list[str] | None = None) -> Iterator[Any]:
    """Yield each pair of what stands at two paths, as far as those lead: ``NOT_THERE`` where nothing does.

    Raise ``ValueError`` if a key on the way has two different values.
    """
    value = unwrapped(value, prefix) if payload or time else value
    if isinstance(value, list) and (payload[:1] == (EACH,) or (not payload and time[:1] == (EACH,))):
        rest = time[1:] if time[:1] == (EACH,) else ()
        when = when if not time or time[0] == EACH else NOT_THERE
        for each in value:
            yield from at(each, payload[1:], rest, when, prefix)
        return
    if time and (not payload or time[0] != payload[0]):
        when, time = _straight(value, time), ()
    if not payload:
        yield value, when
    elif isinstance(value, Object) and payload[0] in value:
        yield from at(value.only(payload[0]), payload[1:], time[1:] if time else (), when, prefix)
    else:
        yield NOT_THERE, when


def _straight(value: Any, path: Path) -> Any:
    for key in path:
        value = unwrapped(value)
        if not isinstance(value, Object) or key not in value:
            return NOT_THERE
        value = value.only(key)
    return value


_NOWHERE: Path = ("\0",)


def time_paths(value: Any, payload: Path, clock: TimeReader, path: Path = ()) -> Iterator[Path]:
    """Yield the paths to what is called like a time and is one, but for those in the payload."""
    value = unwrapped(value)
    if isinstance(value, list):
        if payload[:1] == (EACH,) and value:
            yield from time_paths(value[0], payload[1:], clock, (*path, EACH))
        return
    if not isinstance(value, dict) or len(path) > MAX_DEPTH:
        return
    for key, each in value.items():
        if not payload and any(key in row.keys for row in DIALECTS):
            continue
        if folded(key) in TIME_RANKS and not (isinstance(each, dict) and "$date" not in each):
            try:
                if clock.read(each) is not None:
                    yield (*path, key)
                    continue
            except ValueError:
                pass
        if payload[:1] == (key,):
            if payload[1:]:
                yield from time_paths(each, payload[1:], clock, (*path, key))
        elif isinstance(each, dict):
            yield from time_paths(each, _NOWHERE, clock, (*path, key))


def time_in_text(prefix: str) -> Any:
    """Return the first time that stands in the text before an event; ``NOT_THERE`` if there is none."""
    found = IN_TEXT.search(prefix)
    return found.group() if found else NOT_THERE
