"""Any log people have, read: each sample comes to the same six events, whatever it is wrapped and packed in."""

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import zstandard

from account_lifecycle.errors import ConfigurationError, PayloadError, UnreadableLog
from account_lifecycle.intake.logs import Layout, Log, Received, layout_of, open_log
from account_lifecycle.intake.payloads import parse
from intake.samples import NOON, as_bytes, webhook

SAMPLES = Path(__file__).parent / "logs"
ACCOUNT = "Qm3xTr8vLkWz0aYd"
DAY = datetime(2026, 5, 4, 9, tzinfo=UTC)
SIX = [
    ("CREATION_SUCCESS", DAY),
    ("OK", DAY + timedelta(seconds=20)),
    ("SYNC_SUCCESS", DAY + timedelta(minutes=30)),
    ("CREDENTIALS", DAY + timedelta(days=2)),
    ("RECONNECTED", DAY + timedelta(days=3)),
    ("OK", DAY + timedelta(days=3, seconds=30)),
]
WITHOUT_PROVIDER = {"table_bigquery.csv", "table_camel.csv", "table_rails.csv"}


def events_in(log: Iterable[Received]) -> list[tuple[str, datetime | None]]:
    """What was announced, and when; what cannot be read is its field."""
    found: list[tuple[str, datetime | None]] = []
    for received in log:
        try:
            found.append((parse(received.payload, received.received_at or NOON).status, received.received_at))
        except PayloadError as error:
            found.append((error.foreign or error.field, received.received_at))
    return found


def line(word: str, at: Any, **more: Any) -> bytes:
    return as_bytes({"received_at": at, "payload": webhook(word), **more}) + b"\n"


def log_of(*lines: bytes, **options: Any) -> Log:
    return open_log(io.BytesIO(b"".join(lines)), **options)


# ---- Whatever the log is like --------------------------------------------------------------------------


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_sample_comes_to_the_same_six_events(sample: Path) -> None:
    log = open_log(sample)
    events = [parse(received.payload, received.received_at or NOON) for received in log]

    assert [(event.status, event.received_at) for event in events] == SIX
    assert {event.account_id for event in events} == {ACCOUNT}
    assert {event.provider for event in events} == {None if sample.name in WITHOUT_PROVIDER else "LINKEDIN"}
    assert (log.summary.events, log.summary.undated, log.summary.duplicates, log.summary.out_of_order) == (6, 0, 0, 0)


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_a_sample_as_a_stream_is_read_like_the_file(sample: Path) -> None:
    assert events_in(open_log(io.BytesIO(sample.read_bytes()))) == SIX


def packed_with_zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("folder/log.jsonl", data)
    return file.getvalue()


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, bz2.compress, zstandard.compress, packed_with_zip, lambda data: data.decode().encode("utf-16")],
)
@pytest.mark.parametrize("name", ["wrapper_svix.jsonl", "wrapper_cloudwatch.json", "table_bars.csv"])
def test_what_a_log_is_packed_with_is_told_by_its_bytes(tmp_path: Path, name: str, pack: Any) -> None:
    path = tmp_path / "log"
    path.write_bytes(pack((SAMPLES / name).read_bytes()))

    assert events_in(open_log(path)) == SIX
    assert events_in(open_log(io.BytesIO(path.read_bytes()))) == SIX


def test_every_member_of_a_zip_archive_is_a_log(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jsonl", line("OK", "2026-05-01T12:00:00Z"))
        archive.writestr("b.csv", "account_id,status,time\na,ERROR,2026-05-01 11:00:00\n")

    assert [status for status, _ in events_in(open_log(path))] == ["ERROR", "OK"]


def test_an_archive_of_no_log_or_of_several_in_a_stream_is_said_to_be_one(tmp_path: Path) -> None:
    empty, several = io.BytesIO(), io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with zipfile.ZipFile(several, "w") as archive:
        archive.writestr("a", "{}")
        archive.writestr("b", "{}")
    path = tmp_path / "empty.zip"
    path.write_bytes(b"PK\x03\x04" + empty.getvalue())

    with pytest.raises(UnreadableLog, match="without files"):
        list(open_log(path))
    with pytest.raises(UnreadableLog, match="2 files"):
        list(open_log(io.BytesIO(several.getvalue())))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b""])
def test_how_a_line_ends_makes_no_difference(ending: bytes) -> None:
    assert events_in(log_of(b"\n \n" + line("OK", "2026-05-01T12:00:00Z").strip() + ending)) == [("OK", NOON)]


def test_an_event_says_where_it_is_from() -> None:
    log = open_log([SAMPLES / "wrapper_svix.jsonl", SAMPLES / "table_bars.csv"], order="file")
    places = [(Path(received.source).name, received.line) for received in log]

    assert places[:2] == [("wrapper_svix.jsonl", 1), ("wrapper_svix.jsonl", 2)]
    assert places[6:8] == [("table_bars.csv", 2), ("table_bars.csv", 3)]


