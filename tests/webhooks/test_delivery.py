"""Deliveries over real connections: what goes over the wire, and what becomes of it."""

import json
import socket
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest

from account_lifecycle import ConfigurationError, Engine
from account_lifecycle.hooks.outcomes import Disable, Done, HookAnswer, RetryAt
from account_lifecycle.testing import Clock
from account_lifecycle.webhooks import WebhookEndpoint, verify_signature
from account_lifecycle.webhooks.addresses import DEFAULT_PORTS
from builders import T0, webhook
from webhooks.receiving import OK, OTHER_SECRET, SECRET, a_call, answer, dripping, endpoint, receiver


def reason_of(outcome: HookAnswer) -> str:
    assert isinstance(outcome, RetryAt)
    assert outcome.counts
    return outcome.reason


def test_a_webhook_arrives_signed_as_json() -> None:
    with receiver() as crm:
        assert endpoint(crm.url)(a_call()) == Done()
        [request] = crm.requests
    assert request.line == "POST /hooks HTTP/1.1"
    assert request.headers["Host"] == f"127.0.0.1:{crm.port}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("account-lifecycle")
    assert json.loads(request.body)["type"] == "account.recovered"
    assert verify_signature([SECRET], request.headers, request.body, T0) == "acc_1/3/recovered/"


