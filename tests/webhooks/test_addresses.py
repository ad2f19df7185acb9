"""Which addresses may be connected to: public ones, what is allowed, and nothing that carries something else."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import ConfigurationError
from account_lifecycle.webhooks.addresses import METADATA, Address, Network, read_allowance, why_refused

NOTHING = read_allowance([])
BY_NAME = read_allowance(["crm.internal"])

REFUSED = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "::/16", "::/96", "::1/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64",
    "2001::/32",
    "2001:db8::/32", "2002::/16", "3fff::/20", "4000::/2", "8000::/1", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip
PRIVATE_V4 = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
PUBLIC = ["93.184.216.34", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.0", "2606:4700::1111", "2a00:1450::1"]


def within(network: Network) -> st.SearchStrategy[Address]:
    return st.integers(int(network.network_address), int(network.broadcast_address)).map(
        IPv4Address if isinstance(network, IPv4Network) else IPv6Address
    )


def anywhere_in(networks: list[str]) -> st.SearchStrategy[Address]:
    return st.sampled_from(networks).flatmap(lambda network: within(ip_network(network)))


EMBEDDINGS: dict[str, Callable[[int], int]] = {
    "mapped": lambda v4: int(IPv6Address("::ffff:0:0")) | v4,
    "compatible": lambda v4: v4,
    "translated": lambda v4: int(IPv6Address("::ffff:0:0:0")) | v4,
    "NAT64": lambda v4: int(IPv6Address("64:ff9b::")) | v4,
    "local NAT64": lambda v4: int(IPv6Address("64:ff9b:1::")) | v4,
    "6to4": lambda v4: int(IPv6Address("2002::1")) | v4 << 80,
    "Teredo client": lambda v4: int(IPv6Address("2001:0:102:304::")) | (v4 ^ 0xFFFF_FFFF),
    "Teredo server": lambda v4: int(IPv6Address("2001::")) | v4 << 64,
    "ISATAP": lambda v4: int(IPv6Address("2a00:1450:1:2:0:5efe::")) | v4,
    "ISATAP, universal": lambda v4: int(IPv6Address("2a00:1450:1:2:200:5efe::")) | v4,
}


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_reached(text: str) -> None:
    assert why_refused(ip_address(text), "crm.example.com", NOTHING) is None


@given(anywhere_in(REFUSED))
def test_no_address_of_a_special_network_may_be_reached(address: Address) -> None:
    assert why_refused(address, "crm.example.com", NOTHING) is not None


@pytest.mark.parametrize("network", REFUSED)
def test_a_special_network_is_refused_from_its_first_to_its_last_address(network: str) -> None:
    edges = ip_network(network)
    assert why_refused(edges.network_address, "crm.example.com", NOTHING) is not None
    assert why_refused(edges.broadcast_address, "crm.example.com", NOTHING) is not None


@pytest.mark.parametrize("form", EMBEDDINGS)
@given(anywhere_in(PRIVATE_V4))
def test_a_private_ipv4_address_in_any_disguise_is_refused(form: str, address: Address) -> None:
    disguised = IPv6Address(EMBEDDINGS[form](int(address)))
    assert why_refused(disguised, "crm.example.com", NOTHING) is not None


@pytest.mark.parametrize("form", EMBEDDINGS)
def test_a_network_that_is_allowed_does_not_allow_what_its_addresses_stand_for(form: str) -> None:
    everything_v6 = read_allowance(["::/0"])
    disguised = IPv6Address(EMBEDDINGS[form](int(IPv4Address("10.1.2.3"))))
    assert "10.1.2.3" in (why_refused(disguised, "crm.example.com", everything_v6) or "")


def test_a_public_address_behind_nat64_may_be_reached_from_networks_without_ipv4() -> None:
    assert why_refused(IPv6Address("64:ff9b::93.184.216.34"), "crm.example.com", NOTHING) is None


@pytest.mark.parametrize("address", sorted(METADATA, key=str))
@pytest.mark.parametrize("allow", [[], ["crm.internal"], ["0.0.0.0/0", "::/0"]])
def test_nothing_allows_the_addresses_where_clouds_hand_out_credentials(address: Address, allow: list[str]) -> None:
    assert "credentials" in (why_refused(address, "crm.internal", read_allowance(allow)) or "")


@pytest.mark.parametrize("form", EMBEDDINGS)
def test_credentials_of_the_cloud_stay_closed_in_any_disguise(form: str) -> None:
    disguised = IPv6Address(EMBEDDINGS[form](int(IPv4Address("169.254.169.254"))))
    assert "credentials" in (why_refused(disguised, "crm.internal", read_allowance(["0.0.0.0/0", "::/0"])) or "")


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fd00::1%1", "2a00:1450::1%lo"])
def test_an_address_that_is_tied_to_an_interface_is_refused(text: str) -> None:
    assert "interface" in (why_refused(ip_address(text), "crm.internal", read_allowance(["::/0"])) or "")


@pytest.mark.parametrize("text", ["10.1.2.3", "127.0.0.1", "100.64.0.1", "192.168.1.1", "::1", "fd00::1", "1.1.1.1"])
def test_a_host_that_is_allowed_by_its_name_may_be_private(text: str) -> None:
    assert why_refused(ip_address(text), "crm.internal", BY_NAME) is None
    assert text == "1.1.1.1" or why_refused(ip_address(text), "other.internal", BY_NAME) is not None


@pytest.mark.parametrize("text", ["0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1", "::"])
def test_a_host_that_is_allowed_by_its_name_may_be_private_and_nothing_worse(text: str) -> None:
    assert why_refused(ip_address(text), "crm.internal", BY_NAME) is not None


def test_a_suffix_allows_what_ends_in_it_and_no_lookalike() -> None:
    allowance = read_allowance([".internal"])
    private = ip_address("10.0.0.1")
    assert why_refused(private, "crm.internal", allowance) is None
    assert why_refused(private, "a.b.internal", allowance) is None
    assert why_refused(private, "evil-internal", allowance) is not None
    assert why_refused(private, "internal", allowance) is not None


@given(st.ip_addresses())
def test_a_network_allows_its_own_addresses_only(address: Address) -> None:
    allowance = read_allowance(["10.1.0.0/16"])
    if address not in ip_network("10.1.0.0/16"):
        refused = why_refused(address, "crm.example.com", allowance)
        assert (refused is None) == (why_refused(address, "crm.example.com", NOTHING) is None)
    assert why_refused(ip_address("10.1.255.255"), "crm.example.com", allowance) is None


@given(st.ip_addresses(v=6))
def test_beyond_the_global_unicast_only_nat64_is_public(address: IPv6Address) -> None:
    unicast = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")
    if why_refused(address, "crm.example.com", NOTHING) is None:
        assert any(address in network for network in unicast)


@pytest.mark.parametrize(
    "entry", ["", "*.internal", "https://crm.internal", "10.1.2.3/16", "crm internal", "0x7f.1", "."]
)
def test_an_entry_that_can_allow_nothing_is_refused_in_words(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="allow"):
        read_allowance([entry])


def test_one_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="one text"):
        read_allowance("crm.internal")
