"""Which deadline of an account passes next: of a stay, of a reminder, of a session.

A deadline has passed once more than its length has gone by, so it is dated the least moment later, and whatever
happens at the deadline itself comes first. Each is due once: what was told of it is remembered in the account.
"""

from datetime import UTC, datetime, timedelta

from .account import Account
from .events import DeadlineKind, DeadlinePassed
from .policy import Policy
from .providers import profile_of
from .status import Health

_AFTER = timedelta(microseconds=1)
"""How long after a deadline it has passed: the least that a time can tell."""

_OVER = (Health.UNKNOWN, Health.FAILED, Health.GONE)
"""Healths of accounts whose session nobody needs."""


def deadline_before(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    """Return the first deadline of an account that has passed before ``at`` and was not told yet; None if none has."""
    due = [
        passed
        for passed in (_stay(account, policy), _reminder(account, policy), _session(account, policy))
        if passed is not None and passed.received_at < at
    ]
    return min(due, key=lambda passed: passed.received_at) if due else None


def next_deadline(account: Account, policy: Policy) -> DeadlinePassed | None:
    """Return the deadline that passes next, or has passed and was not told yet; None if there is none."""
    return deadline_before(account, datetime.max.replace(tzinfo=UTC), policy)


def reminders_from(account: Account) -> datetime | None:
    """Return from when on reminders of an account that is down are counted."""
    if account.memory.remind_from is not None:
        return account.memory.remind_from
    return account.since if account.blind_window is None else account.blind_window.opened_at


def _stay(account: Account, policy: Policy) -> DeadlinePassed | None:
    if account.stuck or account.since is None:
        return None
    allowed = policy.deadlines_of(account.provider).get(account.status)
    return None if allowed is None else _passed(account, DeadlineKind.STAY, account.since, allowed, account.since)


def _reminder(account: Account, policy: Policy) -> DeadlinePassed | None:
    memory, since = account.memory, reminders_from(account)
    if memory.down_since is None or since is None:
        return None
    length = next((length for length in policy.reminders if length > memory.reminded), None)
    return None if length is None else _passed(account, DeadlineKind.REMINDER, since, length, memory.down_since)


def _session(account: Account, policy: Policy) -> DeadlinePassed | None:
    memory, session = account.memory, profile_of(account.provider).session_length
    if session is None or memory.signed_in_at is None or memory.session_noticed or account.health in _OVER:
        return None
    lead = max(timedelta(0), session - policy.expiry_notice)
    return _passed(account, DeadlineKind.SESSION, memory.signed_in_at, lead, memory.signed_in_at)


def _passed(
    account: Account, kind: DeadlineKind, since: datetime, length: timedelta, earliest: datetime
) -> DeadlinePassed | None:
    """Return the event of a deadline; ``earliest`` is when the account came to be as the deadline is about."""
    try:
        at = max(since + length, earliest) + _AFTER
    except OverflowError:  # beyond the last year there is: never
        return None
    return DeadlinePassed(account.account_id, account.status, at, since, length, kind)
