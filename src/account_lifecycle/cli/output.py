"""How answers look: JSON for programs, aligned columns and wrapped paragraphs for people.

Knows terminals, widths and colours; it must never know a store or a rule. Data goes to stdout, words go
to stderr. Colour only ever repeats what a word says already; rich leaves it out for NO_COLOR and in pipes.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..lifecycle.anomalies import Severity
from ..lifecycle.status import Health, Verdict
from ..lifecycle.wording import lasting
from ..report.words import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MAX_LINE = 100
"""Paragraphs are not wider than this, however wide the terminal."""
PIPED_WIDTH = 80
"""How wide paragraphs are where nobody can tell how wide the screen is."""
UNLIMITED = 10_000
GAP = "  "

STYLES: dict[str, str] = {
    Health.UNKNOWN: "dim",
    Health.STARTING: "cyan",
    Health.LIVE: "green",
    Health.INTERRUPTED: "yellow",
    Health.ACTION_REQUIRED: "bold red",
    Health.RECOVERING: "cyan",
    Health.FAILED: "red",
    Health.GONE: "dim",
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
    Verdict.APPLIED: "",
    Verdict.REPEATED: "dim",
    Verdict.HELD: "yellow",
}
"""The colour of every health, severity and verdict."""


# ---- For programs ---------------------------------------------------------------------------------


def write_json(document: Any) -> None:
    """One document."""
    click.echo(json.dumps(document, indent=2))


def write_json_line(record: Any) -> None:
    """One line of a stream."""
    click.echo(json.dumps(record))


# ---- For people -----------------------------------------------------------------------------------


def screen(*, stderr: bool = False) -> "Console":
    """Standard output (or error) as rich writes it. Nothing that is printed is taken for markup."""
    from rich.console import Console

    class Screen(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Screen(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


def say(message: str) -> None:
    """A word to the person in front of the screen."""
    click.echo(message, err=True)


def styled(word: object, style: str | None = None) -> "Text":
    """A word in its colour; what a terminal could act upon is written as an escape."""
    from rich.text import Text

    return Text(printable(str(word)), style=STYLES.get(str(word), "") if style is None else style)


def joined(*parts: "str | Text") -> "Text":
    """Words one after the other, each in its own colour."""
    from rich.text import Text

    return Text.assemble(*(styled(part, "") if isinstance(part, str) else part for part in parts))


def write_paragraph(console: "Console", text: "str | Text", indent: int = 0, first: "str | Text" = "") -> None:
    """Wrapped text; ``first`` stands before it in its first line, where the indentation would be."""
    width = max(20, min(text_width(console), MAX_LINE) - indent)
    for number, line in enumerate(joined(text).wrap(console, width)):
        line.rstrip()
        lead = joined(first) if number == 0 else joined("")
        console.print(joined(lead, " " * (indent - lead.cell_len), line))


def text_width(console: "Console") -> int:
    """How wide a paragraph may be."""
    return console.width if console.is_terminal else PIPED_WIDTH


def line_width(console: "Console") -> int:
    """How long a line of columns may be; in a pipe nothing is folded away."""
    return console.width if console.is_terminal else UNLIMITED


def write_heading(console: "Console", title: str, note: str = "") -> None:
    """A title of a part, with an empty line before it."""
    console.print()
    console.print(joined(styled(title, "bold"), styled(f"  {note}" if note else "", "dim")))


class Column(NamedTuple):
    """One column of a sheet."""

    title: str
    width: int = 0
    right: bool = False


class Sheet:
    """Rows in aligned columns, each written as it comes, so that a million rows need no room.

    A cell that is too wide is never cut: ids are there to be copied. What is last in a row moves to a line
    of its own where the screen has no room for it.
    """

    INDENT = 4

    def __init__(self, console: "Console", *columns: Column) -> None:
        self._console = console
        self._columns = tuple(c._replace(width=max(c.width, len(c.title))) for c in columns)
        self._room = line_width(console) - sum(c.width + len(GAP) for c in self._columns[:-1])
        self._titled = False

    def row(self, *cells: "str | Text") -> None:
        """Write one row, and the titles before the first."""
        if not self._titled:
            self._titled = True
            self._write([styled(column.title, "dim") for column in self._columns])
        self._write([joined(cell) for cell in cells])

    def _write(self, cells: "Sequence[Text]") -> None:
        parts: list[str | Text] = []
        for column, cell in zip(self._columns, cells, strict=True):
            pad = " " * (column.width - cell.cell_len)
            parts += [pad, cell, GAP] if column.right else [cell, pad, GAP]
        folds = cells[-1].cell_len > self._room
        line = joined(*(parts[:-3] if folds else parts))
        line.rstrip()
        self._console.print(line)
        if folds:
            write_paragraph(self._console, cells[-1], self.INDENT)


def write_fields(console: "Console", fields: "Iterable[tuple[str, str | Text]]", indent: int = 2) -> None:
    """Names and values, one a line, values aligned; blank ones are left out."""
    rows = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in rows), default=0) + len(GAP)
    for name, value in rows:
        write_paragraph(console, value, indent + width, first=f"{'':{indent}}{name}")


def clock(at: datetime | None) -> str:
    """A time in UTC, to the second, for a column."""
    return "unknown" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def about(length: timedelta) -> str:
    """A length of time for a column, in its largest unit: ``3 h``."""
    return " ".join(lasting(length).split()[:2])
