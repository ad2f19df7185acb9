"""Where in a line of a log the payload and the time of its arrival stand, and reading lines by it.

A ``Layout`` is compiled into nested msgspec structs that have fields for the keys on its two paths and no others, and
in which the payload stays the bytes that it is (``Raw``): a line is opened without a look into its payload, which is
for ``payloads.parse`` to read. Of several values of one key, msgspec keeps the last without a word, and it lets bytes
pass that are not UTF-8. So its answer is taken only if nothing of the kind can be in the wrapper, which is too short
for it or else is searched. All other lines are read by the walker of ``finding``: slowly, but with every key in sight.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from ..errors import ConfigurationError, PayloadError
from ..lifecycle.events import Event
from .dialects import Path
from .finding import EACH, NOT_THERE, Kind, Object, at, columns_of, find, row_of, time_in_text, unwrapped
from .payloads import MAX_BYTES, Payload, without_time
from .times import TimeReader


class Received(NamedTuple):
    """A payload with the time of its arrival, for feeding a log."""

    payload: Payload | Event
    """A ``PayloadError`` where a log has something that is none, which feeding it puts into the quarantine; from an
    archive the event itself."""
    received_at: datetime | None = None
    """Aware; None for now."""
    source: str = ""
    """The log that it is from, if it is from one."""
    line: int = 0
    """Its place there, from 1: the line, the row, or the element of an array."""


class Layout(NamedTuple):
    """Where in a line of a log the payload and the time of its arrival stand."""

    payload: Path
    """The keys that lead to the payload, ``[]`` for each element of an array; none if the line is the payload."""
    time: Path = ()
    """The keys that lead to the time, outside the payload unless the line is that; none if there is no time."""
    others: bool = True
    """Whether the wrapper may have other keys too; if not, a line that has some is a bare payload."""
    is_row: bool = False
    """Whether what stands there is a row of a table: its columns hold the fields of an event."""

    def __str__(self) -> str:
        what = "columns of an event" if self.is_row else "payload"
        place = f"{what} at `{shown_path(self.payload)}`" if self.payload else f"{what} at the top"
        if self.time == IN_PREFIX:
            return f"{place}, time in front of it"
        return f"{place}, time at `{shown_path(self.time)}`" if self.time else f"{place}, no time"

    def reader(self) -> "ReadLine":
        """Return the function that reads one line, without surrounding space.

        It refuses nothing: a line that is not in this layout is handed on whole, as a bare payload. Raise
        ``ConfigurationError`` if the time is said to be in the payload.
        """
        if self.payload and self.time[: len(self.payload)] == self.payload:
            raise ConfigurationError("layout.time", ".".join(self.time), "a place outside the payload")
        for key in (*self.payload, *self.time):
            if not _is_plain(key):
                raise ConfigurationError("layout", repr(key), "a key in plain ASCII without quotation marks")
        if not self.payload and not self.time:
            return Received
        clock = TimeReader()
        return _compiled(self, clock, lambda line: read_exactly(self, line, clock), Received)

    def event_reader(self, clock: TimeReader) -> Callable[[bytes], list[Received]]:
        """Return the function that reads the events of one line of a log of any kind.

        A line in another layout is searched for the vendor's object; one that has none is handed on whole.
        """
        slow = Searcher(self, clock)
        paths = (*self.payload, *self.time)
        if self == Layout((), IN_PREFIX):
            return _first_of(_behind_text(clock), slow.read)
        is_inside = bool(self.payload) and self.time[: len(self.payload)] == self.payload
        if is_inside or self.is_row or EACH in paths or self.time == IN_PREFIX or not all(map(_is_plain, paths)):
            return slow.read
        fast = _compiled(self._replace(others=True), clock, _hand_over, _hand_over) if paths else _bare
        return _first_of(fast, slow.read)


def layout_of(payload: str, time: str = "") -> Layout:
    """Return the layout that two paths in words name, such as ``data.body`` and ``created_at``; blank for none.

    Raise ``ConfigurationError`` for what is no path.
    """
    paths = []
    for name, text in (("payload", payload), ("time", time)):
        steps = tuple(re.findall(r"\[\]|`[^`]+`|[^.\[\]`]+", text))
        if (text and not steps) or shown_path(tuple(step.strip("`") for step in steps)) != text.replace("`", ""):
            raise ConfigurationError(name, repr(text), "keys with dots between them, [] for each element of an array")
        paths.append(tuple(step.strip("`") for step in steps))
    return Layout(paths[0], paths[1])


def shown_path(path: Path) -> str:
    """Return a path as people write it."""
    return "".join(key if key == EACH or not number else f".{key}" for number, key in enumerate(path))


ReadLine = Callable[[bytes], Received]

IN_PREFIX: Path = ("(prefix)",)
"""The path to a time that stands in the text before the event."""
ENVELOPE = Layout(("payload",), ("received_at",), others=False)
"""The wrapper that this package writes."""
BARE = Layout(())
"""Payloads and nothing else."""


def _is_plain(key: str) -> bool:
    return json.dumps(key) == f'"{key}"'


def _first_of(fast: ReadLine, slow: Callable[[bytes], list[Received]]) -> Callable[[bytes], list[Received]]:
    def read(line: bytes) -> list[Received]:
        try:
            return [fast(line)]
        except _Elsewhere:
            return slow(line)

    return read


class _Elsewhere(Exception):
    """A line cannot be read by its layout in the fast way."""


def _hand_over(_line: bytes) -> Received:
    raise _Elsewhere


def _bare(line: bytes) -> Received:
    if line.startswith(b'{"AccountStatus"'):
        return Received(line)
    raise _Elsewhere


def received(payload: Payload, time: object, clock: TimeReader) -> Received:
    """Return a payload with its time; where that is none, the refusal in place of the payload."""
    try:
        return Received(payload, None if time is NOT_THERE else clock.read(time))
    except ValueError:
        return Received(without_time(payload, time))


# ---- The fast way ----------------------------------------------------------------------------------


_BRACE, _QUOTE = ord("{"), ord('"')


def _compiled(layout: Layout, clock: TimeReader, exactly: ReadLine, without_key: ReadLine) -> ReadLine:
    """Return the reader of a layout: what it makes of a line is what ``exactly`` makes of it, sooner.

    ``without_key`` reads the lines in which the first key to the payload is not.
    """
    paths = [path for path in (layout.payload, layout.time) if path]
    nodes = {path[:depth] for path in paths for depth in range(1, len(path) + 1)}
    keys = [json.dumps(key) for key in sorted({key for path in paths for key in path})]
    # A key that is on the paths, or one that is spelt with an escape and so may be.
    mentions = re.compile(rf'(?:{"|".join(map(re.escape, keys))}|\\u[^"]*")\s*:'.encode()).findall
    usual = [*Counter(json.dumps(node[-1]).encode() for node in nodes).items()]
    one_more = len('"":0,') if layout.others else min(len(f"{key}:0,") for key in keys)
    shortest_with_more = len(_shortest(layout)) + one_more
    needed = json.dumps(paths[0][0]).encode()
    decode = msgspec.json.Decoder(_struct(layout, nodes, ())).decode
    payload_of, time_of = _getter(layout.payload), _getter(layout.time)

    def read(line: bytes) -> Received:
        if needed not in line and b"\\" not in line:
            return without_key(line)
        try:
            record = decode(line)
            payload = bytes(payload_of(record)) if payload_of else b""
            time = time_of(record) if time_of else None
        except (msgspec.DecodeError, AttributeError, RecursionError):
            return exactly(line)
        inner = payload
        if payload_of and payload[0] != _BRACE:
            inner = _object_in(payload)
            if not inner:
                return exactly(line)
        if time is None or len(line) - len(payload) - (len(time) if type(time) is str else 0) >= shortest_with_more:
            wrapper = line.replace(payload, b"", 1) if payload else line
            for key, count in usual:
                if wrapper.count(key) > count or b"\\u" in wrapper:
                    there = len(layout.payload) if time is None else len(nodes)
                    if len(mentions(wrapper)) > there:
                        return exactly(line)
                    break
            if not (wrapper.isascii() or _is_utf8(wrapper)):
                return exactly(line)
        return received(inner if payload_of else line, time, clock)

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
            optional.append((names[node[-1]], str | int | float | None, None))
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


_text = msgspec.json.Decoder(str).decode
_check = msgspec.json.Decoder(msgspec.Raw).decode


def _object_in(payload: bytes) -> bytes:
    """Return the object that stands as JSON in a JSON text, after whatever else; blank if it is another value."""
    if payload[0] != _QUOTE:
        return b""
    try:
        return _after_prefix(_text(payload).encode())[1]
    except (msgspec.MsgspecError, ValueError):
        return b""


def _after_prefix(line: bytes) -> tuple[bytes, bytes]:
    """Return the text in front of an object that ends a line, and the object; blank if there is none."""
    start = 0 if line[:1] == b"{" else line.find(b'{"AccountStatus"')
    if start < 0:
        return b"", b""
    try:
        inner = line[start:].strip()
        _check(inner)
    except (msgspec.MsgspecError, RecursionError):
        return b"", b""
    return line[:start], inner


def _behind_text(clock: TimeReader) -> ReadLine:
    """Return the reader of lines in which a bare payload stands behind a text with a time in it."""

    def read(line: bytes) -> Received:
        prefix, payload = _after_prefix(line)
        if not prefix or not payload:
            raise _Elsewhere
        return received(payload, time_in_text(prefix.decode(errors="replace")), clock)

    return read


# ---- The exact way ---------------------------------------------------------------------------------


def read_exactly(layout: Layout, line: bytes, clock: TimeReader) -> Received:
    """Read one line with every key in sight; the payload is a Python object unless it is the line itself."""
    try:
        record = json.loads(line.removeprefix(b"\xef\xbb\xbf").decode(), object_pairs_hook=Object)
        if not isinstance(record, Object) or (not layout.others and _has_others(layout, record, ())):
            return Received(line)
        payload, time = _at(record, layout.payload), _at(record, layout.time)
        if layout.payload and (payload is NOT_THERE or is_ambiguous(payload)):
            return Received(line)
    except (ValueError, RecursionError):
        return Received(line)
    return received(payload if layout.payload else line, time if layout.time else NOT_THERE, clock)


def is_ambiguous(value: object) -> bool:
    """Return whether an object anywhere in a value lost something that was given to it."""
    if isinstance(value, Object):
        return bool(value.twice) or any(map(is_ambiguous, value.values()))
    return isinstance(value, list) and any(map(is_ambiguous, value))


def _has_others(layout: Layout, record: Mapping[str, Any], at: Path) -> bool:
    """Return whether an object of the wrapper has keys that are on neither path."""
    paths = (layout.payload, layout.time)
    known = {path[len(at)]: path for path in paths if path[: len(at)] == at and len(path) > len(at)}
    return any(
        key not in known
        or ((*at, key) not in paths and isinstance(value, dict) and _has_others(layout, value, (*at, key)))
        for key, value in record.items()
    )


def _at(record: Any, path: Path) -> Any:
    """Return the value at a place. Raise ``ValueError`` if a key on the way has two."""
    for key in path:
        if not isinstance(record, Object) or key not in record:
            return NOT_THERE
        record = record.only(key)
    return record


class Searcher:
    """Reads the events of a record by walking its paths; where they lead nowhere, by searching for the event."""

    def __init__(self, layout: Layout, clock: TimeReader) -> None:
        self._layout = layout
        self._clock = clock

    def read(self, line: bytes) -> list[Received]:
        """Return the events of one line."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return [Received(line)]
        prefix: list[str] = []
        value = unwrapped(text, prefix)
        if not isinstance(value, dict | list):
            return [Received(line)]
        is_whole = not self._layout.payload and isinstance(value, Object) and line[:1] == b"{"
        found = self.read_value(value, prefix, line if is_whole else None)
        return found or [Received(line)]

    def read_value(self, value: Any, prefix: list[str], line: bytes | None = None) -> list[Received]:
        """Return the events of a record; none if there is no event in it.

        ``line`` is what is kept of an event that is the whole record.
        """
        layout, events = self._layout, []
        time_path = () if layout.time == IN_PREFIX else layout.time
        try:
            for inner, time in at(value, layout.payload, time_path, prefix=prefix):
                inner = unwrapped(inner, prefix)
                if layout.time == IN_PREFIX and prefix:
                    time = time_in_text(prefix[0])
                events += self._events(inner, time, line if inner is value else None)
        except (ValueError, RecursionError):
            return [] if line is None else [Received(line)]
        return events

    def _events(self, value: Any, time: Any, line: bytes | None) -> list[Received]:
        if self._layout.is_row and isinstance(value, Object):
            found = find(value)
            if not found or found[0].kind == Kind.ROW:
                return [received(row_of(value, columns_of(value)), time, self._clock)]
        else:
            found = [each for each in find(value) if each.kind != Kind.ROW]
        events = []
        for each in found:
            if each.path != found[0].path:  # the same event once more, such as a body beside its parsed form
                continue
            if is_ambiguous(each.value):
                events.append(Received(_twice(each.value)))
                continue
            events.append(received(each.value if line is None or each.path else line, time, self._clock))
        return events or ([] if value is NOT_THERE or line is not None else [received(_kept(value), time, self._clock)])


def _kept(value: Any) -> Payload:
    """Return what is handed on of a value that is no event."""
    return value if isinstance(value, str | Mapping) else json.dumps(value, ensure_ascii=False)


def _twice(value: Any) -> PayloadError:
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    return PayloadError("payload", "a key with two different values", "every key once", text[:MAX_BYTES], len(text))
