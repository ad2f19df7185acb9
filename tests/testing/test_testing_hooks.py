"""What users test their hooks with: drain, which fails a test whose hook fails, and assert_called."""

import asyncio
import re
import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest

from account_lifecycle import ConfigurationError, Engine, HookCall, RetryAt
from account_lifecycle.testing import Clock, assert_called, drain, life, payload, record_hooks
from hooks.waiting import eventually

pytest_plugins = ["pytester"]
DOWN = "CREATION_SUCCESS OK CREDENTIALS"


def remind(call: HookCall) -> None:
    """A hook that does its work."""


def fail(call: HookCall) -> None:
    raise RuntimeError(f"no paper for {call.account_id}")


def live(engine: Engine, *account_ids: str, words: str = DOWN) -> None:
    for account_id in account_ids or ("anna",):
        list(engine.feed_events(life(words, account_id)))


# ---- drain -------------------------------------------------------------------------------------------------


def test_a_hook_that_failed_while_events_were_fed_fails_the_test_with_its_own_traceback(
    account_engine: Engine,
) -> None:
    account_engine.on_action_required(fail, attempts=1)
    live(account_engine)
    with pytest.raises(RuntimeError, match="no paper for anna") as raised:
        drain(account_engine)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "fail"
    (note,) = raised.value.__notes__
    assert "action_required: anna, event 3, attempt 1: dead: RuntimeError: no paper for anna" in note


def test_also_one_whose_next_attempt_goes_well(account_engine: Engine) -> None:
    attempts: list[HookCall] = []

    @account_engine.on_action_required
    def fail_once(call: HookCall) -> None:
        attempts.append(call)
        if call.attempt == 1:
            raise RuntimeError("no paper")

    live(account_engine)
    with pytest.raises(RuntimeError, match="no paper"):
        drain(account_engine)
    assert [call.attempt for call in attempts] == [1, 2]
    assert drain(account_engine) == []


def test_each_failure_is_raised_once_and_names_the_others(account_engine: Engine) -> None:
    account_engine.on_action_required(fail, attempts=1)
    live(account_engine, "anna", "bert")
    with pytest.raises(RuntimeError, match="anna") as raised:
        drain(account_engine)
    assert len(raised.value.__notes__) == 2
    assert "no paper for bert" in raised.value.__notes__[1]
    assert drain(account_engine) == []


def test_a_test_of_failures_may_have_them(account_engine: Engine, account_clock: Clock) -> None:
    account_engine.on_action_required(fail, attempts=3)
    live(account_engine)
    second = drain(account_engine, raise_errors=False)
    account_clock.tick(hours=1)
    third = drain(account_engine, raise_errors=False)
    assert [outcome.call.attempt for outcome in (*second, *third)] == [2, 3]
    assert [str(outcome.exception) for outcome in (*second, *third)] == ["no paper for anna"] * 2
    assert len(assert_called(account_engine, fail, times=3)) == 3
    drain(account_engine)


def test_hooks_that_are_awaited_or_take_too_long_fail_it_as_well(account_engine: Engine) -> None:
    async def fail_later(call: HookCall) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("no paper")

    async def hang(call: HookCall) -> None:
        await asyncio.sleep(60)

    account_engine.on_action_required(fail_later, attempts=1)
    account_engine.on_action_required(hang, attempts=1, timeout=timedelta(milliseconds=20))
    live(account_engine)
    with pytest.raises(RuntimeError, match="no paper") as raised:
        drain(account_engine)
    assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "fail_later"
    assert "hang" in raised.value.__notes__[1]
    assert "Timeout" in raised.value.__notes__[1]


def test_what_a_hook_answers_is_no_error(account_engine: Engine) -> None:
    account_engine.on_action_required(lambda call: RetryAt(reason="later"), name="later")
    live(account_engine)
    drain(account_engine)


def test_it_runs_what_hooks_cause_themselves(account_engine: Engine) -> None:
    @account_engine.on_recovered
    def note(call: HookCall) -> None: ...

    @account_engine.on_action_required
    def reconnect(call: HookCall) -> None:
        account_engine.feed_event(payload("RECONNECTED", call.account_id))
        account_engine.feed_event(payload("OK", call.account_id))

    live(account_engine)
    drain(account_engine)
    assert_called(account_engine, note, times=1, account_id="anna")


def test_hooks_that_never_end_are_an_error_and_no_endless_test() -> None:
    clock = Clock()
    with Engine.open("memory:", clock=clock.tick, observers=()) as engine:  # a second goes by at each look
        engine.on_action_required(lambda call: RetryAt(clock(), counts=False), name="come again")
        live(engine)
        with pytest.raises(AssertionError, match="after 100 rounds hooks are still due") as endless:
            drain(engine)
    assert "come again" in str(endless.value)


def test_hooks_in_threads_of_a_runner_are_recorded_too(account_engine: Engine) -> None:
    account_engine.on_action_required(fail, attempts=1)
    account_engine.start_runner(threads=2, poll_s=0.01)
    live(account_engine, "anna", "bert", "carl")
    eventually(lambda: len(record_hooks(account_engine).outcomes) == 3)
    with pytest.raises(RuntimeError, match="no paper"):
        drain(account_engine)
    assert_called(account_engine, fail, times=3)


