"""What waits for the hooks of a process, and a runner that refuses to start with calls that are old news."""

from datetime import timedelta

import pytest

from account_lifecycle import ConfigurationError, Engine
from account_lifecycle.hooks.outcomes import RetryAt
from account_lifecycle.testing import Clock
from hooks.answers import Answering, feed, states

NAME = "connected:*:greet"


def test_of_what_waits_for_a_hook_is_known_what_is_due_what_comes_later_and_what_is_old(
    engine: Engine, clock: Clock
) -> None:
    feed(engine, "OK", account_id="a")
    clock.tick(minutes=1)
    engine.on_connected(Answering(RetryAt(), RetryAt(clock.now + timedelta(days=1))), name="greet", since="beginning")
    (new,) = engine.waiting_calls()
    assert new.is_new
    assert (new.hook, new.due, new.events, new.old_events, new.is_old) == (NAME, 0, 1, 0, False)

    feed(engine, "OK", account_id="b")
    engine.run_hooks()
    (known,) = engine.waiting_calls()
    assert not known.is_new
    assert (known.due, known.old_due, known.later, known.events) == (1, 0, 1, 0)

    clock.tick(hours=2)
    (old,) = engine.waiting_calls()
    assert (old.due, old.old_due, old.later, old.is_old) == (1, 1, 1, True)
    assert old.oldest_due is not None
    assert old.oldest_due < clock.now - timedelta(hours=1)
    assert old.to_dict()["oldest_due"].startswith(f"{old.oldest_due:%Y-%m-%dT%H:%M}")


def test_a_runner_that_is_not_to_catch_up_refuses_what_is_older_than_an_hour(engine: Engine, clock: Clock) -> None:
    hook = Answering(RetryAt(), None)
    engine.on_connected(hook, name="greet")
    feed(engine, "OK")
    clock.tick(minutes=61)
    with pytest.raises(ConfigurationError, match=r"1 due deliveries .* older than 1 h") as refused:
        engine.start_runner(catch_up=False)
    assert f"engine.skip('{NAME}', before=…)" in str(refused.value)
    assert (states(engine), len(hook.heard)) == (["waiting"], 1), "nothing was called"

    assert engine.skip(NAME, before=clock.now - timedelta(minutes=1)) == 1
    with engine.start_runner(catch_up=False) as running:
        assert running.is_running


def test_a_hook_that_is_new_and_wants_the_past_is_old_news_as_well(engine: Engine, clock: Clock) -> None:
    feed(engine, "OK")
    clock.tick(hours=2)
    engine.on_connected(Answering(), name="greet", since="beginning")
    with pytest.raises(ConfigurationError, match="register it without since="):
        engine.start_runner(catch_up=False)
    assert engine.subscribed_hooks() == [], "nothing was made known"


def test_a_runner_makes_old_calls_by_default_since_a_receiver_has_to_start(engine: Engine, clock: Clock) -> None:
    engine.on_connected(Answering(RetryAt(), None), name="greet")
    feed(engine, "OK")
    clock.tick(hours=2)
    assert [each.is_old for each in engine.waiting_calls()] == [True]
    with engine.start_runner() as running:
        assert running.is_running
