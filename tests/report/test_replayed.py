"""The report of a replay: the same words, but for logs, and what only logs can tell."""

import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from account_lifecycle.replay import Audit, replay
from account_lifecycle.report.as_data import write_json
from account_lifecycle.report.as_html import summary_html, write_html
from account_lifecycle.report.as_text import write_text
from account_lifecycle.report.audit import AuditReport, build_report
from account_lifecycle.report.words import reading, share, sources
from builders import T0, at, webhook
from report.fleet import EVENTS, NOW, fed
from report.test_html import Page, contrast


def log_of(events: tuple[tuple[float, object], ...]) -> bytes:
    """Events as a log; what is no payload stands there as it is."""
    lines = []
    for minutes, payload in sorted(events, key=lambda event: event[0]):
        broken = isinstance(payload, str)
        envelope = {"received_at": at(minutes).isoformat(), "payload": payload}
        lines.append(str(payload) if broken else json.dumps(envelope))
    return "\n".join(lines).encode()


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audit]:
    path = tmp_path_factory.mktemp("log") / "fleet.jsonl"
    path.write_bytes(log_of(EVENTS))
    with replay(path, until=NOW) as found:
        yield found


@pytest.fixture(scope="module")
def report(audit: Audit) -> AuditReport:
    found = audit.report()
    assert found.log is not None
    return found._replace(log=found.log._replace(sources=("fleet.jsonl",), refused_to="refused.jsonl"))


