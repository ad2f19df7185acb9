"""The receiver as an ASGI application, alone or in front of another one.

``check`` runs on the event loop and ``feed`` in a pool of threads, so that nobody waits for another's disk, and a body
that drips in costs a coroutine and not a thread. The places of those who wait for the pool are counted: there the load
of a burst shows first, and it is better to say so at once than to answer when the vendor waits no more.

A connection is closed after a reply for which the body was not read to its end: what is left of it is not read either.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

from .replies import FULL, TOO_SLOW, Receiving, Reply, is_ours

BODY_S = 10.0
"""How long a body may take to come in, in seconds: the vendor itself waits for thirty."""

Scope = MutableMapping[str, Any]
ASGIMessage = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[ASGIMessage]]
Send = Callable[[ASGIMessage], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
AnswerSeen = Callable[[int, float], object]
"""Sees the status of a request that is answered, and how many seconds that took."""


class ASGIMount:
    """An ASGI 3 application; make it with ``Receiver.asgi``. Its threads start with the first webhook."""

    def __init__(
        self, receiver: Receiving, app: ASGIApp | None, at: str, body_s: float, answered: AnswerSeen | None = None
    ) -> None:
        self._receiver = receiver
        self._answered = answered
        self._app = app
        self._is_ours = is_ours(at)
        self._body_s = body_s
        self._pool = ThreadPoolExecutor(receiver.threads, thread_name_prefix="account-lifecycle receiver")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for the receiver, and hand on any other."""
        if self._app is not None and not (scope["type"] == "http" and self._is_ours(_path(scope))):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            raise RuntimeError(f"the receiver of webhooks speaks http, not {scope['type']}")

    def close(self) -> None:
        """Wait for the bodies that are being fed, and take no more."""
        self._pool.shutdown(cancel_futures=True)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun_s, receiver, method = perf_counter(), self._receiver, scope["method"]
        headers = _folded(scope["headers"])
        query = scope["query_string"].decode("latin-1")
        has_body = "content-length" in headers or "transfer-encoding" in headers
        reply = receiver.check(method, headers, query)
        if reply is None:
            try:
                async with asyncio.timeout(self._body_s):
                    body = await _read(receive, receiver.max_bytes)
            except TimeoutError:
                reply = TOO_SLOW
            else:
                if body is None:
                    return  # the client is gone: it has no answer, so it will send it again
                has_body = len(body) > receiver.max_bytes
                if has_body or receiver.signs_body:
                    reply = receiver.check(method, headers, query, body)
                if reply is None:
                    reply = await self._feed(body, headers)
        if self._answered is not None:
            self._answered(reply.status, perf_counter() - begun_s)
        await _send(receiver.counted(reply), send, closes=has_body and scope["http_version"] in ("1.0", "1.1"))

    async def _feed(self, body: bytes, headers: dict[str, str]) -> Reply:
        if not self._receiver.enter():
            return FULL
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._receiver.feed, body, headers)
        finally:
            self._receiver.leave()


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _folded(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by name; one that came several times has its values with commas between them."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """Return the body, or more than ``max_bytes`` of it if it is longer; None if the client is gone."""
    parts, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes or not message.get("more_body", False):
            return b"".join(parts)


async def _send(reply: Reply, send: Send, *, closes: bool) -> None:
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _live(receive: Receive, send: Send) -> None:
    """Answer a server that asks for the beginning and the end: there is nothing to do at either."""
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
