"""Feeding from code that awaits: the loop goes on meanwhile, and what was handed over is fed whatever happens."""

import asyncio
import contextvars
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest
from structlog.testing import capture_logs

from account_lifecycle import Decision, Engine, HookCall, PayloadError, StoreError
from account_lifecycle.engine.core import utc_now
from account_lifecycle.engine.handover import FEED_THREADS
from account_lifecycle.testing import Clock
from builders import webhook
from hooks.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.usefixtures("unconfigured_structlog")


@pytest.fixture
def live() -> Iterator[Engine]:
    with Engine.open("memory:", observers=()) as engine:
        yield engine


def test_an_event_is_fed_and_its_decision_returned(engine: Engine) -> None:
    decision = asyncio.run(engine.afeed_event(webhook("a", "OK")))
    assert decision.verdict == "APPLIED"
    assert engine.account("a") == decision.after


def test_a_body_is_fed_and_its_decisions_returned(engine: Engine) -> None:
    decisions = asyncio.run(engine.afeed_body(json.dumps(webhook("a", "OK")).encode(), {"Content-Type": "text/plain"}))
    assert [decision.account.account_id for decision in decisions] == ["a"]


def test_its_time_of_arrival_may_be_given(engine: Engine, clock: Clock) -> None:
    at = clock.now - timedelta(hours=1)
    decision = asyncio.run(engine.afeed_event(webhook("a", "OK"), received_at=at))
    assert decision.event.received_at == at


def test_errors_reach_the_caller(engine: Engine) -> None:
    with pytest.raises(PayloadError) as caught:
        asyncio.run(engine.afeed_event(b"{}"))
    assert caught.value.quarantine_id == 1
    engine.close()
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(engine.afeed_event(webhook("a", "OK")))


def test_the_loop_goes_on_while_a_feed_waits(live: Engine) -> None:
    opened = Event()
    live.on_connected(lambda call: opened.wait(PATIENCE_S))

    async def receive() -> Decision:
        feeding = asyncio.create_task(live.afeed_event(webhook("a", "OK")))
        await asyncio.sleep(0.05)
        assert not feeding.done()
        opened.set()
        return await feeding

    assert asyncio.run(receive()).verdict == "APPLIED"
    assert live.deliveries()[0].state == "done"


def test_context_variables_are_carried_to_observers_and_hooks() -> None:
    tenant = contextvars.ContextVar("tenant", default="nobody")
    seen: list[str] = []
    with Engine.open("memory:", observers=[lambda decision: seen.append(tenant.get())]) as engine:

        @engine.on_connected
        async def hook(call: HookCall) -> None:
            seen.append(tenant.get())

        async def receive() -> None:
            tenant.set("shop")
            await engine.afeed_event(webhook("a", "OK"))

        asyncio.run(receive())
    assert seen == ["shop", "shop"]


def test_an_event_whose_task_is_cancelled_is_fed_all_the_same(live: Engine) -> None:
    """Also the many for which no thread was free yet."""
    begun, opened = Event(), Event()
    count = FEED_THREADS + 8

    @live.on_connected
    def hook(call: HookCall) -> None:
        begun.set()
        assert opened.wait(PATIENCE_S)

    async def receive() -> None:
        feeds = [asyncio.create_task(live.afeed_event(webhook(f"a{number}", "OK"))) for number in range(count)]
        while not begun.is_set():
            await asyncio.sleep(0.01)
        for feed in feeds:
            feed.cancel()
        assert all(
            isinstance(ended, asyncio.CancelledError) for ended in await asyncio.gather(*feeds, return_exceptions=True)
        )

    asyncio.run(receive())
    opened.set()
    eventually(lambda: len(live.accounts()) == count)


def test_closing_waits_for_what_was_handed_over(file_url: str) -> None:
    async def receive(engine: Engine) -> None:
        feeds = [asyncio.create_task(engine.afeed_event(webhook(f"a{number}", "OK"))) for number in range(50)]
        await asyncio.sleep(0)
        for feed in feeds:
            feed.cancel()

    with Engine.open(file_url, observers=()) as engine:
        asyncio.run(receive(engine))
    with Engine.open(file_url, observers=()) as engine:
        assert len(engine.accounts()) == 50


