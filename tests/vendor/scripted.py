"""A server on loopback that answers as it is told, byte by byte: for what goes wrong on the wire."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple


class Scripted(NamedTuple):
    """One answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    after_s: float = 0
    """How long nothing comes."""
    drip_s: float = 0
    """The pause before each byte of the body."""
    cut: bool = False
    """Whether the connection is closed in the middle of the body."""


def page(*ids: str, cursor: str | None = None, **more: Any) -> Scripted:
    """An answer with a page of accounts."""
    items = [{"object": "Account", "type": "MAIL", "id": each, "sources": [], **more} for each in ids]
    return Scripted(body=json.dumps({"object": "AccountList", "items": items, "cursor": cursor}).encode())


class ScriptedServer(ThreadingHTTPServer):
    """Answers requests by its script, the last answer again and again, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.script: list[Scripted] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.ended = Event()

    def answers(self, *script: Scripted) -> None:
        """Answer so from now on."""
        self.script, self.requests = [*script], []

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append((f"{self.command} {self.path}", {**self.headers}, body))
        answer = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        self.server.ended.wait(answer.after_s)
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        sent = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        for start in range(0, len(sent), 1 if answer.drip_s else len(sent)):
            self.server.ended.wait(answer.drip_s)
            self.wfile.write(sent[start : start + 1] if answer.drip_s else sent)
        self.close_connection = answer.cut

    do_GET = do_POST = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve until the block ends."""
    server = ScriptedServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
