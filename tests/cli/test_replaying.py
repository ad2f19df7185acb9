"""``replay``: the audit of logs without a store, and every file that it writes."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from account_lifecycle import Engine
from account_lifecycle.records import AuditFilter
from account_lifecycle.report.audit import AuditReport, build_report
from account_lifecycle.simulate.log import Faults, simulate
from cli.shell import LOG, Ran, Run, webhook

STUCK = "STUCK"
START = datetime(2026, 1, 1, tzinfo=UTC)
PROGRAM = (sys.executable, "-c", "from account_lifecycle.cli import main; main()")


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a fleet in which every fault has struck."""
    path = tmp_path_factory.mktemp("simulated") / "fleet.jsonl"
    simulate(accounts=60, seed=7, start=START, days=60, faults=Faults.everything(0.03)).write(path)
    return path


def audited(store: str, until: str) -> AuditReport:
    with Engine.open(store, observers=()) as engine:
        end = datetime.fromisoformat(until) + timedelta(microseconds=1)  # or else what begins then would not count
        return build_report(engine.store, AuditFilter(), now=end)


def groups_of(record: dict[str, Any]) -> list[tuple[Any, ...]]:
    keys = ("kind", "status_before", "announced", "provider", "count", "first_seen", "last_seen")
    return sorted(tuple(str(group[key]) for key in keys) for group in record["groups"])


def refused_in(path: Path) -> dict[int, bytes]:
    """The lines of a side file, by their places."""
    records = map(json.loads, path.read_text("ascii").splitlines())
    return {r["line"]: b64decode(r["raw"]) if r["raw_is_base64"] else r["raw"].encode() for r in records}


# ---- What it tells -----------------------------------------------------------------------------------


def test_the_audit_tells_what_was_read_and_what_deviated(run: Run, log: Path) -> None:
    ran = run("replay", "log.jsonl")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "1 account is down until their user signs in. Ask the user to reconnect the"
    assert "6 anomalies on 4 of 5 accounts: 1 error, 4 warnings and 1 info." in lines
    assert "16 events from log.jsonl." in lines
    assert "From 2026-05-01 08:00:00 UTC to 2026-05-06 08:00:00 UTC." in lines
    assert "2 lines could not be read; they are in refused-log.jsonl." in lines
    titles = ["By provider", "By kind", "What deviated", "Accounts with the most anomalies",
              "Blind windows, by what they began with", "Time in each status"]  # fmt: skip
    assert [line for line in lines if line in titles] == titles
    assert "AFTER_DELETION: an event for an account deleted long ago" in ran.out


def test_the_totals_are_those_of_a_feed_whose_deadlines_were_checked_and_an_audit(run: Run, simulated: Path) -> None:
    replayed = run("replay", simulated, "--json").document
    fed = run("feed", simulated, "--store", "sqlite:///fed.db", "--json").document
    run("deadlines", "--store", "sqlite:///fed.db", "--now", replayed["log"]["until"])
    store = run("audit", "--store", "sqlite:///fed.db", "--json").document
    assert replayed["totals"]["by_kind"][STUCK] > 0
    for total in ("accounts", "quarantined", "accounts_by_status", "accounts_by_health", "by_kind"):
        assert replayed["totals"][total] == store["totals"][total]
    assert groups_of(replayed) == groups_of(store)
    assert replayed["log"]["events"] == fed["events"]
    assert replayed["log"]["refused"] == fed["quarantined"]
    assert replayed["log"]["verdicts"] == fed["verdicts"]


def test_blind_windows_are_those_of_a_feed_measured_to_the_end_of_the_log(run: Run, simulated: Path) -> None:
    replayed = run("replay", simulated, "--json").document
    run("feed", simulated, "--store", "sqlite:///fed.db")
    windows = audited("sqlite:///fed.db", replayed["log"]["until"]).windows
    told = replayed["blind_windows"]
    assert (told["windows"], told["open"], told["unknown_start"]) == windows[:3]
    assert told["lost_hours"] == round(windows.lost.total_seconds() / 3600, 3)
    assert told["estimated_hours"] == round(windows.estimated.total_seconds() / 3600, 3)
    assert told["backfill_hours"] == round(windows.to_backfill.total_seconds() / 3600, 3)


def test_in_a_terminal_no_line_is_wider_than_it_is_and_no_word_is_cut(run: Run, simulated: Path) -> None:
    for width in (60, 80, 120):
        ran = run("replay", simulated, COLUMNS=str(width))
        assert max(map(len, ran.out.splitlines())) <= width
        assert "…" not in ran.out


