"""Where a webhook may go: its URL read strictly, the addresses behind it, and which of them are allowed.

Whoever can have a URL registered can try to reach what only this machine reaches: the cloud's metadata service, a
database without a password, a router. The defence has one order, which must not be changed:

1. The URL is read strictly when the endpoint is made. A host that is no plain name is refused, because resolvers read
   ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as 127.0.0.1; so are credentials, odd ports, and http to a public host.
2. The name is resolved once for each attempt, and every address that comes back is checked. One that is refused is
   enough to refuse all: no honest zone mixes public addresses with private ones.
3. Only a checked address is connected to (``exchange``). Nothing after the check looks at the name again, so a name
   that answers differently the second time (DNS rebinding) gains nothing; TLS still checks the certificate for it.

An address is allowed if it is public, or if the operator named its host or its network in ``allow``. IPv6 addresses
that stand for an IPv4 address, or are tunnelled or translated to one, are checked as both. Metadata services are
refused whatever is allowed. The rows are IANA's registries of special-purpose addresses, written out here because what
``ipaddress`` calls global changes with the version of Python.
"""

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError
from ..lifecycle.wording import shown
from ..urls import public_url

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, as text. Raises ``OSError`` when it has none."""

DEFAULT_PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024
"""Below it live mail, shells and directories, which must not be spoken to by accident."""

_AUTHORITY = re.compile(r"(?:\[(?P<ipv6>[^][@]+)\]|(?P<host>[^][@:]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PLAIN = re.compile(r"[a-z0-9_.-]+")
_EXAMPLE = "such as https://crm.example.com/hooks"


# ---- What is allowed ------------------------------------------------------------------------------------


class Allowance(NamedTuple):
    """What may be reached although it is not public."""

    hosts: frozenset[str] = frozenset()
    """Host names; their addresses may be private."""
    suffixes: tuple[str, ...] = ()
    """Ends of host names, each with its leading dot; their addresses may be private."""
    networks: tuple[Network, ...] = ()
    """Any address in these, whichever host it belongs to."""

    def names(self, host: str) -> bool:
        """Return whether a host is allowed by its name."""
        return host in self.hosts or host.endswith(self.suffixes)

    def holds(self, address: Address) -> bool:
        """Return whether an address lies in an allowed network."""
        return any(address in network for network in self.networks)


def read_allowance(entries: Sequence[str]) -> Allowance:
    """Return what host names, ``.suffixes`` and networks allow. Raise ``ConfigurationError`` for any other entry."""
    if isinstance(entries, str):
        raise ConfigurationError("allow", "one text", 'a list such as ["crm.internal", ".internal", "10.1.0.0/16"]')
    hosts, suffixes, networks = set(), [], []
    for entry in entries:
        if network := _network(entry):
            networks.append(network)
        elif not is_host_name(name := entry.lower().removeprefix(".")):
            raise ConfigurationError(
                "allow", shown(entry), 'a host ("crm.internal"), a suffix (".internal") or a network ("10.1.0.0/16")'
            )
        elif entry.startswith("."):
            suffixes.append(f".{name}")
        else:
            hosts.add(name)
    return Allowance(frozenset(hosts), tuple(suffixes), tuple(networks))


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


# ---- URLs ---------------------------------------------------------------------------------------------


class Target(NamedTuple):
    """A receiver's URL in its parts."""

    scheme: str
    host: str
    """In ASCII and lower case, without brackets and without a dot at the end."""
    port: int
    path: str
    """With the query, if it has one. Either may hold a secret."""

    def __repr__(self) -> str:
        return f"<Target {self.scheme}://{self.authority}>"

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
    """Return the parts of a URL. Raise ``ConfigurationError``, which names what is invalid, never the whole URL."""
    if not url.isascii() or not url.isprintable() or set(url) & set(" \\#"):
        raise _invalid("a blank, backslash, fragment or foreign letter", "ASCII (xn-- for the host, %xx for the rest)")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _invalid("a host in brackets that is no IPv6 address", _EXAMPLE) from None
    host, address, port = _read_authority(parts)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port, path)
    _check_reach(target, address, allowance)
    return target


def _read_authority(parts: SplitResult) -> tuple[str, Address | None, int | None]:
    """Return the host, the address that it spells out if it does, and the port if one is given."""
    if parts.scheme not in DEFAULT_PORTS:
        raise _invalid(f"the URL {shown(public_url(parts.geturl()))}", "https (or http, to a host in allow)")
    if "@" in parts.netloc:
        raise _invalid("credentials in it", "none: receivers know a webhook by its signature")
    found = _AUTHORITY.fullmatch(parts.netloc.lower())
    if found is None:
        raise _invalid("something else for a host and a port" if parts.netloc else "no host", _EXAMPLE)
    host = (found["host"] or found["ipv6"]).removesuffix(".")
    address = _literal(host)
    is_plain = isinstance(address, IPv6Address) if found["ipv6"] else address is not None or is_host_name(host)
    if not is_plain:
        named = f"the host {shown(host, 80)}" if _PLAIN.fullmatch(host) else "a host with other characters"
        raise _invalid(named, "a host name, a.b.c.d or [IPv6], in its plain spelling")
    return host, address, None if found["port"] is None else int(found["port"])


