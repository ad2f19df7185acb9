"""``audit``: what deviated, grouped or in full, in four formats."""

import csv
import json
from pathlib import Path

from cli.shell import LOG, Run


def test_the_audit_is_grouped_and_explained(run: Run, store: Path) -> None:
    ran = run("audit")
    assert ran.out.startswith("1 account is down until their user signs in. Ask the user to reconnect")
    assert "5 anomalies on 4 of 5 accounts: 1 error, 3 warnings and 1 info." in ran.out
    assert "AFTER_DELETION: an event for an account deleted long ago" in ran.out
    assert ran.err == ""


def test_the_audit_tells_the_kinds_and_then_the_situations_that_still_matter_the_most(run: Run, store: Path) -> None:
    ran = run("audit")
    kinds, situations = ran.out.partition("\nKinds\n")[2].split("\nSituations\n")
    rows = [line.split()[:4] for line in kinds.splitlines()[1:] if line[:1].isupper()]
    assert rows[0] == ["RECREATED", "1", "1", "warning"]
    assert rows[-1] == ["AFTER_DELETION", "1", "0", "error"]
    assert situations.count("Still affected: 1 account.") == 4


def test_accounts_that_are_live_again_or_deleted_can_be_left_out(run: Run, store: Path) -> None:
    ran = run("audit", "--open")
    assert "Only accounts that are neither live again nor deleted." in " ".join(ran.out.split())
    assert "AFTER_DELETION" not in ran.out
    full = run("audit", "--open", "--full", "--json").records
    assert {each["account_id"] for each in full} == {"acc_down", "acc_stuck", "acc_odd"}
    assert run("audit", "--open", "--json").document["totals"]["anomalies"] == len(full) == 4


def test_filters_narrow_the_audit(run: Run, store: Path) -> None:
    def kinds(*options: str) -> list[str]:
        return [anomaly["kind"] for anomaly in run("audit", "--full", "--json", *options).records]

    assert kinds() == ["RECREATED", "ADOPTED", "AFTER_DELETION", "UNKNOWN_PROVIDER", "UNKNOWN_STATUS"]
    assert kinds("--kind", "recreated") == ["RECREATED"]
    assert kinds("--severity", "ERROR") == ["AFTER_DELETION"]
    assert kinds("--severity", "warning") == ["RECREATED", "AFTER_DELETION", "UNKNOWN_PROVIDER", "UNKNOWN_STATUS"]
    assert kinds("--account", "acc_down") == ["RECREATED"]
    assert kinds("--provider", "x") == ["AFTER_DELETION"]
    assert kinds("--since", "2026-05-05") == ["AFTER_DELETION", "UNKNOWN_PROVIDER", "UNKNOWN_STATUS"]
    assert kinds("--until", "2026-05-03T09:05:00Z") == []
    assert kinds("--until", "2026-05-03T09:05:01Z") == ["RECREATED"]
    assert kinds("--since", "1h") == []


def test_the_same_audit_comes_as_json_csv_and_html(run: Run, store: Path) -> None:
    short, long = run("audit", "--json").document, run("audit", "--format", "json").document
    assert short["groups"] == long["groups"]
    assert len(short["groups"]) == 5
    assert len(list(csv.DictReader(run("audit", "--format", "csv").out.splitlines()))) == 5
    assert run("audit", "--format", "html").out.startswith("<!DOCTYPE html>")


def test_every_anomaly_can_be_listed_by_itself(run: Run, store: Path) -> None:
    assert len(run("audit", "--full", "--json").records) == 5
    assert len(list(csv.DictReader(run("audit", "--full", "--format", "csv").out.splitlines()))) == 5
    assert run("audit", "--full").out.count("acc_odd") == 2


def test_a_report_can_be_written_to_a_file(run: Run, store: Path, tmp_path: Path) -> None:
    ran = run("audit", "--format", "html", "--output", "audit.html")
    assert (ran.out, ran.err) == ("", "Written: audit.html\n")
    assert (tmp_path / "audit.html").read_text("utf-8").rstrip().endswith("</html>")


def test_html_has_no_full_form(run: Run, store: Path) -> None:
    assert run("audit", "--full", "--format", "html").code == 2


def test_findings_of_a_kind_or_at_least_as_severe_end_with_exit_code_6(run: Run, store: Path) -> None:
    codes = {
        word: run("audit", "--fail-on", word).code
        for word in ("info", "warning", "error", "AFTER_DELETION", "STUCK", "recreated")
    }
    assert codes == {"info": 6, "warning": 6, "error": 6, "AFTER_DELETION": 6, "STUCK": 0, "recreated": 6}
    assert run("audit", "--full", "--fail-on", "STUCK", "--fail-on", "error").code == 6
    assert run("audit", "--kind", "ADOPTED", "--fail-on", "warning").code == 0
    assert run("audit").code == 0


def test_how_many_findings_were_named_is_told_on_stderr(run: Run, store: Path) -> None:
    ran = run("audit", "--json", "--fail-on", "warning")
    assert ran.err == "4 anomalies that --fail-on names\n"
    assert ran.document["totals"]["anomalies"] == 5


def test_a_file_that_cannot_be_written_is_one_plain_line(run: Run, store: Path) -> None:
    ran = run("audit", "--output", "nowhere/audit.txt")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(
        "Error: Invalid value for '--output': nowhere/audit.txt: there is no folder nowhere. Make it first.\n"
    )


def test_json_is_one_document_or_lines_and_the_name_says_which(run: Run, store: Path, tmp_path: Path) -> None:
    assert run("audit", "--output", "audit.json").code == 0
    assert json.loads((tmp_path / "audit.json").read_text())["totals"]["anomalies"] == 5
    assert run("audit", "--full", "--output", "audit.jsonl").code == 0
    assert len((tmp_path / "audit.jsonl").read_text().splitlines()) == 5
    for words in (("--full", "--output", "other.json"), ("--output", "other.jsonl")):
        ran = run("audit", *words)
        assert ran.code == 2
        assert "end FILE in" in ran.err


def test_a_store_without_anomalies_says_so(run: Run) -> None:
    run("feed", "-", stdin=LOG[0])
    assert run("audit").out.startswith("No anomalies on 1 account.")