def test_speed_and_what_was_written_are_told_on_stderr_only(run: Run, log: Path) -> None:
    ran = run("replay", "log.jsonl", "--report", "audit.html")
    assert "16 events replayed in" in ran.err
    assert "Written: audit.html" in ran.err
    assert "replayed in" not in ran.out


def test_an_empty_log_is_told_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    ran = run("replay", "empty.jsonl", "--report", "audit.html")
    assert ran.code == 0
    assert ran.out.startswith("No anomalies on 0 accounts.\n0 events from empty.jsonl.\n")


def test_events_without_a_time_are_told(run: Run) -> None:
    ran = run("replay", "-", stdin=b'{"status": "CREATION_SUCCESS", "account_id": "a1"}\n')
    told = " ".join(ran.out.split())
    assert "1 event from -. All of them carried no time, and count as received when they were replayed." in told


# ---- Which logs --------------------------------------------------------------------------------------


def events_in(ran: Ran) -> int:
    assert ran.code == 0, ran.err
    count: int = ran.document["log"]["events"]
    return count


def test_logs_come_as_files_patterns_compressed_and_from_standard_input(run: Run, tmp_path: Path) -> None:
    for name, status in (("a1.jsonl", "CREATION_SUCCESS"), ("a2.jsonl", "OK")):
        line = webhook("2026-05-01T08:00:00Z", "acc_1", status)
        (tmp_path / name).write_bytes(line)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(line))
    assert events_in(run("replay", "a1.jsonl", "a2.jsonl", "--json")) == 2
    assert events_in(run("replay", "a*.jsonl", "--json")) == 2
    assert events_in(run("replay", "a*.jsonl.gz", "--json")) == 2
    assert events_in(run("replay", "-", "--json", stdin=b"\n".join(LOG))) == 16


def test_the_columns_of_a_table_can_be_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("acct,what,when\na1,OK,2026-05-01T08:00:00Z\na1,ERROR,2026-05-01T09:00:00Z\n")
    columns = ("account_id=acct", "status=what", "received_at=when")
    ran = run("replay", "events.csv", "--json", *(word for column in columns for word in ("--column", column)))
    assert events_in(ran) == 2
    assert ran.document["totals"]["accounts_by_status"] == {"ERROR": 1}


def test_a_column_that_is_not_told_rightly_is_a_usage_error(run: Run, log: Path) -> None:
    for column in ("account_id", "=x", "colour=x"):
        assert run("replay", "log.jsonl", "--column", column).code == 2


def test_the_ledger_of_a_store_is_a_log_too(run: Run, log: Path) -> None:
    run("feed", log, "--store", "sqlite:///fed.db")
    assert events_in(run("replay", "sqlite:///fed.db", "--json")) == 16


def test_a_log_or_a_store_that_is_not_there_is_never_made(run: Run, tmp_path: Path) -> None:
    assert run("replay", "nowhere.jsonl").code == 2
    assert run("replay", "no*.jsonl").code == 2
    assert run("replay", "sqlite:///nowhere.db").code == 1
    assert run("replay", "memory:").code == 2
    assert list(tmp_path.iterdir()) == []


def test_how_it_is_judged_and_where_the_log_ends_can_be_told(run: Run) -> None:
    repeats = b"\n".join(webhook(f"2026-05-01T08:00:{second}Z", "acc_1", "CREATION_SUCCESS") for second in ("00", "30"))
    window = run("replay", "-", "--redelivery-window", "10", "--json", stdin=repeats).document
    assert window["totals"]["by_kind"] == {"STALE_REPEAT": 1}
    later = run("replay", "-", "--until", "2026-05-02", "--json", stdin=repeats).document
    assert later["totals"]["by_kind"] == {STUCK: 1}
    assert later["log"]["until"] == "2026-05-02T00:00:00Z"
    deadlines = '{"linkedin": {"CREATION_SUCCESS": "30d"}}'
    patient = run("replay", "-", "--until", "2026-05-02", "--deadlines", deadlines, "--json", stdin=repeats).document
    assert patient["totals"]["by_kind"] == {}


# ---- What could not be read --------------------------------------------------------------------------


