"""The list of accounts, and the page of one: what it is, what to do, and all that happened to it.

The list asks what the API asks, with the same parameters; of what it can be narrowed to each count is under all the
other filters, so that it also says what another choice would find. The page of an account is made of a few reads over
indexes, so it costs what it shows, however many accounts there are and however long this one has lived.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from ..engine.core import Engine
from ..errors import AccountNotFound
from ..lifecycle.causes import Cause
from ..lifecycle.definition import NEEDS_USER
from ..lifecycle.providers import profile_of
from ..lifecycle.status import Health
from ..records import DeliveryRecord, LedgerEntry
from ..stores.fleet import AccountOrder
from .band import BAND_LENGTH, band_of
from .filters import number_parameter, query_words, read_query, without
from .fleet import words_of
from .live import ACCOUNT
from .pages import PageNotFound, Pages
from .rendering import account_url, link
from .views import Sources, view_named

HISTORY_SHOWN, DELIVERIES_SHOWN = 50, 500
"""How many events of an account one page shows, and of how many calls of hooks it knows, the latest."""
WINDOWS_SHOWN = 10
FACETS = ("health", "status", "provider")
_LIST, _FACETS = view_named("accounts"), view_named("facets")
_BEFORE = number_parameter("before", "Only events before this one.", 1)


def account_routes(pages: Pages) -> list[BaseRoute]:
    """Return the routes of the list and of the accounts in it."""
    sources = Sources(pages.engine, pages.snapshots)

    def show_list(request: Request) -> Response:
        asked = read_query(_LIST.parameters, request.query_params.multi_items(), is_form=True)
        if asked.keys() == {"q"} and (target := _only_one(pages.engine, asked["q"])):
            return RedirectResponse(target, 303)
        return pages.render(request, "accounts.html.jinja", **_list_values(sources, asked))

    def show_account(request: Request) -> Response:
        account_id = request.path_params["account_id"]
        before = read_query([_BEFORE], request.query_params.multi_items()).get("before")
        newest = pages.engine.store.recent(limit=1)  # read first: what comes meanwhile is news, though it is shown
        try:
            values = account_values(pages.engine, account_id, before)
        except AccountNotFound:
            raise PageNotFound("Nothing was ever received for an account of this id.") from None
        topic = f"{ACCOUNT}{values['account'].account_id}" if before is None else ""
        version = str(newest[-1].event_id) if newest else "0"
        return pages.render(request, "account.html.jinja", topic=topic, version=version, **values)

    return [pages.page("/accounts", show_list), pages.page("/accounts/{account_id:path}", show_account)]


# ---- The list ------------------------------------------------------------------------------------------------


class Chosen(NamedTuple):
    """A filter that is set, and where the list is without it."""

    name: str
    value: str
    without: str


def _list_values(sources: Sources, asked: dict[str, Any]) -> dict[str, Any]:
    query = {"order": AccountOrder.SINCE, **asked}
    listed = _LIST.answer(sources, dict(query))
    filters = {name: value for name, value in asked.items() if name not in ("after", "limit", "order")}
    facets = _FACETS.answer(sources, dict(filters))
    words = query_words(without(asked, "after"))
    return {
        "accounts": listed.records,
        "facets": facets,
        "asked": asked,
        "chosen": [Chosen(name, words[name], link("/accounts", **without(words, name))) for name in filters],
        "more": link("/accounts", **words, after=listed.after) if listed.after else "",
        "first": link("/accounts", **words) if "after" in asked else "",
        "as_csv": link("/accounts.csv", **{"order": "since", **without(words, "limit")}),
        "as_json": link("/accounts.json", **{"order": "since", **words}),
        "narrowed": lambda name, value: link("/accounts", **{**words, name: value}),
        "causes": _causes(asked),
    }


def _causes(asked: dict[str, Any]) -> tuple[Cause, ...]:
    """Return why a provider ends sessions, for a list of its accounts that need their user."""
    needs_user = asked.get("status") in NEEDS_USER or asked.get("health") is Health.ACTION_REQUIRED
    return profile_of(asked["provider"]).causes if needs_user and "provider" in asked else ()


def _only_one(engine: Engine, text: str) -> str:
    """Return where the only account is that a text stands for; blank if there are several or none."""
    found = engine.find_accounts(text, limit=2)
    return account_url(found[0].account_id) if len(found) == 1 else ""


# ---- One account ---------------------------------------------------------------------------------------------


class HistoryRow(NamedTuple):
    """An event of an account, with what became of it."""

    entry: LedgerEntry
    words: tuple[str, ...]
    """What happened, beside the statuses."""
    deliveries: tuple[DeliveryRecord, ...]
    payload: str
    """As text; blank for what nobody sent, or what was erased."""


def account_values(engine: Engine, account_id: str, before: int | None = None) -> dict[str, Any]:
    """Return what the page of an account is rendered with; raise ``AccountNotFound``."""
    now = engine.now()
    diagnosis = engine.explain(account_id, now=now)
    account = diagnosis.account
    windows = engine.blind_windows(account_id=account.account_id)
    entries = engine.history(account.account_id, before=before, newest_first=True, limit=HISTORY_SHOWN)
    calls = engine.deliveries(account_id=account.account_id, limit=DELIVERIES_SHOWN) if entries else []
    oldest = entries[-1].sequence if entries else 1
    return {
        "now": now,
        "account": account,
        "diagnosis": diagnosis,
        "down": account.health in (Health.ACTION_REQUIRED, Health.INTERRUPTED),
        "band": band_of(engine.health_spans(account.account_id, since=now - BAND_LENGTH, now=now), windows, now),
        "history": _rows(entries, calls),
        "products": sorted(account.synced_products - {""}),
        "newer": before is not None,
        "older": link(account_url(account.account_id), before=oldest) if oldest > 1 and entries else "",
        "windows": windows[::-1][:WINDOWS_SHOWN],
        "more_windows": max(0, len(windows) - WINDOWS_SHOWN),
        "as_json": f"/api/accounts/{quote(account.account_id, safe='')}",
    }


def _rows(entries: Iterable[LedgerEntry], calls: Iterable[DeliveryRecord]) -> list[HistoryRow]:
    of_event = defaultdict[int, list[DeliveryRecord]](list)
    for call in calls:
        of_event[call.sequence].append(call)
    return [
        HistoryRow(
            entry,
            tuple(filter(None, (words_of(entry), getattr(entry.event, "product", ""), _ERASED[entry.is_erased]))),
            tuple(of_event[entry.sequence]),
            entry.payload.decode(errors=_SHOWN_AS),
        )
        for entry in entries
    ]


_ERASED = {False: "", True: "its payload was erased"}
_SHOWN_AS = "backslashreplace"
"""How bytes are shown that are no text."""
