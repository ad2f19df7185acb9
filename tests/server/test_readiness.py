"""``/healthz`` and ``/readyz``: whether a process is alive, and whether it should be sent requests."""

import json
import signal
from pathlib import Path

import psycopg
import pytest
from starlette.applications import Starlette

from account_lifecycle import Engine
from account_lifecycle.server.operations import probe_routes
from account_lifecycle.server.readiness import Readiness
from account_lifecycle.server.receiver import Receiver
from hooks.waiting import PATIENCE_S, eventually
from server.driving import OK, Answer, Ask, over_asgi
from server.processes import Served, post, read_answer, serving

pytest_plugins = ("postgres_server",)


def probes(engine: Engine, receiver: Receiver) -> tuple[Readiness, Ask]:
    readiness = Readiness(engine.store, receiver)
    return readiness, over_asgi(Starlette(routes=probe_routes(readiness)))


def problems(ask: Ask) -> list[str]:
    """What ``/readyz`` says is wrong, with the status that fits; ``/healthz`` is fine whatever it is."""
    assert ask("GET", "/healthz", {}, b"").status == 200
    answer: Answer = ask("GET", "/readyz", {}, b"")
    assert (answer.status, answer.document["ready"]) == ((503, False) if answer.document["problems"] else (200, True))
    return list(answer.document["problems"])


def test_a_server_is_ready_until_it_is_about_to_stop(engine: Engine) -> None:
    readiness, ask = probes(engine, Receiver(engine))
    assert problems(ask) == []
    readiness.close()
    assert problems(ask) == ["the server is stopping"]


def test_it_is_not_ready_while_no_more_webhooks_may_wait(engine: Engine) -> None:
    receiver = Receiver(engine, waiting=1)
    _, ask = probes(engine, receiver)
    assert receiver.enter()
    assert problems(ask) == ["too many webhooks are waiting"]
    receiver.leave()
    assert problems(ask) == []


def test_it_is_not_ready_without_its_store(tmp_path: Path) -> None:
    engine = Engine.open(f"sqlite:///{tmp_path}/a.db")
    engine.close()
    _, ask = probes(engine, Receiver(engine))
    assert problems(ask) == ["the store cannot be read"]


def test_it_is_not_ready_while_the_store_does_not_answer_and_asks_it_only_once(database: str) -> None:
    with Engine.open(database, observers=()) as engine:
        _, ask = probes(engine, Receiver(engine))
        assert problems(ask) == []
        with psycopg.connect(database) as other:
            other.execute("LOCK TABLE event")
            assert problems(ask) == ["the store did not answer a read within 1 s"]
        eventually(lambda: problems(ask) == [])


def readyz(served: Served) -> int:
    with served.connect() as link:
        link.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        status, body = read_answer(link)
        assert json.loads(body)["ready"] is (status == 200)
        return status


@pytest.mark.parametrize("workers", ["1", "2"])
def test_after_the_signal_it_is_not_ready_and_receives_until_it_drains(tmp_path: Path, workers: str) -> None:
    delay = {"ACCOUNT_LIFECYCLE_DRAIN_DELAY_S": "1.5"}
    with serving(tmp_path / "accounts.db", "--workers", workers, **delay) as served:
        eventually(lambda: readyz(served) == 200)
        served.signal(signal.SIGTERM)
        eventually(lambda: readyz(served) == 503)
        with served.connect() as link:
            assert post(link, OK) == 200
        assert served.process.wait(PATIENCE_S) == 0
