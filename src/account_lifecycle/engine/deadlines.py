"""Deadlines: find the accounts that have one that has passed, as looks at the clock to be fed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ..lifecycle.account import Account
from ..lifecycle.deadlines import deadline_before
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES
from ..stores.protocol import Reader


def passed_deadlines(
    reader: Reader, policy: Policy, now: datetime, moment: Callable[[Account, datetime], datetime] = lambda _, now: now
) -> Iterator[DeadlinePassed]:
    """Yield an event for every account of which a deadline has passed by ``now`` and was not told yet.

    It stands for a look at the clock ``now``: all that has passed by then is found by judging it, each at its moment.
    An account may come twice, and may have changed by the time it is judged; then nothing is decided. ``moment``
    returns what ``now`` is for an account (``arrivals``).
    """
    for account in reader.with_deadlines(policy.transient, now + timedelta.resolution - shortest_session(policy)):
        at = moment(account, now)
        passed = deadline_before(account, at, policy)
        if passed is not None:
            yield replace(passed, received_at=at)


def shortest_session(policy: Policy) -> timedelta:
    """Return how long after a sign-in the end of a session is told at the earliest, whichever the provider."""
    lengths = [profile.session_length for profile in PROFILES.values() if profile.session_length is not None]
    return max(timedelta(0), min(lengths) - policy.expiry_notice)
