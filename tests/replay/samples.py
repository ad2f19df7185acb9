"""Logs as tables, and what a source makes of them."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.dialects import TableRow
from account_lifecycle.intake.logs import HowToRead
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.replay.findings import Findings, RefusedLine, rows_in
from account_lifecycle.replay.loop import Judging
from account_lifecycle.replay.sources import Logs, open_sources
from account_lifecycle.simulate.log import Faults, simulate
from replay.reference import events_of

STAMP = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = ("account_id", "status", "provider", "product", "name", "reason", "received_at")

Row = dict[str, Any]


class Told(NamedTuple):
    """What a source has told of its log."""

    events: list[StatusAnnounced]
    """Without payloads."""
    refused: list[RefusedLine]
    undated: int
    lines: list[int]
    """Of the events."""
    positions: list[int]


def told_by(source: Any) -> Told:
    """Everything that a source tells."""
    told, log = Told([], [], 0, [], []), source.opened()
    with TemporaryDirectory() as folder:
        judge = Judging(DEFAULT_POLICY, Findings(Path(folder)))
        for _, event in judge.read(log, STAMP):
            told.events.append(replace(event, payload=b""))  # type: ignore[call-arg, arg-type]
            told.lines.append(judge.place[1])
            told.positions.append(log.position)
        told.positions.append(log.position)
        judge.findings.flush()
        for _, *refused in rows_in([Path(folder)], "refused"):
            told.refused.append(RefusedLine(*refused))
    return told._replace(undated=judge.undated)


def read(*logs: str | Path, columns: Mapping[str, str] | None = None) -> Told:
    """Everything that some logs tell, one after the other."""
    with open_sources(logs, HowToRead(order="file", columns=columns or {})) as sources:
        parts = [told_by(source) for source in sources if isinstance(source, Logs)]
    return Told(*(sum((part[field] for part in parts), start=type(parts[0][field])()) for field in range(5)))


# ---- Logs ------------------------------------------------------------------------------------------


def simulated(accounts: int = 150) -> list[str]:
    """The lines of a log in which all sorts of things go wrong, yet each is readable."""
    faults = Faults.everything(0.01)._replace(malformed=0)
    lines = simulate(accounts=accounts, seed=7, start=START, days=20, faults=faults)
    return [line for line in lines if events_of([line.encode()], STAMP)[0]]


def rows_of(lines: Iterable[str]) -> list[Row]:
    """The fields of a log's lines."""
    return [_row(json.loads(line)) for line in lines]


def _row(line: dict[str, Any]) -> Row:
    [event], _ = events_of([json.dumps(line).encode()], STAMP)
    told = {"account_id": event.account_id, "status": event.status, "provider": event.provider}
    told |= {"product": event.product, "name": event.owner, "reason": event.reason}
    return {field: value or None for field, value in told.items()} | {"received_at": line["received_at"]}


def line_of(row: Row) -> bytes:
    """A row as the line of a log."""
    known = {"account_type": row.get("provider"), "product": row.get("product"), "reason": row.get("reason")}
    fields = {key: value for key, value in known.items() if value is not None}
    payload = {"AccountStatus": {"account_id": row["account_id"], "message": row["status"], **fields}}
    line = {"received_at": row["received_at"], "payload": payload}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()


def meant_by(rows: Iterable[Row]) -> tuple[list[StatusAnnounced], list[PayloadError]]:
    """The events in rows of a table, without payloads, and why the rest is none."""
    events, refused = [], []
    for row in rows:
        at = row["received_at"]
        try:
            cells = TableRow(*(row.get(field) for field in TableRow._fields))
            event = parse(cells, STAMP if at is None else datetime.fromisoformat(at).astimezone(UTC))
        except PayloadError as error:
            refused.append(error)
        else:
            events.append(replace(event, payload=b""))
    return events, refused


# ---- Files -----------------------------------------------------------------------------------------


def written(path: Path, data: bytes | str) -> Path:
    """A file with something in it."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def as_csv(rows: Sequence[Row], fields: Sequence[str] = FIELDS, delimiter: str = ",", **options: Any) -> str:
    """Rows as CSV."""
    text = StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", **options)
    writer.writerow(fields)
    writer.writerows([["" if row[field] is None else row[field] for field in fields] for row in rows])
    return text.getvalue()


def as_parquet(path: Path, columns: Mapping[str, pa.Array], **options: Any) -> Path:
    """A Parquet file of some columns."""
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def columns_of(rows: Sequence[Row], kind: pa.DataType | None = None) -> dict[str, pa.Array]:
    """Rows as Arrow columns, all of text but the time."""
    columns = {field: pa.array([row[field] for row in rows], kind or pa.string()) for field in FIELDS[:-1]}
    times = [None if row["received_at"] is None else datetime.fromisoformat(row["received_at"]) for row in rows]
    return columns | {"received_at": pa.array(times, pa.timestamp("us", "UTC"))}
