"""Hooks that are awaited: they really run, wherever the event is fed, and what cannot run is no success."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from account_lifecycle import Dead, Engine, HookCall
from hooks.answers import Answering, feed, states
from hooks.waiting import PATIENCE_S, eventually

heard: list[str] = []


@pytest.fixture(autouse=True)
def hearing() -> None:
    heard.clear()


async def coroutine(call: HookCall) -> None:
    await asyncio.sleep(0)
    heard.append(call.account_id)


class Client:
    """Things of a client's that can be hooks."""

    async def __call__(self, call: HookCall) -> None:
        await coroutine(call)

    async def send(self, call: HookCall) -> None:
        await coroutine(call)

    async def send_as(self, kind: str, call: HookCall) -> None:
        await coroutine(call)


def returning(call: HookCall) -> Awaitable[None]:
    return coroutine(call)


class Query:
    """Something that is done when it is awaited."""

    def __init__(self, call: HookCall) -> None:
        self.call = call

    def __await__(self) -> Any:
        return coroutine(self.call).__await__()


HOOKS: dict[str, Callable[[HookCall], object]] = {
    "a function": coroutine,
    "an instance": Client(),
    "a method": Client().send,
    "a partial of a method": partial(Client().send_as, "mail"),
    "a partial of an instance": partial(Client()),
    "a plain function that returns a coroutine": returning,
    "a lambda that does": lambda call: coroutine(call),
    "a plain function that returns what can be awaited": lambda call: Query(call),
}


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_hook_that_is_awaited_really_runs_before_it_is_done(
    engine: Engine, hook: Callable[[HookCall], object]
) -> None:
    engine.on_connected(hook, name="mine")
    feed(engine, "OK")
    assert (heard, states(engine)) == (["a"], ["done"])


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_it_runs_in_a_worker_as_well(live: Engine, hook: Callable[[HookCall], object]) -> None:
    live.on_connected(hook, name="mine")
    with live.start_runner(poll_s=0.02):
        feed(live, "OK")
        eventually(lambda: states(live) == ["done"])
    assert heard == ["a"]


def test_as_many_are_awaited_at_a_time_as_the_worker_has_threads(live: Engine) -> None:
    meeting = asyncio.Barrier(4)
    most = [0, 0]

    @live.on_connected
    async def hook(call: HookCall) -> None:
        most[0] += 1
        most[1] = max(most)
        await asyncio.wait_for(meeting.wait(), PATIENCE_S)
        most[0] -= 1

    with live.start_runner(threads=4, poll_s=0.02):
        for number in range(12):
            feed(live, "OK", account_id=f"account-{number}")
        eventually(lambda: states(live) == ["done"] * 12)
    assert most[1] == 4


def test_its_answer_counts_and_so_does_its_error(engine: Engine) -> None:
    answers = iter([ValueError("no paper left"), Dead("no such user")])

    @engine.on_connected
    async def hook(call: HookCall) -> object:
        await asyncio.sleep(0)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    feed(engine, "OK")
    assert [(record.state, record.error) for record in engine.deliveries()] == [
        ("waiting", "ValueError: no paper left")
    ]
    engine.run_hooks()
    assert [(record.state, record.error) for record in engine.deliveries()] == [("dead", "no such user")]


# ---- Wherever it is fed ----------------------------------------------------------------------------------


def test_an_event_that_is_fed_within_a_running_loop_runs_its_hooks_in_another(engine: Engine) -> None:
    engine.on_connected(coroutine)
    loops: list[object] = []

    @engine.on_connected(name="loop")
    async def hook(call: HookCall) -> None:
        loops.append(asyncio.get_running_loop())

    async def receive() -> None:
        feed(engine, "OK")
        loops.append(asyncio.get_running_loop())

    asyncio.run(asyncio.wait_for(receive(), PATIENCE_S))
    assert (heard, states(engine)) == (["a"], ["done", "done"])
    assert loops[0] is not loops[1]


def test_hooks_share_one_loop_so_that_they_can_share_a_client(engine: Engine) -> None:
    loops: list[object] = []

    @engine.on_connected
    @engine.on_anomaly
    async def hook(call: HookCall) -> None:
        loops.append(asyncio.get_running_loop())

    feed(engine, "OK")
    feed(engine, "OK", account_id="b")
    assert len(loops) == 4
    assert len(set(loops)) == 1


def test_an_awaited_hook_may_feed_an_event_whose_hook_is_awaited(engine: Engine) -> None:
    @engine.on_connected
    @engine.on_deleted
    async def follow(call: HookCall) -> None:
        heard.append(f"{call.kind} {threading.current_thread().name}")
        if call.kind == "connected":
            feed(engine, "DELETED")

    feeding = threading.Thread(target=feed, args=(engine, "OK"), daemon=True)
    feeding.start()
    feeding.join(PATIENCE_S)
    assert not feeding.is_alive()
    assert [words.split()[0] for words in heard] == ["connected", "deleted"]
    assert states(engine) == ["done", "done"]


