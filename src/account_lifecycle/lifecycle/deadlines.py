"""Which deadline of an account passes next: of a stay, of a reminder, of a session.

A deadline has passed once more than its length has gone by, so it is dated the least moment later, and whatever
happens at the deadline itself comes first. Each is due once: what was told of it is remembered in the account.
"""

from datetime import UTC, datetime, timedelta

from .account import Account
from .events import DeadlineKind, DeadlinePassed
from .policy import Policy
from .status import Health

_EVER = datetime.max.replace(tzinfo=UTC)
_OVER = (Health.UNKNOWN, Health.FAILED, Health.GONE)
"""Healths of accounts whose session nobody needs."""


def deadline_before(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    """Return the first deadline of an account that has passed at a moment and was not told yet; None if none has."""
    since, due = account.since, None
    if since is None:
        return None
    stays, lead = policy.terms(account.provider)
    if not account.stuck:
        allowed = stays.get(account.situation.status)
        if allowed is not None and at - since > allowed:
            due = _passed(account, DeadlineKind.STAY, since, allowed, since)
    if account.down_since is not None and at > account.down_since:
        reminder = _reminder(account, at, policy)
        due = reminder if due is None or (reminder is not None and reminder.received_at < due.received_at) else due
    if lead is not None and account.signed_in_at is not None and at - account.signed_in_at > lead:
        notice = _notice(account, account.signed_in_at, lead)
        due = notice if due is None or (notice is not None and notice.received_at < due.received_at) else due
    return due


def next_deadline(account: Account, policy: Policy) -> DeadlinePassed | None:
    """Return the deadline that passes next, or has passed and was not told yet; None if there is none."""
    return deadline_before(account, _EVER, policy)


def is_due(account: Account, event: DeadlinePassed) -> bool:
    """Return whether a deadline is of the present stay, outage or session, and was not told yet."""
    if event.kind is DeadlineKind.STAY:
        return (account.status, account.since, account.stuck) == (event.status, event.since, False)
    if event.kind is DeadlineKind.REMINDER:
        is_down = account.down_since is not None and reminders_from(account) == event.since
        return is_down and event.allowed > account.memory.reminded
    return account.signed_in_at == event.since and not account.memory.session_noticed


def reminders_from(account: Account) -> datetime | None:
    """Return from when on reminders of an account that is down are counted."""
    if account.memory.remind_from is not None:
        return account.memory.remind_from
    return account.since if account.blind_window is None else account.blind_window.opened_at


def _reminder(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    memory, since = account.memory, reminders_from(account)
    length = next((length for length in policy.reminders if length > memory.reminded), None)
    if since is None or account.down_since is None or length is None or at - since <= length:
        return None
    return _passed(account, DeadlineKind.REMINDER, since, length, account.down_since)


def _notice(account: Account, signed_in_at: datetime, lead: timedelta) -> DeadlinePassed | None:
    if account.memory.session_noticed or account.health in _OVER:
        return None
    return _passed(account, DeadlineKind.SESSION, signed_in_at, lead, signed_in_at)


def _passed(
    account: Account, kind: DeadlineKind, since: datetime, length: timedelta, earliest: datetime
) -> DeadlinePassed:
    """Return the event of a deadline; ``earliest`` is when the account came to be as the deadline is about."""
    at = max(since + length, earliest) + timedelta.resolution
    return DeadlinePassed(account.account_id, account.situation.status, at, since, length, kind)
