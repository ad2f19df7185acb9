"""``db``: checks, backups, copies and prunes, as a person meets them."""

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from account_lifecycle import Engine, HookCall
from account_lifecycle.testing import payload
from cli.shell import LOG, NOW, Run
from postgres_server import empty

pytest_plugins = ("postgres_server",)

LOG_EVENTS = len(LOG) - 2
WITHOUT_QUESTION = ("db", "prune", "--before", "2026-05-03", "--yes", "--archive")


@pytest.fixture
def emptied(database: str) -> str:
    """A database on a server with nothing in it."""
    empty(database)
    return database


# ---- check --------------------------------------------------------------------------------------------


def test_a_store_in_good_order_is_checked_in_a_few_lines(run: Run, store: Path) -> None:
    ran = run("db", "check")
    told = " ".join(ran.out.split())
    assert ran.code == 0
    assert f"record holds: {LOG_EVENTS} events of 5 accounts head" in told


def test_a_store_of_another_version_is_refused_and_left_alone(run: Run, store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("PRAGMA user_version = 7")
    ran = run("db", "check")
    assert (ran.code, ran.out) == (1, "")
    assert "has schema version 7" in ran.err


def test_a_record_that_does_not_hold_is_told_with_its_first_fault(run: Run, store: Path) -> None:
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE account SET is_stuck = 1 WHERE account_id = 'acc_live'")
    ran = run("db", "check")
    assert ran.code == 1
    assert "does not hold: 1 fault, the first: account acc_live: stuck" in " ".join(ran.out.split())
    assert run("db", "check", "--json").document["intact"] is False


# ---- backup -------------------------------------------------------------------------------------------


def test_a_backup_is_a_store_like_any_other_with_the_same_head(run: Run, store: Path, tmp_path: Path) -> None:
    ran = run("db", "backup", tmp_path / "backup.db", "--json")
    assert ran.document["bytes"] == (tmp_path / "backup.db").stat().st_size
    there = run("verify", "--json", "--store", f"sqlite:///{tmp_path / 'backup.db'}").document
    assert (there["intact"], there["events"]) == (True, LOG_EVENTS)
    assert there["head"] == ran.document["head"] == run("verify", "--json").document["head"]


def test_a_backup_never_replaces_a_file(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.db").write_text("mine")
    ran = run("db", "backup", tmp_path / "precious.db")
    assert ran.code == 2
    assert "exists already" in ran.err
    assert (tmp_path / "precious.db").read_text() == "mine"


# ---- copy ---------------------------------------------------------------------------------------------


def test_a_copy_on_a_server_holds_and_has_everything(run: Run, store: Path, emptied: str) -> None:
    ran = run("db", "copy", "--to", emptied, "--json")
    assert ran.code == 0
    assert ran.document["rows"]["event"] == LOG_EVENTS
    there = run("verify", "--store", emptied, "--json").document
    assert (there["intact"], there["events"], there["head"]) == (True, LOG_EVENTS, ran.document["head"])
    for question in (["account", "list", "--now", NOW], ["history", "acc_down"], ["quarantine", "list"]):
        assert run(*question, "--json", "--store", emptied).out == run(*question, "--json").out
    assert run("db", "check", "--store", emptied).code == 0


def test_a_copy_never_goes_into_a_store_that_holds_something(run: Run, store: Path, emptied: str) -> None:
    assert run("db", "copy", "--to", emptied).code == 0
    before = run("verify", "--store", emptied, "--json").document["head"]
    assert run("db", "copy", "--to", emptied).code == 1
    assert run("verify", "--store", emptied, "--json").document["head"] == before


def test_a_store_on_a_server_is_backed_up_by_the_server(run: Run, emptied: str, tmp_path: Path) -> None:
    ran = run("db", "backup", tmp_path / "backup.db", "--store", emptied)
    assert ran.code == 1
    assert "such as pg_dump" in ran.err
    assert not (tmp_path / "backup.db").exists()


def test_a_copy_from_file_to_file_is_a_backup(run: Run, store: Path, tmp_path: Path) -> None:
    ran = run("db", "copy", "--to", "sqlite:///copy.db")
    assert ran.code == 2
    assert "From file to file: db backup" in ran.err
    assert not (tmp_path / "copy.db").exists()


# ---- prune --------------------------------------------------------------------------------------------


def test_pruned_events_are_in_the_archive_and_the_rest_still_verifies(run: Run, store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.jsonl.gz"
    accounts = run("account", "list", "--json", "--now", NOW).out
    segment = run(*WITHOUT_QUESTION, archive, "--json").document["segment"]
    lines = [json.loads(line) for line in gzip.decompress(archive.read_bytes()).splitlines()]
    assert segment["events"] == len(lines) == 8
    assert segment["archive_sha256"] == sha256(archive.read_bytes()).hexdigest()
    assert segment["head"] == lines[-1]["digest"]
    assert segment["until"] == "2026-05-03T00:00:00Z"
    assert run("account", "list", "--json", "--now", NOW).out == accounts
    told = run("verify", "--json").document
    assert (told["intact"], told["events"]) == (True, LOG_EVENTS - 8)
    assert "archived  8 events" in run("db", "check").out


def test_a_prune_asks_first(run: Run, store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.jsonl.gz"
    words = [word for word in WITHOUT_QUESTION if word != "--yes"]
    for answer in (b"n\n", b""):
        ran = run(*words, archive, stdin=answer)
        assert ran.code == 1
        assert "Take the events received before 2026-05-03 00:00:00 UTC out" in ran.err
        assert "nothing was done" in ran.err
        assert not archive.exists()
    ran = run(*words, archive, stdin=b"y\n")
    assert ran.code == 0
    assert "8 events taken out" in ran.err


def test_a_prune_that_finds_nothing_says_so(run: Run, store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "old.jsonl.gz"
    ran = run("db", "prune", "--before", "2020-01-01", "--archive", archive, "--yes")
    assert (ran.code, ran.out, ran.err) == (0, "", "There was nothing to take out\n")
    found = run("db", "prune", "--before", "2020-01-01", "--archive", archive, "--yes", "--json").document
    assert (found["segment"], found["stayed"]) == (None, {"events": 0, "hooks": {}, "later": None})
    assert not archive.exists()


def test_a_prune_says_what_stayed_and_why(run: Run, store: Path, tmp_path: Path) -> None:
    def fail(call: HookCall) -> None:
        raise RuntimeError(call.subject)

    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        engine.on_entered("OK", fail, name="greeter")
        engine.feed_event(payload("OK", "acc_late"), received_at=datetime(2026, 5, 1, tzinfo=UTC))
    ran = run(*WITHOUT_QUESTION, tmp_path / "old.jsonl.gz")
    assert ran.code == 0
    said = ran.err.splitlines()
    assert said[0].endswith("received before then stayed:")
    assert any("greeter has not finished with 1 of them" in line for line in said)
    assert any("was received later" in line for line in said)


def test_an_archive_is_never_overwritten_and_then_nothing_is_taken_out(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.jsonl.gz").write_text("mine")
    assert run(*WITHOUT_QUESTION, tmp_path / "precious.jsonl.gz").code == 2
    assert (tmp_path / "precious.jsonl.gz").read_text() == "mine"
    with Engine.open(f"sqlite:///{store}") as engine:
        assert engine.store.segments() == []


# ---- What is not there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("backup", "b.db"),
        ("copy", "--to", "postgresql://localhost/c"),
        ("prune", "--before", "1d", "--archive", "a.gz", "--yes"),
    ],
    ids=" ".join,
)
def test_no_command_makes_a_store_to_look_after(command: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    ran = run("db", *command)
    assert ran.code == 1
    assert "there is no store here" in ran.err
    assert list(tmp_path.iterdir()) == []
