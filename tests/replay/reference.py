"""The live engine's step over a log, event by event: what a replay must come to."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.logs import ENVELOPE
from account_lifecycle.intake.payloads import parse
from account_lifecycle.intake.times import TimeReader
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.deadlines import deadline_before
from account_lifecycle.lifecycle.decide import Decision, decide, judge
from account_lifecycle.lifecycle.events import NOBODY, StatusAnnounced
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.windows import BlindWindow


class Lived(NamedTuple):
    """What became of a log."""

    events: list[StatusAnnounced]
    decisions: list[Decision]
    """Of every readable event, in order."""
    before: list[list[Decision]]
    """By event, those of the deadlines which passed before it."""
    ending: list[Decision]
    """Those of the deadlines that had passed by the end."""
    accounts: dict[str, Account]
    refused: list[PayloadError]

    @property
    def everything(self) -> list[Decision]:
        """Every decision, in the order of the log."""
        pairs = zip(self.before, self.decisions, strict=True)
        return [*(one for early, decision in pairs for one in (*early, decision)), *self.ending]

    @property
    def anomalies(self) -> list[Anomaly]:
        """Every anomaly, in the order of the log."""
        return [anomaly for decision in self.everything for anomaly in decision.anomalies]

    @property
    def windows(self) -> dict[tuple[str, int], BlindWindow]:
        """Every blind window as it was at the end."""
        found = [d.blind_window for d in self.everything if d.blind_window is not None]
        return {(w.account_id, w.sequence): w for w in found}


def events_of(log: Iterable[bytes], stamp: datetime) -> tuple[list[StatusAnnounced], list[PayloadError]]:
    """What can be read of a log, and why the rest cannot."""
    events, refused = [], []
    read = ENVELOPE.event_reader(TimeReader())
    for received in (received for line in log if (text := line.strip()) for received in read(text)):
        try:
            events.append(parse(received.payload, stamp if received.received_at is None else received.received_at))
        except PayloadError as error:
            refused.append(error)
    return events, refused


def live(
    log: Iterable[bytes], stamp: datetime, policy: Policy = DEFAULT_POLICY, until: datetime | None = None
) -> Lived:
    """Live through a log, with a deadline noticed the moment after it has passed."""
    events, refused = events_of(log, stamp)
    lived = Lived(events, [], [], [], {}, refused)
    for event in events:
        account = lived.accounts.get(event.account_id, Account(event.account_id))
        *early, decision = judge(account, event, policy)
        lived.before.append(early)
        lived.decisions.append(decision)
        lived.accounts[event.account_id] = decision.after
    end = until or max((event.received_at for event in events), default=stamp)
    lived.accounts.pop(NOBODY, None)
    for account in list(lived.accounts.values()):
        while (passed := deadline_before(account, end, policy)) is not None:
            lived.ending.append(decide(account, passed, policy))
            account = lived.accounts[account.account_id] = lived.ending[-1].after
    return lived