def test_an_error_that_nobody_waits_for_any_more_is_logged(live: Engine) -> None:
    async def receive() -> None:
        feed = asyncio.create_task(live.afeed_body(b"{}"))
        await asyncio.sleep(0)
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
        await asyncio.sleep(0.2)

    with capture_logs() as logs:
        asyncio.run(receive())
        eventually(lambda: logs)
    assert [line["event"] for line in logs] == ["what a cancelled task handed over could not be fed"]
    assert len(live.quarantine()) == 1


def test_hooks_that_await_feeds_never_wait_for_each_others_threads(live: Engine) -> None:
    """Each of them holds a thread while its hook hands over another event: more than there are threads."""

    @live.on_connected
    async def follow(call: HookCall) -> None:
        if not call.account_id.endswith("+"):
            await asyncio.sleep(0.05)
            await live.afeed_event(webhook(f"{call.account_id}+", "OK"))

    async def receive() -> None:
        feeds = [live.afeed_event(webhook(f"a{number}", "OK")) for number in range(FEED_THREADS + 8)]
        await asyncio.wait_for(asyncio.gather(*feeds), PATIENCE_S)

    asyncio.run(receive())
    eventually(lambda: len(live.accounts()) == 2 * (FEED_THREADS + 8))
    assert {str(record.state) for record in live.deliveries()} == {"done"}


# ---- Observers that nobody would await ---------------------------------------------------------------------


async def observe(decision: Decision) -> None: ...


def test_an_observer_that_is_async_is_refused() -> None:
    with pytest.raises(ValueError, match=r"observers: found .*; expected functions that are not async"):
        Engine.open("memory:", observers=[observe])


def test_an_observer_that_returns_a_coroutine_has_failed() -> None:
    with capture_logs() as logs, Engine.open("memory:", observers=[lambda decision: observe(decision)]) as engine:
        engine.feed_event(webhook("a", "OK"))
    (line,) = logs
    assert (line["event"], line["error"][:43]) == ("observer failed", "TypeError: it returned what nobody awaits; ")


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit()], ids=repr)
def test_whatever_an_observer_raises_the_hooks_run(error: BaseException) -> None:
    def fail(decision: Decision) -> None:
        raise error

    with Engine.open("memory:", observers=[fail]) as engine:
        calls: list[HookCall] = []
        engine.on_connected(calls.append)
        engine.feed_event(webhook("a", "OK"))
    assert len(calls) == 1


# ---- Closing in bounded time -------------------------------------------------------------------------------


def test_closing_leaves_a_hook_that_hangs_and_says_so(live: Engine) -> None:
    begun, opened = Event(), Event()

    @live.on_connected(name="hangs")
    def hook(call: HookCall) -> None:
        begun.set()
        opened.wait(PATIENCE_S)

    running = live.start_runner(poll_s=0.02)
    live.feed_event(webhook("a", "OK"))
    assert begun.wait(PATIENCE_S)
    began_s = time.monotonic()
    with capture_logs() as logs:
        live.close(timeout_s=0.1)
    assert time.monotonic() - began_s < PATIENCE_S / 2
    (line,) = [line for line in logs if line["event"] == "the worker stops while a hook is running"]
    assert (line["hook"], line["account_id"]) == ("connected:*:hangs", "a")
    (call,) = running.running_calls
    assert (call.hook, call.account_id, call.is_stuck) == ("connected:*:hangs", "a", False)
    opened.set()
    assert running.stop()


def test_what_a_closed_engine_left_is_called_by_another_once_the_lease_has_run_out(file_url: str) -> None:
    begun, opened = Event(), Event()
    called: list[int] = []

    def hook(call: HookCall) -> None:
        called.append(call.attempt)
        if call.attempt == 1:
            begun.set()
            opened.wait(PATIENCE_S)

    first = Engine.open(file_url, observers=())
    first.on_connected(hook, name="mine")
    running = first.start_runner(poll_s=0.02)
    first.feed_event(webhook("a", "OK"))
    assert begun.wait(PATIENCE_S)
    first.close(timeout_s=0)
    with Engine.open(file_url, observers=(), clock=lambda: utc_now() + timedelta(minutes=2)) as second:
        second.on_connected(hook, name="mine")
        assert [outcome.done for outcome in second.run_hooks()] == [True]
        opened.set()
        assert running.stop()
        assert [(record.state, record.attempts) for record in second.deliveries()] == [("done", 2)]
    assert called == [1, 2]
