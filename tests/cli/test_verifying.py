"""``verify``: whether the record holds, how that is shown, and with which exit code it ends."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.rules import Rules
from builders import announced
from cli.shell import LOG, Run, webhook

LOG_EVENTS = len(LOG) - 2
NO_HEAD = "4f" * 32


def change(store: Path, sql: str) -> None:
    """Change a store behind its back."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(sql)


def test_a_record_that_holds_is_shown_with_its_head(run: Run, store: Path) -> None:
    ran = run("verify")
    shown = " ".join(ran.out.split())
    assert ran.code == 0
    assert shown.startswith(f"The record holds events {LOG_EVENTS} of 5 accounts judged again {LOG_EVENTS} by today's")
    head = run("verify", "--json").document["head"]
    assert head in shown
    assert len(head) == 64
    assert re.match(r"Verified in \d+\.\d\d s\nNote the head down elsewhere", ran.err)


def test_the_same_for_programs(run: Run, store: Path) -> None:
    report = run("verify", "--json").document
    assert (report["intact"], report["events"], report["accounts"], report["faults"]) == (True, LOG_EVENTS, 5, [])
    assert sum(report["checked_by_rules"].values()) == LOG_EVENTS
    assert report["differences"] is None
    assert report["seconds"] >= 0


def test_a_changed_row_is_named_and_ends_with_1(run: Run, store: Path) -> None:
    change(store, "UPDATE account SET is_stuck = 1, owner = 'user-8' WHERE account_id = 'acc_down'")
    ran = run("verify")
    shown = " ".join(ran.out.split())
    assert ran.code == 1
    assert "The record does not hold: 1 fault" in shown
    assert (
        "· account acc_down: owner: 'user-8' is stored, 'user-7' follows from the ledger; stuck: yes is stored" in shown
    )
    assert ran.err.splitlines()[1].startswith("Error: the record does not hold")
    assert ran.err.count("\n") == 2


def test_a_changed_row_for_programs(run: Run, store: Path) -> None:
    change(store, "UPDATE account SET is_stuck = 1")
    ran = run("verify", "--json")
    assert ran.code == 1
    assert (ran.document["intact"], ran.document["fault_count"]) == (False, 5)
    assert ran.document["first"] == ran.document["faults"][0]
    assert ran.document["first"]["place"] == "account acc_down"


@pytest.fixture
def judged_by_other_rules(store: Path) -> int:
    """A store with an event of unknown rules; returns how many events cannot be judged again for it."""
    with Engine.open(f"sqlite:///{store}") as engine:
        engine.store.advance([announced("acc_old", "OK")], judge, Rules("0123456789ab"))
    return 1


def test_what_cannot_be_judged_again_is_not_proved_and_ends_with_7(run: Run, judged_by_other_rules: int) -> None:
    ran = run("verify")
    assert ran.code == 7
    assert f"The record is not proved: {judged_by_other_rules} event could not be judged again" in ran.out
    assert "Not proved: 1 event of other rules could not be judged again" in " ".join(ran.err.split())
    report = run("verify", "--json")
    assert report.code == 7
    assert (report.document["intact"], report.document["proved"], report.document["not_judged"]) == (True, False, 1)
    checked = run("db", "check", "--json")
    assert (checked.code, checked.document["intact"], checked.document["proved"]) == (7, True, False)
    assert "not proved: 1 of" in run("db", "check").out


def test_a_fault_weighs_more_than_what_is_not_proved(run: Run, store: Path, judged_by_other_rules: int) -> None:
    change(store, "UPDATE account SET is_stuck = 1 WHERE account_id = 'acc_live'")
    assert run("verify").code == 1


def test_twenty_faults_are_shown_and_all_are_counted(run: Run, tmp_path: Path) -> None:
    lines = b"\n".join(webhook("2026-05-01T08:00:00Z", f"acc_{number:02}", "OK") for number in range(30))
    run("feed", "-", stdin=lines)
    change(tmp_path / "account-lifecycle.db", "UPDATE account SET is_stuck = 1")
    out = run("verify").out
    assert "30 faults" in out
    assert out.count("·") == 20
    assert "first" in out


def test_the_present_head_is_in_the_ledger_and_any_other_is_not(run: Run, store: Path) -> None:
    head = run("verify", "--json").document["head"]
    assert run("verify", "--expect-head", head.upper()).code == 0
    ran = run("verify", "--expect-head", NO_HEAD)
    assert ran.code == 1
    assert "the head that was noted down is not in this ledger" in ran.err
    report = run("verify", "--expect-head", NO_HEAD, "--json").document
    assert (report["intact"], report["expected_head_proof"]) == (False, "missing")


def test_a_head_that_was_noted_down_is_found_after_more_was_fed_and_not_after_less_is_left(
    run: Run, store: Path
) -> None:
    before = run("verify", "--json").document["head"]
    run("feed", "-", stdin=webhook("2026-05-07T08:00:00Z", "acc_live", "ERROR"))
    after = run("verify", "--json").document["head"]
    assert before != after
    assert run("verify", "--expect-head", before).code == 0
    change(store, "DELETE FROM event WHERE event_id = (SELECT max(event_id) FROM event)")
    assert run("verify", "--expect-head", after).code == 1


