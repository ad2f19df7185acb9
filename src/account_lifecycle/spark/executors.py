"""What runs on the executors, in Python: rows are read and events are judged, a record batch at a time.

Reading and judging are those of a replay on one machine: a ``Layout`` and ``parse`` for a row, ``loop.Judge`` for the
accounts of a partition. Here are the columns that travel through Spark between the two, and out of them.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import TaskContext

from ..errors import ConfigurationError, PayloadError, StoreError
from ..intake.dialects import FIELDS, TableRow
from ..intake.layouts import ENVELOPE, Layout, Received
from ..intake.payloads import Payload, parse
from ..intake.times import TimeReader
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import judge
from ..lifecycle.events import NOBODY, StatusAnnounced
from ..lifecycle.policy import Policy
from ..lifecycle.status import Verdict
from ..lifecycle.windows import BlindWindow
from ..replay.findings import (
    AccountFields,
    FindingRow,
    Findings,
    PlacedAnomaly,
    Spill,
    account_cells,
    account_fields,
    anomaly_cells,
    batch,
    decoder,
    encode,
    schemas,
    window_cells,
)
from ..replay.loop import Judging, look_at
from ..replay.parquet import texts_in

VERDICTS = tuple(Verdict)
KINDS = tuple(AnomalyKind)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC)
_MOMENT = pa.timestamp("us", "UTC")
_TASK_BITS = 33
"""A row's number within its task fits into so many bits; so it is where Spark numbers the rows of a batch."""


def micros_of(at: datetime, setting: str) -> int:
    """Return a time in microseconds since 1970; raise ``ConfigurationError`` for one without a time zone."""
    if at.utcoffset() is None:
        raise ConfigurationError(setting, f"{at.isoformat()} without a time zone", "a datetime with a time zone")
    return (at - _EPOCH) // _MICROSECOND


def time_of(microseconds: int | None) -> datetime | None:
    """Return the time that is so many microseconds after 1970."""
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


# ---- Columns ---------------------------------------------------------------------------------------------


def event_schema(position: pa.DataType) -> pa.Schema:
    """Return the columns of events; where there is a ``refusal``, of something that is no readable event instead."""
    texts = [(name, pa.string()) for name in FIELDS]
    refused = [("field", pa.string()), ("refusal", pa.string()), ("raw", pa.binary())]
    return pa.schema([*texts, ("received_at", _MOMENT), ("position", position), *refused])


def anomaly_schema(position: pa.DataType) -> pa.Schema:
    """Return the columns of anomalies, with positions of the caller's type: what they are in, the caller knows."""
    fields = [field for field in schemas().anomalies if field.name not in ("source", "position")]
    return pa.schema([*fields, ("position", position)])


def refused_schema(position: pa.DataType) -> pa.Schema:
    """Return the columns of what is no readable event, byte for byte."""
    return pa.schema([("position", position), ("field", pa.string()), ("reason", pa.string()), ("raw", pa.binary())])


def findings_schema(position: pa.DataType) -> pa.Schema:
    """Return the columns of everything that is found: ``record`` names the one that is filled in a row.

    An ``account`` comes with what will become of it if nothing ``more`` is heard: for each deadline that will pass, in
    their order, when, the account after it, and the anomaly and the closed window that there will be.
    ``as_of`` is the account's sequence when the row was made: of two rows about the same, the higher one holds.
    """
    counts = pa.list_(pa.int64())
    totals = {
        "events": pa.int64(),
        "verdicts": counts,  # in the order of ``VERDICTS``
        "kinds": counts,  # in the order of ``KINDS``
        "first_us": pa.int64(),
        "last_us": pa.int64(),
    }
    anomaly = pa.struct([*anomaly_schema(position)])
    return pa.schema(
        {
            "record": pa.string(),
            "account_id": pa.string(),
            "as_of": pa.int64(),
            "anomaly": anomaly,
            "window": pa.struct([*schemas().windows]),
            "account": pa.struct([*schemas().accounts]),
            "more": pa.list_(_more(position)),
            "refused": pa.struct([*refused_schema(position)]),
            "totals": pa.struct([*totals.items()]),
        }
    )


def _more(position: pa.DataType) -> pa.StructType:
    """Return the columns of what will become of an account at one moment."""
    return pa.struct(
        {
            "at": _MOMENT,
            "account": pa.struct([*schemas().accounts]),
            "anomaly": pa.struct([*anomaly_schema(position)]),
            "window": pa.struct([*schemas().windows]),
        }
    )


