"""Any wrapping of a log says the same as the bare log: wrappers are put together at random."""

import io
import json
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import UnreadableLog
from account_lifecycle.intake.logs import open_log
from account_lifecycle.intake.payloads import parse
from intake.samples import notification, webhook
from intake.wrappings import CONTAINERS, Record, behind_text, records, timed

START = datetime(2026, 5, 1, 12, tzinfo=UTC)

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
    record: Record, contain: Callable[[list[Any]], str]
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
    assume(damaged[:2] != b"PK")  # that names another kind of file, whose damage is another story

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
