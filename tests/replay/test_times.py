"""Times in tables: text in many spellings, Arrow's types, numbers since 1970, or nothing."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.replay.tables import time_in, times_in
from replay.samples import STAMP, as_csv, as_parquet, read, written

often = settings(max_examples=500, deadline=None)

AT = datetime(2026, 5, 1, 12, 0, 0, 123456, UTC)
WHOLE = AT.replace(microsecond=0)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 2), datetime(9998, 12, 30), timezones=st.none() | st.just(UTC) | zones)


def told(texts: Sequence[str | None]) -> list[datetime | str | None]:
    """What comes of texts: a time, nothing, or "odd"."""
    return _told([time_in(text) for text in texts])


def _told(found: Sequence[Any]) -> list[Any]:
    return ["odd" if isinstance(at, str) else at for at in found]


def in_arrow(values: Sequence[Any], kind: pa.DataType) -> list[Any]:
    return _told(times_in(pa.array(values, kind)))


def as_read_by_python(text: str) -> datetime | str:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.utcoffset() is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return "odd"


@often
@given(moments, st.sampled_from(["T", " "]), st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]))
def test_whatever_python_writes_is_read(at: datetime, between: str, precision: str) -> None:
    text = at.isoformat(between, precision)
    assert told([text, text.replace("+00:00", "Z")]) == [as_read_by_python(text)] * 2


@often
@given(
    st.from_regex(
        r"\d{4}-[01]\d-[0-3]\d[T ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,10})?(Z|z|[+-]\d\d(:?\d\d)?(:\d\d)?)?", fullmatch=True
    )
)
def test_what_looks_like_a_time_is_read_as_python_reads_it_or_not_at_all(text: str) -> None:
    if text.isascii():
        assert told([text]) == [as_read_by_python(text)]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-05-01T12:00:00Z", "2026-05-01 12:00:00", "2026-05-01 14:00:00+02", "20260501T120000Z"),
        *("2026-05-01T12:00Z", "2026-05-01T14:00:00.000000000+0200", " 2026-05-01T12:00:00Z ", "2026-05-01T12"),
        *("1777636800", "1777636800.0", "1777636800000", "1777636800000000", "1777636800000000000"),
    ],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    assert told([text]) == [WHOLE]


def test_seconds_may_have_a_fraction() -> None:
    assert told(["1777636800.123456", "1777636800.1234569"]) == [AT, AT]


def test_a_day_is_its_first_moment() -> None:
    assert told(["2026-05-01", "20260501"]) == [datetime(2026, 5, 1, tzinfo=UTC)] * 2


@pytest.mark.parametrize(
    "text",
    [
        *("yesterday", "2026-13-01T00:00:00Z", "2026-02-29 00:00:00", "2026-05-01T24:00:01Z", "12:00", "1777"),
        *("20260501120000", "-1777636800", "0001-01-01T00:00:00+05:00", "99999999999999999999", "1e9"),
        *("1777636800.", "177763680012.5", "253402300800000000"),
    ],
)
def test_what_is_no_time_is_not_guessed_at(text: str) -> None:
    expected = "odd" if text != "253402300800000000" else datetime(1978, 1, 11, 21, 31, 40, 800000, UTC)
    assert told([text]) == [expected]


def test_blank_text_tells_no_time() -> None:
    assert told([None, "", "  ", "\t"]) == [None] * 4


# ---- Arrow -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+05:30"])
def test_a_timestamp_is_read_in_any_unit_and_zone_and_without_one_it_is_utc(unit: str, zone: str | None) -> None:
    at = WHOLE if unit == "s" else AT.replace(microsecond=123000) if unit == "ms" else AT
    assert in_arrow([at, None], pa.timestamp(unit, zone)) == [at, None]


def test_a_time_before_1970_is_cut_off_downwards() -> None:
    assert _told(times_in(pa.array([-1], pa.int64()).view(pa.timestamp("ns")))) == [
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("value", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_timestamp_beyond_the_calendar_is_odd(unit: str, value: int) -> None:
    assert _told(times_in(pa.array([value], pa.int64()).view(pa.timestamp(unit)))) == ["odd"]


def test_a_date_is_its_first_moment() -> None:
    for kind in (pa.date32(), pa.date64()):
        assert in_arrow([date(2026, 5, 1), None], kind) == [datetime(2026, 5, 1, tzinfo=UTC), None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_text_is_read_whatever_its_type(kind: pa.DataType) -> None:
    column = pa.array(["2026-05-01T12:00:00Z", None, "2026-05-01T12:00:00Z", "soon", ""], pa.string())
    assert _told(times_in(column.cast(kind))) == [WHOLE, None, WHOLE, "odd", None]


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_numbers_count_whatever_their_size_makes_plausible(factor: int) -> None:
    seconds = 1777636800
    assert in_arrow([seconds * factor, None], pa.int64()) == [WHOLE, None]
    assert in_arrow([float(seconds * factor), float("nan")], pa.float64()) == [WHOLE, None]
    assert in_arrow([seconds * factor], pa.uint64()) == [WHOLE]
    assert in_arrow([Decimal(seconds * factor), None], pa.decimal128(38, 6)) == [WHOLE, None]


def test_small_numbers_are_seconds() -> None:
    assert in_arrow([0, 1, 1777636800], pa.int64())[0] == datetime(1970, 1, 1, tzinfo=UTC)
    assert in_arrow([1777636800], pa.int32()) == in_arrow([1777636800], pa.uint32()) == [WHOLE]
    assert in_arrow([1777636800.5], pa.float64()) == [WHOLE + timedelta(seconds=0.5)]


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
    assert b'{"received_at": "soon", "payload": {' in refused.raw


def test_a_table_without_any_time_is_stamped(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.csv", "account_id,status\na,OK\nb,OK\n"))
    assert [event.received_at for event in found.events] == [STAMP] * 2
    assert found.undated == 2


def test_a_column_that_cannot_hold_times_is_refused(tmp_path: Path) -> None:
    columns = {"account_id": pa.array(["a"]), "status": pa.array(["OK"]), "at": pa.array([True])}
    with pytest.raises(ConfigurationError, match=r"column 'at' of .*bool; expected timestamps, text or numbers"):
        read(as_parquet(tmp_path / "a.parquet", columns))
