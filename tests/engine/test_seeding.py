"""Seeding: an old log leaves in a new store what a live engine would have made of it, and no hook hears of it."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle import Engine, PayloadError, Policy, Received, Status, read_log
from account_lifecycle.engine.seeding import Seeding, seed
from account_lifecycle.errors import ConfigurationError, StoreError
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.deadlines import deadline_before
from account_lifecycle.lifecycle.events import DeadlinePassed, Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.records import Refused
from account_lifecycle.simulate.log import Faults, simulate
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.testing import Clock
from builders import T0, announced, at, webhook
from engine.event_logs import MALFORMED, event_logs, outcome, payloads, times

pytest_plugins = ("postgres_server",)

NOW = at(1_000_000)
"""When logs are seeded: long after everything in them."""
MICROSECOND = timedelta(microseconds=1)
BY_ALIAS = Policy(
    redelivery_window=timedelta(minutes=2),
    deadlines={"mail": {Status.OK: timedelta(minutes=7)}, "LINKEDIN": {Status.CONNECTING: timedelta(minutes=1)}},
)
"""Deadlines for a provider that is named by another of its names."""

logs = st.lists(st.builds(Received, payloads, st.none() | times), max_size=30) | event_logs
policies = st.sampled_from([DEFAULT_POLICY, BY_ALIAS])
batch_sizes = st.integers(1, 12)


def opened(url: str = "memory:", policy: Policy = DEFAULT_POLICY) -> Engine:
    return Engine.open(url, policy=policy, clock=Clock(NOW), observers=())


def seeded(engine: Engine, log: Iterable[Received | Event], **how: Any) -> Seeding:
    return seed(engine.store, log, now=NOW, **how)


def log_of(*told: tuple[float, str, str]) -> list[Received]:
    """Minute, account and status of each line."""
    return [Received(webhook(account_id, word), at(minute)) for minute, account_id, word in told]


def simulated(seed_number: int) -> list[Received]:
    """The log of a small fleet in which every fault strikes, unreadable lines among them."""
    lines = simulate(accounts=60, seed=seed_number, start=T0, days=120, faults=Faults.everything(0.03))
    return list(read_log(line.encode() for line in lines))


# ---- What a live engine makes of a log ----------------------------------------------------------------


def live_through(engine: Engine, log: Iterable[Received], until: datetime | None = None) -> None:
    """Feed a log live, and look at the clock right before its end."""
    told: list[datetime] = []
    for payload, received_at, *_ in log:
        try:
            event = parse(payload, received_at or NOW)
        except PayloadError:
            with pytest.raises(PayloadError):
                engine.feed_event(payload, received_at=received_at or NOW)
        else:
            told.append(event.received_at)
            engine.feed_event(payload, received_at=received_at or NOW)
    end = until or max(told, default=None)
    if end is not None:
        engine.check_deadlines(end - MICROSECOND)


def lived(log: Iterable[Received], policy: Policy = DEFAULT_POLICY, until: datetime | None = None) -> Engine:
    """A live engine that has a log behind it."""
    engine = opened(policy=policy)
    live_through(engine, log, until)
    return engine


def everything(engine: Engine) -> dict[str, Any]:
    """All that an engine shows of what it was fed, and what it was judged by."""
    return {**outcome(engine), "evidence": [each._replace(is_quiet=False) for each in engine.store.evidence()]}


def counts(engine: Engine) -> Seeding:
    """What seeding an engine's history is to count."""
    ledger = [type(entry.event) for entry in engine.store.ledger()]
    passed = ledger.count(DeadlinePassed)
    return Seeding(len(ledger) - passed, passed, len(engine.quarantine()), len(engine.accounts()))


# ---- The outcome ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed_number", range(3))
def test_a_log_with_every_fault_leaves_what_a_live_engine_leaves(seed_number: int) -> None:
    log = simulated(seed_number)
    live = lived(log)
    assert min(counts(live)) > 0, "a log without deadlines or unreadable lines shows little"
    with opened() as engine:
        assert seeded(engine, log, batch_size=50) == counts(live)
        assert everything(engine) == everything(live)
        assert engine.verify().faults == ()


def test_a_log_with_every_fault_leaves_the_same_in_postgresql(emptied: Callable[[], str], database: str) -> None:
    log = simulated(0)
    live = lived(log)
    with opened(database) as engine:
        emptied()
        assert seeded(engine, log, batch_size=50) == counts(live)
        assert everything(engine) == everything(live)
        assert engine.verify().faults == ()
        assert engine.store.waiting_effects() == 0