def test_an_engine_of_ones_own_is_recorded_from_when_it_is_asked_for() -> None:
    with Engine.open("memory:", observers=()) as engine:
        engine.on_action_required(fail, attempts=1)
        live(engine, "anna")
        with pytest.raises(AssertionError, match=re.escape("call record_hooks(engine) once it is open")):
            assert_called(engine, fail)
        assert record_hooks(engine) is record_hooks(engine)
        live(engine, "bert")
        with pytest.raises(RuntimeError, match="bert"):
            drain(engine)
        assert [call.account_id for call in assert_called(engine, fail)] == ["bert"]


# ---- assert_called -----------------------------------------------------------------------------------------


@pytest.fixture
def reminded(account_engine: Engine) -> Engine:
    account_engine.on_action_required(remind, name="remind")
    account_engine.on_entered(remind, name="look")
    live(account_engine, "anna", "bert")
    return account_engine


def test_calls_are_chosen_by_hook_account_kind_and_subject_and_returned(reminded: Engine) -> None:
    (call,) = assert_called(reminded, "remind", account_id="anna", times=1)
    assert (call.account_id, call.kind, call.account.health) == ("anna", "action_required", "ACTION_REQUIRED")  # type: ignore[union-attr]
    assert len(assert_called(reminded, remind)) == len(assert_called(reminded)) == 8
    assert len(assert_called(reminded, "look", kind="entered", subject="OK")) == 2
    assert assert_called(reminded, "action_required:*:remind", account_id="carl", times=0) == []


def test_what_fails_says_what_was_called(reminded: Engine) -> None:
    with pytest.raises(AssertionError) as failed:
        assert_called(reminded, "remind", times=1)
    lines = str(failed.value).splitlines()
    assert lines[0] == "expected 1 call of action_required:*:remind; found 2. What was called:"
    assert "  action_required:*:remind: action_required: bert, event 3, attempt 1: done" in lines
    with pytest.raises(AssertionError, match="expected calls of a hook, account_id carl, kind entered; found 0"):
        assert_called(reminded, kind="entered", account_id="carl")


def test_the_calls_that_are_shown_are_the_latest_and_not_too_many(reminded: Engine) -> None:
    live(reminded, *(f"account-{number}" for number in range(30)))
    with pytest.raises(AssertionError) as failed:
        assert_called(reminded, times=7)
    assert len(str(failed.value).splitlines()) == 22
    assert "  … 108 before these" in str(failed.value)
    assert "account-29" in str(failed.value)


def test_a_hook_that_is_not_registered_is_no_hook_that_was_not_called(reminded: Engine) -> None:
    for hook in ("remnid", fail):
        with pytest.raises(AssertionError, match="no such hook is registered") as failed:
            assert_called(reminded, hook, times=0)
        assert "  action_required:*:remind" in str(failed.value).splitlines()


def test_a_call_that_failed_is_no_call_to_be_content_with(account_engine: Engine) -> None:
    account_engine.on_action_required(fail)
    live(account_engine)
    with pytest.raises(RuntimeError, match="no paper"):
        assert_called(account_engine, fail, times=1)


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("kind", lambda engine: assert_called(engine, kind="recoverd")),
        ("times", lambda engine: assert_called(engine, times=-1)),
        ("account_id", lambda engine: assert_called(engine, account_id=7)),
        ("subject", lambda engine: assert_called(engine, subject=b"OK")),
    ],
)
def test_an_invalid_argument_is_named(name: str, ask: Callable[[Engine], object], account_engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: found"):
        ask(account_engine)


# ---- As users meet it --------------------------------------------------------------------------------------


def test_a_users_test_fails_with_the_lines_of_the_hook_and_of_what_was_called(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from account_lifecycle.testing import assert_called, drain, life

        def send_mail(call):
            raise ConnectionError("the mail server is down")

        def test_it_drains(account_engine):
            account_engine.on_action_required(send_mail, name="mail")
            list(account_engine.feed_events(life("CREATION_SUCCESS OK CREDENTIALS", "anna")))
            drain(account_engine)

        def test_it_asserts(account_engine):
            account_engine.on_recovered(print, name="backfill")
            assert_called(account_engine, "backfill")
        """
    )
    ran = pytester.runpytest("-p", "account_lifecycle.testing.plugin")
    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(
        [
            '>*raise ConnectionError("the mail server is down")',
            "E*ConnectionError: the mail server is down",
            "E*raised by the hook action_required:[*]:mail: action_required: anna, event 3, attempt 1: waiting: *",
            "E*AssertionError: expected calls of recovered:[*]:backfill; found 0. What was called:",
            "E*nothing",
        ]
    )


def test_the_fixtures_say_what_they_are(pytester: pytest.Pytester) -> None:
    ran = pytester.runpytest("--fixtures", "-p", "account_lifecycle.testing.plugin")
    ran.stdout.fnmatch_lines(["account_clock*", "*stands still until*", "account_engine*", "*empty store in memory*"])
