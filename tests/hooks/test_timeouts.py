"""Calls that take too long: they fail at their timeout, whatever becomes of them, and nothing else waits for them."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event, current_thread

import pytest
from structlog.testing import capture_logs

from account_lifecycle import Engine, HookCall
from account_lifecycle.engine.core import utc_now
from account_lifecycle.hooks.calling import STUCK_LIMIT
from account_lifecycle.hooks.worker import Worker
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.decide import judge
from builders import webhook
from hooks.answers import Answering, feed, states
from hooks.waiting import PATIENCE_S, eventually

SOON = timedelta(seconds=0.1)
LATER = timedelta(minutes=5)


class Gate:
    """A hook that waits until it is let through; whatever a test leaves waiting is let through in the end."""

    def __init__(self) -> None:
        self.opened = Event()
        self.calls: list[HookCall] = []
        self.returned = 0

    def __call__(self, call: HookCall) -> None:
        self.calls.append(call)
        assert self.opened.wait(PATIENCE_S)
        self.returned += 1


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()
    eventually(lambda: gate.returned == len(gate.calls))


def errors(engine: Engine) -> list[str | None]:
    return [record.error for record in engine.deliveries()]


@pytest.mark.parametrize("in_worker", [False, True], ids=["in the feed", "in a worker"])
def test_a_call_that_takes_too_long_has_failed(live: Engine, gate: Gate, in_worker: bool) -> None:
    live.on_connected(gate, timeout=SOON, attempts=1)
    if in_worker:
        live.start_runner(poll_s=0.02)
    feed(live, "OK")
    eventually(lambda: states(live) == ["dead"])
    assert errors(live) == ["TimeoutError: timed out after 0.1 s"]
    assert len(gate.calls) == 1


@pytest.mark.parametrize("in_worker", [False, True], ids=["in the feed", "in a worker"])
def test_a_call_in_time_is_done(live: Engine, in_worker: bool) -> None:
    hook = Answering(None)
    live.on_connected(hook, timeout=LATER)
    if in_worker:
        live.start_runner(poll_s=0.02)
    feed(live, "OK")
    eventually(lambda: states(live) == ["done"])


def test_a_call_that_is_awaited_is_cancelled_and_may_clean_up(engine: Engine) -> None:
    heard: list[str] = []

    async def hook(call: HookCall) -> None:
        try:
            await asyncio.sleep(PATIENCE_S)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            heard.append("cleaned up")
            raise

    engine.on_connected(hook, timeout=10 * SOON)  # it has begun by then
    feed(engine, "OK")
    assert errors(engine) == ["TimeoutError: timed out after 1 s"]
    eventually(lambda: heard == ["cleaned up"])


def test_an_answer_that_comes_with_the_cancellation_is_too_late(engine: Engine) -> None:
    async def hook(call: HookCall) -> None:
        try:
            await asyncio.sleep(PATIENCE_S)
        except asyncio.CancelledError:
            return

    engine.on_connected(hook, timeout=SOON, attempts=1)
    feed(engine, "OK")
    assert states(engine) == ["dead"]


def test_code_that_is_awaited_after_code_that_is_not_shares_its_time(engine: Engine) -> None:
    async def rest() -> None:
        await asyncio.sleep(PATIENCE_S)

    def hook(call: HookCall) -> object:
        time.sleep(SOON.total_seconds() / 4)
        return rest()

    engine.on_connected(hook, timeout=SOON, attempts=1)
    feed(engine, "OK")
    assert states(engine) == ["dead"]


def test_half_of_the_time_is_a_warning(engine: Engine, gate: Gate) -> None:
    engine.on_connected(gate, name="slow", timeout=SOON)
    with capture_logs() as logs:
        feed(engine, "OK")
    assert logs[0]["event"] == "hook has been running for half of its timeout"
    assert (logs[0]["log_level"], logs[0]["hook"], logs[0]["timeout_s"]) == ("warning", "connected:*:slow", 0.1)


def test_what_returns_too_late_counts_for_nothing_and_is_logged(engine: Engine, gate: Gate) -> None:
    engine.on_connected(gate, name="slow", timeout=SOON, attempts=1)
    feed(engine, "OK")
    with capture_logs() as logs:
        gate.opened.set()
        eventually(lambda: logs)
    assert logs[0]["event"] == "hook returned after it had timed out, which counts for nothing"
    assert states(engine) == ["dead"]


def test_the_next_attempt_has_a_larger_token_than_the_one_that_runs_on(live: Engine, gate: Gate) -> None:
    live.on_connected(gate, timeout=SOON, attempts=2)
    with live.start_runner(poll_s=0.02):
        feed(live, "OK")
        eventually(lambda: states(live) == ["dead"])
    first, second = gate.calls
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.token < second.token
    assert first.key == second.key


def test_calls_that_hang_take_no_thread_from_other_hooks(live: Engine, gate: Gate) -> None:
    hook = Answering(None)
    live.on_connected(gate, name="hangs", timeout=SOON, attempts=1)
    live.on_connected(hook, name="fine")
    with live.start_runner(threads=1, poll_s=0.02) as running:
        for number in range(5):
            feed(live, "OK", account_id=f"account-{number}")
        eventually(lambda: sorted(states(live)) == ["dead"] * 5 + ["done"] * 5)
        assert [(call.hook, call.is_stuck) for call in running.running_calls] == [("connected:*:hangs", True)] * 5


def test_a_hook_that_hangs_too_often_is_called_no_more_until_a_call_of_it_returns(live: Engine, gate: Gate) -> None:
    hook = Answering(None)
    live.on_connected(gate, name="hangs", timeout=SOON / 10, attempts=1)
    live.on_connected(hook, name="fine")
    with capture_logs() as logs, live.start_runner(poll_s=0.02):
        for number in range(2 * STUCK_LIMIT):
            feed(live, "OK", account_id=f"account-{number}")
        eventually(lambda: states(live).count("done") == 2 * STUCK_LIMIT)
        eventually(lambda: states(live).count("dead") >= STUCK_LIMIT)
        time.sleep(0.2)
        called = len(gate.calls)
        assert STUCK_LIMIT <= called <= STUCK_LIMIT + 4  # the worker has four threads
        gate.opened.set()
        eventually(lambda: "waiting" not in states(live))
    assert "hook is not called here until a call of it returns: too many hang" in [line["event"] for line in logs]


def test_a_worker_replaces_a_thread_whose_hook_never_returns(live: Engine) -> None:
    """Such a hook needs no timeout: its lease is renewed for an hour, here for a moment, and then taken over."""
    opened = Event()
    called: list[tuple[str, int]] = []

    @live.on_connected(name="hangs")
    def hook(call: HookCall) -> None:
        called.append((call.account_id, call.attempt))
        if called == [("a", 1)]:
            assert opened.wait(PATIENCE_S)

    lease = timedelta(seconds=0.3)
    with Worker(live.store, live, utc_now, threads=1, poll_s=0.02, lease=lease, longest=SOON) as running:
        for account_id in "ab":
            live.store.advance([parse(webhook(account_id, "OK"), utc_now())], judge)
        eventually(lambda: states(live) == ["done", "done"])
        assert ("a", 2) in called
        assert [(call.account_id, call.is_stuck) for call in running.running_calls] == [("a", True)]
        with capture_logs() as logs:
            opened.set()
            eventually(lambda: not running.running_calls)
            eventually(lambda: logs)
    assert logs[0]["event"] == "hook was too late: its lease was lost to another worker"
    assert states(live) == ["done", "done"]
    assert running.counts == {"done": 2, "running": 1}


def test_a_hook_with_a_timeout_may_stop_its_worker(live: Engine) -> None:
    ended: list[bool] = []

    @live.on_connected(timeout=LATER)
    def hook(call: HookCall) -> None:
        ended.append(running.stop())

    running = live.start_runner(poll_s=0.02)
    feed(live, "OK")
    eventually(lambda: ended and states(live) == ["done"])
    assert ended == [True]


def test_an_awaited_hook_may_stop_its_worker(live: Engine) -> None:
    ended: list[bool] = []

    @live.on_connected
    async def hook(call: HookCall) -> None:
        ended.append(await asyncio.to_thread(running.stop))

    running = live.start_runner(poll_s=0.02)
    feed(live, "OK")
    eventually(lambda: ended and states(live) == ["done"])
    assert ended == [True]


def test_without_a_timeout_a_hook_runs_in_the_thread_that_feeds(engine: Engine) -> None:
    threads: list[threading.Thread] = []
    engine.on_connected(lambda call: threads.append(current_thread()))
    feed(engine, "OK")
    assert threads == [current_thread()]


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_a_process_ends_although_a_hook_hangs(kind: str) -> None:
    program = """
import asyncio, sys, time
from datetime import timedelta
from account_lifecycle import Engine
def plain(call):
    time.sleep(3600)
async def awaited(call):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
with Engine.open("memory:", observers=()) as engine:
    engine.on_connected(globals()[sys.argv[1]], name="hangs", timeout=timedelta(seconds=0.1))
    engine.feed_event({"AccountStatus": {"account_id": "a", "message": "OK"}})
    print(engine.deliveries()[0].error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, kind], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "TimeoutError: timed out after 0.1 s\n")
