"""Deadlines: what the clock finds is told once, at its moment, on record like any event, whoever looks and whenever."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from account_lifecycle import Decision, EffectKind, Engine, Health, Policy, Status, Verdict
from account_lifecycle.engine.core import BATCH_SIZE
from account_lifecycle.engine.deadlines import passed_deadlines
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.deadlines import deadline_before
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.events import DeadlineKind, DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.stores.protocol import Feed
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.testing import Clock
from builders import T0, announced, as_it_is, at, webhook

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
DEADLINES = {
    Status.CONNECTING: timedelta(minutes=30),
    Status.CREATION_SUCCESS: timedelta(hours=2),
    Status.SYNC_SUCCESS: timedelta(hours=1),
    Status.RECONNECTED: timedelta(hours=1),
}
WITHOUT_REMINDERS = Policy(reminders=(), expiry_notice=timedelta(0))


def told(decisions: list[Decision]) -> list[tuple[str, str, datetime]]:
    """Whose deadlines these were, of which kind, and when each passed."""
    assert all(isinstance(decision.event, DeadlinePassed) for decision in decisions)
    return sorted(
        (d.after.account_id, d.event.kind.value, d.event.received_at)
        for d in decisions
        if isinstance(d.event, DeadlinePassed)
    )


@pytest.mark.parametrize(("status", "allowed"), DEADLINES.items())
def test_a_transient_status_is_stuck_once_its_deadline_has_passed(
    engine: Engine, status: Status, allowed: timedelta
) -> None:
    engine.feed_event(webhook("a", status), received_at=T0)
    assert engine.check_deadlines(T0 + allowed) == []
    (decision,) = engine.check_deadlines(T0 + allowed + MICROSECOND)
    assert [anomaly.kind for anomaly in decision.anomalies] == ["STUCK"]


def test_every_other_status_may_last_for_ever() -> None:
    with Engine.open("memory:", policy=WITHOUT_REMINDERS, observers=()) as engine:
        for status in set(ANNOUNCEMENTS) - set(DEADLINES):
            engine.feed_event(webhook(f"in {status}", status, "X"), received_at=T0)
        engine.feed_event(webhook("unseen", "SNAFU"), received_at=T0)
        assert engine.check_deadlines(T0 + timedelta(days=36_500)) == []


def test_a_stay_is_told_once_and_the_next_stay_again(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    assert len(engine.check_deadlines(at(31))) == 1
    assert engine.check_deadlines(at(32)) == []
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(33))  # a repeat is no new stay
    assert engine.check_deadlines(at(100)) == []
    engine.feed_event(webhook("a", "OK"), received_at=at(101))
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(102))
    assert engine.check_deadlines(at(132)) == []
    assert len(engine.check_deadlines(at(133))) == 1
    moments = [at(30) + MICROSECOND, at(132) + MICROSECOND]
    assert [anomaly.at for anomaly in engine.audit(kind="STUCK")] == moments, "and not when somebody looked"


def test_a_passed_deadline_is_on_record_and_shows_in_the_health(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    (decision,) = engine.check_deadlines(at(45))
    assert decision.verdict is Verdict.HELD
    assert decision.after == engine.account("a")
    assert (decision.after.stuck, decision.after.health) == (True, Health.INTERRUPTED)
    entry = engine.history("a")[-1]
    moment = at(30) + MICROSECOND
    assert entry.event == DeadlinePassed("a", Status.CONNECTING, moment, at(0), timedelta(minutes=30))
    assert (entry.sequence, entry.verdict, entry.payload) == (2, Verdict.HELD, b"")
    assert engine.verify().is_proved


def test_a_deadline_that_passed_before_an_event_is_judged_before_it_and_the_events_own_decision_is_returned() -> None:
    seen: list[Decision] = []
    with Engine.open("memory:", observers=[seen.append]) as engine:
        calls: list[str] = []
        engine.on_interrupted(lambda call: calls.append(call.key), name="paused")
        engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
        decision = engine.feed_event(webhook("a", "OK"), received_at=at(45))
        assert (decision.event.status, decision.sequence) == ("OK", 3)
        assert [each.sequence for each in seen] == [1, 2, 3], "observers are told of both"
        assert [each.event.received_at for each in seen] == [at(0), at(30) + MICROSECOND, at(45)]
        assert calls == ["a/2/interrupted/"], "and so are hooks"
        many = list(engine.feed_events([webhook("b", "CONNECTING"), webhook("b", "OK")]))
        assert [each.event.status for each in many] == ["CONNECTING", "OK"]


def test_who_is_down_is_reminded_of_and_whose_session_ends_is_noticed_each_once(engine: Engine) -> None:
    for word, minute in (("CREATION_SUCCESS", 0), ("OK", 1), ("CREDENTIALS", 2)):
        engine.feed_event(webhook("a", word), received_at=at(minute))
    assert engine.check_deadlines(at(2) + DAY) == []
    found = engine.check_deadlines(at(2) + 400 * DAY)
    assert told(found) == [
        *(("a", "reminder", at(2) + days * DAY + MICROSECOND) for days in (1, 7, 30)),
        ("a", "session", T0 + (365 - 14) * DAY + MICROSECOND),
    ]
    kinds = [effect.kind for decision in found for effect in decision.effects]
    assert kinds == [EffectKind.STILL_DOWN] * 3 + [EffectKind.SESSION_EXPIRING]
    assert engine.check_deadlines(at(2) + 800 * DAY) == []


def test_the_clock_tells_the_time_unless_it_is_given(engine: Engine, clock: Clock) -> None:
    engine.feed_event(webhook("a", "CONNECTING"))
    clock.tick(minutes=30)
    assert engine.check_deadlines() == []
    clock.tick(seconds=1)
    assert len(engine.check_deadlines()) == 1


def test_the_time_may_be_given_in_any_time_zone_and_is_kept_in_utc(engine: Engine) -> None:
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    (decision,) = engine.check_deadlines(at(45).astimezone(timezone(timedelta(hours=5))))
    assert decision.event.received_at.tzinfo is UTC
    assert [anomaly.at.tzinfo for anomaly in engine.audit(kind="STUCK")] == [UTC]


def test_a_policy_replaces_deadlines_provider_by_provider() -> None:
    patient = {"LINKEDIN": {Status.CONNECTING: timedelta(hours=2)}, "X": {Status.ERROR: timedelta(minutes=5)}}
    with Engine.open("memory:", policy=Policy(deadlines=patient), observers=()) as engine:
        for account_id, word, provider in (
            ("linkedin connecting", "CONNECTING", "LINKEDIN"),
            ("linkedin reconnected", "RECONNECTED", "LINKEDIN"),
            ("x connecting", "CONNECTING", "X"),
            ("x error", "ERROR", "TWITTER"),
            ("untold connecting", "CONNECTING", None),
            ("linkedin error", "ERROR", "LINKEDIN"),
        ):
            engine.feed_event(webhook(account_id, word, provider), received_at=at(0))
        assert [d.after.account_id for d in engine.check_deadlines(at(6))] == ["x error"]
        found = sorted(decision.after.account_id for decision in engine.check_deadlines(at(61)))
        assert found == ["linkedin reconnected", "untold connecting", "x connecting"]
        assert [d.after.account_id for d in engine.check_deadlines(at(121))] == ["linkedin connecting"]


def test_what_is_stuck_and_what_is_not_yet_survives_reopening(file_url: str) -> None:
    with Engine.open(file_url, observers=()) as engine:
        engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
        engine.feed_event(webhook("b", "CONNECTING"), received_at=at(20))
        assert [d.after.account_id for d in engine.check_deadlines(at(40))] == ["a"]
    with Engine.open(file_url, observers=()) as engine:
        assert [d.after.account_id for d in engine.check_deadlines(at(60))] == ["b"]
        assert engine.check_deadlines(at(61)) == []


def test_more_accounts_than_a_batch_holds_are_all_found(engine: Engine) -> None:
    many = BATCH_SIZE * 2 + 1
    for _ in engine.feed_events(webhook(f"account-{number}", "CONNECTING") for number in range(many)):
        pass
    assert len({decision.after.account_id for decision in engine.check_deadlines(at(31))}) == many
    assert engine.check_deadlines(at(31)) == []


# ---- Closed for a while, or running all the time --------------------------------------------------------


FLEET = (
    ("stuck", "CONNECTING", 0, "LINKEDIN"),
    ("down", "OK", 0, "WHATSAPP"),
    ("down", "CREDENTIALS", 10, "WHATSAPP"),
    ("expiring", "RECONNECTED", 0, "INSTAGRAM"),
    ("expiring", "OK", 1, "INSTAGRAM"),
)
LATER = (("stuck", "OK", "LINKEDIN"), ("down", "RECONNECTED", "WHATSAPP"), ("expiring", "CREDENTIALS", "INSTAGRAM"))
NOTICE = Policy(expiry_notice=365 * DAY - timedelta(hours=30))
"""So early that the end of a session that began at the first moment is told on the second day."""


def lived(looks: Iterator[datetime], clock: Clock) -> Engine:
    """An engine that was fed a fleet, looked at the clock at these moments, and was fed again three days later."""
    engine = Engine.open("memory:", policy=NOTICE, clock=clock, observers=())
    for account_id, word, minute, provider in FLEET:
        engine.feed_event(webhook(account_id, word, provider), received_at=at(minute))
    for look in looks:
        clock.now = look
        engine.check_deadlines()
    clock.now = at(20) + 3 * DAY
    for account_id, word, provider in LATER:
        engine.feed_event(webhook(account_id, word, provider), received_at=clock.now)
    return engine


def every_minute() -> Iterator[datetime]:
    return (at(20 + minute) for minute in range(0, 3 * 24 * 60, 7))


@pytest.mark.parametrize(
    "looks",
    [[], [at(20) + 3 * DAY], [at(500), at(20) + 3 * DAY]],
    ids=["events come first", "the clock comes first", "closed after a while"],
)
def test_an_engine_that_was_closed_for_three_days_says_what_one_says_that_ran_through(looks: list[datetime]) -> None:
    watchful, closed = lived(every_minute(), Clock(T0)), lived(iter(looks), Clock(T0))
    for account_id in ("stuck", "down", "expiring"):
        assert closed.history(account_id) == watchful.history(account_id)
    assert closed.accounts() == watchful.accounts()
    assert closed.blind_windows() == watchful.blind_windows()
    passed = [e.event for a in closed.accounts() for e in closed.history(a.account_id)]
    assert [(e.kind, e.received_at) for e in passed if isinstance(e, DeadlinePassed)] == [
        (DeadlineKind.REMINDER, at(10) + DAY + MICROSECOND),
        (DeadlineKind.SESSION, T0 + timedelta(hours=30) + MICROSECOND),
        (DeadlineKind.STAY, at(30) + MICROSECOND),
        (DeadlineKind.REMINDER, T0 + DAY + MICROSECOND),
    ]
    assert closed.verify().is_proved
    assert watchful.verify().is_proved


# ---- One account's deadlines, as they were at any time ---------------------------------------------------

policies = st.builds(
    Policy,
    deadlines=st.dictionaries(
        st.sampled_from(["LINKEDIN", "IMAP", "X"]),
        st.dictionaries(st.sampled_from(ANNOUNCEMENTS), st.timedeltas(timedelta(0), timedelta(hours=3))),
        max_size=3,
    ),
    subscribed=st.sampled_from(["all", "default"]),
)
lives = st.lists(
    st.builds(
        announced,
        st.just("a"),
        st.sampled_from([*ANNOUNCEMENTS, "SNAFU"]),
        st.integers(-60, 600),
        st.sampled_from(["LINKEDIN", "MAIL", "MYSPACE", None]),
    ),
    min_size=1,
    max_size=5,
)


def test_an_account_that_nothing_was_heard_of_has_no_deadline() -> None:
    assert deadline_before(Account("a"), at(1_000_000), DEFAULT_POLICY) is None


@settings(deadline=None)
@example([announced("a", "SYNC_SUCCESS", -60, "LINKEDIN")], DEFAULT_POLICY, at(0))  # the very moment of its deadline
@given(lives, policies, st.integers(-120, 1_000_000).map(at))
def test_whoever_looks_at_any_time_finds_what_had_passed_by_then_and_not_a_moment_earlier(
    life: list[StatusAnnounced], policy: Policy, now: datetime
) -> None:
    store = TemporaryStore()
    feed = Feed(life, lambda account, event: as_it_is(account, event, policy), policy=policy)
    account = store.feed(feed).decisions[-1].after
    passed = deadline_before(account, now, policy)
    looks = list(passed_deadlines(store, policy, now))
    assert bool(looks) == (passed is not None)
    assert {look.received_at for look in looks} <= {now}
    if passed is not None:
        decisions = store.advance(looks, lambda account, event: judge(account, event, policy))
        assert decisions[0].event == passed
        assert all(decision.event.received_at <= now for decision in decisions)
        assert list(passed_deadlines(store, policy, now)) == []
    store.close()
