"""Feeding many events: batches of one transaction each, in order, taken only as they are asked for."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest

from account_lifecycle import ConfigurationError, Engine, PayloadError, Received, UnreadablePayloads, Verdict
from account_lifecycle.testing import Clock
from builders import at, webhook


def test_decisions_come_in_the_order_of_the_payloads(engine: Engine) -> None:
    payloads = [webhook("ab"[n % 2], word) for n, word in enumerate(["OK", "OK", "OK", "ERROR", "SNAFU", "DELETED"])]
    decisions = list(engine.feed_events(payloads, batch_size=4))
    assert [(d.after.account_id, d.event.status, d.sequence) for d in decisions] == [
        ("a", "OK", 1),
        ("b", "OK", 1),
        ("a", "OK", 2),
        ("b", "ERROR", 2),
        ("a", "SNAFU", 3),
        ("b", "DELETED", 3),
    ]
    assert [d.verdict for d in decisions[2:5]] == [Verdict.REPEATED, Verdict.APPLIED, Verdict.HELD]


def test_payloads_may_come_with_the_times_of_their_arrival(engine: Engine, clock: Clock) -> None:
    clock.tick(hours=1)
    payloads: list[Any] = [Received(webhook("a", "OK"), at(7)), Received(webhook("b", "OK")), webhook("c", "OK")]
    decisions = list(engine.feed_events(payloads))
    assert [decision.event.received_at for decision in decisions] == [at(7), at(60), at(60)]


def test_nothing_fed_is_nothing_kept(engine: Engine) -> None:
    assert list(engine.feed_events([])) == []
    assert engine.accounts() == []


def test_an_endless_source_is_taken_only_as_far_as_it_is_asked_for(engine: Engine) -> None:
    taken = count()

    def endless() -> Iterator[dict[str, Any]]:
        while True:
            yield webhook(f"account-{next(taken)}", "OK")

    decisions = engine.feed_events(endless(), batch_size=10)
    assert next(taken) == 0
    assert len(list(islice(decisions, 25))) == 25
    assert next(taken) == 31
    assert len(engine.accounts()) == 30


def test_a_batch_is_kept_before_its_first_decision_is_seen(engine: Engine) -> None:
    decisions = engine.feed_events([webhook("a", word) for word in ("OK", "ERROR", "OK", "ERROR")], batch_size=3)
    next(decisions)
    assert [entry.sequence for entry in engine.history("a")] == [1, 2, 3]


def test_leaving_early_keeps_whole_batches(engine: Engine) -> None:
    payloads = [webhook(f"account-{number}", "OK") for number in range(10)]
    for decision in engine.feed_events(payloads, batch_size=4):
        if decision.after.account_id == "account-5":
            break
    assert len(engine.accounts()) == 8


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_one_is_refused_and_nothing_is_quietly_left_out(engine: Engine, batch_size: int) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        list(engine.feed_events([webhook("a", "OK")], batch_size=batch_size))


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_what_was_taken_from_a_source_that_breaks_is_kept(engine: Engine, batch_size: int) -> None:
    def breaking() -> Iterator[Any]:
        yield webhook("a", "OK")
        yield webhook("b", "OK")
        yield b"oops"
        yield webhook("c", "OK")
        raise OSError("the line went dead")

    with pytest.raises(OSError, match="went dead"):
        list(engine.feed_events(breaking(), batch_size=batch_size, on_unreadable=lambda error: None))
    assert [account.account_id for account in engine.accounts()] == ["a", "b", "c"]
    assert [kept.payload for kept in engine.quarantine()] == [b"oops"]


# ---- What cannot be read -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_unreadable_payloads_are_told_at_the_end_and_all_others_are_fed(engine: Engine, batch_size: int) -> None:
    decisions = engine.feed_events([b"x", webhook("a", "OK"), b"y", b"z", webhook("b", "OK")], batch_size=batch_size)
    assert [next(decisions).account.account_id for _ in range(2)] == ["a", "b"]
    with pytest.raises(UnreadablePayloads, match="3 payloads could not be read; all others were fed") as caught:
        next(decisions)
    assert caught.value.count == 3
    assert [(error.payload, error.quarantine_id) for error in caught.value.errors] == [(b"x", 1), (b"y", 2), (b"z", 3)]
    assert caught.value.quarantine_id == 1
    assert [kept.payload for kept in engine.quarantine()] == [b"x", b"y", b"z"]


def test_a_single_unreadable_payload_is_told_in_its_own_words(engine: Engine) -> None:
    with pytest.raises(UnreadablePayloads) as caught:
        list(engine.feed_events([webhook("a", "OK"), b"oops"]))
    assert str(caught.value) == str(caught.value.errors[0])
    assert isinstance(caught.value, PayloadError)


def test_of_very_many_unreadable_payloads_the_first_hundred_are_told_and_all_are_kept(engine: Engine) -> None:
    with pytest.raises(UnreadablePayloads, match="250 payloads") as caught:
        list(engine.feed_events((b"%d!" % number for number in range(250)), batch_size=60))
    assert (caught.value.count, len(caught.value.errors)) == (250, 100)
    assert len(engine.quarantine()) == 250


def test_whoever_asks_is_told_of_each_unreadable_payload_and_nothing_is_raised(engine: Engine) -> None:
    told: list[tuple[bytes, int | None, int]] = []

    def tell(error: PayloadError) -> None:
        told.append((error.payload, error.quarantine_id, len(engine.quarantine())))

    decisions = list(engine.feed_events([b"x", webhook("a", "OK"), b"y"], batch_size=2, on_unreadable=tell))
    assert len(decisions) == 1
    assert told == [(b"x", 1, 1), (b"y", 2, 2)]


def test_a_time_that_cannot_be_meant_ends_the_feed_after_what_came_before(engine: Engine) -> None:
    received = Received(webhook("a", "OK"), at(0).replace(tzinfo=None))
    with pytest.raises(ConfigurationError, match="received_at"):
        list(engine.feed_events([webhook("b", "OK"), received]))
    assert [account.account_id for account in engine.accounts()] == ["b"]
    assert engine.quarantine() == []
