"""Logs as tables, and what a source makes of them, in words instead of codes."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.events import StatusAnnounced
from account_lifecycle.replay.columns import RefusedLine
from account_lifecycle.replay.fleet import micros, time_of
from account_lifecycle.replay.judging import Judging
from account_lifecycle.replay.sources import Source
from account_lifecycle.replay.sources.cells import Cells, padded
from account_lifecycle.replay.sources.opening import open_sources
from account_lifecycle.replay.vocabulary import Vocabulary
from account_lifecycle.simulate.log import Faults, simulate

STAMP = datetime(2026, 6, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS = ("account_id", "status", "provider", "product", "name", "received_at")

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


def told_by(source: Source) -> Told:
    """Everything that a source tells."""
    words, told = Vocabulary(), Told([], [], 0, [], [])
    for chunk in source.chunks(words, STAMP):
        accounts, spelt, providers, products, names, at, line, _ = (column.tolist() for column in chunk.columns)
        for row in range(len(at)):
            provider = None if providers[row] < 0 else words.providers[providers[row]]
            name = None if names[row] < 0 else words.names[names[row]]
            moment = time_of(at[row])
            assert moment is not None
            told.events.append(
                StatusAnnounced(
                    words.accounts[accounts[row]], words.words[spelt[row]], moment, provider,
                    words.products[products[row]], name,
                )
            )  # fmt: skip
        assert chunk.accounts == len(words.accounts)
        told.lines.extend(line)
        told.refused.extend(chunk.refused)
        told.positions.append(chunk.position)
        told = told._replace(undated=told.undated + chunk.undated)
    return told


def read(*logs: str | Path, columns: Mapping[str, str] | None = None) -> Told:
    """Everything that some logs tell, one after the other."""
    with open_sources(logs, columns) as sources:
        parts = [told_by(source) for source in sources]
    return Told(*(sum((part[field] for part in parts), start=type(parts[0][field])()) for field in range(5)))


def lived(source: Source, *, until: datetime | None = None) -> dict[str, Account]:
    """The accounts at the end of a source."""
    words = Vocabulary()
    judging = Judging(words, watches_deadlines=not source.has_deadlines)
    for account in source.beginnings():
        judging.fleet.put(account)
    for chunk in source.chunks(words, STAMP):
        for _ in judging.judge(chunk):
            pass
    if until is not None:
        for _ in judging.end(micros(until)):
            pass
    accounts = (judging.fleet.account(number) for number in range(len(words.accounts)))
    return {account.account_id: account for account in accounts if account.sequence}


# ---- Logs ------------------------------------------------------------------------------------------


def simulated(accounts: int = 150) -> list[str]:
    """The lines of a log in which all sorts of things go wrong, yet each is readable."""
    faults = Faults.everything(0.01)._replace(malformed=0)
    return [*simulate(accounts=accounts, seed=7, start=START, days=20, faults=faults)]


def rows_of(lines: Iterable[str]) -> list[Row]:
    """The fields of a log's lines."""
    return [_row(json.loads(line)) for line in lines]


def _row(line: dict[str, Any]) -> Row:
    payload = line["payload"]
    webhook = payload.get("AccountStatus")
    if webhook is None:
        told = {"account_id": payload["account_id"], "status": payload["status"], "name": payload.get("name")}
    else:
        told = {"account_id": webhook["account_id"], "status": webhook["message"]}
        told |= {"provider": webhook.get("account_type"), "product": webhook.get("product")}
    return dict.fromkeys(FIELDS) | told | {"received_at": line["received_at"]}


def line_of(row: Row) -> bytes:
    """A row as the line of a log."""
    if row.get("name") and not (row.get("provider") or "").strip():
        payload: Row = {"status": row["status"], "account_id": row["account_id"], "name": row["name"]}
    else:
        known = {"account_type": row.get("provider"), "product": row.get("product")}
        fields = {key: value for key, value in known.items() if value is not None}
        payload = {"AccountStatus": {"account_id": row["account_id"], "message": row["status"], **fields}}
    return json.dumps({"received_at": row["received_at"], "payload": payload}, ensure_ascii=False).encode()


# ---- Files -----------------------------------------------------------------------------------------


def written(path: Path, data: bytes | str) -> Path:
    """A file with something in it."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def as_json_lines(path: Path, rows: Iterable[Row]) -> Path:
    """Rows as JSON Lines."""
    return written(path, b"\n".join(line_of(row) for row in rows))


def as_csv(rows: Sequence[Row], fields: Sequence[str] = FIELDS, delimiter: str = ",") -> str:
    """Rows as CSV."""
    text = StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
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


def cells_in(texts: Sequence[bytes | None]) -> Cells:
    """Texts as ``Cells``."""
    lengths = np.array([-1 if text is None else len(text) for text in texts], np.int64)
    ends = np.cumsum(np.maximum(lengths, 0))
    return Cells(padded(b"".join(text or b"" for text in texts)), ends - np.maximum(lengths, 0), lengths)
