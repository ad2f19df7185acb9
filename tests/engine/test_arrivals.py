"""A clock that was wrong for a while poisons no account: time goes on, and never moves backwards."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle import Engine, Health, Verdict
from account_lifecycle.engine.arrivals import MAX_ACCOUNTS, Arrivals
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.testing import START, Clock
from builders import webhook

LATER = [("OK", 1), ("OK", 24), ("ERROR", 72), ("ERROR", 72), ("OK", 24), ("OK", 1)]
"""Words, each with how many hours it comes after the one before."""
DAY, HOUR, YEAR = timedelta(days=1), timedelta(hours=1), timedelta(days=365)
WORDS = ["OK", "CREDENTIALS", "ERROR", "RECONNECTED", "SYNC_SUCCESS", "CONNECTING", "CREATION_SUCCESS"]
TIMES = ("since", "known_since", "signed_in_at", "last_live_at", "newest_at")


@pytest.mark.parametrize("jump", [YEAR, -YEAR, 40 * YEAR], ids=["a year ahead", "a year back", "forty years ahead"])
def test_a_clock_that_jumps_and_comes_back_leaves_an_account_that_is_judged_as_before(
    engine: Engine, clock: Clock, jump: timedelta
) -> None:
    right = Clock()
    with Engine.open("memory:", clock=right, observers=()) as undisturbed:
        lives = ((engine, clock, jump), (undisturbed, right, timedelta(0)))
        told = []
        for lived, its_clock, wrong_by in lives:
            lived.feed_event(webhook("a", "OK"))
            its_clock.now += wrong_by + HOUR
            lived.feed_event(webhook("a", "CREDENTIALS"))
            its_clock.now -= wrong_by
            found = []
            for word, hours in LATER:
                its_clock.now += hours * HOUR
                decision = lived.feed_event(webhook("a", word))
                kinds = [anomaly.kind for anomaly in decision.anomalies]
                found.append((decision.verdict, kinds, decision.account.health))
            told.append(found)
        assert told[0][1:] == told[1][1:], "only the first word is judged by how much the wrong clock says has passed"
        assert engine.verify().is_proved


def test_deadlines_of_an_account_that_is_ahead_pass_in_time(engine: Engine, clock: Clock) -> None:
    clock.now += YEAR
    engine.feed_event(webhook("a", "CREDENTIALS"))
    clock.now -= YEAR
    engine.feed_event(webhook("a", "CONNECTING"))
    clock.now += timedelta(minutes=29)
    assert engine.check_deadlines() == []
    clock.now += timedelta(minutes=2)
    assert [[anomaly.kind for anomaly in decision.anomalies] for decision in engine.check_deadlines()] == [["STUCK"]]
    clock.now += 2 * DAY
    assert [[effect.kind for effect in decision.effects] for decision in engine.check_deadlines()] == [["still_down"]]
    assert engine.verify().is_proved


def test_once_the_day_has_come_the_clock_is_right_again(engine: Engine, clock: Clock) -> None:
    clock.now += YEAR
    engine.feed_event(webhook("a", "OK"))
    clock.now -= YEAR
    engine.feed_event(webhook("a", "ERROR"))
    clock.now += YEAR + DAY
    decision = engine.feed_event(webhook("a", "OK"))
    assert (decision.event.received_at, decision.account.health) == (clock.now, Health.LIVE)


def test_clocks_of_two_hosts_that_differ_a_little_are_no_wrong_clocks(engine: Engine, clock: Clock) -> None:
    first = engine.feed_event(webhook("a", "OK"))
    clock.now -= HOUR
    assert engine.feed_event(webhook("a", "ERROR")).event.received_at == first.event.received_at
    clock.now += 2 * HOUR
    assert engine.feed_event(webhook("a", "OK")).event.received_at == clock.now


def test_a_given_time_is_meant_and_one_before_the_newest_event_is_out_of_order(engine: Engine, clock: Clock) -> None:
    clock.now += YEAR
    engine.feed_event(webhook("a", "OK"))
    clock.now -= YEAR
    late = engine.feed_event(webhook("a", "ERROR"), received_at=clock.now)
    assert (late.verdict, [anomaly.kind for anomaly in late.anomalies]) == (Verdict.HELD, ["OUT_OF_ORDER"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*WORDS, "look", "observe", "sign in"]),
            st.sampled_from([timedelta(0), HOUR, DAY, 30 * DAY, YEAR, -HOUR, -DAY, -YEAR]),
        ),
        max_size=25,
    )
)
def test_what_an_account_knows_of_time_never_moves_backwards_by_any_clock(life: list[tuple[str, timedelta]]) -> None:
    clock = Clock()
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        before = Account("a")
        for word, jump in life:
            clock.now = max(START - 3 * YEAR, clock.now + jump)
            if word == "look":
                engine.check_deadlines()
            elif word == "observe":
                engine.observe("a", "OK")
            elif word == "sign in":
                engine.observe("a", "OK", signed_in_at=clock.now - 20 * DAY)
            else:
                engine.feed_event(webhook("a", word))
            after = engine.account("a") or before
            for name in TIMES:
                was, now = getattr(before, name), getattr(after, name)
                assert was is None or (now is not None and now >= was), name
            before = after
        for window in engine.blind_windows():
            assert window.backfill_from is None or window.backfill_from <= window.opened_at
            assert window.closed_at is None or window.opened_at <= window.closed_at
        assert engine.verify().is_proved


def test_no_more_accounts_are_remembered_as_ahead_than_a_fixed_number() -> None:
    arrivals = Arrivals()
    for number in range(MAX_ACCOUNTS + 5):
        ahead = Account(f"a{number}", newest_at=START + YEAR)
        assert arrivals.moment(ahead, START) == START + YEAR
        assert arrivals.moment(ahead, START + HOUR) == START + YEAR + HOUR
    assert len(arrivals._ahead) <= MAX_ACCOUNTS
