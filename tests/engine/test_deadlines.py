"""Deadlines: a transient status that lasts too long is stuck, told once for each stay, on record like any event."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import AnomalyKind, Decision, Engine, Policy, Status, Verdict
from account_lifecycle.engine.core import BATCH_SIZE
from account_lifecycle.engine.deadlines import deadline_before, passed_deadlines
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.testing import Clock
from builders import T0, announced, as_it_is, at, judged, webhook

MICROSECOND = timedelta(microseconds=1)
DEADLINES = {
    Status.CONNECTING: timedelta(minutes=30),
    Status.CREATION_SUCCESS: timedelta(hours=6),
    Status.SYNC_SUCCESS: timedelta(hours=1),
    Status.RECONNECTED: timedelta(hours=1),
}


def stuck(decisions: list[Decision]) -> list[tuple[str, Status]]:
    assert all([anomaly.kind for anomaly in d.anomalies] == [AnomalyKind.STUCK] for d in decisions)
    return sorted((decision.after.account_id, decision.after.status) for decision in decisions)


@pytest.mark.parametrize(("status", "allowed"), DEADLINES.items())
def test_a_transient_status_is_stuck_once_its_deadline_has_passed(
    engine: Engine, status: Status, allowed: timedelta
) -> None:
    engine.feed_event(webhook("a", status), received_at=T0)
    assert engine.check_deadlines(T0 + allowed) == []
    assert stuck(engine.check_deadlines(T0 + allowed + MICROSECOND)) == [("a", status)]


def test_every_other_status_may_last_for_ever(engine: Engine) -> None:
    for status in set(ANNOUNCEMENTS) - set(DEADLINES):
        engine.feed_event(webhook(f"in {status}", status), received_at=T0)
    engine.feed_event(webhook("unseen", "SNAFU"), received_at=T0)
    assert engine.check_deadlines(T0 + timedelta(days=36_500)) == []


def test_a_stay_is_told_once_and_the_next_stay_again(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    assert len(engine.check_deadlines(at(31))) == 1
    assert engine.check_deadlines(at(32)) == []
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(33))  # a repeat is no new stay
    assert engine.check_deadlines(at(100)) == []
    engine.feed_event(webhook("a", "OK"), received_at=at(101))
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(102))
    assert engine.check_deadlines(at(132)) == []
    assert stuck(engine.check_deadlines(at(133))) == [("a", Status.CONNECTING)]
    assert [anomaly.at for anomaly in engine.audit(kind="STUCK")] == [at(31), at(133)]


def test_a_stay_counts_from_its_beginning_whatever_is_heard_in_it(engine: Engine) -> None:
    for minute, product in ((0, "classic"), (50, "recruiter"), (55, "classic")):
        engine.feed_event(webhook("a", "SYNC_SUCCESS", product=product), received_at=at(minute))
    engine.feed_event(webhook("a", "SNAFU"), received_at=at(58))
    assert stuck(engine.check_deadlines(at(61))) == [("a", Status.SYNC_SUCCESS)]


def test_a_passed_deadline_is_on_record_and_moves_nothing(engine: Engine) -> None:
    before = engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0)).account
    (decision,) = engine.check_deadlines(at(45))
    assert decision.verdict is Verdict.HELD
    assert decision.after == replace(before, sequence=2, stuck=True) == engine.account("a")
    entry = engine.history("a")[-1]
    assert entry.event == DeadlinePassed("a", Status.CONNECTING, at(45), at(0), timedelta(minutes=30))
    assert (entry.sequence, entry.verdict, entry.payload) == (2, Verdict.HELD, b"")
    assert engine.audit() == list(decision.anomalies)


def test_the_clock_tells_the_time_unless_it_is_given(engine: Engine, clock: Clock) -> None:
    engine.feed_event(webhook("a", "CONNECTING"))
    clock.tick(minutes=30)
    assert engine.check_deadlines() == []
    clock.tick(seconds=1)
    (decision,) = engine.check_deadlines()
    assert decision.event.received_at == clock.now


def test_the_time_may_be_given_in_any_time_zone_and_is_kept_in_utc(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    (decision,) = engine.check_deadlines(at(45).astimezone(timezone(timedelta(hours=5))))
    assert decision.event.received_at.tzinfo is UTC
    assert [anomaly.at.tzinfo for anomaly in engine.audit()] == [UTC]


def test_a_policy_replaces_deadlines_provider_by_provider() -> None:
    patient = {"LINKEDIN": {Status.CONNECTING: timedelta(hours=2)}, "X": {Status.ERROR: timedelta(minutes=5)}}
    with Engine.open("memory:", policy=Policy(deadlines=patient), observers=()) as engine:
        for account_id, word, provider in (
            ("linkedin connecting", "CONNECTING", "LINKEDIN"),
            ("linkedin reconnected", "RECONNECTED", "LINKEDIN"),
            ("x connecting", "CONNECTING", "X"),
            ("x error", "ERROR", "TWITTER"),
            ("untold connecting", "CONNECTING", None),
            ("linkedin error", "ERROR", "LINKEDIN"),
        ):
            engine.feed_event(webhook(account_id, word, provider), received_at=at(0))
        assert [d.after.account_id for d in engine.check_deadlines(at(6))] == ["x error"]
        found = sorted(decision.after.account_id for decision in engine.check_deadlines(at(61)))
        assert found == ["linkedin reconnected", "untold connecting", "x connecting"]
        assert [d.after.account_id for d in engine.check_deadlines(at(121))] == ["linkedin connecting"]


def test_what_is_stuck_and_what_is_not_yet_survives_reopening(file_url: str) -> None:
    with Engine.open(file_url, observers=()) as engine:
        engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
        engine.feed_event(webhook("b", "CONNECTING"), received_at=at(20))
        assert stuck(engine.check_deadlines(at(40))) == [("a", Status.CONNECTING)]
    with Engine.open(file_url, observers=()) as engine:
        assert stuck(engine.check_deadlines(at(60))) == [("b", Status.CONNECTING)]
        assert engine.check_deadlines(at(61)) == []


def test_observers_see_what_is_stuck() -> None:
    seen: list[Decision] = []
    with Engine.open("memory:", observers=[seen.append]) as engine:
        engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
        found = engine.check_deadlines(at(60))
    assert seen[1:] == found


def test_more_accounts_than_a_batch_holds_are_all_found(engine: Engine) -> None:
    many = BATCH_SIZE * 2 + 1
    for _ in engine.feed_events(webhook(f"account-{number}", "CONNECTING") for number in range(many)):
        pass
    assert len({decision.after.account_id for decision in engine.check_deadlines(at(31))}) == many
    assert engine.check_deadlines(at(31)) == []


# ---- One account's deadline, as it was at any time ---------------------------------------------------

policies = st.builds(
    Policy,
    deadlines=st.dictionaries(
        st.sampled_from(["LINKEDIN", "IMAP", "MYSPACE", ""]),
        st.dictionaries(st.sampled_from(ANNOUNCEMENTS), st.timedeltas(timedelta(0), timedelta(hours=3))),
        max_size=3,
    ),
)
lives = st.lists(
    st.builds(
        announced,
        st.just("a"),
        st.sampled_from([*ANNOUNCEMENTS, "SNAFU"]),
        st.integers(-60, 600),
        st.sampled_from(["LINKEDIN", "MAIL", "MYSPACE", None]),
    ),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize(("status", "allowed"), DEADLINES.items())
def test_a_deadline_is_noticed_at_the_first_moment_after_it_passed(status: Status, allowed: timedelta) -> None:
    account = judged([announced("a", status)])[-1].account
    expected = DeadlinePassed("a", status, T0 + allowed + MICROSECOND, T0, allowed)
    assert deadline_before(account, T0 + allowed, DEFAULT_POLICY) is None
    assert deadline_before(account, T0 + allowed + MICROSECOND, DEFAULT_POLICY) == expected
    assert deadline_before(account, datetime.max.replace(tzinfo=UTC), DEFAULT_POLICY) == expected


@pytest.mark.parametrize("word", [*sorted(set(ANNOUNCEMENTS) - set(DEADLINES)), "SNAFU"])
def test_no_deadline_passes_where_there_is_none(word: str) -> None:
    account = judged([announced("a", word)])[-1].account
    assert deadline_before(account, at(1_000_000), DEFAULT_POLICY) is None


def test_an_account_that_nothing_was_heard_of_has_no_deadline() -> None:
    assert deadline_before(Account("a"), at(1_000_000), DEFAULT_POLICY) is None


@given(lives, policies)
def test_a_stay_whose_deadline_was_told_has_no_other(life: list[StatusAnnounced], policy: Policy) -> None:
    account = judged(life)[-1].account
    passed = deadline_before(account, at(2_000), policy)
    if passed is not None:
        after = decide(account, passed, policy).account
        assert after.stuck
        assert deadline_before(after, at(1_000_000), policy) is None


@given(lives, policies, st.integers(-120, 2_000).map(at))
def test_whoever_looks_at_any_time_finds_what_had_passed_by_then_and_not_a_moment_earlier(
    life: list[StatusAnnounced], policy: Policy, end: datetime
) -> None:
    store = TemporaryStore()
    account = store.advance(life, as_it_is)[-1].account
    passed = deadline_before(account, end, policy)
    found = list(passed_deadlines(store, policy, end))
    assert found == ([] if passed is None else [replace(passed, received_at=end)])
    if passed is not None:
        assert passed.received_at <= end
        assert list(passed_deadlines(store, policy, passed.received_at)) == [passed]
        assert list(passed_deadlines(store, policy, passed.received_at - MICROSECOND)) == []