# ---- Reading ---------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """How rows are read."""

    position: pa.DataType
    stamp: datetime
    """When an event counts as received that carries no time."""
    shape: str
    """What a row has: ``fields`` (``FIELDS``), a ``payload``, or a line of a log as ``value``."""
    layout: Layout = ENVELOPE
    """Where in a line payload and time stand; a line in which they do not is searched."""

    def read(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the events in rows, and what is none; ``mapInArrow`` takes this."""
        return (self._read(rows) for rows in numbered(batches))

    def _read(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        schema = event_schema(self.position)
        times = map(time_of, rows.column("received_at").cast(pa.int64()).to_pylist())
        read_line = self.layout.event_reader(TimeReader())
        found: list[tuple[Any, ...]] = []
        places = []
        for place, (at, (payload, raw)) in enumerate(zip(times, self._payloads(rows), strict=True)):
            events = [Received(payload, at)]
            if self.shape == "value":
                events = read_line(text) if (text := raw.strip()) else []
            for event in events:
                places.append(place)
                found.append(self._row(event, raw))
        columns = dict(zip((*FIELDS, "received_at", "field", "refusal", "raw"), zip(*found, strict=True), strict=True))
        positions = rows.column("position").cast(self.position).take(pa.array(places, pa.int64()))
        return pa.RecordBatch.from_arrays(
            [positions if f.name == "position" else pa.array(columns.get(f.name, ()), f.type) for f in schema],
            schema=schema,
        )

    def _row(self, received: Received, raw: Any) -> tuple[Any, ...]:
        """Return the cells of an event, or of what is none."""
        try:
            event = parse(
                cast(Payload, received.payload), self.stamp if received.received_at is None else received.received_at
            )
        except PayloadError as error:
            kept = error.payload if isinstance(raw, TableRow) or error.foreign else raw
            return (*(None,) * (len(FIELDS) + 1), error.field, str(error), kept)
        provider = None if event.provider is None else str(event.provider)
        read = (event.account_id, provider, event.status, event.product, event.owner, event.reason)
        return (*read, event.received_at, None, None, None)

    def _payloads(self, rows: pa.RecordBatch) -> Iterable[tuple[Payload, Any]]:
        """Yield each row's payload, and what is kept of it if that cannot be read."""
        if self.shape == "fields":
            columns = [texts_in(rows.column(name)) for name in FIELDS]
            payloads: Iterable[Payload] = (TableRow(*fields) for fields in zip(*columns, strict=True))
        else:
            payloads = (text or b"" for text in rows.column("text").to_pylist())
        return ((payload, payload) for payload in payloads)


def numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a task, each row with its place among them as its position, unless it has one."""
    task = TaskContext.get()
    number = (0 if task is None else task.partitionId()) << _TASK_BITS
    for rows in batches:
        position = rows["position"]
        if position.null_count < len(position) or not pa.types.is_int64(position.type):
            yield rows
        else:
            places = pa.array(range(number, number + rows.num_rows), pa.int64())
            yield rows.set_column(rows.schema.get_field_index("position"), "position", places)
        number += rows.num_rows


# ---- Judging ---------------------------------------------------------------------------------------------


class Rulebook(NamedTuple):
    """What executors judge by; it is sent to them as it is."""

    policy: Policy
    looks_ahead: bool
    """Whether what will be due of each account is found."""
    position: pa.DataType
    """Of what type positions are."""

    def judge(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the findings in one partition, whose events are in order; ``mapInArrow`` takes this."""
        court = Court(self)
        for events in batches:
            yield from court.judge(events)
        yield from court.close()


class _Kept(Spill):
    """Rows in memory, until they are taken."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.rows: list[FindingRow] = []

    def add(self, row: FindingRow, weight: int = 0) -> None:  # noqa: ARG002
        """Append a row."""
        self.rows.append(row)

    def flush(self) -> None:
        """Leave the rows where they are."""

    def take(self) -> list[FindingRow]:
        """Return the rows, and forget them."""
        rows, self.rows = self.rows, []
        return rows


class Court:
    """Judges events, and makes rows of what is found."""

    def __init__(self, rulebook: Rulebook, accounts: Iterable[Account] = ()) -> None:
        self._rulebook = rulebook
        self._schema = findings_schema(rulebook.position)
        self._anomalies, self._windows, self._kinds = _Kept(), _Kept(), dict.fromkeys(KINDS, 0)
        findings = Findings(Path())
        findings.anomalies, findings.windows = self._anomalies, self._windows
        self.judge_of = Judging(rulebook.policy, findings)
        for account in accounts:
            self.judge_of.begin_with(account, 0)

    def judge(self, events: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Judge events in the order in which they are; yield the findings but for accounts and open windows."""
        events = events.cast(event_schema(self._rulebook.position))
        refused = events.filter(pc.is_valid(events.column("refusal")))
        if refused.num_rows:
            table = refused.select(["position", "field", "refusal", "raw"])
            table = table.rename_columns([field.name for field in refused_schema(self._rulebook.position)])
            yield self._tagged("refused", {"refused": table.to_struct_array()})
        events = events.filter(pc.is_null(events.column("refusal")))
        self.judge_of.judge(enumerate(_announcements(events)))
        found = [PlacedAnomaly(*row) for row in self._anomalies.take()]
        if found:
            for one in found:
                self._kinds[one.anomaly.kind] += 1
            rows = [(*anomaly_cells(one.anomaly, one.status_after), None) for one in found]
            places = pa.array([one.position if one.source is not None else None for one in found], pa.int64())
            yield self._found("anomaly", self._anomaly_array(rows, events.column("position").take(places)))
        windows = [window for _, window in self._windows.take()]
        if windows:
            yield self._windows_batch(windows)

    def close(self, accounts: Iterable[Account] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the totals, and some accounts (by default all) with their open windows."""
        judge = self.judge_of
        _, by_provider, _ = judge.counted()
        verdicts = dict.fromkeys(VERDICTS, 0)
        for (_, verdict), count in by_provider.items():
            verdicts[verdict] += count
        totals = {
            "events": judge.events,
            "verdicts": list(verdicts.values()),
            "kinds": list(self._kinds.values()),
            "first_us": None if judge.first_at is None else micros_of(judge.first_at, "first_at"),
            "last_us": None if judge.last_at is None else micros_of(judge.last_at, "last_at"),
        }
        yield self._tagged("totals", {"totals": pa.array([totals], self._schema.field("totals").type)})
        chosen = [a for a in (judge.accounts.values() if accounts is None else accounts) if a.account_id != NOBODY]
        kind = _more(self._rulebook.position)
        for first in range(0, len(chosen), 16_384):
            part = chosen[first : first + 16_384]
            table = batch([account_cells(account) for account in part], schemas().accounts)
            more = pa.array([self._ahead(account) for account in part], pa.list_(kind))
            yield self._found("account", table.to_struct_array(), more=more)
            windows = [account.blind_window for account in part if account.blind_window is not None]
            if windows:
                yield self._windows_batch(windows)

    def _ahead(self, account: Account) -> list[dict[str, Any]]:
        """Return what will become of an account if nothing more is heard."""
        if not self._rulebook.looks_ahead:
            return []
        names, found = [field.name for field in anomaly_schema(self._rulebook.position)], list[dict[str, Any]]()
        for decision in judge(account, look_at(account, _LAST), self._rulebook.policy):
            after, window, anomaly = decision.after, decision.blind_window, None
            if decision.anomalies:
                cells = anomaly_cells(decision.anomalies[0], after.status)
                anomaly = dict(zip(names, (*cells, None), strict=True))
            found.append(
                {
                    "at": decision.event.received_at,
                    "account": dict(zip(schemas().accounts.names, account_cells(after), strict=True)),
                    "anomaly": anomaly,
                    "window": None
                    if window is None
                    else dict(zip(schemas().windows.names, window_cells(window), strict=True)),
                }
            )
        return found

    def _windows_batch(self, windows: list[BlindWindow]) -> pa.RecordBatch:
        structs = batch([window_cells(window) for window in windows], schemas().windows).to_struct_array()
        as_of = [self.judge_of.accounts[window.account_id].sequence for window in windows]
        return self._found("window", structs, as_of=pa.array(as_of, pa.int64()))

    def _anomaly_array(self, rows: list[FindingRow], positions: pa.Array) -> pa.StructArray:
        schema = anomaly_schema(self._rulebook.position)
        table = batch(rows, schema)
        return table.set_column(len(schema) - 1, schema.field("position"), positions).to_struct_array()

    def _found(self, record: str, structs: pa.StructArray, **more: pa.Array) -> pa.RecordBatch:
        columns = {"account_id": structs.field("account_id"), "as_of": structs.field("sequence"), record: structs}
        return self._tagged(record, {**columns, **more})

    def _tagged(self, record: str, filled: Mapping[str, pa.Array]) -> pa.RecordBatch:
        size = len(next(iter(filled.values())))
        columns = {"record": pa.repeat(record, size), **filled}
        return pa.RecordBatch.from_arrays(
            [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in self._schema],
            schema=self._schema,
        )


def _announcements(events: pa.RecordBatch) -> Iterator[StatusAnnounced]:
    columns = [events.column(name).to_pylist() for name in FIELDS]
    times = events.column("received_at").cast(pa.int64()).to_pylist()
    for at, (account_id, provider, status, product, name, reason) in zip(
        times, zip(*columns, strict=True), strict=True
    ):
        yield StatusAnnounced(account_id, status, _EPOCH + at * _MICROSECOND, provider, product, name, reason)


# ---- What a stream remembers -----------------------------------------------------------------------------

FORMAT = b"3"
_decode = decoder(list[AccountFields])


def packed(accounts: Iterable[Account]) -> bytes:
    """Return accounts as a checkpoint keeps them: words and no codes, so that a later definition can read them."""
    return FORMAT + zlib.compress(encode([account_fields(account) for account in accounts]), 1)


def unpacked(data: bytes) -> list[Account]:
    """Return the accounts in a state; raise ``StoreError`` for one that another version has written."""
    if data[:1] == FORMAT:
        try:
            return [Account(*fields) for fields in _decode(zlib.decompress(data[1:]))]
        except (msgspec.ValidationError, ValueError):
            pass
    raise StoreError(
        "The state of this stream was written by another version of account-lifecycle; "
        "go on with that version, or begin a new checkpoint with the whole log."
    )
