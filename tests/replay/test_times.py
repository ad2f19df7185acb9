"""Times in tables: text in many spellings, Arrow's types, numbers since 1970, or nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.intake.times import TimeReader
from account_lifecycle.replay.parquet import times_in
from replay.samples import STAMP, as_csv, as_parquet, read, written

often = settings(max_examples=500, deadline=None)

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, UTC)
WHOLE = AT.replace(microsecond=0)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30), timezones=st.none() | st.just(UTC) | zones)


def in_arrow(values: Sequence[Any], kind: pa.DataType) -> list[Any]:
    return _told(pa.array(values, kind))


def _told(column: pa.Array) -> list[Any]:
    """What comes of a column: times, nothing, or "odd"."""
    clock, found = TimeReader(), []
    for value in times_in(column):
        try:
            found.append(clock.read(value))
        except ValueError:
            found.append("odd")
    return found


# ---- Arrow -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+05:30"])
def test_a_timestamp_is_read_in_any_unit_and_zone_and_without_one_it_is_utc(unit: str, zone: str | None) -> None:
    at = WHOLE if unit == "s" else AT.replace(microsecond=123000) if unit == "ms" else AT
    assert in_arrow([at, None], pa.timestamp(unit, zone)) == [at, None]


def test_a_time_before_1970_is_cut_off_downwards() -> None:
    assert _told(pa.array([-1], pa.int64()).view(pa.timestamp("ns"))) == [
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("value", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_timestamp_beyond_the_calendar_is_odd(unit: str, value: int) -> None:
    assert _told(pa.array([value], pa.int64()).view(pa.timestamp(unit))) == ["odd"]


def test_a_date_is_its_first_moment() -> None:
    for kind in (pa.date32(), pa.date64()):
        assert in_arrow([date(2026, 5, 1), None], kind) == [datetime(2026, 5, 1, tzinfo=UTC), None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_read_whatever_its_type(kind: pa.DataType) -> None:
    column = pa.array(["2026-05-01T12:00:00Z", None, "2026-05-01T12:00:00Z", "soon", ""], pa.string())
    assert _told(column.cast(kind)) == [WHOLE, None, WHOLE, "odd", None]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_numbers_count_whatever_their_size_makes_plausible(factor: int) -> None:
    seconds = 1777636800
    assert in_arrow([seconds * factor, None], pa.int64()) == [WHOLE, None]
    assert in_arrow([float(seconds * factor), float("nan")], pa.float64()) == [WHOLE, None]
    assert in_arrow([seconds * factor], pa.uint64()) == [WHOLE]
    assert in_arrow([Decimal(seconds * factor), None], pa.decimal128(38, 6)) == [WHOLE, None]


def test_seconds_may_have_a_fraction_and_small_numbers_are_no_times() -> None:
    assert in_arrow([1777636800], pa.int32()) == in_arrow([1777636800], pa.uint32()) == [WHOLE]
    assert in_arrow([1777636800.5, 0.0], pa.float64()) == [WHOLE + timedelta(seconds=0.5), "odd"]


def test_a_number_that_nobody_can_place_is_odd() -> None:
    assert in_arrow([20260501120000, -(10**13), 10**14 - 1], pa.int64()) == ["odd"] * 3
    assert in_arrow([20260501120000.0, 1e30], pa.float64()) == ["odd"] * 2


def test_the_largest_numbers_are_nanoseconds() -> None:
    assert [at.year for at in in_arrow([2**63 - 1, -(2**63)], pa.int64())] == [2262, 1677]


def test_infinity_is_odd() -> None:
    assert in_arrow([float("inf"), float("-inf")], pa.float64()) == ["odd", "odd"]


# ---- Rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_row_without_a_time_is_stamped_and_counted_and_one_with_a_bad_time_refused(form: str, tmp_path: Path) -> None:
    rows = [{"account_id": "a", "status": "OK", "at": at} for at in ("2026-05-01T12:00:00Z", None, "soon")]
    if form == "csv":
        found = read(written(tmp_path / "a.csv", as_csv(rows, ("account_id", "status", "at"))))
    else:
        columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
        found = read(as_parquet(tmp_path / "a.parquet", columns))
    assert [event.received_at for event in found.events] == [WHOLE, STAMP]
    assert found.undated == 1
    [refused] = found.refused
    assert refused.field == "received_at"
    assert b'"status":"OK"' in refused.raw


def test_a_table_without_any_time_is_stamped(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.csv", "account_id,status\na,OK\nb,OK\n"))
    assert [event.received_at for event in found.events] == [STAMP] * 2
    assert found.undated == 2


def test_a_column_that_cannot_hold_times_is_refused(tmp_path: Path) -> None:
    columns = {"account_id": pa.array(["a"]), "status": pa.array(["OK"]), "at": pa.array([True])}
    with pytest.raises(ConfigurationError, match=r"column 'at' of .*bool; expected timestamps, text or numbers"):
        read(as_parquet(tmp_path / "a.parquet", columns))
