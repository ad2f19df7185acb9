"""Which addresses a webhook may be sent to: the public ones, and those that the operator has allowed.

Knows networks and what stands in for other addresses; it must never know a URL or resolve a name. The rows are
IANA's registries of special-purpose addresses, written out here because what ``ipaddress`` calls global changes
with the version of Python.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

from ..errors import ConfigurationError
from ..lifecycle.wording import shown
from .names import is_host_name

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Allowance(NamedTuple):
    """What may be reached although it is not public."""

    hosts: frozenset[str] = frozenset()
    """Host names; their addresses may be private."""
    suffixes: tuple[str, ...] = ()
    """Ends of host names, each with its leading dot; their addresses may be private."""
    networks: tuple[Network, ...] = ()
    """Any address in these, whichever host it belongs to."""

    def names(self, host: str) -> bool:
        """Whether a host is allowed by its name."""
        return host in self.hosts or host.endswith(self.suffixes)

    def holds(self, address: Address) -> bool:
        """Whether an address lies in an allowed network."""
        return any(address in network for network in self.networks)


def read_allowance(entries: Sequence[str]) -> Allowance:
    """Read host names, ``.suffixes`` and networks. Raises ``ConfigurationError`` for an entry that is none of them."""
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


def why_refused(address: Address, host: str, allowance: Allowance) -> str | None:
    """Why an address that a host resolved to may not be connected to; None if it may.

    An address that carries another one is judged by both.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return f"{address} is tied to one network interface"
    is_named = allowance.names(host)
    for face in (address, *embedded_in(address)):
        if what := _what_is_wrong_with(face, allowance, is_named=is_named):
            return f"{address} is {what}" if face is address else f"{address} stands for {face}, which is {what}"
    return None


def embedded_in(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for, or may be translated or tunnelled to."""
    if not isinstance(address, IPv6Address) or int(address) <= 1:
        return
    is_isatap = (int(address) >> 32) & _ISATAP_MASK == _ISATAP
    if is_isatap or any(address in network for network in _ENDS_WITH_IPV4):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _network(entry: str) -> Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None


def _what_is_wrong_with(address: Address, allowance: Allowance, *, is_named: bool) -> str | None:
    if address in METADATA:
        return "where a cloud hands out credentials"
    if allowance.holds(address) or (is_named and any(address in network for network in PRIVATE)):
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

PRIVATE = _networks(
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
