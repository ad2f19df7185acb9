"""Any wrapping of a log says the same as the bare log: wrappers are put together at random, as tools might do it."""

import base64
import io
import json
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import UnreadableLog
from account_lifecycle.intake.logs import open_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.intake.times import TIME_KEYS
from intake.samples import notification, webhook

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
Wrap = Callable[[Any], Any]

EVENTS = [
    (payload, START + timedelta(minutes=7 * number))
    for number, payload in enumerate(
        [
            webhook("CREATION_SUCCESS"), notification("CREATION_SUCCESS"), webhook("OK", account_type="GOOGLE_OAUTH"),
            webhook("SYNC_SUCCESS", product="recruiter"), webhook("CREDENTIALS", reason='said "no": {1}'),
            {**webhook("PERMISSIONS", account_id="é中"), "reason": "beside"}, notification("RECONNECTED", name=4711),
        ]
    )
]  # fmt: skip

TIME_SPELLINGS: list[Callable[[datetime], Any]] = [
    datetime.isoformat,
    lambda at: at.isoformat().replace("+00:00", "Z"),
    lambda at: at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    lambda at: int(at.timestamp()),
    lambda at: int(at.timestamp() * 1000),
    lambda at: str(int(at.timestamp() * 1_000_000)),
    lambda at: {"$date": at.isoformat()},
]

keys = st.sampled_from(["payload", "body", "data", "event_body", "content", "Message", "request", "a b", "x.y", "é"])
others = st.dictionaries(
    st.sampled_from(["id", "level", "headers", "msg", "n", "tags"]),
    st.sampled_from([1, "info", None, [], {}, [1, {"a": "b"}], {"Host": ["h"]}, "a: {b", "eyJ4", True, 0.5]),
    max_size=3,
)
deliveries = st.sampled_from(
    [{}, {}, {"account_id": "tenant-7", "status": "ok"}, {"account_id": "t", "status": "ERROR"}]
)


def keyed(key: str, more: dict[str, Any], delivery: dict[str, Any], *, is_last: bool) -> Wrap:
    def wrap(value: Any) -> Any:
        return {**more, **delivery, key: value} if is_last else {key: value, **more, **delivery}

    return wrap


def in_base64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def behind_text(value: Any) -> str:
    return f"INFO [web-1] webhook received {json.dumps(value, ensure_ascii=False)}"


steps = st.one_of(
    st.builds(keyed, keys, others, deliveries, is_last=st.booleans()),
    st.builds(keyed, keys, others, deliveries, is_last=st.booleans()),
    st.sampled_from([json.dumps, in_base64, lambda value: [value]]),
)
"""What a tool may do to an event on its way into a log."""


def timed(wrappers: list[Wrap], key: str, spell: Callable[[datetime], Any], more: dict[str, Any]) -> Callable[..., Any]:
    def record(payload: Any, at: datetime) -> dict[str, Any]:
        for wrap in wrappers:
            payload = wrap(payload)
        return {**more, key: spell(at), "the_event": payload}

    return record


records = st.builds(
    timed, st.lists(steps, max_size=4), st.sampled_from(TIME_KEYS), st.sampled_from(TIME_SPELLINGS), others
)

CONTAINERS: list[Callable[[list[Any]], str]] = [
    lambda found: "\n".join(json.dumps(each) for each in found),
    lambda found: "\n".join(json.dumps(each, ensure_ascii=False) for each in found) + "\n",
    lambda found: json.dumps(found),
    lambda found: json.dumps(found, indent=2),
    lambda found: "\n".join(json.dumps(each, indent=2) for each in found),
    lambda found: "".join(json.dumps(each) for each in found),
    lambda found: json.dumps({"total": len(found), "results": found, "next": None}),
    lambda found: json.dumps({"outer": {"rows": found}}, indent=1),
    lambda found: "\n".join(f"2020-01-01T00:00:00Z {behind_text(each)}" for each in found),
    lambda found: "\n".join(json.dumps(found[start : start + 2]) for start in range(0, len(found), 2)),
]


def told(payload: Any, at: datetime) -> tuple[Any, ...]:
    event = parse(payload, at)
    return (event.account_id, event.status, at, event.provider, event.product, event.owner, event.reason)


BARE = [told(payload, at) for payload, at in EVENTS]


@settings(max_examples=300, deadline=None)
@given(records, st.sampled_from(CONTAINERS))
@example(timed([json.dumps, json.dumps], "at", datetime.isoformat, {}), CONTAINERS[0])
@example(timed([lambda v: {"status": "RECONNECTED", "account_id": "t", "b": v}], "at", str, {}), CONTAINERS[0])
@example(timed([behind_text], "timestamp", datetime.isoformat, {}), CONTAINERS[6])
def test_any_wrapping_of_a_log_says_the_same_as_the_bare_log(
    record: Callable[..., Any], contain: Callable[[list[Any]], str]
) -> None:
    text = contain([record(payload, at) for payload, at in EVENTS])
    log = open_log(io.BytesIO(text.encode()))

    assert [told(found.payload, found.received_at or START) for found in log] == BARE, log.summary.lines()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CONTAINERS), st.integers(0, 3000), st.binary(max_size=4))
def test_damage_never_stops_a_log(contain: Callable[[list[Any]], str], place: int, damage: bytes) -> None:
    record = timed([], "at", datetime.isoformat, {})
    data = contain([record(payload, at) for payload, at in EVENTS]).encode()
    damaged = data[:place] + damage + data[place + 3 :]

    assert all(received.line > 0 for received in open_log(io.BytesIO(damaged)))


@settings(max_examples=200, deadline=None)
@example(b"PK\x03\x04")
@given(st.binary(max_size=300) | st.text(string.printable + 'é[{"\\,:', max_size=300).map(str.encode))
def test_any_bytes_are_a_log_of_some_kind(data: bytes) -> None:
    log = open_log(io.BytesIO(data))
    try:
        assert all(received.line > 0 for received in log)
    except UnreadableLog:  # what begins like an archive, and is none
        assert data.startswith(b"PK")
    else:
        assert log.summary.lines()
