"""Clients of all kinds against one real server: slow, endless, many."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
import uvicorn

from account_lifecycle import Engine
from account_lifecycle.server import Receiver, connections
from account_lifecycle.server.connections import LimitedProtocol
from account_lifecycle.server.serving import DrainingServer, listening
from account_lifecycle.testing import payload
from hooks.waiting import PATIENCE_S, eventually
from server.driving import OK
from server.processes import Served, head, is_closed, post, read_answer, serving

MIB = 1 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served") / "accounts.db", "--no-access-log") as running:
        yield running


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_a_chunked_body_is_read(served: Served) -> None:
    with served.connect() as link:
        link.sendall(head(None) + chunked(OK[:20]) + chunked(OK[20:]) + b"0\r\n\r\n")
        assert read_answer(link)[0] == 200
        assert post(link, OK) == 200


def test_a_chunked_body_over_the_limit_is_cut_off(served: Served) -> None:
    sent = 0
    with served.connect() as link:
        link.sendall(head(None))
        with suppress(ConnectionError):
            while sent < 64 * MIB:  # it never ends
                link.sendall(chunked(bytes(64 * 1024)))
                sent += 64 * 1024
        assert sent < 64 * MIB
        assert read_answer(link)[0] in (413, 0)  # what was on its way may have taken the answer with it
        assert is_closed(link)


def test_a_body_that_is_declared_too_long_is_not_waited_for(served: Served) -> None:
    with served.connect() as link:
        link.sendall(head(MIB + 1))
        assert read_answer(link)[0] == 413
        assert is_closed(link)


def test_a_client_that_asks_first_need_not_send_what_is_refused(served: Served) -> None:
    expecting = b"Expect: 100-continue\r\n\r\n"
    for top, status in ((head(MIB + 1), 413), (head(len(OK), secret="wrong"), 401)):
        with served.connect() as link:
            link.sendall(top[:-2] + expecting)
            assert read_answer(link)[0] == status
    with served.connect() as link:
        link.sendall(head(len(OK))[:-2] + expecting)
        assert link.recv(100).startswith(b"HTTP/1.1 100")
        link.sendall(OK)
        assert read_answer(link)[0] == 200


def test_requests_in_a_row_over_one_connection_are_answered_in_order(served: Served) -> None:
    with served.connect() as link:
        link.sendall((head(len(OK)) + OK) * 3 + head(len(OK), secret="wrong") + OK)
        assert [read_one(link) for _ in range(4)] == [200, 200, 200, 401]


def read_one(link: socket.socket) -> int:
    """The status of the next answer, and not a byte more."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(1)
    length = int(data.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while length:
        length -= len(link.recv(length))
    return int(data.split()[1])


def test_clients_that_drip_hold_nobody_up(served: Served) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(served.connect()) for _ in range(100)]
        for number, link in enumerate(slow):
            link.sendall(head(len(OK)) + OK[:10] if number % 2 else b"POST /hooks HTTP/1.1\r\nX: ")
        begun_s = time.monotonic()
        with served.connect() as link:
            for _ in range(10):
                assert post(link, OK) == 200
                for each in slow:
                    each.sendall(b" ")
        assert time.monotonic() - begun_s < PATIENCE_S / 3


def test_256_connections_are_all_answered_and_all_stored(served: Served) -> None:
    def client(name: int) -> list[int]:
        with served.connect() as link:
            return [post(link, json.dumps(payload("OK", f"many_{name}_{turn}")).encode()) for turn in range(3)]

    with ThreadPoolExecutor(256) as pool:
        statuses = [status for found in pool.map(client, range(256)) for status in found]
    assert statuses == [200] * 768
    with Engine.open(f"sqlite:///{served.log.with_suffix('')}", observers=()) as engine:
        ids = {account.account_id for account in engine.accounts()}
    assert {f"many_{name}_{turn}" for name in range(256) for turn in range(3)} <= ids


# ---- Heads: their time and their size --------------------------------------------------------------------


@pytest.fixture
def hasty(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server in this process that gives a head a fifth of a second."""
    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    receiver = Receiver(engine)
    config = uvicorn.Config(receiver.asgi(body_s=0.2), http=LimitedProtocol, log_config=None, access_log=False)
    server = DrainingServer(config, lambda: None)
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        eventually(lambda: server.started)
        yield port
        server.should_exit = True
        thread.join(PATIENCE_S)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


@pytest.mark.parametrize("beginning", [b"", b"P", b"\r\n", b"POST /hooks HTTP/1.1\r\nHost: x\r\nX: "], ids=repr)
def test_a_head_that_does_not_end_is_not_waited_for(hasty: int, beginning: bytes) -> None:
    with connected(hasty) as link:
        link.sendall(beginning)
        assert is_closed(link)


@pytest.mark.parametrize("beginning", [b"P", b"\r\n"], ids=repr)
def test_nor_is_the_second_one_of_a_connection(hasty: int, beginning: bytes) -> None:
    with connected(hasty) as link:
        assert post(link, OK) == 200
        link.sendall(beginning)
        assert is_closed(link)


def test_a_head_that_drips_does_not_win_time(hasty: int) -> None:
    with connected(hasty) as link:
        link.sendall(b"POST /hooks HTTP/1.1\r\nX: ")
        with suppress(ConnectionError):
            for _ in range(10_000):
                link.sendall(b"x")
                time.sleep(0.01)
            pytest.fail("it was listened to for a hundred seconds")


def test_a_head_without_end_is_cut_off(hasty: int) -> None:
    with connected(hasty) as link, suppress(ConnectionError):
        link.sendall(b"POST /hooks HTTP/1.1\r\nX: ")
        for _ in range(1_000):
            link.sendall(b"x" * 65_536)
        pytest.fail("it took sixty megabytes")


def test_a_body_has_its_own_time(hasty: int) -> None:
    with connected(hasty) as link:
        link.sendall(head(len(OK)) + OK[:10])
        assert read_answer(link)[0] == 408
        assert is_closed(link)


def test_a_connection_that_is_used_lives_on(hasty: int) -> None:
    with connected(hasty) as link:
        ends_s = time.monotonic() + 0.6
        while time.monotonic() < ends_s:
            assert post(link, OK) == 200