def test_every_garbage_line_is_in_the_side_file_byte_for_byte(run: Run, tmp_path: Path) -> None:
    random, lines, garbage = Random(1), [], {}
    for line in simulate(accounts=250, seed=3, start=START, days=60):
        if random.random() < 0.001:
            garbage[len(lines) + 1] = b"x" + random.randbytes(random.randrange(1, 200)).replace(b"\n", b"")
            lines.append(garbage[len(lines) + 1])
        lines.append(line.encode().rstrip(b"\n"))
    (tmp_path / "dirty.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    ran = run("replay", "dirty.jsonl", "--json")
    assert len(garbage) > 1
    assert refused_in(tmp_path / "refused-dirty.jsonl") == garbage
    assert ran.document["log"]["refused"] == len(garbage)
    assert ran.document["log"]["events"] == len(lines) - len(garbage)


def test_the_first_refusals_are_told_on_stderr_with_the_file_that_keeps_all(run: Run) -> None:
    ran = run("replay", "-", "--refused", "odd.jsonl", stdin=b"nonsense\n" * 50)
    assert "Could not be read: 50, kept in odd.jsonl" in ran.err
    assert ran.err.count("-, line 1: nonsense") == 1
    assert "50 lines could not be read; they are in odd.jsonl." in ran.out


def test_nothing_is_made_where_there_is_nothing_to_keep(run: Run, tmp_path: Path) -> None:
    assert "Every line could be read." in run("replay", "-", stdin=LOG[0]).out
    assert list(tmp_path.iterdir()) == []


# ---- Files -------------------------------------------------------------------------------------------


def test_the_page_speaks_of_logs_and_names_the_side_file(run: Run, log: Path, tmp_path: Path) -> None:
    run("replay", "log.jsonl", "--report", "audit.html")
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert page.rstrip().endswith("</html>")
    assert "2 lines could not be read; they are in refused-log.jsonl." in page
    for title in ("What was read", "By provider", "Time in each status", "The fleet at the end"):
        assert f">{title}</h2>" in page
    assert "uarantine" not in page


def test_tables_hold_the_same_in_every_form(run: Run, simulated: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    keys = {"anomalies": ("kind", "account_id", "sequence", "position"), "windows": ("account_id", "sequence"),
            "accounts": ("account_id", "status", "sequence")}  # fmt: skip
    for table, fields in keys.items():
        found = []
        for form in ("jsonl", "csv", "parquet"):
            assert run("replay", simulated, f"--{table}", f"{table}.{form}").code == 0
        path = tmp_path / table
        found.append(list(map(json.loads, path.with_suffix(".jsonl").read_text().splitlines())))
        with path.with_suffix(".csv").open(newline="") as file:
            found.append(list(csv.DictReader(file)))
        found.append(pq.read_table(path.with_suffix(".parquet")).to_pylist())
        as_text = [[tuple(str(row[f] or "") for f in fields) for row in rows] for rows in found]
        assert as_text[0] == as_text[1] == as_text[2] != []


def test_an_anomaly_tells_where_its_event_stands_if_there_is_one(run: Run, log: Path, tmp_path: Path) -> None:
    run("replay", "log.jsonl", "--anomalies", "odd.jsonl")
    found = {r["kind"]: r for r in map(json.loads, (tmp_path / "odd.jsonl").read_text().splitlines())}
    assert (found["AFTER_DELETION"]["source"], found["AFTER_DELETION"]["position"]) == ("log.jsonl", 15)
    assert (found[STUCK]["source"], found[STUCK]["position"]) == (None, None)
    assert found["AFTER_DELETION"]["explanation"]


def test_a_table_takes_its_form_from_its_ending(run: Run, log: Path, tmp_path: Path) -> None:
    ran = run("replay", "log.jsonl", "--accounts", "accounts.xlsx")
    assert ran.code == 2
    assert "does not end in .parquet, .jsonl or .csv" in " ".join(ran.err.split())
    assert list(tmp_path.iterdir()) == [log]


def test_a_file_that_cannot_be_written_is_told_before_anything_is_read(run: Run, log: Path, tmp_path: Path) -> None:
    for option in ("--report", "--anomalies", "--refused"):
        ran = run("replay", "log.jsonl", option, "nowhere/file.jsonl")
        assert ran.code == 2
        assert "nowhere" in ran.err
        assert "replayed in" not in ran.err
    assert list(tmp_path.iterdir()) == [log]


def test_no_file_is_read_and_written_at_once_and_none_written_twice(run: Run, log: Path) -> None:
    before = log.read_bytes()
    Path("twin.jsonl").hardlink_to(log)
    for words in (("--refused", "./log.jsonl"), ("--anomalies", "./log.jsonl"), ("--anomalies", "twin.jsonl")):
        assert run("replay", "log.jsonl", *words, "--force").code == 2, words
    assert run("replay", "log.jsonl", "--anomalies", "log.jsonl").code == 2
    assert run("replay", "log.jsonl", "--anomalies", "x.csv", "--windows", "x.csv").code == 2
    assert log.read_bytes() == before


def test_a_pattern_never_matches_what_is_being_written(run: Run, log: Path, tmp_path: Path) -> None:
    assert events_in(run("replay", "*", "--report", "audit.html", "--json")) == 16
    (tmp_path / "refused-logs.jsonl").unlink()
    ran = run("replay", "*", "--report", "audit.html", "--force")
    assert ran.code == 2
    assert "audit.html, which is being read" in ran.err


def test_a_side_file_is_named_after_its_run_and_never_overwritten(run: Run, log: Path) -> None:
    run("replay", "log.jsonl")
    before = Path("refused-log.jsonl").read_bytes()
    run("replay", "log.jsonl", "--until", "2026-06-01")
    assert Path("refused-log.jsonl").read_bytes() == before
    assert Path("refused-log-2.jsonl").exists()
    assert run("replay", "log.jsonl", "--refused", "refused-log.jsonl").code == 2
    assert Path("refused-log.jsonl").read_bytes() == before


def test_a_log_of_which_less_than_half_can_be_read_ends_with_an_error(run: Run) -> None:
    ran = run("replay", "-", stdin=b"nonsense\n" * 17 + b"\n".join(LOG))
    assert ran.code == 1
    assert "19 of 35 lines could not be read" in ran.err
    assert "events from -" in ran.out


def test_a_file_is_replaced_only_when_its_successor_is_whole(run: Run, tmp_path: Path) -> None:
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1" + bytes(100))
    (tmp_path / "audit.html").write_text("the old one")
    ran = run("replay", "damaged.parquet", "--report", "audit.html", "--force")
    assert ran.code == 1
    assert "cannot be read as Parquet" in ran.err
    assert (tmp_path / "audit.html").read_text() == "the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.html", "damaged.parquet"]


def test_a_log_that_is_damaged_before_its_first_event_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress(b"\n".join(LOG))[:15])
    ran = run("replay", "damaged.jsonl.gz")
    assert ran.code == 1
    assert "is damaged near byte" in ran.err