@settings(max_examples=100, deadline=None)
@given(logs, policies, batch_sizes, st.none() | times)
def test_any_log_leaves_what_a_live_engine_leaves(
    log: list[Received], policy: Policy, batch_size: int, until: datetime | None
) -> None:
    live, engine = lived(log, policy, until), opened(policy=policy)
    assert seeded(engine, log, policy=policy, batch_size=batch_size, until=until) == counts(live)
    assert everything(engine) == everything(live)
    assert engine.verify().is_intact
    assert engine.store.waiting_effects() == 0


@settings(max_examples=25, deadline=None)
@given(logs, policies, batch_sizes)
def test_any_log_leaves_the_same_in_a_file(log: list[Received], policy: Policy, batch_size: int) -> None:
    live = lived(log, policy)
    with tempfile.TemporaryDirectory() as folder, opened(f"sqlite:///{folder}/a.db", policy) as engine:
        seeded(engine, log, policy=policy, batch_size=batch_size)
        assert everything(engine) == everything(live)
        assert engine.verify().is_intact


@settings(max_examples=50, deadline=None)
@given(event_logs, policies)
def test_each_history_is_that_of_an_engine_that_looked_at_every_single_moment(
    log: list[Received], policy: Policy
) -> None:
    """Its ledger has the events of all accounts in the order of time; each account's own events are the same."""
    log = sorted(log, key=lambda received: received.received_at or NOW)
    watchful, engine = opened(policy=policy), opened(policy=policy)
    for payload, received_at, *_ in log:
        try:
            event = parse(payload, received_at or NOW)
        except PayloadError:
            continue
        watch(watchful, event.received_at)
        watchful.feed_event(payload, received_at=received_at)
        watch(watchful, event.received_at)  # a provider that was just announced may make a deadline pass
    seeded(engine, log, policy=policy)
    assert [engine.history(a.account_id) for a in engine.accounts()] == [
        watchful.history(a.account_id) for a in watchful.accounts()
    ]
    assert engine.accounts() == watchful.accounts()
    assert engine.blind_windows() == watchful.blind_windows()


def watch(engine: Engine, now: datetime) -> None:
    """Look for deadlines at every moment before now at which there can be any."""
    while due := [
        passed.received_at
        for account in engine.accounts()
        if (passed := deadline_before(account, now, engine.policy)) is not None
    ]:
        engine.check_deadlines(min(due))


def test_a_policy_means_what_it_means_to_an_engine() -> None:
    """A shorter redelivery window makes a repeat stale; a deadline holds for the provider by whichever name."""
    told = (0, "OK"), (3, "OK"), (8, "ERROR")
    log = [Received(webhook("a", word, "ICLOUD"), at(minute)) for minute, word in told]
    live = lived(log, BY_ALIAS)
    with opened(policy=BY_ALIAS) as engine:
        assert seeded(engine, log, policy=BY_ALIAS) == counts(live) == Seeding(3, 1, 0, 1)
        assert everything(engine) == everything(live)
        assert [anomaly.kind for anomaly in engine.audit()] == ["ADOPTED", "MISSED_OUTAGE"], (
            "a live account is never stuck"
        )


def test_nothing_comes_of_an_empty_log() -> None:
    with opened() as engine:
        assert seeded(engine, []) == Seeding(0, 0, 0, 0)
        assert seeded(engine, [], until=NOW) == Seeding()


# ---- Times and deadlines ---------------------------------------------------------------------------------


def stuck_at(engine: Engine) -> list[tuple[str, datetime]]:
    return [(anomaly.account_id, anomaly.at) for anomaly in engine.audit(kind="STUCK")]


def test_a_deadline_that_passed_between_two_events_comes_between_them() -> None:
    with opened() as engine:
        seeded(engine, log_of((0, "a", "CONNECTING"), (31, "a", "OK")))
        assert [entry.announced for entry in engine.history("a")] == ["CONNECTING", "CONNECTING", "OK"]
        assert stuck_at(engine) == [("a", at(30) + MICROSECOND)]


def test_a_deadline_that_is_just_met_has_not_passed() -> None:
    with opened() as engine:
        assert seeded(engine, log_of((0, "a", "CONNECTING"), (30, "a", "OK"))) == Seeding(2, 0, 0, 1)


def test_the_last_deadlines_pass_up_to_the_latest_time_of_the_log_the_earliest_first() -> None:
    log = log_of((3, "c", "CONNECTING"), (2, "b", "CONNECTING"), (2, "a", "CONNECTING"), (40, "x", "OK"))
    engine = opened()
    seeded(engine, [*log, *log_of((35, "y", "OK"), (34, "z", "CONNECTING"))])
    assert stuck_at(engine) == [(account_id, at(minute) + MICROSECOND) for account_id, minute in
                                (("a", 32), ("b", 32), ("c", 33))]  # fmt: skip
    assert engine.check_deadlines(at(40)) == []
    assert [d.after.account_id for d in engine.check_deadlines(at(65))] == ["z"]


