"""When a live event arrived, as its account sees it: by our clock, and never before what the account has seen.

Two hosts' clocks differ a little, and then the later of two events is stamped as late as the earlier one. A clock that
was wrong by years is another matter: it stamps an event of today with a day to come, nothing can be earlier than that
from then on, and if all that follows had that same moment, no time would pass for the account until the day has come:
every repeat would be a quick retry, no deadline would pass. So for an account that is further ahead of the clock than
clocks differ, time goes on from where it was put: what our clock says has passed since it was noticed has passed for
the account. Its dates are wrong until the day has come; the order of its events and the lengths between them are not.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ..intake.times import MAX_AHEAD
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..records import Judge

MAX_ACCOUNTS = 10_000
"""Of how many accounts it is remembered by how much they are ahead; when there are more, all begin anew."""


class Arrivals:
    """The clock of each account, for one engine. May be used by several threads at once."""

    def __init__(self) -> None:
        self._ahead: dict[str, timedelta] = {}

    def judge(self, account: Account, event: Event, judge: Judge) -> list[Decision]:
        """Judge an event that was stamped by our clock when it arrived."""
        at = self.moment(account, event.received_at)
        return judge(account, event if at == event.received_at else replace(event, received_at=at))

    def moment(self, account: Account, now: datetime) -> datetime:
        """Return what ``now``, by our clock, is for an account: never before its newest event."""
        newest, account_id = account.newest_at, account.account_id
        if newest is None or newest - now <= MAX_AHEAD:
            if self._ahead:
                self._ahead.pop(account_id, None)
            return now if newest is None else max(now, newest)
        if account_id not in self._ahead and len(self._ahead) >= MAX_ACCOUNTS:
            self._ahead.clear()
        ahead = self._ahead[account_id] = max(self._ahead.get(account_id, newest - now), newest - now)
        return now + ahead
