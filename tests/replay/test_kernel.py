"""The kernel over its whole finite domain: whatever an account can have lived through, and one more announcement."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import NamedTuple

import pytest

from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.machine import INITIAL, Situation
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.providers import DEADLINES
from account_lifecycle.lifecycle.status import Status
from replay.comparing import Outcome, differences, line_of, lived, replayed

FROZEN = "FROZEN"
"""A word that nobody knows: it tells a provider and changes nothing else."""
WORDS = (*definition.ANNOUNCEMENTS, FROZEN)
TYPES = (None, "LINKEDIN", "WHATSAPP", "GOOGLE", "MYSPACE")
"""Untold, with products, without any, one that announces no sync, one that nobody knows."""
PRODUCTS = (None, "recruiter")
PAUSES_S = (600, 200_000)
"""As long as a redelivery may take, and longer than anything may last."""


class Stand(NamedTuple):
    """What an account stands at, as far as it matters to the next announcement."""

    situation: Situation = INITIAL
    announced: Status | None = None


def paths() -> dict[Stand, tuple[Status, ...]]:
    """The shortest way to everything an account can stand at, if its provider is never told."""
    found: dict[Stand, tuple[Status, ...]] = {Stand(): ()}
    for stand in (waiting := [Stand()]):
        for word in definition.ANNOUNCEMENTS:
            step = compiled().step(stand.situation, word)
            after = Stand(step.after, word)
            if step.accepted and after not in found:
                found[after] = (*found[stand], word)
                waiting.append(after)
    return found


class Case(NamedTuple):
    """One account: where it stands, what was told of its provider, and what comes."""

    path: tuple[Status, ...]
    known: str | None
    word: str
    told: str | None
    product: str | None
    pause_s: float


def cases() -> Iterator[Case]:
    return (Case(*facts) for facts in product(paths().values(), TYPES, WORDS, TYPES, PRODUCTS, PAUSES_S))


def log_of(cases: Iterator[Case]) -> bytes:
    """One log of them all, an account a case."""
    lines = []
    for number, case in enumerate(cases):
        account = f"account-{number}"
        lines += [line_of(account, word, second) for second, word in enumerate(case.path)]
        second = len(case.path) - 1
        if case.known is not None:
            lines.append(line_of(account, FROZEN, second, provider=case.known))
        lines.append(line_of(account, case.word, second + case.pause_s, provider=case.told, product=case.product))
    return b"".join(lines)


@pytest.fixture(scope="module")
def log() -> bytes:
    return log_of(cases())


@pytest.fixture(scope="module")
def outcome(log: bytes) -> Outcome:
    return replayed(log)


def test_every_situation_is_among_the_cases() -> None:
    assert {stand.situation for stand in paths()} == set(compiled().situations)
    assert {stand.announced for stand in paths()} == {None, *definition.ANNOUNCEMENTS}


def test_whatever_comes_next_is_judged_as_the_live_engine_judges_it(log: bytes, outcome: Outcome) -> None:
    assert not outcome.refused
    assert differences(outcome, lived(log)) == []


def test_every_kind_of_anomaly_is_among_the_cases(outcome: Outcome) -> None:
    assert {noted.anomaly.kind for noted in outcome.noted} == set(AnomalyKind)


def test_a_deadline_has_passed_the_moment_after_and_no_sooner() -> None:
    lines = []
    for status, allowed in DEADLINES.items():
        for edge, word in product((-0.000001, 0, 0.000001), WORDS):
            account, second = f"{status}-{edge}-{word}", allowed.total_seconds() + edge
            lines += [line_of(account, status, 0), line_of(account, word, second), line_of(account, word, second * 2)]
    log = b"".join(lines)
    assert differences(replayed(log), lived(log)) == []


def test_a_repeat_is_stale_the_moment_after_the_redelivery_window_and_no_sooner() -> None:
    log = b"".join(
        line_of(f"{word}-{pause_s}", word, second)
        for word, pause_s in product(WORDS, (599.999999, 600, 600.000001, -1, -700))
        for second in (0, pause_s, pause_s * 2)
    )
    assert differences(replayed(log), lived(log)) == []


def test_a_deadline_is_that_of_the_provider_once_it_is_told() -> None:
    """Told in the middle of a stay, or with the very event that is too late by one deadline and not by another."""
    short, long = ({Status.CONNECTING: timedelta(minutes=minutes)} for minutes in (10, 90))
    policy = Policy(deadlines={"GOOGLE": short, "MYSPACE": long})
    lines = []
    for provider, told_min, next_min in product((None, "GOOGLE", "MYSPACE"), (5, 10, 20, 30, 31, 89, 91), (0, 1, 60)):
        account = f"{provider}-{told_min}-{next_min}"
        lines.append(line_of(account, "CONNECTING", 0))
        lines.append(line_of(account, FROZEN, told_min * 60, provider=provider))
        lines.append(line_of(account, "OK", (told_min + next_min) * 60))
    log = b"".join(lines)
    assert differences(replayed(log, policy), lived(log, policy)) == []
