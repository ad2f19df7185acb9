"""``feed``, and ``simulate``, which writes logs to feed."""

import json
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.errors import StoreError
from account_lifecycle.stores.sqlite import SQLiteStore
from cli.shell import LOG, NOW, Run, webhook


def test_a_feed_ends_with_what_it_came_to(run: Run, log: Path) -> None:
    ran = run("feed", log)
    told = " ".join(ran.out.split())
    assert ran.code == 0
    assert told.startswith("16 events of 5 new accounts fed in ")
    assert "12 applied, 1 repeated, 3 held" in told
    assert "1 error, 3 warning, 1 info" in told
    assert "quarantined 2" in told


def test_what_was_fed_is_in_the_store(run: Run, log: Path) -> None:
    run("feed", log, "--store", "sqlite:///kept.db")
    with Engine.open("sqlite:///kept.db") as engine:
        assert [account.account_id for account in engine.accounts(health="LIVE")] == ["acc_live"]
        assert len(engine.quarantine()) == 2


def test_the_summary_for_programs_counts_the_same(run: Run, log: Path) -> None:
    told = run("feed", log, "--json").document
    assert told["events"] == 16
    assert told["verdicts"] == {"APPLIED": 12, "REPEATED": 1, "HELD": 3, "CONFIRMED": 0}
    assert told["anomalies"] == {"error": 1, "warning": 3, "info": 1}
    assert told["kinds"]["RECREATED"] == 1
    assert told["quarantined"] == 2
    assert told["score"] is None


def test_unreadable_payloads_stop_nothing_and_are_listed_on_stderr(run: Run, log: Path) -> None:
    ran = run("feed", log)
    assert "Could not be read: 2, kept in the quarantine" in ran.err
    assert "1 x AccountStatus.account_id: found nothing" in ran.err
    assert "quarantine, number 1" in ran.err
    assert "account-lifecycle quarantine list" in ran.err
    assert "account-lifecycle audit" in ran.err


def test_many_unreadable_payloads_are_counted_by_their_reason(run: Run) -> None:
    ran = run("feed", "-", stdin=b"nonsense\n" * 50)
    assert "  50 x payload: found 'nonsense'" in ran.err
    assert ran.err.count("number 1") == 1
    assert ran.code == 1
    assert "Error: 50 of 50 lines could not be read" in ran.err
    assert "--payload-at" in ran.err
    assert "quarantined 50" in " ".join(ran.out.split())


def test_a_feed_fails_at_its_end_if_less_than_half_could_be_read(run: Run) -> None:
    half = b"\n".join([LOG[0], b"nonsense"])
    assert run("feed", "-", "--store", "memory:", stdin=half).code == 0
    ran = run("feed", "-", "--store", "memory:", "--json", "--fail-on", "info", stdin=half + b"\nnonsense")
    assert ran.code == 1
    assert ran.document["events"] == 1
    assert run("feed", "-", "--store", "memory:", stdin=b"").code == 0


def test_a_log_comes_from_standard_input_too(run: Run) -> None:
    assert run("feed", "-", "--json", stdin=b"\n".join(LOG)).document["events"] == 16


def test_several_logs_are_fed_one_after_the_other(run: Run, tmp_path: Path) -> None:
    for name, status in (("a.jsonl", "CREATION_SUCCESS"), ("b.jsonl", "OK")):
        (tmp_path / name).write_bytes(webhook("2026-05-01T08:00:00Z", "acc_1", status))
    run("feed", "a.jsonl", "b.jsonl")
    assert [event["announced"] for event in run("history", "acc_1", "--json").records] == ["CREATION_SUCCESS", "OK"]


def test_a_log_can_be_judged_without_keeping_anything(run: Run, log: Path, tmp_path: Path) -> None:
    ran = run("feed", log, "--store", "memory:")
    assert "16 events" in ran.out
    assert "account-lifecycle audit" not in ran.err
    assert list(tmp_path.glob("*.db")) == []


def test_the_redelivery_window_and_deadlines_can_be_told(run: Run) -> None:
    repeats = [webhook("2026-05-01T08:00:00Z", "acc_1", "CREATION_SUCCESS")]
    repeats += [webhook("2026-05-01T08:00:30Z", "acc_1", "CREATION_SUCCESS")]
    told = run("feed", "-", "--redelivery-window", "10", "--json", stdin=b"\n".join(repeats)).document
    assert told["kinds"] == {"STALE_REPEAT": 1}


def test_findings_end_with_exit_code_6_only_if_they_are_asked_about(run: Run, log: Path) -> None:
    assert run("feed", log, "--store", "memory:", "--fail-on", "error").code == 6
    assert run("feed", log, "--store", "memory:", "--fail-on", "STUCK").code == 0
    assert run("feed", log, "--store", "memory:").code == 0


def test_a_simulated_log_is_scored_against_its_truth(run: Run) -> None:
    run("simulate", "fleet.jsonl", "--accounts", "20", "--days", "60", "--faults", "0.02")
    ran = run("feed", "fleet.jsonl", "--truth", "fleet.truth.jsonl", "--store", "memory:", "--json")
    score = ran.document["score"]
    assert score["lines"] == score["events"] > 100
    assert score["injected"] == score["found"] + score["unknowable"] + score["missed"] > 0
    assert (score["missed"], score["false_alarms"]) == (0, 0)
    people = run("feed", "fleet.jsonl", "--truth", "fleet.truth.jsonl", "--store", "memory:").out
    assert f"found {score['found']} of {score['injected']} injected faults" in " ".join(people.split())


