"""What a hook may answer, and what becomes of its delivery."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from account_lifecycle import Engine, HookCall
from account_lifecycle.hooks.delivery import FIRST_BACKOFF
from account_lifecycle.hooks.outcomes import Dead, Disable, Done, RetryAt
from account_lifecycle.records import DeliveryState
from account_lifecycle.testing import Clock
from builders import at
from hooks.answers import Answering, feed, run_for_a_day, states

# ---- Done --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, Done(), True, False, 0, "no", Done, RetryAt, object()])
def test_whatever_is_no_other_outcome_means_done(engine: Engine, answer: object) -> None:
    hook = Answering(answer)
    engine.on_connected(hook)
    feed(engine, "OK")
    assert states(engine) == ["done"]
    assert engine.run_hooks() == []
    assert len(hook.calls) == 1


# ---- Again -------------------------------------------------------------------------------------------


def test_a_hook_may_say_when_to_be_called_again_and_each_time_counts(engine: Engine, clock: Clock) -> None:
    hook = Answering(RetryAt(at(10), "rate limit"), None)
    engine.on_connected(hook)
    feed(engine, "OK")
    (waiting,) = engine.deliveries()
    assert (waiting.state, waiting.due_at, waiting.error, waiting.attempts) == ("waiting", at(10), "rate limit", 1)
    clock.now = at(10) - timedelta(microseconds=1)
    assert engine.run_hooks() == []
    clock.now = at(10)
    assert [(outcome.done, outcome.call.attempt) for outcome in engine.run_hooks()] == [(True, 2)]


def test_an_outcome_tells_where_its_delivery_stands_and_when_it_is_due(engine: Engine, clock: Clock) -> None:
    feed(engine, "OK")
    hook = Answering(RetryAt(at(10), "rate limit"), Dead("no such user"))
    engine.on_connected(hook, name="mine", since="beginning")
    (first,) = engine.run_hooks()
    assert (first.done, first.state, first.due_at, first.error) == (False, "waiting", at(10), "rate limit")
    clock.now = at(10)
    (second,) = engine.run_hooks()
    assert (second.done, second.state, second.due_at, second.error) == (False, "dead", None, "no such user")


def test_without_a_time_it_is_the_usual_backoff(engine: Engine, clock: Clock) -> None:
    hook = Answering(RetryAt())
    engine.on_connected(hook)
    feed(engine, "OK")
    (outcome,) = engine.run_hooks()  # after the first failure at once
    assert outcome.error == "the hook asked to be called again"
    assert outcome.due_at is not None
    assert timedelta(seconds=2.5) <= outcome.due_at - clock.now <= timedelta(seconds=5)


@pytest.mark.parametrize("when", [datetime(2026, 5, 1), "tomorrow", 17])
def test_a_time_that_is_no_moment_is_a_failure_that_says_so(engine: Engine, when: Any) -> None:
    engine.on_connected(Answering(RetryAt(when), None))
    feed(engine, "OK")
    (record,) = engine.deliveries()
    assert record.error is not None
    assert "expected a datetime with a time zone" in record.error
    assert [outcome.done for outcome in engine.run_hooks()] == [True]


def test_a_pause_costs_no_attempt_however_often(engine: Engine, clock: Clock) -> None:
    pause = RetryAt(reason="the receiver is down", counts=False)
    hook = Answering(*[pause] * 30, None)
    engine.on_connected(hook, attempts=2)
    feed(engine, "OK")
    run_for_a_day(engine, clock)
    assert len(hook.calls) == 31
    assert {call.attempt for call in hook.calls} == {1}
    assert states(engine) == ["done"]
    tokens = [call.token for call in hook.calls]
    assert tokens == sorted(set(tokens))


@pytest.mark.parametrize("when", [None, at(-60), at(0)])
def test_a_pause_always_lasts_a_while_so_that_nobody_spins(engine: Engine, clock: Clock, when: datetime | None) -> None:
    engine.on_connected(Answering(RetryAt(when, counts=False)))
    feed(engine, "OK")
    (record,) = engine.deliveries()
    assert record.due_at >= clock.now + timedelta(seconds=1)


def test_a_pause_without_a_time_lasts_as_long_as_the_wait_after_the_next_failure_would(
    engine: Engine, clock: Clock
) -> None:
    engine.on_connected(Answering(RetryAt(counts=False)))
    feed(engine, "OK")
    (record,) = engine.deliveries()
    assert FIRST_BACKOFF / 2 <= record.due_at - clock.now <= FIRST_BACKOFF


# ---- Given up ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ValueError("no"), RetryAt(at(0), "no")], ids=["raises", "asks again"])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_delivery_is_dead_after_exactly_its_attempts(
    engine: Engine, clock: Clock, limit: int, failure: object
) -> None:
    hook = Answering(failure)
    engine.on_connected(hook, attempts=limit)
    feed(engine, "OK")
    run_for_a_day(engine, clock)
    assert [call.attempt for call in hook.calls] == list(range(1, limit + 1))
    assert states(engine) == ["dead"]


def test_a_hook_gets_eight_attempts_unless_it_says_otherwise(engine: Engine, clock: Clock) -> None:
    hook = Answering(ValueError("no"))
    engine.on_connected(hook)
    feed(engine, "OK")
    run_for_a_day(engine, clock)
    assert len(hook.calls) == 8


def test_a_hook_may_give_up_at_once(engine: Engine, clock: Clock) -> None:
    hook = Answering(Dead("no such user"))
    engine.on_connected(hook)
    feed(engine, "OK")
    (record,) = engine.deliveries()
    assert (record.state, record.error, record.attempts) == (DeliveryState.DEAD, "no such user", 1)
    run_for_a_day(engine, clock)
    assert len(hook.calls) == 1


def test_after_a_death_the_later_calls_for_the_account_go_on(engine: Engine) -> None:
    hook = Answering(Dead("no"), None)
    engine.on_entered("OK")(hook)
    feed(engine, "OK", "ERROR", "OK")
    assert hook.heard == [("a", 1), ("a", 3)]
    assert states(engine) == ["dead", "done"]


@pytest.mark.parametrize(
    "failure", [Dead("no"), ValueError("no")], ids=["the hook gives up", "its attempts are used up"]
)
def test_a_lane_that_halts_waits_for_a_redrive_and_no_other_account_does(
    engine: Engine, clock: Clock, failure: object
) -> None:
    hook = Answering(failure, None)
    engine.on_entered("OK", attempts=1, on_dead="halt")(hook)
    feed(engine, "OK", "ERROR", "OK")
    feed(engine, "OK", account_id="b")
    run_for_a_day(engine, clock)
    assert hook.heard == [("a", 1), ("b", 1)]
    assert states(engine) == ["halted", "waiting", "done"]


def test_a_redrive_keeps_its_place_in_a_halted_lane(engine: Engine, clock: Clock) -> None:
    hook = Answering(Dead("no"), None)
    engine.on_entered("OK", on_dead="halt")(hook)
    feed(engine, "OK", "ERROR", "OK")
    assert len(engine.redrive()) == 1
    assert [outcome.done for outcome in engine.run_hooks()] == [True, True]
    assert hook.heard == [("a", 1), ("a", 1), ("a", 3)]
    assert sorted(states(engine)) == ["dead", "done", "done"]
    assert engine.redrive() == []


def test_the_idempotency_key_is_the_same_for_every_attempt_and_every_redrive(engine: Engine, clock: Clock) -> None:
    hook = Answering(*[ValueError("no")] * 4, None)
    engine.on_connected(hook, attempts=2)
    feed(engine, "OK")
    for _ in range(3):
        run_for_a_day(engine, clock)
        engine.redrive()
    assert [call.attempt for call in hook.calls] == [1, 2, 1, 2, 1]
    assert {call.key for call in hook.calls} == {"a/1/connected/adopted"}
    assert sorted(states(engine)) == ["dead", "dead", "done"]


def test_ctrl_c_during_a_hook_is_the_users_and_costs_the_hook_an_attempt(engine: Engine, clock: Clock) -> None:
    hook, other = Answering(KeyboardInterrupt()), Answering(None)
    feed(engine, "OK")
    engine.on_connected(hook, attempts=3, name="poison", since="beginning")
    engine.on_connected(other, name="other", since="beginning")
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            engine.run_hooks()
        clock.tick(hours=7)
    engine.run_hooks()
    assert [call.attempt for call in hook.calls] == [1, 2, 3]
    assert sorted(states(engine)) == ["dead", "done"]
    assert [call.attempt for call in other.calls] == [1]


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), StopIteration(), StopAsyncIteration(), BaseException()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("timeout", [None, timedelta(minutes=1)], ids=["no timeout", "a timeout"])
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_whatever_a_hook_raises_is_its_failure_and_ends_nothing_else(
    engine: Engine, error: BaseException, timeout: timedelta | None, is_async: bool
) -> None:
    plain, other = Answering(error, None), Answering(None)

    async def awaited(call: HookCall) -> object:
        return plain(call)

    engine.on_connected(awaited if is_async else plain, name="exits", timeout=timeout)
    engine.on_connected(other, name="other")
    feed(engine, "OK")
    (record,) = engine.deliveries(state="waiting")
    assert type(error).__name__ in str(record.error)
    assert (record.attempts, len(other.calls)) == (1, 1)
    assert [outcome.done for outcome in engine.run_hooks()] == [True]


# ---- Disabled ----------------------------------------------------------------------------------------


def test_a_hook_that_disables_itself_waits_to_be_enabled_and_loses_nothing(engine: Engine, clock: Clock) -> None:
    hook, other = Answering(Disable("the key was revoked"), None), Answering(None)
    engine.on_connected(hook, name="mine", attempts=1)
    engine.on_connected(other, name="other")
    for account_id in "abc":
        feed(engine, "OK", account_id=account_id)
    run_for_a_day(engine, clock)
    assert (hook.heard, len(other.calls)) == ([("a", 1)], 3)
    (disabled,) = [known for known in engine.subscribed_hooks() if known.disabled_at]
    assert (disabled.name, disabled.disabled_at, disabled.disabled_reason) == (
        "connected:*:mine",
        at(0),
        "the key was revoked",
    )
    assert engine.enable_hook(disabled.name)
    assert [(outcome.call.account_id, outcome.call.attempt) for outcome in engine.run_hooks()] == [
        (account_id, 1) for account_id in "abc"
    ]


def test_a_hook_that_disables_itself_is_not_called_for_what_was_claimed_beside_it(engine: Engine) -> None:
    feed(engine, "OK")
    feed(engine, "OK", account_id="b")
    hook = Answering(Disable("enough"))
    engine.on_connected(hook, since="beginning")
    (outcome,) = engine.run_hooks()
    assert (outcome.done, outcome.state, outcome.error) == (False, "waiting", "enough")
    assert hook.heard == [("a", 1)]
    assert [record.attempts for record in engine.deliveries()] == [0, 0]


# ---- Words that hooks bring along ------------------------------------------------------------------------


def odd_reasons() -> Iterable[object]:
    return ("\udce9 \ud800", "\x00", "", 17, None, "long " * 10_000)


@pytest.mark.parametrize(
    "make", [lambda r: RetryAt(None, r), Dead, Disable, ValueError], ids=lambda make: str(make)[:20]
)
def test_a_reason_may_be_anything(engine: Engine, make: Callable[[Any], object]) -> None:
    reasons = list(odd_reasons())
    hook = Answering(*map(make, reasons))
    engine.on_connected(hook)
    for number in range(len(reasons)):
        feed(engine, "OK", account_id=f"account-{number}")
        for known in engine.subscribed_hooks():
            engine.enable_hook(known.name)
    assert all(record.error for record in engine.deliveries())
