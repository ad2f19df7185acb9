"""Endings: exit codes, one plain line for what went wrong, and questions that change nothing."""

import sqlite3
from pathlib import Path

import pytest

from account_lifecycle.stores.sqlite import SQLiteStore
from cli.shell import Run

QUESTIONS = [
    ("account", "list"),
    ("account", "show", "acc_1"),
    ("account", "explain", "acc_1"),
    ("history", "acc_1"),
    ("windows",),
    ("deadlines",),
    ("audit",),
    ("quarantine", "list"),
    ("quarantine", "show", "1"),
    ("quarantine", "replay"),
    ("quarantine", "dismiss", "1"),
    ("verify",),
    ("db", "check"),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_question_never_makes_a_store(question: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    ran = run(*question)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "Error: account-lifecycle.db: there is no store here. "
        "Fill one: account-lifecycle feed LOG --store sqlite:///account-lifecycle.db\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_no_store_either(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert run("audit", "--store", "sqlite:///empty.db").code == 1
    assert (tmp_path / "empty.db").read_bytes() == b""


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_a_question_to_a_store_that_is_forgotten_at_once_makes_no_sense(question: tuple[str, ...], run: Run) -> None:
    ran = run(*question, "--store", "memory:")
    assert ran.code == 2
    assert "expected a store that outlives a command" in ran.err


def test_a_store_that_cannot_be_opened_is_one_plain_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but it is long enough to look at" * 100)
    ran = run("account", "list", "--store", "sqlite:///text.db")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: ")
    assert "text.db: this is not a SQLite file." in ran.err
    assert ran.err.count("\n") == 1


def test_another_programs_file_is_left_alone(run: Run, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = (tmp_path / "other.db").read_bytes()
    assert run("feed", "-", "--store", "sqlite:///other.db", stdin=b"{}").code == 1
    assert (tmp_path / "other.db").read_bytes() == before


def test_a_url_that_names_no_store_is_a_usage_error(run: Run) -> None:
    ran = run("account", "list", "--store", "redis://here")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Error: store: found 'redis://here'; expected ")


def test_ctrl_c_ends_a_question_with_its_own_exit_code(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SQLiteStore, "accounts", press)
    ran = run("account", "list")
    assert (ran.code, ran.out, ran.err) == (130, "", "Error: interrupted\n")


def test_a_second_ctrl_c_ends_a_feed_at_once(run: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SQLiteStore, "feed", press)
    ran = run("feed", log)
    assert ran.code == 130
    assert ran.err == "Error: interrupted at once; at least 0 lines committed\n"


def test_a_word_outside_a_closed_set_is_a_usage_error_that_names_the_set(run: Run, store: Path) -> None:
    ran = run("account", "list", "--status", "FINE")
    assert ran.code == 2
    assert "CREDENTIALS" in ran.err


@pytest.mark.parametrize("command", [("feed", "--store", "memory:"), ("replay",)], ids=["feed", "replay"])
@pytest.mark.parametrize(
    ("allowed", "code"),
    [("unreadable", 6), ("unreadable=4.9%", 6), ("unreadable=5%", 0), ("unreadable=100%", 0)],
)
def test_a_share_that_cannot_be_read_fails_the_command_only_above_what_fail_on_allows(
    command: tuple[str, ...], allowed: str, code: int, run: Run, tmp_path: Path
) -> None:
    announced = '{"AccountStatus": {"account_id": "acc_%d", "account_type": "LINKEDIN", "message": "CONNECTING"}}\n'
    lines = [announced % number for number in range(19)] + ['{"AccountStatus": {}}\n']
    (tmp_path / "mixed.jsonl").write_text("".join(lines))
    ran = run(command[0], "mixed.jsonl", *command[1:], "--fail-on", allowed)
    assert ran.code == code
    assert ("1 of 20 could not be read, which is more than --fail-on allows" in ran.err) is (code == 6)


@pytest.mark.parametrize("share", ["unreadable=much", "unreadable=-1%", "unreadable=101%"])
def test_a_share_that_is_none_is_refused_by_name(share: str, run: Run, log: Path) -> None:
    ran = run("replay", str(log), "--fail-on", share)
    assert ran.code == 2
    assert share in ran.err
