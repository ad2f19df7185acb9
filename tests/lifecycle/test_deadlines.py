"""Deadlines of three families: when each passes, what it leaves, that it comes once and before what follows."""

from dataclasses import replace
from datetime import timedelta

import pytest

from account_lifecycle.lifecycle.deadlines import next_deadline
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlineKind, DeadlinePassed
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.status import Status
from lifecycle_builders import (
    DAY,
    FAMILIES,
    HOUR,
    MICROSECOND,
    MINUTE,
    STRANGER,
    SYNC_SILENT,
    Life,
    effects_of,
    kinds_of,
    outcome,
    without,
)

WITH_SYNC = {"CONNECTING": 30 * MINUTE, "CREATION_SUCCESS": 2 * HOUR, "SYNC_SUCCESS": HOUR, "RECONNECTED": HOUR}
WITHOUT_SYNC = {**WITH_SYNC, "CREATION_SUCCESS": 30 * MINUTE, "RECONNECTED": 15 * MINUTE}
IMAP = {"CONNECTING": 30 * MINUTE, "CREATION_SUCCESS": 12 * HOUR, "SYNC_SUCCESS": 12 * HOUR, "RECONNECTED": 12 * HOUR}
LIVES = {
    "CONNECTING": ("CONNECTING",),
    "CREATION_SUCCESS": ("CREATION_SUCCESS",),
    "SYNC_SUCCESS": ("CREATION_SUCCESS", "SYNC_SUCCESS"),
    "RECONNECTED": ("OK", "CREDENTIALS", "RECONNECTED"),
}
each_transient = pytest.mark.parametrize("status", LIVES)


def expected_of(provider: str | None) -> dict[str, timedelta]:
    return IMAP if provider == "IMAP" else WITHOUT_SYNC if provider in SYNC_SILENT else WITH_SYNC


def clocks(decisions: list[Decision]) -> list[str]:
    """The kinds of the deadlines among decisions."""
    return [d.event.kind.value for d in decisions if isinstance(d.event, DeadlinePassed)]


# ---- Stays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", [*FAMILIES, STRANGER, None])
def test_exactly_the_transient_statuses_have_a_deadline(provider: str | None) -> None:
    assert DEFAULT_POLICY.deadlines_of(provider) == expected_of(provider)


@pytest.mark.parametrize("provider", [*FAMILIES, STRANGER, None])
def test_where_ok_is_not_subscribed_syncs_and_reconnects_have_none(provider: str | None) -> None:
    expected = {s: length for s, length in expected_of(provider).items() if s in ("CONNECTING", "CREATION_SUCCESS")}

    assert without("OK").deadlines_of(provider) == expected


def test_a_team_can_set_a_providers_deadlines_without_touching_the_others() -> None:
    policy = Policy(deadlines={"LINKEDIN": {Status.SYNC_SUCCESS: DAY}})

    assert policy.deadlines_of("LINKEDIN") == {**WITH_SYNC, "SYNC_SUCCESS": DAY}
    assert policy.deadlines_of("IMAP") == IMAP


@each_transient
@pytest.mark.parametrize("provider", ["LINKEDIN", "IMAP", "X", STRANGER, None])
def test_a_stay_passes_once_it_has_lasted_longer_than_its_deadline(status: str, provider: str | None) -> None:
    if (status, provider) == ("SYNC_SUCCESS", "X"):
        return
    life = Life(*LIVES[status], provider=provider)
    assert life.waits(expected_of(provider)[status]) == []
    [decision] = life.waits(MICROSECOND)

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["STUCK"])
    assert decision.event.received_at == life.now
    assert life.account.stuck


@each_transient
def test_a_stay_that_passed_shows_in_the_health_and_its_effects_fire(status: str) -> None:
    life = Life(*LIVES[status])
    decision = life.outlives_its_deadline()

    assert decision.after.health == "INTERRUPTED"
    assert sorted(effects_of(decision)) == ["health_changed INTERRUPTED", "interrupted"]


@each_transient
def test_an_account_is_stuck_once_per_stay(status: str) -> None:
    life = Life(*LIVES[status], policy=Policy(reminders=()))
    life.outlives_its_deadline()

    assert life.waits(30 * DAY) == []


@pytest.mark.parametrize("word", ["CONNECTING", "FROZEN", "CREATION_FAIL"])
def test_what_moves_nothing_begins_no_new_stay(word: str) -> None:
    life = Life("CREATION_SUCCESS", "CONNECTING", policy=Policy(reminders=()))
    life.outlives_its_deadline()
    life.hears(word)

    assert life.account.stuck
    assert life.waits(DAY) == []


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
    decision = decide(life.account, deadline, life.policy)

    assert (decision.verdict, decision.anomalies, decision.effects) == ("HELD", (), ())
    assert decision.after == replace(decision.before, sequence=decision.sequence)


def test_the_deadline_is_that_of_the_provider_known_before_the_event() -> None:
    life = Life("CREATION_SUCCESS")
    life.hears("FROZEN", after=45 * MINUTE, provider="X")
    assert life.anomalies == ["UNKNOWN_STATUS"]
    life.hears("MELTED", after=MINUTE)

    assert life.anomalies == ["UNKNOWN_STATUS", "STUCK", "UNKNOWN_STATUS"]


def test_a_deadline_changes_neither_what_was_heard_nor_when() -> None:
    life = Life("CONNECTING", policy=Policy(deadlines={}, redelivery_window=2 * HOUR))
    life.outlives_its_deadline(after=HOUR)

    assert life.hears("CONNECTING", after=MINUTE).verdict == "REPEATED"
    assert life.anomalies == ["STUCK"]


# ---- Before what follows -----------------------------------------------------------------------------