@pytest.mark.parametrize(("minute", "stuck"), [(20, []), (30, []), (31, ["a"]), (41, ["a", "b"]), (9_999, ["a", "b"])])
def test_the_end_may_be_told(minute: float, stuck: list[str]) -> None:
    engine = opened()
    until = at(minute).astimezone(timezone(timedelta(hours=5)))
    seeded(engine, log_of((0, "a", "CONNECTING"), (10, "b", "CONNECTING")), until=until)
    assert [account_id for account_id, _ in stuck_at(engine)] == stuck


@pytest.mark.parametrize(("time", "kept_at"), [(at(31), at(31)), (None, NOW)])
def test_an_unreadable_line_lets_no_deadline_pass(time: Any, kept_at: datetime) -> None:
    engine = opened()
    assert seeded(engine, [*log_of((0, "a", "CONNECTING")), Received(b"{oops", time)]) == Seeding(1, 0, 1, 1)
    assert [kept.received_at for kept in engine.quarantine()] == [kept_at]


def test_a_payload_without_a_time_came_now() -> None:
    engine = opened()
    seeded(engine, [*log_of((0, "a", "CONNECTING")), Received(webhook("b", "CONNECTING"))])
    assert [(entry.account_id, entry.received_at) for entry in engine.store.ledger()] == [
        ("a", at(0)), ("b", NOW), ("a", at(30) + MICROSECOND),
        *(("a", T0 + timedelta(days=days) + MICROSECOND) for days in (1, 7, 30)),
    ]  # fmt: skip


def test_now_is_kept_in_utc() -> None:
    store = TemporaryStore()
    seed(store, [Received(b"?"), Received(webhook("a", "OK"))], now=NOW.astimezone(timezone(timedelta(hours=-3))))
    assert [entry.received_at.tzinfo for entry in store.ledger()] == [UTC]
    assert [kept.received_at.tzinfo for kept in store.quarantined()] == [UTC]


def test_every_unreadable_payload_is_in_the_quarantine_in_order_and_stops_nothing() -> None:
    log = [item for n, broken in enumerate(MALFORMED) for item in (Received(broken, at(n)), *log_of((n, "a", "OK")))]
    with opened() as engine:
        assert seeded(engine, log, batch_size=3) == Seeding(len(MALFORMED), 0, len(MALFORMED), 1)
        assert engine.quarantine() == lived(log).quarantine()


# ---- The ledger of another store --------------------------------------------------------------------------


def test_the_ledger_of_another_store_with_the_deadlines_that_it_has() -> None:
    """Whoever looked for deadlines now and then found them late; so they are taken, and no others."""
    origin = opened()
    for number, (payload, received_at, *_) in enumerate(simulated(2)):
        try:
            origin.feed_event(payload, received_at=received_at)
        except PayloadError:
            continue
        if number % 40 == 0:
            origin.check_deadlines(received_at)
    events = [entry.event for entry in origin.store.ledger()]
    with opened() as engine:
        assert seeded(engine, events, deadlines=False) == Seeding(len(events), 0, 0, len(origin.accounts()))
        assert everything(engine) == {**everything(origin), "quarantine": []}
        assert {type(event) for event in events} > {DeadlinePassed}


def test_ready_made_events_get_their_deadlines_unless_they_have_them() -> None:
    events = [announced("a", "CONNECTING", 0, payload=b"first"), announced("a", "OK", 60, payload=b"second")]
    engine = opened()
    assert seeded(engine, events) == Seeding(2, 1, 0, 1)
    assert [entry.payload for entry in engine.history("a")] == [b"first", b"", b"second"]
    assert seeded(opened(), events, deadlines=False, until=NOW) == Seeding(2, 0, 0, 1)


# ---- Hooks ----------------------------------------------------------------------------------------------


def test_a_hook_hears_nothing_of_the_seeded_past_and_everything_of_what_comes_after() -> None:
    heard: list[str] = []
    with opened() as engine:
        seeded(engine, [*log_of((0, "a", "OK"), (1, "a", "ERROR"), (2, "b", "CONNECTING")), *simulated(0)])
        for status in Status:
            engine.on_entered(status)(lambda call: heard.append(f"{call.account_id} {call.subject}"))
        engine.on_anomaly()(lambda call: heard.append(f"{call.account_id} {call.subject}"))
        assert engine.run_hooks() == []
        engine.feed_event(webhook("a", "OK"))
        engine.feed_event(webhook("new", "CONNECTING"))
        engine.run_hooks()
        assert heard == ["a OK", "new CONNECTING"]
        assert engine.store.waiting_effects() == 0


