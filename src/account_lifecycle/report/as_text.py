"""The audit for a terminal: as wide as it is, every word wrapped rather than cut.

Rows are plain strings (``tables``); rich is asked only how wide the terminal is and whether colours are wanted, which
follows ``COLUMNS``, ``NO_COLOR`` and the like.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple, TextIO

from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import escaped, moment
from .audit import AuditReport, LogTotals, ProviderTotals, TopAccount
from .grouping import Group, by_kind
from .tables import GAP, MIN_ROOM, Column, Table, fitted, painted, style_of, wrapped
from .words import (
    acting,
    blindness,
    changes,
    circumstances,
    counted,
    headline,
    hours,
    limits,
    numbers_of,
    other_incidents,
    period,
    place_of,
    presumption,
    provider_name,
    reading,
    seen,
    share,
    top_lines,
    unreadable,
    verdicts,
)

_TOP = 5
"""How many accounts are named as those with the most anomalies."""
_SITUATIONS = 8
"""How many situations of a store are explained: those that still affect the most accounts."""
_WORST = {severity: place for place, severity in enumerate(reversed(Severity))}
_ALIKE, _INCIDENTS = 10, 5
"""How many kinds of accounts that somebody must act on, and how many incidents that are over, are listed."""
_GROUPS_OF_A_KIND = 3
"""How many groups of one kind are shown of logs, which may hold thousands: the largest ones."""
_NUMBERS = frozenset(
    (
        "accounts", "for up to", "stuck", "affected", "still affected", "events", "anomalies", "windows", "open",
        "downtime", "share", "time", "estimated",
    )
)  # fmt: skip
"""Titles of columns that are aligned on the right."""


def write_text(report: AuditReport, stream: TextIO) -> None:
    """Write the report: who must act, what changed, then what was anomalous: totals, kinds, and the groups that still
    affect the most accounts, each with its latest anomaly explained.

    That of a replay has more parts, and of each kind the largest groups.
    """
    screen = _screen_of(stream)
    log = report.log
    sentences = (
        reading(log) if log else "",
        *(escaped(remark) for remark in (log.remarks if log else ())),
        f"{period(report)}. {limits(report)}".rstrip(),
        verdicts(log) if log else "",
        blindness(report.windows),
        presumption(report),
        unreadable(report),
    )
    _write_acting(screen, report)
    screen.paragraph(headline(report), "bold")
    for word in report.unannounced:
        screen.paragraph(word.explanation, style_of(Severity.WARNING))
    for sentence in filter(None, sentences):
        screen.paragraph(sentence)
    if log is not None:
        _write_log(screen, report, log)
    elif report.groups:
        screen.paragraph("Most anomalies: " + ", ".join(map(_top, report.top_accounts[:_TOP])) + ".")
        _write_store(screen, report)


def write_text_in_full(anomalies: Iterable[Anomaly], stream: TextIO) -> None:
    """Write every anomaly, one a row, as the stream is read."""
    screen = _screen_of(stream)
    columns = (Column("received", 19), Column("severity", 8), Column("anomaly"))
    number = 0
    for number, anomaly in enumerate(anomalies, 1):
        if number == 1:
            screen.titles(columns)
        lines = (f"{place_of(anomaly)}: {circumstances(anomaly)}", anomaly.explanation)
        cells = (moment(anomaly.at).removesuffix(" UTC"), anomaly.severity)
        screen.story(columns, cells, anomaly.kind, anomaly.meaning, lines)
    if not number:
        screen.paragraph("No anomalies.")


class _Screen(NamedTuple):
    """Where a report is written."""

    stream: TextIO
    width: int
    colour: bool

    def paragraph(self, text: str, style: str = "") -> None:
        """Write text, wrapped."""
        for line in wrapped(escaped(text), self.width):
            self.stream.write(f"{painted(line, style) if self.colour else line}\n")

    def titles(self, columns: Sequence[Column]) -> None:
        """Write the titles of stories."""
        self.stream.write(Table(columns, colour=self.colour).titles())

    def story(
        self, columns: Sequence[Column], cells: Sequence[str], kind: AnomalyKind, meaning: str, lines: Iterable[str]
    ) -> None:
        """Write an anomaly or a group: two cells, and beside them its kind with what there is to say about it."""
        first, severity = (
            f"{cell:>{c.width}}" if c.right else f"{cell:<{c.width}}" for cell, c in zip(cells, columns, strict=False)
        )
        room = max(MIN_ROOM, self.width - len(first) - len(severity) - 2 * len(GAP))
        margin = " " * (len(first) + len(severity) + 2 * len(GAP))
        words = [line for text in (f"{kind}: {meaning}", *lines) for line in wrapped(escaped(text), room)]
        if self.colour:
            severity = painted(severity, style_of(kind.severity))
            words[0] = words[0].replace(kind, painted(kind, "bold"), 1)
        self.stream.write(f"\n{first}{GAP}{severity}{GAP}" + f"\n{margin}".join(words) + "\n")

    def figures(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write names and numbers under a title, one row a line; nothing where there is no row."""
        rows = [*rows]
        if not rows:
            return
        self.paragraph("")
        self.paragraph(title, "bold")
        sized = fitted([Column(name, len(name), right=name in _NUMBERS, style=style_of) for name in columns], rows)
        if sum(c.width + len(GAP) for c in sized[:-1]) + min(sized[-1].width, MIN_ROOM) <= self.width:
            self.stream.writelines(Table(sized, width=self.width, colour=self.colour, hanging=True).lines(rows))
            return
        for name, *cells in rows:  # too narrow for columns
            self.paragraph(name)
            pairs = ", ".join(f"{title} {cell}" for title, cell in zip(columns[1:], cells, strict=True) if cell)
            self.stream.writelines(f"  {line}\n" for line in wrapped(escaped(pairs), self.width - 2))


