"""The receiver when things go wrong: a store that cannot be written, a crowd, a client that is slow or gone."""

import asyncio
import json
import logging
from threading import Event
from typing import Any

import pytest

from account_lifecycle import ConfigurationError, Engine, StoreBusy, StoreError, StoreFull
from account_lifecycle.server import Receiver, SharedHeader
from account_lifecycle.testing import Clock, payload
from hooks.waiting import PATIENCE_S, eventually
from server.driving import HEADER, OK, SECRET, a_receiver, over_asgi, over_wsgi

LOWER = {HEADER.lower(): SECRET}


def test_the_answer_comes_after_the_commit(engine: Engine, clock: Clock) -> None:
    receiver = a_receiver(engine, clock)
    words = ("CREATION_SUCCESS", "OK", "OK", "CREDENTIALS", "SYNC_SUCCESS")
    verdicts = []
    for word in words:
        clock.tick(minutes=1)
        reply = receiver.handle("POST", LOWER, "", json.dumps(payload(word, "acc_1")).encode())
        assert reply.status == 200
        verdicts.append(json.loads(reply.body)["verdict"])
    assert verdicts == ["APPLIED", "APPLIED", "REPEATED", "APPLIED", "HELD"]
    assert [str(entry.verdict) for entry in engine.history("acc_1")] == verdicts


def test_what_can_be_read_of_an_array_is_fed_and_the_rest_has_numbers(engine: Engine, clock: Clock) -> None:
    body = json.dumps([payload("OK", "acc_1"), {"AccountStatus": {}}, {"status": "OK"}]).encode()
    reply = a_receiver(engine, clock).handle("POST", LOWER, "", body)
    document = json.loads(reply.body)
    assert (reply.status, document["verdict"], len(document["quarantine_ids"])) == (200, "QUARANTINED", 2)
    assert len(engine.history("acc_1")) == 1


