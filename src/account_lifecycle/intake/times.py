"""Times from outside, made sure of before anything relies on them."""

from datetime import UTC, datetime

from ..errors import ConfigurationError


def in_utc(name: str, at: datetime) -> datetime:
    """Return a time in UTC. Raise ``ConfigurationError`` about the setting ``name`` if it is not aware."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(name, repr(at), "a datetime with a time zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(name, repr(at), "a time that UTC has a year for") from None
