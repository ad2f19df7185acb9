"""Times from outside, made sure of before anything relies on them."""

from datetime import UTC, datetime, timedelta

from ..errors import ConfigurationError

MAX_AHEAD = timedelta(days=1)
"""How far after the present a time of arrival may be: clocks differ, but not by more."""


def in_utc(name: str, at: datetime) -> datetime:
    """Return a time in UTC. Raise ``ConfigurationError`` about the setting ``name`` if it is not aware."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(name, repr(at), "a datetime with a time zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(name, repr(at), "a time that UTC has a year for") from None


def arrival(received_at: datetime, now: datetime) -> datetime:
    """Return the time of arrival that a caller gave, in UTC; ``now`` is the present.

    Raise ``ConfigurationError`` if it is not aware or more than a day in the future: that is a fault of the caller,
    so there is nothing to quarantine.
    """
    at = in_utc("received_at", received_at)
    if at > now + MAX_AHEAD:
        raise ConfigurationError("received_at", at.isoformat(), f"at most a day after the present, {now.isoformat()}")
    return at
