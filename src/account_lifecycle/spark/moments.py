"""Times as Spark's tables have them: microseconds since 1970 in UTC.

Knows nothing else.
"""

from datetime import UTC, datetime, timedelta

from ..errors import ConfigurationError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_of(at: datetime, setting: str) -> int:
    """A time that somebody has set. Raises ``ConfigurationError`` for one without a time zone."""
    if at.utcoffset() is None:
        raise ConfigurationError(setting, f"{at.isoformat()} without a time zone", "a datetime with a time zone")
    return (at - EPOCH) // _MICROSECOND


def moment_of(microseconds: int | None) -> datetime | None:
    """A time that Spark has told as a number."""
    return None if microseconds is None else EPOCH + microseconds * _MICROSECOND
