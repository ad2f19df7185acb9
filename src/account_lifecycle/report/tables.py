"""Rows in aligned columns for terminals and pipes, made with plain strings: 200,000 of them are a common answer.

A row that needs no care (ASCII, printable, fits the screen, no colour) is one ``str.format``. Every other one is put
together cell by cell: what a terminal could act upon is escaped, wide characters count as two columns, and a last cell
that the screen has no room for moves to lines of its own. No cell is ever cut: ids are there to be copied.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from ..lifecycle.anomalies import Severity
from ..lifecycle.status import Health, Verdict
from ..lifecycle.wording import escaped

GAP = "  "
INDENT = " " * 4
UNLIMITED = 10_000
"""The width of a pipe."""
MAX_LINE = 100
"""Paragraphs are not wider than this, however wide the screen."""

MIN_ROOM = 20
"""Text is never wrapped to fewer columns than this, however narrow the screen."""

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
"""The colour of every health, severity and verdict. Colour only repeats what a word says already."""

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Column(NamedTuple):
    """A column of a table."""

    title: str
    width: int = 0
    """At least so wide, and never narrower than its title."""
    right: bool = False
    style: Callable[[str], str] | None = None
    """Tells the style of a cell by its text, such as ``bold red``; blank for none."""

    def shown(self, cell: str, width: int, *, colour: bool) -> str:
        """Return a cell that takes ``width`` columns, filled up with blanks and in its style."""
        blanks = " " * (self.width - width)
        text = painted(cell, self.style(cell)) if colour and self.style else cell
        return blanks + text if self.right else text + blanks


class Table:
    """Rows as strings, each with its line break, in columns whose widths are known before the first row.

    ``width`` is that of the screen in columns; ``colour`` says whether styles are written. With ``hanging`` a last
    cell without room is wrapped under its own title.
    """

    def __init__(
        self, columns: Sequence[Column], *, width: int = UNLIMITED, colour: bool = False, hanging: bool = False
    ) -> None:
        self._columns = tuple(c._replace(width=max(c.width, cell_width(c.title))) for c in columns)
        self._width = width
        self._colour = colour
        self._hanging = hanging
        self._styled = [(place, c) for place, c in enumerate(self._columns) if c.style] if colour else []
        *padded, last = self._columns
        cells = [f"{{:{'>' if c.right else '<'}{c.width}}}" for c in padded]
        self._format = GAP.join([*cells, f"{{:>{last.width}}}" if last.right else "{}"]).format

    def titles(self) -> str:
        """Return the row of the titles."""
        titled = tuple(column._replace(style=lambda _: "dim") for column in self._columns)
        return self._put_together([column.title for column in self._columns], titled)

    def row(self, *cells: str) -> str:
        """Return one row."""
        line = self._format(*cells)
        if not (line.isascii() and line.isprintable()):
            return self._put_together([escaped(cell) for cell in cells], self._columns)
        shown = list(cells)
        for place, column in self._styled:
            shown[place] = column.shown(cells[place], len(cells[place]), colour=True)
        if len(line) <= self._width:
            return (self._format(*shown) if self._styled else line).rstrip() + "\n"
        return self._folded(self._format(*shown[:-1], ""), cells[-1])

    def lines(self, rows: Iterable[Sequence[str]]) -> Iterator[str]:
        """Yield the titles and then every row as it comes; nothing where there is no row."""
        for number, row in enumerate(rows):
            if not number:
                yield self.titles()
            yield self.row(*row)

    def _put_together(self, cells: Sequence[str], columns: Sequence[Column]) -> str:
        widths = [cell_width(cell) for cell in cells]
        parts = [
            c.shown(cell, width, colour=self._colour) for c, cell, width in zip(columns, cells, widths, strict=True)
        ]
        taken = sum(max(c.width, width) + len(GAP) for c, width in zip(columns[:-1], widths, strict=False)) + widths[-1]
        if taken <= self._width:
            return GAP.join(parts).rstrip() + "\n"
        return self._folded(GAP.join([*parts[:-1], ""]), cells[-1])

    def _folded(self, line: str, last: str) -> str:
        if self._hanging:
            taken = sum(column.width + len(GAP) for column in self._columns[:-1])
            below = wrapped(last, max(MIN_ROOM, self._width - taken))
            return line + f"\n{' ' * taken}".join(below) + "\n"
        below = wrapped(last, max(MIN_ROOM, min(self._width, MAX_LINE) - len(INDENT)))
        return "\n".join([line.rstrip(), *(INDENT + each for each in below)]) + "\n"


def style_of(word: str) -> str:
    """Return the style of a health, a severity or a verdict; blank for any other word."""
    return STYLES.get(word, "")


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return the columns as wide as the widest of their cells."""
    return [
        column._replace(width=max([column.width, *(cell_width(escaped(row[place])) for row in rows)]))
        for place, column in enumerate(columns)
    ]


def wrapped(text: str, width: int) -> list[str]:
    """Return text broken into lines at its blanks; a word that is longer than a line is broken too."""
    lines: list[str] = []
    start, end_of_text = 0, len(text)
    while True:
        reach = start + width if text.isascii() else _reach(text, start, width)
        if reach >= end_of_text:
            return [*lines, text[start:]]
        blank = text.rfind(" ", start, reach + 1)
        end = blank if blank > start else reach
        lines.append(text[start:end].rstrip(" "))
        start = end + 1 if text[end] == " " else end


def _reach(text: str, start: int, width: int) -> int:
    """Return where a line ends that begins at ``start`` and may be so many columns wide; one character at least."""
    for end in range(start, len(text)):
        width -= cell_width(text[end])
        if width < 0:
            return max(end, start + 1)
    return len(text)


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def painted(text: str, style: str) -> str:
    """Return text with the codes that a terminal shows in a style: words such as ``bold``, ``dim`` and ``red``."""
    return f"{_codes(style)}{text}\x1b[0m" if style and text else text


@cache
def _codes(style: str) -> str:
    return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m"
