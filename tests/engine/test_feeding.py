"""Feeding one event: what comes back is on record, and what cannot be read is in the quarantine."""

import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from account_lifecycle import (
    AnomalyKind,
    ConfigurationError,
    Decision,
    Engine,
    PayloadError,
    Policy,
    Status,
    StoreError,
    Verdict,
)
from account_lifecycle.testing import Clock
from builders import T0, at, notification, webhook

UNREADABLE: dict[str, tuple[Any, str]] = {
    "not JSON": (b"{oops", "payload"),
    "not UTF-8": (b"\xff\x00\xfe", "payload"),
    "nothing": (b"", "payload"),
    "no account": ({"AccountStatus": {"message": "OK"}}, "AccountStatus.account_id"),
    "blank status": ({"status": " ", "account_id": "a"}, "status"),
    "a list": ([1, 2], "payload"),
    "None": (None, "payload"),
}


# ---- What is fed is kept -----------------------------------------------------------------------------


def test_a_decision_is_on_record_when_it_comes_back(engine: Engine) -> None:
    decision = engine.feed_event(webhook("a", "CREDENTIALS", reason="Disconnected"))
    (entry,) = engine.history("a")
    assert engine.account("a") == decision.after
    assert (entry.event, entry.verdict, entry.anomalies) == (decision.event, decision.verdict, decision.anomalies)
    assert engine.audit() == list(decision.anomalies)
    assert engine.blind_windows() == [decision.blind_window]


def test_both_formats_feed_the_same_account(engine: Engine) -> None:
    engine.feed_event(notification("a", "CREATION_SUCCESS", "user-7"))
    repeat = engine.feed_event(webhook("a", "CREATION_SUCCESS", "GOOGLE_OAUTH"))
    assert repeat.verdict is Verdict.REPEATED
    assert repeat.after.owner == "user-7"
    assert repeat.account.provider == "GOOGLE"


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, bytes.decode])
def test_a_payload_is_kept_byte_for_byte(engine: Engine, wrap: Any) -> None:
    data = '{"status" : "RECONNECTED",  "account_id":"a", "smile": "\U0001f600", "n": 1.00}\n'.encode()
    engine.feed_event(wrap(data))
    assert engine.history("a")[0].payload == data


def test_sequences_count_every_event_of_an_account_without_gaps(engine: Engine) -> None:
    words = ["OK", "OK", "CREATION_FAIL", "SNAFU", "ERROR", "DELETED", "OK"]
    sequences = [engine.feed_event(webhook("a", word)).sequence for word in words]
    engine.feed_event(webhook("b", "OK"))
    assert sequences == [1, 2, 3, 4, 5, 6, 7]
    assert [entry.sequence for entry in engine.history("a")] == sequences


# ---- What cannot be read -----------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "field"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_payload_is_in_quarantine_by_the_time_it_is_told(
    engine: Engine, payload: Any, field: str
) -> None:
    with pytest.raises(PayloadError) as caught:
        engine.feed_event(payload, received_at=at(3))
    (kept,) = engine.quarantine()
    assert (kept.quarantine_id, kept.field) == (caught.value.quarantine_id, field)
    assert kept.received_at == at(3)
    assert kept.payload == caught.value.payload
    assert kept.reason == caught.value.reason
    assert f"number {kept.quarantine_id}" in str(caught.value)
    assert engine.accounts() == []


def test_the_quarantine_keeps_the_bytes_as_they_came(engine: Engine) -> None:
    for data in (b"\xef\xbb\xbfno\x00", b"{" * 9, bytes(range(256))):
        with pytest.raises(PayloadError):
            engine.feed_event(data)
        assert engine.quarantine()[-1].payload == data


def test_a_payload_that_is_too_long_is_kept_cut_with_its_length(engine: Engine) -> None:
    data = b'{"status": "OK", "account_id": "a", "x": "' + b"x" * 70_000
    with pytest.raises(PayloadError, match="at most 65,536 bytes"):
        engine.feed_event(data)
    (kept,) = engine.quarantine()
    assert (kept.payload, kept.size) == (data[:65_536], len(data))