@pytest.mark.parametrize(
    ("error", "after"),
    [(StoreBusy("others write"), "2"), (StoreFull("no room"), "60"), (StoreError("gone"), "10")],
    ids=["busy", "full", "unusable"],
)
def test_what_was_not_kept_is_asked_for_again(
    error: StoreError, after: str, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(engine.store, "feed", fail)
    reply = a_receiver(engine, clock).handle("POST", LOWER, "", OK)
    assert (reply.status, reply.headers["retry-after"]) == (503, after)


def test_a_store_that_was_closed_is_a_503_over_asgi_and_wsgi(engine: Engine, clock: Clock) -> None:
    receiver = a_receiver(engine, clock)
    engine.close()
    for ask in (over_asgi(receiver.asgi()), over_wsgi(receiver.wsgi())):
        answer = ask("POST", "/", {HEADER: SECRET}, OK)
        assert (answer.status, answer.headers["retry-after"]) == (503, "10")


def test_a_fault_of_ours_is_a_500_and_logged(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine.store, "feed", lambda *_, **__: 1 / 0)
    with caplog.at_level(logging.ERROR, "account_lifecycle"):
        assert a_receiver(engine, clock).handle("POST", LOWER, "", OK).status == 500
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"max_bytes": 0}, {"max_bytes": (1 << 20) + 1}, {"threads": 0}, {"waiting": 0}], ids=str
)
def test_a_limit_that_cannot_be_meant_is_refused(wrong: dict[str, int], engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Receiver(engine, **wrong)  # type: ignore[arg-type]


def test_without_credentials_everybody_is_let_in(engine: Engine) -> None:
    assert Receiver(engine).handle("POST", {}, "", OK).status == 200


# ---- A crowd, and clients that take their time -----------------------------------------------------------


class Request:
    """A request to an ASGI application that goes on while others do."""

    def __init__(self, app: Any, *parts: bytes, ends: bool = True, headers: dict[str, str] | None = None) -> None:
        self.parts = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        if ends and self.parts:
            self.parts[-1]["more_body"] = False
        self.sent: list[dict[str, Any]] = []
        fields = {"transfer-encoding": "chunked", **({HEADER: SECRET} if headers is None else headers)}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
        self.task = asyncio.ensure_future(app(scope, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        if not self.parts:
            await asyncio.Event().wait()
        return self.parts.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def status(self) -> int:
        await asyncio.wait_for(self.task, PATIENCE_S)
        status: int = self.sent[0]["status"]
        return status

    def header(self, name: str) -> str | None:
        return {key.decode(): value.decode() for key, value in self.sent[0]["headers"]}.get(name)


class SlowReceiver(Receiver):
    """Feeds as soon as it may."""

    may_feed = Event()

    def feed(self, body: bytes, headers: Any = None) -> Any:
        assert self.may_feed.wait(PATIENCE_S)
        return super().feed(body, headers)


def test_when_too_many_wait_the_next_is_told_to_come_back(engine: Engine) -> None:
    receiver = SlowReceiver(engine, [SharedHeader(HEADER, SECRET)], threads=1, waiting=3)
    receiver.may_feed = Event()
    app = receiver.asgi()

    async def crowd() -> None:
        waiting = [Request(app, OK) for _ in range(3)]
        while receiver.waiting < 3:
            await asyncio.sleep(0.001)
        late = Request(app, OK)
        assert await late.status() == 503
        assert late.header("retry-after") == "1"
        assert over_wsgi_status() == 503
        receiver.may_feed.set()
        assert [await each.status() for each in waiting] == [200, 200, 200]

    def over_wsgi_status() -> int:
        return over_wsgi(receiver.wsgi())("POST", "/", {HEADER: SECRET}, OK).status

    asyncio.run(crowd())
    app.close()
    assert receiver.waiting == 0
    assert len(engine.history("acc_1")) == 3


def test_a_body_that_takes_too_long_is_answered_and_the_connection_closed(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).asgi(body_s=0.05)

    async def drip() -> None:
        slow = Request(app, OK[:10], ends=False)
        assert await slow.status() == 408
        assert slow.header("connection") == "close"

    asyncio.run(drip())
    assert engine.quarantine() == []


def test_a_client_that_drips_holds_nobody_up(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock, threads=1).asgi()

    async def drip() -> None:
        slow = [Request(app, OK[:10], ends=False) for _ in range(100)]
        assert await Request(app, OK).status() == 200
        assert not any(each.sent for each in slow)
        for each in slow:
            each.task.cancel()

    asyncio.run(drip())


def test_a_client_that_leaves_is_not_fed_and_not_answered(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).asgi()

    async def leave() -> None:
        gone = Request(app, OK[:10], ends=False)
        gone.parts.append({"type": "http.disconnect"})
        await gone.task
        assert gone.sent == []

    asyncio.run(leave())
    assert (engine.history("acc_1"), engine.quarantine()) == ([], [])


def test_the_body_of_a_stranger_is_never_read(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).asgi()

    async def refuse() -> None:
        stranger = Request(app, OK, headers={})
        assert await stranger.status() == 401
        assert stranger.header("connection") == "close"
        assert len(stranger.parts) == 1

    asyncio.run(refuse())


def test_a_header_that_comes_twice_is_not_the_secret(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).asgi()

    async def twice() -> None:
        request = Request(app, OK, headers={HEADER: SECRET, HEADER.lower(): SECRET})
        assert await request.status() == 401

    asyncio.run(twice())


def test_alone_it_has_a_life_to_live_and_speaks_http_only(engine: Engine, clock: Clock) -> None:
    app = a_receiver(engine, clock).asgi()
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return asked.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(RuntimeError, match="speaks http, not websocket"):
        asyncio.run(app({"type": "websocket", "path": "/"}, receive, send))


def test_a_hook_that_sleeps_delays_no_answer(engine: Engine, clock: Clock) -> None:
    begun, may_end = Event(), Event()

    @engine.on_action_required(name="slow")
    def wait(_call: Any) -> None:
        begun.set()
        may_end.wait(PATIENCE_S)

    engine.start_runner(poll_s=0.01)
    ask = over_asgi(a_receiver(engine, clock).asgi())
    for word in ("OK", "CREDENTIALS", "RECONNECTED"):
        assert ask("POST", "/", {HEADER: SECRET}, json.dumps(payload(word, "acc_1")).encode()).status == 200
        clock.tick(minutes=1)
    eventually(begun.is_set)
    assert not may_end.is_set()
    may_end.set()
