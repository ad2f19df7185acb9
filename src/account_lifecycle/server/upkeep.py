"""What waits for somebody: anomalies, hooks and their dead letters, the quarantine; and what can be done about them.

What changes something is a form that is sent, from one of these pages, by somebody who has shown the administrators'
token; the log says of each what was done, to what, and from which address.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from ..errors import ConfigurationError, logger
from ..intake.quarantine import is_alike
from ..lifecycle.wording import escaped
from ..records import DeliveryRecord, DeliveryState, SubscribedHook
from ..stores.fleet import HookStanding
from .filters import number_parameter, query_words, read_query, text_parameter, time_parameter, without
from .pages import Pages
from .rendering import link
from .views import Sources, view_named

COUNTED = timedelta(days=7)
"""How far back anomalies are counted by their kinds."""
DEAD_SHOWN, PAYLOADS_SHOWN = 50, 5
"""How many dead letters are listed, and how many payloads of a group."""
_ANOMALIES = view_named("anomalies")
_HOOK = text_parameter("hook", "Only this hook.")
_DONE = text_parameter("done", "What was done."), text_parameter("count", "How often.")
DONE = {
    "redriven": "tried again",
    "enabled": "enabled",
    "skipped": "skipped",
    "dismissed": "dismissed",
}
"""What a page says after something was done, by the word in its address."""

Write = Callable[[Request, dict[str, str]], tuple[str, int]]
"""Does something, and returns a word of ``DONE`` and to how many it was done."""


def upkeep_routes(pages: Pages) -> list[BaseRoute]:
    """Return the routes of these pages, and of what can be done on them."""
    engine, sources = pages.engine, Sources(pages.engine, pages.snapshots)

    def show_anomalies(request: Request) -> Response:
        asked = read_query(_ANOMALIES.parameters, request.query_params.multi_items(), is_form=True)
        listed = _ANOMALIES.answer(sources, dict(asked))
        given = query_words(without(asked, "after"))
        now = engine.now()
        return pages.render(
            request,
            "anomalies.html.jinja",
            now=now,
            anomalies=listed.records,
            kinds=engine.store.anomalies_by_kind(now - COUNTED),
            asked=asked,
            counted=COUNTED,
            chosen=[(name, word, link("/anomalies", **without(given, name))) for name, word in given.items()],
            narrowed=lambda name, value: link("/anomalies", **{**given, name: value}),
            more=link("/anomalies", **given, after=listed.after) if listed.after else "",
            first=link("/anomalies", **given) if "after" in asked else "",
            as_csv=link("/anomalies.csv", **without(given, "limit")),
            as_json=link("/anomalies.json", **given),
        )

    def show_hooks(request: Request) -> Response:
        asked = read_query([_HOOK, *_DONE], request.query_params.multi_items(), is_form=True)
        return pages.render(
            request,
            "hooks.html.jinja",
            hooks=_hooks(pages, asked.get("hook")),
            asked=asked,
            done=_said(asked),
            **_rights(pages, request),
        )

    def show_quarantine(request: Request) -> Response:
        asked = read_query(_DONE, request.query_params.multi_items(), is_form=True)
        groups = engine.quarantine_groups()
        return pages.render(
            request,
            "quarantine.html.jinja",
            groups=groups,
            payloads=sum(group.payloads for group in groups),
            done=_said(asked),
            **_rights(pages, request),
        )

    def redrive(_: Request, fields: dict[str, str]) -> tuple[str, int]:
        number = _number(fields, "delivery_id") if "delivery_id" in fields else None
        return "redriven", len(engine.redrive(number, hook=None if number else _field(fields, "hook")))

    def enable(_: Request, fields: dict[str, str]) -> tuple[str, int]:
        return "enabled", int(engine.enable_hook(_field(fields, "hook")))

    def skip(_: Request, fields: dict[str, str]) -> tuple[str, int]:
        return "skipped", engine.skip(_field(fields, "hook"), before=_time(fields, "before"))

    def dismiss(_: Request, fields: dict[str, str]) -> tuple[str, int]:
        number, until = _number(fields, "like"), _time(fields, "until")
        rows = list(engine.iter_quarantine(after=None if number == 1 else number - 1))
        first = next((row for row in rows if row.quarantine_id == number), None)
        if first is None:
            raise ConfigurationError("like", str(number), "the number of a payload in the quarantine")
        alike = [row.quarantine_id for row in rows if is_alike(row, first) and row.received_at <= until]
        return "dismissed", engine.dismiss_quarantined(alike)

    return [
        pages.page("/anomalies", show_anomalies),
        pages.page("/hooks", show_hooks),
        pages.page("/quarantine", show_quarantine),
        _write(pages, "/hooks/redrive", redrive),
        _write(pages, "/hooks/enable", enable),
        _write(pages, "/hooks/skip", skip),
        _write(pages, "/quarantine/dismiss", dismiss),
    ]


# ---- Hooks ---------------------------------------------------------------------------------------------------


class HookRow(NamedTuple):
    """A hook, how its deliveries stand, and the oldest of its dead letters."""

    hook: SubscribedHook
    standing: HookStanding
    dead: tuple[DeliveryRecord, ...]


def _hooks(pages: Pages, only: str | None) -> list[HookRow]:
    engine = pages.engine
    standing = {each.hook: each for each in engine.store.standing().hooks}
    found = []
    for hook in engine.subscribed_hooks():
        if only not in (None, hook.name):
            continue
        counts, dead = standing.get(hook.name, HookStanding(hook.name)), list[DeliveryRecord]()
        for state, count in ((DeliveryState.HALTED, counts.halted), (DeliveryState.DEAD, counts.dead)):
            if count:
                dead += engine.deliveries(state=state, hook=hook.name, redriven=False, limit=DEAD_SHOWN)
        found.append(HookRow(hook, counts, tuple(dead[:DEAD_SHOWN])))
    return sorted(
        found, key=lambda row: (-row.standing.dead - row.standing.halted, -row.standing.behind, row.hook.name)
    )


# ---- Writing -------------------------------------------------------------------------------------------------


def _rights(pages: Pages, request: Request) -> dict[str, Any]:
    access = pages.options.access
    return {"may_write": access.may_write(request), "can_sign_in": bool(access.admin_tokens)}


def _write(pages: Pages, path: str, act: Write) -> BaseRoute:
    """Return the route of a form that changes something: only for administrators, and on record in the log."""

    def acted(request: Request, fields: dict[str, str]) -> Response:
        client = request.client.host if request.client else ""
        about = {name: escaped(value[:300]) for name, value in fields.items()}
        if not pages.options.access.may_write(request):
            logger().warning("a change from the pages was refused", path=path, client=client, fields=about)
            raise HTTPException(403, "Only administrators may change something: sign in with their token.")
        done, count = act(request, fields)
        logger().warning("changed from the pages", path=path, client=client, fields=about, done=done, count=count)
        return RedirectResponse(link(path.rpartition("/")[0], done=done, count=count), 303)

    return pages.form(path, acted)


def _said(asked: dict[str, Any]) -> str:
    """Return what was done, from the address of the page; blank for what none of ours says."""
    done, count = DONE.get(asked.get("done", "")), asked.get("count", "")
    return f"{int(count):,} {done}." if done and count.isascii() and count.isdecimal() and len(count) < 10 else ""


def _field(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise ConfigurationError(name, "nothing", "a value")
    return fields[name]


def _number(fields: dict[str, str], name: str) -> int:
    number: int = number_parameter(name, "", 1).value(_field(fields, name))
    return number


def _time(fields: dict[str, str], name: str) -> datetime:
    at: datetime = time_parameter(name, "").value(_field(fields, name))
    return at
