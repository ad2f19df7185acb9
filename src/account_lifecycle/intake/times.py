"""Moments: times that somebody else tells, made sure of before anything relies on them.

Knows what makes a time usable, aware and in UTC; it must never ask what time it is.
"""

from datetime import UTC, datetime

from ..errors import ConfigurationError


def in_utc(name: str, at: datetime) -> datetime:
    """A time as it is kept. ``name`` is what it was given as; raises ``ConfigurationError`` if it is not aware."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(name, repr(at), "a datetime with a time zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(name, repr(at), "a time that UTC has a year for") from None
