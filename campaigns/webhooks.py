"""Seeded webhooks with everything that can go wrong with them: what the campaigns feed.

Each is unique (a number or a marker is in it), so that it can be found again in the ledger.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from account_lifecycle import Engine, PayloadError, Received
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS, TERMINAL
from account_lifecycle.records import LedgerEntry
from account_lifecycle.testing import START, Clock

T0 = START
"""When the first webhook arrives."""
LATER = T0 + timedelta(days=400)
"""Long after the last: every lease has run out and every delivery is due."""
IDLE_DAYS = 3
"""After so many days without a hook that is due, none will be."""

LIVELY = tuple(str(word) for word in ANNOUNCEMENTS if word is not TERMINAL)
WORDS = (*LIVELY * 4, str(TERMINAL), "SNAFU")
"""What is announced: few accounts end, because little happens to them afterwards."""
NOTIFIED = ("CREATION_SUCCESS", "RECONNECTED", "CREATION_FAIL")
"""What hosted auth's notifications can say."""
TYPES = ("LINKEDIN", "MAIL", "GOOGLE_OAUTH", "WHATSAPP", "MYSPACE", None)
UNREADABLE = 20
"""One webhook in so many cannot be read."""


class Sent(NamedTuple):
    """A webhook as it is sent."""

    account_id: str
    """Blank for one that cannot be read."""
    payload: bytes
    received_at: datetime

    @property
    def as_received(self) -> Received:
        """The same, as ``feed_events`` takes it."""
        return Received(self.payload, self.received_at)


def webhooks(seed: int, count: int, accounts: Sequence[str], padding: int = 0) -> list[Sent]:
    """Return so many webhooks for these accounts, 30 s apart, each with up to ``padding`` bytes of padding."""
    random = Random(seed)
    return [_webhook(random, seed, number, accounts, padding) for number in range(count)]


def names(prefix: str, count: int) -> list[str]:
    """Return so many account ids."""
    return [f"{prefix}-{number}" for number in range(count)]


def feed_on(engine: Engine, sent: Sequence[Sent], batch_size: int = 50) -> None:
    """Feed webhooks in batches, whether or not they can be read."""
    unreadable: list[PayloadError] = []
    for _ in engine.feed_events((s.as_received for s in sent), batch_size=batch_size, on_unreadable=unreadable.append):
        pass


def run_hooks_for_days(engine: Engine, clock: Clock) -> None:
    """Run hooks until nothing is due any more, also of what waits for another attempt or was left by the dead."""
    idle = 0
    while idle < IDLE_DAYS:
        idle = 0 if engine.run_hooks() else idle + 1
        clock.now += timedelta(days=1)


def _webhook(random: Random, seed: int, number: int, accounts: Sequence[str], padding: int) -> Sent:
    received_at = T0 + timedelta(seconds=30 * number)
    mark: dict[str, Any] = {"number": f"{seed}/{number}", "padding": "x" * random.randrange(padding + 1)}
    account_id, word, kind = random.choice(accounts), random.choice(WORDS), random.choice(TYPES)
    if number % UNREADABLE == UNREADABLE - 1:
        return Sent("", _bytes({"status": number, **mark}), received_at)
    if random.random() < 0.1:
        notified = random.choice(NOTIFIED)
        notification = {"status": notified, "account_id": account_id, "name": f"user of {account_id}", **mark}
        return Sent(account_id, _bytes(notification), received_at)
    status = {"account_id": account_id, "account_type": kind, "message": word}
    if word.startswith("SYNC") and random.random() < 0.5:
        status["product"] = random.choice(("classic", "recruiter"))
    return Sent(account_id, _bytes({"AccountStatus": status, **mark}), received_at)


def _bytes(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()


class Marked(NamedTuple):
    """A webhook with a marker."""

    account_id: str
    marker: str
    payload: bytes


def marked_webhooks(random: Random, name: str, accounts: Sequence[str]) -> Iterator[Marked]:
    """Yield webhooks for these accounts without end, with markers that begin with ``name``."""
    number = 0
    while True:
        number += 1
        account_id, marker = random.choice(accounts), f"{name}/{number}"
        status = {"account_id": account_id, "account_type": "LINKEDIN", "message": random.choice(LIVELY)}
        yield Marked(account_id, marker, json.dumps({"AccountStatus": status, "marker": marker}).encode())


def marker_of(entry: LedgerEntry) -> str:
    """Return the marker of an event in the ledger; blank if it has none."""
    return str(json.loads(entry.payload).get("marker", "")) if entry.payload else ""
