"""Any life of a store, through the engine: whatever is done in whatever order, it agrees with a plain dict.

Webhooks one by one, in batches, again, late and unreadable; hooks that fail and are given up, redrives, clocks that
jump, deadlines, workers that die with a delivery in hand, and stores that are left without a word and opened again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from account_lifecycle import Engine, HookCall, PayloadError, Received
from account_lifecycle.engine.deadlines import passed_deadlines
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.records import DeliveryFilter, DeliveryState
from account_lifecycle.testing import Clock
from builders import notification, webhook
from engine.event_logs import IDS, MALFORMED, TYPES, WORDS

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytest_plugins = ("postgres_server",)

ATTEMPTS = 3
LONG_ENOUGH = timedelta(days=30)
"""Every lease has run out by then, and everything is due."""
ROUNDS = 100

account_ids = st.sampled_from(IDS)
readable = st.one_of(
    st.builds(webhook, account_ids, st.sampled_from(WORDS), st.sampled_from(TYPES)),
    st.builds(webhook, account_ids, st.just("SYNC_SUCCESS"), product=st.sampled_from(["classic", "Recruiter"])),
    st.builds(notification, account_ids, st.sampled_from(WORDS), st.sampled_from(["user-1", "user-2"])),
)
unreadable = st.sampled_from(MALFORMED)
lengths = st.integers(-7200, 100_000).map(lambda seconds: timedelta(seconds=seconds))


class Model:
    """What the store should hold, as plainly as can be."""

    def __init__(self) -> None:
        self.decisions: dict[str, list[Decision]] = {}
        self.quarantine: list[bytes] = []
        self.called: Counter[str] = Counter()

    def account(self, account_id: str) -> Account | None:
        decisions = self.decisions.get(account_id)
        return decisions[-1].after if decisions else None

    def feed(self, event: Event) -> list[Decision]:
        """All that is decided because of an event, its own decision last."""
        decided = judge(self.account(event.account_id) or Account(event.account_id), event)
        self.decisions.setdefault(event.account_id, []).extend(decided)
        return decided

    def take(self, received: Received) -> Decision | None:
        """What becomes of a payload; None if it cannot be read."""
        assert received.received_at is not None
        try:
            return self.feed(parse(received.payload, received.received_at))[-1]
        except PayloadError as error:
            self.quarantine.append(error.payload)
            return None

    def due(self, now: datetime) -> Iterator[Account]:
        return (decisions[-1].after for decisions in self.decisions.values() if decisions)

    def effects(self) -> set[str]:
        """The keys of the effects of everything that was fed."""
        return {
            effect.key(account_id, decision.sequence)
            for account_id, decisions in self.decisions.items()
            for decision in decisions
            for effect in decision.effects
        }


class AnyLife(RuleBasedStateMachine):
    """A life on one store: a subclass says on which, and whether that outlives its engine."""

    new_url: Callable[[ExitStack], str]
    outlives = True

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.url = type(self).new_url(self.stack)
        self.clock = Clock()
        self.model = Model()
        self.failures = 0  # so many of the next calls of a hook fail
        self.engine = self.opened()

    def opened(self) -> Engine:
        engine = self.stack.enter_context(Engine.open(self.url, clock=self.clock, observers=()))
        for kind in EffectKind:
            engine.subscribe(kind, None, self.hook, "life", attempts=ATTEMPTS)
        return engine

    def hook(self, call: HookCall) -> None:
        assert call.key in self.model.effects(), "a hook is called for what was never fed"
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("not now")
        self.model.called[call.key] += 1

    # ---- Feeding

    @rule(payload=readable)
    def feed(self, payload: Any) -> None:
        self.feed_one(Received(payload, self.clock.now))

    @rule(payload=readable, ago=lengths)
    def feed_as_of_another_time(self, payload: Any, ago: timedelta) -> None:
        self.feed_one(Received(payload, self.clock.now - ago))

    @precondition(lambda self: self.model.decisions)
    @rule(data=st.data())
    def feed_the_last_one_again(self, data: st.DataObject) -> None:
        decisions = self.model.decisions[data.draw(st.sampled_from(sorted(self.model.decisions)))]
        payload = getattr(decisions[-1].event, "payload", b"")
        if payload:
            self.feed_one(Received(payload, self.clock.now))

    @rule(payloads=st.lists(st.one_of(readable, unreadable), max_size=8), batch_size=st.integers(1, 5))
    def feed_a_batch(self, payloads: list[Any], batch_size: int) -> None:
        received = [Received(payload, self.clock.now + timedelta(seconds=n)) for n, payload in enumerate(payloads)]
        expected = [decision for one in received if (decision := self.model.take(one)) is not None]
        decisions = self.engine.feed_events(received, batch_size=batch_size, on_unreadable=lambda error: None)
        assert list(decisions) == expected

    @rule(payload=unreadable)
    def feed_what_cannot_be_read(self, payload: Any) -> None:
        self.feed_one(Received(payload, self.clock.now))

    @rule()
    def look_for_passed_deadlines(self) -> None:
        due = list(passed_deadlines(self.model, DEFAULT_POLICY, self.clock.now))  # type: ignore[arg-type]
        expected = [decision for event in due for decision in self.model.feed(event)]
        assert sorted(self.engine.check_deadlines(), key=place_of) == sorted(expected, key=place_of)

    def feed_one(self, received: Received) -> None:
        expected = self.model.take(received)
        try:
            assert self.engine.feed_event(received.payload, received_at=received.received_at) == expected
        except PayloadError:
            assert expected is None

    # ---- Hooks

    @rule(failures=st.integers(0, 4))
    def run_hooks(self, failures: int) -> None:
        self.failures = failures
        self.engine.run_hooks()
        self.failures = 0

    @rule(failures=st.integers(1, 4))
    def let_the_next_hooks_fail(self, failures: int) -> None:
        self.failures = failures

    @rule(limit=st.integers(1, 4), is_called=st.booleans())
    def a_worker_dies_with_deliveries_in_hand(self, limit: int, is_called: bool) -> None:
        store, now = self.engine.store, self.clock.now
        store.plan(now, 100)
        names = [hook.name for hook in store.subscribed()]
        claimed = store.claim(names, now, now + timedelta(minutes=1), limit)
        self.model.called.update(delivery.row.key for delivery in claimed if is_called)

    @rule()
    def redrive(self) -> None:
        dead = sum(record.state is DeliveryState.DEAD for record in self.engine.deliveries())
        assert len(self.engine.redrive()) <= dead

    # ---- Time and crashes

    @rule(length=lengths)
    def the_clock_jumps(self, length: timedelta) -> None:
        self.clock.now += length

    @precondition(lambda self: self.outlives)
    @rule()
    def left_without_a_word_and_opened_again(self) -> None:
        self.engine = self.opened()

    # ---- What always holds

    @invariant()
    def every_account_and_its_history_are_as_in_the_model(self) -> None:
        for account_id in IDS:
            assert self.engine.account(account_id) == self.model.account(account_id)
            kept = [entry[:6] for entry in self.engine.history(account_id)]
            assert kept == [
                (d.event, d.sequence, d.verdict, d.before.situation, d.after.situation, d.anomalies)
                for d in self.model.decisions.get(account_id, [])
            ]
        assert [quarantined.payload for quarantined in self.engine.quarantine()] == self.model.quarantine

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        with self.stack:
            self.run_everything()
            assert set(self.model.called) == self.model.effects()
            verification = self.engine.verify()
            assert verification.is_intact, verification.first

    def run_everything(self) -> None:
        """Until every effect was done, also those that had been given up."""
        self.failures = 0
        for _ in range(ROUNDS):
            self.clock.now += LONG_ENOUGH
            self.engine.run_hooks()
            if not self.engine.redrive() and not self.unfinished():
                return
        raise AssertionError(f"still on its way: {self.unfinished()}")

    def unfinished(self) -> list[DeliveryState]:
        over = (DeliveryState.DONE, DeliveryState.DEAD)
        return [r.state for r in self.engine.store.deliveries(DeliveryFilter()) if r.state not in over]


def place_of(decision: Decision) -> tuple[str, int]:
    return decision.after.account_id, decision.sequence


def live(url: Callable[[ExitStack], str], *, examples: int, outlives: bool = True) -> None:
    """Try so many lives."""
    life = type("Life", (AnyLife,), {"new_url": staticmethod(url), "outlives": outlives})
    lightly = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(life, settings=lightly)


def test_any_life_in_memory_agrees_with_a_plain_dict() -> None:
    live(lambda stack: "memory:", examples=40, outlives=False)


def test_any_life_in_a_file_agrees_with_a_plain_dict(tmp_path: Path) -> None:
    numbers = count()
    live(lambda stack: f"sqlite:///{tmp_path}/{next(numbers)}.db", examples=15)


def test_any_life_in_postgres_agrees_with_a_plain_dict(postgres_server: "PostgresServer") -> None:
    live(lambda stack: stack.enter_context(postgres_server.database()), examples=6)
