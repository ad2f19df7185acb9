"""``simulate``: the log of a fleet that never was, and the truth about it."""

import json
from pathlib import Path

from cli.shell import Run


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


def test_a_clean_log_has_no_fault_but_those_that_are_named(run: Run) -> None:
    def faults(*options: str) -> set[str]:
        rates = run("simulate", "fleet.jsonl", "--accounts", "2", *options, "--json").document["rates"]
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
