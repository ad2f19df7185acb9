"""The receiver as a WSGI application, alone or in front of another one: Flask, Django, anything else.

Threads and timeouts are the server's here: each request is answered in the thread that it came in.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from .replies import BAD_LENGTH, FULL, Receiving, Reply, declared_length, is_ours

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApp = Callable[[Environ, StartResponse], Iterable[bytes]]


class WSGIMount:
    """A WSGI application; make it with ``Receiver.wsgi``."""

    def __init__(self, receiver: Receiving, app: WSGIApp | None, at: str) -> None:
        self._receiver = receiver
        self._app = app
        self._is_ours = is_ours(at)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request for the receiver, and hand on any other."""
        if self._app is not None and not self._is_ours(environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        reply = self._receiver.counted(self._answer(environ))
        headers = [*reply.headers.items(), ("content-length", str(len(reply.body)))]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [reply.body]

    def _answer(self, environ: Environ) -> Reply:
        receiver, method, query = self._receiver, environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        headers = _headers(environ)
        reply = receiver.check(method, headers, query)
        if reply is not None:
            return reply
        body = _read(environ, declared_length(headers), receiver.max_bytes)
        if body is None:
            return BAD_LENGTH
        if receiver.signs_body or len(body) > receiver.max_bytes:
            reply = receiver.check(method, headers, query, body)
            if reply is not None:
                return reply
        if not receiver.enter():
            return FULL
        try:
            return receiver.feed(body, headers)
        finally:
            receiver.leave()


def _headers(environ: Environ) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    if environ.get("CONTENT_LENGTH"):
        headers["content-length"] = environ["CONTENT_LENGTH"]
    return headers


def _read(environ: Environ, length: int | None, max_bytes: int) -> bytes | None:
    """Return the body, or more than ``max_bytes`` of it; None if it ends before its declared length.

    A body of no declared length has an end of its own only if the server says so.
    """
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""
    most, parts, stream = max_bytes + 1 if length is None else length, list[bytes](), environ["wsgi.input"]
    while most and (part := stream.read(most)):
        parts.append(part)
        most -= len(part)
    return None if most and length is not None else b"".join(parts)