@pytest.mark.parametrize(
    "received_at",
    [
        datetime(2026, 5, 1, 12),
        "2026-05-01T12:00:00Z",
        1_777_636_800,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=1))),
    ],
    ids=["naive", "text", "a number", "before all times in UTC", "after all times in UTC"],
)
def test_a_time_that_cannot_be_meant_is_the_callers_fault_and_nothing_is_kept(engine: Engine, received_at: Any) -> None:
    with pytest.raises(ConfigurationError, match="received_at"):
        engine.feed_event(webhook("a", "OK"), received_at=received_at)
    assert engine.quarantine() == []
    assert engine.account("a") is None


def test_an_unreadable_payload_changes_no_account_and_stops_no_feed(engine: Engine) -> None:
    before = engine.feed_event(webhook("a", "OK")).account
    with pytest.raises(PayloadError):
        engine.feed_event({"AccountStatus": {"account_id": "a", "message": None}})
    assert engine.account("a") == before
    assert engine.feed_event(webhook("a", "ERROR")).sequence == 2


@pytest.mark.parametrize("payload", [b'{"status": "OK", "account_id": "a"}', b"oops"], ids=["readable", "unreadable"])
def test_a_store_that_cannot_be_written_is_told_and_the_payload_may_be_fed_again(file_url: str, payload: bytes) -> None:
    broken = Engine.open(file_url)
    broken.close()
    with pytest.raises(StoreError):
        broken.feed_event(payload)
    with Engine.open(file_url) as engine:
        assert (engine.accounts(), engine.quarantine()) == ([], [])


# ---- Time --------------------------------------------------------------------------------------------


class CountingClock(Clock):
    """Counts how often it is asked."""

    asked = 0

    def __call__(self) -> datetime:
        self.asked += 1
        return super().__call__()


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock()


def test_the_clock_is_asked_once_for_each_event(engine: Engine, clock: CountingClock) -> None:
    decision = engine.feed_event(webhook("a", "CREDENTIALS"))
    assert clock.asked == 1
    account = decision.after
    times = {decision.event.received_at, account.since, account.newest_at, decision.anomalies[0].at}
    assert times == {T0}
    list(engine.feed_events([webhook("b", "OK"), webhook("c", "OK"), b"oops"], on_unreadable=lambda error: None))
    assert clock.asked == 4


def test_a_time_that_is_told_is_the_time_that_is_kept(engine: Engine) -> None:
    engine.feed_event(webhook("a", "OK"), received_at=at(5))
    assert engine.history("a")[0].received_at == at(5)


@pytest.mark.parametrize("hours", [-11, 0, 5.5])
def test_a_told_time_is_kept_in_utc_to_the_microsecond(engine: Engine, hours: float) -> None:
    local = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=hours)))
    decision = engine.feed_event(webhook("a", "OK"), received_at=local)
    (entry,) = engine.history("a")
    assert decision.event.received_at == entry.received_at == local
    assert decision.event.received_at.tzinfo is entry.received_at.tzinfo is UTC


def test_events_count_in_the_order_of_feeding_whatever_their_times(engine: Engine) -> None:
    engine.feed_event(webhook("a", "OK"), received_at=at(10))
    decision = engine.feed_event(webhook("a", "CREDENTIALS"), received_at=at(0))
    assert (decision.verdict, decision.after.status) == (Verdict.HELD, Status.OK)
    assert [entry.received_at for entry in engine.history("a")] == [at(10), at(0)]


def test_a_clock_that_goes_backwards_makes_no_news_old() -> None:
    clock = Clock(at(10))
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        engine.feed_event(webhook("a", "OK"))
        clock.now = at(8)
        decision = engine.feed_event(webhook("a", "CREDENTIALS"))
        assert (decision.verdict, decision.event.received_at) == (Verdict.APPLIED, at(10))
        clock.now = at(7)
        (again,) = engine.feed_events([webhook("a", "ERROR")])
        assert (again.verdict, again.event.received_at) == (Verdict.APPLIED, at(10))
        assert engine.audit(kind="OUT_OF_ORDER") == []


