"""Times as people write them: dates, ISO 8601, how long ago. All are UTC."""

from datetime import UTC, datetime, timedelta

import click
import pytest

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


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "7y", "99999999w", "-7d", "12:00", "7"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match="Write 2026-05-01, 2026-05-01T12:00:00Z, 24h, 7d or now"):
        MOMENT.convert(text, None, None)
