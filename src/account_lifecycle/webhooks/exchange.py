"""One request to one checked address, and as much of the answer as is needed, before a deadline.

Nothing is resolved here. No proxy of the environment is used and no redirect followed: ``http.client`` does neither.
"""

import io
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, cast

from ..lifecycle.wording import printable
from .addresses import Address, Target

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

EXCERPT_BYTES = 1024
"""How much of an answer's body is looked at; the rest is never read."""
MAX_WORDS = 200
"""How many characters are shown of what a receiver answers, or of why it does not."""


class Answer(NamedTuple):
    """What a receiver answered."""

    status: int
    retry_after: str | None
    location: str | None
    excerpt: bytes
    """The beginning of the body, as far as it came at once; empty for a success unless it was asked for."""


class Deadline:
    """The moment by which an exchange has to be over, whatever it is doing."""

    def __init__(self, timeout_s: float) -> None:
        self._end = monotonic() + timeout_s

    def left_s(self) -> float:
        """Return how many seconds are left. Raise ``TimeoutError`` when none are."""
        left_s = self._end - monotonic()
        if left_s <= 0:
            raise TimeoutError
        return left_s


def exchange(
    target: Target,
    addresses: Sequence[Address],
    tls: ssl.SSLContext | None,
    headers: Mapping[str, str],
    body: bytes,
    deadline: Deadline,
    connect_timeout_s: float,
    *,
    reads_success: bool = False,
) -> Answer:
    """Post a body to the first of the addresses that can be connected to, and return the answer.

    ``reads_success``: whether the beginning of the body is of interest in a success, too. The certificate is checked
    for the target's host. Raise ``TimeoutError`` when the deadline passes, and other kinds of ``OSError`` or
    ``http.client.HTTPException`` for failures before it.
    """
    with _connected(addresses, target.port, deadline, connect_timeout_s) as plain:
        plain.settimeout(deadline.left_s())  # which bounds the whole handshake
        with plain if tls is None else tls.wrap_socket(plain, server_hostname=target.host) as link:
            connection = HTTPConnection(target.host, target.port)
            connection.sock = cast(socket.socket, _TimedLink(link, deadline))  # connected: it will not resolve again
            connection.request("POST", target.path, body, {**headers, "Host": target.authority, "Connection": "close"})
            return _answer(connection, reads_success=reads_success)


def _connected(addresses: Sequence[Address], port: int, deadline: Deadline, connect_timeout_s: float) -> socket.socket:
    failure: OSError = OSError("it has no address")
    for address in addresses:
        link = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        try:
            link.settimeout(min(connect_timeout_s, deadline.left_s()))
            link.connect((str(address), port))
        except TimeoutError:
            link.close()
            failure = OSError(f"no connection to {address} within {connect_timeout_s:g} s")
        except OSError as error:
            link.close()
            failure = error
        else:
            return link
    raise failure


def _answer(connection: HTTPConnection, *, reads_success: bool) -> Answer:
    response = connection.getresponse()
    excerpt = b""
    if reads_success or not 200 <= response.status < 300:
        with suppress(OSError, HTTPException):  # the words are for people only
            excerpt = response.read1(EXCERPT_BYTES)
    return Answer(response.status, response.getheader("Retry-After"), response.getheader("Location"), excerpt)


def failure_words(error: OSError | HTTPException) -> str:
    """Return a failure of the receiver, or on the way to it, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ConnectionResetError):  # before HTTP's failures, of which one is also this
        return "it closed the connection without an answer"
    if isinstance(error, HTTPException):
        return f"it answered with something that is not HTTP ({type(error).__name__})"
    return printable(str(error.strerror or error), MAX_WORDS)


@cache
def user_agent() -> str:
    """Return what requests call themselves: this package and its version."""
    try:
        return f"account-lifecycle/{version('account-lifecycle')}"
    except PackageNotFoundError:
        return "account-lifecycle"


class _TimedLink:
    """What ``http.client`` needs of a socket, each step of it bounded by what is left of one deadline.

    A socket's own timeout starts anew with every byte, so a receiver that sends one now and then is never late.
    """

    def __init__(self, link: socket.socket, deadline: Deadline) -> None:
        self._link = link
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._link.settimeout(self._deadline.left_s())
            rest = rest[self._link.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._link, self._deadline))

    def close(self) -> None:
        """Do nothing: ``exchange`` closes the socket."""


class _TimedReader(io.RawIOBase):
    def __init__(self, link: socket.socket, deadline: Deadline) -> None:
        self._link = link
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._link.settimeout(self._deadline.left_s())
        return self._link.recv_into(buffer)
