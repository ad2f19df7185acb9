"""Asking before acting: the vendor is asked for an account before a hook with ``confirm=True`` is called.

**What is asked about.** Calls that say something lasting (the user must reconnect, the account is interrupted …), calls
that are doubtful, and those for an anomaly that asks to be reconciled with the vendor. Who can ask is handed in
(``ask``): it asks the vendor, feeds what that says as an observation, and returns the decision on it.

**What becomes of the call.** If the account is not as the call says any more, by what is on record or by the answer,
the delivery is withdrawn: healed. If the answer agrees, the hook is called, confirmed. If there is no answer, or one
that says otherwise of an account that has changed just now, so that it cannot be relied on yet, the delivery waits; at
the end of ``within`` the hook is called unconfirmed, because what may be true must not be lost.

**How often.** One question at a time, and so many a minute: many at once are put off, not queued in threads. An answer
serves every call for its account that is about something older, for a minute. After a failure nothing is asked for half
a minute.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from ..errors import logger
from ..lifecycle.account import Account
from ..lifecycle.anomalies import NextStep
from ..lifecycle.decide import Decision
from ..lifecycle.effects import EffectKind, condition_of, holds
from ..lifecycle.policy import DEFAULT_POLICY
from ..lifecycle.status import Verdict
from ..records import Delivery, TimeSource

AskVendor = Callable[[str], Decision | None]
"""Asks the vendor for an account and feeds what it says; returns the decision, None if it says nothing that is known.
Raises any error if the vendor cannot be asked."""

HEALED = "healed"
"""Why a delivery was withdrawn: what it was to be called for is over."""
MOST_A_MINUTE = 600
"""How many questions a process asks in a minute at most."""
FRESH = timedelta(minutes=1)
"""How long an answer serves other calls."""
AGAIN = timedelta(minutes=1)
"""When it is asked again after an answer that decides nothing."""
CIRCUIT = timedelta(seconds=30)
"""How long nothing is asked after a failure."""
WHEN_BUSY = timedelta(seconds=1)
"""When it is asked again while another question is under way."""


class Confirmation(NamedTuple):
    """What is known of a call before it is made."""

    is_confirmed: bool | None
    """None: it is not one that is asked about."""
    account: Account | None
    """The account as it is now."""
    is_healed: bool = False
    due_at: datetime | None = None
    """Until when the call is put off; None: it is to be made, or withdrawn."""
    why: str = ""
    """Why it is put off."""


class _NoAnswer(Exception):
    """There is no answer that decides anything; ``again`` is when to ask next."""

    def __init__(self, why: str, again: timedelta = AGAIN) -> None:
        super().__init__(why)
        self.again = again


class Confirming:
    """Questions to the vendor before hooks are called. Safe to share between threads."""

    def __init__(
        self, clock: TimeSource, within: timedelta = DEFAULT_POLICY.confirm_within, ask: AskVendor | None = None
    ) -> None:
        self.ask = ask
        """Who asks; None: nobody can, so that every call is made unconfirmed, at the end of ``within``."""
        self._clock = clock
        self._within = within
        self._asking = Lock()
        self._answers: dict[str, Decision] = {}
        self._resting_until: datetime | None = None
        self._minute: datetime | None = None
        self._asked = 0

    def look(self, delivery: Delivery, account: Account | None) -> Confirmation:
        """Return whether a claimed delivery is to be called, withdrawn or put off."""
        row = delivery.row
        if account is None or not is_asked_about(delivery):
            return Confirmation(None, account)
        condition = condition_of(row.effect.kind, row.effect.subject) or f"status={row.status}"
        if not holds(condition, account):
            return Confirmation(None, account, is_healed=True)
        now, why, again = self._clock(), "", AGAIN
        try:
            answer = self._answer(row.account_id, row.occurred_at, now)
            account = max(account, answer.after, key=lambda each: each.sequence)
            if not holds(condition, account):
                return Confirmation(None, account, is_healed=True)
            if _agrees(answer):
                return Confirmation(True, account)
            why = f"the vendor says {answer.event.status} of an account that has just changed"
        except _NoAnswer as error:
            why, again = str(error), error.again
        ends_at = row.occurred_at + (delivery.hook.after or timedelta(0)) + self._within
        if now < ends_at:
            return Confirmation(None, account, due_at=min(ends_at, now + again), why=f"to be confirmed: {why}")
        facts = {"hook": delivery.hook.name, "key": row.key, "error": why}
        logger().warning("hook is called unconfirmed: the vendor could not be asked in time", **facts)
        return Confirmation(False, account)

    def _answer(self, account_id: str, since: datetime, now: datetime) -> Decision:
        """Return an answer that is newer than ``since``; raise ``_NoAnswer`` if there is none."""
        known = self._answers.get(account_id)
        if known is not None and since <= known.event.received_at and now - known.event.received_at < FRESH:
            return known
        if self.ask is None:
            raise _NoAnswer("nobody here can ask the vendor")
        if self._resting_until is not None and now < self._resting_until:
            raise _NoAnswer("the vendor could not be asked just now", self._resting_until - now)
        if not self._asking.acquire(blocking=False):
            raise _NoAnswer("another account is being asked for", WHEN_BUSY)
        try:
            return self._question(self.ask, account_id, now)
        finally:
            self._asking.release()

    def _question(self, ask: AskVendor, account_id: str, now: datetime) -> Decision:
        if self._minute is None or not timedelta(0) <= now - self._minute < timedelta(minutes=1):
            self._minute, self._asked = now, 0
        if self._asked >= MOST_A_MINUTE:
            raise _NoAnswer("too many accounts are to be asked for", self._minute + timedelta(minutes=1) - now)
        self._asked += 1
        try:
            decision = ask(account_id)
        except Exception as error:  # whatever it is: another question may go better
            self._resting_until = now + CIRCUIT
            raise _NoAnswer(f"the vendor could not be asked ({error})", CIRCUIT) from error
        if decision is None:
            raise _NoAnswer("the vendor says nothing of the account that is known here")
        self._answers[account_id] = decision
        for old in [each for each, answer in self._answers.items() if now - answer.event.received_at >= FRESH]:
            del self._answers[old]
        return decision


def is_asked_about(delivery: Delivery) -> bool:
    """Return whether the vendor is to be asked before a delivery is called."""
    row = delivery.row
    if not delivery.hook.is_confirmed:
        return False
    kind, subject = row.effect.kind, row.effect.subject
    if row.effect.doubtful or kind is EffectKind.STILL_DOWN or condition_of(kind, subject) is not None:
        return True
    return row.anomaly is not None and row.anomaly.next_step is NextStep.RECONCILE


def _agrees(answer: Decision) -> bool:
    """Return whether what the vendor says is what is on record by now."""
    return answer.verdict is not Verdict.HELD or answer.event.status == answer.after.status
