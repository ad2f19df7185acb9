"""Options and arguments that name a file or a folder to be written: checked before the command does anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from ..errors import OutputError, OutputExists
from ..outputs.endings import Endings, form_of
from ..outputs.targets import OutputTarget, check_target, is_pipe
from ..urls import hide_urls, public_url
from .commands import CheckedType
from .options import FunctionT

STANDARD_OUTPUT = ("-", "/dev/stdout")
_FORCE = "account_lifecycle.force"


class _OutputPath(CheckedType):
    """A path, of which ``name`` says what it is to lead to."""

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; nothing is looked at yet. Fail for a URL, of which only the harmless parts are shown."""
        if "://" in str(value):
            self.fail(f"{public_url(str(value))} is a URL. Name a {self.name}.", param, ctx)
        return Path(value)


class OutputFile(_OutputPath):
    """A file to be written, whose ending says the format: a command gets it as a ``OutputTarget``.

    With ``streams`` it may be standard output, for which the command gets None, or a pipe of any name. Without
    ``replaceable`` not even --force replaces a file. ``beside`` says which other file is written with it.
    """

    name = "file"

    def __init__(
        self,
        endings: Endings,
        *,
        replaceable: bool = True,
        streams: bool = False,
        beside: Callable[[Path], Path] | None = None,
    ) -> None:
        self.endings = endings
        self.replaceable = replaceable
        self.streams = streams
        self.beside = beside

    @override
    def checked(self, value: Path, param: click.Parameter, ctx: click.Context) -> OutputTarget | None:
        """Return what may be written to; fail with the option, why not, and what to do."""
        if self.streams and str(value) in STANDARD_OUTPUT:
            return None
        replace = self.replaceable and bool(ctx.meta.get(_FORCE))
        try:
            for path in (value, *([self.beside(value)] if self.beside else ())):
                check_target(path, replace=replace)
            is_free = self.streams and is_pipe(value) and not value.suffix
            return OutputTarget(value, "" if is_free else form_of(value, self.endings), replace)
        except OutputError as error:
            may_be = " Or replace it with --force." if isinstance(error, OutputExists) and self.replaceable else ""
            self.fail(hide_urls(f"{error}{may_be}"), param, ctx)


class OutputFolder(_OutputPath):
    """A folder to be written into: a new one, an empty one, or one that an earlier run of the same command made."""

    name = "folder"

    def __init__(self, is_earlier: Callable[[Path], bool] = lambda _: False) -> None:
        self._is_earlier = is_earlier

    @override
    def checked(self, value: Path, param: click.Parameter, ctx: click.Context) -> Path:
        """Return the path; fail with the option, why not, and what to do."""
        if value.is_symlink() or not value.is_dir():
            try:
                check_target(value)
            except OutputError as error:
                self.fail(hide_urls(str(error)), param, ctx)
        elif any(value.iterdir()) and not self._is_earlier(value):
            self.fail(f"{value} is not empty, and nothing in it is overwritten. Name a new folder.", param, ctx)
        return value


def force_option(function: FunctionT) -> FunctionT:
    """Add --force: replace a file that is there."""
    return click.option(
        "--force",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=lambda ctx, _param, value: ctx.meta.update({_FORCE: value}),
        help="Replace a file that is there already; never a store.",
    )(function)


def chosen_form(output: OutputTarget | None, form: str | None, default: str) -> str:
    """Return the format in which to write: as the name ends, or as --format says where a name says nothing."""
    if output is None or not output.form:
        return form or default
    if form is not None and form != output.form:
        raise click.UsageError(f"--format {form} contradicts the ending of {output.path}. Leave --format out.")
    return output.form