def test_a_truth_about_another_log_does_not_fit(run: Run, log: Path) -> None:
    run("simulate", "fleet.jsonl", "--accounts", "5", "--days", "30")
    score = run("feed", log, "--truth", "fleet.truth.jsonl", "--json").document["score"]
    assert score["lines"] == len(LOG) != score["events"]
    assert score["false_alarms"] > 5


def test_a_store_that_fails_midway_tells_what_is_committed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = SQLiteStore.feed
    calls = []

    def fail_later(self: SQLiteStore, *args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == 3:
            raise StoreError("the disk is full")
        return feed(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(SQLiteStore, "feed", fail_later)
    lines = [webhook("2026-05-01T08:00:00Z", f"acc_{number}", "OK") for number in range(10)]
    ran = run("feed", "-", "--batch-size", "4", stdin=b"\n".join(lines))
    assert ran.code == 1
    assert "8 lines committed before it failed" in ran.err
    assert ran.err.endswith("Error: the disk is full\n")


def test_a_log_that_is_not_there_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    ran = run("feed", "nowhere.jsonl")
    assert ran.code == 2
    assert "nowhere.jsonl" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_log_and_its_truth_are_written(run: Run, tmp_path: Path) -> None:
    told = run("simulate", "fleet.jsonl", "--accounts", "10", "--days", "30", "--json").document
    lines = (tmp_path / "fleet.jsonl").read_text().splitlines()
    assert (told["log"], told["truth"], told["accounts"]) == ("fleet.jsonl", "fleet.truth.jsonl", 10)
    assert told["events"] == len(lines) > 20
    assert json.loads((tmp_path / "fleet.truth.jsonl").read_text().splitlines()[0])["events"] == len(lines)


def test_people_are_told_what_was_written_and_how_to_feed_it(run: Run) -> None:
    ran = run("simulate", "fleet.jsonl", "--accounts", "1")
    assert ran.out == ""
    assert "of 1 account" in ran.err
    assert ran.err.endswith("Feed it: account-lifecycle feed fleet.jsonl --truth fleet.truth.jsonl\n")


def test_the_same_seed_gives_the_same_log_today_and_tomorrow(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("simulate", f"{name}.jsonl", "--accounts", "5", "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.jsonl").read_bytes() for name in "abc")
    assert a == b != c
    assert b'"received_at": "2026-01-' in a


def test_an_archive_of_a_store_is_a_log_like_any_other(run: Run, store: Path) -> None:
    accounts = run("account", "list", "--json", "--now", NOW).out
    assert run("db", "prune", "--before", "2027-01-01", "--archive", "old.jsonl.gz", "--yes").code == 0
    ran = run("feed", "old.jsonl.gz", "--store", "sqlite:///again.db")
    assert ran.code == 0
    assert "read as: archive of a store, as db prune writes it" in ran.err
    assert run("account", "list", "--json", "--now", NOW, "--store", "sqlite:///again.db").out == accounts
    assert run("replay", "old.jsonl.gz", "--into", "sqlite:///seeded.db").code == 0
    assert run("verify", "--store", "sqlite:///seeded.db").code == 0
    assert run("replay", "old.jsonl.gz", "--detect").out.startswith("old.jsonl.gz read as: archive of a store")


def test_a_clean_log_has_no_fault_but_those_that_are_named(run: Run) -> None:
    def faults(*options: str) -> set[str]:
        rates = run("simulate", "fleet.jsonl", "--force", "--accounts", "2", *options, "--json").document["rates"]
        return {name for name, rate in rates.items() if rate}

    assert faults("--clean") == set()
    assert faults("--clean", "--fault", "drop=0.1", "--fault", "duplicate=0.2") == {"drop", "duplicate"}
    assert len(faults()) > 10
    assert len(faults("--faults", "0.02", "--fault", "drop=0")) == len(faults()) - 1


def test_only_some_providers_can_be_simulated(run: Run, tmp_path: Path) -> None:
    run("simulate", "fleet.jsonl", "--accounts", "5", "--clean", "--provider", "telegram")
    run("feed", "fleet.jsonl")
    assert {account["provider"] for account in run("account", "list", "--json").records} == {"TELEGRAM"}


def test_bare_lines_carry_no_time(run: Run, tmp_path: Path) -> None:
    run("simulate", "fleet.jsonl", "--accounts", "2", "--clean", "--bare")
    assert "received_at" not in (tmp_path / "fleet.jsonl").read_text()


def test_what_cannot_be_meant_is_a_usage_error(run: Run) -> None:
    for options, told in (
        (["--fault", "gremlins=0.1"], "'gremlins' is not a fault. There are duplicate,"),
        (["--fault", "drop"], "Write drop=0.02, from 0 to 1."),
        (["--fault", "drop=2"], "faults.drop: found 2.0; expected a probability"),
        (["--clean", "--faults", "0.1"], "exclude each other"),
    ):
        ran = run("simulate", "fleet.jsonl", *options)
        assert ran.code == 2, options
        assert told in " ".join(ran.err.split()), options
