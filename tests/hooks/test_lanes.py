"""Lanes, late owners and nested calls: who may call what, and in which order."""

from datetime import timedelta
from pathlib import Path

from structlog.testing import capture_logs

from account_lifecycle import Engine, HookCall
from account_lifecycle.hooks.delivery import ABANDONED, OUTBOX_PAGE, Deliverer
from account_lifecycle.hooks.inline import Runner
from account_lifecycle.hooks.outcomes import RetryAt
from account_lifecycle.testing import Clock
from builders import webhook
from hooks.answers import Answering, feed, states

# ---- Order ---------------------------------------------------------------------------------------------


def test_a_failed_call_holds_back_the_later_ones_of_its_account_and_hook_only(engine: Engine, clock: Clock) -> None:
    hook, other = Answering(ValueError("no"), None), Answering(None)
    engine.on_entered("OK", name="mine")(hook)
    engine.on_entered("OK", name="other")(other)
    feed(engine, "OK", "ERROR", "OK")
    feed(engine, "OK", account_id="b")
    assert hook.heard == [("a", 1), ("b", 1)]
    assert other.heard == [("a", 1), ("a", 3), ("b", 1)]
    engine.run_hooks()
    assert hook.heard == [("a", 1), ("b", 1), ("a", 1), ("a", 3)]


def test_without_an_order_a_failed_call_holds_back_nothing(engine: Engine) -> None:
    hook = Answering(ValueError("no"), None)
    engine.on_entered("OK", ordering="none")(hook)
    feed(engine, "OK", "ERROR", "OK")
    assert hook.heard == [("a", 1), ("a", 3)]
    engine.run_hooks()
    assert hook.heard == [("a", 1), ("a", 3), ("a", 1)]


def test_a_feed_runs_what_older_events_of_its_account_have_left_first(engine: Engine, clock: Clock) -> None:
    hook = Answering(None)
    engine.on_entered("OK")(hook)
    feed_without_running(engine, clock)
    feed(engine, "ERROR", "OK")
    assert hook.heard == [("a", 1), ("a", 3)]


def test_why_a_delivery_failed_is_kept_when_others_claim_and_release_it(engine: Engine) -> None:
    engine.on_entered("OK")(Answering(ValueError("no paper left"), None))
    feed(engine, "OK", "ERROR", "OK", "ERROR")
    assert [(record.error, record.attempts) for record in engine.deliveries()] == [
        ("ValueError: no paper left", 1),
        (None, 0),
    ]


# ---- A hook that feeds and runs hooks ------------------------------------------------------------------


def test_a_hook_that_feeds_its_own_lane_is_called_for_that_afterwards(engine: Engine) -> None:
    heard: list[tuple[str, int]] = []

    @engine.on_anomaly()
    def follow(call: HookCall) -> None:
        heard.append(("begin", call.sequence))
        if call.sequence < 4:
            engine.feed_event(webhook("a", f"ODD-{call.sequence}"))
            engine.run_hooks()
        heard.append(("end", call.sequence))

    engine.feed_event(webhook("a", "ODD"))
    assert heard == [(word, sequence) for sequence in (1, 2, 3, 4) for word in ("begin", "end")]
    assert engine.run_hooks() == []


def test_a_hook_that_feeds_another_account_has_its_hooks_run_at_once(engine: Engine) -> None:
    heard: list[tuple[str, str]] = []

    @engine.on_connected
    def follow(call: HookCall) -> None:
        heard.append(("begin", call.account_id))
        if call.account_id == "a":
            engine.feed_event(webhook("b", "OK"))
        heard.append(("end", call.account_id))

    engine.feed_event(webhook("a", "OK"))
    assert heard == [("begin", "a"), ("begin", "b"), ("end", "b"), ("end", "a")]


# ---- Leases that ran out -------------------------------------------------------------------------------


def test_a_completion_after_the_lease_was_lost_is_refused(engine: Engine, clock: Clock) -> None:
    heard: list[HookCall] = []

    def hook(call: HookCall) -> None:
        heard.append(call)
        if len(heard) == 1:  # as if this process had been asleep
            clock.tick(seconds=61)
            assert [outcome.done for outcome in other.run_due()] == [True]

    engine.feed_event(webhook("a", "OK"))
    engine.on_connected(hook, since="beginning")
    other = Runner(engine.store, engine, clock)
    (outcome,) = engine.run_hooks()
    assert (outcome.done, outcome.state, outcome.due_at) == (False, "running", None)
    assert outcome.error == "stale: its lease ran out"
    assert [(call.attempt, call.key) for call in heard] == [(1, "a/1/connected/adopted"), (2, "a/1/connected/adopted")]
    assert heard[0].token < heard[1].token
    assert [(record.state, record.attempts) for record in engine.deliveries()] == [("done", 2)]


