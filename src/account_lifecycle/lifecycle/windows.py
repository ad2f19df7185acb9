"""Blind windows: the intervals in which an account's data may be stale and messages were missed.

Source: the vendor's page, "When the account status is not OK".
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from .status import Status
from .wording import JsonObject, time_text


class WindowChange(Enum):
    """What an accepted announcement does to an account's blind window."""

    NONE = "nothing"
    OPENS = "opens one"
    ADDS_CAUSE = "adds a cause to the open one, if there is one"
    RECOVERS = "closes the open one: the account is live again"
    ENDS = "closes the open one: the account is gone"


class BlindWindow(NamedTuple):
    """An interval in which the account was not OK. All times are aware and in UTC."""

    account_id: str
    """The account that it is of."""
    sequence: int
    """The account's sequence at the event that opened it; identifies the window within its account."""
    last_ok_at: datetime | None
    """When OK was last heard, repeats included: the last proof of life. None: unknown, backfill it all."""
    opened_at: datetime
    """When the first status other than OK was heard."""
    closed_at: datetime | None = None
    """When it ended; None while it is open."""
    recovered: bool = False
    """Whether OK ended it; a deletion ends it unrecovered."""
    causes: tuple[Status, ...] = ()
    """What was announced against the account while it was open, in order, each once."""

    @property
    def is_open(self) -> bool:
        """Whether it still lasts."""
        return self.closed_at is None

    def duration(self, now: datetime | None = None) -> timedelta | None:
        """How long data may have been missed: from the last proof of life to the end, or to ``now``.

        None when the start is unknown, or when it is still open and no ``now`` is given.
        """
        end = self.closed_at or now
        if self.last_ok_at is None or end is None:
            return None
        return max(timedelta(0), end - self.last_ok_at)

    def with_cause(self, cause: Status) -> "BlindWindow":
        """The same window with one more cause, if that is new."""
        return self if cause in self.causes else BlindWindow(*self[:-1], (*self.causes, cause))

    def closed(self, at: datetime, *, recovered: bool) -> "BlindWindow":
        """The same window, ended."""
        account_id, sequence, last_ok_at, opened_at, _, _, causes = self
        return BlindWindow(account_id, sequence, last_ok_at, opened_at, at, recovered, causes)

    def to_dict(self, now: datetime | None = None) -> JsonObject:
        """Return the window as a JSON object; an open one is measured to ``now`` (aware), else its length is None."""
        length = self.duration(now)
        return {
            "account_id": self.account_id,
            "sequence": self.sequence,
            "last_ok_at": time_text(self.last_ok_at),
            "opened_at": time_text(self.opened_at),
            "closed_at": time_text(self.closed_at),
            "open": self.is_open,
            "recovered": self.recovered,
            "causes": [cause.value for cause in self.causes],
            "duration_s": None if length is None else length.total_seconds(),
        }
