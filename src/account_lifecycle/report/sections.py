"""The sections of the audit's page: what each of them shows of a report.

Knows which elements a section is made of; the page around it is ``as_html``, the look ``page.css``.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..lifecycle import definition
from ..lifecycle.anomalies import Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.wording import moment, time_text
from .audit import AuditReport, TopAccount, WindowTotals
from .grouping import Group
from .markup import Column, Markup, bar, card, definitions, element, fragment, table
from .ranking import KindTold, told_by_kind
from .words import blindness, circumstances, counted, hours, short, unreadable, when_told

MAX_GROUPS_OF_A_KIND = 8
"""How many groups of one kind the page tells; the smaller ones are only counted."""

_BAR = Column("", "bar")
_KIND_COLUMNS = (Column("Kind"), Column("Count", "number"), _BAR, Column("Severity"), Column("Meaning", "roomy"))
_CAUSE_COLUMNS = (
    Column("Began with"), Column("Windows", "number"), Column("Open", "number"), Column("Lost", "number"), _BAR,
)  # fmt: skip
_LIST_COLUMNS = (Column("Received (UTC)", "when"), Column("Account", "account"), Column("Anomaly"))

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")
_LIFE, _LOSS = definition.PROVES_LIFE, definition.LOSSES[0]

_UNREADABLE = "Quarantine"
_READING = {
    "Anomaly": "An event that the life cycle does not allow where it arrived, or one that came late, twice or never.",
    "Error": "The record and the vendor contradict each other. Look into each of them.",
    "Warning": "Something was missed, or is unknown to this version. Look into it if it repeats.",
    "Info": "Usual where deliveries come late, twice or not at all. It is there for the record.",
    f"{_LIFE} while {_LOSS}": f"{_LIFE} was announced for an account whose status was {_LOSS} at that moment.",
    "Group": "Anomalies of the same kind, announcement, status and provider, told once. The latest is the example.",
    "Blind window": f"From the moment an account leaves {_LIFE} until {_LIFE} comes back. Meanwhile its data may be "
    "stale, and message webhooks stop.",
    "Hours lost": "From the first bad news to the recovery, as far as it lies within the period of this report.",
    "Hours to backfill": "From the last proof of life to the recovery. The connection may have been lost at any "
    "moment between that proof and the first bad news.",
    _UNREADABLE: "Payloads that could not be read. They are kept byte for byte, and nothing was concluded from them.",
    "Times": "All times are UTC and tell when something arrived. The vendor's payloads carry no time of their own.",
}

_READING_OF_LOGS = {word: meaning for word, meaning in _READING.items() if word != _UNREADABLE} | {
    "Hours lost": "From the first bad news to the recovery, or to the end of the log.",
    "Time in each status": "From the event that led an account into a status to the one that led it out, or to the "
    "end of the log.",
    "Held deadlines": "A status that must not last has outlived its deadline. It is counted among what was held, the "
    "moment after it passed.",
    "Refused lines": "Lines that are no readable event. They are kept byte for byte in a file of their own, and "
    "nothing was concluded from them.",
}


def groups_section(report: AuditReport) -> Markup:
    """Kind by kind, the worst first: its groups, each with its example explained."""
    if not report.groups:
        return element("p", "Nothing deviated from the life cycle.", class_="card")
    whole = "the audit as JSON or CSV" if report.log is None else "the replay as JSON"
    return fragment(*(_kind(told, whole) for told in told_by_kind(report, MAX_GROUPS_OF_A_KIND)))


def totals_section(report: AuditReport) -> Markup:
    """How many anomalies there are of each kind."""
    counts = report.by_kind
    if not counts:
        return Markup()
    rows = [
        (kind, f"{count:,}", bar(count, max(counts.values())), badge(kind.severity), kind.meaning)
        for kind, count in counts.items()
    ]
    return card(table(_KIND_COLUMNS, rows, label="Anomalies by kind"))


def accounts_section(report: AuditReport) -> Markup:
    """The accounts that stand out."""
    if not report.top_accounts:
        return Markup()
    then = when_told(report)
    columns = (
        Column("Account"), Column("Anomalies", "number"), Column(f"Status {then}"), Column(f"Health {then}", "roomy"),
        Column("Provider", "roomy"),
    )  # fmt: skip
    rows = [_top_account(top) for top in report.top_accounts]
    return card(table(columns, rows, label="Accounts with the most anomalies"))


def blind_section(report: AuditReport) -> Markup:
    """How long accounts were blind, and what it began with."""
    windows = report.windows
    parts = [element("p", blindness(windows))]
    if windows.unknown_start:
        lost_more = f"{counted(windows.unknown_start, 'window')} began before the account was first heard of"
        parts.append(element("p", f"{lost_more}: more was lost there than can be counted.", class_="quiet"))
    if windows.by_cause:
        parts.append(_causes(windows))
    return card(*parts)


def fleet_section(report: AuditReport) -> Markup:
    """How all accounts stand, with and without anomalies."""
    if not report.accounts:
        return element("p", "There are no accounts.", class_="card")
    tables = (_counts("Health", report.accounts_by_health), _counts("Status", report.accounts_by_status))
    return element("div", *map(card, tables), class_="columns")


def quarantine_section(report: AuditReport) -> Markup:
    """What could not be read; of logs, that is told with what was read."""
    return Markup() if report.log is not None else card(element("p", unreadable(report)))


def picture_section(diagram_svg: str) -> Markup:
    """The diagram as an image: a script or a link inside an image does nothing, whatever the SVG holds."""
    if not diagram_svg:
        return Markup()
    source = f"data:image/svg+xml;base64,{b64encode(diagram_svg.encode()).decode('ascii')}"
    alt = "Diagram: the statuses as boxes, and the announcements that lead from one to the next as arrows."
    sheet = element("div", Markup(f'<img src="{source}" alt="{alt}">'), class_="sheet", tabindex="0", role="region",
                    aria_label="Diagram")  # fmt: skip
    caption = "Boxes are statuses, arrows are announcements. What no arrow allows is an anomaly."
    return element("figure", sheet, element("figcaption", caption))


def list_section(report: AuditReport) -> Markup:
    """The latest anomalies one by one, newest first, and how to get the rest."""
    if not report.listed:
        return Markup()
    in_order = report.listed if report.log is None else sorted(report.listed, key=lambda anomaly: anomaly.at)
    rows = [_listed(anomaly) for anomaly in reversed(in_order)]
    listing = table(_LIST_COLUMNS, rows, label="Anomalies, newest first", class_="stacked")
    return fragment(element("p", _coverage(report)), card(listing))


def reading_section(report: AuditReport) -> Markup:
    """What the words on the page mean."""
    words = _READING if report.log is None else _READING_OF_LOGS
    return card(definitions(words.items()))


def badge(severity: Severity) -> Markup:
    """A severity, as a word and as a colour."""
    return element("span", severity, class_=f"badge {severity}")


# ---- Parts of sections --------------------------------------------------------------------------------


def _time(at: datetime, text: str | None = None) -> Markup:
    return element("time", text or moment(at), datetime=time_text(at))


def _kind(told: KindTold, whole: str) -> Markup:
    kind = told.kind
    title = element("h3", kind, " ", element("span", f"× {told.total:,}", class_="count"))
    return element(
        "article",
        element("header", title, badge(kind.severity), element("span", kind.meaning, class_="quiet")),
        *(_group(group) for group in told.groups),
        *([element("p", _left_out(told.rest, whole), class_="rest quiet")] if told.rest else ()),
        class_=f"card kind {kind.severity}",
    )


def _group(group: Group) -> Markup:
    example = group.example
    label = element(
        "div", element("strong", f"{group.count:,} × "), circumstances(group), Markup("<br>"),
        element("span", _seen(group), class_="quiet"),
    )  # fmt: skip
    source = fragment("Example: account ", element("code", example.account_id), f", event {example.sequence:,}.")
    story = element(
        "div", element("p", _told(example.explanation)),
        element("p", element("strong", "Next step: "), example.next_step, ". ", source),
    )  # fmt: skip
    return element("div", label, story, class_="group")


def _left_out(groups: Sequence[Group], whole: str) -> str:
    """How much is not told; ``whole`` is what has all of it."""
    count = counted(sum(group.count for group in groups), "anomaly", "anomalies")
    return f"And {counted(len(groups), 'more group')} with {count}: {whole} has all of them."


def _seen(group: Group) -> Markup:
    if group.first_seen == group.last_seen:
        return _time(group.last_seen)
    return fragment(_time(group.first_seen), " to ", _time(group.last_seen))


def _told(explanation: str) -> Markup:
    """An explanation whose times stay on one line."""
    words, times = _TIME.split(explanation), _TIME.findall(explanation)
    told = [fragment(word, element("span", time, class_="when")) for word, time in zip(words, times, strict=False)]
    return fragment(*told, words[-1])


def _top_account(top: TopAccount) -> Sequence[object]:
    account = top.account
    now = ("", "", "") if account is None else (account.status, account.health, short(account.provider or ""))
    return (element("code", top.account_id), f"{top.anomalies:,}", *now)


def _causes(windows: WindowTotals) -> Markup:
    longest = max(c.lost.total_seconds() for c in windows.by_cause)
    rows = [
        (c.cause or "not known", f"{c.windows:,}", f"{c.open:,}", hours(c.lost), bar(c.lost.total_seconds(), longest))
        for c in windows.by_cause
    ]
    return table(_CAUSE_COLUMNS, rows, label="Blind windows by cause")


def _counts(title: str, counts: Mapping[Any, int]) -> Markup:
    columns = (Column(title), Column("Accounts", "number"), _BAR)
    largest = max(counts.values())
    rows = [(word, f"{count:,}", bar(count, largest)) for word, count in counts.items()]
    return table(columns, rows, label=f"Accounts by {title.lower()}")


def _listed(anomaly: Anomaly) -> Sequence[object]:
    story = fragment(
        badge(anomaly.severity),
        " ",
        element("strong", anomaly.kind),
        element("span", f": {circumstances(anomaly)}", class_="quiet"),
        Markup("<br>"),
        _told(anomaly.explanation),
    )
    at = _time(anomaly.at, moment(anomaly.at).removesuffix(" UTC"))
    place = fragment(element("code", anomaly.account_id), Markup("<br>"), f"event {anomaly.sequence:,}")
    return (at, place, story)


def _coverage(report: AuditReport) -> str:
    """How much of everything is listed, and how to get the rest."""
    left_out = report.anomalies - len(report.listed)
    if not left_out:
        return f"All {counted(report.anomalies, 'anomaly', 'anomalies')}, newest first."
    how = "write the audit in full as CSV" if report.log is None else "replay with --anomalies"
    return (
        f"The latest {len(report.listed):,} of {report.anomalies:,} anomalies, newest first. {left_out:,} older ones "
        f"are counted above but left out here, to keep this file small: {how} to get every one."
    )
