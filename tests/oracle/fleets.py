"""Logs with every fault in them, and a reading of their lines apart from the package's.

Knows which fleets are simulated, how accounts wander that keep to no story at all, and what a control-flow
model is told of an account: its words in the order of arrival, and the account type that it was first told
with. Lines that are unreadable on purpose are left out by the simulation's own record of them.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, NamedTuple

from account_lifecycle.simulate.log import Faults, simulate
from oracle.net import START, WORDS, net_for

BEGINS = datetime(2026, 5, 1, tzinfo=UTC)


class Fleet(NamedTuple):
    """One simulated log: a seed, how many accounts for how long, and what goes wrong."""

    seed: int
    accounts: int
    days: float
    faults: Faults


_SELDOM = Faults(late_sync=0.2, unsupported_sync=0.1, needless_reconnect=0.1, after_deletion=0.5, missed_birth=0.1)

FLEETS = {
    "no fault": Fleet(seed=11, accounts=1200, days=200, faults=Faults()),
    "few faults": Fleet(seed=12, accounts=1200, days=200, faults=Faults.everything(0.003)),
    "some faults": Fleet(seed=13, accounts=1200, days=120, faults=Faults.everything(0.01)),
    "many faults": Fleet(seed=14, accounts=1200, days=60, faults=Faults.everything(0.04)),
    "rare faults, often": Fleet(seed=15, accounts=1200, days=400, faults=_SELDOM),
}
WANDERERS = "no story"
"""Accounts that go wherever the net lets them, one word in sixteen being any word: no life is like that, but every
transition is taken."""
LOGS = (*FLEETS, WANDERERS)


class Log(NamedTuple):
    """A log as bytes, and what is known of its making."""

    content: bytes
    unreadable: frozenset[int] = frozenset()
    """The lines whose payload was broken on purpose, from 1."""
    faults: frozenset[str] = frozenset()
    """The names of the faults that are in it."""


class Told(NamedTuple):
    """What a log tells of one account."""

    account_type: str | None
    words: tuple[str, ...]


@cache
def log_of(name: str) -> Log:
    """One of the logs, the same at every call."""
    if name == WANDERERS:
        return Log("".join(f"{line}\n" for line in _wander(1200, Random("wanderers"))).encode())
    seed, accounts, days, faults = FLEETS[name]
    simulation = simulate(accounts=accounts, seed=seed, start=BEGINS, days=days, faults=faults)
    content = "".join(f"{line}\n" for line in simulation).encode()
    broken = frozenset(fault.line for fault in simulation.truth if fault.fault == "malformed" and fault.line)
    return Log(content, broken, frozenset(fault.fault for fault in simulation.truth))


@cache
def told_in(name: str) -> dict[str, Told]:
    """What a log tells, account by account."""
    log, told = log_of(name), dict[str, Told]()
    for number, line in enumerate(log.content.splitlines(), 1):
        if number not in log.unreadable:
            account_id, account_type, word = _read(json.loads(line)["payload"])
            known = told.get(account_id, Told(None, ()))
            told[account_id] = Told(known.account_type or account_type, (*known.words, word))
    return told


def _read(payload: dict[str, Any]) -> tuple[str, str | None, str]:
    """The account, its type if that is told, and the word of a readable payload of either format."""
    webhook = payload.get("AccountStatus")
    if webhook is None:
        return payload["account_id"], None, payload["status"]
    return webhook["account_id"], webhook.get("account_type"), webhook["message"]


def _wander(accounts: int, random: Random) -> Iterator[str]:
    at = BEGINS
    for number in range(accounts):
        account_type = random.choice(("LINKEDIN", "MAIL", "OUTLOOK", "TWITTER"))
        exits = {(arc.source, arc.word): arc.target for arc in net_for(account_type).arcs}
        place = START
        for _ in range(random.randint(1, 16)):
            lawful = [word for source, word in exits if source == place]
            word = random.choice((*WORDS, "PAUSED") if random.random() < 1 / 16 else lawful)
            place = exits.get((place, word), place)
            at += timedelta(minutes=7)
            told = {"account_id": f"wanderer-{number}", "account_type": account_type, "message": word}
            yield json.dumps({"received_at": at.isoformat(), "payload": {"AccountStatus": told}})
