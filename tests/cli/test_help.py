"""Help: every command explains itself, with examples that can be typed."""

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from account_lifecycle.cli.commands import PROGRAM
from account_lifecycle.cli.program import program
from cli.shell import Run


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from commands(sub, (*path, name))


ALL = dict(commands(program))
EXAMPLES = [line for command in ALL.values() for _, line in command.examples]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_an_example_in_its_help(path: tuple[str, ...], run: Run) -> None:
    told = run(*path, "--help").out
    assert "Examples:" in told
    assert f"    {PROGRAM}" in told or f"| {PROGRAM}" in told


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_a_narrow_terminal(path: tuple[str, ...], run: Run) -> None:
    examples = {f"    {line}" for _, line in ALL[path].examples}  # type: ignore[attr-defined]
    told = [line for line in run(*path, "--help").out.splitlines() if line not in examples]
    assert max(len(line) for line in told) <= 80


@pytest.mark.parametrize("path", [path for path in ALL if path], ids=" ".join)
def test_an_example_of_a_command_uses_that_command(path: tuple[str, ...]) -> None:
    assert all(" ".join(path) in line for _, line in ALL[path].examples)  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_can_be_typed(line: str, tmp_path: Path) -> None:
    typed = line.rpartition("| ")[2].partition(" > ")[0]
    words = [word for word in shlex.split(typed) if not word.startswith("ACCOUNT_LIFECYCLE_")]
    for name in words:
        if name.endswith((".jsonl", ".csv")):
            (tmp_path / name).touch()
    assert words[0] == PROGRAM
    command: click.Command = program
    context = click.Context(program)
    rest = words[1:]
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(PROGRAM, rest, parent=context).close()


def test_every_command_stands_under_a_heading() -> None:
    listed = [name for names in program.sections.values() for name in names]
    assert sorted(listed) == sorted(program.commands)


def test_the_exit_codes_and_completion_are_documented(run: Run) -> None:
    told = run("--help").out
    assert "6    found what --fail-on names" in told
    assert "7    not proved" in told
    assert "_ACCOUNT_LIFECYCLE_COMPLETE=bash_source" in told


def test_help_waits_for_nothing_that_it_does_not_need() -> None:
    asked = "import sys; from account_lifecycle.cli import main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert "account_lifecycle.cli.program" in loaded
    for heavy in ("pydantic_settings", "rich.progress", "apsw", "account_lifecycle.drawing", "wasmtime"):
        assert heavy not in loaded, heavy


@pytest.mark.parametrize(
    ("words", "incomplete", "completion"),
    [
        ((), "qu", "quarantine"),
        (("account",), "ex", "explain"),
        (("account", "list", "--status"), "cred", "CREDENTIALS"),
        (("account", "list", "--health"), "li", "LIVE"),
        (("account", "list", "--provider"), "out", "OUTLOOK"),
        (("audit", "--kind"), "late", "LATE_EVENT"),
        (("audit", "--fail-on"), "err", "error"),
        (("explain", "OK"), "rec", "RECONNECTED"),
        (("explain", "OK", "OK", "--provider"), "tw", "TWITTER"),
    ],
)
def test_the_shell_completes_commands_and_closed_words(
    words: tuple[str, ...], incomplete: str, completion: str
) -> None:
    from click.shell_completion import ShellComplete

    complete = ShellComplete(program, {}, PROGRAM, "_ACCOUNT_LIFECYCLE_COMPLETE")
    found = [item.value for item in complete.get_completions(list(words), incomplete)]
    assert completion in found
