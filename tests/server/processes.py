"""``serve`` in a process of its own on loopback, and clients that speak to it through bare sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from hooks.waiting import PATIENCE_S
from server.driving import HEADER, SECRET

PROGRAM = [sys.executable, "-c", "from account_lifecycle.cli import main; main()"]


class Served(NamedTuple):
    """A server that is running, with a group of processes of its own."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def signal(self, number: signal.Signals) -> None:
        """To the process that was started."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def logged(self) -> str:
        return self.log.read_text()


@contextmanager
def serving(
    store: Path, *words: str, secrets: Sequence[str] = (SECRET,), log: Path | None = None, **environment: str
) -> Iterator[Served]:
    """Serve a file on a free port, with the log beside it by default; every process is gone in the end."""
    log = log or store.with_name(f"{store.name}.log")
    settings = {"ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": ",".join(secrets), **environment}
    with started(["serve", "--port", "0", "--store", f"sqlite:///{store}", *words], log, settings) as served:
        yield served


@contextmanager
def started(
    words: Sequence[str], log: Path, environment: Mapping[str, str], out: Path | None = None
) -> Iterator[Served]:
    """Run a command that listens, with what it says in ``log`` and what it writes in ``out``."""
    with log.open("wb") as errors, (out or Path(os.devnull)).open("wb") as output:
        process = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **environment},
            start_new_session=True,
            cwd=log.parent,
        )
    try:
        yield Served(process, _port_in(log, process), log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)


def _port_in(log: Path, process: "subprocess.Popen[bytes]") -> int:
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s:
        if found := re.search(r" webhooks at http://127\.0\.0\.1:(\d+)/hooks", log.read_text()):
            return int(found[1])
        assert process.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"it does not serve: {log.read_text()}")


def head(length: int | None, *, path: str = "/hooks", secret: str = SECRET) -> bytes:
    """The head of a webhook; with no length its body is chunked."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{HEADER}: {secret}\r\n{size}\r\n\r\n".encode()


def read_answer(link: socket.socket) -> tuple[int, bytes]:
    """The status and the body of one answer; (0, b"") if the connection ends before it does."""
    data = b""
    with suppress(OSError):
        while b"\r\n\r\n" not in data:
            if not (part := link.recv(65_536)):
                return 0, b""
            data += part
        top, _, body = data.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", top.lower())[1])  # type: ignore[index]
        while len(body) < length:
            if not (part := link.recv(65_536)):
                return 0, b""
            body += part
        return int(top.split()[1]), body
    return 0, b""


def post(link: socket.socket, body: bytes) -> int:
    """Post a webhook over a connection; the status, or 0 if there is no whole answer."""
    with suppress(OSError):
        link.sendall(head(len(body)) + body)
        return read_answer(link)[0]
    return 0


def is_closed(link: socket.socket) -> bool:
    """Whether the other side closes the connection, sooner or later, without another word."""
    with suppress(ConnectionError):
        return link.recv(1) == b""
    return True
