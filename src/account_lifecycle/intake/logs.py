"""Event logs of any kind: what they are packed in, how they are written, and in which order their events are judged.

``open_log`` reads what people have: each log's beginning says how it is read (``detecting``), its records become
``Received`` with the place they are from, and several logs are merged by time. A log whose newest record comes first is
reversed, by way of a temporary file. Only one record of each log is in memory at a time, and a few thousand digests,
which tell of rows that are there twice. What was not as it should be is counted (``Summary``), and never hidden.

``read_log`` reads lines in one known layout: ``{"received_at": "2026-05-01T12:00:00Z", "payload": {...}}`` is the
wrapper that this package writes; a payload that was not JSON is carried in it as text.
"""

import heapq
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, tzinfo
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Literal, NamedTuple, Protocol

from ..errors import ConfigurationError, PayloadError
from ..lifecycle.events import Event, StatusAnnounced
from .archives import archived
from .detecting import LogReading, Writing, detect
from .dialects import FIELDS, TableRow
from .documents import elements
from .files import STDIN, OpenedLog, StoredLog, lines, members
from .finding import Object, columns_of
from .layouts import BARE, ENVELOPE, Layout, Received, Searcher, layout_of, received
from .payloads import Payload, without_time
from .tables import CsvRows, check_columns
from .times import MAX_AHEAD, TimeReader

__all__ = [
    "BARE",
    "ENVELOPE",
    "HowToRead",
    "Layout",
    "Log",
    "Received",
    "Summary",
    "layout_of",
    "open_log",
    "read_line",
    "read_log",
]

HEAD = 1 << 18
"""How many bytes at the beginning of a log decide how it is read."""
REMEMBERED = 1 << 16
"""How many rows are remembered to tell which are there twice."""
EXAMPLE = 200
"""How many bytes of an unreadable line are shown."""


