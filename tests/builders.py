"""Small builders for the tests of the engine and the stores: payloads, events and times."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from account_lifecycle.intake.dialects import TableRow
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.providers import ALIASES
from account_lifecycle.testing import START, payload

T0 = START


def at(minutes: float) -> datetime:
    """So many minutes after the tests' first moment."""
    return T0 + timedelta(minutes=minutes)


# ---- Payloads --------------------------------------------------------------------------------------


def webhook(account_id: str, message: str, account_type: str | None = "LINKEDIN", **more: Any) -> dict[str, Any]:
    """A status webhook."""
    return payload(message, account_id, provider=account_type, **more)


def notification(account_id: str, status: str, name: str = "user-1") -> dict[str, Any]:
    """A hosted-auth notification."""
    return payload(status, account_id, owner=name)


# ---- Events, for those who stand below the door ------------------------------------------------------


def announced(
    account_id: str,
    status: str,
    minutes: float = 0,
    provider: str | None = "LINKEDIN",
    product: str = "",
    name: str | None = None,
    payload: bytes | None = None,
    reason: str = "",
) -> StatusAnnounced:
    """An announcement, so many minutes after the first moment; its payload says it, unless it is given."""
    family = None if provider is None else ALIASES.get(provider, provider)
    if payload is None:
        payload = TableRow(account_id or None, provider, status, product or None, name, reason or None).to_bytes()
    return StatusAnnounced(account_id, status, at(minutes), family, product, name, reason, payload)


def observed(account_id: str, status: str, minutes: float = 0, **more: Any) -> StatusObserved:
    """What the vendor's list says, so many minutes after the first moment."""
    return StatusObserved(account_id, status, at(minutes), **more)


def deadline_of(account: Account, minutes: float, allowed: timedelta = timedelta(minutes=30)) -> DeadlinePassed:
    """The deadline of an account's present stay, passed."""
    assert account.since is not None
    return DeadlinePassed(account.account_id, account.status, at(minutes), account.since, allowed)


def as_it_is(account: Account, event: Event, policy: Policy = DEFAULT_POLICY) -> list[Decision]:
    """Judge an event and nothing else: whether a deadline passed before it is not looked at."""
    return [decide(account, event, policy)]


def judged(events: Iterable[Event]) -> list[Decision]:
    """What the pure step decides about events in order, with no store in between."""
    accounts: dict[str, Account] = {}
    decisions = []
    for event in events:
        decision = decide(accounts.get(event.account_id) or Account(event.account_id), event)
        accounts[event.account_id] = decision.after
        decisions.append(decision)
    return decisions
