"""A worker: threads that run hooks, poll, survive trouble and stop on demand."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from threading import Barrier, Event, Lock, Thread, current_thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from account_lifecycle import Engine, HookCall
from account_lifecycle.engine.core import utc_now
from account_lifecycle.errors import StoreBusy, StoreError
from account_lifecycle.hooks.outcomes import RetryAt
from account_lifecycle.hooks.registry import HookRegistry
from account_lifecycle.hooks.worker import THREADS, Worker
from account_lifecycle.records import Completion, Delivery
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.testing import Clock
from builders import webhook
from hooks.answers import Answering, feed, states
from hooks.waiting import PATIENCE_S, eventually

NEVER_S = 3_600.0
SOON_S = 0.02


def is_all_done(engine: Engine, count: int) -> bool:
    return states(engine) == ["done"] * count


# ---- Running -------------------------------------------------------------------------------------------


def test_a_worker_runs_what_waits_and_what_comes(live: Engine) -> None:
    feed(live, "OK")
    hook = Answering(None)
    live.on_connected(hook, since="beginning")
    with live.start_runner(poll_s=SOON_S):
        eventually(lambda: is_all_done(live, 1))
        feed(live, "OK", account_id="b")
        eventually(lambda: is_all_done(live, 2))
    assert hook.heard == [("a", 1), ("b", 1)]


def test_feeding_does_not_wait_for_hooks_while_a_worker_runs(live: Engine) -> None:
    gate, threads = Event(), []

    @live.on_connected
    def hook(call: HookCall) -> None:
        threads.append(current_thread().name)
        assert gate.wait(PATIENCE_S)

    with live.start_runner(poll_s=SOON_S):
        feed(live, "OK")
        gate.set()
        eventually(lambda: is_all_done(live, 1))
    assert threads[0].startswith(THREADS)
    feed(live, "OK", account_id="b")
    assert threads[1:] == [current_thread().name]


def test_a_nudge_after_a_feed_makes_it_look_at_once(live: Engine) -> None:
    live.on_connected(Answering(None))
    with live.start_runner(poll_s=NEVER_S):
        feed(live, "OK")
        eventually(lambda: is_all_done(live, 1))


def test_what_nobody_nudges_for_is_found_by_polling(live: Engine) -> None:
    live.on_connected(Answering(None))
    with live.start_runner(poll_s=SOON_S), silent_feeder(live) as feeder:
        feed(feeder, "OK")
        eventually(lambda: is_all_done(live, 1))


def silent_feeder(live: Engine) -> Engine:
    """Another engine on the same store, whose feeds nudge nobody; it leaves the store open."""

    class Feeder(Engine):
        def close(self) -> None: ...

    return Feeder(live.store, observers=())


def test_a_failed_call_is_tried_again_when_it_is_due(live: Engine) -> None:
    hook = Answering(ValueError("no"), None)
    live.on_connected(hook, since="beginning")
    with live.start_runner(poll_s=SOON_S) as running:
        feed(live, "OK")
        eventually(lambda: is_all_done(live, 1))
    assert [call.attempt for call in hook.calls] == [1, 2]
    assert running.counts == {"waiting": 1, "done": 1}


def test_what_is_due_is_due_by_the_clock_that_the_engine_was_given(engine: Engine, clock: Clock) -> None:
    hook = Answering(RetryAt(clock.now + timedelta(days=1)), None)
    engine.on_connected(hook)
    with engine.start_runner(poll_s=SOON_S):
        feed(engine, "OK")
        eventually(lambda: hook.calls and states(engine) == ["waiting"])
        clock.tick(days=1)
        eventually(lambda: is_all_done(engine, 1))


def test_lanes_run_in_parallel(live: Engine) -> None:
    meeting = Barrier(4)

    @live.on_connected
    def hook(call: HookCall) -> None:
        meeting.wait(PATIENCE_S)

    with live.start_runner(threads=4, poll_s=SOON_S):
        for account_id in "abcd":
            feed(live, "OK", account_id=account_id)
        eventually(lambda: is_all_done(live, 4))


@pytest.mark.parametrize("workers", [1, 3])
def test_no_two_calls_of_a_lane_run_at_once_or_out_of_order(live: Engine, workers: int) -> None:
    heard: dict[str, list[int]] = defaultdict(list)
    running: set[str] = set()
    overlaps: list[str] = []
    guard = Lock()

    @live.on_anomaly(name="odd")
    def hook(call: HookCall) -> None:
        with guard:
            overlaps.extend({call.account_id} & running)
            running.add(call.account_id)
            heard[call.account_id].append(call.sequence)
        with guard:
            running.discard(call.account_id)

    started = [Worker(live.store, live, utc_now, threads=3, poll_s=SOON_S) for _ in range(workers)]
    live.start_runner(threads=2, poll_s=SOON_S)
    for number in range(20):
        for account_id in "abcde":
            feed(live, f"ODD-{number}", account_id=account_id)
    eventually(lambda: sum(map(len, heard.values())) >= 100)
    eventually(lambda: set(states(live)) == {"done"})
    for each in started:
        each.stop()
    assert overlaps == []
    assert heard == {account_id: list(range(1, 21)) for account_id in "abcde"}


def test_a_hook_that_is_registered_later_is_run_as_well(live: Engine) -> None:
    hook = Answering(None)
    with live.start_runner(poll_s=SOON_S):
        live.on_connected(hook)
        eventually(live.subscribed_hooks)
        feed(live, "OK")
        eventually(lambda: is_all_done(live, 1))


def test_a_hook_in_a_worker_may_feed_and_run_hooks(live: Engine) -> None:
    heard: list[int] = []

    @live.on_anomaly()
    def follow(call: HookCall) -> None:
        heard.append(call.sequence)
        if call.sequence < 5:
            live.feed_event(webhook("a", f"ODD-{call.sequence}"))
            live.run_hooks()

    with live.start_runner(poll_s=SOON_S):
        feed(live, "ODD")
        eventually(lambda: is_all_done(live, 5))
    assert heard == [1, 2, 3, 4, 5]


def test_a_hook_that_exits_costs_an_attempt_and_not_the_worker(live: Engine) -> None:
    live.on_connected(Answering(SystemExit(1), KeyboardInterrupt()), attempts=2, name="poison")
    live.on_connected(Answering(None), name="fine")
    with live.start_runner(threads=1, poll_s=SOON_S) as running:
        feed(live, "OK")
        eventually(lambda: sorted(states(live)) == ["dead", "done"])
        feed(live, "OK", account_id="b")
        eventually(lambda: states(live).count("done") == 2)
        assert running.is_running


def test_a_worker_reaps_what_others_have_left(live: Engine) -> None:
    live.on_connected(Answering(None), name="mine")
    live.store.subscribe([subscription.terms for subscription in live.subscriptions], utc_now())
    with silent_feeder(live) as feeder:
        feed(feeder, "OK")
    assert live.store.claim(["connected:*:mine"], utc_now(), utc_now() + timedelta(seconds=0.2), 1)
    with live.start_runner(poll_s=SOON_S):
        eventually(lambda: is_all_done(live, 1))
    assert [record.attempts for record in live.deliveries()] == [2]


@pytest.mark.parametrize("options", [{"threads": 0}, {"poll_s": 0}, {"poll_s": -1}, {"poll_s": float("nan")}])
def test_a_worker_that_could_do_nothing_is_refused(live: Engine, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        live.start_runner(**options)


# ---- The clock -----------------------------------------------------------------------------------------


class Ticks:
    """What looks at deadlines; it raises the errors that it is given, one each time."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def store() -> Iterator[TemporaryStore]:
    with closing(TemporaryStore()) as store:
        yield store


