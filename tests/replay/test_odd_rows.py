"""Odd rows: a value that the live engine would refuse, or read in its own way, fares no differently in a table."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.intake.logs import Log, Received, open_log
from account_lifecycle.intake.times import TimeReader
from account_lifecycle.replay.parquet import events_in_rows
from replay.samples import (
    FIELDS,
    Row,
    Told,
    as_csv,
    as_parquet,
    columns_of,
    meant_by,
    read,
    told_by,
    written,
)

often = settings(max_examples=200, deadline=None)

ODD = [
    "",
    " ",
    "\t",
    "a\0",
    "\x7f",
    "\x85",
    "\u200b",
    "\u2028",
    "é",
    " a",
    "a ",
    "ß" * 256,
    "é" * 257,
    "a" * 256,
    "a" * 257,
]
ODD += [
    "ok",
    "Ok ",
    "OK",
    "\u00a0OK",
    "ſync_success",
    "SYNC_SUCCESS",
    "twitter",
    " LinkedIn",
    "ICLOUD",
    '"',
    "\\",
    ",",
    "💥",
]
LONG = ["x" * 9_990, "x" * 65_300, "\0" * 10_900, "y" * 66_000, "é" * 32_700]
texts = st.sampled_from(ODD) | st.text(max_size=5)
ids = st.sampled_from(["acc", "acc-2", "é"]) | texts
words = st.sampled_from(["OK", "CREDENTIALS", "SYNC_SUCCESS"]) | texts
maybe = st.none() | texts
AT = "2026-05-01T12:00:00+00:00"
rows = st.lists(
    st.builds(
        lambda *values: dict(zip(FIELDS, values, strict=True)),
        *(ids | st.none(), words | st.none(), maybe, maybe, maybe, maybe, st.sampled_from([None, AT])),
    ),
    max_size=8,
)  # fmt: skip


class Kept:
    """Rows in memory as a log."""

    name = "rows"
    size = None
    position = 0

    def __init__(self, columns: dict[str, pa.Array]) -> None:
        self._columns = columns

    def events(self, clock: TimeReader) -> Iterator[tuple[int, list[Received]]]:
        return events_in_rows(self._columns, 1, clock)

    def opened(self) -> Log:
        return open_log(self)


def assert_same(told: Told, rows: list[Row]) -> None:
    events, refused = meant_by(rows)
    assert told.events == events
    assert [(line.field, line.reason) for line in told.refused] == [(error.field, str(error)) for error in refused]
    assert sorted([*told.lines, *(line.line for line in told.refused)]) == list(range(1, len(rows) + 1))


@often
@given(rows, st.sampled_from([pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())]))
def test_any_row_is_read_or_refused_as_its_payload_would_be(rows: list[Row], kind: pa.DataType) -> None:
    told = told_by(Kept(columns_of(rows, kind)))
    assert_same(told, rows)
    assert told.undated == sum(rows[line - 1]["received_at"] is None for line in told.lines)


@pytest.mark.parametrize("field", FIELDS[:-1])
@pytest.mark.parametrize("value", LONG, ids=lambda value: f"{len(value)} of {value[:1]!a}")
def test_rows_over_the_limit_of_a_payload_are_refused_as_such(field: str, value: str) -> None:
    good: Row = dict.fromkeys(FIELDS) | {"account_id": "a", "status": "OK", "received_at": AT}
    rows = [good, good | {field: value}]
    assert_same(told_by(Kept(columns_of(rows))), rows)


def unnull(row: Row) -> Row:
    """CSV cannot tell nothing from blank text."""
    return {key: ("" if value is None and key != "received_at" else value) for key, value in row.items()}


@settings(max_examples=100, deadline=None)
@given(rows)
def test_any_row_of_csv_is_read_or_refused_as_its_payload_would_be(rows: list[Row]) -> None:
    rows = [unnull(row) for row in rows]
    with TemporaryDirectory() as folder:
        told = read(written(Path(folder) / "log.csv", as_csv(rows, quoting=csv.QUOTE_ALL)))
    events, refused = meant_by(rows)
    assert told.events == events
    assert [line.reason for line in told.refused] == [str(error) for error in refused]


@often
@given(st.lists(st.sampled_from(["acc", "é" * 256, "é" * 257, "\x85", "a b", " a"]) | st.text(max_size=9), max_size=40))
def test_account_ids_that_are_no_ascii_are_held_to_the_same_rule(ids: list[str]) -> None:
    rows = [dict.fromkeys(FIELDS) | {"account_id": each, "status": "OK", "received_at": AT} for each in ids]
    assert_same(told_by(Kept(columns_of(rows))), rows)


# ---- Bytes that are no text --------------------------------------------------------------------------


@pytest.mark.parametrize("field", FIELDS[:-1])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_bytes_that_are_not_utf_8_cost_one_row_only(field: str, form: str, tmp_path: Path) -> None:
    good: Row = dict.fromkeys(FIELDS, "x") | {"status": "OK", "received_at": AT}
    if form == "csv":
        bad = as_csv([good, good | {field: "BAD"}, good]).encode().replace(b"BAD", b"B\xffD")
        told = read(written(tmp_path / "log.csv", bad))
    else:
        columns = {name: pa.array([good[name].encode()] * 3) for name in FIELDS[:-1]}
        columns[field] = pa.array([good[field].encode(), b"B\xffD", good[field].encode()])
        told = read(as_parquet(tmp_path / "log.parquet", columns))
    assert len(told.events) == 2
    [refused] = told.refused
    assert refused.field == "payload"
    assert b"B\xffD" in refused.raw
    assert refused.line == (3 if form == "csv" else 2)


# ---- Payloads --------------------------------------------------------------------------------------

GOOD = json.dumps({"AccountStatus": {"account_id": "a", "message": "OK", "account_type": "X"}})


def test_an_envelope_in_a_payload_column_is_opened_and_the_time_beside_it_wins() -> None:
    payload = f'{{"received_at": "2026-05-02T00:00:00Z", "payload": {GOOD}}}'
    at = pa.array([None, datetime(2026, 5, 1, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    told = told_by(Kept({"payload": pa.array([payload] * 2), "received_at": at}))
    assert [event.received_at.day for event in told.events] == [2, 1]
    assert told.undated == 0


def test_numbers_as_account_ids_are_read_as_text(tmp_path: Path) -> None:
    told = read(
        as_parquet(tmp_path / "log.parquet", {"account_id": pa.array([17, -1]), "status": pa.array(["OK"] * 2)})
    )
    assert [event.account_id for event in told.events] == ["17", "-1"]
