"""Deadlines: which accounts have been in a transient status for too long.

Makes events of them; what such an event does, ``decide`` says.
"""

from collections.abc import Iterator
from datetime import datetime

from .lifecycle.decide import Policy
from .lifecycle.events import DeadlinePassed
from .lifecycle.providers import PERMISSIVE, PROFILES
from .lifecycle.status import Status
from .ports import Reader


def passed_deadlines(reader: Reader, policy: Policy, now: datetime) -> Iterator[DeadlinePassed]:
    """An event for every account whose present status has outlived its deadline and is not yet stuck."""
    for account in reader.transient(transient_statuses(policy)):
        allowed = policy.deadlines_of(account.provider).get(account.status)
        if allowed is not None and account.since is not None and now - account.since > allowed:
            yield DeadlinePassed(account.account_id, account.status, now, account.since, allowed)


def transient_statuses(policy: Policy) -> tuple[Status, ...]:
    """The statuses that have a deadline for any provider."""
    tables = [PERMISSIVE.deadlines, *(p.deadlines for p in PROFILES.values()), *policy.deadlines.values()]
    return tuple(status for status in Status if any(status in table for table in tables))
