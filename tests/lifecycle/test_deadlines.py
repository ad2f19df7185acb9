"""Deadlines of transient statuses: stuck once per stay, and never in a stay that is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Status
from lifecycle_builders import DAY, FAMILIES, HOUR, MINUTE, STRANGER, Life, kinds_of

TRANSIENT = {
    "CONNECTING": timedelta(minutes=30),
    "CREATION_SUCCESS": timedelta(hours=6),
    "SYNC_SUCCESS": timedelta(hours=1),
    "RECONNECTED": timedelta(hours=1),
}
LIVES = {
    "CONNECTING": ("CONNECTING",),
    "CREATION_SUCCESS": ("CREATION_SUCCESS",),
    "SYNC_SUCCESS": ("CREATION_SUCCESS", "SYNC_SUCCESS"),
    "RECONNECTED": ("OK", "CREDENTIALS", "RECONNECTED"),
}
each_transient = pytest.mark.parametrize("status", TRANSIENT)


@pytest.mark.parametrize("provider", [*FAMILIES, STRANGER, None])
def test_exactly_the_transient_statuses_have_a_deadline(provider: str | None) -> None:
    assert DEFAULT_POLICY.deadlines_of(provider) == TRANSIENT


def test_a_team_can_set_a_providers_deadlines_without_touching_the_others() -> None:
    policy = Policy(deadlines={"LINKEDIN": {Status.SYNC_SUCCESS: DAY}})

    assert policy.deadlines_of("LINKEDIN") == {**TRANSIENT, "SYNC_SUCCESS": DAY}
    assert policy.deadlines_of("IMAP") == TRANSIENT


@each_transient
def test_an_outlived_deadline_is_an_event_that_holds_the_account_and_flags_it(status: str) -> None:
    life = Life(*LIVES[status])
    before = life.account
    decision = life.outlives_its_deadline()

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["STUCK"])
    assert decision.after == replace(before, sequence=before.sequence + 1, stuck=True)


@each_transient
def test_an_account_is_stuck_once_per_stay(status: str) -> None:
    life = Life(*LIVES[status])
    life.outlives_its_deadline()
    again = life.outlives_its_deadline()

    assert (again.verdict, kinds_of(again), again.effects) == ("HELD", [], ())
    assert again.sequence == again.previous.sequence + 1


@pytest.mark.parametrize("word", ["CONNECTING", "FROZEN", "CREATION_FAIL"])
def test_what_moves_nothing_begins_no_new_stay(word: str) -> None:
    life = Life("CREATION_SUCCESS", "CONNECTING")
    life.outlives_its_deadline()
    life.hears(word)

    assert life.account.stuck
    assert kinds_of(life.outlives_its_deadline()) == []


@each_transient
def test_a_new_stay_can_be_stuck_again(status: str) -> None:
    life = Life(*LIVES[status])
    life.outlives_its_deadline()
    life.hears("CREDENTIALS")
    assert not life.account.stuck
    life.hears("RECONNECTED" if status == "RECONNECTED" else "CONNECTING")

    assert kinds_of(life.outlives_its_deadline()) == ["STUCK"]


@each_transient
def test_a_deadline_that_was_overtaken_does_nothing(status: str) -> None:
    life = Life(*LIVES[status])
    deadline = life.deadline()
    life.hears("ERROR")
    decision = life.meets(deadline)

    assert (decision.verdict, decision.anomalies, decision.effects) == ("HELD", (), ())
    assert decision.after == replace(decision.before, sequence=decision.sequence)


def test_the_deadline_of_an_earlier_stay_does_nothing_to_a_later_one() -> None:
    life = Life("CREATION_SUCCESS", "CONNECTING")
    deadline = life.deadline()
    life.hears("OK")
    life.hears("CONNECTING")

    assert life.meets(deadline).anomalies == ()
    assert not life.account.stuck


def test_a_deadline_changes_neither_what_was_heard_nor_when() -> None:
    life = Life("CONNECTING")
    life.outlives_its_deadline(after=MINUTE)

    assert life.hears("CONNECTING", after=MINUTE).verdict == "REPEATED"
    assert life.anomalies == ["STUCK"]


def test_a_deadline_touches_no_blind_window() -> None:
    life = Life("OK", "CONNECTING")
    before = life.account.blind_window

    assert life.outlives_its_deadline(after=HOUR).blind_window is None
    assert life.account.blind_window == before