def test_the_usual_port_is_left_out_of_the_host_header(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as crm:
        monkeypatch.setitem(DEFAULT_PORTS, "http", crm.port)
        assert endpoint(crm.url)(a_call()) == Done()
    assert crm.requests[0].headers["Host"] == "127.0.0.1"


def test_every_attempt_has_the_same_id_and_its_own_time() -> None:
    clock = Clock()
    with receiver(answer("500 Oh"), OK) as crm:
        send = endpoint(crm.url, clock=clock)
        send(a_call(attempt=1))
        clock.tick(hours=2)
        assert send(a_call(attempt=2)) == Done()
    first, second = (request.headers for request in crm.requests)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 7200
    assert verify_signature([SECRET], second, crm.requests[1].body, clock())


def test_while_secrets_change_receivers_with_either_can_verify() -> None:
    with receiver() as crm:
        endpoint(crm.url, secrets=[OTHER_SECRET, SECRET])(a_call())
    [request] = crm.requests
    for secret in (SECRET, OTHER_SECRET):
        assert verify_signature([secret], request.headers, request.body, T0)


def test_a_key_cannot_break_out_of_its_header() -> None:
    with receiver() as crm:
        assert endpoint(crm.url)(a_call(key="a\r\nX-Evil: 1\r\n\r\n")) == Done()
    [request] = crm.requests
    assert "X-Evil" not in request.headers
    assert request.headers["webhook-id"].startswith("sha256-")


def test_410_disables_the_hook() -> None:
    with receiver(answer("410 Gone")) as crm:
        assert isinstance(endpoint(crm.url)(a_call()), Disable)


def test_503_with_retry_after_says_when_to_try_again() -> None:
    with receiver(answer("503 Busy", "Retry-After: 90", body=b"later")) as crm:
        outcome = endpoint(crm.url)(a_call())
    assert outcome == RetryAt(T0 + timedelta(seconds=90), "127.0.0.1 answered 503 Service Unavailable (later)")


def test_a_redirect_is_not_followed() -> None:
    with receiver() as secret_place, receiver(answer("307 Moved", f"Location: {secret_place.url}")) as crm:
        assert "not followed" in reason_of(endpoint(crm.url)(a_call()))
        assert (crm.connections, secret_place.connections) == (1, 0)


def test_a_receiver_that_drips_its_headers_is_late_as_a_whole() -> None:
    slow = dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\n\r\n")
    with receiver(slow) as crm:
        assert "did not answer within 0.3 s" in reason_of(endpoint(crm.url, timeout_s=0.3)(a_call()))


def test_a_receiver_that_sends_interim_answers_for_ever_is_late_as_a_whole() -> None:
    slow = dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", OK)
    with receiver(slow) as crm:
        assert "did not answer within 0.3 s" in reason_of(endpoint(crm.url, timeout_s=0.3)(a_call()))


def test_a_receiver_that_never_takes_the_request_is_late() -> None:
    """It accepts and reads nothing, and the body is longer than what the kernels in between hold."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        call = a_call(subject="x" * 20_000_000)
        assert "did not answer within 0.3 s" in reason_of(endpoint(url, timeout_s=0.3)(call))


def test_an_answer_that_is_a_success_is_done_whatever_drips_after_it() -> None:
    slow = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", b"")
    with receiver(slow) as crm:
        assert endpoint(crm.url, timeout_s=1)(a_call()) == Done()


def test_of_an_endless_failure_only_the_beginning_is_read() -> None:
    sent = []

    def endless(link: socket.socket) -> None:
        link.sendall(b"HTTP/1.1 500 Oh\r\n\r\n")
        for _ in range(1000):
            link.sendall(b"x" * 65_536)
            sent.append(65_536)

    with receiver(endless) as crm:
        assert "answered 500" in reason_of(endpoint(crm.url)(a_call()))
    assert sum(sent) < 65_536 * 1000


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"", "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP (BadStatusLine)"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n", "not HTTP (LineTooLong)"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "not HTTP (HTTPException)"),
    ],
)
def test_what_is_no_answer_is_a_failure_in_words(told: bytes, words: str) -> None:
    with receiver(told) as crm:
        assert words in reason_of(endpoint(crm.url)(a_call()))


def test_a_closed_port_is_a_failure_in_words() -> None:
    with receiver() as crm:
        pass
    assert reason_of(endpoint(crm.url)(a_call())) == "127.0.0.1: Connection refused"


def test_an_address_that_is_down_is_followed_by_the_next_one() -> None:
    with receiver(address="127.0.0.3") as crm:
        send = endpoint(
            f"http://crm.internal:{crm.port}/", allow=["crm.internal"], resolver=lambda *_: ["127.0.0.2", "127.0.0.3"]
        )
        assert send(a_call()) == Done()


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as crm:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert endpoint(crm.url)(a_call()) == Done()
        assert (proxy.connections, crm.connections) == (0, 1)


def test_after_failures_in_a_row_nothing_touches_the_network_until_a_probe_gets_through() -> None:
    clock = Clock()
    with receiver(*[answer("500 Oh")] * 3, OK) as crm:
        send = endpoint(crm.url, clock=clock, failures_limit=2, pause_s=60)
        assert [send(a_call()).__class__ for _ in range(2)] == [RetryAt, RetryAt]
        paused = send(a_call())
        assert isinstance(paused, RetryAt)
        assert (paused.at, paused.counts) == (T0 + timedelta(seconds=60), False)
        assert "answered 500" in paused.reason
        assert crm.connections == 2
        clock.tick(seconds=60)
        assert reason_of(send(a_call()))
        assert send(a_call()) == paused._replace(at=T0 + timedelta(seconds=180))
        clock.tick(seconds=120)
        assert [send(a_call()) for _ in range(3)] == [Done()] * 3


def test_many_threads_may_send_at_once() -> None:
    with receiver() as crm:
        send = endpoint(crm.url)
        outcomes: list[HookAnswer] = []
        threads = [Thread(target=lambda: outcomes.append(send(a_call()))) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [Done()] * 10


def test_a_closed_endpoint_sends_nothing_and_costs_no_attempt() -> None:
    with receiver() as crm:
        send = endpoint(crm.url)
        send.close()
        send.close()
        outcome = send(a_call())
        assert isinstance(outcome, RetryAt)
        assert not outcome.counts
        assert crm.connections == 0


@pytest.mark.parametrize("setting", ["timeout_s", "connect_timeout_s", "pause_s", "longest_pause_s", "failures_limit"])
@pytest.mark.parametrize("value", [0, -1])
def test_an_option_that_cannot_be_meant_is_named(setting: str, value: int) -> None:
    option: dict[str, Any] = {setting: value}
    with pytest.raises(ConfigurationError, match=setting):
        WebhookEndpoint("https://crm.example.com/", [SECRET], **option)


def test_endpoints_are_known_by_names_that_stay_and_show_no_secret() -> None:
    urls = ["https://crm.example.com/hooks/t0ken", "https://crm.example.com/other"]
    names = [WebhookEndpoint(url, [SECRET]).name for url in urls]
    assert names == [WebhookEndpoint(url, [OTHER_SECRET]).name for url in urls]
    assert len(set(names)) == 2
    assert "t0ken" not in repr(WebhookEndpoint(urls[0], [SECRET]))
    assert WebhookEndpoint(urls[0], [SECRET], name="crm").name == "crm"


def test_an_engine_calls_it_like_any_hook() -> None:
    with receiver() as crm, Engine.open("memory:") as engine:
        engine.on_connected(endpoint(crm.url), name="crm")
        for word in ("CREATION_SUCCESS", "OK"):
            engine.feed_event(webhook("acc_1", word))
        engine.run_hooks()
    [request] = crm.requests
    told = json.loads(request.body)
    assert (told["type"], told["data"]["account"]["status"]) == ("account.connected", "OK")
    assert told["data"]["key"] == request.headers["webhook-id"]
