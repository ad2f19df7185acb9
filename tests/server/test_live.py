"""The stream: what it sends to whom, at next to no cost however many listen, and that it ends at once."""

import asyncio
import http.client
import json
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from account_lifecycle import Engine
from account_lifecycle.server import live
from account_lifecycle.server.connections import ABORT
from account_lifecycle.server.live import LiveStream, OpenPage
from hooks.waiting import PATIENCE_S, eventually
from server.processes import serving
from server.showing import Shown, post


class Stream:
    """One client of the stream."""

    def __init__(self, port: int, query: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self.connection.request("GET", f"/live?{query}", headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.answer = self.connection.getresponse()
        assert self.answer.getheader("content-type", "").startswith("text/event-stream")

    def next(self) -> tuple[str, Any, str]:
        """The next message: its kind, its data and its id."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream has ended"
            if line == "\n" and "event" in fields:
                return fields["event"], json.loads(fields["data"]), fields.get("id", "")
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def is_ended(self) -> bool:
        """Whether it ends, whatever else comes before."""
        while self.answer.readline():
            pass
        return True

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


# ---- What is sent ----------------------------------------------------------------------------------------


def test_who_has_another_version_is_sent_all_parts_and_then_those_that_changed(shown: Shown) -> None:
    first = Stream(shown.port, "on=fleet&version=none")
    kind, parts, version = first.next()
    assert (kind, parts["count_OK"]) == ("parts", "5")
    again = Stream(shown.port, "on=fleet", Last_Event_ID=version)
    post(shown, "acc_5")
    for each in (first, again):
        kind, parts, _ = each.next()
        assert (kind, parts["count_OK"]) == ("parts", "6")
        assert "count_ERROR" not in parts
        each.close()


def test_other_pages_are_sent_how_much_is_new_to_them(shown: Shown, few: Engine) -> None:
    newest = few.store.standing().last_event
    all_events, one, old = (
        Stream(shown.port, f"on={topic}&version={version}")
        for topic, version in (("events", newest), ("account:acc_2", newest), ("account:acc_2", 1))
    )
    assert old.next()[:2] == ("news", 1)  # it was fed third
    post(shown, "acc_1", "ERROR")
    assert all_events.next()[:2] == ("news", 1)
    post(shown, "acc_2", "ERROR")
    for each in (one, old, all_events):
        assert each.next() == ("news", 1, str(newest + 2))
        each.close()


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 30, "%00", "99999999"])
def test_a_version_that_never_was_breaks_nothing(shown: Shown, version: str) -> None:
    for topic in ("fleet", "events", "account:", "no such topic"):
        Stream(shown.port, f"on={topic.replace(' ', '+')}&version={version}").close()
    post(shown, "acc_5")


# ---- Many, slow, and the end -----------------------------------------------------------------------------


def test_300_pages_are_served_by_one_reader(shown: Shown, few: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        streams = [Stream(shown.port, "on=fleet&version=none") for _ in range(300)]
        for each in streams:
            stack.callback(each.close)
            assert each.next()[0] == "parts"
        assert shown.live.open_pages == 300
        post(shown, "acc_5")
        assert {each.next()[1]["count_OK"] for each in streams} == {"6"}
    eventually(lambda: shown.live.open_pages == 0)


def test_a_page_that_takes_nothing_is_ended_and_holds_no_more_than_eight_messages() -> None:
    page = OpenPage("fleet", "")
    for _ in range(1_000):
        page.put(b"x" * 1_000)
    held = [page.queue.get_nowait() for _ in range(page.queue.qsize())]
    assert held == [b"x" * 1_000] * 8 + [None]


def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SEND_S", 0.05)
    aborted = []

    async def story() -> None:
        async def never(*_: Any) -> Any:
            await asyncio.Event().wait()

        async def ask(function: Any, *args: Any) -> Any:
            return function(*args)

        stream = LiveStream(ask, lambda *_: [], lambda _: {}, lambda: 0.0)
        scope = {"type": "http", "headers": [], "query_string": b"on=fleet"}
        scope["extensions"] = {ABORT: {"abort": lambda: aborted.append(True)}}
        await stream.respond(Request(scope))(scope, never, never)
        assert stream.open_pages == 0

    asyncio.run(asyncio.wait_for(story(), PATIENCE_S))
    assert aborted == [True]


def test_streams_that_are_open_do_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path / "accounts.db", ACCOUNT_LIFECYCLE_GRACE_S="600") as served:
        streams = [Stream(served.port, "on=fleet&version=none") for _ in range(5)]
        assert [each.next()[0] for each in streams] == ["parts"] * 5
        with socket.create_connection(("127.0.0.1", served.port)) as deaf:
            deaf.sendall(b"GET /live?on=fleet HTTP/1.1\r\nHost: localhost\r\n\r\n")
            served.signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE_S) == 0
        assert all(each.is_ended() for each in streams)
        for each in streams:
            each.close()
