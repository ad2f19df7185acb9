"""Event logs: lines of JSON, each a bare payload or a payload in a wrapper, usually with the time of its arrival.

``{"received_at": "2026-05-01T12:00:00Z", "payload": {...}}`` is the wrapper that this package writes; a payload that
was not JSON is carried in it as text.

A ``Layout`` says where in a line the payload and its time stand. It is compiled into nested msgspec structs that have
fields for the keys on those two paths and no others, and in which the payload stays the bytes that it is (``Raw``): a
line is opened without a look into its payload, which is for ``payloads.parse`` to read. Of several values of one key,
msgspec keeps the last without a word, and it lets bytes pass that are not UTF-8. So its answer is taken only if nothing
of the kind can be in the wrapper, which is too short for it or else is searched. All other lines, and payloads that are
not objects, are read by the standard library's parser: slowly, but with every key in sight.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ..errors import ConfigurationError
from .dialects import Path
from .payloads import Payload, without_time
from .times import in_utc


class Received(NamedTuple):
    """A payload with the time of its arrival, for feeding a log."""

    payload: Payload
    """A ``PayloadError`` where a log has something that is none, which feeding it puts into the quarantine."""
    received_at: datetime | None = None
    """Aware; None for now."""


class Layout(NamedTuple):
    """Where in a line of a log the payload and the time of its arrival stand."""

    payload: Path
    """The keys that lead to the payload; none if the line is the payload."""
    time: Path = ()
    """The keys that lead to the time, outside the payload unless the line is that; none if there is no time."""
    others: bool = True
    """Whether the wrapper may have other keys too; if not, a line that has some is a bare payload."""

    def reader(self) -> Callable[[bytes], Received]:
        """Return the function that reads one line, without surrounding space.

        It refuses nothing: a line that is not in this layout is handed on whole, as a bare payload. Raise
        ``ConfigurationError`` if the time is said to be in the payload.
        """
        if self.payload and self.time[: len(self.payload)] == self.payload:
            raise ConfigurationError("layout.time", ".".join(self.time), "a place outside the payload")
        for key in (*self.payload, *self.time):
            if json.dumps(key) != f'"{key}"':
                raise ConfigurationError("layout", repr(key), "a key in plain ASCII without quotation marks")
        if not self.payload and not self.time:
            return Received
        return _compiled(self)


ENVELOPE = Layout(("payload",), ("received_at",), others=False)
"""The wrapper that this package writes."""
BARE = Layout(())
"""Payloads and nothing else."""


def read_log(lines: Iterable[bytes], layout: Layout = ENVELOPE) -> Iterator[Received]:
    """Yield the payloads of a log, line by line; blank lines are skipped.

    Nothing is refused here: a line that is not JSON is handed on as it is, and feeding it says why.
    """
    read = layout.reader()
    for line in lines:
        if text := line.strip():
            yield read(text)


# ---- The fast way ----------------------------------------------------------------------------------


_BRACE = ord("{")


def _compiled(layout: Layout) -> Callable[[bytes], Received]:
    """Return the reader of a layout: what it makes of a line is what ``read_exactly`` makes of it, sooner."""
    paths = [path for path in (layout.payload, layout.time) if path]
    nodes = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    keys = [json.dumps(key) for key in sorted({key for path in paths for key in path})]
    # A key that is on the paths, or one that is spelt with an escape and so may be.
    mentions = re.compile(rf'(?:{"|".join(map(re.escape, keys))}|\\u[^"]*")\s*:'.encode()).findall
    one_more = len('"":0,') if layout.others else min(len(f"{key}:0,") for key in keys)
    shortest_with_more = len(_shortest(layout)) + one_more
    needed = json.dumps(paths[0][0]).encode()
    decode = msgspec.json.Decoder(_struct(layout, nodes, ())).decode
    payload_of, time_of = _getter(layout.payload), _getter(layout.time)

    def read(line: bytes) -> Received:
        if needed not in line and b"\\" not in line:
            return Received(line)
        try:
            record = decode(line)
            payload = bytes(payload_of(record)) if payload_of else b""
            time = time_of(record) if time_of else None
        except (msgspec.DecodeError, AttributeError, RecursionError):
            return read_exactly(layout, line)
        if payload_of and payload[0] != _BRACE:
            return read_exactly(layout, line)
        if time is None or len(line) - len(payload) - len(time) >= shortest_with_more:
            wrapper = line.replace(payload, b"", 1)
            there = len(layout.payload) if time is None else len(nodes)
            if len(mentions(wrapper)) > there or not (wrapper.isascii() or _is_utf8(wrapper)):
                return read_exactly(layout, line)
        return _received(payload if payload_of else line, time)

    return read


def _shortest(layout: Layout) -> str:
    """Return the shortest wrapper of the layout, around no payload and a blank time."""
    wrapper: dict[str, Any] = {}
    for path in filter(None, (layout.payload, layout.time)):
        inner = wrapper
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = ""
    shortest = json.dumps(wrapper, separators=(",", ":"))
    return shortest.replace('""', "", 1) if layout.payload else shortest


def _is_utf8(data: bytes) -> bool:
    try:
        return data.decode() is not None
    except UnicodeDecodeError:
        return False


def _struct(layout: Layout, nodes: set[Path], at: Path) -> type[msgspec.Struct]:
    """Return the type of the object at a place in the wrapper."""
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, None]] = []
    names = {}
    for node in sorted(node for node in nodes if node[:-1] == at):
        names[node[-1]] = _name(node[-1])
        if node == layout.payload:
            required.append((names[node[-1]], msgspec.Raw))
        elif node == layout.payload[: len(node)]:
            required.append((names[node[-1]], _struct(layout, nodes, node)))
        elif node == layout.time:
            optional.append((names[node[-1]], str | None, None))
        else:
            optional.append((names[node[-1]], _struct(layout, nodes, node) | None, None))
    return msgspec.defstruct(
        "Wrapper",
        [*required, *optional],
        rename={name: key for key, name in names.items()},
        forbid_unknown_fields=not layout.others,
    )


def _name(key: str) -> str:
    """Return the name of an attribute for a key, which need not be an identifier."""
    return f"at_{key.encode().hex()}"


def _getter(path: Path) -> Callable[[Any], Any] | None:
    return attrgetter(".".join(map(_name, path))) if path else None


# ---- The exact way ---------------------------------------------------------------------------------


def read_exactly(layout: Layout, line: bytes) -> Received:
    """Read one line with every key in sight; the payload is a Python object unless it is the line itself."""
    try:
        record = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode(), object_pairs_hook=_Object)
        if not isinstance(record, _Object) or (not layout.others and _has_others(layout, record, ())):
            return Received(line)
        payload, time = _at(record, layout.payload), _at(record, layout.time)
        if layout.payload and (payload is _MISSING or _is_ambiguous(payload)):
            return Received(line)
    except (ValueError, RecursionError):
        return Received(line)
    return _received(payload if layout.payload else line, time if layout.time and time is not _MISSING else None)


class _Object(dict[str, Any]):
    """A JSON object that remembers the keys to which it was given two different values."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = {key for key, value in pairs if self[key] is not value and self[key] != value}


