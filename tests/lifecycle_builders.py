"""Builders for the tests of the pure core: an account's life, told one word at a time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.events import DeadlineKind, DeadlinePassed, Event, StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import ALL, DEFAULT_POLICY, Policy
from account_lifecycle.testing import START

NOON = START
MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REDELIVERY_WINDOW = timedelta(minutes=10)
RETRY_HORIZON = timedelta(hours=20)
MARGIN = timedelta(hours=1)

LOSSES = ("CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED")
SYNC_ANNOUNCING = ("LINKEDIN", "IMAP", "WHATSAPP", "INSTAGRAM", "TELEGRAM")
SYNC_SILENT = ("MESSENGER", "X", "GOOGLE", "MICROSOFT")
FAMILIES = (*SYNC_ANNOUNCING, *SYNC_SILENT)
STRANGER = "MYSPACE"


def without(*words: str, **more: Any) -> Policy:
    """The policy of a team that is not subscribed to these words."""
    return Policy(subscribed=ALL - set(words), **more)


def announced(
    word: str,
    at: datetime = NOON,
    *,
    provider: str | None = None,
    product: str = "",
    owner: str | None = None,
    reason: str = "",
) -> StatusAnnounced:
    """One announcement, as ``payloads`` hands it on."""
    return StatusAnnounced("acc", word, at, provider, product, owner, reason)


def kinds_of(decision: Decision) -> list[str]:
    """The kinds of its anomalies, in the order of judging."""
    return [anomaly.kind.value for anomaly in decision.anomalies]


def effects_of(decision: Decision) -> list[str]:
    """Its effects as words: ``entered OK``, ``recovered`` ..., anomalies aside; a question mark if doubtful."""
    return [f"{e.kind} {e.subject}".strip() + "?" * e.doubtful for e in decision.effects if e.kind != "anomaly"]


def outcome(decision: Decision) -> tuple[str, list[str], list[str]]:
    """Its verdict, its anomalies, and its other effects, sorted, without those of edges and healths."""
    edges = ("left ", "entered ", "health_changed ")
    return (
        decision.verdict.value,
        kinds_of(decision),
        sorted(e for e in effects_of(decision) if not e.startswith(edges)),
    )


class Life:
    """One account and the decisions on all that happened to it; a minute passes before each word."""

    def __init__(self, *words: str, provider: str | None = None, policy: Policy = DEFAULT_POLICY) -> None:
        self.account = Account("acc")
        self.policy = policy
        self.now = NOON
        self.decisions: list[Decision] = []
        for word in words:
            self.hears(word, provider=provider)

    def hears(
        self,
        word: str,
        *,
        after: timedelta = MINUTE,
        provider: str | None = None,
        product: str = "",
        owner: str | None = None,
        reason: str = "",
    ) -> Decision:
        """Tell it one word, ``after`` the previous event; return what became of it."""
        self.now += after
        event = announced(word, self.now, provider=provider, product=product, owner=owner, reason=reason)
        return self.meets(event)[-1]

    def observes(
        self,
        status: str,
        *,
        after: timedelta = HOUR,
        provider: str | None = None,
        owner: str | None = None,
        signed_in_at: datetime | None = None,
        product: str = "",
        reason: str = "",
    ) -> Decision:
        """Let the vendor's list say something of it; return what became of that."""
        self.now += after
        told = provider, owner, signed_in_at, product, reason
        return self.meets(StatusObserved("acc", status, self.now, *told))[-1]

    def waits(self, length: timedelta) -> list[Decision]:
        """Let time pass and a clock look; return what was found."""
        self.now += length
        return self.meets(self.deadline())

    def outlives_its_deadline(self, *, after: timedelta = DAY) -> Decision:
        """Let the deadline of the present stay pass; return what became of it."""
        found = self.waits(after)
        return next(d for d in found if isinstance(d.event, DeadlinePassed) and d.event.kind is DeadlineKind.STAY)

    def deadline(self) -> DeadlinePassed:
        """The deadline of the present stay, to be met now or too late."""
        return DeadlinePassed("acc", self.account.status, self.now, self.account.since or self.now, HOUR)

    def meets(self, event: Event) -> list[Decision]:
        """Let one event happen, and before it what a clock would have found."""
        decisions = judge(self.account, event, self.policy)
        self.decisions += decisions
        if decisions:
            self.account = decisions[-1].after
        return decisions

    @property
    def anomalies(self) -> list[str]:
        """The kinds of every anomaly so far."""
        return [kind for decision in self.decisions for kind in kinds_of(decision)]

    @property
    def effects(self) -> list[str]:
        """Every effect so far, anomalies aside."""
        return [effect for decision in self.decisions for effect in effects_of(decision)]


def recovered_windows(decisions: Iterable[Decision]) -> list[Any]:
    """The blind windows that were handed to ``recovered``."""
    return [e.blind_window for d in decisions for e in d.effects if e.kind == "recovered"]
