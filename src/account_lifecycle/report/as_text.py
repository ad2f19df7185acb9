"""The audit for a terminal: as wide as it is, every word wrapped rather than cut.

Knows rich, and imports it only when something is written. Colours follow the terminal and ``NO_COLOR``.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, TextIO, cast

from ..lifecycle.anomalies import Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import moment
from .audit import AuditReport, LogTotals, ProviderTotals, TopAccount, WindowTotals
from .grouping import Group
from .ranking import KindTold, told_by_kind
from .words import (
    blindness,
    circumstances,
    counted,
    headline,
    hours,
    limits,
    period,
    place_of,
    printable,
    provider_told,
    reading_told,
    seen,
    share,
    unreadable,
    verdicts_told,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_TOP = 5
"""How many accounts are named as those with the most anomalies."""
_GROUPS_OF_A_KIND = 3
"""How many groups of one kind are told of logs, which may hold thousands: the largest ones."""
_CHUNK = 200
"""How many rows of the full list are laid out at a time."""


def write_text(report: AuditReport, stream: TextIO) -> None:
    """Write the report, grouped: totals, then every group with its latest anomaly explained.

    That of a replay has more to tell besides, and of each kind only the largest groups.
    """
    console = _console(stream)
    log = report.log
    told = (
        reading_told(log) if log else "",
        f"{period(report)}. {limits(report)}".rstrip(),
        verdicts_told(log) if log else "",
        blindness(report.windows),
        unreadable(report),
    )
    console.print(_text(headline(report), "bold"))
    for sentence in filter(None, told):
        console.print(_text(sentence))
    if log is not None:
        _write_log(console, report, log)
    elif report.groups:
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


# ---- Of a replay -----------------------------------------------------------------------------------


def _write_log(console: "Console", report: AuditReport, log: LogTotals) -> None:
    """What a replay has to tell, part by part."""
    parts = (
        ("By provider", _figures(_PROVIDER_TITLES, map(_provider, log.providers))),
        ("By kind", _figures(_KIND_TITLES, ((k, f"{n:,}", k.severity, k.meaning) for k, n in report.by_kind.items()))),
        ("What deviated", _kind_table(told_by_kind(report, _GROUPS_OF_A_KIND))),
        ("Accounts with the most anomalies", _figures(_TOP_TITLES, map(_top_row, report.top_accounts))),
        ("Blind windows, by what they began with", _figures(_CAUSE_TITLES, _causes(report.windows))),
        ("Time in each status", _figures(_DWELT_TITLES, _dwelt(log))),
    )
    for title, table in parts:
        if table.row_count:
            console.print()
            console.print(_text(title, "bold"))
            console.print(table)


_PROVIDER_TITLES = ("provider", "accounts", "affected", "events", "anomalies", "windows", "lost")
_KIND_TITLES = ("kind", "anomalies", "severity", "meaning")
_TOP_TITLES = ("account", "anomalies", "status", "health", "provider")
_CAUSE_TITLES = ("cause", "windows", "open", "lost", "share")
_DWELT_TITLES = ("status", "time", "share")
_NUMBERS = {"accounts", "affected", "events", "anomalies", "windows", "open", "lost", "share", "time"}


def _figures(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> "Table":
    """Names and numbers, one row a line."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, justify="right" if title in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _provider(totals: ProviderTotals) -> Sequence[str]:
    counts = (totals.accounts, totals.affected_accounts, totals.events, totals.anomalies, totals.windows)
    return (provider_told(totals.provider), *(f"{count:,}" for count in counts), hours(totals.lost))


def _top_row(top: TopAccount) -> Sequence[str]:
    account = top.account
    ending = ("", "", "") if account is None else (account.status, account.health, provider_told(account.provider))
    return (top.account_id, f"{top.anomalies:,}", *ending)


def _causes(windows: WindowTotals) -> Iterable[Sequence[str]]:
    for each in windows.by_cause:
        lost = hours(each.lost), share(each.lost, windows.lost)
        yield (each.cause or "not known", f"{each.windows:,}", f"{each.open:,}", *lost)


def _dwelt(log: LogTotals) -> Iterable[Sequence[str]]:
    dwelt = log.dwelt
    whole = sum(dwelt.values(), timedelta(0))
    return ((status, hours(length), share(length, whole)) for status, length in dwelt.items())


def _kind_table(kinds: Iterable[KindTold]) -> "Table":
    table = _story_table()
    for told in kinds:
        for group in told.groups:
            _add_group(table, group)
        if told.rest:
            count = sum(group.count for group in told.rest)
            more = counted(len(told.rest), "more group")
            table.add_row(_text(f"{count:,}"), "", _text(f"{told.kind} in {more}; --json has all of them"))
    return table


# ---- Groups and anomalies ----------------------------------------------------------------------------


def _group_table(groups: Iterable[Group]) -> "Table":
    table = _story_table()
    for group in groups:
        _add_group(table, group)
    return table


def _story_table() -> "Table":
    table = _table(show_header=True)
    table.add_column("count", justify="right")
    table.add_column("severity")
    table.add_column("anomaly", ratio=1)
    return table


def _add_group(table: "Table", group: Group) -> None:
    lines = (
        f"{circumstances(group)}, {seen(group)}",
        group.example.explanation,
        f"Example: {place_of(group.example)}.",
    )
    severity = _text(group.severity, _STYLES[group.severity])
    table.add_row(_text(f"{group.count:,}"), severity, _story(group.kind, group.kind.meaning, lines))


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
