"""The site beside the receiver: every route, and the door before them.

How a page is made is in ``pages``; a module of pages is named here once, in ``make_site``.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ..engine.core import Engine
from ..errors import AccountLifecycleError, AccountNotFound, ConfigurationError, StoreError, logger
from .accounts import account_routes
from .api import Problem, api_routes, is_for_program, path_missing, problem_response, token_missing
from .asgi import ASGIApp
from .fleet import fleet_parts, fleet_routes
from .guard import SIGN_IN, PageGuard, path_here
from .live import LiveStream
from .pages import DEFAULT_OPTIONS, PageNotFound, Pages, SiteOptions
from .snapshot import FleetSnapshots
from .upkeep import upkeep_routes
from .views import Sources

_STATUS = (
    (AccountNotFound, 404, "Not found"),
    (ConfigurationError, 400, "This cannot be asked"),
    (StoreError, 503, "The store cannot be read"),
    (AccountLifecycleError, 500, "This failed"),
)


class Site(NamedTuple):
    """The site of one process."""

    app: ASGIApp
    """What answers."""
    pages: Pages
    live: LiveStream

    def close(self) -> None:
        """End the streams, and wait for the pages that are being made."""
        self.live.end()
        self.pages.close()


def make_site(
    engine: Engine,
    options: SiteOptions = DEFAULT_OPTIONS,
    more: Sequence[BaseRoute] = (),
    snapshots: FleetSnapshots | None = None,
) -> Site:
    """Return what answers all that is not for the receiver, with ``more`` routes that are no pages.

    ``snapshots`` are those that others read as well.
    """
    pages = Pages(engine, options, snapshots)
    live = LiveStream(pages.ask, engine.store.recent, partial(fleet_parts, pages), lambda: pages.snapshots.cost_s)
    routes: list[BaseRoute] = [
        *fleet_routes(pages),
        *upkeep_routes(pages),
        Route("/live", _streaming(live), methods=["GET"]),
        *_static_routes(pages),
        *_sign_in_routes(pages),
        *api_routes(Sources(engine, pages.snapshots), pages.made),
        *account_routes(pages),
        *more,
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(PageGuard, access=options.access, ask_for_token=partial(_ask_for_token, pages)),
            Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5),
        ],
        exception_handlers=_error_handlers(pages),
    )
    app.router.redirect_slashes = False
    return Site(app, pages, live)


def _ask_for_token(pages: Pages, request: Request) -> Response:
    return token_missing() if is_for_program(request.url.path) else pages.ask_for_token(request)


def _streaming(live: LiveStream) -> Callable[[Request], Awaitable[Response]]:
    async def stream(request: Request) -> Response:
        return live.respond(request)

    return stream


def _static_routes(pages: Pages) -> list[BaseRoute]:
    by_path = {file.path: file for file in pages.static.values()}

    async def send(request: Request) -> Response:
        file = by_path.get(request.url.path)
        if file is None:
            raise PageNotFound("There is no such file.")
        kept = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(file.body, media_type=file.content_type, headers=kept)

    return [Route("/static/{name}", send, methods=["GET"])]


def _sign_in_routes(pages: Pages) -> list[BaseRoute]:
    access = pages.options.access

    def sign_in(request: Request, fields: dict[str, str]) -> Response:
        target = path_here(fields.get("next", "/"))
        token = fields.get("token", "").strip()
        if not (access.tokens or access.admin_tokens):
            return RedirectResponse(target, 303)
        if access.is_token(token):
            return access.signed_in(request, target, token)
        logger().warning("a wrong token for the pages was refused")
        return pages.ask_for_token(request, target, is_wrong=True)

    return [pages.page(SIGN_IN, pages.ask_for_token), pages.form(SIGN_IN, sign_in)]


def _error_handlers(pages: Pages) -> dict[Any, Any]:
    async def refused(request: Request, error: HTTPException) -> Response:
        if is_for_program(request.scope["path"]):
            return (
                path_missing()
                if error.status_code == 404
                else problem_response(error.status_code, Problem(error.detail))
            )
        title = {404: "Not found", 405: "Not allowed"}.get(error.status_code, "This did not work")
        text = error.detail if isinstance(error, PageNotFound) or error.status_code != 404 else "There is no such page."
        return pages.failed(request, error.status_code, title, text)

    async def failed(request: Request, error: AccountLifecycleError) -> Response:
        status, title = next((status, title) for kind, status, title in _STATUS if isinstance(error, kind))
        if status >= 500:
            logger().warning("a page could not be made", path=request.url.path, error=str(error))
        return pages.failed(request, status, title, str(error))

    return {HTTPException: refused, AccountLifecycleError: failed}
