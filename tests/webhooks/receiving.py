"""What the tests of webhooks share: calls to deliver, and receivers on the loopback that answer as they are told."""

import base64
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from time import sleep
from typing import Any, NamedTuple

from account_lifecycle.hooks.calls import CALL_TYPES, HookCall
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.testing import Clock
from account_lifecycle.webhooks import WebhookEndpoint
from builders import T0

SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(64))).decode()
LOOPBACK = "127.0.0.1"


def a_call(account_id: str = "acc_1", kind: EffectKind = EffectKind.RECOVERED, **more: Any) -> HookCall:
    """A hook's call about an account of which nothing else is known."""
    key = f"{account_id}/3/{kind}/"
    facts = {"subject": "", "account": Account(account_id), "key": key, "occurred_at": T0, **more}
    return CALL_TYPES[kind](kind=kind, account_id=account_id, sequence=3, **facts)


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    """An HTTP answer, such as ``answer("503 Busy", "Retry-After: 7")``."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


OK = answer("204 No Content")
Answer = bytes | Callable[[socket.socket], None]


class Request(NamedTuple):
    """What a receiver got."""

    line: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A server that gives its answers in order, the last one for ever, and keeps what it got."""

    def __init__(self, answers: Sequence[Answer], tls: ssl.SSLContext | None, address: str) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._answers = list(answers) or [OK]
        self._tls = tls
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{address}:{self.port}/hooks"
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with link, suppress(OSError, ValueError):  # who hangs up, or speaks something else
                self._answer(link if self._tls is None else self._tls.wrap_socket(link, server_side=True))

    def _answer(self, link: socket.socket) -> None:
        with link, link.makefile("rb") as stream:
            line = stream.readline().decode("ascii").strip()
            headers = {}
            while (header := stream.readline().decode("ascii").strip()) != "":
                name, _, value = header.partition(": ")
                headers[name] = value
            self.requests.append(Request(line, headers, stream.read(int(headers["Content-Length"]))))
            told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            link.sendall(told) if isinstance(told, bytes) else told(link)


@contextmanager
def receiver(*answers: Answer, tls: ssl.SSLContext | None = None, address: str = LOOPBACK) -> Iterator[Receiver]:
    running = Receiver(answers, tls, address)
    try:
        yield running
    finally:
        running.close()


def dripping(beginning: bytes, drop: bytes, ending: bytes, drops: int = 150) -> Callable[[socket.socket], None]:
    """An answer that comes drop by drop for seconds, so that no single wait is long; it would be right in the end."""

    def answer_slowly(link: socket.socket) -> None:
        link.sendall(beginning)
        for _ in range(drops):
            link.sendall(drop)
            sleep(0.02)
        link.sendall(ending)

    return answer_slowly


def endpoint(url: str, secrets: Sequence[str] = (SECRET,), **more: Any) -> WebhookEndpoint:
    """An endpoint that may reach the loopback, with a clock that is told the time."""
    options = {"allow": ["127.0.0.0/8"], "clock": Clock(), **more}
    return WebhookEndpoint(url, secrets, **options)
