"""Who may see the pages, and what a browser may do with them: the door that every request passes but the receiver's.

A page is shown to requests for a host that is allowed (a page elsewhere that lets its own name point here has another),
and, if a token is set, to those that show it: in the cookie that ``/sign-in`` hands out, or in the header
``Authorization: Bearer``, which a proxy that knows its users can add. What changes something must besides come from one
of these pages. Probes pass without any of this: they know neither names nor tokens, and learn nothing of the fleet.

Every answer forbids the browser whatever no page of ours needs: scripts, styles and pictures from elsewhere or written
into the page, frames, and forms that are sent anywhere else.
"""

import hmac
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from .asgi import ASGIApp, ASGIMessage, Receive, Scope, Send
from .operations import PROBES

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""Names by which only this machine calls itself."""
SIGN_IN = "/sign-in"
COOKIE, ADMIN_COOKIE = "account_lifecycle_page", "account_lifecycle_admin"
MOST_FORM_BYTES = 8 * 1024
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_SAFE = ("GET", "HEAD", "OPTIONS")


class Access(NamedTuple):
    """Who is let in."""

    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    """The names that may stand in a request's ``Host``, without a port."""
    tokens: tuple[str, ...] = ()
    """One of these has to be shown; without any, nothing."""
    admin_tokens: tuple[str, ...] = ()
    """One of these has to be shown to change something; without any, nobody can."""
    is_closed: bool = False
    """Whether nobody is: others than this machine could ask, and there is no token."""

    def knows_host(self, host: str) -> bool:
        """Return whether a request's ``Host`` is one of ours."""
        name, _, port = host.rpartition(":")
        return (name if port.isdigit() else host).lower() in self.hosts

    def admits(self, request: Request) -> bool:
        """Return whether a request shows what it has to."""
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(COOKIE, "")
        return (
            not self.tokens
            or _is_one_of(cookie, (_cookie_of(COOKIE, token) for token in (*self.tokens, *self.admin_tokens)))
            or (kind.lower() == "bearer" and self.is_token(bearer.strip()))
        )

    def may_write(self, request: Request) -> bool:
        """Return whether a request shows that it may change something."""
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(ADMIN_COOKIE, "")
        return _is_one_of(cookie, (_cookie_of(ADMIN_COOKIE, token) for token in self.admin_tokens)) or (
            kind.lower() == "bearer" and _is_one_of(bearer.strip(), self.admin_tokens)
        )

    def is_token(self, shown: str) -> bool:
        """Compare what is shown with all tokens, in constant time."""
        return _is_one_of(shown, (*self.tokens, *self.admin_tokens))

    def signed_in(self, request: Request, target: str, token: str) -> Response:
        """Return the answer that hands out the cookies for a token, and leads on to a page of ours."""
        answer = RedirectResponse(target, 303)
        for name in (COOKIE, *([ADMIN_COOKIE] if _is_one_of(token, self.admin_tokens) else [])):
            is_https = request.url.scheme == "https"
            answer.set_cookie(name, _cookie_of(name, token), httponly=True, samesite="strict", secure=is_https)
        return answer


def _cookie_of(name: str, token: str) -> str:
    """Return what the browser keeps: not the token itself."""
    return hmac.digest(token.encode(), name.encode(), "sha256").hex()


def _is_one_of(shown: str, expected: Iterable[str]) -> bool:
    answers = [hmac.compare_digest(shown.encode("utf-8", "replace"), each.encode()) for each in expected]
    return any(answers)


class PageGuard:
    """The door: an ASGI application before another one. ``ask_for_token`` makes the page of those not let in."""

    def __init__(self, app: ASGIApp, access: Access, ask_for_token: Callable[[Request], Response]) -> None:
        self._app = app
        self._access = access
        self._ask_for_token = ask_for_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(Request(scope))
        await (self._app if refusal is None else refusal)(scope, receive, secured)

    def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if path in PROBES and request.method in _SAFE:
            return None
        if self._access.is_closed:
            return PlainTextResponse("These pages are not shown here without ACCOUNT_LIFECYCLE_PAGE_TOKEN.\n", 403)
        if not self._access.knows_host(request.headers.get("host", "")):
            return PlainTextResponse("This host is not one of ACCOUNT_LIFECYCLE_ALLOWED_HOSTS.\n", 421)
        if request.method not in _SAFE and not _is_from_here(request.headers):
            return PlainTextResponse("This was not sent from one of these pages.\n", 403)
        if path == SIGN_IN or path.startswith("/static/") or self._access.admits(request):
            return None
        return self._ask_for_token(request)


def _is_from_here(headers: Headers) -> bool:
    """Return whether a browser sent this from a page of the same origin; programs name none, and have no cookies."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    return site == "same-origin" and (origin is None or urlsplit(origin).netloc == headers.get("host"))


def path_here(target: str) -> str:
    """Return a path of this site that a form names as the next, or the first page if it names anything else."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent; none if it is longer than any of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_FORM_BYTES:
            return {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
