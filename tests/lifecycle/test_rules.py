"""The name of the rules: what it depends on, and that it never stays the same when judging changes."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

import pytest

from account_lifecycle.lifecycle import compiled as compiling
from account_lifecycle.lifecycle import decide as deciding
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.decide import Decision, machine_version, redelivery_window_of, rules_of
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from lifecycle.expected_table import WORDS
from lifecycle_builders import FAMILIES, STRANGER, Life, kinds_of

PINNED = ("f1374c64d9fe/600000000", "eea2affde858")
"""The rules of today, and the digest of what they decide about many odd lives."""


@pytest.fixture
def rebuilt() -> Iterator[None]:
    """Whatever a test patches is compiled anew, and so is the real thing afterwards."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    compiling.compiled.cache_clear()
    compiling.build_machine.cache_clear()
    machine_version.cache_clear()


def test_rules_and_decisions_change_together() -> None:
    """If the second word changes, events are decided differently: then the first one must change as well.

    A change of the definition sees to that by itself; a change of the code of ``decide`` raises ORDER_OF_JUDGING.
    """
    assert (rules_of(DEFAULT_POLICY), _digest_of_many_lives()) == PINNED


@pytest.mark.usefixtures("rebuilt")
def test_a_changed_cell_of_the_definition_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_version()
    _forget()
    changed = [
        row._replace(moves=not row.moves) if row.kind == "SYNC_WHILE_LOST" else row for row in definition.DEVIATIONS
    ]
    monkeypatch.setattr(definition, "DEVIATIONS", tuple(changed))
    assert machine_version() != before


@pytest.mark.usefixtures("rebuilt")
def test_another_order_of_judging_changes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_version()
    machine_version.cache_clear()
    monkeypatch.setattr(deciding, "ORDER_OF_JUDGING", deciding.ORDER_OF_JUDGING + 1)
    assert machine_version() != before


def test_the_redelivery_window_is_part_of_the_name_and_can_be_read_from_it() -> None:
    window = timedelta(seconds=90, microseconds=1)
    assert redelivery_window_of(rules_of(Policy(redelivery_window=window))) == window
    assert rules_of(Policy(redelivery_window=window)) != rules_of(DEFAULT_POLICY)


@pytest.mark.parametrize("name", ["", "000000000000/600000000", f"{machine_version()}/", f"{machine_version()}/soon"])
def test_rules_of_another_machine_have_no_window_to_judge_by(name: str) -> None:
    assert redelivery_window_of(name) is None


def test_the_name_is_the_same_in_every_process() -> None:
    ask = "from account_lifecycle.lifecycle.decide import *; print(machine_version())"
    told = {
        subprocess.run(
            [sys.executable, "-c", ask], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert told == {machine_version().encode()}


def _digest_of_many_lives() -> str:
    chance = random.Random(7)
    told = sha256()
    for _ in range(300):
        life = Life()
        for _ in range(chance.randint(1, 25)):
            decision = life.hears(
                chance.choice([*WORDS, "OK", "FROZEN"]),
                after=timedelta(seconds=chance.choice([1, 60, 600, 601, 90_000])),
                provider=chance.choice([None, None, *FAMILIES, STRANGER]),
                product=chance.choice(["", "", "classic"]),
            )
            told.update(_outcome(decision).encode())
    return told.hexdigest()[:12]


def _outcome(decision: Decision) -> str:
    """Everything that was decided, in words that no version of Python writes differently."""
    account, window = decision.account, decision.blind_window
    times = (account.since, account.last_heard_at, account.last_ok_at, window and window.opened_at)
    causes = window and [cause.value for cause in window.causes]
    effects = [f"{effect.kind}:{effect.subject}" for effect in decision.effects]
    facts = (*map(str, account.situation), account.health.value, *sorted(account.synced_products))
    return repr((decision.verdict.value, kinds_of(decision), effects, facts, list(map(str, times)), causes))