def test_a_worker_looks_at_deadlines_at_once_and_then_every_minute_of_its_clock(store: TemporaryStore) -> None:
    clock, ticks = Clock(), Ticks()
    with Worker(store, HookRegistry(), clock, poll_s=SOON_S, tick=ticks):
        for count in (1, 2, 3):
            eventually(lambda count=count: ticks.count == count)
            clock.tick(seconds=59)
            time.sleep(3 * SOON_S)
            assert ticks.count == count
            clock.tick(seconds=1)


def test_a_worker_that_polls_rarely_looks_at_deadlines_all_the_same(store: TemporaryStore) -> None:
    ticks = Ticks()
    with Worker(store, HookRegistry(), utc_now, poll_s=NEVER_S, tick=ticks, every=timedelta(seconds=SOON_S)):
        eventually(lambda: ticks.count >= 3)


def test_a_clock_that_is_set_back_stops_no_look(store: TemporaryStore) -> None:
    clock, ticks = Clock(), Ticks()
    with Worker(store, HookRegistry(), clock, poll_s=SOON_S, tick=ticks):
        eventually(lambda: ticks.count == 1)
        clock.tick(days=-1)
        eventually(lambda: ticks.count == 2)


@pytest.mark.parametrize("error", [StoreBusy("too many writers"), ZeroDivisionError("a fault in it")])
def test_a_look_that_fails_is_logged_and_the_next_comes_in_its_turn(store: TemporaryStore, error: Exception) -> None:
    clock, ticks = Clock(), Ticks(error)
    with capture_logs() as logs, Worker(store, HookRegistry(), clock, poll_s=SOON_S, tick=ticks) as running:
        eventually(lambda: ticks.count == 1)
        clock.tick(minutes=1)
        eventually(lambda: ticks.count == 2)
        assert running.is_running
    (line,) = logs
    assert (line["event"], line["error"]) == ("deadlines could not be looked at", str(error))


