"""A log in Spark, replayed at once: every table holds what the live engine would have said."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from account_lifecycle import Engine, spark
from account_lifecycle.errors import ConfigurationError
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.providers import Provider
from account_lifecycle.lifecycle.status import Status
from replay.reference import Lived, events_of, live
from spark.conftest import STAMP, START
from spark.expectation import expected, found, rows_of

TOOLS = Path(__file__).parents[1] / "intake" / "logs"


@pytest.fixture(scope="module")
def lived(lines: list[bytes]) -> Lived:
    return live(lines, STAMP)


@pytest.fixture(scope="module")
def audit(session: Any, log: Path) -> Iterator[spark.SparkAudit]:
    session.conf.set("spark.sql.files.maxPartitionBytes", "1500000")
    with spark.replay_logs("local[2]", [str(log)]) as audit:
        yield audit
    session.conf.unset("spark.sql.files.maxPartitionBytes")


def webhook(account_id: str | None, message: str | None, **more: str) -> dict[str, Any]:
    return {"AccountStatus": {"account_id": account_id, "account_type": "LINKEDIN", "message": message, **more}}


def test_a_replay_says_of_every_account_and_event_what_the_live_engine_says(
    audit: spark.SparkAudit, lived: Lived
) -> None:
    assert len(lived.decisions) > 10_000
    assert found(audit) == expected(lived)


def test_the_totals_count_events_verdicts_and_anomalies(audit: spark.SparkAudit, lived: Lived) -> None:
    totals = audit.totals
    assert totals.events == len(lived.decisions)
    assert Counter(totals.verdicts) == Counter(decision.verdict for decision in lived.decisions)
    assert totals.kinds == Counter(anomaly.kind for anomaly in lived.anomalies)
    times = [decision.event.received_at for decision in lived.decisions]
    assert (totals.first_at, totals.last_at, audit.until) == (min(times), max(times), max(times))


def test_what_cannot_be_read_is_kept_byte_for_byte_with_the_reason(
    audit: spark.SparkAudit, lived: Lived, lines: list[bytes]
) -> None:
    refused = audit.refused.toArrow().to_pylist()
    assert len(refused) > 50
    assert Counter((row["field"], row["reason"]) for row in refused) == Counter(
        (e.field, str(e)) for e in lived.refused
    )
    assert {row["raw"] for row in refused} <= {*lines, b""}  # of another kind of webhook nothing is kept


def test_an_anomaly_tells_where_in_the_log_its_event_stands(audit: spark.SparkAudit) -> None:
    rows = audit.anomalies.toArrow().to_pylist()
    rows.sort(key=lambda row: tuple((row["position"] or {}).values()))
    told = [row["at"] for row in rows if row["position"] is not None]
    assert told == sorted(told)
    assert {row["kind"] for row in rows if row["position"] is None} == {"STUCK"}
    assert {row["position"]["block"] for row in rows if row["position"]} > {0}, "the file was read in several parts"


def test_parquet_comes_to_the_same_as_the_lines(
    session: Any, audit: spark.SparkAudit, lines: list[bytes], tmp_path: Path
) -> None:
    events, _ = events_of(lines, STAMP)
    names = ("account_id", "status", "received_at", "provider", "product", "owner", "reason")
    table = pa.table({name: [getattr(event, name) or None for event in events] for name in names})
    table = table.rename_columns(["name" if name == "owner" else name for name in names])
    pq.write_table(table, tmp_path / "fleet.parquet", row_group_size=4_000)
    with spark.replay_logs("local[2]", [str(tmp_path)]) as other:
        assert found(other) == found(audit)


def test_events_of_the_same_time_are_judged_in_the_order_of_the_lines_over_all_parts_of_all_files(
    session: Any, tmp_path: Path
) -> None:
    """Which statuses an account goes through one after the other shows in the last one, and in every anomaly."""
    order = [*Status][1:] * 40
    lines = [
        json.dumps(webhook(f"account-{number % 7}", order[(number * 5) % len(order)].value)).encode()
        for number in range(6_000)
    ]
    (tmp_path / "b first.jsonl").write_bytes(b"\n".join(lines[:1_000]) + b"\n")
    (tmp_path / "a then.jsonl").write_bytes(b"\r\n".join(lines[1_000:]))
    session.conf.set("spark.sql.files.maxPartitionBytes", "100000")
    paths = [str(tmp_path / "b first.jsonl"), str(tmp_path / "a then.jsonl")]
    with spark.replay_logs("local[2]", paths, deadlines=False) as audit:
        without_times = [row[:5] + row[6:] for row in _untimed(audit)]
    session.conf.unset("spark.sql.files.maxPartitionBytes")
    lived = live(
        lines, STAMP, Policy(deadlines={provider: dict.fromkeys(ANNOUNCEMENTS, timedelta.max) for provider in Provider})
    )
    assert without_times == [row[:5] + row[6:] for row in sorted(_untimed_rows(expected(lived)["anomalies"]))]


def _untimed(audit: spark.SparkAudit) -> list[tuple[Any, ...]]:
    return sorted(_untimed_rows(rows_of(audit.anomalies.drop("position"))))


def _untimed_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(str(cell) for place, cell in enumerate(row) if place not in (4, 11, 13)) for row in rows]


def test_payloads_in_a_column_are_read_as_the_live_engine_reads_them(session: Any) -> None:
    payloads = [
        (json.dumps(webhook("a", "OK"), indent=2), START),
        ("", START),
        (None, START),
        (json.dumps({"received_at": "2026-01-01T00:00:00Z", "payload": webhook("a", "OK")}), START),
        (json.dumps({"status": "RECONNECTED", "account_id": "a", "name": ""}), START + timedelta(seconds=1)),
        (json.dumps(webhook("ä", " credentials ")), START),
        (json.dumps(webhook("a", "  ")), START),
    ]
    df = session.createDataFrame(payloads, "json string, at timestamp")
    with spark.replay(df, columns={"payload": "json", "received_at": "at"}) as audit:
        accounts = {row["account_id"]: row for row in audit.accounts.toArrow().to_pylist()}
        refused = Counter(row["raw"] for row in audit.refused.toArrow().to_pylist())
    assert {name: (row["status"], row["sequence"]) for name, row in accounts.items()} == {
        "a": ("OK", 2),
        "ä": ("CREDENTIALS", 1),
    }
    assert refused == Counter([b"", b"", payloads[3][0].encode(), payloads[6][0].encode()])


def test_rows_that_are_no_events_are_refused_as_rows_of_any_table_are(session: Any) -> None:
    rows = [("a", "OK"), ("", "OK"), (None, "OK"), ("b", " "), ("b", None), ("c" * 257, "OK"), ("tab\t", "OK")]
    df = session.createDataFrame(
        [(*row, START) for row in rows], "account_id string, status string, received_at timestamp"
    )
    with spark.replay(df, partitions=3) as audit:
        assert sorted(row["account_id"] for row in audit.accounts.collect()) == ["a", "tab"]
        refused = audit.refused.toArrow().to_pylist()
    assert Counter(row["field"] for row in refused) == {"account_id": 3, "status": 2}
    assert b'{"account_id":"b","status":" "}' in [row["raw"] for row in refused]


def test_a_status_is_stuck_as_of_the_time_that_is_asked_for_and_by_your_own_deadlines(session: Any) -> None:
    df = session.createDataFrame(
        [("a", "CONNECTING", START)], "account_id string, status string, received_at timestamp"
    )

    def stuck(**options: Any) -> list[tuple[Any, ...]]:
        with spark.replay(df, partitions=1, **options) as audit:
            kinds = [row["kind"] for row in audit.anomalies.collect()]
            return [(row["stuck"], row["sequence"], kinds.count("STUCK")) for row in audit.accounts.collect()]

    assert stuck() == [(False, 1, 0)]
    assert stuck(until=START + timedelta(minutes=30)) == [(False, 1, 0)]
    assert stuck(until=START + timedelta(minutes=31)) == [(True, 2, 1)]
    assert stuck(until=START + timedelta(minutes=31), deadlines=False) == [(False, 1, 0)]


def test_tables_can_be_kept_in_a_folder(session: Any, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(json.dumps(webhook("a", "OK")) + "\n\n")
    with spark.replay_logs("local[2]", [str(tmp_path / "log.jsonl")], write_to=str(tmp_path / "out")):
        assert session.read.parquet(str(tmp_path / "out" / "accounts")).count() == 1
        (text,) = (row["value"] for row in session.read.text(str(tmp_path / "out" / "totals")).collect())
        assert json.loads(text)["events"] == 1


def test_a_log_without_events_is_replayed_to_nothing(session: Any) -> None:
    with spark.replay(session.createDataFrame([], "value string"), partitions=1) as audit:
        assert (audit.totals.events, audit.until, audit.accounts.count()) == (0, None, 0)


@pytest.mark.parametrize(
    ("schema", "options", "setting"),
    [
        ("account string", {}, "columns"),
        ("account_id string, status string, received_at timestamp_ntz", {}, "columns.received_at"),
        ("value string", {"columns": {"value": "line"}}, "columns"),
        ("value string", {"columns": {"vlaue": "value"}}, "columns"),
        ("value string", {"until": START.replace(tzinfo=None)}, "until"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(
    session: Any, schema: str, options: dict[str, Any], setting: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        spark.replay(session.createDataFrame([], schema), **options)
    assert caught.value.setting == setting


def test_lines_of_a_tool_are_read_by_their_layout(session: Any) -> None:
    with spark.replay_logs("local[2]", [str(TOOLS / "wrapper_svix.jsonl")]) as audit:
        assert audit.totals.events == 6
        assert [row["health"] for row in audit.accounts.collect()] == ["LIVE"]


@pytest.mark.parametrize("log", ["wrapper_cloudwatch.json", "table_rails.csv"])
def test_what_is_no_log_of_lines_is_refused_in_words(log: str, session: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Spark splits a file at its lines\. Replay it without Spark"):
        spark.replay_logs("local[2]", [str(TOOLS / log)])


def test_an_archive_of_a_store_is_refused_in_words(session: Any, tmp_path: Path) -> None:
    """Its deadlines and observations are no rows of a log."""
    with Engine.open("memory:", observers=()) as engine:
        engine.feed_event(webhook("a", "OK"))
        engine.prune(engine.history("a")[-1].received_at + timedelta(seconds=1), tmp_path / "old.jsonl.gz")
    with pytest.raises(ConfigurationError, match=r"an archive of a store.*Replay it without Spark"):
        spark.replay_logs("local[2]", [str(tmp_path / "old.jsonl.gz")])


def test_tables_are_never_written_over_others(session: Any, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    with (
        spark.replay(session.createDataFrame([(json.dumps(webhook("a", "OK")),)], "value string")) as audit,
        pytest.raises(Exception, match="already exists"),
    ):
        audit.write(str(tmp_path))