def as_text(report: AuditReport, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = StringIO()
    write_text(report, stream)
    return stream.getvalue()


def page(report: AuditReport, svg: str = "") -> Page:
    stream = StringIO()
    write_html(report, stream, svg)
    return Page(stream.getvalue())


# ---- What it tells -----------------------------------------------------------------------------------


def test_fleet_windows_and_anomalies_are_those_of_a_store_whose_deadlines_were_checked(report: AuditReport) -> None:
    with fed() as engine:
        engine.check_deadlines(NOW)
        stored = build_report(engine.store, now=NOW)
    assert report.accounts_by_status == stored.accounts_by_status
    assert report.accounts_by_health == stored.accounts_by_health
    assert report.windows == stored.windows
    assert report.quarantined == stored.quarantined
    assert report.groups == tuple(each._replace(still_affected=None) for each in stored.groups)


def test_text_tells_logs_verdicts_providers_and_time(report: AuditReport, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = as_text(report, 100, monkeypatch).splitlines()
    lines = lines[next(number for number, line in enumerate(lines) if " anomalies on " in line) :]
    assert lines[1] == "19 events from fleet.jsonl."
    assert "read as: payload at `payload`, time at `received_at`" in lines
    assert "From 2026-05-01 12:00:00 UTC to 2026-05-04 12:00:00 UTC." in lines
    assert "13 applied, 1 repeated, 5 held; besides, 3 deadlines passed." in lines
    assert any(re.fullmatch(r"LINKEDIN +2 +1 +9 +2 +1 +1\.0 h", line) for line in lines)
    assert any(re.fullmatch(r"CREDENTIALS +1 +0 +1\.0 h +1\.4 % *", line) for line in lines)
    assert any(re.fullmatch(r"DELETED +71\.5 h +[0-9.]+ %", line) for line in lines)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int, report: AuditReport, monkeypatch: pytest.MonkeyPatch) -> None:
    text = as_text(report, width, monkeypatch)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_of_each_kind_only_the_largest_groups_are_told_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.jsonl").write_bytes(log_of(tuple((n, webhook("acc", f"WORD{n}")) for n in range(8))))
    with replay(tmp_path / "log.jsonl") as audit:
        report = audit.report()
    text = as_text(report, 100, monkeypatch)
    assert text.count("UNKNOWN_STATUS: ") == 3
    assert "    5            UNKNOWN_STATUS in 5 more groups; --json has all of them\n" in text
    assert len(report.to_dict()["groups"]) == 8


def test_json_has_what_was_read_beside_what_every_audit_has(report: AuditReport) -> None:
    stream = StringIO()
    write_json(report, stream)
    document = json.loads(stream.getvalue())
    assert set(document) - set(build_report(fed().store, now=NOW).to_dict()) == {"log"}
    log = document["log"]
    assert (log["sources"], log["events"], log["refused"], log["refused_to"]) == (
        ["fleet.jsonl"],
        19,
        2,
        "refused.jsonl",
    )
    assert (log["first_at"], log["until"], log["undated"]) == ("2026-05-01T12:00:00Z", "2026-05-04T12:00:00Z", 0)
    assert {p["provider"]: p["accounts"] for p in log["providers"] if p["accounts"]} == {
        "LINKEDIN": 2, "WHATSAPP": 1, "MICROSOFT": 1, "other providers": 1,
    }  # fmt: skip
    assert log["status_hours"]["ERROR"] == 71.5
    assert sum(log["status_hours"].values()) == pytest.approx(
        sum(hours for p in log["providers"] for hours in p["status_hours"].values()), abs=0.01
    )


def test_the_page_has_sections_of_its_own_and_no_word_about_stores(report: AuditReport) -> None:
    found = page(report)
    titles = re.findall(r'<h2 id="[a-z]+-title">(.*?)</h2>', found.html)
    assert titles[:3] == ["Who must act", "What changed", "What was anomalous"]
    assert {"Time in each status", "The fleet at the end"} <= set(titles)
    assert "2 lines could not be read; they are in refused.jsonl." in found.text
    assert "Unreadable lines" in found.text
    assert not re.search(
        "quarantine|payload", re.sub("payloads carry no time|read as: .*?`received_at`", "", found.text), re.IGNORECASE
    )
    assert "accounts are live at the end" in found.text


def test_the_page_of_a_store_knows_nothing_of_logs() -> None:
    found = page(build_report(fed().store, now=NOW))
    assert "What was read" not in found.text
    assert "at the end" not in found.text


def test_what_is_listed_is_told_newest_first(audit: Audit, report: AuditReport) -> None:
    listed = report._replace(listed=tuple(audit.latest_anomalies(3)))
    times = re.findall(r'<th scope="row" class="when"[^>]*><time datetime="([^"]+)"', page(listed).html)
    assert times == sorted(times, reverse=True)
    assert len(times) == 3
    assert "The latest 3 of 9 anomalies, newest first." in page(listed).text
    assert "replay with --anomalies to get every one" in page(listed).text


def test_the_latest_anomalies_are_so_by_their_times(audit: Audit) -> None:
    every = sorted(audit.anomalies(), key=lambda anomaly: anomaly.at)
    assert [a.at for a in audit.latest_anomalies(4)] == [a.at for a in every[-4:]]
    assert audit.latest_anomalies(0) == []
    assert len(audit.latest_anomalies(100)) == len(every)


def test_each_anomaly_can_be_had_with_its_place(audit: Audit) -> None:
    placed = list(audit.placed_anomalies())
    assert [anomaly for anomaly, _, _ in placed] == list(audit.anomalies())
    lines = Path(audit.sources[0]).read_text().splitlines()
    for anomaly, source, position in placed:
        assert (source is None) == (position is None) == (anomaly.kind == "STUCK")
        assert position is None or json.loads(lines[position - 1])["received_at"] == anomaly.at.isoformat()


# ---- Words -------------------------------------------------------------------------------------------


def test_many_logs_are_named_in_part(report: AuditReport) -> None:
    assert report.log is not None
    log = report.log._replace(sources=tuple(f"{n}.jsonl" for n in range(8)))
    assert sources(log) == "0.jsonl, 1.jsonl, 2.jsonl, 3.jsonl, 4.jsonl and 3 more"
    assert sources(log._replace(sources=("a", "b"))) == "a and b"


def test_the_name_of_a_log_is_made_safe_to_print(report: AuditReport) -> None:
    assert report.log is not None
    assert reading(report.log._replace(sources=("\x1b[2J",))) == "19 events from \\x1b[2J."


def test_events_without_a_time_are_counted(report: AuditReport) -> None:
    assert report.log is not None
    assert "2 of them carried no time" in reading(report.log._replace(undated=2))
    assert "All of them carried no time" in reading(report.log._replace(undated=19))


def test_a_share_that_is_next_to_nothing_is_not_told_as_nothing() -> None:
    second = at(1 / 60) - T0
    assert share(second, 10_000 * second) == "< 0.1 %"
    assert share(second, 8 * second) == "12.5 %"
    assert share(0 * second, second) == "0.0 %"
    assert share(second, 0 * second) == "0.0 %"


# ---- Notebooks ---------------------------------------------------------------------------------------


def test_a_notebook_shows_the_report_in_short(audit: Audit, report: AuditReport) -> None:
    found = Page(summary_html(report))
    for told in ("9 anomalies on 4 of 5 accounts", "19 events from fleet.jsonl.", "AFTER_DELETION", "LINKEDIN",
                 "2 lines could not be read; they are in refused.jsonl."):  # fmt: skip
        assert told in found.text
    assert "9 anomalies" in audit._repr_html_()


def test_a_notebook_shows_the_report_of_a_store_too() -> None:
    assert "8 anomalies on 4 of 5 accounts" in Page(summary_html(build_report(fed().store, now=NOW))).text


def test_nothing_in_a_notebook_leaks_out_runs_or_is_loaded(report: AuditReport) -> None:
    assert report.log is not None
    evil = report._replace(log=report.log._replace(sources=("<script>alert(1)</script>",)))
    found = Page(summary_html(evil))
    assert {tag for tag, _ in found.elements} <= {
        "div",
        "p",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
    }
    assert {name for _, attributes in found.elements for name in attributes} <= {"style", "class", "aria-hidden"}
    assert "url(" not in found.html


def test_a_notebook_keeps_its_own_colours_and_marks_stand_out_from_both(report: AuditReport) -> None:
    for tag, attributes in Page(summary_html(report)).elements:
        style = attributes.get("style") or ""
        assert "background: none" in style or "background" not in style
        for colour in re.findall(r"(?<!-)color: (#[0-9a-f]{6})", style):
            assert tag == "span"
            assert contrast(colour, "#ffffff") >= 3 <= contrast(colour, "#1e1e1e")
