"""The logs that every contender reads: as many events of as many accounts as are asked for, made in a minute.

A fleet is simulated once, with every fault but unreadable payloads at one percent, and its log is told again and again:
each copy with account ids and names of its own, a day after the copy before it, so that accounts of all ages are mixed
and time never goes back. A simulated life has some twenty events in a year. Where an account is to have more, it lives
its year again and again; deletions are left out then, and one event in eight is odd instead of one in twenty.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import product
from math import ceil
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from replay_contract import SAMPLE, Log
from replay_simulated import LIVED, simulated

SIMULATED = 50_000
"""How many accounts are simulated at most; the others are copies."""
ONE_GARBAGE_IN = 1_000
AT_A_TIME = 250_000
"""Roughly how many events are made at a time."""
ROW_GROUP = 1 << 20
"""pyarrow's default."""

_DAY_US = 86_400_000_000
_TAGS = ["".join(pair) for pair in product(ascii_letters + digits + "-_", repeat=2)]
"""What the account ids of each copy begin with."""
GARBAGE = (
    b"{not json at all",
    b'{"received_at": "2026-01-01T00:00:00Z", "payload": {"AccountStatus": {"account_id": "cut off',
    b'{"AccountStatus": {"account_id": "", "account_type": "LINKEDIN", "message": "OK"}}',
    b'{"AccountStatus": {"account_id": 7, "account_type": "LINKEDIN", "message": "OK"}}',
    b'{"AccountStatus": {"account_id": "no-status", "account_type": "LINKEDIN"}}',
    b'{"AccountStatus": ["a", "list"]}',
    b'{"AccountStatus": {"account_id": "\xff\xfe", "account_type": "LINKEDIN", "message": "OK"}}',
    b"[" * 500,
)
"""Lines that are no events, each for a reason of its own."""


class Shape(NamedTuple):
    """What a log is asked to be."""

    events: int
    accounts: int