def test_the_reaper_counts_a_lost_lease_as_a_failed_attempt(engine: Engine, clock: Clock) -> None:
    engine.on_connected(print, attempts=3, name="mine")
    feed_without_running(engine, clock)
    for attempt, event in enumerate(["it is due again", "it is due again", "it was dead-lettered"], 1):
        abandon(engine, clock)
        with capture_logs() as logs:
            reap(engine, clock)
        (record,) = engine.deliveries()
        assert (record.attempts, record.error) == (attempt, ABANDONED)
        (line,) = logs
        assert (line["event"], line["error"]) == (f"hook failed; {event}", ABANDONED)
        assert ("due_at" in line) == (record.state == "waiting")
    assert states(engine) == ["dead"]


def test_anybody_may_reap_also_who_does_not_have_the_hook(engine: Engine, clock: Clock) -> None:
    engine.on_connected(print, attempts=1, name="mine")
    feed_without_running(engine, clock)
    abandon(engine, clock)
    with_hooks, engine.subscriptions = engine.subscriptions, []
    reap(engine, clock)
    assert with_hooks
    assert states(engine) == ["dead"]


def test_the_reaper_halts_a_lane_whose_hook_wants_that(engine: Engine, clock: Clock) -> None:
    engine.on_connected(print, attempts=1, on_dead="halt", name="mine")
    feed_without_running(engine, clock)
    abandon(engine, clock)
    reap(engine, clock)
    assert states(engine) == ["halted"]


def test_who_dies_in_a_pause_that_was_not_counted_has_lost_nothing(engine: Engine, clock: Clock) -> None:
    hook = Answering(RetryAt(counts=False), None)
    engine.on_connected(hook, attempts=1)
    feed(engine, "OK")
    clock.tick(hours=1)
    assert [outcome.done for outcome in engine.run_hooks()] == [True]


def feed_without_running(engine: Engine, clock: Clock) -> None:
    """Feed as a process without hooks does."""
    engine.store.subscribe([subscription.terms for subscription in engine.subscriptions], clock.now)
    with_hooks, engine.subscriptions = engine.subscriptions, []
    engine.feed_event(webhook("a", "OK"))
    engine.subscriptions = with_hooks


def abandon(engine: Engine, clock: Clock) -> None:
    """Claim, and die of it: nobody completes."""
    clock.tick(hours=7)
    names = [subscription.name for subscription in engine.subscriptions]
    assert len(engine.store.claim(names, clock.now, clock.now + timedelta(seconds=60), 1)) == 1


def reap(engine: Engine, clock: Clock) -> None:
    """The lease runs out, and somebody looks."""
    clock.tick(seconds=60)
    Deliverer(engine.store, engine, clock).reap()


def test_one_look_reaps_every_lease_that_has_run_out_and_not_just_a_page_of_them(tmp_path: Path, clock: Clock) -> None:
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=(), clock=clock) as engine:
        engine.on_connected(lambda call: None, name="mine", ordering="none")
        many = 2 * OUTBOX_PAGE + 1
        engine.store.subscribe([subscription.terms for subscription in engine.subscriptions], clock.now)
        with_hooks, engine.subscriptions = engine.subscriptions, []
        list(engine.feed_events([webhook(f"a{number}", "OK") for number in range(many)]))
        engine.subscriptions = with_hooks
        names = [subscription.name for subscription in engine.subscriptions]
        assert len(engine.store.claim(names, clock.now, clock.now + timedelta(seconds=60), many)) == many
        clock.tick(seconds=61)
        assert Deliverer(engine.store, engine, clock).reap() == many


def test_hooks_that_are_run_while_others_feed_come_to_an_end(tmp_path: Path) -> None:
    """Each call makes one more effect, by an engine without hooks: it is due when the next run begins."""
    called, file_url = list[str](), f"sqlite:///{tmp_path}/accounts.db"
    with Engine.open(file_url, observers=()) as engine, Engine.open(file_url, observers=()) as feeder:

        @engine.on_anomaly(name="mine")
        def hook(call: HookCall) -> None:
            called.append(call.account_id)
            if len(called) < 500:
                feeder.feed_event(webhook(f"next-{len(called)}", "ODD"))

        engine.run_hooks()
        feeder.feed_event(webhook("first", "ODD"))
        assert [len(engine.run_hooks()) for _ in range(5)] == [1] * 5
    assert called == ["first", *(f"next-{number}" for number in range(1, 5))]
