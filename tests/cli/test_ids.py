"""Ids as people have them: those that begin with a hyphen, and those that nothing was ever fed for.

The stories are made from the commands, so that a new one that takes an account's id is covered.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from account_lifecycle.cli.program import program
from cli.shell import Run, webhook

HYPHENED = "-Xy_7"
BESIDE = {"account erase": ["--yes"], "hooks redrive": []}
"""What a command needs besides, so that it asks nobody."""


def taking_an_id(group: click.Group = program, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], bool]]:
    """Every command that takes an id of a store's account, and whether that is an argument of its own."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from taking_an_id(command, (*path, name))
        names = [parameter.name for parameter in command.params]
        for parameter in command.params if "store" in names else ():
            if parameter.name == "account_id":
                yield [*path, name, *BESIDE.get(" ".join((*path, name)), [])], isinstance(parameter, click.Argument)


COMMANDS = [*taking_an_id()]
each_command = pytest.mark.parametrize(
    ("command", "is_argument"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS]
)


def asked(command: list[str], is_argument: bool, account_id: str) -> list[str]:
    return [*command, "--", account_id] if is_argument else [*command, "--account", account_id]


@pytest.fixture
def hyphened(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", f"sqlite:///{tmp_path}/hyphened.db")
    lines = [webhook(f"2026-05-0{day}T08:00:00Z", HYPHENED, "OK" if day % 2 else "ERROR") for day in (1, 2, 3)]
    assert run("feed", "-", stdin=b"\n".join(lines)).code == 0


def test_there_are_commands_that_take_an_id() -> None:
    names = {" ".join(words) for words, _ in COMMANDS}
    assert {"account show", "account explain", "history", "audit", "windows", "diagram", "hooks deliveries"} <= names


@each_command
def test_an_id_that_begins_with_a_hyphen_is_an_id_like_any_other(
    command: list[str], is_argument: bool, run: Run, hyphened: None
) -> None:
    ran = run(*asked(command, is_argument, HYPHENED))
    assert ran.code == 0, ran.err


@each_command
def test_an_account_that_nothing_was_ever_fed_for_is_not_found(
    command: list[str], is_argument: bool, run: Run, hyphened: None
) -> None:
    for nobody in ("nobody", "-nobody"):
        ran = run(*asked(command, is_argument, nobody))
        assert (ran.code, ran.out) == (3, "")
        assert f"nothing was ever fed for the account '{nobody}'. See: account-lifecycle account list" in ran.err


@pytest.mark.parametrize("account_id", [HYPHENED, "--no-option", "-hello"])
@pytest.mark.parametrize("command", [words for words, is_argument in COMMANDS if is_argument], ids=" ".join)
def test_an_id_that_is_taken_for_an_option_is_answered_with_the_line_to_write(
    command: list[str], account_id: str, run: Run, hyphened: None
) -> None:
    ran = run(*command, account_id)
    assert ran.code == 2
    said = " ".join(ran.err.split())
    assert said.endswith(f"put options first, then --: program {' '.join(words_of(command))} -- {account_id}")
    assert run(*command, "--", account_id).code == (0 if account_id == HYPHENED else 3)


def words_of(command: list[str]) -> list[str]:
    return [word for word in command if not word.startswith("-")]


def test_a_provider_that_was_never_announced_is_a_fault_of_usage_with_the_words_that_there_are(
    run: Run, store: Path
) -> None:
    for command in (["account", "list"], ["audit"]):
        ran = run(*command, "--provider", "NOPE")
        assert (ran.code, ran.out) == (2, "")
        assert "provider: found 'NOPE'; expected LINKEDIN, WHATSAPP," in ran.err


@pytest.mark.parametrize(
    "command", ["hooks redrive", "quarantine show", "quarantine replay", "quarantine dismiss", "history a --last"]
)
def test_a_number_that_no_row_can_have_is_a_fault_of_usage_and_no_damage(command: str, run: Run, store: Path) -> None:
    ran = run(*command.split(), str(2**63))
    assert (ran.code, ran.out) == (2, "")
    assert "9223372036854775808 is not in the range 1<=x<=9223372036854775807" in ran.err