# ---- Policy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "gap", "is_stale"),
    [
        (None, timedelta(seconds=599), False),
        (None, timedelta(seconds=600), True),
        (timedelta(seconds=5), timedelta(seconds=4), False),
        (timedelta(seconds=5), timedelta(seconds=5), True),
        (timedelta(days=1), timedelta(hours=23), False),
    ],
)
def test_a_repeat_is_stale_past_the_redelivery_window_of_the_policy(
    window: timedelta | None, gap: timedelta, is_stale: bool
) -> None:
    policy = Policy() if window is None else Policy(redelivery_window=window)
    with Engine.open("memory:", policy=policy, observers=()) as engine:
        engine.feed_event(webhook("a", "CREATION_SUCCESS"), received_at=T0)
        decision = engine.feed_event(webhook("a", "CREATION_SUCCESS"), received_at=T0 + gap)
    assert decision.verdict is Verdict.REPEATED
    assert [anomaly.kind for anomaly in decision.anomalies] == [AnomalyKind.STALE_REPEAT] * is_stale


def test_the_redelivery_window_counts_from_when_it_was_last_heard(engine: Engine) -> None:
    decisions = [engine.feed_event(webhook("a", "OK"), received_at=at(minute)) for minute in (0, 9, 18, 27)]
    assert [decision.verdict for decision in decisions] == [Verdict.APPLIED] + [Verdict.REPEATED] * 3
    assert [a.kind for decision in decisions for a in decision.anomalies] == [AnomalyKind.ADOPTED]


# ---- Observers -----------------------------------------------------------------------------------------


def test_observers_see_each_decision_in_order_after_it_is_kept() -> None:
    seen: list[tuple[str, Decision, bool]] = []

    def observer(name: str, decision: Decision) -> None:
        kept = [entry.sequence for entry in engine.history(decision.after.account_id)]
        seen.append((name, decision, decision.sequence in kept))

    observers = [lambda decision: observer("first", decision), lambda decision: observer("second", decision)]
    with Engine.open("memory:", observers=observers) as engine:
        fed = [engine.feed_event(webhook("a", word)) for word in ("OK", "OK", "ERROR")]
        fed += engine.feed_events([webhook("b", "OK"), webhook("a", "DELETED")])
    assert seen == [(name, decision, True) for decision in fed for name in ("first", "second")]


def test_an_observer_that_fails_is_logged_and_nothing_else_happens(
    caplog: pytest.LogCaptureFixture, unconfigured_structlog: None
) -> None:
    seen: list[Decision] = []

    def broken(decision: Decision) -> None:
        raise RuntimeError("no paper left")

    with Engine.open("memory:", observers=[broken, seen.append]) as engine:
        fed = [engine.feed_event(webhook("a", "OK")), *engine.feed_events([webhook("a", "ERROR")])]
        assert [entry.sequence for entry in engine.history("a")] == [1, 2]
    assert seen == fed
    failures = [record for record in caplog.records if "observer failed" in record.getMessage()]
    assert [record.levelno for record in failures] == [logging.ERROR] * 2
    assert all("no paper left" in record.getMessage() for record in failures)


# ---- Asking --------------------------------------------------------------------------------------------


def test_accounts_can_be_asked_for_by_words_and_by_any_alias_of_their_provider(engine: Engine) -> None:
    for account_id, word, provider in (("a", "OK", "TWITTER"), ("b", "ERROR", "X"), ("c", "OK", "MYSPACE")):
        engine.feed_event(webhook(account_id, word, provider))
    assert [account.account_id for account in engine.accounts(status="OK")] == ["a", "c"]
    assert [account.account_id for account in engine.accounts(health="INTERRUPTED")] == ["b"]
    assert [account.account_id for account in engine.accounts(provider=" twitter ")] == ["a", "b"]
    assert [account.account_id for account in engine.accounts(provider="myspace", status=Status.OK)] == ["c"]
    assert [anomaly.account_id for anomaly in engine.audit(provider="Twitter")] == ["a", "b"]
    assert [anomaly.kind for anomaly in engine.audit(kind="UNKNOWN_PROVIDER", severity="warning")] == [
        AnomalyKind.UNKNOWN_PROVIDER
    ]


@pytest.mark.parametrize("question", [{"status": "FINE"}, {"health": "FINE"}])
def test_asking_for_a_word_that_does_not_exist_is_an_error_and_not_an_empty_answer(
    engine: Engine, question: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="FINE"):
        engine.accounts(**question)


def test_nothing_is_known_of_an_account_that_nothing_was_fed_for(engine: Engine) -> None:
    assert engine.account("a") is None
    assert engine.history("a") == []
    assert engine.audit(account_id="a") == []
    assert engine.blind_windows(account_id="a") == []
