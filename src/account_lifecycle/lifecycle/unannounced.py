"""Words that are never announced to a whole fleet, which is no account's fault.

The vendor's default subscription leaves OK out. Whoever takes it and does not say so waits for OK on every account, and
each of them is stuck. One account proves nothing: its news may be late or lost. Twenty that are older than every
deadline, and not one OK among them, do. Then the cause is told once, in place of an anomaly for each account.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from . import definition
from .account import Account
from .policy import Policy
from .status import Status
from .wording import JsonObject, lasting

ENOUGH = 20
"""How many accounts must have waited for a word until its silence is no accident."""

AWAITED = (definition.PROVES_LIFE,)
"""The words that every account hears sooner or later, and is stuck without; of the others, silence may be good news."""


class Awaiting(NamedTuple):
    """Accounts that are old enough to have been announced a word."""

    accounts: int = 0
    since: datetime | None = None
    """When the oldest of them was first heard of."""

    def plus(self, accounts: int, since: datetime | None) -> "Awaiting":
        """Return the same with more accounts, the oldest of which was first heard of at ``since``."""
        return Awaiting(self.accounts + accounts, min(filter(None, (self.since, since)), default=None))


class UnannouncedWord(NamedTuple):
    """A word that was never announced for any of many accounts."""

    word: Status
    accounts: int
    """How many accounts are older than their deadlines."""
    span: timedelta
    """For how long the oldest of them is known."""

    @property
    def explanation(self) -> str:
        """Return what was found and what to do about it, in a sentence or two."""
        days = self.span.days
        length = f"{days:,} days" if days > 1 else lasting(self.span)
        return (
            f"{self.word} was never announced for any of {self.accounts:,} accounts in {length}: the default "
            "subscription leaves it out. Subscribe to all eleven words, or set ACCOUNT_LIFECYCLE_SUBSCRIBED=default."
        )

    def to_dict(self) -> JsonObject:
        """Return the finding as a JSON object."""
        return {
            "word": self.word.value,
            "accounts": self.accounts,
            "span_s": self.span.total_seconds(),
            "explanation": self.explanation,
        }


def words_awaited(account: Account, now: datetime, policy: Policy) -> tuple[Status, ...]:
    """Return the words that should have been announced for an account by ``now``, if they are ever."""
    known_since = account.known_since
    if known_since is None or not account.exists:
        return ()
    longest = max(policy.deadlines_of(account.provider).values(), default=timedelta(0))
    return tuple(word for word in AWAITED if word in policy.subscribed and now - known_since > longest)


def unannounced_words(
    awaiting: Mapping[Status, Awaiting], heard: Collection[str], now: datetime
) -> tuple[UnannouncedWord, ...]:
    """Return the words that enough accounts wait for, and that none of them has ``heard``."""
    return tuple(
        UnannouncedWord(word, waiting.accounts, now - waiting.since)
        for word in AWAITED
        if (waiting := awaiting.get(word)) and waiting.accounts >= ENOUGH and waiting.since and word not in heard
    )


def unannounced(accounts: Iterable[Account], now: datetime, policy: Policy) -> tuple[UnannouncedWord, ...]:
    """Return the words that were never announced to a fleet, as far as its accounts remember."""
    awaiting, heard = dict.fromkeys(AWAITED, Awaiting()), set[str]()
    for account in accounts:
        if was_announced_live(account):
            heard.add(definition.PROVES_LIFE)
        for word in words_awaited(account, now, policy):
            awaiting[word] = awaiting[word].plus(1, account.known_since)
    return unannounced_words(awaiting, heard, now)


def was_announced_live(account: Account) -> bool:
    """Return whether OK was announced for an account, as far as it remembers; what was only observed does not count."""
    at = account.last_live_at
    return at is not None and not account.presumed and not any(e.product is None and e.at == at for e in account.heard)
