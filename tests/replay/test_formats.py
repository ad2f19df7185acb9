"""Formats: whichever a log is in, the same events come of it as of its JSON Lines."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from account_lifecycle.replay import replay
from account_lifecycle.replay.sources import open_sources
from replay.reference import live
from replay.samples import (
    STAMP,
    Row,
    Told,
    as_csv,
    as_parquet,
    columns_of,
    read,
    rows_of,
    simulated,
    written,
)

LINES = simulated()
ROWS = rows_of(LINES)
PAYLOADS = [json.dumps(json.loads(line)["payload"]) for line in LINES]


def payload_rows(indent: int | None = None) -> list[Row]:
    payloads = [json.dumps(json.loads(payload), indent=indent) for payload in PAYLOADS]
    return [{"payload": p, "received_at": row["received_at"]} for p, row in zip(payloads, ROWS, strict=True)]


def payload_columns() -> dict[str, pa.Array]:
    return {"payload": pa.array(PAYLOADS), "received_at": columns_of(ROWS)["received_at"]}


def dictionaries() -> dict[str, pa.Array]:
    return {name: column.dictionary_encode() for name, column in columns_of(ROWS).items() if name != "received_at"} | {
        "received_at": columns_of(ROWS)["received_at"]
    }


def as_type(kind: pa.DataType) -> Callable[[Path], Path]:
    return lambda folder: as_parquet(folder / "log.parquet", columns_of(ROWS, kind))


FORMATS: dict[str, Callable[[Path], Path]] = {
    "parquet": lambda folder: as_parquet(folder / "log.parquet", columns_of(ROWS)),
    "parquet without dictionaries": lambda f: as_parquet(f / "log.pq", columns_of(ROWS), use_dictionary=False),
    "parquet in small row groups": lambda f: as_parquet(f / "log.pq", columns_of(ROWS), row_group_size=17),
    "parquet of large strings": as_type(pa.large_string()),
    "parquet of string views": as_type(pa.string_view()),
    "parquet of binaries": as_type(pa.binary()),
    "parquet of dictionaries": lambda folder: as_parquet(folder / "log.parquet", dictionaries()),
    "parquet of payloads": lambda folder: as_parquet(folder / "log.parquet", payload_columns()),
    "csv": lambda folder: written(folder / "log.csv", as_csv(ROWS)),
    "csv with semicolons": lambda folder: written(folder / "log.csv", as_csv(ROWS, delimiter=";")),
    "csv with carriage returns": lambda folder: written(folder / "log.csv", as_csv(ROWS).replace("\n", "\r\n")),
    "csv with a byte order mark": lambda folder: written(folder / "log.csv", "\ufeff" + as_csv(ROWS)),
    "csv without a last line feed": lambda folder: written(folder / "log.csv", as_csv(ROWS).rstrip()),
    "csv of payloads": lambda f: written(f / "log.csv", as_csv(payload_rows(), ("received_at", "payload"))),
    "csv of payloads on many lines": lambda f: written(
        f / "log.csv", as_csv(payload_rows(indent=1), ("received_at", "payload"))
    ),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return read(written(tmp_path_factory.mktemp("log") / "log.jsonl", "\n".join(LINES)))


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_tells_the_same_events(write: Callable[[Path], Path], expected: Told, tmp_path: Path) -> None:
    told = read(write(tmp_path))
    assert told.events == expected.events
    assert (told.refused, told.undated) == ([], 0)
    assert len(told.events) == len(LINES) > 300


@pytest.mark.parametrize("name", ["parquet", "csv", "parquet of payloads"])
def test_every_format_comes_to_the_accounts_of_the_live_engine(name: str, tmp_path: Path) -> None:
    end = STAMP + timedelta(days=1)
    truth = live([line.encode() for line in LINES], STAMP, until=end)
    with replay(FORMATS[name](tmp_path), until=end) as audit:
        assert {account.account_id: account for account in audit.accounts()} == truth.accounts


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_numbered_as_its_file_numbers_it(name: str, tmp_path: Path) -> None:
    told = read(FORMATS[name](tmp_path))
    if "parquet" in name:
        assert told.lines == list(range(1, len(LINES) + 1))
    elif "many lines" not in name:
        assert told.lines == list(range(2, len(LINES) + 2))  # the first line is the header
    else:
        text = (tmp_path / "log.csv").read_text().split("\n")
        assert all(text[line - 1].startswith("2026-") for line in told.lines)


@pytest.mark.parametrize("name", FORMATS)
def test_progress_ends_at_the_size_of_the_file(name: str, tmp_path: Path) -> None:
    path = FORMATS[name](tmp_path)
    with open_sources([path]) as [source]:
        assert source.size == path.stat().st_size
    positions = read(path).positions
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size
