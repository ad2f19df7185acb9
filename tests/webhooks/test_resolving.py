"""Resolving: once for each attempt, every address checked, and nothing looks at the name again."""

import socket
import ssl
from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest

from account_lifecycle.hooks.outcomes import Done, RetryAt
from account_lifecycle.webhooks.addresses import resolve
from webhooks.receiving import a_call, endpoint, receiver


class TellingResolver:
    """Gives its answers in order, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked = 0
        self._answers = answers

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[self.asked - 1]


def test_a_name_that_changes_its_answer_is_connected_to_where_it_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer leads to another server, and whoever asked the system would be caught."""
    rebinding = TellingResolver(["127.0.0.2"], ["127.0.0.3"])

    def forbidden(*_: Any, **__: Any) -> Any:
        raise AssertionError("the name was resolved a second time")

    with receiver(address="127.0.0.2") as checked:
        send = endpoint(f"http://crm.internal:{checked.port}/", allow=["crm.internal"], resolver=rebinding)
        monkeypatch.setattr(socket, "getaddrinfo", forbidden)
        assert send(a_call()) == Done()
    assert rebinding.asked == 1
    assert checked.requests[0].headers["Host"] == f"crm.internal:{checked.port}"


@pytest.mark.parametrize(
    "answer", [["10.0.0.1"], ["::1"], ["::ffff:7f00:1"], ["fe80::1%1"], ["169.254.169.254"], ["64:ff9b::a00:1"]]
)
def test_a_name_that_leads_to_a_private_address_is_not_contacted_and_can_be_mended(answer: list[str]) -> None:
    outcome = endpoint("https://crm.example.com/", allow=[], resolver=TellingResolver(answer))(a_call())
    assert isinstance(outcome, RetryAt)
    assert outcome.counts
    assert "crm.example.com was not contacted" in outcome.reason
    assert answer[0].split("%")[0] in outcome.reason


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_private_address_among_public_ones_is_enough_to_refuse_all(place: int) -> None:
    with receiver(address="127.0.0.2") as crm:
        answer = ["127.0.0.2", "127.0.0.2", "127.0.0.2"]
        answer[place] = "127.0.0.9"
        send = endpoint(f"https://crm.example.com:{crm.port}/", allow=["127.0.0.2"], resolver=TellingResolver(answer))
        outcome = send(a_call())
        assert isinstance(outcome, RetryAt)
        assert "127.0.0.9" in outcome.reason
        assert crm.connections == 0


def test_a_public_answer_followed_by_a_private_one_gains_nothing() -> None:
    rebinding = TellingResolver(["127.0.0.2"], ["127.0.0.9"])
    no_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with receiver(address="127.0.0.2", tls=no_certificate) as crm, receiver(address="127.0.0.9") as secret_place:
        url = f"https://crm.example.com:{crm.port}/"
        send = endpoint(url, allow=["127.0.0.2"], resolver=rebinding)
        send(a_call())
        assert (rebinding.asked, crm.connections) == (1, 1)
        outcome = send(a_call())
        assert isinstance(outcome, RetryAt)
        assert "127.0.0.9" in outcome.reason
        assert secret_place.connections == 0


def test_an_address_that_is_written_down_is_not_resolved_at_all() -> None:
    resolver = TellingResolver()
    with receiver() as crm:
        assert endpoint(crm.url, resolver=resolver)(a_call()) == Done()
    assert resolver.asked == 0


def test_a_name_without_addresses_is_a_failure_in_words() -> None:
    outcome = endpoint("https://crm.example.com/", resolver=TellingResolver([]))(a_call())
    assert outcome == RetryAt(reason="crm.example.com: it has no address")


def test_a_name_that_does_not_exist_is_a_failure_in_words() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    outcome = endpoint("https://crm.example.com/", resolver=unknown)(a_call())
    assert outcome == RetryAt(reason="crm.example.com: Name or service not known")


def test_a_resolver_that_hangs_is_left_behind() -> None:
    released = Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        released.wait()
        return []

    outcome = endpoint("https://crm.example.com/", resolver=hanging, timeout_s=0.1)(a_call())
    released.set()
    assert outcome == RetryAt(reason="crm.example.com: its name was not resolved in time")


def test_the_system_tells_each_address_once() -> None:
    found = resolve("localhost", 443)
    assert "127.0.0.1" in found or "::1" in found
    assert len(found) == len(set(found))
