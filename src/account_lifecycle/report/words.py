"""Words for people: counts, lengths and periods, and a report summed up in sentences. Foreign words are escaped."""

from datetime import timedelta

from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Health, Verdict
from ..lifecycle.wording import escaped, health_words, lasting, moment, one_of, printable
from ..stores.fleet import AccountTally
from .audit import FAILING, AuditReport, LogTotals, WindowTotals
from .grouping import Group

MAX_WORD = 60
"""How much of a foreign word is shown where it shares a line; JSON and CSV have all of it."""

MAX_SOURCES = 5
"""How many logs are named in a sentence; JSON has all of them."""

NOT_ANNOUNCED = "not announced"
"""Stands for a provider that is not known because no event named one."""


def short(word: str) -> str:
    """Return a foreign word that fits on a line."""
    return printable(word, MAX_WORD - 1) if len(word) > MAX_WORD else escaped(word)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 account``, ``2,000 accounts``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def severity_words(severity: Severity, count: int) -> str:
    """Return what so many anomalies of a severity are called: ``error``, ``errors``, ``info``."""
    return severity if count == 1 or severity is Severity.INFO else f"{severity}s"


def hours(length: timedelta) -> str:
    """Return a length in hours, which add up: ``12.5 h``, ``1,250 h``."""
    value = length.total_seconds() / 3600
    return f"{value:,.0f} h" if value >= 100 else f"{value:.1f} h"


def share(part: timedelta, whole: timedelta) -> str:
    """Return how much of a length another is: ``12.5 %``, and ``< 0.1 %`` for next to nothing."""
    percent = 100 * (part / whole if whole else 0)
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def provider_name(provider: str | None) -> str:
    """Return a provider, or that none was announced."""
    return NOT_ANNOUNCED if provider is None else short(provider)


# ---- One anomaly, one group -------------------------------------------------------------------------


def circumstances(found: Anomaly | Group) -> str:
    """Return what was announced, in which status, by which provider."""
    before = found.before if isinstance(found, Group) else found.situation.status
    provider = f"provider {NOT_ANNOUNCED}" if found.provider is None else short(found.provider)
    what = f"still {before}" if found.kind is AnomalyKind.STUCK else f"{short(found.announced)} while {before}"
    return f"{what}, {provider}"


def seen(group: Group) -> str:
    """Return when the anomalies of a group were found."""
    if group.first_seen == group.last_seen:
        return moment(group.last_seen)
    return f"{moment(group.first_seen)} to {moment(group.last_seen)}"


def place_of(anomaly: Anomaly) -> str:
    """Return which event an anomaly is about."""
    return f"account {escaped(anomaly.account_id)}, event {anomaly.sequence:,}"


# ---- The whole report -------------------------------------------------------------------------------


def headline(report: AuditReport) -> str:
    """Return what was found, in a sentence."""
    if not report.anomalies:
        return f"No anomalies on {counted(report.accounts, 'account')}."
    parts = [f"{count:,} {severity_words(severity, count)}" for severity, count in report.by_severity.items() if count]
    found = counted(report.anomalies, "anomaly", "anomalies")
    of_all = f"{report.affected_accounts:,} of {counted(report.accounts, 'account')}"
    return f"{found} on {of_all}: {one_of(tuple(parts), 'and')}."


HEALTH_NAMES = {health: health.value.lower().replace("_", " ") for health in Health} | {
    Health.ACTION_REQUIRED: "down until their user signs in"
}
"""Each health as it is said of several accounts."""


def top_lines(report: AuditReport) -> list[str]:
    """Return what comes before everything else: accounts that were lost together, if they still are."""
    return [str(incident) for incident in report.present_incidents[:MAX_TOP_LINES]]


def other_incidents(report: AuditReport) -> list[str]:
    """Return the incidents that do not stand above everything else."""
    top = report.present_incidents[:MAX_TOP_LINES]
    return [str(incident) for incident in report.incidents if incident not in top]


MAX_TOP_LINES = 2
"""How many incidents stand above everything else; the others are among what changed."""


def acting(health: Health, alike: tuple[AccountTally, ...]) -> str:
    """Return who must act on accounts of a health and how, in a sentence or two."""
    accounts = sum(each.accounts if health in FAILING else each.stuck or 0 for each in alike)
    if health in FAILING:
        verb = "is" if accounts == 1 else "are"
        return f"{counted(accounts, 'account')} {verb} {HEALTH_NAMES[health]}. {health_words(health).advice}"
    verb = "has" if accounts == 1 else "have"
    longer = f"{counted(accounts, 'account')} {verb} been {HEALTH_NAMES[health]} for longer than that lasts."
    return f"{longer} Reconcile with the vendor: what its list of accounts says settles it."


