"""Accounts that are lost together are what a report begins with: of a store, and of logs."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from account_lifecycle import Engine, Received
from account_lifecycle.lifecycle.wording import time_text
from account_lifecycle.records import AuditFilter
from account_lifecycle.replay import replay
from account_lifecycle.report.as_data import write_json
from account_lifecycle.report.as_html import summary_html, write_html
from account_lifecycle.report.as_text import write_text
from account_lifecycle.report.audit import AuditReport, build_report
from builders import T0, webhook

LOST, ACCOUNTS = 1_286, 1_429
LOST_AT = T0 + timedelta(days=30)
LINE = (
    "1,286 of 1,429 LINKEDIN accounts went CREDENTIALS within 3 min, from 2026-05-31 12:00:00 UTC on; none of them is "
    "live again."
)


def log(*, recover: bool = False) -> Iterator[tuple[datetime, dict]]:
    """Accounts that are live and quiet for a month, but for one a day, until most of them are lost at once."""
    for number in range(ACCOUNTS):
        yield T0 + timedelta(minutes=20 * number), webhook(f"a{number:04}", "OK")
    for day in range(1, 9):
        yield T0 + timedelta(days=20 + day), webhook(f"a{ACCOUNTS - day}", "ERROR")
    for number in range(LOST):
        yield LOST_AT + timedelta(seconds=170 * number / LOST), webhook(f"a{number:04}", "CREDENTIALS")
    for number in range(LOST if recover else 0):
        yield LOST_AT + timedelta(hours=5, seconds=number), webhook(f"a{number:04}", "OK")
    yield LOST_AT + timedelta(hours=9), webhook("a1428", "ERROR")


@pytest.fixture(scope="module")
def stored() -> Iterator[Engine]:
    with Engine.open("memory:", observers=()) as engine:
        for _ in engine.feed_events(Received(payload, at) for at, payload in log()):
            pass
        yield engine


def of_log(folder: Path, *, recover: bool = False, jobs: int = 1) -> AuditReport:
    path = folder / "log.jsonl"
    rows = ({"received_at": time_text(at), "payload": payload} for at, payload in log(recover=recover))
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with replay(path, jobs=jobs) as audit:
        return audit.report()


@pytest.fixture(params=["store", "log"])
def report(request: pytest.FixtureRequest, stored: Engine, tmp_path: Path) -> AuditReport:
    if request.param == "log":
        return of_log(tmp_path)
    return build_report(stored.store, now=LOST_AT + timedelta(hours=9))


def test_an_incident_is_the_first_line_in_every_form(report: AuditReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text, html, data = StringIO(), StringIO(), StringIO()
    write_text(report, text)
    write_html(report, html)
    write_json(report, data)
    assert " ".join(text.getvalue().split("\n")[:2]).startswith(LINE)
    body = html.getvalue().partition("<body>")[2]
    assert body.index("1,286 of 1,429 LINKEDIN accounts") < body.index("<h1>")
    assert summary_html(report).index(LINE) < summary_html(report).index("anomal")
    (incident,) = json.loads(data.getvalue())["incidents"]
    assert (incident["accounts"], incident["of"], incident["still"]) == (LOST, ACCOUNTS, LOST)


def test_who_must_act_is_counted_by_what_can_be_done(report: AuditReport) -> None:
    (users, lost), (nobody, others) = report.to_act_on
    assert (users, [each.accounts for each in lost]) == ("ACTION_REQUIRED", [LOST])
    assert (nobody, [each.accounts for each in others]) == ("INTERRUPTED", [8])
    assert others[0].oldest == T0 + timedelta(days=22)
    assert report.changed == {"LIVE": -LOST, "ACTION_REQUIRED": LOST}


def test_an_incident_that_is_over_is_among_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = StringIO()
    write_text(of_log(tmp_path, recover=True), text)
    before, _, after = text.getvalue().partition("What changed")
    assert "LINKEDIN accounts went" not in before
    assert "1,286 of 1,429 LINKEDIN accounts went CREDENTIALS within 3 min" in after
    assert "all of them are live again." in after


def test_several_processes_find_the_same_incidents(tmp_path: Path) -> None:
    one, two = of_log(tmp_path), of_log(tmp_path, jobs=2)
    assert (one.incidents, one.tallies, one.changed) == (two.incidents, two.tallies, two.changed)


def test_what_is_not_of_the_period_or_the_provider_is_left_out(stored: Engine) -> None:
    def incidents(**wanted: object) -> int:
        now = LOST_AT + timedelta(hours=9)
        return len(build_report(stored.store, AuditFilter(**wanted), now=now).incidents)  # type: ignore[arg-type]

    assert incidents(provider="LINKEDIN") == 1
    assert incidents(provider="GOOGLE") == 0
    assert incidents(since=LOST_AT + timedelta(hours=1)) == 0
    assert incidents(until=LOST_AT - timedelta(hours=1)) == 0
