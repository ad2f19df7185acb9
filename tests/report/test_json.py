"""The audit as JSON: one document for the groups, one line for each anomaly in full."""

import json
from io import StringIO

from account_lifecycle.records import AuditFilter
from account_lifecycle.report.as_data import write_json, write_json_in_full
from account_lifecycle.report.audit import EVERYTHING, build_report
from report.fleet import NOW, fed, stranger


def document(wanted: AuditFilter = EVERYTHING) -> dict:
    stream = StringIO()
    write_json(build_report(fed().store, wanted, now=NOW), stream)
    return json.loads(stream.getvalue())


def test_a_report_is_one_document() -> None:
    assert set(document()) == {
        "generated_at",
        "wanted",
        "totals",
        "open_only",
        "still_affected",
        "groups",
        "top_accounts",
        "blind_windows",
        "unannounced",
        "incidents",
        "to_act_on",
        "changed_24h",
    }


def test_the_totals_are_those_of_the_report() -> None:
    totals = document()["totals"]
    assert (totals["anomalies"], totals["accounts"], totals["affected_accounts"], totals["quarantined"]) == (8, 5, 4, 2)
    assert totals["by_severity"] == {"error": 3, "warning": 3, "info": 2}
    assert totals["accounts_by_health"] == {"STARTING": 1, "LIVE": 2, "INTERRUPTED": 1, "GONE": 1}


def test_a_group_carries_its_example_as_a_whole_record() -> None:
    first = document()["groups"][0]
    assert (first["kind"], first["severity"], first["count"]) == ("AFTER_DELETION", "error", 3)
    assert (first["status_before"], first["announced"], first["provider"]) == ("DELETED", "OK", "WHATSAPP")
    assert (first["first_seen"], first["last_seen"]) == ("2026-05-02T08:40:00Z", "2026-05-04T01:00:00Z")
    assert first["example"] == fed().audit(account_id="dan")[-1].to_dict()


def test_blind_windows_are_told_in_hours() -> None:
    windows = document(AuditFilter(account_id="bob"))["blind_windows"]
    assert windows == {
        "windows": 1, "open": 0, "unknown_start": 0, "lost_hours": 1.0, "estimated_hours": 0.0,
        "backfill_hours": 1.833,
        "by_cause": [{"cause": "CREDENTIALS", "windows": 1, "open": 0, "lost_hours": 1.0, "estimated_hours": 0.0}],
    }  # fmt: skip


def test_what_was_asked_for_is_on_record() -> None:
    assert document(AuditFilter(account_id="bob"))["wanted"] == {
        "kind": None, "severity": None, "account_id": "bob", "provider": None, "since": None, "until": None,
    }  # fmt: skip


def test_in_full_every_anomaly_is_one_line() -> None:
    anomalies, stream = fed().audit(), StringIO()
    write_json_in_full(anomalies, stream)
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [a.to_dict() for a in anomalies]


def test_the_lines_are_written_as_the_anomalies_are_read() -> None:
    stream = StringIO()
    seen = []

    def anomalies():
        for number in range(3):
            seen.append(stream.getvalue().count("\n"))
            yield stranger(f"WORD {number}")

    write_json_in_full(anomalies(), stream)
    assert seen == [0, 1, 2]


def test_any_stream_can_carry_it() -> None:
    stream = StringIO()
    write_json_in_full([stranger("ПАУЗА\u2028\n", account_id="é")], stream)
    assert stream.getvalue().isascii()
    assert len(stream.getvalue().splitlines()) == 1