def test_stopping_waits_for_a_look_that_has_begun(store: TemporaryStore) -> None:
    begun, gate = Event(), Event()

    def look() -> None:
        begun.set()
        assert gate.wait(PATIENCE_S)

    running = Worker(store, HookRegistry(), utc_now, tick=look)
    assert begun.wait(PATIENCE_S)
    assert running.stop(timeout_s=0.01) is False
    gate.set()
    assert running.stop() is True


def test_no_time_between_looks_is_refused(store: TemporaryStore) -> None:
    with pytest.raises(ValueError, match="every: found 0:00:00; expected a length longer than nothing"):
        Worker(store, HookRegistry(), utc_now, every=timedelta(0))


def test_a_runner_finds_what_is_stuck_dated_when_it_passed_and_calls_hooks_for_it(engine: Engine, clock: Clock) -> None:
    hook = Answering(None)
    engine.on_anomaly("STUCK", hook)
    feed(engine, "CONNECTING")
    start = clock.now
    with engine.start_runner(poll_s=SOON_S):
        clock.tick(days=1)
        eventually(lambda: states(engine) == ["done"])
    (call,) = hook.calls
    assert call.occurred_at == start + timedelta(minutes=30, microseconds=1)


def test_hooks_for_deadlines_that_passed_before_it_started_run_in_its_threads_from_the_first_look_on(
    engine: Engine, clock: Clock
) -> None:
    threads: list[str] = []
    feed(engine, "CONNECTING")
    engine.on_anomaly("STUCK", lambda call: threads.append(current_thread().name))
    clock.tick(days=1)
    tick = engine.check_deadlines
    is_looked = Event()
    with Worker(engine.store, engine, clock, poll_s=NEVER_S, tick=lambda: (tick(), is_looked.set())[0]):
        assert is_looked.wait(PATIENCE_S)
        eventually(lambda: states(engine) == ["done"])
    assert ["clock" in name for name in threads] == [False]


# ---- Stopping ------------------------------------------------------------------------------------------


