"""TLS: the certificate is checked for the host that was named, at the address that was checked."""

import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from threading import Thread
from time import sleep
from typing import NamedTuple

import pytest

from account_lifecycle import ConfigurationError
from account_lifecycle.hooks.outcomes import Done, HookAnswer, RetryAt
from webhooks.receiving import Receiver, a_call, endpoint, receiver

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command to make certificates")


class Certificate(NamedTuple):
    """A certificate that signs itself, for crm.internal."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    asked_for: list[str | None]
    """The names that clients asked for."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key, chain = folder / "key.pem", folder / "chain.pem"
    make(key, chain)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    asked_for: list[str | None] = []
    server.sni_callback = lambda _link, name, _context: asked_for.append(name)
    return Certificate(server, ssl.create_default_context(cafile=chain), asked_for)


def make(key: Path, chain: Path) -> None:
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=crm.internal"
    names = ["-addext", "subjectAltName=DNS:crm.internal", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)


def send(crm: Receiver, tls: ssl.SSLContext | None, host: str = "crm.internal", timeout_s: float = 10) -> HookAnswer:
    url = f"https://{host}:{crm.port}/"
    return endpoint(url, allow=[host], tls=tls, resolver=lambda *_: ["127.0.0.1"], timeout_s=timeout_s)(a_call())


@needs_openssl
def test_a_webhook_goes_over_tls_to_the_checked_address_under_the_hosts_name(certificate: Certificate) -> None:
    certificate.asked_for.clear()
    with receiver(tls=certificate.server) as crm:
        assert send(crm, certificate.client) == Done()
    assert certificate.asked_for == ["crm.internal"]
    assert crm.requests[0].headers["Host"] == f"crm.internal:{crm.port}"


@needs_openssl
def test_a_certificate_for_another_host_is_not_accepted(certificate: Certificate) -> None:
    with receiver(tls=certificate.server) as crm:
        outcome = send(crm, certificate.client, host="other.internal")
    assert isinstance(outcome, RetryAt)
    assert "certificate is not accepted: Hostname mismatch" in outcome.reason
    assert crm.requests == []


@needs_openssl
def test_a_certificate_of_an_unknown_authority_is_not_accepted(certificate: Certificate) -> None:
    with receiver(tls=certificate.server) as crm:
        outcome = send(crm, tls=None)
    assert isinstance(outcome, RetryAt)
    assert "certificate is not accepted" in outcome.reason
    assert crm.requests == []


def test_a_receiver_without_tls_is_a_failure_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(65_536)
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = Thread(target=serve)
        thread.start()
        url = f"https://crm.internal:{listener.getsockname()[1]}/"
        outcome = endpoint(url, allow=["crm.internal"], resolver=lambda *_: ["127.0.0.1"])(a_call())
        thread.join()
    assert isinstance(outcome, RetryAt)
    assert "WRONG_VERSION_NUMBER" in outcome.reason


def test_a_handshake_that_never_comes_is_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://crm.internal:{listener.getsockname()[1]}/"
        send = endpoint(url, allow=["crm.internal"], resolver=lambda *_: ["127.0.0.1"], timeout_s=0.2)
        assert send(a_call()) == RetryAt(reason="crm.internal did not answer within 0.2 s")


@needs_openssl
def test_an_answer_that_drips_through_tls_is_late_as_a_whole(certificate: Certificate) -> None:
    def slow(link: socket.socket) -> None:
        for _ in range(150):
            link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            sleep(0.02)
        link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with receiver(slow, tls=certificate.server) as crm:
        outcome = send(crm, certificate.client, timeout_s=0.5)
    assert outcome == RetryAt(reason="crm.internal did not answer within 0.5 s")


def test_a_context_that_accepts_any_certificate_is_refused() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    with pytest.raises(ConfigurationError, match="any certificate"):
        endpoint("https://crm.example.com/", tls=careless)
