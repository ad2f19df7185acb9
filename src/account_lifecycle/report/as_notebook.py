"""The audit in a notebook: a fragment of HTML that fits between two cells, dark or light.

Knows a fragment that brings its own look along: it has no colour for text or ground, so those of the notebook
stay, and it runs and loads nothing.
"""

from collections.abc import Iterable, Sequence

from ..lifecycle.anomalies import Severity
from .audit import AuditReport
from .markup import Markup, element, fragment
from .words import blindness, headline, hours, period, provider_told, reading_told, unreadable, verdicts_told

_LINE = "1px solid rgba(128, 128, 128, .4)"
_WHOLE = "max-width: 56rem; line-height: 1.45; font-family: system-ui, sans-serif; font-size: 13px"
_SENTENCE = "margin: .15rem 0"
_TABLE = (
    "color: inherit; font-size: inherit; border-collapse: collapse; margin: .6rem 1.5rem .2rem 0; "
    "display: inline-table; vertical-align: top"
)
_HEAD = f"text-align: left; padding: .15rem .9rem .15rem 0; font-weight: 600; background: none; border-bottom: {_LINE}"
_CELL = "text-align: left; padding: .15rem .9rem .15rem 0; background: none; border: 0"
_NUMBER = "; text-align: right; font-variant-numeric: tabular-nums"
_MARKS = {Severity.ERROR: "#d6453d", Severity.WARNING: "#b7791f", Severity.INFO: "#3b82c4"}
"""Colours that stand out from white as from black."""


def summary_html(report: AuditReport) -> str:
    """The report in short, as a fragment of HTML; everything foreign in it is escaped."""
    log = report.log
    told = [] if log is None else [reading_told(log), f"{period(report)}.", verdicts_told(log)]
    sentences = filter(None, [*told, blindness(report.windows), unreadable(report)])
    return element(
        "div",
        element("p", element("strong", headline(report)), style=_SENTENCE),
        *(element("p", sentence, style=_SENTENCE) for sentence in sentences),
        *_tables(report),
        style=_WHOLE,
        class_="account-lifecycle-audit",
    )


def _tables(report: AuditReport) -> Iterable[Markup]:
    if report.groups:
        kinds = [(_marked(kind, kind.severity), kind.severity, f"{count:,}") for kind, count in report.by_kind.items()]
        yield _table(("kind", "severity", "anomalies"), kinds)
    if report.log is not None and report.log.providers:
        rows = [
            (provider_told(each.provider), f"{each.accounts:,}", f"{each.anomalies:,}", hours(each.lost))
            for each in report.log.providers
        ]
        yield _table(("provider", "accounts", "anomalies", "lost"), rows)


_NUMBERS = {"accounts", "anomalies", "lost"}


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    aligned = [_NUMBER if title in _NUMBERS else "" for title in titles]
    head = [element("th", title, style=_HEAD + more) for title, more in zip(titles, aligned, strict=True)]
    body = [
        element("tr", *(element("td", cell, style=_CELL + more) for cell, more in zip(row, aligned, strict=True)))
        for row in rows
    ]
    whole = (element("thead", element("tr", *head)), element("tbody", *body))
    return element("table", *whole, style=_TABLE)


def _marked(word: str, severity: Severity) -> Markup:
    """A word with a mark in the colour of a severity, which is told in words beside it."""
    return fragment(element("span", "●", style=f"color: {_MARKS[severity]}", aria_hidden="true"), " ", word)
