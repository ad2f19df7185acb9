"""The audit for a terminal: as wide as it is, every word wrapped rather than cut.

Knows rich, and imports it only when something is written. Colours follow the terminal and ``NO_COLOR``.
"""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, TextIO, cast

from ..lifecycle.anomalies import Severity
from ..lifecycle.explain import Anomaly, moment
from .audit import AuditReport, TopAccount
from .grouping import Group
from .words import blindness, circumstances, headline, limits, period, place_of, printable, seen, unreadable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_TOP = 5
"""How many accounts are named as those with the most anomalies."""
_CHUNK = 200
"""How many rows of the full list are laid out at a time."""


def write_text(report: AuditReport, stream: TextIO) -> None:
    """Write the report, grouped: totals, then every group with its latest anomaly explained."""
    console = _console(stream)
    console.print(_text(headline(report), "bold"))
    console.print(_text(f"{period(report)}. {limits(report)}".rstrip()))
    console.print(_text(blindness(report.windows)))
    console.print(_text(unreadable(report)))
    if report.groups:
        console.print(_text("Most anomalies: " + ", ".join(map(_top, report.top_accounts[:_TOP])) + "."))
        console.print()
        console.print(_group_table(report.groups))


def write_text_in_full(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly, one a row, as the stream is read."""
    console = _console(stream)
    remaining, is_first = iter(anomalies), True
    while chunk := list(islice(remaining, _CHUNK)):
        console.print(_anomaly_table(chunk, show_header=is_first))
        is_first = False
    if is_first:
        console.print(_text("No anomalies."))


def _group_table(groups: Iterable[Group]) -> "Table":
    table = _table(show_header=True)
    table.add_column("count", justify="right")
    table.add_column("severity")
    table.add_column("anomaly", ratio=1)
    for group in groups:
        lines = (
            f"{circumstances(group)}, {seen(group)}",
            group.example.explanation,
            f"Example: {place_of(group.example)}.",
        )
        severity = _text(group.severity, _STYLES[group.severity])
        table.add_row(_text(f"{group.count:,}"), severity, _story(group.kind, group.kind.meaning, lines))
    return table


def _anomaly_table(anomalies: Iterable[Anomaly], *, show_header: bool) -> "Table":
    table = _table(show_header=show_header)
    table.add_column("received", width=19)
    table.add_column("severity", width=8)
    table.add_column("anomaly", ratio=1)
    for anomaly in anomalies:
        lines = (f"{place_of(anomaly)}: {circumstances(anomaly)}", anomaly.explanation)
        severity = _text(anomaly.severity, _STYLES[anomaly.severity])
        at = _text(moment(anomaly.at).removesuffix(" UTC"))
        table.add_row(at, severity, _story(anomaly.kind, anomaly.meaning, lines))
    return table


def _story(kind: str, meaning: str, lines: Iterable[str]) -> "Text":
    """A heading and what is told under it."""
    story = _text(kind, "bold")
    story.append(f": {meaning}\n", style="not bold")
    return story.append("\n".join(map(printable, lines)), style="not bold")


def _top(top: TopAccount) -> str:
    now = "" if top.account is None else f", now {top.account.status}"
    return f"{top.account_id} ({top.anomalies:,}{now})"


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    target = stream if stream.isatty() else cast("TextIO", _Trimmed(stream))
    return Console(file=target, highlight=False, markup=False, emoji=False)


class _Trimmed:
    """A stream for files and pipes, whose lines end with their last word: tables fill them up with blanks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write every line that is complete."""
        *lines, self._line = (self._line + text).split("\n")
        self._stream.writelines(f"{line.rstrip()}\n" for line in lines)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def isatty(self) -> bool:
        """No terminal, or it would not be trimmed."""
        return False


def _text(words: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text(printable(words), style=style, overflow="fold")


def _table(*, show_header: bool) -> "Table":
    from rich.table import Table

    return Table(box=None, show_header=show_header, expand=True, pad_edge=False, padding=(0, 2, 1, 0))
