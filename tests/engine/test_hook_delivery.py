"""Delivery of effects: a hook may fail, a process may die, and every effect still gets to its hooks."""

import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from account_lifecycle import Engine, HookCall, Verdict
from account_lifecycle.hooks.delivery import OUTBOX_PAGE
from account_lifecycle.stores.sqlite import connection
from account_lifecycle.testing import Clock
from builders import at, webhook

pytestmark = pytest.mark.usefixtures("unconfigured_structlog")


class Failing:
    """A hook that fails so many times before it does its work."""

    def __init__(self, times: int, error: BaseException | None = None) -> None:
        self.times = times
        self.error = error or ValueError("no paper left")
        self.calls: list[HookCall] = []

    def __call__(self, call: HookCall) -> None:
        self.calls.append(call)
        if len(self.calls) <= self.times:
            raise self.error.with_traceback(None)


# ---- One that fails ------------------------------------------------------------------------------------


def test_a_failing_hook_is_logged_and_neither_the_feed_nor_another_hook_hears_of_it(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    before, failing, after = Failing(0), Failing(9), Failing(0)
    for name, hook in (("before", before), ("failing", failing), ("after", after)):
        engine.on_connected(hook, name=name)
    decisions = [engine.feed_event(webhook("a", "OK")), engine.feed_event(webhook("a", "ERROR"))]
    assert [decision.verdict for decision in decisions] == [Verdict.APPLIED] * 2
    assert [len(hook.calls) for hook in (before, failing, after)] == [1, 1, 1]
    (record,) = [record for record in caplog.records if "hook failed" in record.getMessage()]
    assert record.levelno == logging.ERROR
    for fact in ("failing", failing.calls[0].key, "attempt=1", "no paper left"):
        assert fact in record.getMessage()


def test_a_failed_hook_is_due_again_until_it_is_done_and_its_attempts_count_up(engine: Engine, clock: Clock) -> None:
    failing, fine = Failing(3), Failing(0)
    engine.on_connected(failing, name="failing")
    engine.on_connected(fine, name="fine")
    engine.feed_event(webhook("a", "OK"), received_at=at(5))
    errors = []
    for _ in range(4):
        errors.append([outcome.error for outcome in engine.run_hooks()])
        clock.tick(hours=6)
    assert errors == [["ValueError: no paper left"], ["ValueError: no paper left"], [None], []]
    assert [call.attempt for call in failing.calls] == [1, 2, 3, 4]
    assert len({replace(call, attempt=1, token=1) for call in failing.calls}) == 1
    assert sorted({call.token for call in failing.calls}) == [call.token for call in failing.calls]
    assert len(fine.calls) == 1


def test_feeding_does_not_try_again_what_failed_before(engine: Engine) -> None:
    failing = Failing(1)
    engine.on_entered("OK")(failing)
    for account_id in "abc":
        engine.feed_event(webhook(account_id, "OK"))
    assert [call.account_id for call in failing.calls] == ["a", "b", "c"]
    assert [outcome.call.account_id for outcome in engine.run_hooks()] == ["a"]


def test_running_hooks_tells_what_happened_in_order(engine: Engine) -> None:
    for account_id in "ab":
        engine.feed_event(webhook(account_id, "OK"))
    calls = Failing(1)
    engine.on_connected(calls, name="mine", since="beginning")
    engine.on_anomaly("ADOPTED", name="other", since="beginning")(lambda call: None)
    outcomes = engine.run_hooks()
    assert [(outcome.hook.split(":")[-1], outcome.call.account_id, outcome.done) for outcome in outcomes] == [
        ("mine", "a", False),
        ("other", "a", True),
        ("mine", "b", True),
        ("other", "b", True),
    ]
    assert [outcome.call for outcome in outcomes if outcome.hook.endswith("mine")] == calls.calls
    assert [(outcome.call.attempt, outcome.error) for outcome in engine.run_hooks()] == [(2, None)]
    assert engine.run_hooks() == []


def test_what_was_due_when_a_run_began_is_called_in_it_however_long_the_calls_take(
    engine: Engine, clock: Clock
) -> None:
    heard: list[tuple[str, int]] = []

    @engine.on_connected(name="slow")
    def slow(call: HookCall) -> None:
        heard.append((call.account_id, call.attempt))
        clock.tick(minutes=5)
        assert call.attempt > 1

    for account_id in ("a", "b", "c"):
        engine.feed_event(webhook(account_id, "OK"))
    clock.tick(hours=1)
    engine.run_hooks()
    assert heard[3:] == [("a", 2), ("b", 2), ("c", 2)]


def test_a_failing_hook_is_tried_once_in_each_run(engine: Engine, clock: Clock) -> None:
    engine.feed_event(webhook("a", "OK"))
    failing = Failing(99)
    engine.on_connected(failing, since="beginning")
    for run in range(1, 4):
        engine.run_hooks()
        assert len(failing.calls) == run
        clock.tick(hours=6)


class Mute(Exception):
    """An error that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("not a word")


@pytest.mark.parametrize(
    "error",
    [ValueError("\udce9 \ud800"), ValueError("\x00"), Mute(), ExceptionGroup("two", [ValueError(1)]), RecursionError()],
    ids=["lone odd characters", "NUL", "mute", "group", "recursion"],
)
def test_a_hook_may_fail_with_whatever_error_and_is_due_again(engine: Engine, error: Exception) -> None:
    failing = Failing(1, error)
    engine.on_connected(failing)
    assert engine.feed_event(webhook("a", "OK")).verdict is Verdict.APPLIED
    assert [outcome.done for outcome in engine.run_hooks()] == [True]
    assert [call.attempt for call in failing.calls] == [1, 2]


def test_an_interrupt_in_a_hook_gets_through_and_the_effect_waits(engine: Engine) -> None:
    hook = Failing(1, KeyboardInterrupt())
    engine.on_connected(hook)
    with pytest.raises(KeyboardInterrupt):
        engine.feed_event(webhook("a", "OK"))
    assert [entry.sequence for entry in engine.history("a")] == [1]
    assert [outcome.done for outcome in engine.run_hooks()] == [True]
    assert [call.attempt for call in hook.calls] == [1, 2]
    assert hook.calls[0].key == hook.calls[1].key
    assert engine.run_hooks() == []


def test_an_event_stays_fed_when_the_store_cannot_note_that_its_hooks_ran(
    tmp_path: Path, file_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told as not fed, it would be fed again."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 20)
    with Engine.open(file_url, observers=()) as engine:
        other = apsw.Connection(str(tmp_path / "accounts.db"))
        hook = Failing(0)
        engine.on_connected(hook, name="mine")
        engine.on_connected(name="busy")(lambda call: other.in_transaction or other.execute("BEGIN IMMEDIATE"))
        assert engine.feed_event(webhook("a", "OK")).sequence == 1
        other.execute("ROLLBACK")
        other.close()


# ---- Many ----------------------------------------------------------------------------------------------


def test_more_than_a_page_of_effects_and_failures_is_run_each_once(engine: Engine) -> None:
    many = OUTBOX_PAGE * 2 + 1
    for _ in engine.feed_events(webhook(f"account-{number:04}", "OK") for number in range(many)):
        pass
    failing = Failing(many)
    engine.on_connected(failing, since="beginning")
    expected = [f"account-{number:04}" for number in range(many)]
    for done in (False, True):
        failing.calls.clear()
        failing.times = 0 if done else many
        assert [(outcome.call.account_id, outcome.done) for outcome in engine.run_hooks()] == [
            (a, done) for a in expected
        ]
        assert [call.account_id for call in failing.calls] == expected
    assert engine.run_hooks() == []


def test_threads_that_feed_at_once_call_the_hooks_of_their_own_events_once(engine: Engine) -> None:
    calls: list[str] = []
    engine.on_connected(lambda call: calls.append(call.account_id))
    ids = [f"account-{number}" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda account_id: engine.feed_event(webhook(account_id, "OK")), ids))
    assert sorted(calls) == sorted(ids)
    assert engine.run_hooks() == []


def test_an_event_with_two_hooks_takes_two_commits(file_url: str) -> None:
    """One keeps it with its deliveries, claimed, and one completes them."""
    commits: list[int] = []
    apsw.connection_hooks.append(lambda connection: connection.set_commit_hook(lambda: bool(commits.append(1))))
    try:
        with Engine.open(file_url, observers=()) as engine:
            entered, left = Failing(0), Failing(0)
            engine.on_entered(entered, name="entered")
            engine.on_left(left, name="left")
            engine.feed_event(webhook("a", "OK"))
            commits.clear()
            engine.feed_event(webhook("a", "ERROR"))
            assert (len(entered.calls), len(left.calls), len(commits)) == (2, 1, 2)
    finally:
        apsw.connection_hooks.pop()


# ---- Other processes -----------------------------------------------------------------------------------


def test_effects_of_a_process_without_hooks_are_there_for_one_that_has_some(file_url: str) -> None:
    with Engine.open(file_url, observers=()) as engine:
        for minute, word in enumerate(("OK", "CREDENTIALS", "OK")):
            decision = engine.feed_event(webhook("a", word), received_at=at(minute))
        assert engine.run_hooks() == []
    with Engine.open(file_url, observers=()) as engine:
        recovered, adopted = Failing(0), Failing(0)
        engine.on_recovered(recovered, name="recovered", since="beginning")
        engine.on_anomaly("ADOPTED", name="adopted", since="beginning")(adopted)
        assert [outcome.call.kind for outcome in engine.run_hooks()] == ["anomaly", "recovered"]
        assert recovered.calls[0].blind_window == decision.blind_window
        assert adopted.calls[0].anomaly == engine.audit()[0]
        assert adopted.calls[0].account == decision.after
    with Engine.open(file_url, observers=()) as engine:
        engine.on_recovered(recovered, name="recovered")
        assert engine.run_hooks() == []


def test_an_effect_whose_process_died_in_its_hook_is_run_by_the_next_when_its_lease_is_over(file_url: str) -> None:
    program = (
        "import os, sys; from account_lifecycle import Engine; engine = Engine.open(sys.argv[1], observers=());"
        "engine.on_connected(lambda call: os._exit(9), name='mine');"
        "engine.feed_event({'AccountStatus': {'message': 'OK', 'account_id': 'a'}})"
    )
    died = subprocess.run([sys.executable, "-c", program, file_url], check=False)
    assert died.returncode == 9
    clock = Clock(datetime.now(UTC))
    with Engine.open(file_url, clock=clock, observers=()) as engine:
        hook = Failing(0)
        engine.on_connected(hook, name="mine")
        assert engine.run_hooks() == []
        clock.tick(seconds=61)
        assert [outcome.done for outcome in engine.run_hooks()] == [True]
        assert (hook.calls[0].account_id, hook.calls[0].attempt) == ("a", 2)
        assert engine.run_hooks() == []


def test_a_hook_that_failed_is_tried_again_in_the_next_process_under_its_name(file_url: str, clock: Clock) -> None:
    failing, other, fixed = Failing(9), Failing(0), Failing(0)
    for hook, name in ((failing, "mail"), (other, "other"), (failing, "mail"), (fixed, "mail"), (fixed, "mail")):
        with Engine.open(file_url, clock=clock, observers=()) as engine:
            engine.on_connected(hook, name=name)
            if hook is failing and not failing.calls:
                engine.feed_event(webhook("a", "OK"))
            else:
                engine.run_hooks()
        clock.tick(hours=6)
    assert [call.attempt for call in failing.calls] == [1, 2]
    assert other.calls == []
    assert [call.attempt for call in fixed.calls] == [3]
    assert {call.key for call in failing.calls} == {fixed.calls[0].key}


def by_function() -> Callable[[HookCall], None]:
    """The same function, made anew as each process makes it."""

    def reconnect_mail(call: HookCall) -> None:
        attempts.append(call.attempt)
        if call.attempt == 1:
            raise ValueError("no paper left")

    return reconnect_mail


attempts: list[int] = []


def test_a_hook_without_a_given_name_is_known_by_its_function(file_url: str) -> None:
    attempts.clear()
    for _ in range(3):
        with Engine.open(file_url, observers=()) as engine:
            engine.on_connected(by_function())
            engine.run_hooks()
            engine.feed_event(webhook("a", "OK"))
    assert attempts == [1, 2]


# ---- A hook that feeds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("in_batches", [False, True])
def test_a_hook_may_feed_the_engine_and_nothing_is_lost_or_run_twice(engine: Engine, in_batches: bool) -> None:
    calls: list[tuple[str, str]] = []

    @engine.on_entered("CONNECTING")
    @engine.on_entered("CREATION_SUCCESS")
    @engine.on_entered("DELETED")
    def follow(call: HookCall) -> None:
        calls.append((call.account_id, call.subject))
        following = {"CONNECTING": "CREATION_SUCCESS", "CREATION_SUCCESS": "DELETED"}.get(call.subject)
        if following:
            engine.feed_event(webhook(call.account_id, following))

    payloads = [webhook(account_id, "CONNECTING") for account_id in "ab"]
    if in_batches:
        list(engine.feed_events(payloads))
    else:
        for payload in payloads:
            engine.feed_event(payload)
    assert calls == [(a, word) for a in "ab" for word in ("CONNECTING", "CREATION_SUCCESS", "DELETED")]
    assert [[entry.announced for entry in engine.history(a)] for a in "ab"] == [
        ["CONNECTING", "CREATION_SUCCESS", "DELETED"]
    ] * 2
    assert engine.run_hooks() == []


def test_a_hook_may_ask_the_engine_anything(engine: Engine) -> None:
    answers: list[object] = []

    @engine.on_connected
    def ask(call: HookCall) -> None:
        answers.append((engine.account("a"), engine.accounts(), len(engine.history("a")), engine.blind_windows()))
        answers.append((len(engine.audit()), engine.check_deadlines(), engine.machine_for("a").may_DELETED()))

    decision = engine.feed_event(webhook("a", "OK"))
    assert answers == [(decision.after, [decision.after], 1, []), (1, [], True)]


@pytest.mark.parametrize("is_live", [True, False])
def test_a_hook_that_runs_hooks_does_not_run_itself(engine: Engine, is_live: bool) -> None:
    calls: list[HookCall] = []

    def hook(call: HookCall) -> None:
        calls.append(call)
        if len(calls) < 5:
            engine.run_hooks()

    if is_live:
        engine.on_connected(hook)
    engine.feed_event(webhook("a", "OK"))
    if not is_live:
        engine.on_connected(hook, since="beginning")
        engine.run_hooks()
    assert len(calls) == 1
    assert engine.run_hooks() == []
