"""Answers: what each means for the delivery, and how it is told to a person."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.hooks.outcomes import Disable, Done, HookAnswer, RetryAt
from account_lifecycle.webhooks.endpoint import outcome_of, read_retry_after
from account_lifecycle.webhooks.exchange import Answer
from builders import T0

DAY = timedelta(days=1)


def outcome(status: int, retry_after: str | None = None, location: str | None = None, body: bytes = b"") -> HookAnswer:
    return outcome_of(Answer(status, retry_after, location, body), "crm.example.com", T0)


def retry(status: int, retry_after: str | None = None, location: str | None = None, body: bytes = b"") -> RetryAt:
    found = outcome(status, retry_after, location, body)
    assert isinstance(found, RetryAt)
    return found


@pytest.mark.parametrize("status", range(200, 300))
def test_any_2xx_is_done(status: int) -> None:
    assert outcome(status) == Done()


def test_410_disables_the_hook() -> None:
    found = outcome(410)
    assert isinstance(found, Disable)
    assert "answered 410 Gone" in found.reason


@pytest.mark.parametrize("status", [*range(100, 104), *range(300, 410), *range(411, 600), 999])
def test_every_other_answer_is_tried_again_and_counts(status: int) -> None:
    assert retry(status).at is None
    assert retry(status).counts
    assert f"answered {status}" in retry(status).reason


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_retry_after_is_heeded_when_the_receiver_is_overloaded_or_broken(status: int) -> None:
    assert retry(status, "120").at == T0 + timedelta(seconds=120)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409])
def test_retry_after_is_passed_over_elsewhere(status: int) -> None:
    assert retry(status, "120").at is None


def test_retry_after_may_be_a_date() -> None:
    later = T0 + timedelta(hours=2)
    assert read_retry_after(format_datetime(later.astimezone(UTC), usegmt=True), T0) == later


@pytest.mark.parametrize(
    "text", ["86401", "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 03 May 2026 12:00:00 GMT"]
)
def test_retry_after_is_at_most_a_day(text: str) -> None:
    assert read_retry_after(text, T0) == T0 + DAY


@pytest.mark.parametrize(
    "text", [None, "", "0", "-5", "soon", "1.5", "٣", "Fri, 01 May 2026 11:59:59 GMT", "Fri, 99 May 2026 11:59:59 GMT"]
)
def test_a_retry_after_that_asks_for_no_pause_leaves_it_to_the_backoff(text: str | None) -> None:
    assert read_retry_after(text, T0) is None


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\w+", fullmatch=True))
def test_no_retry_after_makes_a_delivery_wait_too_long_or_fail(text: str) -> None:
    at = read_retry_after(text, T0)
    assert at is None or T0 < at <= T0 + DAY


def test_a_redirect_says_where_it_led_and_that_it_was_not_followed() -> None:
    reason = retry(302, location="http://127.0.0.1/").reason
    assert "http://127.0.0.1/" in reason
    assert "not followed" in reason


def test_the_first_words_of_an_answer_are_told_escaped_and_cut() -> None:
    reason = retry(500, body=b"no such\n\n  table: \x1b[31m" + b"x" * 900).reason
    assert reason.startswith("crm.example.com answered 500 Internal Server Error (no such table: \\x1b[31mxxx")
    assert len(reason) < 300


@given(st.binary(max_size=300))
def test_whatever_a_receiver_says_its_reason_is_one_printable_line(body: bytes) -> None:
    assert retry(500, body=body).reason.isprintable()
