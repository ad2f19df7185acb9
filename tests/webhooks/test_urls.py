"""URLs: read strictly where they are written down, so that nothing odd is ever resolved or connected to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle import ConfigurationError
from account_lifecycle.webhooks.addresses import Target, read_allowance, read_url

NOTHING = read_allowance([])
INTERNAL = read_allowance(["crm.internal", "127.0.0.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://crm.example.com", ("https", "crm.example.com", 443, "/"), "crm.example.com"),
        ("HTTPS://CRM.Example.COM/Hooks?a=B", ("https", "crm.example.com", 443, "/Hooks?a=B"), "crm.example.com"),
        ("https://crm.example.com.:8443/", ("https", "crm.example.com", 8443, "/"), "crm.example.com:8443"),
        ("https://xn--bcher-kva.example/x", ("https", "xn--bcher-kva.example", 443, "/x"), "xn--bcher-kva.example"),
        ("https://93.184.216.34/", ("https", "93.184.216.34", 443, "/"), "93.184.216.34"),
        ("https://[2606:4700::1111]:8443/", ("https", "2606:4700::1111", 8443, "/"), "[2606:4700::1111]:8443"),
    ],
)
def test_a_public_https_url_is_taken_apart(url: str, target: tuple[str, str, int, str], authority: str) -> None:
    read = read_url(url, NOTHING)
    assert read == Target(*target)
    assert read.authority == authority


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://crm.internal/", "crm.internal"),
        ("http://crm.internal:25/", "crm.internal:25"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[fd00::1]:443/", "[fd00::1]:443"),
    ],
)
def test_an_allowed_host_may_be_reached_without_tls_and_at_any_port(url: str, authority: str) -> None:
    assert read_url(url, INTERNAL).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/",
        "https://127.0.0.1./", "https://1.2.3/", "https://1.2.3.4.5/", "https://foo.0x1/", "https://010.8.8.8/",
    ],
)  # fmt: skip
def test_an_odd_spelling_of_an_ipv4_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        read_url(url, NOTHING)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]",
        "[ff02::1]", "224.0.0.1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused_where_it_is_written_down(host: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        read_url(f"https://{host}/", NOTHING)


@pytest.mark.parametrize(
    "url",
    [
        "", "crm.example.com", "//crm.example.com/", "ftp://crm.example.com/", "file:///etc/passwd", "https://",
        "https:///path", "https://:443/", "https://.example.com/", "https://a..b/", "https://crm.example.com../",
        "https://crm.example.com:0/", "https://crm.example.com:65536/", "https://crm.example.com:x/",
        "https://crm.example.com:-1/", "https://crm.example.com:/", "https://crm.example.com:22/",
        "https://crm.example.com:80/", "https://[crm.example.com]/", "https://[93.184.216.34]/", "https://[::1/",
        "https://2606:4700::1111/", "https://[2606:4700::1111]evil.com/", "https://[v1.x]/", "https://-a.example/",
        "https://a%2eb.example/", "https://" + "a" * 64 + ".example/", "https://" + "a.b" * 90 + "/",
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        read_url(url, INTERNAL)


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example.com/\r\nX: y", "https://crm.example.com/a b", " https://crm.example.com/",
        "https://crm.example.com\t/", "https://crm.example.com\\@127.0.0.1/", "https://crm.example.com/#part",
        "https://bücher.example/", "https://crm。example.com/", "https://crm.example.com/ü", "https://ⓛocalhost/",
    ],
)  # fmt: skip
def test_what_parsers_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ASCII"):
        read_url(url, INTERNAL)


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_url("https://user:hunter2@crm.example.com/", NOTHING)
    assert "credentials" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_http_to_a_host_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected https"):
        read_url("http://crm.example.com/", NOTHING)


@given(st.text(st.sampled_from("htps:/.@[]%?#\\ a1x0-_:"), max_size=20).map("https://".__add__) | st.text())
def test_any_text_is_a_plain_target_or_a_configuration_error(url: str) -> None:
    try:
        target = read_url(url, NOTHING)
    except ConfigurationError:
        return
    assert target.is_secure
    assert target.port == 443 or target.port >= 1024
    assert target.path.isascii()
    assert not set(target.host) & set("@/\\[]% ?#")
