"""Webhooks without end, each marked, so that what was acknowledged can be found again in the ledger.

Knows payloads only. What a payload means, the engine says.
"""

import json
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS, TERMINAL
from account_lifecycle.records import LedgerEntry

WORDS = tuple(str(word) for word in ANNOUNCEMENTS if word is not TERMINAL)
"""Nothing ends an account here: a deleted one would have no effects any more."""


class Marked(NamedTuple):
    """A webhook of a kind of its own."""

    account_id: str
    marker: str
    payload: bytes


def marked_webhooks(random: Random, name: str, accounts: Sequence[str]) -> Iterator[Marked]:
    """Webhooks for these accounts; the name makes their markers unique."""
    number = 0
    while True:
        number += 1
        account_id, marker = random.choice(accounts), f"{name}/{number}"
        told = {"account_id": account_id, "account_type": "LINKEDIN", "message": random.choice(WORDS)}
        yield Marked(account_id, marker, json.dumps({"AccountStatus": told, "marker": marker}).encode())


def marker_of(entry: LedgerEntry) -> str:
    """The marker of an event in the ledger; blank if it has none."""
    return str(json.loads(entry.payload).get("marker", "")) if entry.payload else ""