def _check_reach(target: Target, address: Address | None, allowance: Allowance) -> None:
    """Raise ``ConfigurationError`` for what only a host in ``allow`` may have: a private address, http, any port."""
    if address is not None and (why := why_refused(address, target.host, allowance)):
        raise _invalid(f"{target.host} ({why})", 'a public host, or an entry in allow such as "10.1.0.0/16"')
    is_allowed = allowance.names(target.host) or (address is not None and allowance.holds(address))
    if not is_allowed and not target.is_secure:
        raise _invalid("http", "https, or the host in allow")
    if not 0 < target.port < 65_536 or (
        not is_allowed and target.port < FIRST_FREE_PORT and target.port != DEFAULT_PORTS["https"]
    ):
        raise _invalid(f"port {target.port}", f"443, or one from {FIRST_FREE_PORT} on, or the host in allow")


def _invalid(found: str, expected: str) -> ConfigurationError:
    return ConfigurationError("url", found, expected)


def _literal(host: str) -> Address | None:
    """Return the address that a host spells out, if it does."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_host_name(host: str) -> bool:
    """Return whether lower-case text is a host name, and not a number in an old spelling of an IPv4 address.

    The system's resolver reads ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as 127.0.0.1: whatever ends in a
    number is therefore no name.
    """
    return len(host) <= 253 and _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(host.rpartition(".")[2]) is None


# ---- Addresses ------------------------------------------------------------------------------------------


def checked_addresses(target: Target, allowance: Allowance, resolver: Resolver, timeout_s: float) -> list[Address]:
    """Return the addresses of a target, in the resolver's order: resolved once, and every one of them checked.

    Raise ``RefusedAddress`` if one of them is refused, and ``OSError`` for a name without addresses or one that is not
    resolved within ``timeout_s``.
    """
    literal = _literal(target.host)
    found = [literal] if literal is not None else _resolved(target, resolver, timeout_s)
    for address in found:
        if why := why_refused(address, target.host, allowance):
            raise RefusedAddress(why)
    return found


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it, each once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _resolved(target: Target, resolver: Resolver, timeout_s: float) -> list[Address]:
    """Return what the resolver answers in time. The system's takes no timeout, so it is left behind in its thread."""
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


def why_refused(address: Address, host: str, allowance: Allowance) -> str | None:
    """Return why an address that a host resolved to may not be connected to; None if it may.

    An address that carries another one is judged by both.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return f"{address} is tied to one network interface"
    is_named = allowance.names(host)
    for each in (address, *embedded_in(address)):
        if what := _what_is_wrong_with(each, allowance, is_named=is_named):
            return f"{address} is {what}" if each is address else f"{address} stands for {each}, which is {what}"
    return None


def embedded_in(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address stands for, or may be translated or tunnelled to."""
    if not isinstance(address, IPv6Address) or int(address) <= 1:
        return
    is_isatap = (int(address) >> 32) & _ISATAP_MASK == _ISATAP
    if is_isatap or any(address in network for network in _ENDS_WITH_IPV4):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _what_is_wrong_with(address: Address, allowance: Allowance, *, is_named: bool) -> str | None:
    if address in METADATA:
        return "where a cloud hands out credentials"
    if allowance.holds(address) or (is_named and any(address in network for network in PRIVATE_NETWORKS)):
        return None
    for network, what in SPECIAL:
        if address in network:
            return what
    is_public = isinstance(address, IPv4Address) or address in _GLOBAL_UNICAST or address in _NAT64
    return None if is_public else "no public address"


def _rows(*rows: tuple[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(network), what) for network, what in rows)


def _networks(*networks: str) -> tuple[Network, ...]:
    return tuple(ip_network(network) for network in networks)


SPECIAL = _rows(
    ("0.0.0.0/8", "unspecified"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier's customers"),
    ("127.0.0.0/8", "this very machine"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "for documentation"),
    ("192.31.196.0/24", "reserved for name servers"),
    ("192.52.193.0/24", "reserved for multicast relays"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "reserved for name servers"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "this very machine"),
    ("::/96", "an IPv4 address in disguise"),
    ("::ffff:0:0/96", "an IPv4 address in disguise"),
    ("::ffff:0:0:0/96", "an IPv4 address in disguise"),
    ("64:ff9b:1::/48", "a local translation to IPv4"),
    ("100::/64", "discarded"),
    ("2001::/32", "a Teredo tunnel"),
    ("2001::/23", "reserved for protocols"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "a 6to4 tunnel"),
    ("2620:4f:8000::/48", "reserved for name servers"),
    ("3fff::/20", "for documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
"""What is not public, and what it is instead."""

PRIVATE_NETWORKS = _networks(
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"
)
"""Where a host that is allowed by its name may live."""

METADATA = frozenset(
    network.network_address
    for network in _networks(
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # containers on AWS ...
        "169.254.170.23",
        "fd00:ec2::254",  # ... and its other addresses
        "fd00:ec2::23",
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure: publicly routed by its number, and yet inside
        "192.0.0.192",  # Oracle Cloud
        "169.254.42.42",  # Scaleway
        "fd00:42::42",
        "fd20:ce::254",  # Google Cloud
    )
)
"""Never allowed, not by name nor by network."""

_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
"""The one translation that is let through, as far as the address behind it is public: networks without IPv4 reach
every receiver by it."""
_ENDS_WITH_IPV4 = _networks("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
_ISATAP, _ISATAP_MASK = 0x0000_5EFE, 0xFCFF_FFFF
"""The marker in the interface identifier, whatever its two bits for "universal" and "group" say."""