def _is_ambiguous(value: object) -> bool:
    """Return whether an object anywhere in a value lost something that was given to it."""
    if isinstance(value, _Object):
        return bool(value.twice) or any(map(_is_ambiguous, value.values()))
    return isinstance(value, list) and any(map(_is_ambiguous, value))


def _has_others(layout: Layout, record: Mapping[str, Any], at: Path) -> bool:
    """Return whether an object of the wrapper has keys that are on neither path."""
    paths = (layout.payload, layout.time)
    known = {path[len(at)]: path for path in paths if path[: len(at)] == at and len(path) > len(at)}
    return any(
        key not in known
        or ((*at, key) not in paths and isinstance(value, dict) and _has_others(layout, value, (*at, key)))
        for key, value in record.items()
    )


_MISSING = object()


def _at(record: Any, path: Path) -> Any:
    """Return the value at a place. Raise ``ValueError`` if a key on the way has two."""
    for key in path:
        if not isinstance(record, _Object) or key not in record:
            return _MISSING
        if key in record.twice:
            raise ValueError("a key has two different values")
        record = record[key]
    return record


def _received(payload: Payload, time: object) -> Received:
    """Return a payload with its time; where that is none, the refusal in place of the payload."""
    try:
        return Received(payload, None if time is None else in_utc("time", datetime.fromisoformat(time)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return Received(without_time(payload, time))


read_line = ENVELOPE.reader()
"""Read one line of a log: bare, or in the wrapper that this package writes."""
