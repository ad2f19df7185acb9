"""Where payload and time stand in a line of a log: the fast way and the exact way say the same of every line."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import ConfigurationError, PayloadError
from account_lifecycle.intake.layouts import read_exactly
from account_lifecycle.intake.logs import BARE, ENVELOPE, Layout, Received, read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.intake.times import TimeReader
from intake.samples import NOON, as_bytes, notification, webhook

WRAPPED = Layout(payload=("data", "body"), time=("created_at",))
TIMED = Layout(payload=(), time=("received_at",))
SIDE_BY_SIDE = Layout(payload=("log", "payload"), time=("log", "at"))
TEXT = '{"AccountStatus":  {"account_id": "a", "message":"OK"}, "n": 1.00}'


def fate(received: Received) -> tuple[Any, ...]:
    """What feeding it comes to, but for how its payload is spelt."""
    try:
        event = parse(received.payload, NOON if received.received_at is None else received.received_at)
        return (event.account_id, event.status, event.received_at, event.provider, event.product, event.owner)
    except PayloadError:
        return ()


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        (WRAPPED, '{"id": 7, "created_at": "2026-05-01T12:00:00Z", "data": {"body": %s, "more": ["data"]}}'),
        (WRAPPED, '{"data": {"body": %s}, "created_at": "2026-05-01T12:00:00Z", "text": "\\n\\u00e9: data"}'),
        (SIDE_BY_SIDE, '{"log": {"at": "2026-05-01T12:00:00Z", "payload": %s}}'),
        (ENVELOPE, '{"payload": %s, "received_at": "2026-05-01T12:00:00Z"}'),
        (ENVELOPE, ' {"received_at"\t: "2026-05-01T12:00:00Z", "payload": %s }'),
    ],
)
def test_a_payload_in_a_wrapper_is_kept_byte_for_byte_with_its_time(layout: Layout, line: str) -> None:
    assert list(read_log([(line % TEXT).encode()], layout)) == [Received(TEXT.encode(), NOON)]


def test_a_line_that_is_its_own_payload_can_have_a_time_in_it() -> None:
    line = as_bytes({"received_at": "2026-05-01T12:00:00Z", **webhook()})

    assert TIMED.reader()(line) == Received(line, NOON)
    assert TIMED.reader()(as_bytes(webhook())) == Received(as_bytes(webhook()), None)
    assert BARE.reader()(line) == Received(line, None)


@pytest.mark.parametrize("line", [b'{"data": 7}', b'{"data": {"body_": {}}}', b'{"created_at": 1}', b"[]", b"{oops"])
def test_a_line_in_another_layout_is_handed_on_whole(line: bytes) -> None:
    assert WRAPPED.reader()(line) == Received(line, None)


def test_a_time_in_the_payload_is_no_layout() -> None:
    with pytest.raises(ConfigurationError, match=r"layout.time: found data.at"):
        Layout(("data",), ("data", "at")).reader()


@pytest.mark.parametrize(
    "line",
    [
        '{"data": {"body": %s}, "data": {"body": {}}}',
        '{"data": {"body": {}}, "d\\u0061ta": {"body": %s}}',
        '{"data": {"body": {}, "body": %s}, "created_at": "2026-05-01T12:00:00Z"}',
        '{"created_at": "2026-05-01T12:00:00Z", "created_at": "2026-05-02T12:00:00Z", "data": {"body": %s}}',
    ],
)
def test_a_wrapper_that_says_a_thing_twice_is_handed_on_whole(line: str) -> None:
    data = (line % TEXT).encode()
    assert WRAPPED.reader()(data) == Received(data, None)


# ---- Two ways, one answer -----------------------------------------------------------------------------

STAMP = '"2026-05-01T12:00:00Z"'
layouts = st.sampled_from([ENVELOPE, WRAPPED, SIDE_BY_SIDE, TIMED])
names = st.sampled_from(
    ["received_at", "payload", "data", "body", "created_at", "log", "at", "x", "AccountStatus",
     "p\\u0061yload", "d\\u0061ta"]
)  # fmt: skip
payloads = st.sampled_from([
    TEXT, json.dumps(webhook("ERROR", note="é:")), json.dumps(notification()), json.dumps(webhook(None)),
    json.dumps(TEXT), "{oops", '{"n": NaN, "status": "RECONNECTED", "account_id": "a"}',
    '{"status": "RECONNECTED", "account_id": "\\ud83d"}',
    '{"status":"RECONNECTED","account_id":"a","account_id":"b"}', "[" * 300, "7", "null", "[]", "{}",
])  # fmt: skip
times = st.sampled_from([STAMP, STAMP, '"yesterday"', "null", "7", '"2026-05-01T12:00:00\\u005a"', '"payload"', '""'])


def written(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{key}": {value}' for key, value in pairs) + "}"


values = st.recursive(payloads | times, lambda v: st.lists(st.tuples(names, v), max_size=3).map(written), max_leaves=6)


def with_the_paths(layout: Layout, payload: str, time: str, more: list[tuple[str, str]]) -> str:
    """A line in the layout, or nearly: more keys before and after."""
    inner: dict[str, Any] = {}
    for path, text in ((layout.time, time), (layout.payload, payload)):
        at = inner
        for key in path[:-1]:
            at = at.setdefault(key, {})
        if path:
            at[path[-1]] = text

    def spell(value: Any) -> str:
        return value if isinstance(value, str) else written([(key, spell(each)) for key, each in value.items()])

    outermost = [(key, spell(value)) for key, value in inner.items()]
    return written(more[1:] + outermost + more[:1])


lines = st.builds(with_the_paths, layouts, payloads, times, st.lists(st.tuples(names, values), max_size=2)) | values


@settings(max_examples=600, deadline=None)
@given(layouts, lines, st.binary(max_size=2), st.integers(0, 300))
def test_both_ways_of_reading_a_line_come_to_the_same(layout: Layout, line: str, damage: bytes, place: int) -> None:
    data = line.encode("utf-8", "surrogatepass").strip()
    for text in (data, data[:place] + damage + data[place:]):
        fast, exact = layout.reader()(text), read_exactly(layout, text, TimeReader())
        assert fate(fast) == fate(exact)
        if fate(fast):
            assert fast.received_at == exact.received_at
