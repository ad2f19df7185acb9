"""``trigger`` and ``listen``: samples go through a listener to a real receiver, as a person would try it."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from account_lifecycle import Engine
from cli.shell import Ran, invoke
from hooks.waiting import PATIENCE_S, eventually
from server.driving import IN_THE_QUERY, SECRET, SIGNING
from server.processes import Served, read_answer, serving, started

SECRETS = {"ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": SECRET, "ACCOUNT_LIFECYCLE_NOTIFY_SECRETS": IN_THE_QUERY}


class Tried(NamedTuple):
    """A listener that hands on to a receiver, and what it has written."""

    listener: Served
    receiver: Served
    out: Path
    store: Path

    def trigger(self, *words: str, **environment: str) -> Ran:
        url = f"http://localhost:{self.listener.port}/hooks"
        return invoke("trigger", *words, "--url", url, **{**SECRETS, **environment})

    def listed(self) -> str:
        return self.out.read_text()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    folder = tmp_path_factory.mktemp("tried")
    store, out = folder / "accounts.db", folder / "listened.txt"
    notify = {"ACCOUNT_LIFECYCLE_NOTIFY_SECRETS": IN_THE_QUERY}
    with serving(store, **notify) as receiver:
        onward = ["--forward-to", f"http://localhost:{receiver.port}/hooks"]
        with started(["listen", "--port", "0", *onward], folder / "listener.log", SECRETS, out) as listener:
            yield Tried(listener, receiver, out, store)


def test_a_life_is_sent_shown_and_handed_on_in_its_order(tried: Tried) -> None:
    ran = tried.trigger("CREATION_SUCCESS", "OK", "CREDENTIALS", "--twin", "--account", "acc_1")
    assert ran.code == 0
    assert ran.out.count("  200 ") == 4
    eventually(lambda: tried.listed().count("    > localhost:") >= 4)
    rows = [line.split() for line in tried.listed().splitlines() if " acc_1 " in line]
    assert [row[3:5] for row in rows] == [
        ["CREATION_SUCCESS", "APPLIED"], ["CREATION_SUCCESS", "REPEATED"], ["OK", "APPLIED"], ["CREDENTIALS", "APPLIED"]
    ]  # fmt: skip
    assert tried.listed().count("the user must reconnect it") == 1
    with Engine.open(f"sqlite:///{tried.store}") as engine:
        assert engine.account("acc_1").status == "CREDENTIALS"


def test_a_late_one_is_explained_where_it_arrives(tried: Tried) -> None:
    assert tried.trigger("OK", "ERROR", "--late", "--account", "acc_2").code == 0
    eventually(lambda: "POSSIBLY_STALE: OK was announced" in tried.listed())


def test_the_lines_of_curl_show_no_secret_and_say_what_stands_for_it(tried: Tried) -> None:
    ran = tried.trigger("RECONNECTED", "--twin", "--account", "acc_3")
    assert '"X-Webhook-Secret: $WEBHOOK_SECRET"' in ran.out
    assert "?secret=$NOTIFY_SECRET" in ran.out
    assert SECRET not in ran.out + ran.err
    assert IN_THE_QUERY not in ran.out + ran.err
    assert "$NOTIFY_SECRET stands for what the query parameter secret shows, by ACCOUNT_LIFECYCLE_NOTIFY" in ran.err
    shown = tried.trigger("OK", "--dry-run", "--show-secrets")
    assert f"X-Webhook-Secret: {SECRET}" in shown.out


def test_a_wrong_secret_is_refused_shown_and_ends_the_command_with_1(tried: Tried) -> None:
    ran = tried.trigger("OK", ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS="some-other-secret-of-mine")
    assert ran.code == 1
    assert "  401 " in ran.out
    assert "1 webhook of 1 not answered with 200" in ran.err
    eventually(lambda: re.search(r"REFUSED\s+! the credential is wrong", tried.listed()))


def test_a_signature_is_made_for_each_body(tmp_path: Path) -> None:
    signing = {"ACCOUNT_LIFECYCLE_SIGNING_SECRETS": SIGNING}
    out = tmp_path / "listened.jsonl"
    with started(["listen", "--port", "0", "--json"], tmp_path / "listener.log", signing, out) as listener:
        url = f"http://127.0.0.1:{listener.port}/hooks"
        assert invoke("trigger", "OK", "--url", url, **signing).code == 0
        with listener.connect() as link:
            link.sendall(b"POST /hooks HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            assert read_answer(link)[0] == 401
        eventually(lambda: len(out.read_text().splitlines()) == 2)
        listener.signal(signal.SIGTERM)
        assert listener.process.wait(PATIENCE_S) == 0
    let_in, refused = [json.loads(line) for line in out.read_text().splitlines()]
    [decision] = let_in["decisions"]
    assert (let_in["status"], decision["verdict"], decision["status_after"]) == (200, "APPLIED", "OK")
    assert (refused["status"], refused["decisions"], refused["remark"]) == (401, [], "a credential is missing")


def test_where_nobody_listens_the_command_says_so_and_ends_with_1() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ran = invoke("trigger", "OK", "--url", f"http://127.0.0.1:{unused.getsockname()[1]}/hooks")
    assert ran.code == 1
    assert "  not sent: Connection refused" in ran.out


def test_what_does_not_answer_is_answered_for_so_that_the_vendor_sends_again(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        onward = ["--forward-to", f"http://127.0.0.1:{unused.getsockname()[1]}/"]
        with started(["listen", "--port", "0", *onward], tmp_path / "log", SECRETS, tmp_path / "out") as listener:
            ran = invoke("trigger", "OK", "--url", f"http://127.0.0.1:{listener.port}/hooks", **SECRETS)
    assert ran.code == 1
    assert "  502 " in ran.out
    assert "Connection refused" in (tmp_path / "out").read_text()
