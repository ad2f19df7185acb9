"""Where a webhook goes: its URL, read strictly, and the addresses behind it, resolved once and checked.

Knows URLs and the resolver; it must never connect. What is checked here is what is connected to: nothing after
this looks at the name again, so a name that answers differently the second time gains nothing.
"""

import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError
from ..lifecycle.wording import printable, shown
from .addresses import Address, Allowance, why_refused
from .names import is_host_name

Resolver = Callable[[str, int], Sequence[str]]
"""Tells the addresses of a host, as text. Raises ``OSError`` when it has none."""

DEFAULT_PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024
"""Below it live mail, shells and directories, which must not be spoken to by accident."""


_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^][@]+)\]|(?P<host>[^][@:]+))(?::(?P<port>[0-9]{1,5}))?")
_EXAMPLE = "such as https://crm.example.com/hooks"


class Target(NamedTuple):
    """A receiver's URL in its parts."""

    scheme: str
    host: str
    """In ASCII and lower case, without brackets and without a dot at the end."""
    port: int
    path: str
    """With the query, if it has one."""

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """What the ``Host`` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


class RefusedAddress(Exception):
    """A host resolved to an address that may not be connected to."""


def read_url(url: str, allowance: Allowance) -> Target:
    """Take a URL apart. Raises ``ConfigurationError``, which names what is wrong and never shows the whole of it."""
    if not url.isascii() or not url.isprintable() or set(url) & set(" \\#"):
        raise _wrong("a blank, backslash, fragment or foreign letter", "ASCII (xn-- for the host, %xx for the rest)")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _wrong(printable(str(error), 80), _EXAMPLE) from None
    host, address, port = _read_authority(parts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port, path)
    _check_reach(target, address, allowance)
    return target


def checked_addresses(target: Target, allowance: Allowance, resolver: Resolver, timeout_s: float) -> list[Address]:
    """The addresses of a target, in the resolver's order: resolved once, and every one of them checked.

    One address that is refused is enough to refuse all: nobody mixes them with good intent. Raises
    ``RefusedAddress``, or ``OSError`` for a name without addresses.
    """
    literal = _literal(target.host)
    found = [literal] if literal is not None else _resolved(target, resolver, timeout_s)
    for address in found:
        if why := why_refused(address, target.host, allowance):
            raise RefusedAddress(why)
    return found


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _read_authority(parts: SplitResult) -> tuple[str, Address | None, int | None]:
    """The host, the address that it spells out if it does, and the port if it is told."""
    if parts.scheme not in DEFAULT_PORTS:
        raise _wrong(f"the scheme {shown(parts.scheme)}", "https (or http, to a host in allow)")
    if "@" in parts.netloc:
        raise _wrong("credentials in it", "none: receivers know a webhook by its signature")
    found = _AUTHORITY.fullmatch(parts.netloc.lower())
    if found is None:
        raise _wrong(f"{shown(parts.netloc)} for a host" if parts.netloc else "no host", _EXAMPLE)
    host = (found["host"] or found["ipv6"]).removesuffix(".")
    address = _literal(host)
    is_plain = isinstance(address, IPv6Address) if found["ipv6"] else address is not None or is_host_name(host)
    if not is_plain:
        raise _wrong(f"the host {shown(host)}", "a host name, a.b.c.d or [IPv6], in its plain spelling")
    return host, address, None if found["port"] is None else int(found["port"])


def _check_reach(target: Target, address: Address | None, allowance: Allowance) -> None:
    """What depends on whether the host is allowed to be private."""
    if address is not None and (why := why_refused(address, target.host, allowance)):
        raise _wrong(f"{target.host} ({why})", 'a public host, or an entry in allow such as "10.1.0.0/16"')
    is_allowed = allowance.names(target.host) or (address is not None and allowance.holds(address))
    if not is_allowed and not target.is_secure:
        raise _wrong("http", "https, or the host in allow")
    if not 0 < target.port < 65_536 or (
        not is_allowed and target.port < FIRST_FREE_PORT and target.port != DEFAULT_PORTS["https"]
    ):
        raise _wrong(f"port {target.port}", f"443, or one from {FIRST_FREE_PORT} on, or the host in allow")


def _wrong(found: str, expected: str) -> ConfigurationError:
    return ConfigurationError("url", found, expected)


def _literal(host: str) -> Address | None:
    """The address that a host spells out, if it does."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _resolved(target: Target, resolver: Resolver, timeout_s: float) -> list[Address]:
    """What the resolver says, if it says so in time: the system's cannot be told to hurry, so it is left behind."""
    answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(target.host, target.port))
        except Exception as error:
            answers.put(error)

    Thread(target=ask, name="webhook-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        raise OSError("its name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    if not answer:
        raise OSError("it has no address")
    return [ip_address(text) for text in answer]
