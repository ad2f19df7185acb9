"""What every command shares: examples in its help, errors as one line, exit codes, closed pipes and signals."""

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from shlex import quote
from typing import Any, NoReturn

import click
from typing_extensions import override

from ..errors import AccountLifecycleError, AccountNotFound, ConfigurationError
from ..urls import hide_urls

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
    NOT_PROVED = 7
    """Nothing is wrong with the record as far as it can be judged again, but not all of it can."""
    INTERRUPTED = 130


EXIT_CODES = """\b
Exit codes:
  0    fine
  1    failed: the store or a file cannot be used, the record does not hold,
       or less than half of a log could be read
  2    usage: an invalid option, argument or setting
  3    not found: no such account, hook, delivery or quarantined payload
  6    found what --fail-on names, or verify --against-definition found
       differences
  7    not proved: verify could not judge every event again
  130  interrupted, by Ctrl-C or SIGTERM; what is committed is reported
"""


class Failed(click.ClickException):
    """End with one line that says what failed."""

    exit_code = ExitCode.FAILED


class BadSetting(click.ClickException):
    """End with one line about an invalid setting."""

    exit_code = ExitCode.USAGE


class NotFound(click.ClickException):
    """End with one line about what is not there."""

    exit_code = ExitCode.NOT_FOUND


class Interrupted(click.ClickException):
    """End with one line about what was done before Ctrl-C or SIGTERM."""

    exit_code = ExitCode.INTERRUPTED


class CheckedType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A type whose values are checked when all options are known, before the command does anything."""

    def checked(self, value: Any, param: click.Parameter, ctx: click.Context) -> Any:
        """Return what the command gets in place of the value; fail if that cannot be used."""
        raise NotImplementedError


class Command(click.Command):
    """A command whose help ends with examples."""

    def __init__(self, *args: Any, examples: Iterable[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments. Say, where one begins with a hyphen and is no option, how it is given all the same.

        What is said of wrong ones quotes no URL, in which there may be a password.
        """
        given = [*args]
        try:
            return self._parse(ctx, args, given)
        except click.UsageError as error:
            said = message = error.format_message()
            for word in given:
                said = said.replace(word, hide_urls(word)).replace(repr(word), repr(hide_urls(word)))
            if said == message:
                raise
            raise click.UsageError(said, ctx) from None

    def _parse(self, ctx: click.Context, args: list[str], given: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            argument = next((each for each in self.get_params(ctx) if isinstance(each, click.Argument)), None)
            word = next((each for each in given if _is_about(error.option_name, each)), None)
            if argument is None or word is None:
                raise
            name = argument.make_metavar(ctx).strip("[].")
            line = f"{ctx.command_path} -- {quote(hide_urls(word))}"
            message = f"{error.message} If it is the {name}, put options first, then --: {line}"
            raise click.NoSuchOption(error.option_name, message, error.possibilities, ctx) from None

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Check what has to be checked, and run."""
        for param in self.params:
            value = ctx.params.get(param.name or "")
            if isinstance(param.type, CheckedType) and value is not None:
                ctx.params[param.name or ""] = param.type.checked(value, param, ctx)
        return super().invoke(ctx)

    @override
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each under what it is for, then the epilog."""
        if self.examples:
            with formatter.section("Examples"):
                for purpose, line in self.examples:
                    formatter.write_text(introduced(purpose))
                    formatter.write(f"{'':>{formatter.current_indent + 2}}{line}\n")
        super().format_epilog(ctx, formatter)


class CommandGroup(Command, click.Group):
    """Commands under one name, in the order in which they were added."""

    command_class = Command

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, first added first."""
        return list(self.commands)


CommandGroup.group_class = CommandGroup


class Program(CommandGroup):
    """The whole command line, which turns errors into one line and an exit code."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under headings that say what they are for."""
        widest = max(len(name) for name in self.commands)
        for title, names in self.sections.items():
            with formatter.section(title):
                rows = [(name, self.commands[name].get_short_help_str(80)) for name in names]
                formatter.write_dl([(name.ljust(widest), short_help) for name, short_help in rows])

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and turn every error into one line and an exit code."""
        _never_fail_on_a_character()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # a pipe that was closed must be noticed here, not at exit
            return result
        except BrokenPipeError:
            _end_quietly(ctx)
        except AccountNotFound as error:
            raise NotFound(f"{error}. See: account-lifecycle account list") from error
        except ConfigurationError as error:
            raise BadSetting(str(error)) from error
        except AccountLifecycleError as error:
            raise Failed(str(error)) from error
        except OSError as error:
            named = error.filename and error.strerror
            raise Failed(f"{hide_urls(str(error.filename))}: {error.strerror}" if named else str(error)) from error
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


def _is_about(option: str, word: str) -> bool:
    """Return whether an option that there is not, as click names it, was read out of a word of the command line."""
    is_letters = word[:1] == "-" and word[1:2] != "-"  # -abc may be the options -a, -b and -c
    return option == word.partition("=")[0] or (is_letters and len(option) == 2 and option[1] in word)


def introduced(purpose: str) -> str:
    """Return the line above an example: a question as it is, anything else with a colon."""
    return purpose if purpose.endswith("?") else f"{purpose}:"


def _end_quietly(ctx: click.Context) -> NoReturn:
    """End without an error: the reader has closed the pipe. Nothing is left that could fail at exit."""
    with suppress(OSError, ValueError, io.UnsupportedOperation):
        stdout = sys.stdout.fileno()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout)
    ctx.exit(ExitCode.FINE)


def _never_fail_on_a_character() -> None:
    """Escape what a narrow terminal encoding cannot show, rather than break off in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