def test_a_hook_that_the_store_knew_before_hears_nothing_of_the_past_either(file_url: str) -> None:
    heard: list[str] = []
    with opened(file_url) as engine:
        engine.on_entered("OK", name="mine")(lambda call: heard.append(call.account_id))
        engine.run_hooks()
        assert len(engine.subscribed_hooks()) == 1
        seeded(engine, log_of((0, "a", "OK")))
        engine.run_hooks()
        assert (heard, engine.deliveries()) == ([], [])
        engine.feed_event(webhook("b", "OK"))
        assert heard == ["b"]


# ---- Batches and progress ---------------------------------------------------------------------------------


def test_progress_is_told_after_each_commit_of_what_is_committed_by_then() -> None:
    log = [Received(b"?", at(0)), *log_of((0, "a", "CONNECTING"), (1, "b", "OK"), (31, "a", "OK"), (32, "b", "ERROR"))]
    with opened() as engine:
        told: list[tuple[Seeding, Seeding]] = []
        seeding = seeded(engine, log, batch_size=2, on_progress=lambda so_far: told.append((so_far, counts(engine))))
    assert [so_far for so_far, _ in told] == [Seeding(1, 0, 1, 1), Seeding(3, 1, 1, 2), Seeding(4, 1, 1, 2)]
    assert all(so_far == there for so_far, there in told)
    assert seeding == told[-1][0]


def test_no_batch_is_much_larger_than_it_was_asked_to_be() -> None:
    store, sizes = TemporaryStore(), list[int]()
    before = 0

    def measure(so_far: Seeding) -> None:
        nonlocal before
        total = so_far.events + so_far.quarantined
        sizes.append(total - before)
        before = total

    seed(store, simulated(0), now=NOW, until=NOW, batch_size=20, on_progress=measure)
    assert max(sizes) == 20, "beside deadlines, which stay with the event that comes after them"
    assert len(sizes) > 5


# ---- Refusals ---------------------------------------------------------------------------------------------


def test_a_store_that_holds_an_event_is_refused_and_left_as_it_is() -> None:
    with opened() as engine:
        for word in ("OK", "ERROR"):
            engine.feed_event(webhook("a", word), received_at=at(0))
        before = everything(engine)
        with pytest.raises(StoreError, match=r"not empty: account 'a' is in it, .* 2 events.* Nothing was seeded.*new"):
            seeded(engine, log_of((0, "b", "OK")))
        assert everything(engine) == before


def test_a_store_that_holds_an_unreadable_payload_is_refused() -> None:
    with opened() as engine:
        engine.store.quarantine([Refused(T0, b"?", 1, "payload", "because")])
        with pytest.raises(StoreError, match="not empty: a payload is in its quarantine, as number 1"):
            seeded(engine, log_of((0, "b", "OK")))
        assert engine.accounts() == []


def test_a_store_whose_events_were_all_archived_is_refused(tmp_path: Path) -> None:
    with opened() as engine:
        seeded(engine, log_of((0, "a", "OK")))
        engine.prune(NOW, tmp_path / "archive.jsonl.gz")
        assert list(engine.store.ledger()) == []
        with pytest.raises(StoreError, match="not empty"):
            seeded(engine, log_of((0, "b", "OK")))


def test_nothing_is_taken_from_a_log_whose_store_is_refused() -> None:
    engine, log = opened(), iter(log_of((0, "b", "OK")))
    engine.feed_event(webhook("a", "OK"))
    with pytest.raises(StoreError):
        seeded(engine, log)
    assert len(list(log)) == 1


def test_what_an_interrupted_seeding_committed_stays_whole_and_is_not_seeded_again() -> None:
    log = simulated(0)

    def breaks_off() -> Iterator[Received]:
        yield from log[:50]
        raise KeyboardInterrupt

    with opened() as engine:
        told: list[Seeding] = []
        with pytest.raises(KeyboardInterrupt):
            seeded(engine, breaks_off(), batch_size=20, on_progress=told.append)
        assert counts(engine) == told[-1]
        assert 0 < told[-1].events < 50
        assert engine.verify().is_intact
        assert engine.store.waiting_effects() == 0
        with pytest.raises(StoreError, match=r"interrupted seeding .* seed a new store from the start"):
            seeded(engine, log)


@pytest.mark.parametrize(
    ("setting", "wrong"), [("batch_size", 0), ("now", datetime(2026, 5, 1)), ("until", datetime(2026, 5, 1))]
)
def test_a_setting_that_cannot_be_meant_is_refused(setting: str, wrong: Any) -> None:
    store = TemporaryStore()
    with pytest.raises(ConfigurationError) as refused:
        seed(store, log_of((0, "a", "OK")), **{"now": NOW, setting: wrong})
    assert refused.value.setting == setting
    assert store.account("a") is None
