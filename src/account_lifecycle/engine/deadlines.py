"""Deadlines: the accounts that have been in a transient status for too long, as events to be fed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ..lifecycle.account import Account
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PERMISSIVE, PROFILES, family_of
from ..lifecycle.status import Status
from ..stores.protocol import Reader

_AFTER = timedelta(microseconds=1)
"""How long after a deadline it has passed: the resolution of a time."""


def passed_deadlines(reader: Reader, policy: Policy, now: datetime) -> Iterator[DeadlinePassed]:
    """Yield an event for every account whose present status has outlived its deadline and is not yet stuck."""
    for account in reader.transient(transient_statuses(policy)):
        passed = deadline_before(account, now, policy)
        if passed is not None:
            yield replace(passed, received_at=now)


def deadline_before(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    """Return the deadline that the account's present stay has outlived before ``at``, as if noticed when it passed.

    Return None if there is none, or if the account is stuck already: a stay is reported once.
    """
    if account.stuck or account.since is None:
        return None
    allowed = policy.deadlines_of(account.provider).get(account.status)
    if allowed is None or at - account.since <= allowed:
        return None
    return DeadlinePassed(account.account_id, account.status, account.since + allowed + _AFTER, account.since, allowed)


def transient_statuses(policy: Policy) -> tuple[Status, ...]:
    """Return the statuses that have a deadline for any provider."""
    return tuple(shortest_deadlines(policy))


def shortest_deadlines(policy: Policy) -> dict[Status, timedelta]:
    """Return how long each transient status may last for any provider at least: nothing is due before."""
    tables = [PERMISSIVE.deadlines, *(p.deadlines for p in PROFILES.values()), *policy.deadlines.values()]
    lengths = {status: [table[status] for table in tables if status in table] for status in Status}
    return {status: min(found) for status, found in lengths.items() if found}


def by_family(policy: Policy) -> Policy:
    """Return the policy with its providers by family, as accounts hold them, whichever alias each was named by."""
    return policy._replace(deadlines={family_of(p) or p: own for p, own in policy.deadlines.items()})
