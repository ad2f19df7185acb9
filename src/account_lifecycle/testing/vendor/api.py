"""The simulated vendor's API: the calls that ``account_lifecycle.vendor`` makes, as a Starlette application."""

import json
from collections.abc import Awaitable, Callable, Mapping
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ...errors import ConfigurationError
from ...lifecycle.definition import ANNOUNCEMENTS
from .core import RegisteredWebhook, VendorCore
from .faults import ApiFault, PlannedFault
from .wiring import pause

_PREFIX = "/api/v1"
_PAGE = "<!doctype html><title>Service Unavailable</title><h1>The service is being maintained</h1>"
_WORDS = {str(word).lower(): str(word) for word in ANNOUNCEMENTS}
_TITLES = {
    400: "Invalid parameters",
    401: "Missing or invalid credentials",
    403: "Forbidden",
    404: "Resource not found",
    429: "Too many requests",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(vendor: VendorCore) -> Starlette:
    """Return the API of a vendor as an application. Its handlers wait for nothing but ``wiring.pause``."""
    calls = _Calls(vendor)
    routes = [
        ("/accounts", "GET", calls.accounts),
        ("/accounts/{id}", "GET", calls.account),
        ("/accounts/{id}/restart", "POST", calls.restart),
        ("/webhooks", "GET", calls.webhooks),
        ("/webhooks", "POST", calls.register),
        ("/webhooks/{id}", "DELETE", calls.unregister),
        ("/hosted/accounts/link", "POST", calls.link),
    ]
    guarded = [Route(_PREFIX + path, calls.guarded(path, call), methods=[method]) for path, method, call in routes]
    return Starlette(routes=[*guarded, Route("/hosted/{token}", calls.visit)])


class _Calls:
    def __init__(self, vendor: VendorCore) -> None:
        self.vendor = vendor

    def guarded(self, path: str, call: Endpoint) -> Endpoint:
        """Return a call that asks for the key first, and fails if a fault is planned."""

        async def answer(request: Request) -> Response:
            response = await self._answered(request, path, call)
            response.headers["Date"] = format_datetime(self.vendor.clock(), usegmt=True)
            return response

        return answer

    async def _answered(self, request: Request, path: str, call: Endpoint) -> Response:
        vendor = self.vendor
        vendor.requests[f"{request.method} {path}"] += 1
        if request.headers.get("x-api-key") != vendor.key:
            return _problem(401)
        fault = vendor.faults.next(request.url.path.removeprefix(_PREFIX))
        if fault is None:
            return await call(request)
        return await _faulty(fault, request, call)

    async def accounts(self, request: Request) -> Response:
        """Answer a page of the list of accounts."""
        try:
            limit = int(request.query_params.get("limit", "100"))
            after = int(request.query_params.get("cursor", "0"))
        except ValueError:
            return _problem(400)
        if not 1 <= limit <= 250:
            return _problem(400)
        accounts, following = self.vendor.page(after, limit)
        items = b", ".join(account.item() for account in accounts)
        cursor = json.dumps(None if following is None else str(following)).encode()
        return _raw(b'{"object": "AccountList", "items": [' + items + b'], "cursor": ' + cursor + b"}")

    async def account(self, request: Request) -> Response:
        """Answer one account."""
        account = self.vendor.accounts.get(request.path_params["id"])
        return _problem(404) if account is None or account.is_deleted else _raw(account.item())

    async def restart(self, request: Request) -> Response:
        """Restart an account."""
        try:
            self.vendor.restart(request.path_params["id"])
        except ConfigurationError:
            return _problem(404)
        return _json({"object": "AccountRestarted"})

    async def webhooks(self, _request: Request) -> Response:
        """Answer the webhooks that are registered."""
        items = [_webhook(each) for each in [*self.vendor.subscriptions.values()]]
        return _json({"object": "WebhookList", "items": items, "cursor": None})

    async def register(self, request: Request) -> Response:
        """Register a webhook."""
        asked = await _asked(request)
        events = asked.get("events")
        if not isinstance(asked.get("request_url"), str) or (events and not {*events} <= _WORDS.keys()):
            return _problem(400)
        webhook_id = self.vendor.register(
            asked["request_url"],
            words=[_WORDS[event] for event in events] if events else None,
            headers={header["key"]: header["value"] for header in asked.get("headers") or ()},
            format=asked.get("format", "json"),
            account_ids=asked.get("account_ids") or (),
            is_enabled=asked.get("enabled", True),
            name=asked.get("name", ""),
            source=asked.get("source", ""),
        )
        return _json({"object": "WebhookCreated", "webhook_id": webhook_id}, 201)

    async def unregister(self, request: Request) -> Response:
        """Delete a webhook."""
        is_there = self.vendor.unregister(request.path_params["id"])
        return _json({"object": "WebhookDeleted"}) if is_there else _problem(404)

    async def link(self, request: Request) -> Response:
        """Make a link of hosted auth."""
        try:
            url = self.vendor.make_link(await _asked(request))
        except (KeyError, ValueError):
            return _problem(400)
        return _json({"object": "HostedAuthUrl", "url": url}, 201)

    async def visit(self, request: Request) -> Response:
        """Let a user sign in by a link."""
        account_id = self.vendor.visit(request.path_params["token"])
        return (
            HTMLResponse("<h1>This link has expired</h1>", 410) if account_id is None else HTMLResponse("<h1>Done</h1>")
        )


async def _faulty(fault: PlannedFault, request: Request, call: Endpoint) -> Response:
    """Answer a request as a fault has it."""
    if fault.kind is ApiFault.TOO_MANY:
        response = _problem(429)
        if fault.retry_after_s:
            response.headers["Retry-After"] = f"{fault.retry_after_s:g}"
        return response
    if fault.kind is ApiFault.FORBIDDEN:
        return _problem(403)
    if fault.kind in (ApiFault.UNAVAILABLE, ApiFault.HTML):
        return HTMLResponse(_PAGE, 503 if fault.kind is ApiFault.UNAVAILABLE else 200)
    if fault.kind is ApiFault.SLOW:
        await pause(request.scope, fault.after_s)
    response = await call(request)
    if fault.kind is ApiFault.CUT:
        return _raw(bytes(response.body)[: len(response.body) // 2])
    if fault.kind is ApiFault.LOOP and b'"cursor"' in response.body:
        return _json({**json.loads(bytes(response.body)), "cursor": "1"})
    return response


async def _asked(request: Request) -> Mapping[str, Any]:
    asked = json.loads(await request.body() or b"{}")
    if not isinstance(asked, dict):
        raise ValueError("no object")
    return asked


def _webhook(subscription: RegisteredWebhook) -> dict[str, Any]:
    """Return a webhook as the API lists it."""
    return {
        "object": "Webhook",
        "id": subscription.id,
        "request_url": subscription.url,
        "source": subscription.source,
        "events": [e for e, word in _WORDS.items() if word in subscription.words] if subscription.has_events else None,
        "headers": [{"key": name, "value": value} for name, value in subscription.headers],
        "format": subscription.format,
        "account_ids": [*subscription.account_ids],
        "enabled": subscription.is_enabled,
        "name": subscription.name,
    }


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return _raw(json.dumps(document).encode(), status)


def _raw(content: bytes, status: int = 200) -> Response:
    return Response(content, status, media_type="application/json")


def _problem(status: int) -> Response:
    return _json({"status": status, "type": f"errors/{status}", "title": _TITLES[status]}, status)