def numbers_of(each: AccountTally, report: AuditReport) -> tuple[str, str, str]:
    """Return how many accounts stand alike, for how long the first of them, and how many for too long."""
    age = "" if each.oldest is None else lasting(max(report.until - each.oldest, timedelta(0)))
    return f"{each.accounts:,}", age, f"{each.stuck:,}" if each.stuck else ""


def changes(report: AuditReport) -> str:
    """Return how the fleet changed within the last day, in a sentence; blank where that is not known."""
    if report.changed is None:
        return ""
    parts = tuple(f"{count:+,} {HEALTH_NAMES[health]}" for health, count in report.changed.items())
    return f"Within the last 24 hours: {', '.join(parts) or 'no account changed its health'}."


def presumption(report: AuditReport) -> str:
    """Return how many accounts are live only as far as one can presume, in a sentence; blank for none."""
    if not report.presumed_live:
        return ""
    return f"{counted(report.presumed_live, 'account')} presumed live: OK is not announced to you."


def period(report: AuditReport) -> str:
    """Return the period that the report covers."""
    since = report.wanted.since or (report.log and report.log.first_at)
    start = "the first event" if since is None else moment(since)
    return f"From {start} to {moment(report.wanted.until or report.generated_at)}"


def limits(report: AuditReport) -> str:
    """Return what the report is limited to besides its period; blank for nothing."""
    wanted = report.wanted
    named = (
        ("kind", wanted.kind),
        ("severity", wanted.severity),
        ("account", wanted.account_id),
        ("provider", wanted.provider),
    )
    given = [f"{name} {escaped(word)}" for name, word in named if word is not None]
    if report.open_only:
        given.append("accounts that are neither live again nor deleted")
    return f"Only {', '.join(given)}." if given else ""


def blindness(windows: WindowTotals) -> str:
    """Return how long accounts were blind, in a sentence."""
    if not windows.windows:
        return "No account was blind."
    downtime = f"{hours(windows.lost)} of downtime that was announced"
    if windows.estimated:
        downtime += f", and at most {hours(windows.estimated)} more that nobody announced"
    return (
        f"{counted(windows.windows, 'blind window')}, {windows.open:,} still open: {downtime} "
        f"({hours(windows.to_backfill)} to backfill)."
    )


def unreadable(report: AuditReport) -> str:
    """Return what could not be read and where it is kept, in a sentence."""
    unit = "payload" if report.log is None else "line"
    if not report.quarantined:
        return f"Every {unit} could be read."
    sentence = f"{counted(report.quarantined, unit)} could not be read"
    if report.log is None:
        return f"{sentence}; every byte is in quarantine."
    path = report.log.refused_to
    return f"{sentence}." if path is None else f"{sentence}; they are in {escaped(path)}."


# ---- Logs that were replayed ------------------------------------------------------------------------


def as_of(report: AuditReport) -> str:
    """Return when the fleet is as the report describes it."""
    return "now" if report.log is None else "at the end"


def sources(log: LogTotals, most: int = MAX_SOURCES) -> str:
    """Return the logs by name, or the first of many."""
    if not log.sources:
        return "no log"
    names = tuple(map(escaped, log.sources[:most]))
    more = len(log.sources) - len(names)
    return one_of((*names, f"{more:,} more") if more else names, "and")


def reading(log: LogTotals) -> str:
    """Return what was read, in a sentence or two."""
    sentence = f"{counted(log.events, 'event')} from {sources(log)}."
    if not log.undated:
        return sentence
    those = "All of them" if log.undated == log.events else f"{log.undated:,} of them"
    return f"{sentence} {those} carried no time, and count as received when they were replayed."


def verdicts(log: LogTotals) -> str:
    """Return how many events got each verdict, in a sentence; blank where none was read."""
    if not any(log.verdicts.values()):
        return ""
    counts = ", ".join(f"{log.verdicts[v]:,} {v.lower()}" for v in Verdict if log.verdicts[v] or v not in _RARE)
    sentence = f"{counts}; besides, {counted(log.deadlines, 'deadline')} passed." if log.deadlines else f"{counts}."
    if not log.failed_creations:
        return sentence
    failed = counted(log.failed_creations, "creation")
    return f"{sentence} {failed} failed before there was an account."


_RARE = (Verdict.CONFIRMED,)  # of a log: what was observed is in ledgers only
