"""Deadlines: find the accounts that have one that has passed, as looks at the clock to be fed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from ..lifecycle.account import Account
from ..lifecycle.deadlines import deadline_before
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.policy import Policy
from ..stores.protocol import Ledger, Reader


def redate(ledger: Ledger, policy: Policy, now: datetime) -> None:
    """Have the next deadline of every account kept by the terms of a policy, page by page."""
    last = 0
    while last := ledger.redate(policy, now, last):
        pass


def passed_deadlines(
    reader: Reader, policy: Policy, now: datetime, moment: Callable[[Account, datetime], datetime] = lambda _, now: now
) -> Iterator[DeadlinePassed]:
    """Yield an event for every account of which a deadline has passed by ``now`` and was not told yet.

    It stands for a look at the clock ``now``: all that has passed by then is found by judging it, each at its moment.
    The accounts are those that the store has as due, by the terms of this policy (``Ledger.redate``). One may have
    changed by the time it is judged; then nothing is decided. ``moment`` returns what ``now`` is for an account
    (``arrivals``).
    """
    for account in reader.due(now):
        at = moment(account, now)
        passed = deadline_before(account, at, policy)
        if passed is not None:
            yield replace(passed, received_at=at)
