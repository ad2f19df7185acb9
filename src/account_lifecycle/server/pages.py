"""What every page is made with, and how.

- A module of pages has one function ``…_routes(pages)``, which is named in ``site.make_site``. It returns
  ``pages.page(path, show)`` for each page. ``show(request)`` is a plain function, called in a thread, that may wait for
  the store and returns ``pages.render(request, "name.html.jinja", **values)``. ``pages.form(path, act)`` is for a
  POST: ``act(request, fields)``. Raise ``PageNotFound`` for what is not there; errors of the library become pages.
- Its template extends ``base.html.jinja``: blocks ``title`` and ``main``. Filters: ``at | when``, ``at | ago``,
  ``length | lasting``, ``health | label``, ``health | advice``, ``count | number``, ``provider | provider``, ``kind |
  kind``; ``account_url(id)``, ``link(path, status=…)``; ``macros.plural(count, one, many)``, ``macros.chip(status)``.
  Nothing is written into ``style`` or ``on…``: the policy of the pages forbids both, so a bar is an SVG with widths.
- What moves while the page is open is an element ``data-live="NAME"`` whose whole content is a block ``live_NAME``.
  The stream (``live``) sends the blocks of the fleet that changed, and ``static/page.js`` puts them in place. Other
  pages pass ``topic="account:ID"`` or ``"events"`` and the number of the last event that they show as ``version``; then
  the page says how many events are new. Without JavaScript such a page is loaded again every thirty seconds.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, tzinfo
from typing import Any, NamedTuple, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ..engine.core import Engine
from .guard import SIGN_IN, Access, path_here, read_form
from .rendering import make_templates, read_static
from .snapshot import FleetSnapshots

PAGE_THREADS = 4
"""How many pages are made at a time: they must not take the machine from the webhooks."""
MOST_WAITING_PAGES = 200
"""How many requests for pages may wait for that."""
REFRESH_WITHOUT_SCRIPT_S = 30
NAVIGATION = (
    ("/", "Fleet"),
    ("/accounts", "Accounts"),
    ("/anomalies", "Anomalies"),
    ("/hooks", "Hooks"),
    ("/quarantine", "Quarantine"),
)

MadeT = TypeVar("MadeT")
Show = Callable[[Request], Response]
Act = Callable[[Request, dict[str, str]], Response]


class SiteOptions(NamedTuple):
    """What an operator decides about the site."""

    access: Access = Access()
    zone: tzinfo = UTC
    """In which times are shown."""


DEFAULT_OPTIONS = SiteOptions()


class PageNotFound(HTTPException):
    """There is no such page: ``what`` says what is not there."""

    def __init__(self, what: str) -> None:
        super().__init__(404, what)


class Pages:
    """What every page needs: the engine, the newest snapshot of the fleet, templates and threads."""

    def __init__(
        self, engine: Engine, options: SiteOptions = DEFAULT_OPTIONS, snapshots: FleetSnapshots | None = None
    ) -> None:
        self.engine = engine
        self.options = options
        self.static = read_static()
        self.templates = make_templates(options.zone, self.static)
        self.templates.globals.update(navigation=NAVIGATION, refresh_s=REFRESH_WITHOUT_SCRIPT_S)
        self.snapshots = snapshots or FleetSnapshots(engine)
        self._pool = ThreadPoolExecutor(PAGE_THREADS, thread_name_prefix="account-lifecycle page")
        self._waiting = 0

    async def ask(self, function: Callable[..., MadeT], *args: Any) -> MadeT:
        """Return what a function that may wait for the store returns, called in a thread for pages."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def close(self) -> None:
        """Wait for the pages that are being made, and make no more."""
        self._pool.shutdown(cancel_futures=True)

    # ---- Routes ----------------------------------------------------------------------------------

    def page(self, path: str, show: Show) -> Route:
        """Return the route of a page."""

        async def endpoint(request: Request) -> Response:
            return await self.made(show, request)

        return Route(path, endpoint, methods=["GET"], name=f"page {path}")

    def form(self, path: str, act: Act) -> Route:
        """Return the route of a form that is sent."""

        async def endpoint(request: Request) -> Response:
            return await self.made(act, request, await read_form(request))

        return Route(path, endpoint, methods=["POST"], name=f"form {path}")

    async def made(self, function: Callable[..., MadeT], *args: Any) -> MadeT:
        """Return what a function returns, called as ``ask`` does, unless too many wait for that already."""
        if self._waiting >= MOST_WAITING_PAGES:
            raise HTTPException(503, "Too many pages are being made. Load this one again in a moment.")
        self._waiting += 1
        try:
            return await self.ask(function, *args)
        finally:
            self._waiting -= 1

    # ---- Rendering -------------------------------------------------------------------------------

    def render(
        self, request: Request, template: str, *, status: int = 200, topic: str = "", version: str = "", **values: Any
    ) -> Response:
        """Return a page made of a template.

        ``topic`` and ``version`` are what the stream is asked for: no topic, no stream. ``now`` among the values is the
        moment to which ages are counted, by default the engine's.
        """
        values.setdefault("now", self.engine.now())
        values.update(path=request.scope["path"], query=request.query_params, topic=topic, version=version)
        html = self.templates.get_template(template).render(self._with_macros(values))
        return HTMLResponse(html, status)

    def _with_macros(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return values with ``macros``, which blocks see as well when they are rendered alone."""
        return {"macros": self.templates.get_template("macros.html.jinja").make_module(values), **values}

    def parts_of(self, templates: Sequence[str], values: dict[str, Any]) -> dict[str, str]:
        """Return the blocks ``live_…`` of templates, by their names without that."""
        found: dict[str, str] = {}
        for name in templates:
            template = self.templates.get_template(name)
            context = template.new_context(self._with_macros(values))
            for block, write in template.blocks.items():
                if block.startswith("live_"):
                    found[block.removeprefix("live_")] = "".join(write(context)).strip()
        return found

    # ---- What is not a page ----------------------------------------------------------------------

    def ask_for_token(self, request: Request, target: str = "", *, is_wrong: bool = False) -> Response:
        """Return the page that asks for the token, and leads on to ``target`` or to the page that was asked for."""
        here = "/" if request.method != "GET" else request.url.path
        if here == SIGN_IN:
            here = path_here(request.query_params.get("next", "/"))
        return self.render(request, "sign_in.html.jinja", status=401, target=target or here, is_wrong=is_wrong)

    def failed(self, request: Request, status: int, title: str, text: str) -> Response:
        """Return the page that says what went wrong."""
        return self.render(request, "error.html.jinja", status=status, title=title, text=text)
