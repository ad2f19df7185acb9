"""The sections of the audit's page that only a replay of logs has.

Knows which elements such a section is made of; the page around it is ``as_html``, the look ``page.css``. Each is
blank for the audit of a store.
"""

from datetime import timedelta

from .audit import AuditReport, LogTotals, ProviderTotals
from .markup import Column, Markup, bar, card, definitions, element, table
from .words import counted, hours, provider_told, share, sources_told, unreadable, verdicts_told

MAX_SOURCES = 20
"""How many logs the page names; JSON has all of them."""

_PROVIDER_COLUMNS = (
    Column("Provider"), Column("Accounts", "number"), Column("With anomalies", "number roomy"),
    Column("Events", "number roomy"), Column("Anomalies", "number"), Column("Blind windows", "number roomy"),
    Column("Lost", "number"),
)  # fmt: skip
_STATUS_COLUMNS = (Column("Status"), Column("Time", "number"), Column("Share", "number"), Column("", "bar"))


def read_section(report: AuditReport) -> Markup:
    """Which logs were read, and what was in them."""
    log = report.log
    if log is None:
        return Markup()
    pairs = (
        ("Logs" if len(log.sources) != 1 else "Log", sources_told(log, MAX_SOURCES)),
        ("Events", f"{log.events:,} of {counted(report.accounts, 'account')}{_undated(log)}"),
        ("Verdicts", verdicts_told(log)),
        ("Refused", unreadable(report)),
    )
    return card(definitions(pair for pair in pairs if pair[1]))


def providers_section(report: AuditReport) -> Markup:
    """What there was of each provider."""
    if report.log is None or not report.log.providers:
        return Markup()
    rows = [_provider(totals) for totals in report.log.providers]
    return card(table(_PROVIDER_COLUMNS, rows, label="What was read, by provider"))


def dwelt_section(report: AuditReport) -> Markup:
    """For how long accounts were in each status."""
    if report.log is None or not report.log.dwelt:
        return Markup()
    dwelt = report.log.dwelt
    whole, longest = sum(dwelt.values(), timedelta(0)), max(dwelt.values())
    rows = [
        (status, hours(length), share(length, whole), bar(length.total_seconds(), longest.total_seconds()))
        for status, length in dwelt.items()
    ]
    told = element("p", f"All accounts together: {hours(whole)}.")
    return card(told, table(_STATUS_COLUMNS, rows, label="Time in each status"))


def _undated(log: LogTotals) -> str:
    """How many carried no time; blank for none."""
    return f"; {log.undated:,} carried no time, and count as received when they were replayed" if log.undated else ""


def _provider(totals: ProviderTotals) -> tuple[str, ...]:
    counts = (totals.accounts, totals.affected_accounts, totals.events, totals.anomalies, totals.windows)
    return (provider_told(totals.provider), *(f"{count:,}" for count in counts), hours(totals.lost))
