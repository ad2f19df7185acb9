"""The package's side: what it finds in a log, account by account.

An audit is any function from the bytes of an event log to the kinds of anomaly of every account in it, each
account's in the order of its events; ``AUDITS`` lists those that are held against the alignments.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY

Audit = Callable[[bytes], Mapping[str, tuple[str, ...]]]


def audit_by_deciding(log: bytes) -> dict[str, tuple[str, ...]]:
    """Parse every line and decide on it, and on every deadline that passes, without any store."""
    return {
        account_id: tuple(anomaly.kind.value for decision in decisions for anomaly in decision.anomalies)
        for account_id, decisions in decisions_on(log).items()
    }


AUDITS: dict[str, Audit] = {"deciding line by line": audit_by_deciding}


@cache
def decisions_on(log: bytes) -> dict[str, list[Decision]]:
    """Every decision on every account of a log, in order; what is unreadable is nobody's."""
    events: dict[str, list[StatusAnnounced]] = {}
    now = None
    for payload, received_at in read_log(log.splitlines()):
        assert received_at is not None
        now = received_at
        try:
            event = parse(payload, received_at)
        except PayloadError:
            continue
        events.setdefault(event.account_id, []).append(event)
    assert now is not None
    return {account_id: list(_decide_on_all(Account(account_id), told, now)) for account_id, told in events.items()}


def _decide_on_all(account: Account, events: list[StatusAnnounced], end: datetime) -> Iterator[Decision]:
    for event in events:
        for each in (*_passed(account, event.received_at), event):
            decision = decide(account, each)
            account = decision.after
            yield decision
    yield from (decide(account, each) for each in _passed(account, end))


def _passed(account: Account, now: datetime) -> tuple[Event, ...]:
    """The deadline that has passed since the account's last news, if one has."""
    allowed = DEFAULT_POLICY.deadlines_of(account.provider).get(account.status)
    if allowed is None or account.since is None or account.stuck or account.since + allowed >= now:
        return ()
    due = account.since + allowed
    return (DeadlinePassed(account.account_id, account.status, due, account.since, allowed),)
