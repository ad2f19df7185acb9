"""What every command shares: examples in its help, plain errors, exit codes, closed pipes and Ctrl-C.

Knows click and exit codes; it must never know what a command does.
"""

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Any, NoReturn

import click
from typing_extensions import override

from ..errors import AccountLifecycleError, ConfigurationError

PROGRAM = "account-lifecycle"
"""The name of the program, as the examples write it."""


class ExitCode(IntEnum):
    """How a command ends."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    FOUND = 6
    """It ran well and found what --fail-on names, or differences."""
    INTERRUPTED = 130


EXIT_CODES = """\b
Exit codes:
  0  fine
  1  failed: the store cannot be used, a file cannot be written, or the
     record does not hold
  2  usage: an option or a setting that cannot be meant
  3  not found: no such account, no such number in the quarantine
  6  ran fine and found what --fail-on names, or verify
     --against-definition found differences
  130  interrupted with Ctrl-C; what is committed is told
"""


class Failed(click.ClickException):
    """An ending told in one plain line."""

    exit_code = ExitCode.FAILED


class BadSetting(click.ClickException):
    """A setting that cannot be meant."""

    exit_code = ExitCode.USAGE


class NotFound(click.ClickException):
    """What was asked for is not there."""

    exit_code = ExitCode.NOT_FOUND


class Interrupted(click.ClickException):
    """Ctrl-C, and what there is to tell about it."""

    exit_code = ExitCode.INTERRUPTED


class Command(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the epilog."""
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """Commands under one name, in the order in which they were added."""

    command_class = Command

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, first added first."""
        return list(self.commands)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the epilog."""
        write_examples(self.examples, formatter)
        super().format_epilog(ctx, formatter)


Group.group_class = Group


class Program(Group):
    """The whole command line: where errors become one line and an exit code."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, under headings that say what they are for."""
        widest = max(len(name) for name in self.commands)
        for title, names in self.sections.items():
            with formatter.section(title):
                rows = [(name, self.commands[name].get_short_help_str(80)) for name in names]
                formatter.write_dl([(name.ljust(widest), told) for name, told in rows])

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and see that whatever ends it is told plainly."""
        _never_fail_on_a_character()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a pipe that was closed must be noticed here, not at exit
            return result
        except BrokenPipeError:
            _end_quietly(ctx)
        except SystemExit as end:
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            _end_quietly(ctx)  # rich has noticed the closed pipe first
        except ConfigurationError as error:
            raise BadSetting(str(error)) from error
        except AccountLifecycleError as error:
            raise Failed(str(error)) from error
        except OSError as error:
            raise Failed(_told(error)) from error
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


def write_examples(examples: Iterable[tuple[str, str]], formatter: click.HelpFormatter) -> None:
    """The examples of a command, each with what it is for."""
    rows = list(examples)
    if rows:
        with formatter.section("Examples"):
            for purpose, line in rows:
                formatter.write_text(introduced(purpose))
                formatter.write(f"{'':>{formatter.current_indent + 2}}{line}\n")


def introduced(purpose: str) -> str:
    """What stands above a command line: a question as it is, anything else with a colon."""
    return purpose if purpose.endswith("?") else f"{purpose}:"


def _told(error: OSError) -> str:
    name = error.filename
    return f"{name}: {error.strerror}" if name and error.strerror else str(error)


def _end_quietly(ctx: click.Context) -> NoReturn:
    """The reader has seen enough: no error, and nothing left that could fail at exit."""
    with suppress(OSError, ValueError, io.UnsupportedOperation):
        stdout = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)
    ctx.exit(ExitCode.FINE)


def _never_fail_on_a_character() -> None:
    """Escape what a narrow terminal encoding cannot show, rather than break off in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