# ---- How it ends -------------------------------------------------------------------------------------


def test_findings_end_with_exit_code_6_only_if_they_are_asked_about(run: Run, log: Path, tmp_path: Path) -> None:
    assert run("replay", "log.jsonl", "--fail-on", "error", "--report", "audit.html").code == 6
    assert (tmp_path / "audit.html").exists()
    assert run("replay", "log.jsonl", "--fail-on", "PROVIDER_CHANGED").code == 0
    assert run("replay", "log.jsonl", "--fail-on", "stuck").code == 6


def opened_to_write(pipe: Path, reader: "subprocess.Popen[str]") -> int:
    """A pipe, as soon as somebody reads it."""
    while reader.poll() is None:
        with suppress(OSError):
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.02)
    raise AssertionError(reader.communicate()[1])


def test_what_a_killed_run_leaves_is_removed_by_the_next(tmp_path: Path, log: Path, run: Run) -> None:
    os.mkfifo(tmp_path / "pipe")
    command = [*PROGRAM, "replay", "log.jsonl", "pipe", "--order", "file", "--anomalies", "odd.csv"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        pipe = opened_to_write(tmp_path / "pipe", process)
        process.kill()
        process.communicate(timeout=120)
        os.close(pipe)
    (left,) = tmp_path.glob(".odd.csv.*.part")
    assert left.stat().st_mode & 0o777 == 0o600
    assert run("replay", "log.jsonl", "--anomalies", "other.csv").code == 0
    assert left.exists()
    assert run("replay", "log.jsonl", "--anomalies", "odd.csv").code == 0
    assert list(tmp_path.glob(".*")) == []


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path, log: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    command = [*PROGRAM, "replay", "log.jsonl", "pipe", "--order", "file", "--report", "audit.html"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        pipe = opened_to_write(tmp_path / "pipe", process)
        process.send_signal(signal.SIGINT)
        os.close(pipe)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert out == ""
    assert "Error: interrupted after 0 events; nothing was written" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "pipe"]


@pytest.mark.parametrize(
    "options",
    [
        ("--into", "sqlite:///new.db", "--spark", "local[1]"),
        ("--into", "sqlite:///new.db", "--report", "audit.html"),
        ("--into", "sqlite:///new.db", "--fail-on", "error"),
        ("--into", "memory:"),
        ("--spark", "local[1]", "--anomalies", "odd.csv"),
        ("--spark", "local[1]", "--column", "account_id=acct"),
        ("--output-folder", "tables"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_together_is_a_usage_error(options: tuple[str, ...], run: Run, log: Path) -> None:
    assert run("replay", "log.jsonl", *options).code == 2
    assert list(log.parent.iterdir()) == [log]


# ---- Into a store ------------------------------------------------------------------------------------


def test_a_store_that_is_seeded_comes_to_the_same_audit(run: Run, simulated: Path) -> None:
    replayed = run("replay", simulated, "--json").document
    ran = run("replay", simulated, "--into", "sqlite:///new.db")
    told = " ".join(ran.out.split())
    passed = replayed["log"]["deadlines"]
    assert told.startswith(f"{replayed['log']['events']:,} events of {replayed['totals']['accounts']} accounts seeded")
    assert f"deadlines {passed} passed" in told
    assert "No hook is ever called for these." in ran.err
    seeded = run("audit", "--store", "sqlite:///new.db", "--json").document
    assert groups_of(seeded) == groups_of(replayed)
    assert seeded["totals"]["quarantined"] == replayed["log"]["refused"]
    assert run("verify", "--store", "sqlite:///new.db").code == 0


def test_what_was_seeded_is_kept_byte_for_byte(run: Run, log: Path) -> None:
    told = run("replay", log, "--into", "sqlite:///new.db", "--json").document
    assert (told["events"], told["quarantined"], told["accounts"]) == (16, 2, 5)
    with Engine.open("sqlite:///new.db") as engine:
        kept = engine.history("acc_live")[0].payload
        unread = [each.payload for each in engine.quarantine()]
    assert json.loads(kept) == json.loads(LOG[4])["payload"]
    assert unread == list(LOG[-2:])


def test_rows_of_a_table_seed_a_store_as_payloads(run: Run, tmp_path: Path) -> None:
    rows = "account_id,status,provider,received_at\na1,CREATION_SUCCESS,OUTLOOK,2026-05-01T08:00:00Z\n,OK,X,\n"
    (tmp_path / "events.csv").write_text(rows)
    assert run("replay", "events.csv", "--into", "sqlite:///new.db").code == 0
    with Engine.open("sqlite:///new.db") as engine:
        account = engine.account("a1")
        assert account is not None
        assert (account.status, account.provider) == ("CREATION_SUCCESS", "MICROSOFT")
        assert account.since == datetime(2026, 5, 1, 8, tzinfo=UTC)
        assert len(engine.quarantine()) == 1


def test_a_store_that_holds_anything_is_not_seeded(run: Run, log: Path) -> None:
    run("feed", log, "--store", "sqlite:///fed.db")
    ran = run("replay", log, "--into", "sqlite:///fed.db")
    assert ran.code == 1
    assert "The store is not empty" in ran.err


def test_a_store_is_copied_not_seeded_from(run: Run, log: Path, tmp_path: Path) -> None:
    run("feed", log, "--store", "sqlite:///fed.db")
    ran = run("replay", "sqlite:///fed.db", "--into", "sqlite:///new.db")
    assert ran.code == 2
    assert "db copy" in ran.err
    assert not (tmp_path / "new.db").exists()


# ---- What has to be installed ------------------------------------------------------------------------


def without(module: str, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """The program where something is not installed."""
    code = f"import sys; sys.modules[{module!r}] = None; from account_lifecycle.cli import main; main()"
    env = os.environ | ({} if path is None else {"PATH": path})
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=env, check=False
    )


def test_a_missing_extra_is_reported_with_what_to_type(log: Path, tmp_path: Path) -> None:
    ran = without("pyarrow", "replay", "log.jsonl", "--anomalies", "odd.parquet")
    assert ran.returncode == 1
    assert 'pip install "account-lifecycle[replay]"' in ran.stderr
    assert list(tmp_path.iterdir()) == [log]


def test_logs_of_lines_and_csv_need_no_extra(log: Path) -> None:
    assert without("pyarrow", "replay", "log.jsonl", "--anomalies", "odd.csv").returncode == 0


def test_spark_says_what_it_lacks(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    ran = without("pyspark", "replay", "log.jsonl", "--spark", "local[1]")
    assert ran.returncode == 1
    assert 'pyspark is not installed. Run: pip install "account-lifecycle[spark]"' in ran.stderr
    pytest.importorskip("pyspark")
    ran = without("nothing", "replay", "log.jsonl", "--spark", "local[1]", path="")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Spark needs Java 17 or later" in ran.stderr


def test_other_commands_wait_for_nothing_of_it() -> None:
    asked = "import sys; from account_lifecycle.cli import main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    heavy = (
        "numpy",
        "pyarrow",
        "pyspark",
        "multiprocessing",
        "account_lifecycle.replay",
        "account_lifecycle.cli.replay_audit",
    )
    assert [name for name in heavy if name in loaded] == []