# ---- Layouts, in words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wrapper_hookdeck.jsonl", "payload at `data.body`, time at `created_at`"),
        ("wrapper_cloudwatch.json", "documents, payload at `events[].message`, time at `events[].timestamp`"),
        ("wrapper_webhook_site.json",
         "documents, payload at `data[].content`, time at `data[].created_at`, newest first"),
        ("table_camel.csv", "table, columns of an event at the top, time at `receivedAt`"),
        ("prefix_app.log", "payload at the top, time in front of it"),
    ],
)  # fmt: skip
def test_how_a_log_is_read_is_told_in_words(name: str, said: str) -> None:
    assert [str(reading) for reading in open_log(SAMPLES / name).readings().values()] == [said]


def test_a_layout_can_be_given() -> None:
    data = as_bytes({"a": webhook("OK"), "b": webhook("ERROR"), "t": "2026-05-01T12:00:00Z", "time": "2026-05-02"})

    assert events_in(log_of(data, layout=layout_of("b", "t"))) == [("ERROR", NOON)]
    assert events_in(log_of(data, layout=layout_of("a", "t"))) == [("OK", NOON)]
    assert events_in(open_log(SAMPLES / "wrapper_cloudwatch.json", layout_of("events[].message", "events[].timestamp")))
    assert layout_of("data.body", "created_at") == Layout(("data", "body"), ("created_at",))


