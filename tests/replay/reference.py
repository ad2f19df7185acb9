"""The live engine's pure step over a log, event by event: what a replay must come to."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.windows import BlindWindow

MICROSECOND = timedelta(microseconds=1)


class Lived(NamedTuple):
    """What became of a log."""

    decisions: list[Decision]
    """Of every readable event, in order."""
    before: list[Decision | None]
    """By event, that of the deadline which passed before it."""
    ending: list[Decision]
    """Those of the deadlines that had passed by the end."""
    accounts: dict[str, Account]
    refused: list[PayloadError]

    @property
    def anomalies(self) -> list[Anomaly]:
        """Every anomaly, in the order of the log."""
        pairs = zip(self.before, self.decisions, strict=True)
        found = [a for early, d in pairs for a in (*(early.anomalies if early else ()), *d.anomalies)]
        return found + [a for d in self.ending for a in d.anomalies]

    @property
    def windows(self) -> dict[tuple[str, int], BlindWindow]:
        """Every blind window as it was at the end."""
        found = [d.blind_window for d in self.decisions if d.blind_window is not None]
        return {(w.account_id, w.sequence): w for w in found}


def events_of(log: Iterable[bytes], stamp: datetime) -> tuple[list[StatusAnnounced], list[PayloadError]]:
    """What can be read of a log, and why the rest cannot."""
    events, refused = [], []
    for line in read_log(log):
        try:
            events.append(parse(line.payload, stamp if line.received_at is None else line.received_at))
        except PayloadError as error:
            refused.append(error)
    return events, refused


def live(
    log: Iterable[bytes], stamp: datetime, policy: Policy = DEFAULT_POLICY, until: datetime | None = None
) -> Lived:
    """Live through a log, with a deadline noticed the moment after it has passed."""
    events, refused = events_of(log, stamp)
    lived = Lived([], [], [], {}, refused)
    for event in events:
        account = lived.accounts.get(event.account_id, Account(event.account_id))
        passed = _deadline(account, event.received_at, policy)
        lived.before.append(None if passed is None else decide(account, passed, policy))
        decision = decide(lived.before[-1].account if lived.before[-1] else account, event, policy)
        lived.decisions.append(decision)
        lived.accounts[event.account_id] = decision.after
    end = until or max((event.received_at for event in events), default=stamp)
    for account in list(lived.accounts.values()):
        if passed := _deadline(account, end, policy):
            lived.ending.append(decide(account, passed, policy))
            lived.accounts[account.account_id] = lived.ending[-1].account
    return lived


def _deadline(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    allowed = policy.deadlines_of(account.provider).get(account.status)
    if allowed is None or account.since is None or account.stuck or at - account.since <= allowed:
        return None
    noticed = account.since + allowed + MICROSECOND
    return DeadlinePassed(account.account_id, account.status, noticed, account.since, allowed)
