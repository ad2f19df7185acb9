"""Builders for the tests of the pure core: an account's life, told one word at a time."""

from datetime import datetime, timedelta

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.testing import START

NOON = START
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REDELIVERY_WINDOW = timedelta(seconds=600)

LOSSES = ("CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED")
SYNC_ANNOUNCING = ("LINKEDIN", "IMAP", "WHATSAPP", "INSTAGRAM", "TELEGRAM")
SYNC_SILENT = ("MESSENGER", "X", "GOOGLE", "MICROSOFT")
FAMILIES = (*SYNC_ANNOUNCING, *SYNC_SILENT)
STRANGER = "MYSPACE"


def announced(
    word: str, at: datetime = NOON, *, provider: str | None = None, product: str = "", name: str | None = None
) -> StatusAnnounced:
    """One announcement, as ``payloads`` hands it on."""
    return StatusAnnounced("acc", word, at, provider, product, name)


def kinds_of(decision: Decision) -> list[str]:
    """The kinds of its anomalies, in the order of judging."""
    return [anomaly.kind.value for anomaly in decision.anomalies]


def effects_of(decision: Decision) -> list[str]:
    """Its effects as words: ``entered OK``, ``recovered`` ..., anomalies aside."""
    return [f"{e.kind} {e.subject}".strip() for e in decision.effects if e.kind != "anomaly"]


class Life:
    """One account and the decisions on all it was told; a minute passes before each word."""

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
        name: str | None = None,
    ) -> Decision:
        """Tell it one word, ``after`` the previous event."""
        self.now += after
        return self.meets(announced(word, self.now, provider=provider, product=product, name=name))

    def outlives_its_deadline(self, *, after: timedelta = DAY) -> Decision:
        """Let the deadline of the present stay pass."""
        self.now += after
        return self.meets(self.deadline())

    def deadline(self) -> DeadlinePassed:
        """The deadline of the present stay, to be met now or too late."""
        assert self.account.since is not None
        return DeadlinePassed("acc", self.account.status, self.now, self.account.since, HOUR)

    def meets(self, event: Event) -> Decision:
        """Let one event happen."""
        decision = decide(self.account, event, self.policy)
        self.decisions.append(decision)
        self.account = decision.after
        return decision

    @property
    def anomalies(self) -> list[str]:
        """The kinds of every anomaly so far."""
        return [kind for decision in self.decisions for kind in kinds_of(decision)]
