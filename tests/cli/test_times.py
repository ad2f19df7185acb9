"""Times as people write them: dates, ISO 8601, how long ago, all in UTC; days and clocks by the local zone."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click
import pytest

from account_lifecycle.cli.clocks import local_text, named_time, zone_name
from account_lifecycle.cli.options import MOMENT, Moment


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01 12:00:30", datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)),
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_date_and_an_iso_time_are_utc_unless_they_say_otherwise(text: str, meant: datetime) -> None:
    read = Moment().convert(text, None, None)
    assert read == meant
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("now", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("30min", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_length_of_time_is_that_long_ago(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    read = Moment().convert(text, None, None)
    assert before - ago <= read <= datetime.now(UTC) - ago


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "7y", "99999999w", "-7d", "25:00", "12:60", "7"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(
        click.BadParameter, match="Write 2026-05-01, 2026-05-01T12:00:00Z, 14:00, today, yesterday, 24h, 7d or now"
    ):
        MOMENT.convert(text, None, None)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local zone is that of Berlin, where the clocks go back on 2026-10-25."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


NOW = datetime(2026, 10, 25, 11, 30, tzinfo=UTC)
"""Half past twelve in Berlin, on the day on which an hour comes twice."""


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "later", "meant"),
    [
        ("today", False, datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("Yesterday", False, datetime(2026, 10, 23, 22, tzinfo=UTC)),
        ("12:00", False, datetime(2026, 10, 25, 11, tzinfo=UTC)),
        ("0:30", False, datetime(2026, 10, 24, 22, 30, tzinfo=UTC)),
        ("12:00:05", False, datetime(2026, 10, 25, 11, 0, 5, tzinfo=UTC)),
        ("14:00", False, datetime(2026, 10, 24, 12, tzinfo=UTC)),
        ("14:00", True, datetime(2026, 10, 25, 13, tzinfo=UTC)),
        ("2026-10-25", False, None),
        ("7d", False, None),
    ],
)
def test_a_day_and_a_time_of_day_are_by_the_local_clock(text: str, later: bool, meant: datetime | None) -> None:
    assert named_time(text, NOW, later=later) == meant


@pytest.mark.usefixtures("berlin")
def test_the_zone_is_named_as_it_is_at_that_time() -> None:
    summer = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert (zone_name(NOW), local_text(NOW)) == ("CET", "2026-10-25 12:30:00")
    assert (zone_name(summer), local_text(summer, seconds=False)) == ("CEST", "2026-07-01 14:00")


def test_a_zone_without_a_name_is_its_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Sao_Paulo")
    time.tzset()
    try:
        assert zone_name(NOW) == "-03:00"
    finally:
        monkeypatch.undo()
        time.tzset()
