"""Times from outside: made sure of where a caller hands them over, and read in whichever way a log writes them.

``TimeReader`` reads what logs have: ISO 8601 with an offset, ``Z``, ``+00``, a zone's letters behind a space (``UTC``,
``+0000 UTC``) or none; RFC 2822 and the ``Date`` header of HTTP; the access logs of web servers; numbers since 1970
as numbers or as text, also in scientific notation; in text also Excel's days since 1900. What a number counts is told
by its size: days from 25,569 to 73,051 (the years 1970 to 2100), seconds from 10^8 (1973) to 10^11, milliseconds to
10^13, microseconds from 10^14 to 10^17, nanoseconds beyond. Anything less may as well be a duration, and between 10^13
and 10^14 it may as well be a date (20260501120000): nobody is served by a guess.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from ..errors import ConfigurationError

MAX_AHEAD = timedelta(days=1)
"""How far after the present a time of arrival may be: clocks differ, but not by more."""
TIME_KEYS = (
    "received_at", "created_at", "inserted_at", "date", "@timestamp", "time", "at", "timestamp", "sent_at", "ts",
    "timeEpoch", "event_time", "occurred_at", "logged_at", "datetime", "ingestionTime",
)  # fmt: skip
"""What keys and columns are called that hold the time of arrival, the likeliest first."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXCEL = datetime(1899, 12, 30)
_EXCEL_DAYS = (25_569, 73_051)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+]?\d+)?")
_ZONE = re.compile(r"(?:\s*(?:UTC|GMT|Z)|(?<=[+-]\d{4})\s+[A-Z]{3,5})\s*(?:m=[+-][\d.]+)?$")
_ISO = re.compile(r"\d{4}-?\d\d")
_GAP = re.compile(r"\s+(?=[+-]\d\d)")
_ACCESS_LOG = re.compile(r"\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}")
_BROWSER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2} \d{1,2} \d{4} \d\d:\d\d:\d\d) (?:GMT|UTC)([+-]\d{4}).*")
IN_TEXT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?(?:\d\d)?\b)?|" + _ACCESS_LOG.pattern
)
"""A time that stands somewhere in a line of a log, before the event."""


def folded(key: str) -> str:
    """Return a key as it is compared: without case and without what is no letter or digit."""
    return "".join(filter(str.isalnum, key.casefold()))


TIME_RANKS: Mapping[str, int] = {folded(key): rank for rank, key in reversed([*enumerate(TIME_KEYS)])}
"""The place of each folded key in ``TIME_KEYS``."""


class TimeReader:
    """Reads times; those without a zone are in ``zone``, and are counted."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self.naive = 0
        """How many times had no zone of their own."""

    def read(self, value: object) -> datetime | None:
        """Return the time that a value tells, in UTC; None for nothing. Raise ``ValueError`` if it is no time."""
        if isinstance(value, str):
            if value[4:5] == "-":  # and not a number, some of which are dates of ISO 8601 as well
                try:
                    return self._zoned(datetime.fromisoformat(value))
                except ValueError:
                    pass
            return self._in_text(value)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._counted(value)
        if isinstance(value, Mapping) and len(value) == 1:  # MongoDB's {"$date": {"$numberLong": "..."}}
            ((key, inner),) = value.items()
            if key in ("$date", "$numberLong"):
                return self.read(inner)
        if isinstance(value, datetime):
            return self._zoned(value)
        raise ValueError("no time")

    def _in_text(self, text: str) -> datetime | None:
        from email.utils import parsedate_to_datetime  # here, because it brings in half of the e-mail package

        text = text.strip()
        if not text:
            return None
        if _NUMBER.fullmatch(text):
            is_whole = text.isdigit() or text[1:].isdigit()
            number = int(text) if is_whole and len(text) < 25 else float(text)
            if _EXCEL_DAYS[0] <= number < _EXCEL_DAYS[1]:
                return self._zoned(_EXCEL + timedelta(milliseconds=round(number * 86_400_000)))
            return self._counted(number)
        if _ACCESS_LOG.fullmatch(text):
            return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
        if found := _BROWSER.fullmatch(text):
            return datetime.strptime(" ".join(found.groups()), "%b %d %Y %H:%M:%S %z").astimezone(UTC)
        if not _ISO.match(text):
            return self._zoned(parsedate_to_datetime(text))
        bare = _ZONE.sub("", text)
        at = datetime.fromisoformat(_GAP.sub("", bare))
        return self._zoned(at.replace(tzinfo=at.tzinfo or UTC) if bare != text else at)

    def _zoned(self, at: datetime) -> datetime:
        if at.tzinfo is UTC:
            return at
        try:
            if at.tzinfo is None:
                self.naive += 1
                return at.replace(tzinfo=self.zone).astimezone(UTC)
            return at.astimezone(UTC)
        except OverflowError:
            raise ValueError("no time that UTC has a year for") from None

    def _counted(self, number: float) -> datetime:
        size = abs(number)
        try:
            if not 1e8 <= size < 1e20 or 1e13 <= size < 1e14:
                raise ValueError("a number of which nobody can tell what it counts")
            unit = 1_000_000 if size < 1e11 else 1000 if size < 1e13 else 1 if size < 1e17 else 0
            micros = number // 1000 if not unit else number * unit
            return _EPOCH + timedelta(microseconds=round(micros))
        except OverflowError:
            raise ValueError("a number beyond all years") from None


def in_utc(name: str, at: datetime) -> datetime:
    """Return a time in UTC. Raise ``ConfigurationError`` about the setting ``name`` if it is not aware."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise ConfigurationError(name, repr(at), "a datetime with a time zone")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(name, repr(at), "a time that UTC has a year for") from None


def arrival(name: str, at: datetime, now: datetime) -> datetime:
    """Return a time at which something has happened, as a caller gave it, in UTC; ``now`` is the present.

    Raise ``ConfigurationError`` about the argument ``name`` if it is not aware or more than a day in the future: that
    is a fault of the caller, so there is nothing to quarantine.
    """
    found = in_utc(name, at)
    if found > now + MAX_AHEAD:
        raise ConfigurationError(name, found.isoformat(), f"at most a day after the present, {now.isoformat()}")
    return found
