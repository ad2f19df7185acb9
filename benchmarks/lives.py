"""The lives that every contender is given: the same payload bytes, in the same order, at the same times.

A life is as expected from birth to its end, so that a machine which knows nothing of deviations can follow it.
Seeded: every run of every process makes the same stream.
"""

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from account_lifecycle import Received

START = datetime(2025, 1, 1, tzinfo=UTC)
"""When the first account can be born: long enough ago that all of it has happened."""
ACCOUNTS = 1_000
SEED = 20_260_501

ANNOUNCES_SYNC = {"LINKEDIN": True, "WHATSAPP": True, "MAIL": True, "GOOGLE_OAUTH": False, "OUTLOOK": False}
"""Account types as they come on the wire, and whether they announce the end of a sync."""

EPISODES = (
    ("CREDENTIALS", "RECONNECTED", "OK"),
    ("CREDENTIALS", "OK"),
    ("CONNECTING", "OK"),
    ("ERROR", "OK"),
    ("STOPPED", "RECONNECTED", "OK"),
    ("ERROR", "CREDENTIALS", "RECONNECTED", "OK"),
)
"""What interrupts a working account, up to its recovery."""


class Arrival(NamedTuple):
    """A webhook's body, and when it arrived."""

    payload: bytes
    received_at: datetime


def arrivals(accounts: int = ACCOUNTS) -> list[Arrival]:
    """Webhooks of many accounts whose lives overlap, in the order of their arrival, at times as in real lives.

    An account works for days to months; what follows an announcement follows within its deadline, so nothing is
    stuck, and nothing looks like a redelivery.
    """
    chance = random.Random(SEED)
    found: list[Arrival] = []
    for _ in range(accounts):
        account_id = "".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", k=22))
        account_type = chance.choice(list(ANNOUNCES_SYNC))
        at, last = START + timedelta(days=30 * chance.random()), ""
        for word in _life(chance, ANNOUNCES_SYNC[account_type]):
            at += _wait(chance, last)
            found.append(Arrival(webhook(account_id, account_type, word), at))
            last = word
    found.sort(key=lambda arrival: arrival.received_at)
    return found


def _wait(chance: random.Random, last: str) -> timedelta:
    """How long it takes from one announcement to the next."""
    if last == "OK":
        return timedelta(days=1 + chance.expovariate(1 / 20))
    if last in ("CREDENTIALS", "ERROR", "STOPPED"):
        return timedelta(hours=chance.uniform(1, 72))
    return timedelta(minutes=chance.uniform(1, 14))


def as_received(arrivals: Iterable[Arrival]) -> Iterator[Received]:
    """The same, as ``feed_events`` takes it."""
    return (Received(payload, at) for payload, at in arrivals)


def births(accounts: int, start: datetime = START) -> list[Arrival]:
    """Webhooks of many accounts that lived up to their first OK, one account after the other, born a second apart."""
    return [
        Arrival(
            webhook(f"h_EKCy2lRLef5N{number:08}", "LINKEDIN", word), start + timedelta(seconds=number + 60 * minute)
        )
        for number in range(accounts)
        for minute, word in enumerate(("CREATION_SUCCESS", "SYNC_SUCCESS", "OK"))
    ]


def webhook(account_id: str, account_type: str, word: str) -> bytes:
    """One status webhook as the vendor sends it."""
    inner = {"account_id": account_id, "account_type": account_type, "message": word}
    return json.dumps({"AccountStatus": inner}).encode()


def _life(chance: random.Random, announces_sync: bool) -> Iterator[str]:
    yield "CREATION_SUCCESS"
    if announces_sync:
        yield "SYNC_SUCCESS"
    yield "OK"
    for _ in range(chance.randint(0, 6)):
        for word in chance.choice(EPISODES):
            yield word
            if word == "RECONNECTED" and announces_sync:
                yield "SYNC_SUCCESS"
    if chance.random() < 0.2:
        yield "DELETED"
