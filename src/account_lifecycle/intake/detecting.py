"""How a log is to be read, from a sample of its beginning: lines, whole documents or a table, and in which layout.

Every record of the sample is searched for the vendor's object. The path at which most of them have it is the layout's;
of what else is called like a time and is one, the likeliest by its name. What was not clear is kept as a note.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice, pairwise
from typing import Any, NamedTuple

from ..errors import ConfigurationError, PayloadError
from .archives import is_archive
from .dialects import Path
from .documents import elements, sample_of
from .finding import EACH, NOT_THERE, Found, Kind, Object, columns_of, find, time_in_text, time_paths, unwrapped
from .layouts import BARE, ENVELOPE, IN_PREFIX, Layout, Searcher, shown_path
from .tables import CsvRows, TableHead, head_of
from .times import TIME_RANKS, TimeReader, folded

_JSON_BEGINS = re.compile(r"\s*(\{|\[\s*([{\[\"]|$))")
SAMPLE = 200
"""How many records are looked at."""


class Writing(StrEnum):
    """What the records of a log are."""

    LINES = "lines"
    DOCUMENTS = "documents"
    TABLE = "table"
    ARCHIVE = "archive of a store"


class LogReading(NamedTuple):
    """How one log is read."""

    form: Writing
    layout: Layout
    array: Path | None = None
    """Of documents: the keys to the array whose elements are the records; None if those are the documents."""
    head: TableHead | None = None
    """Of a table."""
    is_descending: bool = False
    """Whether the newest record comes first."""
    notes: tuple[str, ...] = ()
    """What was not clear, in words."""

    def __str__(self) -> str:
        layout, inside = self.layout, (*(self.array or ()), EACH)
        if self.array is not None:
            layout = layout._replace(
                payload=(*inside, *layout.payload), time=(*inside, *layout.time) if layout.time else ()
            )
        if self.form is Writing.ARCHIVE:
            return f"{self.form.value}, as db prune writes it"
        what = f"{self.form.value}, " if self.form is not Writing.LINES else ""
        return f"{what}{layout}{', newest first' if self.is_descending else ''}"


Sample = tuple[Any, list[str]]
"""A record of the sample, and the text before it."""


def detect(
    head: bytes, is_all: bool, given: Layout | None = None, columns: Mapping[str, str] | None = None
) -> LogReading:
    """Return how a log is read whose beginning is ``head``, which ``is_all`` says is the whole of it.

    ``given`` is what is known of its layout, and ``columns`` the names of columns by what they hold; raise
    ``ConfigurationError`` if there are none such.
    """
    text = head.decode("utf-8", errors="replace")
    lines = text.split("\n")
    if not is_all and len(lines) > 1:
        lines.pop()
    lines = [line for line in lines if line.strip()]
    if given is None and not columns and lines and is_archive(_json(lines[0])):
        return LogReading(Writing.ARCHIVE, ENVELOPE)
    array: Path | None = None
    table = head_of(lines[:50])
    if columns and lines:
        if table is None:
            raise ConfigurationError("columns", "a log that is no table", "--payload-at and --time-at for such a log")
        table, given = table.called(columns), _given_by(columns)
    if table is not None:
        form = Writing.TABLE
        block: list[bytes | PayloadError] = [line.encode("utf-8", errors="replace") for line in lines]
        blocks = iter([(1, block)])
        rows = (cells for _, cells in CsvRows(blocks, table) if not isinstance(cells, PayloadError))
        samples: list[Sample] = [
            (Object([*zip(table.names, cells, strict=True)]), []) for cells in islice(rows, SAMPLE)
        ]
    elif _is_documents(text, lines):
        form = Writing.DOCUMENTS
        array = _array_in(sample_of(head))
        found = (each for each in elements(iter([head]), array) if isinstance(each, bytes))
        samples = [(unwrapped(each.decode(errors="replace")), []) for each in islice(found, SAMPLE)]
        samples = samples or [(sample_of(head), [])]
    else:
        form, samples = Writing.LINES, list(_opened(lines[:SAMPLE]))
    if array is not None and given is not None:
        given = _inside(given, array)
    layout, notes = choose(samples, given)
    if table is not None and given is None:
        layout, notes = _by_header(table, samples, layout, notes)
    if array is not None and given is None and not layout.time:
        whole, _ = choose([(sample_of(head), [])])
        if whole.time:  # it stands beside the array, so a document is one record
            array, layout = None, whole
    return LogReading(form, layout, array, table, _is_descending(samples, layout), notes)


def _is_documents(text: str, lines: list[str]) -> bool:
    if not lines or not _JSON_BEGINS.match(text):
        return False
    whole = [_json(line) for line in lines[:20]]
    if len(lines) > 1:
        if isinstance(whole[0], dict):
            return False
        return sum(isinstance(each, dict | list) for each in whole) * 2 < len(whole)
    return not isinstance(whole[0], dict) or any(EACH in found.path for found in find(whole[0]))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _array_in(value: Any) -> Path | None:
    """Return the keys to the outermost array in which events are; None if there is none in the JSON itself."""
    path = next((found.path for found in find(value) if EACH in found.path), None)
    if path is None:
        return () if isinstance(value, list) else None
    array = path[: path.index(EACH)]
    for key in array:
        value = value.get(key) if isinstance(value, dict) else None
    return array if isinstance(value, list) else None


def _opened(lines: list[str]) -> Iterator[Sample]:
    for line in lines:
        prefix: list[str] = []
        yield unwrapped(line, prefix), prefix


def _inside(layout: Layout, array: Path) -> Layout:
    """Return a layout that is given for whole documents as that of the elements of an array in them."""
    start = (*array, EACH)
    payload, time = (path[len(start) :] if path[: len(start)] == start else path for path in layout[:2])
    return layout._replace(payload=payload, time=time)


def _by_header(
    table: TableHead, samples: list[Sample], layout: Layout, notes: tuple[str, ...]
) -> tuple[Layout, tuple[str, ...]]:
    """Return the layout of a table with what its header alone tells: the columns of an event, and the time."""
    if layout == BARE and {"account_id", "status"} <= columns_of(table.names).keys():
        layout, notes = _timed(samples, Layout((), is_row=True))
    times = sorted((TIME_RANKS[folded(name)], name) for name in table.names if folded(name) in TIME_RANKS)
    return layout if layout.time or not times else layout._replace(time=(times[0][1],)), notes


def _given_by(columns: Mapping[str, str]) -> Layout | None:
    """Return the layout that names for columns amount to: a payload, or the fields of an event, and a time."""
    time = ("received_at",) if "received_at" in columns else ()
    if "payload" in columns:
        return Layout(("payload",), time)
    return Layout((), time, is_row=bool(columns.keys() - {"received_at"}))


def choose(samples: list[Sample], given: Layout | None = None) -> tuple[Layout, tuple[str, ...]]:
    """Return the layout in which most records of a sample are, and what was not clear.

    What is ``given`` stays; what that leaves open is chosen.
    """
    if given is not None and (given.time or not given.others) and (given.payload or given.is_row):
        return given, ()
    if given is not None and (given.payload or given.is_row):
        return _timed(samples, given)
    if given is not None and given.time:
        layout, said = choose(samples)
        return layout._replace(time=given.time), said
    finds = [(value, prefix, find(value)) for value, prefix in samples]
    seen: Counter[tuple[Kind, Path]] = Counter()
    for _, _, found in finds:
        seen.update({each[:2]: None for each in found}.keys())
    if not seen:
        return BARE, (f"no event was found in the first {len(samples):,} records",) if samples else ()
    kind = max(kind for kind, _ in seen)
    best = max((key for key in seen if key[0] == kind), key=lambda key: (seen[key], -len(key[1])))
    payload, is_row = best[1], kind == Kind.ROW
    notes = [
        f"an event stands at `{shown_path(path) or 'the top'}` too, in {count:,} of {len(samples):,} records"
        for (other, path), count in seen.items()
        if other == kind and path != payload
    ]
    mine = [(value, prefix) for value, prefix, found in finds if _has(found, best)]
    time, others = _time_of(mine, (*payload, "\0") if is_row else payload)
    if not time:
        time, others = _time_of(mine, (*payload, "\0"))
    if not time and sum(time_in_text("".join(prefix)) is not NOT_THERE for _, prefix in mine) * 2 > len(mine):
        time = IN_PREFIX
    notes += [f"`{shown_path(path)}` may be the time too" for path in others]
    return Layout(payload, time, is_row=is_row), tuple(notes)


def _timed(samples: list[Sample], given: Layout) -> tuple[Layout, tuple[str, ...]]:
    """Return a layout with the likeliest time."""
    for inside in (given.payload, (*given.payload, "\0")):
        time, others = _time_of(samples, inside)
        if time:
            return given._replace(time=time), tuple(f"`{shown_path(path)}` may be the time too" for path in others)
    return given, ()


def _has(found: list[Found], best: tuple[Kind, Path]) -> bool:
    return any(each[:2] == best for each in found)


def _time_of(samples: list[Sample], payload: Path) -> tuple[Path, list[Path]]:
    """Return the likeliest path to a time, and others that are as likely."""
    clock, seen = TimeReader(), Counter[Path]()
    for value, _ in samples:
        seen.update(dict.fromkeys(time_paths(value, payload, clock)).keys())
    usual = [path for path, count in seen.items() if count * 5 >= len(samples)]

    def unlikely(path: Path) -> tuple[bool, int, int, int]:
        shared = sum(1 for one, other in zip(path, payload, strict=False) if one == other)
        return seen[path] * 2 <= len(samples), TIME_RANKS[folded(path[-1])], -shared, len(path)

    usual.sort(key=unlikely)
    return (usual[0] if usual else ()), [path for path in usual[1:] if unlikely(path) == unlikely(usual[0])]


def _is_descending(samples: list[Sample], layout: Layout) -> bool:
    read = Searcher(layout, TimeReader()).read_value
    events = (event for value, prefix in samples if isinstance(value, dict | list) for event in read(value, prefix))
    times = [event.received_at for event in events if event.received_at is not None]
    steps = {(later > earlier) - (later < earlier) for earlier, later in pairwise(times)}
    return -1 in steps and 1 not in steps