@pytest.mark.parametrize("path", ["data..body", ".", "a[0]", "a]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="payload"):
        layout_of(path)


def test_what_is_ambiguous_is_said() -> None:
    log = open_log(SAMPLES / "delivery_twice.jsonl")

    assert len(events_in(log)) == 6
    assert any("`body` too" in said for said in log.summary.lines())


# ---- What is no event of the log -----------------------------------------------------------------------------


def test_a_delivery_whose_payload_is_lost_is_never_an_event_itself() -> None:
    row = {"account_id": "tenant-7", "status": "OK", "at": "2026-05-01T12:00:00Z"}
    data = [
        as_bytes({**row, "payload": payload}) + b"\n" for payload in (webhook("OK"), None, "lost", webhook("ERROR"))
    ]

    assert [status for status, _ in events_in(log_of(*data))] == ["OK", "payload", "payload", "ERROR"]


def test_lines_in_another_layout_are_searched() -> None:
    other = as_bytes({"at": "2026-05-01T12:00:00Z", "inner": {"event": webhook("ERROR")}}) + b"\n"
    found = events_in(log_of(line("OK", "2026-05-01T12:00:00Z"), other, as_bytes(webhook("OK")) + b"\n"))

    assert [status for status, _ in found] == ["OK", "ERROR", "OK"]


def test_other_kinds_of_webhook_are_named_wherever_they_are() -> None:
    message = {"event": "message_received", "account_id": "a", "message": "hello"}
    log = log_of(
        line("OK", "2026-05-01T12:00:00Z"),
        as_bytes({"received_at": "2026-05-01T12:00:00Z", "payload": message}) + b"\n",
        as_bytes({"received_at": "2026-05-01T12:00:00Z", "payload": json.dumps(message)}),
    )

    assert [status for status, _ in events_in(log)] == ["OK", "a message webhook", "a message webhook"]


@pytest.mark.parametrize(
    "data", [b"hello\nworld\n", b"{}\n", b"[]", b"[1, 2", b"a,b\n1,2\n", b'{"a": {"b": 7}}\n{oops']
)
def test_a_log_without_an_event_comes_to_nothing_but_refusals(data: bytes) -> None:
    log = log_of(data)
    found = events_in(log)

    assert all(at is None for _, at in found)
    assert not {status for status, _ in found} & {"OK", "ERROR"}


def test_an_empty_log_is_no_event() -> None:
    assert events_in(log_of(b"")) == events_in(log_of(b" \n\n")) == []


def test_unreadable_lines_are_grouped_by_their_reason_with_an_example_and_a_hint() -> None:
    log = log_of(line("OK", "2026-05-01T12:00:00Z"), line("OK", "yesterday"), line("OK", "tomorrow"), line("", None))
    for received in log:
        try:
            parse(received.payload, received.received_at or NOON)
        except PayloadError as error:
            log.summary.add_unreadable(error, received.source, received.line)

    groups = sorted(log.summary.unreadable.values(), key=lambda group: -group.count)
    assert [group.count for group in groups] == [2, 1]
    assert log.summary.refused == 3
    assert "yesterday" in groups[0].reason
    assert "AccountStatus" in groups[0].example
    assert "--time-at" in groups[0].hint
    assert groups[0].line == 2


# ---- Order -----------------------------------------------------------------------------------------------------


def at(minute: int) -> str:
    return (NOON + timedelta(minutes=minute)).isoformat()


def test_several_logs_are_merged_by_time() -> None:
    one = io.BytesIO(line("CREATION_SUCCESS", at(0)) + line("CREDENTIALS", at(20)) + line("CREDENTIALS", at(60)))
    other = io.BytesIO(line("OK", at(1)) + line("RECONNECTED", at(30)) + line("OK", at(31)))
    log = open_log([one, other])

    assert [status for status, _ in events_in(log)] == [
        "CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "OK", "CREDENTIALS",
    ]  # fmt: skip
    assert log.summary.out_of_order == 0


def test_the_order_of_the_files_can_be_kept() -> None:
    one, other = io.BytesIO(line("OK", at(20))), io.BytesIO(line("ERROR", at(10)))
    log = open_log([one, other], order="file")

    assert [status for status, _ in events_in(log)] == ["OK", "ERROR"]
    assert log.summary.out_of_order == 1
    with pytest.raises(ConfigurationError, match="order"):
        open_log("-", order="backwards")  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [2, 3, 2_500])
def test_a_log_whose_newest_event_comes_first_is_reversed_and_that_is_said(count: int) -> None:
    data = [line("OK", at(minute)) for minute in range(count)]
    log = log_of(*reversed(data))

    assert [when for _, when in events_in(log)] == [NOON + timedelta(minutes=minute) for minute in range(count)]
    assert len(log.summary.reversed) == 1
    assert any("backwards" in said for said in log.summary.lines())
    kept = log_of(*reversed(data), order="file")
    assert len(events_in(kept)) == count
    assert kept.summary.reversed == []


def test_what_is_out_of_order_twice_or_without_a_time_is_counted() -> None:
    log = log_of(
        *(line("OK", at(0)), line("ERROR", at(5)), line("OK", at(3)), line("OK", at(3)), line("ERROR", at(9))),
        as_bytes({"payload": webhook("OK")}),
    )

    assert len(events_in(log)) == 6
    summary = log.summary
    assert (summary.out_of_order, summary.duplicates, summary.undated, summary.reversed) == (2, 1, 1, [])


def test_a_time_in_the_future_is_no_time() -> None:
    log = log_of(line("OK", "2026-05-01T12:00:00Z"), line("OK", "2036-05-01T12:00:00Z"), now=NOON)

    assert events_in(log) == [("OK", NOON), ("received_at", None)]


def test_a_time_without_a_zone_is_in_the_zone_that_is_given_and_is_counted() -> None:
    log = log_of(line("OK", "2026-05-01 14:00:00"), zone=timezone(timedelta(hours=2)))

    assert events_in(log) == [("OK", NOON)]
    assert log.summary.naive == 1


# ---- Damage, and what is too long -----------------------------------------------------------------------------


def test_a_line_that_is_too_long_is_cut_and_counted() -> None:
    long = b'{"x": "' + b"y" * (3 << 20) + b'"}\n'
    log = log_of(line("OK", at(0)), long, line("ERROR", at(1)), long.strip())

    assert [status for status, _ in events_in(log)] == ["OK", "line", "ERROR", "line"]
    assert log.summary.cut == 2


def test_an_element_that_is_too_long_is_cut_and_counted() -> None:
    long = b'{"x": "' + b"y" * (3 << 20) + b'"}'
    ok, error = line("OK", at(0)).strip(), line("ERROR", at(1)).strip()
    log = log_of(b"[" + b",".join([ok, long, error]) + b"]")

    assert [status for status, _ in events_in(log)] == ["OK", "line", "ERROR"]
    assert log.summary.cut == 1


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
def test_a_damaged_tail_costs_the_tail(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "log"
    data = b"".join(line("OK", at(minute), n=hash((minute, "x"))) for minute in range(40_000))
    path.write_bytes(pack(data)[:-100])
    log = open_log(path)

    found = events_in(log)
    assert len(found) > 1_000
    assert found[:2] == [("OK", NOON), ("OK", NOON + timedelta(minutes=1))]
    assert [said for said in log.summary.lines() if "is damaged near byte" in said] == log.summary.damage
    assert len(log.summary.damage) == 1


def test_damage_within_an_array_costs_an_element() -> None:
    ok, error = line("OK", at(0)).strip(), line("ERROR", at(1)).strip()
    log = log_of(b"[" + b",\n".join([ok, b'{"payload": {"oops"}}', error]) + b"]")

    assert [status for status, _ in events_in(log)] == ["OK", "line", "ERROR"]


def test_a_log_that_is_not_there_is_said_not_to_be() -> None:
    with pytest.raises(UnreadableLog, match="nowhere"):
        list(open_log("nowhere.jsonl"))


def test_a_row_that_is_damaged_costs_the_row() -> None:
    rows = ["account_id,status,time", f"a,OK,{at(0)}", "a,OK", f'a,"ERROR,{at(1)}', f"a,ERROR,{at(2)}", ""]
    log = log_of("\n".join(rows).encode())

    assert [status for status, _ in events_in(log)] == ["OK", "row", "row", "ERROR"]


def test_a_column_that_holds_the_event_wins_over_the_columns_beside_it() -> None:
    cell = json.dumps(webhook("ERROR", account_id="inner")).replace('"', '""')
    log = log_of(f'account_id,status,data,time\nouter,OK,,{at(0)}\nouter,OK,"{cell}",{at(1)}\n'.encode())

    assert [status for status, _ in events_in(log)][1] == "ERROR"
