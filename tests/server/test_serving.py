"""``serve`` as a process: nothing that it acknowledged is lost, however it ends; hooks, deadlines, logs."""

import json
import os
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from threading import Event

import pytest

from account_lifecycle import Engine
from account_lifecycle.server.serving import listening
from account_lifecycle.testing import payload
from campaigns.full import small_disk, why_not
from hooks.waiting import PATIENCE_S, eventually
from server.driving import OK, SECRET
from server.processes import PROGRAM, Served, head, is_closed, post, read_answer, serving

HOOKS = """
def register(engine):
    @engine.on_action_required(name="nag")
    def nag(call):
        with open("nagged", "a") as file:
            print(call.account_id, file=file)
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("ACCOUNT_LIFECYCLE_")]:
        monkeypatch.delenv(name)
    return tmp_path / "accounts.db"


def stored(store: Path) -> set[str]:
    """The accounts that are in a store."""
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        assert engine.verify().is_intact
        return {account.account_id for account in engine.accounts()}


def feed_until(served: Served, ends: Event, name: int) -> set[str]:
    """Post one account after the other over connections that last; those that were acknowledged."""
    acknowledged: set[str] = set()
    number = 0
    while not ends.is_set():
        with suppress(OSError), served.connect() as link:
            while not ends.is_set():
                account_id = f"acc_{name}_{number}"
                number += 1
                status = post(link, json.dumps(payload("OK", account_id)).encode())
                if status == 200:
                    acknowledged.add(account_id)
                elif status == 0:
                    break
        ends.wait(0.01)
    return acknowledged


def pids_of_workers(served: Served) -> list[int]:
    """The processes that the one that was started has made."""
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    return [int(word) for word in children.read_text().split()]


# ---- The end ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_stored_however_it_ends(store: Path, workers: int, how: signal.Signals) -> None:
    ends, random = Event(), Random(workers)
    with ThreadPoolExecutor(16) as pool, serving(store, "--workers", str(workers), "--no-access-log") as served:
        feeders = [pool.submit(feed_until, served, ends, name) for name in range(16)]
        with served.connect() as link:
            assert post(link, OK) == 200
        ends.wait(0.3 + random.random())
        if how is signal.SIGKILL:
            served.kill()
        else:
            served.signal(how)
        code = served.process.wait(PATIENCE_S)
        ends.set()
        acknowledged = set().union(*(feeder.result(PATIENCE_S) for feeder in feeders))
    assert code == (0 if how is signal.SIGTERM else -how)
    assert acknowledged
    assert acknowledged - stored(store) == set()


def test_a_request_that_is_there_at_the_signal_is_answered(store: Path) -> None:
    with serving(store) as served, served.connect() as link, served.connect() as idle:
        link.sendall(head(len(OK)) + OK[:10])
        assert post(idle, OK) == 200
        served.signal(signal.SIGTERM)
        assert is_closed(idle)
        link.sendall(OK[10:])
        assert read_answer(link)[0] == 200
        assert served.process.wait(PATIENCE_S) == 0
        assert served.logged().endswith("stopped\n")


def test_one_that_never_ends_is_waited_for_no_longer_than_it_says(store: Path) -> None:
    with serving(store, ACCOUNT_LIFECYCLE_GRACE_S="0.2") as served, served.connect() as link:
        link.sendall(head(len(OK)) + OK[:10])
        with served.connect() as other:
            assert post(other, OK) == 200
        served.signal(signal.SIGINT)
        assert served.process.wait(PATIENCE_S) == 0


def test_a_worker_that_dies_is_started_again(store: Path) -> None:
    with serving(store, "--workers", "2") as served:
        eventually(lambda: len(pids_of_workers(served)) == 2)
        with served.connect() as link:
            assert post(link, OK) == 200
        first, _ = before = pids_of_workers(served)
        ends = Event()
        ends.wait(2.1)  # one that dies sooner would die again
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(set(pids_of_workers(served)) - {first}) == 2)
        assert set(pids_of_workers(served)) & set(before)
        with served.connect() as link:
            assert post(link, OK) == 200
        assert "a worker ended" in served.logged()


def test_workers_that_cannot_serve_end_the_server(store: Path) -> None:
    store.write_bytes(b"no store of ours" * 100)
    with serving(store, "--workers", "2") as served:
        assert served.process.wait(PATIENCE_S) == 1
        assert "a worker could not serve" in served.logged()


def test_workers_end_with_their_parent(store: Path) -> None:
    with serving(store, "--workers", "2") as served:
        with served.connect() as link:
            assert post(link, OK) == 200
        eventually(lambda: len(pids_of_workers(served)) == 2)
        workers = pids_of_workers(served)
        served.signal(signal.SIGKILL)
        eventually(lambda: not any(is_alive(pid) for pid in workers))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_port_that_is_taken_is_one_plain_line(store: Path) -> None:
    with serving(store) as served:
        command = [*PROGRAM, "serve", "--port", str(served.port), "--store", "memory:"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert ended.returncode == 1
    assert "Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_stored(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    with small_disk(4 * 1024) as disk:
        store, ballast, log = disk / "accounts.db", disk / "ballast", tmp_path / "log"
        ballast.write_bytes(bytes(1024 * 1024))
        acknowledged: set[str] = set()
        with serving(store, "--no-access-log", log=log) as served, served.connect() as link:

            def feed(account_id: str) -> tuple[int, bytes]:
                body = json.dumps(payload("OK", account_id, padding="x" * 4_000)).encode()
                link.sendall(head(len(body)) + body)
                status, answer = read_answer(link)
                if status == 200:
                    acknowledged.add(account_id)
                return status, answer

            ids = (f"acc_{number}" for number in count())
            status, answer = next(found for found in map(feed, ids) if found[0] != 200)
            assert (status, json.loads(answer)) == (503, {"error": "the store cannot be written"})
            ballast.unlink()
            eventually(lambda: feed("after")[0] == 200)
            served.signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE_S) == 0
        assert len(acknowledged) > 10
        assert acknowledged - stored(store) == set()


# ---- What else runs there --------------------------------------------------------------------------------


def test_hooks_and_deadlines_run_in_the_same_process(store: Path) -> None:
    store.with_name("hooks_here.py").write_text(HOOKS)
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        engine.feed_event(payload("CREDENTIALS", "down"), received_at=long_ago)
    with serving(store, "--hooks", "hooks_here") as served, served.connect() as link:
        for word in ("OK", "CREDENTIALS"):
            assert post(link, json.dumps(payload(word, "acc_1")).encode()) == 200
        nagged = store.with_name("nagged")
        eventually(lambda: nagged.exists() and "acc_1" in nagged.read_text().split(), "the hook's call")
        with Engine.open(f"sqlite:///{store}", observers=()) as engine:
            eventually(lambda: len(engine.history("down")) == 2, "the reminder")
        served.signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_S) == 0


def test_without_hooks_nothing_runs_but_the_receiver(store: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        engine.feed_event(payload("CREDENTIALS", "down"), received_at=long_ago)
    with serving(store, "--no-hooks") as served, served.connect() as link:
        assert post(link, OK) == 200
        served.signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE_S) == 0
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        assert len(engine.history("down")) == 1


def test_no_secret_is_logged_and_each_request_is_one_line(store: Path) -> None:
    in_the_query = "the-secret-of-the-query"
    with serving(store, ACCOUNT_LIFECYCLE_NOTIFY_SECRETS=in_the_query) as served:
        with served.connect() as link:
            link.sendall(head(len(OK), path=f"/hooks/?secret={in_the_query}&a=1") + OK)
            assert read_answer(link)[0] == 200
            link.sendall(head(len(OK), path="/hooks?secret=a-wrong-one") + OK)
            assert read_answer(link)[0] == 401
        with served.connect() as link:
            link.sendall(b"GET /%0Aforged%20line HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_answer(link)[0] == 421
        eventually(lambda: served.logged().count("event=request") == 3)
        lines = [line for line in served.logged().splitlines() if "event=request" in line]
    assert [secret for secret in (SECRET, in_the_query, "a-wrong-one") if secret in served.logged()] == []
    assert "method=POST path=/hooks/ status=200" in lines[0]
    assert "path=/hooks status=401" in lines[1]
    assert "forged" in lines[2]


def test_an_answer_does_not_wait_for_another_packet(store: Path) -> None:
    """asyncio sends at once only where it knows that a socket is TCP; else each answer takes 40 ms."""
    with listening("127.0.0.1", 0) as listener:
        assert (listener.type, listener.proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)
