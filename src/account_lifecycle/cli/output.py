"""How answers look: JSON for programs, aligned columns and wrapped paragraphs for people.

Data goes to stdout, messages go to stderr. Rows are plain strings, because an answer may have millions of them; only
headings and paragraphs are made with rich. Colour repeats what a word says; NO_COLOR and pipes are without.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from ..lifecycle.wording import escaped
from ..report.tables import GAP, MAX_LINE, UNLIMITED, Column, Table, painted, style_of, wrapped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_UNITS_S = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
PIPED_WIDTH = 80
"""How wide paragraphs are in a pipe, where the width of the screen is unknown."""


# ---- For programs ---------------------------------------------------------------------------------


def write_document(document: Any) -> None:
    """Write one document."""
    click.echo(json.dumps(document, indent=2))


def write_record(record: Any) -> None:
    """Write one line of a stream."""
    sys.stdout.write(json.dumps(record) + "\n")


# ---- Rows -----------------------------------------------------------------------------------------


class Sheet:
    """Rows in aligned columns on stdout, each written as it comes, so that a million rows need no memory."""

    def __init__(self, *columns: Column) -> None:
        self._is_terminal = _is_terminal()
        self._width = shutil.get_terminal_size().columns if self._is_terminal else UNLIMITED
        self._colour = self._is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._table = Table(columns, width=self._width, colour=self._colour)
        self.row_count = 0

    def row(self, *cells: str) -> None:
        """Write one row, and the titles before the first."""
        if not self.row_count:
            sys.stdout.write(self._table.titles())
        self.row_count += 1
        sys.stdout.write(self._table.row(*cells))

    def note(self, lead: str, text: str, word: str = "", style: str = "") -> None:
        """Write wrapped text below a row, after ``lead``; ``word``, with which the text begins, is in a style."""
        width = min(self._width if self._is_terminal else PIPED_WIDTH, MAX_LINE) - len(lead)
        lines = wrapped(escaped(text), max(20, width))
        if self._colour and lines[0].startswith(word):
            lines[0] = painted(word, style) + lines[0].removeprefix(word)
        sys.stdout.write(lead + f"\n{' ' * len(lead)}".join(lines) + "\n")


def clock(at: datetime | None) -> str:
    """Return a time in UTC, to the second, for a column."""
    return "unknown" if at is None else at.isoformat(" ", "seconds")[:19]


def about(length: timedelta) -> str:
    """Return a length of time for a column, in its largest unit: ``3 h``."""
    seconds = int(abs(length.total_seconds()))
    for unit, size in _UNITS_S:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"


def _is_terminal() -> bool:
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


# ---- Headings and paragraphs ------------------------------------------------------------------------


def screen(*, stderr: bool = False) -> "Console":
    """Return standard output (or error) as rich writes it. Nothing that is printed is taken for markup."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Screen(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say(message: str) -> None:
    """Write a message to the person in front of the screen."""
    click.echo(message, err=True)


def styled(word: object, style: str | None = None) -> "Text":
    """Return a word in its colour, with what a terminal could act upon escaped."""
    from rich.text import Text

    return Text(escaped(str(word)), style=style_of(str(word)) if style is None else style)


def composed(*parts: "str | Text") -> "Text":
    """Return words one after the other, each in its own colour."""
    from rich.text import Text

    return Text.assemble(*(styled(part, "") if isinstance(part, str) else part for part in parts))


def write_paragraph(console: "Console", text: "str | Text", indent: int = 0, first: "str | Text" = "") -> None:
    """Write wrapped text; ``first`` stands in its first line, where the indentation would be."""
    width = max(20, min(console.width if console.is_terminal else PIPED_WIDTH, MAX_LINE) - indent)
    for number, line in enumerate(composed(text).wrap(console, width)):
        line.rstrip()
        lead = composed(first) if number == 0 else composed("")
        console.print(composed(lead, " " * (indent - lead.cell_len), line))


def write_heading(console: "Console", title: str, note: str = "") -> None:
    """Write the title of a part, with an empty line before it."""
    console.print()
    console.print(composed(styled(title, "bold"), styled(f"  {note}" if note else "", "dim")))


def write_fields(console: "Console", fields: "Iterable[tuple[str, str | Text]]", indent: int = 2) -> None:
    """Write names and values, one a line, values aligned; blank ones are left out."""
    rows = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in rows), default=0) + len(GAP)
    for name, value in rows:
        write_paragraph(console, value, indent + width, first=f"{'':{indent}}{name}")
