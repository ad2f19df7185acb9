"""What runs on Spark's executors, without Spark: reading, ordering, and what a stream remembers."""

import json
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.spark.executors import Reading, Rulebook, packed, unpacked
from account_lifecycle.spark.streaming import batches_in, hear, in_order
from replay.reference import events_of, live
from spark.conftest import STAMP

RULEBOOK = Rulebook(Policy(), True, pa.int64())
ODD = [
    b"",
    b" \t",
    b"rubbish",
    b"\xff\xfe",
    b'{"status": "OK", "account_id": "x", "name": ""}',
    b'{"status": "OK", "account_id": "x", "name": "n\\u00e4me"}\r',
    b'{"status": " ", "account_id": "x"}',
    b'{"AccountStatus": {"account_id": "y",\n "message": "ok", "account_type": " mail "}}',
    b'{"received_at": "2026-05-01T12:00:00+02:00", "payload": {"status": "OK", "account_id": "z"}}',
    b'{"received_at": "2026-05-01T12:00:00", "payload": {"status": "OK", "account_id": "z"}}',
    b'{"received_at": "yesterday", "payload": {"status": "OK", "account_id": "z"}}',
    b'{"status": "' + b"O" * 70_000 + b'", "account_id": "long"}',
]


def read(lines: list[bytes]) -> list[pa.RecordBatch]:
    """Lines as the executors read them."""
    columns = [
        pa.array(lines, pa.binary()),
        pa.nulls(len(lines), pa.timestamp("us", "UTC")),
        pa.array(range(len(lines))),
    ]
    batch = pa.RecordBatch.from_arrays(columns, ["text", "received_at", "position"])
    return list(Reading(pa.int64(), STAMP, "value").read(iter([batch])))


def events(lines: list[bytes]) -> pa.RecordBatch:
    return in_order(pa.concat_batches(read(lines)))


def test_lines_are_read_as_the_live_engine_reads_them(lines: list[bytes]) -> None:
    lines = [*ODD, *lines[:3_000]]
    told, refused = events_of(lines, STAMP)
    rows = [row for batch in read(lines) for row in batch.to_pylist()]
    found = [
        (row["account_id"], row["status"].strip().upper(), row["name"] or None, row["reason"], row["received_at"])
        for row in rows
        if row["refusal"] is None
    ]
    assert Counter(found) == Counter((e.account_id, e.status, e.owner, e.reason, e.received_at) for e in told)
    assert Counter(row["refusal"] for row in rows if row["refusal"]) == Counter(map(str, refused))
    assert all(lines[row["position"]] == row["raw"] for row in rows if row["refusal"])


def test_lines_without_a_time_or_a_position_are_judged_in_their_order() -> None:
    words = ["CREATION_SUCCESS", "OK", "ERROR", "OK", "CREDENTIALS", "RECONNECTED", "OK", "DELETED"] * 2
    lines = [
        b'{"AccountStatus": {"message": "%s", "account_id": "%s"}}' % (w.encode(), (b"x", b"\\u0078")[n % 2])
        for n, w in enumerate(words)
    ]
    columns = [
        pa.array(lines, pa.binary()),
        *(pa.nulls(len(lines), kind) for kind in (pa.timestamp("us", "UTC"), pa.int64())),
    ]
    batch = pa.RecordBatch.from_arrays(columns, ["text", "received_at", "position"])
    reading = Reading(pa.int64(), STAMP, "value")
    ordered = in_order(pa.concat_batches(list(reading.read(iter([batch])))))
    assert ordered["status"].to_pylist() == words


def test_what_a_stream_remembers_is_all_that_it_has_to(lines: list[bytes]) -> None:
    """Judged in many parts, each after the fleet was packed and unpacked, a log comes to the same."""
    state, rows, size = None, [], 1_500
    for first in range(0, 9_000, size):
        state, found = hear(RULEBOOK, state, events(lines[first : first + size]))
        rows += [row for batch in batches_in(found) for row in batch.to_pylist()]
    lived = live(lines[:9_000], STAMP, until=STAMP - timedelta(days=999))
    expected = {
        (a.account_id, a.sequence): (a.health.value, sorted(a.synced_products), a.owner, a.last_live_at)
        for a in lived.accounts.values()
    }
    latest = {row["account_id"]: row["account"] for row in rows if row["record"] == "account"}
    assert {
        (a["account_id"], a["sequence"]): (a["health"], a["synced_products"], a["owner"], a["last_live_at"])
        for a in latest.values()
    } == expected
    assert sum(row["record"] == "anomaly" for row in rows) == len(lived.anomalies)


def test_an_account_is_told_again_only_when_something_was_heard_of_it(lines: list[bytes]) -> None:
    state, _ = hear(RULEBOOK, None, events(lines[:2_000]))
    one = json.loads(lines[10])["payload"]
    _, found = hear(RULEBOOK, state, events([json.dumps(one).encode()]))
    told = pa.Table.from_batches(batches_in(found))
    assert told.filter(pa.compute.equal(told["record"], "account")).num_rows == 1


def test_accounts_are_remembered_as_they_are(lines: list[bytes]) -> None:
    accounts = [*live(lines[:3_000], STAMP).accounts.values()]
    assert unpacked(packed(accounts)) == accounts


def test_state_of_another_version_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(StoreError, match="begin a new checkpoint"):
        unpacked(b"0" + packed([])[1:])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))))
def test_events_are_ordered_by_time_then_by_every_part_of_their_position(keys: list[tuple[int, int, int]]) -> None:
    position = pa.struct([("file", pa.int64()), ("at", pa.struct([("row", pa.int64())]))])
    rows = [{"received_at": time, "position": {"file": file, "at": {"row": row}}} for time, file, row in keys]
    schema = pa.schema([("received_at", pa.timestamp("us", "UTC")), ("position", position)])
    ordered = in_order(pa.RecordBatch.from_pylist(rows, schema=schema)).to_pylist()
    found = [(r["received_at"].microsecond, r["position"]["file"], r["position"]["at"]["row"]) for r in ordered]
    assert found == sorted(keys)
