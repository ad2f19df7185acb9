"""What the stories of the receiver share: secrets, bodies, and requests to applications without a network."""

import asyncio
import hmac
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote
from wsgiref.validate import validator

from account_lifecycle import Engine
from account_lifecycle.server import QuerySecret, Receiver, SharedHeader, V2Signature
from account_lifecycle.testing import Clock, payload

SECRET, NEXT_SECRET = "the-secret-of-the-header", "the-next-secret-of-the-header"
IN_THE_QUERY = "the-secret-of-the-query"
SIGNING, NEXT_SIGNING = "the-secret-of-the-signature", "the-next-secret-of-the-signature"
HEADER, SIGNATURE = "X-Webhook-Secret", "X-Webhook-Signature"
OK = json.dumps(payload("OK", "acc_1")).encode()
V2_EVENT = b'{"type": "account.disconnected", "data": {"account_id": "acc_1"}}'


class Answer(NamedTuple):
    """What a client gets."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


Ask = Callable[..., Answer]
"""``ask(method, path, headers, body)``: a request to an application."""


def a_receiver(engine: Engine, clock: Clock, **more: Any) -> Receiver:
    """A receiver with every kind of credential, each in the middle of a rotation."""
    credentials = [
        SharedHeader(HEADER, NEXT_SECRET, SECRET),
        QuerySecret("secret", IN_THE_QUERY),
        V2Signature(SIGNATURE, NEXT_SIGNING, SIGNING),
    ]
    return Receiver(engine, credentials, clock=clock, **more)


def signature(secret: str, at: datetime, body: bytes) -> str:
    """The header of a v2 webhook."""
    seconds = int(at.timestamp())
    return f"t={seconds},v0={hmac.new(secret.encode(), f'{seconds}.'.encode() + body, 'sha256').hexdigest()}"


def over_asgi(app: Any, *, chunks: int = 1) -> Ask:
    """Requests to an ASGI application, whose bodies come in so many parts; without a length if in several."""

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path, _, query = path.partition("?")
        fields = dict(headers)
        fields.update({"Transfer-Encoding": "chunked"} if chunks > 1 else {"Content-Length": str(len(body))})
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in {"Host": "localhost", **fields}.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
        }
        size = -(-len(body) // chunks) or 1
        parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not parts:
                await asyncio.Event().wait()  # the client stays, and has nothing more to say
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        start, *rest = sent
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest))

    return ask


def over_wsgi(app: Any, *, is_chunked: bool = False) -> Ask:
    """Requests to a WSGI application, which is held to the letter of PEP 3333."""

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        environ.update({"wsgi.input_terminated": True} if is_chunked else {"CONTENT_LENGTH": str(len(body))})
        started: list[Any] = []

        def start_response(status: str, fields: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
            started.append((int(status.split()[0]), {name.lower(): value for name, value in fields}))
            return lambda _: None

        parts = validator(app)(environ, start_response)
        try:
            found = b"".join(parts)
        finally:
            parts.close()  # type: ignore[attr-defined]
        [(status, fields)] = started
        return Answer(status, fields, found)

    return ask
