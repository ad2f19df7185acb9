"""One reader for every time that a log has: whatever writes it, it is the same moment."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.intake.times import TimeReader
from intake.samples import NOON

SPELLINGS: list[Any] = [
    "2026-05-01T12:00:00Z", "2026-05-01T14:00:00+02:00", "2026-05-01 12:00:00+00", "2026-05-01 12:00:00 UTC",
    "2026-05-01 12:00:00 GMT", "2026-05-01 12:00:00 +0000 UTC", "2026-05-01 14:00:00.000 +0200 CEST",
    "2026-05-01 12:00:00.0 +0000 UTC m=+0.0123", "20260501T120000Z", " 2026-05-01T12:00:00Z ",
    "Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 14:00:00 +0200", "1 May 2026 12:00:00 +0000",
    "01/May/2026:12:00:00 +0000", "Fri May 01 2026 14:00:00 GMT+0200 (Central European Summer Time)",
    1777636800, 1777636800.0, 1777636800_000, 1777636800_000_000, 1777636800_000_000_000,
    "1777636800", "1777636800.0", "1777636800000", "1777636800000000", "1.7776368E+12", "1.7776368e9", "46143.5",
    {"$date": "2026-05-01T12:00:00Z"}, {"$date": {"$numberLong": "1777636800000"}}, NOON,
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS, ids=repr)
def test_every_spelling_is_read_as_the_same_moment(spelling: Any) -> None:
    assert TimeReader().read(spelling) == NOON


@pytest.mark.parametrize(
    "value",
    ["yesterday", "OK", "2026-13-01", "12:00", "5/1/2026 12:00", True, [], {}, {"$date": []}, 7, 1.5, "35",
     20260501120000, "20260501120000", float("nan"), float("inf"), "1e400", 10**30, "2026-05-01 12:00:00 PST",
     "0001-01-01T00:00:00+05:00"],
    ids=repr,
)  # fmt: skip
def test_what_is_no_time_for_sure_is_none(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whichever: it is no time)
        TimeReader().read(value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_no_time(value: Any) -> None:
    assert TimeReader().read(value) is None


@pytest.mark.parametrize("text", ["2026-05-01T12:00:00", "2026-05-01 12:00:00.000000", "Fri May  1 12:00:00 2026"])
def test_a_time_without_a_zone_is_in_the_zone_of_the_clock(text: str) -> None:
    clock = TimeReader(timezone(timedelta(hours=2)))

    assert clock.read(text) == NOON - timedelta(hours=2)
    assert clock.naive == 1
    assert TimeReader().read(text) == NOON


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)))
def test_any_moment_is_read_back(at: datetime) -> None:
    seconds = int(at.timestamp())
    for spelling in (at.isoformat(), seconds, str(seconds * 1000), at.strftime("%a, %d %b %Y %H:%M:%S +0000")):
        assert TimeReader().read(spelling) == at


@given(st.text(max_size=40) | st.integers() | st.floats() | st.none() | st.booleans())
def test_any_value_is_a_time_or_none(value: Any) -> None:
    try:
        found = TimeReader().read(value)
    except ValueError:
        return
    assert found is None or found.tzinfo is UTC