@pytest.mark.parametrize("hook", ["plain", "awaited"])
def test_it_has_the_context_variables_of_the_code_that_feeds(engine: Engine, hook: str) -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")

    def plain(call: HookCall) -> None:
        heard.append(tenant.get())

    async def awaited(call: HookCall) -> None:
        plain(call)

    engine.on_connected({"plain": plain, "awaited": awaited}[hook])
    tenant.set("shop")
    feed(engine, "OK")
    assert heard == ["shop"]


def test_a_task_that_a_hook_leaves_behind_ends_no_loop(engine: Engine) -> None:
    @engine.on_connected
    async def hook(call: HookCall) -> None:
        async def leave() -> None:
            heard.append(call.account_id)
            raise SystemExit(3)

        heard.append(str(asyncio.get_running_loop().create_task(leave()).done()))

    feed(engine, "OK")
    eventually(lambda: "a" in heard)
    feed(engine, "OK", account_id="b")
    assert states(engine) == ["done", "done"]


def test_a_forked_child_has_a_loop_of_its_own() -> None:
    program = """
import os
from account_lifecycle import Engine
called = []
async def hook(call):
    called.append(call.account_id)
def feed(engine, account_id):
    engine.feed_event({"status": "CREATION_SUCCESS", "account_id": account_id})
with Engine.open("memory:", observers=()) as engine:
    engine.on_entered("CREATION_SUCCESS", hook, name="mine")
    feed(engine, "a")
    child = os.fork()
    if child == 0:
        with Engine.open("memory:", observers=()) as own:
            own.on_entered("CREATION_SUCCESS", hook, name="mine")
            feed(own, "b")
        os._exit(0 if called == ["a", "b"] else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ran.stdout, ran.stderr) == ("0\n", "")


def test_a_process_ends_while_a_hook_that_never_returns_is_awaited() -> None:
    program = """
import asyncio, threading
from account_lifecycle import Engine
begun = threading.Event()
async def hook(call):
    begun.set()
    await asyncio.sleep(3600)
engine = Engine.open("memory:", observers=())
engine.on_connected(hook, name="mine")
engine.start_runner()
engine.feed_event({"AccountStatus": {"account_id": "a", "message": "OK"}})
begun.wait()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


# ---- Never done without having been done -------------------------------------------------------------------


@contextmanager
def another_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of the user's own, which runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_future_of_another_loop_is_a_failure_in_clear_words(engine: Engine) -> None:
    with another_loop() as loop:
        engine.on_connected(lambda call: loop.create_future())
        feed(engine, "OK")
    (record,) = engine.deliveries()
    assert (record.state, record.error) == (
        "waiting",
        "RuntimeError: it returned a future of another event loop, which cannot be awaited here",
    )


def test_what_runs_in_another_loop_is_waited_for(engine: Engine) -> None:
    with another_loop() as loop:
        engine.on_connected(lambda call: asyncio.run_coroutine_threadsafe(coroutine(call), loop))
        feed(engine, "OK")
    assert (heard, states(engine)) == (["a"], ["done"])


def test_what_runs_in_a_pool_of_threads_is_waited_for_and_its_error_counts(engine: Engine) -> None:
    hook = Answering(ValueError("no paper left"), None)
    with ThreadPoolExecutor() as pool:
        engine.on_connected(lambda call: pool.submit(hook, call))
        feed(engine, "OK")
        assert [record.error for record in engine.deliveries()] == ["ValueError: no paper left"]
        engine.run_hooks()
    assert states(engine) == ["done"]


def generate(call: HookCall) -> Iterator[None]:
    yield heard.append(call.account_id)


async def generate_slowly(call: HookCall) -> AsyncIterator[None]:
    yield heard.append(call.account_id)


async def awaiting_nothing(call: HookCall) -> Awaitable[None]:
    return coroutine(call)


@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        (lambda call: generate(call), "generator"),
        (lambda call: generate_slowly(call), "async_generator"),
        (awaiting_nothing, "coroutine"),
    ],
)
@pytest.mark.parametrize("in_worker", [False, True])
def test_an_answer_that_shows_that_nothing_was_done_is_a_failure(
    live: Engine, hook: Callable[[HookCall], object], kind: str, in_worker: bool
) -> None:
    live.on_connected(hook, attempts=1)
    if in_worker:
        live.start_runner(poll_s=0.02)
    feed(live, "OK")
    eventually(lambda: states(live) == ["dead"])
    (record,) = live.deliveries()
    assert record.error == f"TypeError: it returned a {kind} and has done nothing; expected it to do its work itself"
    assert heard == []


def test_a_future_that_nobody_completes_keeps_its_delivery_unfinished(live: Engine) -> None:
    promised: Future[None] = Future()
    live.on_connected(lambda call: promised)
    with live.start_runner(poll_s=0.02):
        feed(live, "OK")
        eventually(lambda: states(live) == ["running"])
        promised.set_result(None)
        eventually(lambda: states(live) == ["done"])
