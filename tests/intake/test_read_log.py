"""Event logs: lines bare or with the time of their arrival, and not one of them is lost."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle import Engine, Received, read_log
from account_lifecycle.intake.logs import read_line
from account_lifecycle.testing import Clock
from builders import T0, webhook
from engine.event_logs import feed_in_batches

NOON = "2026-05-01T12:00:00Z"
WEBHOOK = webhook("a", "OK")


def line(payload: Any, received_at: Any = NOON) -> bytes:
    return json.dumps({"received_at": received_at, "payload": payload}).encode()


def fed(lines: list[bytes]) -> Engine:
    engine = Engine.open("memory:", observers=(), clock=Clock())
    feed_in_batches(engine, read_log(lines), 1000)
    return engine


# ---- What a line means ---------------------------------------------------------------------------------


def test_a_bare_line_is_a_payload_byte_for_byte() -> None:
    bare = b'{"AccountStatus":  {"account_id": "a", "message":"OK"}, "n": 1.00}'
    assert list(read_log([bare + b"\r\n"])) == [Received(bare, None)]


def means(received: Received, payload: Any, received_at: datetime | None) -> bool:
    """Whether it is this payload, be it as bytes or read already, at this time."""
    content = json.loads(received.payload) if isinstance(received.payload, bytes) else received.payload
    return (content, received.received_at) == (payload, received_at)


def test_an_enveloped_line_has_its_time_and_its_payload() -> None:
    assert means(read_line(line(WEBHOOK)), WEBHOOK, T0)
    assert means(read_line(line(WEBHOOK, "2026-05-01T14:00:00+02:00")), WEBHOOK, T0)
    assert means(read_line(b'{"payload": {"a": [{}]}, "received_at": "2026-05-01T12:00:00Z"}'), {"a": [{}]}, T0)


def test_an_enveloped_payload_is_kept_byte_for_byte() -> None:
    payload = b'{"status" : "RECONNECTED",  "account_id":"a", "n": 1.00, "smile": "\xf0\x9f\x98\x80"}'
    text = b'{"received_at":"2026-05-01T12:00:00Z","payload": ' + payload + b" }\r\n"
    assert [entry.payload for entry in fed([text]).history("a")] == [payload]


def test_an_envelope_may_leave_the_time_to_the_clock() -> None:
    assert means(read_line(json.dumps({"payload": WEBHOOK}).encode()), WEBHOOK, None)
    assert means(read_line(line(WEBHOOK, None)), WEBHOOK, None)


def test_a_payload_that_was_no_json_is_carried_as_text() -> None:
    assert read_line(line("{oops")) == Received("{oops", T0)
    assert [kept.payload for kept in fed([line("{oops \x00 é")]).quarantine()] == ["{oops \x00 é".encode()]


def test_a_payload_carried_as_text_is_kept_byte_for_byte() -> None:
    text = '{"status":   "RECONNECTED", "account_id": "a"}'
    assert [entry.payload for entry in fed([line(text)]).history("a")] == [text.encode()]


def test_blank_lines_are_passed_over() -> None:
    (received,) = read_log([b"\n", b"  \t\r\n", b"", line(WEBHOOK) + b"\n", b"\n"])
    assert means(received, WEBHOOK, T0)


@pytest.mark.parametrize(
    "odd", [b"[1, 2]", b"7", b'"text"', b"null", b"{oops", b"\xff\xfe", b'{"received_at": 1, "payload": {}, "x": 2}']
)
def test_a_line_that_is_neither_is_handed_on_as_it_is(odd: bytes) -> None:
    assert read_line(odd) == Received(odd, None)
    assert [kept.payload for kept in fed([odd]).quarantine()] == [odd]


def test_lines_are_read_only_as_they_are_asked_for() -> None:
    def endless() -> Any:
        while True:
            yield line(WEBHOOK)

    assert means(next(read_log(endless())), WEBHOOK, T0)


@pytest.mark.parametrize(
    "text",
    [
        b"%s",
        b'{"received_at": "2026-05-01T12:00:00Z", "payload": %s}',
        b'{"payload": %s, "received_at": "2026-05-01T12:00:00Z"}',
        b'{"received_at": null, "payload": %s}',
        b'{"payload": %s}',
    ],
    ids=["bare", "enveloped", "payload first", "no time", "payload only"],
)
def test_a_field_given_twice_is_refused_whichever_way_it_came(text: bytes) -> None:
    """Nobody can tell which of the two is meant."""
    engine = fed([text % b'{"status": "RECONNECTED", "status": "DELETED", "account_id": "a"}'])
    assert engine.accounts() == []
    assert len(engine.quarantine()) == 1


def test_a_line_with_two_payloads_is_refused_and_neither_is_lost() -> None:
    text = b'{"payload": {"status": "RECONNECTED", "account_id": "a"}, "payload": {"status": "OK", "account_id": "b"}}'
    engine = fed([text])
    assert engine.accounts() == []
    assert [kept.payload for kept in engine.quarantine()] == [text]


def test_a_byte_order_mark_before_an_envelope_is_harmless() -> None:
    assert means(read_line(b"\xef\xbb\xbf" + line(WEBHOOK)), WEBHOOK, T0)


# ---- Invalid times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "received_at",
    [
        "yesterday",
        "2026-13-01T00:00:00Z",
        1.5,
        True,
        [],
        {},
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_a_time_that_is_invalid_ends_in_quarantine_with_its_payload(received_at: Any) -> None:
    engine = fed([line(WEBHOOK, received_at), line(webhook("b", "OK"))])
    (kept,) = engine.quarantine()
    assert kept.field == "received_at"
    assert json.loads(kept.payload) == WEBHOOK
    assert [account.account_id for account in engine.accounts()] == ["b"]


# ---- Nothing is lost -----------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9**7) | st.floats(max_value=9**7) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
moments = st.datetimes(
    max_value=datetime(2026, 5, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]),
)
envelopes = st.builds(line, json_values | st.just(WEBHOOK), moments.map(datetime.isoformat) | json_values)
lines = st.lists(
    st.one_of(envelopes, json_values.map(lambda value: json.dumps(value).encode()), st.binary(max_size=20))
)


@settings(max_examples=150, deadline=None)
@given(lines)
@example([b"\x0b", b'{"payload": NaN}', b'{"payload": "\\ud800"}', b'{"payload": ' + b"[" * 5000, b"\x00"])
@example([line(WEBHOOK, "9999-12-31T23:59:59-12:00")])
def test_every_line_that_is_not_blank_is_in_the_ledger_or_in_the_quarantine(lines: list[bytes]) -> None:
    lines = [text for chunk in lines for text in chunk.split(b"\n")]
    engine = fed(lines)
    kept = len(list(engine.store.ledger())) + len(engine.quarantine())
    assert kept == sum(bool(text.strip()) for text in lines)
