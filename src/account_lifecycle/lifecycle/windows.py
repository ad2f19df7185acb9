"""Blind windows: the intervals in which an account's data may be stale and messages were missed.

A healthy account is announced once and then not again: silence after OK is life. So a window begins where the account
was announced to be live no longer, a margin earlier for what was delivered late, and not where OK was last heard.
Where nobody announced the outage, its beginning is estimated, and said to be.

Source: the vendor's page, "When the account status is not OK".
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from .status import Status
from .wording import JsonObject, escaped, lasting, moment, time_text


class BlindWindow(NamedTuple):
    """An interval in which the account was not live. All times are aware and in UTC."""

    account_id: str
    """The account that it is of."""
    sequence: int
    """The account's sequence at the event that opened it (or told of it); identifies it within its account."""
    opened_at: datetime
    """When the event arrived after which the account was not live; the earliest it can have been if estimated."""
    backfill_from: datetime | None
    """From when on data should be fetched again; None if that is unknown: fetch everything."""
    closed_at: datetime | None = None
    """When it ended; None while it is open."""
    recovered: bool = False
    """Whether the account was live again; a deletion ends it unrecovered."""
    estimated: bool = False
    """Whether nobody announced that it began, so that the account may have been live for much of it."""
    causes: tuple[Status, ...] = ()
    """What was announced against the account while it was open, in order, each once."""

    @property
    def is_open(self) -> bool:
        """Whether it is ongoing."""
        return self.closed_at is None

    def duration(self, now: datetime | None = None) -> timedelta | None:
        """Return how long it lasted, or has lasted by ``now``; None if it is open and no ``now`` is given."""
        end = self.closed_at or now
        return None if end is None else max(timedelta(0), end - self.opened_at)

    def with_cause(self, cause: Status) -> "BlindWindow":
        """Return the same window with one more cause, if that is new."""
        return self if cause in self.causes else self._replace(causes=(*self.causes, cause))

    def closed(self, at: datetime, *, recovered: bool) -> "BlindWindow":
        """Return the same window, ended."""
        account_id, sequence, opened_at, backfill_from, _, _, estimated, causes = self
        end = at if at > opened_at else opened_at
        return BlindWindow(account_id, sequence, opened_at, backfill_from, end, recovered, estimated, causes)

    def __str__(self) -> str:
        perhaps = "perhaps " if self.estimated else ""
        if self.closed_at is None:
            span = f"since {moment(self.opened_at)}, ongoing"
        else:
            length = lasting(self.closed_at - self.opened_at)
            span = f"from {moment(self.opened_at)} to {moment(self.closed_at)}, {length}"
        start = moment(self.backfill_from) if self.backfill_from else "the beginning"
        rest = f"backfill from {start}" if self.is_open or self.recovered else "it was deleted"
        return f"{escaped(self.account_id)}: {perhaps}blind {span}; {rest}"

    def to_dict(self, now: datetime | None = None) -> JsonObject:
        """Return the window as a JSON object; an open one is measured to ``now`` (aware), else its length is None."""
        length = self.duration(now)
        return {
            "account_id": self.account_id,
            "sequence": self.sequence,
            "backfill_from": time_text(self.backfill_from),
            "opened_at": time_text(self.opened_at),
            "closed_at": time_text(self.closed_at),
            "open": self.is_open,
            "recovered": self.recovered,
            "estimated": self.estimated,
            "causes": [cause.value for cause in self.causes],
            "duration_s": None if length is None else length.total_seconds(),
        }
