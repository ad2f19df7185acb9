"""The audit as one HTML file that can be mailed: it needs nothing from anywhere, and runs nothing.

Knows the page; its sections are ``sections``, and its look is ``page.css``, which becomes a part of the
file. The picture comes in as SVG, from whoever can draw.
"""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import TextIO

from ..lifecycle import definition
from . import log_sections, sections
from .audit import AuditReport
from .markup import Markup, element
from .words import headline, hours, limits, period, reading_told, severity_words, when_told

TITLE = "Account life cycle audit"

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For the browser: nothing is loaded and nothing runs, whatever the page might come to hold."""


def write_html(report: AuditReport, stream: TextIO, diagram_svg: str = "") -> None:
    """Write the report as one HTML file, in UTF-8, with the diagram if there is one."""
    stream.write(f'<!DOCTYPE html>\n<html lang="en">\n{_head()}\n<body>\n')
    stream.writelines(f"{part}\n" for part in _body(report, diagram_svg))
    stream.write("</body>\n</html>\n")


def _head() -> Markup:
    css = Markup(files(__package__).joinpath("page.css").read_text("utf-8"))
    meta = Markup(
        '\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    )
    return element("head", meta, element("title", TITLE), element("style", css))


def _body(report: AuditReport, diagram_svg: str) -> Iterator[Markup]:
    contents = (
        ("read", "What was read", log_sections.read_section(report)),
        ("providers", "By provider", log_sections.providers_section(report)),
        ("totals", "Totals by kind", sections.totals_section(report)),
        ("groups", "What was found", sections.groups_section(report)),
        ("accounts", "Accounts with the most anomalies", sections.accounts_section(report)),
        ("blind", "Blind windows", sections.blind_section(report)),
        ("dwelt", "Time in each status", log_sections.dwelt_section(report)),
        ("fleet", f"The fleet {when_told(report)}", sections.fleet_section(report)),
        ("quarantine", "Quarantine", sections.quarantine_section(report)),
        ("picture", "The life cycle", sections.picture_section(diagram_svg)),
        ("list", "One by one", sections.list_section(report)),
        ("reading", "How to read this", sections.reading_section(report)),
    )
    shown = [row for row in contents if row[2]]
    yield _header(report, [(name, title) for name, title, _ in shown])
    yield Markup("<main>")
    for name, title, content in shown:
        heading = element("h2", title, id=f"{name}-title")
        yield element("section", heading, content, id=name, aria_labelledby=f"{name}-title")
    yield Markup("</main>")


def _header(report: AuditReport, titles: Iterable[tuple[str, str]]) -> Markup:
    links = [element("li", element("a", title, href=f"#{name}")) for name, title in titles]
    return element(
        "header",
        element("h1", TITLE),
        element("p", headline(report), class_="headline"),
        *([] if report.log is None else [element("p", reading_told(report.log))]),
        element("p", f"{period(report)}. {limits(report)}", class_="quiet"),
        element("ul", *_tiles(report), class_="tiles"),
        element("nav", element("ul", *links), aria_label="Contents"),
    )


def _tiles(report: AuditReport) -> Iterator[Markup]:
    for severity, count in report.by_severity.items():
        yield _tile(f"{count:,}", severity_words(severity, count), severity if count else "")
    yield _tile(f"{report.affected_accounts:,} of {report.accounts:,}", "accounts have anomalies")
    alive = report.accounts_by_status.get(definition.PROVES_LIFE, 0)
    yield _tile(f"{alive:,} of {report.accounts:,}", f"accounts are {definition.PROVES_LIFE} {when_told(report)}")
    yield _tile(hours(report.windows.lost), "lost in blind windows")
    yield _tile(f"{report.windows.open:,}", "blind windows are open")
    yield _tile(f"{report.quarantined:,}", "payloads in quarantine" if report.log is None else "lines were refused")


def _tile(figure: str, label: str, class_: str = "") -> Markup:
    return element("li", element("strong", figure), label, class_=f"tile {class_}".rstrip())
