"""Backoff: how long a failed delivery waits."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.hooks.delivery import LONGEST_BACKOFF, backoff

KEYS = [f"account-{number}/1/connected/" for number in range(200)]


@given(st.text())
def test_the_first_failure_is_tried_again_at_once(key: str) -> None:
    assert backoff(1, key) == timedelta(0)


def test_each_further_wait_is_four_times_as_long_up_to_six_hours() -> None:
    fulls = [5, 20, 80, 320, 1_280, 5_120, 20_480, 21_600, 21_600]
    for attempt, full in enumerate(fulls, 2):
        waits = [backoff(attempt, key).total_seconds() for key in KEYS]
        assert full / 2 <= min(waits) < full * 0.55
        assert full * 0.95 < max(waits) <= full


@given(st.integers(1, 10**9), st.text())
def test_no_wait_is_negative_or_longer_than_the_longest(attempt: int, key: str) -> None:
    assert timedelta(0) <= backoff(attempt, key) <= LONGEST_BACKOFF


@given(st.integers(1, 20), st.text())
def test_the_same_failure_always_waits_the_same_time(attempt: int, key: str) -> None:
    assert backoff(attempt, key) == backoff(attempt, key)


def test_deliveries_that_fail_together_do_not_come_back_together() -> None:
    assert len({backoff(5, key) for key in KEYS}) == len(KEYS)
    assert backoff(8, KEYS[0]) / backoff(8, KEYS[1]) != backoff(9, KEYS[0]) / backoff(9, KEYS[1])
