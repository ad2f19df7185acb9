"""Words for people: somebody else's made safe to print, ours counted, dated and summed up in a sentence.

Knows sentences; it must never know a format (``as_text``, ``as_html`` and the others do).
"""

from datetime import timedelta

from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import moment, one_of
from .audit import AuditReport, LogTotals, WindowTotals
from .grouping import Group

MAX_WORD = 60
"""How much of a foreign word is shown where it shares a line; JSON and CSV have all of it."""

MAX_SOURCES = 5
"""How many logs are named in a sentence; JSON has all of them."""

_SEVERITY_WORDS = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("for information", "for information"),
}


def printable(text: str) -> str:
    """The same text, with what a terminal or a spreadsheet could act upon written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def short(word: str) -> str:
    """A foreign word that fits on a line."""
    return printable(word if len(word) <= MAX_WORD else f"{word[: MAX_WORD - 1]}…")


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 account``, ``2,000 accounts``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def severity_words(severity: Severity, count: int) -> str:
    """``error``, ``errors``: what so many anomalies of a severity are called."""
    return _SEVERITY_WORDS[severity][count != 1]


def hours(length: timedelta) -> str:
    """A length in hours, which add up: ``12.5 h``, ``1,250 h``."""
    value = length.total_seconds() / 3600
    return f"{value:,.0f} h" if value >= 100 else f"{value:.1f} h"


def share(part: timedelta, whole: timedelta) -> str:
    """How much of a length another is: ``12.5 %``, and ``< 0.1 %`` for next to nothing."""
    percent = 100 * (part / whole if whole else 0)
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def provider_told(provider: str | None) -> str:
    """A provider, or that none was told."""
    return "not told" if provider is None else short(provider)


# ---- One anomaly, one group -------------------------------------------------------------------------


def circumstances(found: Anomaly | Group) -> str:
    """What was announced, in which status, by which provider."""
    before = found.before if isinstance(found, Group) else found.situation.status
    owner = "provider not told" if found.provider is None else short(found.provider)
    what = f"still {before}" if found.kind is AnomalyKind.STUCK else f"{short(found.announced)} while {before}"
    return f"{what}, {owner}"


def seen(group: Group) -> str:
    """When the anomalies of a group were found."""
    if group.first_seen == group.last_seen:
        return moment(group.last_seen)
    return f"{moment(group.first_seen)} to {moment(group.last_seen)}"


def place_of(anomaly: Anomaly) -> str:
    """Which event an anomaly is about."""
    return f"account {printable(anomaly.account_id)}, event {anomaly.sequence:,}"


# ---- The whole report -------------------------------------------------------------------------------


def headline(report: AuditReport) -> str:
    """What was found, in a sentence."""
    if not report.anomalies:
        return f"No anomalies on {counted(report.accounts, 'account')}."
    parts = [f"{count:,} {severity_words(severity, count)}" for severity, count in report.by_severity.items() if count]
    found = counted(report.anomalies, "anomaly", "anomalies")
    of_all = f"{report.affected_accounts:,} of {counted(report.accounts, 'account')}"
    return f"{found} on {of_all}: {one_of(tuple(parts), 'and')}."


def period(report: AuditReport) -> str:
    """What the report covers."""
    since = report.wanted.since or (report.log and report.log.first_at)
    start = "the first event" if since is None else moment(since)
    return f"From {start} to {moment(report.wanted.until or report.generated_at)}"


def limits(report: AuditReport) -> str:
    """What the report is limited to besides its period; blank for nothing."""
    wanted = report.wanted
    named = (
        ("kind", wanted.kind),
        ("severity", wanted.severity),
        ("account", wanted.account_id),
        ("provider", wanted.provider),
    )
    found = [f"{name} {printable(word)}" for name, word in named if word is not None]
    return f"Only {', '.join(found)}." if found else ""


def blindness(windows: WindowTotals) -> str:
    """How long accounts were blind, in a sentence."""
    if not windows.windows:
        return "No account was blind."
    lost = f"{hours(windows.lost)} lost ({hours(windows.lost_at_most)} to backfill)"
    return f"{counted(windows.windows, 'blind window')}, {windows.open:,} still open: {lost}."


def unreadable(report: AuditReport) -> str:
    """What could not be read and where it is, in a sentence."""
    unit = "payload" if report.log is None else "line"
    if not report.quarantined:
        return f"Every {unit} could be read."
    told = f"{counted(report.quarantined, unit)} could not be read"
    if report.log is None:
        return f"{told}; every byte is in quarantine."
    kept = report.log.refused_to
    return f"{told}." if kept is None else f"{told}; every byte is in {printable(kept)}."


# ---- Logs that were replayed ------------------------------------------------------------------------


def when_told(report: AuditReport) -> str:
    """When the report describes the fleet."""
    return "now" if report.log is None else "at the end"


def sources_told(log: LogTotals, most: int = MAX_SOURCES) -> str:
    """The logs by name, or the first of many."""
    if not log.sources:
        return "no log"
    names = tuple(map(printable, log.sources[:most]))
    more = len(log.sources) - len(names)
    return one_of((*names, f"{more:,} more") if more else names, "and")


def reading_told(log: LogTotals) -> str:
    """What was read, in a sentence."""
    told = f"{counted(log.events, 'event')} from {sources_told(log)}"
    if not log.undated:
        return f"{told}."
    those = "All of them" if log.undated == log.events else f"{log.undated:,} of them"
    return f"{told}. {those} carried no time, and count as received when they were replayed."


def verdicts_told(log: LogTotals) -> str:
    """What became of the events, in a sentence; blank where none was read."""
    if not any(log.verdicts.values()):
        return ""
    told = ", ".join(f"{count:,} {verdict.lower()}" for verdict, count in log.verdicts.items())
    if not log.deadlines:
        return f"{told}."
    return f"{told}; besides, {counted(log.deadlines, 'deadline')} passed."