def _screen_of(stream: TextIO) -> _Screen:
    from rich.console import Console

    console = Console(file=stream)
    return _Screen(stream, console.width, console.color_system is not None and not console.no_color)


# ---- People ----------------------------------------------------------------------------------------


def _write_acting(screen: _Screen, report: AuditReport) -> None:
    """Write who must act, and what changed; a blank line ends it where there was anything."""
    for line in top_lines(report):
        screen.paragraph(line, style_of(Severity.ERROR))
    rows = list[Sequence[str]]()
    for health, alike in report.to_act_on:
        screen.paragraph(acting(health, alike), "bold")
        rows += [(health, provider_name(each.provider), each.status, *numbers_of(each, report)) for each in alike]
    title = f"Who must act: the largest {_ALIKE} of {len(rows):,} kinds" if len(rows) > _ALIKE else "Who must act"
    columns = ("health", "provider", "status", "accounts", "for up to", "stuck")
    screen.figures(title, columns, rows[:_ALIKE])
    lines = [*other_incidents(report)[:_INCIDENTS], *([changes(report)] if report.changed else [])]
    if rows and lines:
        screen.paragraph("")
    if lines:
        screen.paragraph("What changed", "bold")
        for line in lines:
            screen.paragraph(line)
    if rows or lines:
        screen.paragraph("")


# ---- Groups ----------------------------------------------------------------------------------------


_GROUP_COLUMNS = (Column("count", 5, right=True), Column("severity", 8), Column("anomaly"))


