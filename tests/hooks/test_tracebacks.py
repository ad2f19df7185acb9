"""A failing hook logs its traceback once an hour and a line each time, so that nothing is buried and nothing lost."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from account_lifecycle import Decision, Engine, HookCall, RetryAt
from account_lifecycle.hooks.tracebacks import MAX_KINDS, Tracebacks
from account_lifecycle.testing import START, Clock, payload

ERROR, OTHER = RuntimeError("boom"), ValueError("boom")


def feed(engine: Engine, count: int, start: int = 0) -> None:
    list(engine.feed_events(payload("CREDENTIALS", f"a{number}") for number in range(start, start + count)))


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_hook_that_fails_for_a_whole_fleet_logs_one_traceback_and_a_line_for_each(
    account_engine: Engine, account_clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    @account_engine.on_action_required(name="crm")
    def fail_in_the_crm(call: HookCall) -> None:
        raise RuntimeError(f"no\nroute for {call.account_id}")

    feed(account_engine, 50)
    account_clock.tick(minutes=59)
    feed(account_engine, 50, start=50)
    lines = failures(caplog)
    assert len(lines) == 100
    assert ["in fail_in_the_crm" in line for line in lines] == [True] + [False] * 99
    assert all(line.isprintable() for line in lines[1:])
    assert all(f"route for a{number}" in line for number, line in enumerate(lines))
    caplog.clear()
    account_clock.tick(minutes=1)
    feed(account_engine, 2, start=100)
    assert ["in fail_in_the_crm" in line for line in failures(caplog)] == [True, False]


def test_another_hook_and_another_kind_of_error_have_tracebacks_of_their_own(
    account_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: HookCall) -> None:
        raise (RuntimeError if call.account_id < "a2" else ValueError)("no")

    account_engine.on_action_required(fail, name="first")
    account_engine.on_action_required(fail, name="second")
    feed(account_engine, 4)
    assert sum("Traceback" in line for line in failures(caplog)) == 4


def test_what_a_hook_answers_is_a_line_and_no_traceback(
    account_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    account_engine.on_action_required(lambda call: RetryAt(reason="later"), name="later")
    feed(account_engine, 3)
    assert [line.isprintable() for line in failures(caplog)] == [True] * 3


def test_an_observer_that_fails_is_no_louder_than_a_hook(
    account_clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_to_see(decision: Decision) -> None:
        raise RuntimeError("blind")

    with Engine.open("memory:", clock=account_clock, observers=[fail_to_see]) as engine:
        feed(engine, 10)
    lines = failures(caplog)
    assert ["Traceback" in line for line in lines] == [True] + [False] * 9
    assert all("fail_to_see" in line and "RuntimeError: blind" in line for line in lines)


def test_a_clock_that_was_set_back_does_not_silence_tracebacks() -> None:
    clock = Clock(START)
    tracebacks = Tracebacks(clock)
    assert [tracebacks.due("hook", ERROR) for _ in range(2)] == [ERROR, None]
    clock.now -= timedelta(days=400)
    assert [tracebacks.due("hook", ERROR) for _ in range(2)] == [ERROR, None]


def test_what_is_remembered_is_bounded_and_the_latest() -> None:
    clock = Clock(START)
    tracebacks = Tracebacks(clock)
    for number in range(10 * MAX_KINDS):
        assert tracebacks.due(f"hook {number}", ERROR) is ERROR
    assert [tracebacks.due(f"hook {number}", ERROR) for number in range(9 * MAX_KINDS, 10 * MAX_KINDS)] == (
        [None] * MAX_KINDS
    )
    assert len(tracebacks._logged) == MAX_KINDS


def test_of_many_threads_one_logs_the_traceback() -> None:
    tracebacks = Tracebacks(Clock(START))
    with ThreadPoolExecutor(8) as threads:
        found = [*threads.map(lambda number: tracebacks.due("hook", OTHER if number % 2 else ERROR), range(400))]
    assert sorted(map(repr, filter(None, found))) == [repr(ERROR), repr(OTHER)]
