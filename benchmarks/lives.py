"""The lives that every contender is given: the same payload bytes, in the same order.

A life is lawful from birth to its end, so that a machine which knows nothing of deviations can follow it.
Seeded: every run of every process makes the same stream.
"""

import json
import random
from collections.abc import Iterator

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


def payloads(accounts: int = ACCOUNTS) -> list[bytes]:
    """Webhook bodies of many accounts whose lives overlap, in the order of their arrival."""
    chance = random.Random(SEED)
    arrivals: list[tuple[float, bytes]] = []
    for _ in range(accounts):
        account_id = "".join(chance.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789", k=22))
        account_type = chance.choice(list(ANNOUNCES_SYNC))
        at = chance.random()
        for word in _life(chance, ANNOUNCES_SYNC[account_type]):
            at += chance.expovariate(10)
            arrivals.append((at, webhook(account_id, account_type, word)))
    arrivals.sort(key=lambda arrival: arrival[0])
    return [body for _, body in arrivals]


def births(accounts: int) -> list[bytes]:
    """Webhook bodies of many accounts that lived up to their first OK, one account after the other."""
    return [
        webhook(f"h_EKCy2lRLef5N{number:08}", "LINKEDIN", word)
        for number in range(accounts)
        for word in ("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")
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
