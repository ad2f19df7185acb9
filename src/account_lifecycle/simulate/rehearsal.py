"""An audit of a log in memory: every line parsed and judged, account by account, without an engine or a store."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from ..errors import PayloadError
from ..intake.payloads import parse
from ..lifecycle.account import Account
from ..lifecycle.deadlines import next_deadline
from ..lifecycle.decide import Decision, judge
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .score import Heard


class Rehearsal:
    """Iterate over it for what is said about each line, and about each deadline that passed before or by the end.

    The lines are those of a simulation that is not bare.
    """

    def __init__(self, lines: Iterable[str], policy: Policy = DEFAULT_POLICY) -> None:
        self.accounts: dict[str, Account] = {}
        self._lines = lines
        self._policy = policy

    def __iter__(self) -> Iterator[Heard]:
        return (Heard(line, None, None) if d is None else Heard.about(line, d) for line, d in self.decisions())

    def decisions(self) -> Iterator[tuple[int, Decision | None]]:
        """Yield each decision with the line at which it was made, None for a line that cannot be read."""
        number, now = 0, None
        for number, line in enumerate(self._lines, 1):
            entry = json.loads(line)
            at = datetime.fromisoformat(entry["received_at"])
            now = at if now is None else max(now, at)
            try:
                event = parse(entry["payload"], at)
            except PayloadError:
                yield number, None
                continue
            account = self.accounts.get(event.account_id) or Account(event.account_id)
            for decision in judge(account, event, self._policy):
                self.accounts[event.account_id] = decision.after
                yield number, decision
        if now is not None:
            yield from self._pass_deadlines(number, now)

    def _pass_deadlines(self, number: int, now: datetime) -> Iterator[tuple[int, Decision]]:
        """Judge what has passed by the end of the log."""
        for account_id, account in self.accounts.items():
            due = next_deadline(account, self._policy)
            if due is None or due.received_at > now:
                continue
            for decision in judge(account, replace(due, received_at=now), self._policy):
                self.accounts[account_id] = decision.after
                yield number, decision
