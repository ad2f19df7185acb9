"""Feeding the body of a request: every event in it, in one transaction."""

import gzip
import json

import pytest

from account_lifecycle import Engine, PayloadError, UnreadablePayloads
from builders import webhook


def test_an_array_is_two_events_in_one_transaction(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    feed = engine.store.feed
    monkeypatch.setattr(engine.store, "feed", lambda asked: calls.append(1) or feed(asked))
    decisions = engine.feed_body(json.dumps([webhook("a", "CREATION_SUCCESS"), webhook("a", "OK")]).encode())
    assert [decision.after.status for decision in decisions] == ["CREATION_SUCCESS", "OK"]
    assert len(calls) == 1


def test_a_packed_body_is_read_if_the_request_says_so(engine: Engine) -> None:
    body = gzip.compress(json.dumps(webhook("a", "OK")).encode())
    assert len(engine.feed_body(body, {"content-encoding": "gzip"})) == 1
    with pytest.raises(PayloadError, match="gzip"):
        engine.feed_body(body)


def test_what_cannot_be_read_is_quarantined_and_the_rest_is_fed(engine: Engine) -> None:
    with pytest.raises(PayloadError):
        engine.feed_body(json.dumps([webhook("a", "OK"), {"AccountStatus": {}}]).encode())
    assert len(engine.history("a")) == 1
    assert len(engine.quarantine()) == 1


def test_each_part_that_cannot_be_read_has_its_number_in_the_quarantine(engine: Engine) -> None:
    with pytest.raises(UnreadablePayloads) as caught:
        engine.feed_body(json.dumps([{"AccountStatus": {}}, webhook("a", "OK"), {"status": "OK"}]).encode())
    assert [error.quarantine_id for error in caught.value.errors] == [row.quarantine_id for row in engine.quarantine()]
    assert len(engine.history("a")) == 1
