"""The audit as HTML: one file that can be mailed, and a short fragment for notebooks.

The file needs nothing from anywhere and runs nothing, whatever it might come to hold: style and picture are inside it,
and a Content-Security-Policy forbids the rest. The picture comes in as SVG and becomes an image, in which a script or a
link does nothing.
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, TextIO

from ..lifecycle import definition
from ..lifecycle.anomalies import Severity
from ..lifecycle.wording import escaped, moment, time_text
from . import words
from .audit import AuditReport
from .grouping import by_kind
from .templates import html_templates

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MAX_GROUPS_OF_A_KIND = 8
"""How many groups of one kind the page shows; the smaller ones are only counted."""
MAX_ALIKE, MAX_INCIDENTS = 8, 10
"""How many kinds of accounts that somebody must act on, and how many incidents, the page shows."""
MAX_SOURCES_ON_PAGE = 20
"""How many logs the page names; JSON has all of them."""

_ROW, _CELL = re.compile(r"<tr>.*?</tr>", re.DOTALL), re.compile(r"<(t[dh]\b[^>]*)>")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")
_MARKS = {Severity.ERROR: "#d6453d", Severity.WARNING: "#b7791f", Severity.INFO: "#3b82c4"}
"""Colours for a notebook, which stand out from white as from black."""


def write_html(report: AuditReport, stream: TextIO, diagram_svg: str = "") -> None:
    """Write the report as one HTML file, in UTF-8, with the diagram if there is one."""
    in_order = report.listed if report.log is None else sorted(report.listed, key=lambda anomaly: anomaly.at)
    page = _templates().get_template("page.html.j2")
    html = page.render(
        report=report,
        kinds=by_kind(report.groups, MAX_GROUPS_OF_A_KIND),
        newest_first=[*reversed(in_order)],
        picture=b64encode(diagram_svg.encode()).decode("ascii"),
    )
    stream.write(html.strip() + "\n")


def summary_html(report: AuditReport) -> str:
    """Return the report in short, as a fragment of HTML that fits between the cells of a notebook, dark or light."""
    return _templates().get_template("notebook.html.j2").render(report=report, marks=_MARKS).strip()


@cache
def _templates() -> "Environment":
    templates = html_templates(__package__, "")
    templates.globals.update(words=words, definition=definition, MAX_SOURCES_ON_PAGE=MAX_SOURCES_ON_PAGE)
    templates.globals.update(MAX_ALIKE=MAX_ALIKE, MAX_INCIDENTS=MAX_INCIDENTS)
    templates.filters.update(moment=moment, time_text=time_text, timed=_timed, labelled=_labelled)
    return templates


def _timed(text: str) -> "Markup":
    """Return a sentence whose times stay on one line each."""
    from markupsafe import Markup, escape

    return Markup(_TIME.sub(r'<span class="when">\g<0></span>', str(escape(escaped(text)))))


def _labelled(rows: "Markup", columns: Sequence[tuple[str, str]]) -> "Markup":
    """Return rows whose cells say the title of their column, for a screen so narrow that they are stacked."""
    from markupsafe import Markup, escape

    def labelled(row: re.Match[str]) -> str:
        titles = iter(columns)
        return _CELL.sub(lambda cell: f'<{cell[1]} data-label="{escape(next(titles)[0])}">', row[0])

    return Markup(_ROW.sub(labelled, rows))