def test_stopping_lets_running_calls_finish(live: Engine) -> None:
    begun, gate = Event(), Event()

    @live.on_connected
    def hook(call: HookCall) -> None:
        begun.set()
        assert gate.wait(PATIENCE_S)

    running = live.start_runner(poll_s=SOON_S)
    feed(live, "OK")
    assert begun.wait(PATIENCE_S)
    assert running.stop(timeout_s=0.01) is False
    assert not running.is_running
    assert states(live) == ["running"]
    gate.set()
    assert running.stop() is True
    assert is_all_done(live, 1)
    assert running.counts == {"done": 1}


def test_what_was_claimed_and_not_begun_is_given_back(live: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = Answering(None)
    live.on_connected(hook, attempts=1)
    claimed, stopped = Event(), Event()
    claim = live.store.claim

    def slow_claim(*args: Any) -> list[Delivery]:
        found = claim(*args)
        if found:
            claimed.set()
            assert stopped.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(live.store, "claim", slow_claim)
    running = live.start_runner(poll_s=SOON_S)
    feed(live, "OK")
    assert claimed.wait(PATIENCE_S)
    assert running.stop(timeout_s=0) is False
    stopped.set()
    assert running.stop() is True
    assert [(record.state, record.attempts) for record in live.deliveries()] == [("waiting", 0)]
    assert hook.calls == []


def test_stopping_twice_and_from_within_a_hook_is_harmless(live: Engine) -> None:
    @live.on_connected
    def hook(call: HookCall) -> None:
        live.stop_runner()

    running = live.start_runner(poll_s=SOON_S)
    feed(live, "OK")
    eventually(lambda: is_all_done(live, 1))
    assert running.stop()
    assert running.stop()
    assert not running.is_running


def test_closing_the_engine_stops_its_worker() -> None:
    engine = Engine.open("memory:", observers=())
    running = engine.start_runner()
    engine.close()
    assert not running.is_running


# ---- Trouble -------------------------------------------------------------------------------------------


class Moody(TemporaryStore):
    """A store that cannot be used for a while, as one is that others write to without end."""

    def __init__(self, error: StoreError) -> None:
        super().__init__()
        self.error = error
        self.refusals: dict[str, int] = {}

    def _mind(self, what: str) -> None:
        if self.refusals.get(what, 0):
            self.refusals[what] -= 1
            raise self.error

    def plan(self, now: datetime, limit: int) -> int:
        self._mind("plan")
        return super().plan(now, limit)

    def claim(self, *args: Any) -> list[Delivery]:
        self._mind("claim")
        return super().claim(*args)

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        self._mind("expired")
        return super().expired(now, limit)

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        self._mind("complete")
        return super().complete(completions)

    def accounts_by_id(self, account_ids: Any) -> Any:
        self._mind("accounts_by_id")
        return super().accounts_by_id(account_ids)


@pytest.fixture(params=[StoreBusy("others are writing"), StoreError("the disk is gone")], ids=["busy", "failed"])
def moody(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(Moody(request.param), observers=()) as engine:
        yield engine


@pytest.mark.parametrize("what", ["plan", "claim", "expired", "complete", "accounts_by_id"])
def test_a_store_that_cannot_be_used_for_a_while_costs_time_and_nothing_else(moody: Engine, what: str) -> None:
    hook = Answering(None)
    moody.on_connected(hook, attempts=1)
    store = moody.store
    assert isinstance(store, Moody)
    with moody.start_runner(poll_s=SOON_S):
        store.refusals = {what: 3}
        feed(moody, "OK")
        eventually(lambda: is_all_done(moody, 1))
        eventually(lambda: not store.refusals[what])
    assert len(hook.calls) == 1


def test_a_worker_on_a_store_that_stays_unusable_can_still_be_stopped(moody: Engine) -> None:
    begun = Event()
    moody.on_connected(lambda call: begun.set())
    store = moody.store
    assert isinstance(store, Moody)
    running = moody.start_runner(poll_s=SOON_S)
    store.refusals = {"complete": 10**9}
    feed(moody, "OK")
    assert begun.wait(PATIENCE_S)
    stopping = Thread(target=running.stop)
    stopping.start()
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()
    assert states(moody) == ["running"]  # its lease will run out