class Logs:
    """A folder of logs. What was made once is found again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def log(self, shape: Shape, *, formats: tuple[str, ...] = ("jsonl", "parquet"), garbage: bool = False) -> Log:
        """A log of that shape; its number of events may fall a little short of it."""
        small = Shape(SAMPLE, SAMPLE // 16)
        self._events(small, tuple(_WRITERS), garbage=False)
        events = self._events(shape, formats, garbage)
        return Log(
            events,
            *self._paths(shape, garbage),
            *self._paths(small, garbage=False),
            garbage=events // ONE_GARBAGE_IN if garbage else 0,
        )

    @contextmanager
    def passing(self, shape: Shape) -> Iterator[Log]:
        """A log that is removed after use, unless it was kept before."""
        kept = self._stem(shape, False).with_suffix(".json")
        was_kept = kept.exists()
        log = self.log(shape)
        yield log
        if not was_kept:
            for path in (kept, Path(log.json_lines), Path(log.parquet)):
                path.unlink()

    def size(self) -> int:
        """How many bytes all of it has."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def free(self) -> int:
        """How many bytes the disk has left."""
        return shutil.disk_usage(self.folder).free

    def _events(self, shape: Shape, formats: tuple[str, ...], garbage: bool) -> int:
        """How many events there are in a log, which is made if it is not there."""
        stem = self._stem(shape, garbage)
        kept = stem.with_suffix(".json")
        if not all(path.exists() for path in (kept, *(stem.with_suffix(f".{f}") for f in formats))):
            kept.write_text(json.dumps(self._make(shape, formats, garbage)))
        return int(json.loads(kept.read_text()))

    def _paths(self, shape: Shape, garbage: bool) -> tuple[str, str]:
        stem = self._stem(shape, garbage)
        return str(stem.with_suffix(".jsonl")), str(stem.with_suffix(".parquet"))

    def _stem(self, shape: Shape, garbage: bool) -> Path:
        return self.folder / f"log-{shape.events}-{shape.accounts}{'-garbage' if garbage else ''}"

    def _make(self, shape: Shape, formats: tuple[str, ...], garbage: bool) -> int:
        copies = ceil(shape.accounts / SIMULATED)
        base = simulated(self.folder, shape.accounts // copies, shape.events / shape.accounts)
        is_strung = shape.events / shape.accounts > LIVED[-1][0] * 1.01
        if is_strung:
            base = base.filter(pc.not_equal(base["status"], "DELETED"))
        repeats = ceil(shape.events / (len(base) * copies)) if is_strung else 1
        stem = self._stem(shape, garbage)
        writers = [_WRITERS[f](stem.with_suffix(f".{f}"), garbage) for f in formats]
        events = 0
        for rows in _told(base, copies, repeats, shape.events):
            for writer in writers:
                writer.write(base, rows, events)
            events += len(rows.row)
        for writer in writers:
            writer.close()
        return events


# ---- Told again and again ----------------------------------------------------------------------------


class _Rows(NamedTuple):
    """Some of what is told: the simulated line, which copy tells it, and how many days later."""

    row: NDArray[np.int64]
    copy: NDArray[np.int64]
    later: NDArray[np.int64]


def _told(base: pa.Table, copies: int, repeats: int, events: int) -> Iterator[_Rows]:
    at = base["at"].to_numpy()
    day = at // _DAY_US
    first, span = int(day[0]), int(day[-1] - day[0] + 1)
    later = (np.arange(repeats)[:, None] * span + np.arange(copies)).ravel()
    copy = np.tile(np.arange(copies), repeats)
    stride = max(1, AT_A_TIME * span // (len(base) * copies))
    for begin in range(first, first + span * repeats + copies, stride):
        lows, highs = (np.searchsorted(day, begin + days - later) for days in (0, stride))
        found = _merged(lows, highs, copy, later, at)
        found = _Rows(*(column[:events] for column in found))
        events -= len(found.row)
        if len(found.row):
            yield found


def _merged(lows: Any, highs: Any, copy: Any, later: Any, at: Any) -> _Rows:
    """Stretches of lines, one of each copy, in the order of their time."""
    counts = highs - lows
    row = np.arange(counts.sum()) + np.repeat(lows - np.cumsum(counts) + counts, counts)
    later = np.repeat(later, counts)
    order = np.argsort(at[row] + later * _DAY_US, kind="stable")
    return _Rows(row[order], np.repeat(copy, counts)[order], later[order])


class _JsonLines:
    def __init__(self, path: Path, garbage: bool) -> None:
        self._file = path.open("wb")
        self._garbage = garbage

    def write(self, base: pa.Table, rows: _Rows, before: int) -> None:
        taken = base.select(["at", "middle", "rest", "named", "end"]).take(rows.row).combine_chunks()
        named = taken["named"].to_numpy()
        tags = pa.array([tag.encode() for tag in _TAGS], pa.binary())
        suffixes = pa.array([b"", *(f"-{tag}".encode() for tag in _TAGS)], pa.binary())
        pieces = [
            _dates(taken["at"].to_numpy() // _DAY_US + rows.later),
            taken["middle"],
            tags.take(rows.copy),
            taken["rest"],
            suffixes.take((rows.copy + 1) * named),
            taken["end"],
            self._between(before, len(rows.row)),
        ]
        pieces = [piece.combine_chunks() if isinstance(piece, pa.ChunkedArray) else piece for piece in pieces]
        lines = pc.binary_join_element_wise(b'{"received_at": "', *pieces, b"")
        lines = lines.combine_chunks() if isinstance(lines, pa.ChunkedArray) else lines
        self._file.write(lines.buffers()[2])

    def close(self) -> None:
        self._file.close()

    def _between(self, before: int, count: int) -> pa.Array:
        """What follows the lines that are events."""
        number = np.arange(before + 1, before + count + 1)
        is_due = (number % ONE_GARBAGE_IN == 0) & self._garbage
        kinds = pa.array([b"", *(line + b"\n" for line in GARBAGE)], pa.binary())
        return kinds.take(pa.array(np.where(is_due, 1 + number // ONE_GARBAGE_IN % len(GARBAGE), 0)))


class _Parquet:
    def __init__(self, path: Path, garbage: bool) -> None:
        assert not garbage or path.suffix != ".parquet", "a table has no unreadable lines"
        self._path = path
        self._file: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, base: pa.Table, rows: _Rows, _before: int) -> None:
        taken = base.select(["at", "id", "account_type", "status", "product", "name"]).take(rows.row).combine_chunks()
        tags = pa.array(_TAGS).take(rows.copy)
        at = pa.array(taken["at"].to_numpy() + rows.later * _DAY_US)
        columns = {
            "received_at": at.cast(pa.timestamp("us", "UTC")),
            "account_id": pc.binary_join_element_wise(tags, taken["id"].combine_chunks(), ""),
            **{name: taken[name] for name in ("account_type", "status", "product")},
            "name": pc.binary_join_element_wise(taken["name"].combine_chunks(), tags, "-"),
        }
        self._waiting.append(pa.table(columns))
        if sum(map(len, self._waiting)) >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def close(self) -> None:
        self._flush(0)
        if self._file is not None:
            self._file.close()

    def _flush(self, group: int) -> None:
        table = pa.concat_tables(self._waiting)
        self._file = self._file or pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._file.write_table(table.slice(0, group or len(table)))
        self._waiting = [table.slice(group)] if group else []


def _dates(days: NDArray[np.int64]) -> pa.Array:
    first = int(days.min())
    epoch = date(1970, 1, 1)
    texts = [str(epoch + timedelta(days=day)).encode() for day in range(first, int(days.max()) + 1)]
    return pa.array(texts, pa.binary()).take(pa.array(days - first))


_WRITERS: dict[str, Any] = {"jsonl": _JsonLines, "parquet": _Parquet}
