"""How pages are written: one environment of templates, the words and times in them, and static files.

Static files are served under names that have their digest in them, so a browser may keep them for ever and an upgrade
is seen at once.
"""

import hashlib
import re
import shlex
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import quote, urlencode

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from ..drawing.table import healths_drawn
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import escaped, health_words, lasting, one_of, time_text
from ..report.templates import html_templates
from ..report.words import provider_name

HEALTH_LABELS = {
    Health.LIVE: "live",
    Health.STARTING: "starting",
    Health.RECOVERING: "recovering",
    Health.INTERRUPTED: "interrupted",
    Health.ACTION_REQUIRED: "need their user",
    Health.FAILED: "creation failed",
    Health.UNKNOWN: "unknown",
    Health.GONE: "deleted",
}
"""What is said of the accounts of a health, in the order in which they are counted."""
if lacking := set(Health) - HEALTH_LABELS.keys():
    raise TypeError(f"no label for {one_of(tuple(sorted(lacking)), 'and')}: add a row to HEALTH_LABELS")

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
          "woff2": "font/woff2"}  # fmt: skip
_STATIC = {
    "LifecycleSans-Regular.woff2": ("drawing", "fonts"),
    "LifecycleSans-Bold.woff2": ("drawing", "fonts"),
    "icon.svg": ("server", "static"),
    "page.css": ("server", "static"),
    "page.js": ("server", "static"),
}
"""Every static file by its name, and where it lies; a file can name those before it."""


class StaticFile(NamedTuple):
    """One file as it is served."""

    path: str
    """With its digest in it."""
    body: bytes
    content_type: str


def read_static() -> dict[str, StaticFile]:
    """Return the static files by their names."""
    found: dict[str, StaticFile] = {}
    root = files(__package__.rpartition(".")[0])
    for name, folders in _STATIC.items():
        body = root.joinpath(*folders, name).read_bytes()
        stem, _, suffix = name.rpartition(".")
        if suffix == "css":
            for other, file in found.items():
                body = body.replace(f'"{other}"'.encode(), f'"{file.path}"'.encode())
        digest = hashlib.sha256(body).hexdigest()[:12]
        found[name] = StaticFile(f"/static/{stem}-{digest}.{suffix}", body, _TYPES[suffix])
    return found


def make_templates(zone: tzinfo, static: Mapping[str, StaticFile]) -> Environment:
    """Return the environment in which every page is rendered, with times in a zone."""
    templates = html_templates(__package__, "templates")
    templates.globals.update(
        zone=zone,
        static=static,
        HEALTH_LABELS=HEALTH_LABELS,
        account_url=account_url,
        link=link,
        health_class=health_class,
        status_class=status_class,
        is_late=is_late,
    )
    templates.filters.update(
        lasting=lasting,
        brief=brief,
        when=_when,
        ago=_ago,
        label=HEALTH_LABELS.__getitem__,
        advice=_advice,
        provider=provider_name,
        kind=kind_name,
        quoted=shell_word,
        partable=_partable,
    )
    return templates


def health_class(health: Health) -> str:
    """Return the class of a health in the style of the pages."""
    return health.lower().replace("_", "-")


@cache
def status_class(status: Status) -> str:
    """Return the class of what a status means at first."""
    return health_class(healths_drawn(status)[0])


def brief(length: timedelta) -> str:
    """Return a length of time as exactly as it matters: in days from two on, without seconds from ten minutes on."""
    if length.days > 1:
        return f"{length.days:,} d"
    return lasting(length - length % timedelta(minutes=1) if length >= timedelta(minutes=10) else length)


def _partable(name: str) -> Markup:
    """Return a hook's name, which may go on in a second line after its colons, dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[:._])", escaped(name)))


def kind_name(kind: AnomalyKind) -> str:
    """Return a kind of anomaly for people."""
    return kind.lower().replace("_", " ")


def is_late(since: datetime | None, now: datetime) -> bool:
    """Return whether a delivery that is due since then is late: one of this minute is not."""
    return since is not None and now - since > timedelta(minutes=1)


def shell_word(text: str) -> str:
    """Return text as one word of a command line."""
    return shlex.quote(text)


# ---- Links ---------------------------------------------------------------------------------------------------


def account_url(account_id: str) -> str:
    """Return where an account has its page, whatever its id is.

    Browsers take a path's dots for steps; a blank before them is none, and ids have no blanks around them.
    """
    return f"/accounts/{'%20' if account_id in ('.', '..') else ''}{quote(account_id, safe='')}"


def link(path: str, **query: object) -> str:
    """Return a path with the parts of a query that are not None."""
    given = {name: str(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


# ---- Filters -------------------------------------------------------------------------------------------------


@pass_context
def _when(context: Context, at: datetime | None, form: str = "auto") -> Markup:
    """Return a time in the zone of the pages: that of the day for today, else the date, too; its whole as a title."""
    if at is None:
        return Markup("never")
    local, now = at.astimezone(context["zone"]), context["now"].astimezone(context["zone"])
    pattern = "%d %b %H:%M" if local.year == now.year else "%d %b %Y"
    if form == "full" or local.date() == now.date():
        pattern = "%Y-%m-%d %H:%M:%S" if form == "full" else "%H:%M:%S"
    title = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(time_text(at), title, local.strftime(pattern))


@pass_context
def _ago(context: Context, at: datetime | None) -> str:
    """Return how long ago a time was; "never" for None."""
    return "never" if at is None else f"{brief(max(context['now'] - at, timedelta(0)))} ago"


def _advice(health: Health) -> str:
    return health_words(health).advice
