"""Times as people say and read them: in the local time zone, whose name is printed with them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_DAYS = {"today": 0, "yesterday": 1}


def local_zone(at: datetime) -> tzinfo:
    """Return the zone of this machine as it is at a time (aware)."""
    return at.astimezone().tzinfo or UTC


def zone_name(at: datetime) -> str:
    """Return the name of the local zone at a time (aware): ``UTC``, ``CET``, or ``+05:30`` where it has no name."""
    name = at.astimezone().tzname() or ""
    return (
        name if name[:1].isalpha() else at.astimezone().strftime("%z")[:3] + ":" + at.astimezone().strftime("%z")[3:5]
    )


def local_text(at: datetime, *, seconds: bool = True) -> str:
    """Return a time (aware) in the local zone, without its name: that stands in a title."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def named_time(text: str, now: datetime, *, later: bool = False) -> datetime | None:
    """Return the moment that ``14:00``, ``today`` or ``yesterday`` stands for in the local zone; None for other text.

    A day stands for its beginning. A time of day is today's, or yesterday's if it is still to come and not meant to
    be ``later``. Raise ``ValueError`` for a time of day that there is not.
    """
    day = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if (days := _DAYS.get(text.lower())) is not None:
        return _from_local(day - timedelta(days=days))
    if (clock := _CLOCK.fullmatch(text)) is None:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups())
    at = day.replace(hour=hour, minute=minute, second=second)
    if not later and _from_local(at) > now:
        at -= timedelta(days=1)
    return _from_local(at)


def _from_local(at: datetime) -> datetime:
    """Return a time of the local zone, which may have another offset on another day, in UTC."""
    return at.astimezone(UTC)
