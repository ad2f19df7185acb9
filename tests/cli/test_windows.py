"""``windows`` and ``deadlines``: when accounts were blind, and which are stuck."""

from pathlib import Path

from cli.shell import NOW, Run


def test_blind_windows_tell_what_to_backfill(run: Run, store: Path) -> None:
    ran = run("windows", "--now", NOW)
    rows = [line.split() for line in ran.out.splitlines()]
    closed = ["acc_live", "2026-05-02", "10:00", "2026-05-02", "11:00", "1", "h", "ERROR"]
    assert rows[rows.index(closed) + 1] == ["backfill", "from", "2026-05-02", "09:00:00"]
    assert ["acc_down", "2026-05-03", "09:00", "ongoing", "7", "d", "CREDENTIALS"] in rows
    ongoing = ["acc_stuck", "2026-05-04", "08:00", "ongoing", "6", "d", "CREDENTIALS"]
    assert rows[rows.index(ongoing) + 1][:4] == ["backfill", "from", "the", "beginning:"]
    assert ran.err == "3 blind windows\n"


def test_windows_can_be_narrowed(run: Run, store: Path) -> None:
    assert [w["account_id"] for w in run("windows", "--open", "--json").records] == ["acc_down", "acc_stuck"]
    assert [w["recovered"] for w in run("windows", "--account", "acc_live", "--json").records] == [True]
    assert run("windows", "--account", "nobody", "--json").records == []


def test_the_length_for_programs_is_measured_to_the_time_that_is_told(run: Run, store: Path) -> None:
    [window] = run("windows", "--account", "acc_down", "--now", "2026-05-05T09:00:00Z", "--json").records
    assert window["duration_s"] == 2 * 86_400


def test_stuck_accounts_are_told_once_for_each_stay(run: Run, store: Path) -> None:
    first = run("deadlines", "--now", NOW)
    assert first.err == "4 deadlines newly passed\n"
    assert "stuck in RECONNECTED" in first.out
    assert first.out.count("still down") == 3
    assert "RECONNECTED since 2026-05-04 10:00:00 UTC" in " ".join(first.out.split())
    again = run("deadlines", "--now", NOW)
    assert (again.out, again.err) == ("", "0 deadlines newly passed\n")
    assert "STUCK" in run("history", "acc_stuck").out


def test_deadlines_are_checked_for_the_time_that_is_told(run: Run, store: Path) -> None:
    [reminder] = run("deadlines", "--now", "2026-05-04T10:59:00Z", "--json").records
    assert (reminder["deadline"], reminder["anomalies"]) == ("reminder", [])
    [decision] = run("deadlines", "--now", "2026-05-04T11:01:00Z", "--json").records
    assert decision["received_at"] == "2026-05-04T11:00:00.000001Z"
    assert [anomaly["kind"] for anomaly in decision["anomalies"]] == ["STUCK"]


def test_deadlines_can_be_told(run: Run, store: Path) -> None:
    patient = '{"WHATSAPP": {"RECONNECTED": "30d"}}'
    assert run("deadlines", "--now", NOW, "--deadlines", patient, "--reminders", "none", "--json").records == []


def test_newly_stuck_accounts_end_with_exit_code_6_only_if_asked(run: Run, store: Path) -> None:
    assert run("deadlines", "--now", NOW, "--fail-on", "warning").code == 6
    assert run("deadlines", "--now", NOW, "--fail-on", "warning").code == 0