def _write_store(screen: _Screen, report: AuditReport) -> None:
    """Write the kinds, and below them the situations that still affect the most accounts, each explained."""
    still = report.still_affected
    kinds = sorted(
        report.by_kind.items(), key=lambda each: (-still.get(each[0], 0), _WORST[each[0].severity], -each[1])
    )
    rows = ((kind, f"{count:,}", f"{still.get(kind, 0):,}", kind.severity, kind.meaning) for kind, count in kinds)
    screen.figures("Kinds", ("kind", "anomalies", "still affected", "severity", "meaning"), rows)
    ranked = sorted(report.groups, key=lambda group: -(group.still_affected or 0))
    top, rest = ranked[:_SITUATIONS], ranked[_SITUATIONS:]
    screen.paragraph("")
    screen.paragraph("Top situations" if rest else "Situations", "bold")
    screen.titles(_GROUP_COLUMNS)
    for group in top:
        _write_group(screen, group)
    if rest:
        count = sum(group.count for group in rest)
        words = f"in {counted(len(rest), 'more situation')}; --json has all of them, --full every anomaly"
        screen.stream.write("\n" + Table(_GROUP_COLUMNS, width=screen.width).row(f"{count:,}", "", words))


def _write_group(screen: _Screen, group: Group) -> None:
    example = group.example
    still = f"Still affected: {counted(group.still_affected, 'account')}. " if group.still_affected else ""
    lines = (f"{circumstances(group)}, {seen(group)}", example.explanation, f"{still}Example: {place_of(example)}.")
    screen.story(_GROUP_COLUMNS, (f"{group.count:,}", group.severity), group.kind, group.kind.meaning, lines)


def _top(top: TopAccount) -> str:
    now = "" if top.account is None else f", now {top.account.status}"
    return f"{top.account_id} ({top.anomalies:,}{now})"


# ---- Of a replay -----------------------------------------------------------------------------------


def _write_log(screen: _Screen, report: AuditReport, log: LogTotals) -> None:
    """Write what a replay has to say, part by part."""
    providers = ("provider", "accounts", "affected", "events", "anomalies", "windows", "downtime")
    screen.figures("By provider", providers, map(_provider, log.providers))
    kinds = ((kind, f"{count:,}", kind.severity, kind.meaning) for kind, count in report.by_kind.items())
    screen.figures("By kind", ("kind", "anomalies", "severity", "meaning"), kinds)
    if report.groups:
        screen.paragraph("")
        screen.paragraph("What deviated", "bold")
        screen.titles(_GROUP_COLUMNS)
    for found in by_kind(report.groups, _GROUPS_OF_A_KIND):
        for group in found.largest:
            _write_group(screen, group)
        if found.rest:
            count = sum(group.count for group in found.rest)
            rest = f"{found.kind} in {counted(len(found.rest), 'more group')}; --json has all of them"
            screen.stream.write("\n" + Table(_GROUP_COLUMNS, width=screen.width).row(f"{count:,}", "", rest))
    tops = ("account", "anomalies", "status", "health", "provider")
    screen.figures("Accounts with the most anomalies", tops, map(_top_row, report.top_accounts))
    windows = report.windows
    causes = (
        (
            c.cause or "unknown",
            f"{c.windows:,}",
            f"{c.open:,}",
            hours(c.lost),
            share(c.lost, windows.lost),
            hours(c.estimated) if c.estimated else "",
        )
        for c in windows.by_cause
    )
    columns = ("cause", "windows", "open", "downtime", "share", "estimated")
    screen.figures("Blind windows, by what they began with", columns, causes)
    whole = sum(log.dwelt.values(), timedelta(0))
    dwelt = ((status, hours(length), share(length, whole)) for status, length in log.dwelt.items())
    screen.figures("Time in each status", ("status", "time", "share"), dwelt)


def _provider(totals: ProviderTotals) -> Sequence[str]:
    counts = (totals.accounts, totals.affected_accounts, totals.events, totals.anomalies, totals.windows)
    return (provider_name(totals.provider), *(f"{count:,}" for count in counts), hours(totals.lost))


def _top_row(top: TopAccount) -> Sequence[str]:
    account = top.account
    ending = ("", "", "") if account is None else (account.status, account.health, provider_name(account.provider))
    return (top.account_id, f"{top.anomalies:,}", *ending)