def test_a_deadline_that_passed_is_judged_before_the_next_event_dated_at_its_moment() -> None:
    life = Life("CONNECTING")
    since = life.now
    life.hears("OK", after=3 * HOUR)

    stuck = life.decisions[-2]
    assert (kinds_of(stuck), stuck.event.received_at) == (["STUCK"], since + 30 * MINUTE + MICROSECOND)
    assert [d.sequence for d in life.decisions] == [1, 2, 3]


def test_what_happens_at_the_very_moment_of_a_deadline_comes_first() -> None:
    life = Life("CONNECTING")
    life.hears("CREATION_SUCCESS", after=30 * MINUTE)

    assert life.anomalies == []


def test_several_deadlines_are_judged_in_the_order_of_their_moments() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")
    found = life.waits(400 * DAY)

    assert clocks(found) == ["stay", "reminder", "reminder", "reminder", "session"]
    moments = [d.event.received_at for d in found]
    assert moments == sorted(moments)


def test_an_engine_that_was_closed_finds_the_same_as_one_that_looked_every_minute() -> None:
    closed, running = Life("CREATION_SUCCESS", provider="X"), Life("CREATION_SUCCESS", provider="X")
    for _ in range(3 * 24 * 60):
        running.waits(MINUTE)
    closed.waits(3 * DAY)

    assert closed.decisions == running.decisions
    assert clocks(closed.decisions) == ["stay", "reminder"]


def test_the_next_deadline_is_known_in_advance() -> None:
    life = Life("CONNECTING")
    upcoming = next_deadline(life.account, life.policy)

    assert upcoming is not None
    assert (upcoming.kind, upcoming.received_at) == (DeadlineKind.STAY, life.now + 30 * MINUTE + MICROSECOND)
    assert next_deadline(Life("OK").account, life.policy) is None


# ---- Reminders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED"])
def test_an_account_that_is_down_is_reminded_of_once_for_each_length(loss: str) -> None:
    life = Life("CREATION_SUCCESS", "OK", loss)
    down_at = life.now
    found = life.waits(100 * DAY)

    assert [d.event.received_at - down_at for d in found] == [n * DAY + MICROSECOND for n in (1, 7, 30)]
    assert [outcome(d) for d in found] == [("HELD", [], ["still_down"])] * 3


def test_reminders_can_be_set_and_switched_off() -> None:
    assert len(Life("OK", "ERROR", policy=Policy(reminders=[HOUR])).waits(100 * DAY)) == 1
    assert Life("OK", "ERROR", policy=Policy(reminders=[])).waits(100 * DAY) == []


def test_reminders_are_counted_from_when_the_window_opened_whatever_was_announced_since() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR")
    opened_at = life.now
    life.hears("CREDENTIALS", after=20 * HOUR)
    [reminder] = life.waits(DAY)

    assert reminder.event.received_at == opened_at + DAY + MICROSECOND


def test_a_reminder_that_was_given_is_not_given_again_in_the_same_window() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR")
    life.waits(DAY + HOUR)
    life.hears("RECONNECTED")
    life.hears("ERROR")

    assert life.waits(DAY) == []


def test_an_account_that_is_on_its_way_back_is_not_reminded_of_before_it_is_down_again() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR", "RECONNECTED", policy=Policy(reminders=[30 * MINUTE]))
    life.hears("ERROR", after=HOUR)
    [reminder] = life.waits(HOUR)

    assert reminder.event.received_at == life.account.since + MICROSECOND  # type: ignore[operator]


def test_reminders_start_anew_when_it_was_back_in_between_unheard() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS")
    life.waits(2 * DAY)
    life.hears("CREDENTIALS")
    [reminder] = life.waits(DAY + HOUR)

    assert life.anomalies == ["MISSED_RECOVERY"]
    assert reminder.event.received_at == life.account.since + DAY + MICROSECOND  # type: ignore[operator]


def test_the_next_outage_is_counted_from_its_own_beginning_even_after_a_recovery_that_was_missed() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS")
    life.hears("CREDENTIALS", after=21 * HOUR)
    life.hears("RECONNECTED")
    life.hears("OK")
    life.hears("ERROR", after=40 * DAY)
    down_at = life.now
    [reminder] = life.waits(2 * DAY)

    assert reminder.event.received_at == down_at + DAY + MICROSECOND


def test_an_account_that_lives_again_is_not_reminded_of() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR", "OK")

    assert life.waits(100 * DAY) == []


# ---- Sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", FAMILIES)
def test_the_end_of_a_session_is_told_in_advance_where_it_is_known(provider: str) -> None:
    life = Life("CREATION_SUCCESS", "OK", provider=provider)
    signed_in_at = life.account.signed_in_at
    assert signed_in_at is not None
    found = life.waits(500 * DAY)

    if provider not in ("LINKEDIN", "INSTAGRAM"):
        assert found == []
    else:
        assert [outcome(d) for d in found] == [("HELD", [], ["session_expiring"])]
        assert found[0].event.received_at == signed_in_at + 351 * DAY + MICROSECOND


def test_each_sign_in_has_its_own_notice() -> None:
    life = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN")
    life.waits(352 * DAY)
    life.hears("CREDENTIALS")
    life.hears("RECONNECTED")
    life.hears("OK")

    assert clocks(life.waits(352 * DAY)) == ["session"]


def test_how_long_in_advance_can_be_set() -> None:
    life = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN", policy=Policy(expiry_notice=30 * DAY))

    assert life.waits(334 * DAY) == []
    assert clocks(life.waits(DAY)) == ["session"]


def test_a_deleted_account_is_told_nothing_any_more() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR", "DELETED", provider="LINKEDIN")

    assert life.waits(500 * DAY) == []