def test_a_head_from_before_a_prune_is_proved_by_its_archive(run: Run, store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.jsonl.gz"
    before = run("verify", "--json").document["head"]
    pruned = run("db", "prune", "--before", "2026-05-02", "--archive", archive, "--yes", "--json").document
    after = run("verify", "--json").document["head"]
    assert before != after == pruned["head"]
    assert run("verify", "--expect-head", after).code == 0
    ran = run("verify", "--expect-head", before)
    assert ran.code == 7
    assert "is older than a prune" in " ".join(ran.err.split())
    assert "old.jsonl.gz" in ran.err
    assert run("verify", "--expect-head", before, "--archive", archive).code == 0
    assert run("verify", "--expect-head", NO_HEAD, "--archive", archive).code == 1
    assert run("verify", "--expect-head", NO_HEAD).code == 7


# ---- Signed heads ------------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("a key of more than sixteen bytes\n")
    return path


def test_signed_heads_of_a_log_are_proved_later(run: Run, store: Path, tmp_path: Path, key: Path) -> None:
    line = run("verify", "--sign", key).out.splitlines()[-1]
    assert line.startswith("account-lifecycle head 2026-")
    assert line == line.strip()
    log = tmp_path / "syslog"
    log.write_text(f"something else\nNov 30 host {line}\n")
    run("feed", "-", stdin=webhook("2026-05-07T08:00:00Z", "acc_live", "ERROR"))
    report = run("verify", "--sign", key, "--signed", log, "--json")
    assert (report.code, report.document["signed_heads"]) == (0, 1)
    assert report.document["signed"] != line
    change(store, "DELETE FROM event")
    change(store, "DELETE FROM anomaly")
    ran = run("verify", "--sign", key, "--signed", log, "--json")
    assert ran.code == 1
    assert ran.document["signed"] is None


def test_a_line_of_another_key_or_a_changed_one_is_found(run: Run, store: Path, tmp_path: Path, key: Path) -> None:
    line = run("verify", "--sign", key).out.splitlines()[-1]
    log, other = tmp_path / "log", tmp_path / "other"
    other.write_text("another key of more than sixteen bytes")
    log.write_text(line)
    assert run("verify", "--sign", other, "--signed", log).code == 1
    log.write_text(line.replace(" events=", " events=9"))
    ran = run("verify", "--sign", key, "--signed", log)
    assert (ran.code, "signed head 1: the line is not as it was signed" in " ".join(ran.out.split())) == (1, True)


def test_a_log_is_checked_by_a_key_that_is_one(run: Run, store: Path, tmp_path: Path, key: Path) -> None:
    (tmp_path / "short").write_text("short")
    (tmp_path / "empty").write_text("nothing\n")
    assert run("verify", "--sign", tmp_path / "short").code == 2
    assert run("verify", "--sign", tmp_path / "none").code == 2
    assert run("verify", "--signed", tmp_path / "empty").code == 2
    assert run("verify", "--sign", key, "--signed", tmp_path / "empty").code == 1


@pytest.mark.parametrize("word", ["12", "4g" * 32, "4f" * 33])
def test_what_is_no_head_is_a_usage_error(word: str, run: Run, store: Path) -> None:
    ran = run("verify", "--expect-head", word)
    assert ran.code == 2
    assert "64 hexadecimal digits" in ran.err


def test_rules_that_would_decide_the_same_end_well(run: Run, store: Path) -> None:
    ran = run("verify", "--against-definition")
    assert ran.code == 0
    assert f"Each of {LOG_EVENTS} events would be decided as it was." in ran.out


def test_rules_that_would_decide_otherwise_end_with_6(run: Run, tmp_path: Path) -> None:
    lines = [webhook(f"2026-05-01T08:{minute}:00Z", "acc_1", "OK") for minute in ("00", "30")]
    run("feed", "-", stdin=b"\n".join(lines))
    ran = run("verify", "--against-definition", "--redelivery-window", "1h")
    shown = " ".join(ran.out.split())
    assert ran.code == 6
    assert "The record holds" in shown
    assert "1 of 1 account would have gone another way" in shown
    assert "recorded REPEATED, then OK (exists, not lost); anomalies: MISSED_OUTAGE" in shown
    assert "such as account acc_1, event 2" in shown
    assert ran.err.endswith("1 account would be judged differently today\n")


def test_differences_for_programs(run: Run, tmp_path: Path) -> None:
    lines = [webhook(f"2026-05-01T08:{minute}:00Z", "acc_1", "OK") for minute in ("00", "30")]
    run("feed", "-", stdin=b"\n".join(lines))
    ran = run("verify", "--against-definition", "--redelivery-window", "1h", "--json")
    report = ran.document["differences"]
    assert (ran.code, report["accounts_differing"], report["accounts_elsewhere"]) == (6, 1, 0)
    (group,) = report["groups"]
    assert (group["recorded"]["anomalies"], group["today"]["anomalies"]) == (["MISSED_OUTAGE"], [])
    assert group["examples"] == [{"account_id": "acc_1", "sequence": 2, "received_at": "2026-05-01T08:30:00Z"}]


def test_a_fault_weighs_more_than_a_difference(run: Run, store: Path) -> None:
    change(store, "UPDATE account SET is_stuck = 1")
    assert run("verify", "--against-definition", "--redelivery-window", "1").code == 1


def test_verifying_changes_nothing(run: Run, store: Path) -> None:
    before = store.read_bytes()
    run("verify", "--against-definition")
    assert store.read_bytes() == before
