"""Replaying the quarantine: what a newer parser can read is fed after all, with its own time, and once."""

import json
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle import Engine, HookCall, PayloadError, StoreError, StoreFull
from account_lifecycle.intake import quarantine, rereading
from account_lifecycle.intake.payloads import parse
from account_lifecycle.testing import Clock
from builders import at, webhook

NEW_FORMAT = {"event": "account.status", "id": "a", "state": "CREDENTIALS"}
"""What the vendor sends from tomorrow on."""


def parse_new(payload: Any, received_at: datetime) -> Any:
    """The parser of the version after that."""
    wire = json.loads(payload)
    if "event" not in wire:
        return parse(payload, received_at)
    return replace(parse(webhook(wire["id"], wire["state"], None), received_at), payload=payload)


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version, which can read the new format."""
    for module in (quarantine, rereading):
        monkeypatch.setattr(module, "parse", parse_new)


def refuse(engine: Engine, payload: Any, minute: float = 0) -> None:
    with pytest.raises(PayloadError):
        engine.feed_event(payload, received_at=at(minute))


def test_what_can_be_read_by_now_is_fed_in_order_with_its_own_time(
    engine: Engine, clock: Clock, upgraded: None
) -> None:
    refuse(engine, NEW_FORMAT, 1)
    refuse(engine, b"{}", 2)
    refuse(engine, {**NEW_FORMAT, "state": "OK"}, 3)
    clock.tick(hours=1)
    results = engine.replay_quarantine()
    assert [(each.quarantine_id, each.decision is None) for each in results] == [(1, False), (2, True), (3, False)]
    assert "expected" in (results[1].error or "")
    assert [(e.announced, e.received_at, e.payload) for e in engine.history("a")] == [
        ("CREDENTIALS", at(1), json.dumps(NEW_FORMAT).encode()),
        ("OK", at(3), json.dumps({**NEW_FORMAT, "state": "OK"}).encode()),
    ]
    assert [kept.released_at for kept in engine.quarantine()] == [clock.now, None, clock.now]
    assert engine.verify().is_intact


def test_a_second_replay_feeds_nothing(engine: Engine, upgraded: None) -> None:
    refuse(engine, NEW_FORMAT)
    assert engine.replay_quarantine()[0].decision is not None
    assert engine.replay_quarantine() == []
    assert len(engine.history("a")) == 1


def test_numbers_can_be_named_and_each_is_answered_for(engine: Engine, upgraded: None) -> None:
    for minute in range(3):
        refuse(engine, NEW_FORMAT, minute)
    assert [each.quarantine_id for each in engine.replay_quarantine([3, 2])] == [2, 3]
    results = engine.replay_quarantine([9, 2, 1])
    assert [(each.quarantine_id, each.is_known, each.decision is None) for each in results] == [
        (1, True, False),
        (2, True, True),
        (9, False, True),
    ]
    assert (results[1].error or "").startswith("it was fed at 20")
    assert results[2].error == "there is no number 9 in the quarantine"


def test_what_was_dismissed_is_tried_only_if_it_is_named(engine: Engine, clock: Clock, upgraded: None) -> None:
    refuse(engine, NEW_FORMAT, 1)
    refuse(engine, NEW_FORMAT, 2)
    clock.tick(hours=1)
    assert (engine.dismiss_quarantined([1, 2]), engine.dismiss_quarantined([2])) == (2, 0)
    assert [kept.dismissed_at for kept in engine.quarantine()] == [clock.now, clock.now]
    assert engine.replay_quarantine() == []
    assert [each.decision is not None for each in engine.replay_quarantine([2])] == [True]


def test_what_was_cut_or_erased_is_not_tried(engine: Engine, upgraded: None) -> None:
    refuse(engine, {**NEW_FORMAT, "blank": " " * 70_000})
    refuse(engine, {**NEW_FORMAT, "id": "erased"})
    engine.erase_account("erased")
    assert engine.replay_quarantine() == []
    cut, erased = engine.replay_quarantine([1, 2])
    assert "only the first 65,536 of its 70," in (cut.error or "")
    assert erased.error == "its payload was erased"


def test_observers_and_hooks_hear_of_what_is_fed_after_all(upgraded: None) -> None:
    seen: list[str] = []
    calls: list[HookCall] = []
    with Engine.open("memory:", observers=[lambda decision: seen.append(decision.after.account_id)]) as engine:
        engine.on_action_required(calls.append)
        refuse(engine, NEW_FORMAT)
        engine.replay_quarantine()
    assert seen == ["a"]
    assert [call.account_id for call in calls] == ["a"]


def test_two_that_replay_at_once_feed_each_payload_once(file_url: str, upgraded: None) -> None:
    with Engine.open(file_url, observers=()) as engine:
        for minute in range(20):
            refuse(engine, NEW_FORMAT, minute)
    results: list[Any] = []
    start = threading.Barrier(2)

    def replay() -> None:
        with Engine.open(file_url, observers=()) as engine:
            start.wait()
            results.extend(engine.replay_quarantine())

    threads = [threading.Thread(target=replay) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.quarantine_id for each in results if each.decision) == list(range(1, 21))
    with Engine.open(file_url, observers=()) as engine:
        assert len(engine.history("a")) == 20
        assert engine.verify().is_intact


def test_a_payload_that_another_process_feeds_meanwhile_is_passed_over(engine: Engine, upgraded: None) -> None:
    """Between the look at the quarantine and the transaction."""
    for minute in range(2):
        refuse(engine, NEW_FORMAT, minute)
    stale = list(engine.store.quarantined())
    engine.replay_quarantine([1])
    advanced = engine._advance_released
    looks = iter([stale])
    original = engine.store.quarantined
    engine.store.quarantined = lambda: iter(next(looks, None) or original())  # type: ignore[method-assign]
    results = quarantine.replay_quarantine(engine.store.quarantined, advanced)
    assert [each.quarantine_id for each in results] == [2]
    assert len(engine.history("a")) == 2


def test_a_store_that_fails_is_no_double_release(engine: Engine, upgraded: None) -> None:
    refuse(engine, NEW_FORMAT)

    def is_full(*_: object) -> Any:
        raise StoreFull("no room")

    with pytest.raises(StoreError, match="no room"):
        quarantine.replay_quarantine(engine.store.quarantined, is_full)
    assert engine.quarantine()[0].released_at is None


def test_a_replay_is_one_transaction_with_the_release(file_url: str, tmp_path: Path, upgraded: None) -> None:
    """What is marked as released is in the ledger, even if nothing comes after it."""
    with Engine.open(file_url, observers=()) as engine:
        refuse(engine, NEW_FORMAT)
        engine.replay_quarantine()
    with Engine.open(file_url, observers=()) as engine:
        (kept,) = engine.quarantine()
        assert (kept.released_at is None, len(engine.history("a"))) == (False, 1)
