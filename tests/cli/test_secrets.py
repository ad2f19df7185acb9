"""A password in a URL, wherever on the command line or in the environment it is given, is never printed."""

from collections.abc import Iterator

import click
import pytest

from account_lifecycle.cli.program import program
from cli.shell import Ran, invoke

SECRET = "hunter2XQZ"
URLS = [
    f"postgresql://me:{SECRET}@127.0.0.1:1/db",
    f"postgresql://127.0.0.1:1/db?user=me&password={SECRET}",
    f"postgresql://me:a b{SECRET}@127.0.0.1:1/db",
    f"host=127.0.0.1 port=1 password='{SECRET}'",
    f"mysql://me:{SECRET}@127.0.0.1/db",
]


def commands(group: click.Group, *names: str) -> Iterator[list[str]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield [*names, name]


COMMANDS = [*commands(program)]


def said(ran: Ran) -> str:
    return ran.out + ran.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_password_is_never_printed(command: list[str]) -> None:
    names_a_file = command == ["simulate"]  # which may be called as it likes
    for url in URLS[:3] if names_a_file else URLS:
        for arguments in ([url], ["--store", url], [f"--stroe={url}"], ["--to", url], ["--since", url], [url, url]):
            assert SECRET not in said(invoke(*command, *arguments)), arguments


def test_a_password_in_the_environment_is_never_printed() -> None:
    for url in URLS:
        for arguments in (["config", "show"], ["config", "show", "--json"], ["account", "list"], ["feed", "--help"]):
            assert SECRET not in said(invoke(*arguments, ACCOUNT_LIFECYCLE_STORE=url)), arguments
        assert SECRET not in said(invoke("config", "show", ACCOUNT_LIFECYCLE_BATCH_SIZE=url))
        assert SECRET not in said(invoke("config", "show", ACCOUNT_LIFECYCLE_DEADLINES=url))
        assert SECRET not in said(invoke("config", "show", ACCOUNT_LIFECYCLE_STROE=url))