class EventSource(Protocol):
    """A log that is no text, such as a file of Parquet."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def size(self) -> int | None:
        """How many bytes are stored."""

    position: int
    """How many bytes of it were read so far."""

    def events(self, clock: TimeReader) -> Iterator[tuple[int, Iterable[Received]]]:
        """Yield the number of each record with the events in it."""


AnyLog = str | Path | BinaryIO | EventSource


class HowToRead(NamedTuple):
    """How logs are read; by default all of it is detected."""

    layout: Layout | None = None
    """Where payload and time stand."""
    order: Literal["time", "file"] = "time"
    """Whether several logs are merged by time, or read one after the other as they are."""
    zone: tzinfo = UTC
    """The zone of times that have none."""
    columns: Mapping[str, str] = MappingProxyType({})
    """The names of columns by what they hold."""


def open_log(
    logs: AnyLog | Iterable[AnyLog],
    layout: Layout | None = None,
    order: Literal["time", "file"] = "time",
    *,
    zone: tzinfo = UTC,
    now: datetime | None = None,
    columns: Mapping[str, str] | None = None,
) -> "Log":
    """Return the events of one or several logs: files, ``"-"`` for standard input, or binary streams.

    ``layout`` says where payload and time stand; what it leaves open is detected. ``columns`` names the columns of
    tables by what they hold (``received_at``, ``payload`` and the fields of an event), if those are not the usual ones.
    ``order`` "file" keeps the order of the logs as they are; ``zone`` is that of times without one; what is more than a
    day after ``now`` is no time. Raise ``UnreadableLog`` for a log that cannot be opened.
    """
    if order not in ("time", "file"):
        raise ConfigurationError("order", repr(order), '"time" or "file"')
    check_columns(columns or {})
    given = [logs] if isinstance(logs, str | Path) or hasattr(logs, "read") or hasattr(logs, "events") else [*logs]
    files: list[StoredLog | EventSource] = []
    for number, log in enumerate(given, 1):
        if isinstance(log, str | Path):
            files += members(StoredLog(str(log), None if str(log) == STDIN else Path(log)))
        elif hasattr(log, "events"):
            files.append(log)  # type: ignore[arg-type]
        else:
            files.append(StoredLog(str(getattr(log, "name", f"stream {number}")), None, log))  # type: ignore[arg-type]
    return Log(files, layout, order, zone, now or datetime.now(UTC), columns or {})


class Unreadable:
    """What cannot be read for the same reason."""

    def __init__(self, error: PayloadError, source: str, line: int) -> None:
        self.count = 0
        self.kind = error.foreign or error.field
        """The field at fault, or which other kind of webhook it is."""
        self.reason = error.reason
        """Of the first."""
        self.example = error.payload[:EXAMPLE].decode(errors="replace")
        """The beginning of the first."""
        self.source = source
        self.line = line
        self.hint = hint_of(error.field, error.foreign)
        """What to try."""

    def to_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "count": self.count,
            "kind": self.kind,
            "reason": self.reason,
            "source": self.source or None,
            "line": self.line or None,
            "example": self.example,
            "hint": self.hint,
        }


def hint_of(field: str, foreign: str = "") -> str:
    """Return what to try where a field is at fault, or another kind of webhook came; blank if nothing is known."""
    if foreign:
        return "only account status webhooks are judged: subscribe them alone, or filter the log"
    return _HINTS.get(field.rpartition(".")[2], "")


_HINTS = {
    "payload": "say where the payload stands, such as --payload-at data.body; --detect shows how the log is read",
    "received_at": "say where the time stands, such as --time-at created_at",
    "row": "the table is damaged here, or its cells are not quoted as CSV",
    "line": "the log is damaged here, or what is in it is no JSON",
    "status": "a status is one of the vendor's words; --payload-at names the object that holds it",
}


class Summary:
    """What a log came to; complete when it was read to its end."""

    def __init__(self, zone: str = "UTC") -> None:
        self.zone = zone
        """The zone of times without one."""
        self.events = 0
        """How many payloads were handed on, whether or not they can be read."""
        self.undated = 0
        """How many of them had no time."""
        self.out_of_order = 0
        """How many of them came after a later one."""
        self.duplicates = 0
        """How many of them were the same as one before: the same bytes at the same time."""
        self.naive = 0
        """How many times had no zone of their own."""
        self.cut = 0
        """How many lines were too long to be read."""
        self.erased = 0
        """How many events of archives have no payload any more, which was erased."""
        self.reversed: list[str] = []
        """The logs whose newest event came first."""
        self.damage: list[str] = []
        """What is missing because a file is damaged, in words."""
        self.readings: dict[str, LogReading] = {}
        """How each log was read."""
        self.unreadable: dict[tuple[str, str], Unreadable] = {}
        """By what is alike in their reasons, the commonest of which is the most telling."""

    def add_unreadable(self, error: PayloadError, source: str = "", line: int = 0) -> None:
        """Count a payload that could not be read; for whoever reads them."""
        key = (error.foreign or error.field, error.expected)
        self.unreadable.setdefault(key, Unreadable(error, source, line)).count += 1

    def add_all_unreadable(self, other: "Summary") -> None:
        """Count what another one has counted, of another part of the same log."""
        for key, found in other.unreadable.items():
            mine = self.unreadable.setdefault(key, found)
            if mine is not found:
                first = min(mine, found, key=lambda each: (each.line, each.source))
                first.count = mine.count + found.count
                self.unreadable[key] = first

    @property
    def refused(self) -> int:
        """How many payloads could not be read."""
        return sum(each.count for each in self.unreadable.values())

    def lines(self, *, says_undated: bool = True) -> list[str]:
        """Return what there is to say beside the findings, in words, the most important first."""
        by_reading: dict[str, list[str]] = {}
        for name, reading in self.readings.items():
            by_reading.setdefault(str(reading), []).append(name)
        said = [
            f"read as: {reading}" if len(self.readings) == 1 else f"{_first_of(names)} read as: {reading}"
            for reading, names in by_reading.items()
        ]
        said += [f"{name}: {note}" for name, reading in self.readings.items() for note in reading.notes]
        said += self.damage
        said += [f"{name}: the newest event comes first, so it was read backwards" for name in self.reversed]
        for count, what in (
            (self.out_of_order, "out of order: an event that came after a later one"),
            (self.duplicates, "there twice: the same bytes at the same time"),
            (self.undated if says_undated else 0, "without a time, taken for now"),
            (self.naive, f"with a time without a zone, taken for {self.zone}; --timezone names another"),
            (self.cut, "too long to be read"),
            (self.erased, "whose payload was erased, taken as they are on record"),
        ):
            if count:
                said.append(f"{count:,} {what}")
        return said

    def to_dict(self) -> dict[str, object]:
        """Return the JSON shape."""
        return {
            "events": self.events,
            "undated": self.undated,
            "out_of_order": self.out_of_order,
            "duplicates": self.duplicates,
            "naive": self.naive,
            "cut": self.cut,
            "erased": self.erased,
            "reversed": self.reversed,
            "damage": self.damage,
            "read_as": {name: str(reading) for name, reading in self.readings.items()},
            "unreadable": [each.to_dict() for each in self.reasons()],
        }

    def reasons(self) -> list[Unreadable]:
        """Return what could not be read by its reasons, the commonest first."""
        return sorted(self.unreadable.values(), key=lambda each: -each.count)


def _first_of(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"


class Log:
    """The events of some logs, in order; iterate over it once."""

    def __init__(
        self,
        files: list[StoredLog | EventSource],
        layout: Layout | None,
        order: str,
        zone: tzinfo,
        now: datetime,
        columns: Mapping[str, str],
    ) -> None:
        self.summary = Summary(str(zone))
        self.names = tuple(file.name for file in files)
        """What the logs are called; ``Received.source`` is one of them."""
        self._files = files
        self._columns = columns
        self._open: list[OpenedLog | EventSource] = []
        self._done = 0
        self._layout = layout
        self.is_merged = order == "time"
        """Whether they are merged by time."""
        self._clock = TimeReader(zone)
        self._latest = now + MAX_AHEAD

    @property
    def size(self) -> int | None:
        """How many bytes are stored; None if some of them can be read once only."""
        sizes = [file.size for file in self._files]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def position(self) -> int:
        """How many bytes were read so far, as they are stored."""
        return self._done + sum(opened.position for opened in self._open)

    def readings(self) -> dict[str, LogReading]:
        """Return how each log would be read, without reading it; of streams, only what is there."""
        for file in self._files:
            if isinstance(file, StoredLog):
                with file.opened() as opened:
                    self._begin(file, opened)
        return self.summary.readings

    def __iter__(self) -> Iterator[Received]:
        """Yield the events. Raise ``UnreadableLog`` for a log that cannot be opened."""
        with ExitStack() as closing:
            if not self.is_merged:
                events: Iterable[Received] = chain.from_iterable(map(self._in_file_order, self._files))
            elif len(self._files) == 1:
                events = self._in_time(self._files[0], closing)
            else:
                streams = [_dated(self._in_time(file, closing)) for file in self._files]
                events = (event for _, event in heapq.merge(*streams, key=_first))
            try:
                yield from self._counted(events)
            finally:
                self.summary.naive = self._clock.naive

    # ---- One log ---------------------------------------------------------------------------------

    def _begin(self, file: StoredLog, opened: OpenedLog) -> tuple[LogReading, Iterator[bytes]]:
        """Return how a log is read, and all its pieces."""
        pieces = opened.pieces()
        head, is_all, is_live = b"", False, file.size is None
        while len(head) < HEAD and not is_all and not (is_live and b"\n" in head.lstrip()):
            more = next(pieces, None)
            head, is_all = head + (more or b""), more is None
        reading = detect(head, is_all, self._layout, self._columns)
        self.summary.readings[file.name] = reading
        return reading, chain([head], pieces)

    def _in_file_order(self, file: StoredLog | EventSource) -> Iterator[Received]:
        with ExitStack() as closing:
            yield from self._in_time(file, closing, reverses=False)

    def _in_time(
        self, file: StoredLog | EventSource, closing: ExitStack, *, reverses: bool = True
    ) -> Iterator[Received]:
        if not isinstance(file, StoredLog):
            return self._followed(self._events(file.name, file.events(self._clock)), file)
        opened = closing.enter_context(file.opened())
        reading, pieces = self._begin(file, opened)
        events = self._events(file.name, _records(reading, pieces, self._clock))
        if reading.is_descending and reverses:
            self.summary.reversed.append(file.name)
            events = _backwards(events)
        return self._followed(events, opened)

    def _followed(self, events: Iterator[Received], opened: OpenedLog | EventSource) -> Iterator[Received]:
        """Yield the events of a log; note how far it is, and what is missing in the end."""
        self._open.append(opened)
        yield from events
        self._done += opened.position
        self._open.remove(opened)
        if isinstance(opened, OpenedLog) and opened.damage:
            self.summary.damage.append(opened.damage)

    def _events(self, name: str, records: Iterator[tuple[int, Iterable[Received]]]) -> Iterator[Received]:
        """Yield the events of a log, each with its place."""
        latest = self._latest
        for number, record in records:
            for payload, at, _, _ in record:
                if at is not None and at > latest:
                    found = f"{at.isoformat()}, which is in the future"
                    payload, at = without_time(_kept(payload), found), None
                yield Received(payload, at, name, number)

    # ---- All of them -----------------------------------------------------------------------------

    def _counted(self, events: Iterable[Received]) -> Iterator[Received]:
        summary, last = self.summary, _LONG_AGO
        seen, seen_before = set[int](), set[int]()
        for event in events:
            payload, at, _, _ = event
            summary.events += 1
            if at is not None:
                if at < last:
                    summary.out_of_order += 1
                else:
                    last = at
                digest = hash((payload if isinstance(payload, bytes) else repr(payload), at))
                if digest in seen or digest in seen_before:
                    summary.duplicates += 1
                seen.add(digest)
                if len(seen) > REMEMBERED:
                    seen, seen_before = set(), seen
                if type(payload) is StatusAnnounced and not payload.payload:
                    summary.erased += 1
            elif not isinstance(payload, PayloadError):
                summary.undated += 1
            elif payload.field == "line" and payload.size > len(payload.payload):
                summary.cut += 1
            yield event


def _kept(payload: Payload | Event) -> Payload:
    """Return what is kept of what cannot be used."""
    return getattr(payload, "payload", b"") if isinstance(payload, Event) else payload


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _dated(events: Iterator[Received]) -> Iterator[tuple[datetime, Received]]:
    """Yield events with the time by which they are merged: those without one stay behind the one before."""
    last = _LONG_AGO
    for event in events:
        last = event.received_at or last
        yield last, event


def _first(pair: tuple[datetime, Received]) -> datetime:
    return pair[0]


def _records(
    reading: LogReading, pieces: Iterator[bytes], clock: TimeReader
) -> Iterator[tuple[int, Iterable[Received]]]:
    """Yield the number of each record of a log with the events in it."""
    if reading.head is not None:
        yield from _rows(reading, CsvRows(lines(pieces), reading.head), clock)
        return
    read = archived if reading.form is Writing.ARCHIVE else reading.layout.event_reader(clock)
    if reading.form is Writing.DOCUMENTS:
        for number, element in enumerate(elements(pieces, reading.array), 1):
            yield number, [Received(element)] if isinstance(element, PayloadError) else read(element)
        return
    for first, block in lines(pieces):
        for number, line in enumerate(block, first):
            if isinstance(line, PayloadError):
                yield number, [Received(line)]
            elif text := line.strip():
                yield number, read(text)


def _rows(reading: LogReading, rows: CsvRows, clock: TimeReader) -> Iterator[tuple[int, Iterable[Received]]]:
    assert reading.head is not None
    names, layout, slow = reading.head.names, reading.layout, Searcher(reading.layout, clock)
    at = names.index(layout.time[0]) if len(layout.time) == 1 and layout.time[0] in names else None
    payload = names.index(layout.payload[0]) if len(layout.payload) == 1 and layout.payload[0] in names else None
    columns = columns_of(names)
    places = [names.index(columns[field]) if field in columns else None for field in FIELDS]
    is_plain = at is not None or not layout.time
    for number, cells in rows:
        if isinstance(cells, PayloadError):
            yield number, [Received(cells)]
            continue
        time = None if at is None else cells[at]
        if is_plain and payload is not None and cells[payload][:1] == "{":
            data = cells[payload].encode("utf-8", errors="surrogateescape")
            yield number, [received(data, time, clock)]
        elif is_plain and layout.is_row and not layout.payload and "{" not in "".join(cells):
            row = TableRow(*[None if place is None else cells[place] for place in places])
            yield number, [received(row, time, clock)]
        else:
            record = Object([*zip(names, cells, strict=True)])
            yield number, slow.read_value(record, []) or [Received(str(dict(record)))]


def _backwards(events: Iterator[Received]) -> Iterator[Received]:
    """Yield events from the last to the first, by way of a temporary file."""
    import pickle
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        places = array("q")
        block: list[Received] = []
        for event in events:
            block.append(event)
            if len(block) == 1000:
                places.append(file.tell())
                pickle.dump(block, file)
                block = []
        yield from reversed(block)
        for place in reversed(places):
            file.seek(place)
            yield from reversed(pickle.load(file))


def read_log(lines: Iterable[bytes], layout: Layout = ENVELOPE) -> Iterator[Received]:
    """Yield the payloads of a log, line by line; blank lines are skipped.

    Nothing is refused here: a line that is not JSON is handed on as it is, and feeding it says why.
    """
    read = layout.reader()
    for line in lines:
        if text := line.strip():
            yield read(text)


read_line = ENVELOPE.reader()
"""Read one line of a log: bare, or in the wrapper that this package writes."""
