"""Any series of events whatever: what holds of every life, however odd."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.status import Health
from lifecycle.expected_table import WORDS
from lifecycle.reading import Reading
from lifecycle_builders import FAMILIES, LOSSES, STRANGER, Life, kinds_of

DEADLINE = "<deadline>"
LATE_DEADLINE = "<deadline of an earlier stay>"


class Told(NamedTuple):
    word: str
    after: timedelta
    provider: str | None
    product: str


def pauses(shortest: int) -> st.SearchStrategy[timedelta]:
    edges = st.sampled_from([0, 1, 599, 600, 601, 3600, 86_400])
    return st.builds(timedelta, seconds=edges | st.integers(shortest, 100_000))


def tellings(shortest_pause: int = 0) -> st.SearchStrategy[list[Told]]:
    told = st.builds(
        Told,
        word=st.sampled_from([*WORDS, "OK", "OK", "FROZEN", DEADLINE, LATE_DEADLINE]),
        after=pauses(shortest_pause),
        provider=st.sampled_from([None, None, None, "LINKEDIN", "GOOGLE", *FAMILIES, STRANGER]),
        product=st.sampled_from(["", "", "classic", "recruiter"]),
    )
    return st.lists(told, max_size=25)


def live(tellings: list[Told]) -> Life:
    """Live through it; a deadline of no stay is left out."""
    life = Life()
    stays: list[DeadlinePassed] = []
    for told in tellings:
        if told.word == LATE_DEADLINE and stays:
            life.meets(replace(stays[0], received_at=life.now))
        elif told.word == DEADLINE and life.account.since is not None:
            stays.append(life.deadline())
            life.outlives_its_deadline(after=told.after)
        elif told.word in (*WORDS, "FROZEN"):
            life.hears(told.word, after=told.after, provider=told.provider, product=told.product)
    return life


def in_any_life(promise: Callable[[Decision], None]) -> Callable[[], None]:
    """Hold a promise against each decision of many lives."""

    @settings(max_examples=150, deadline=None)
    @given(tellings(shortest_pause=-10_000))
    def test(tellings: list[Told]) -> None:
        for decision in live(tellings).decisions:
            promise(decision)

    return test


def without_bookkeeping(decision: Decision) -> Iterator[object]:
    """The account before and after, but for what even an ignored event may teach."""
    for account in (decision.before, decision.after):
        yield replace(account, sequence=0, provider=None, name=None, last_heard_at=None, last_ok_at=None, stuck=False)


# ---- Of each decision -----------------------------------------------------------------------------


def _deleted_is_final(decision: Decision) -> None:
    if decision.before.status == "DELETED":
        assert decision.after.status == "DELETED"
        assert decision.after.health == "GONE"


def _each_event_is_counted(decision: Decision) -> None:
    assert decision.sequence == decision.after.sequence == decision.before.sequence + 1


def _health_is_total(decision: Decision) -> None:
    assert decision.after.health in Health
    assert (decision.after.health == "LIVE") is (decision.after.status == "OK")


def _a_repeat_adds_no_effect(decision: Decision) -> None:
    if decision.verdict != "APPLIED":
        assert [e.subject for e in decision.effects] == kinds_of(decision)
        assert all(e.kind == "anomaly" for e in decision.effects)


def _what_is_not_applied_changes_nothing(decision: Decision) -> None:
    if decision.verdict != "APPLIED":
        before, after = without_bookkeeping(decision)
        assert after == before
        assert decision.blind_window is None


def _the_same_again_gives_the_same(decision: Decision) -> None:
    assert decide(decision.before, decision.event) == decision


def _keys_are_unique(decision: Decision) -> None:
    keys = {effect.key("acc", decision.sequence) for effect in decision.effects}
    assert len(keys) == len(decision.effects)


def _a_deadline_is_held(decision: Decision) -> None:
    if isinstance(decision.event, DeadlinePassed):
        assert decision.verdict == "HELD"
        assert kinds_of(decision) in ([], ["STUCK"])


def _every_anomaly_has_its_story(decision: Decision) -> None:
    for anomaly in decision.anomalies:
        assert anomaly.explanation.isprintable()
        assert anomaly.expected == tuple(dict.fromkeys(anomaly.expected))


test_deleted_is_final = in_any_life(_deleted_is_final)
test_each_event_is_counted = in_any_life(_each_event_is_counted)
test_health_is_total = in_any_life(_health_is_total)
test_what_is_held_or_repeated_adds_no_effect = in_any_life(_a_repeat_adds_no_effect)
test_what_is_held_or_repeated_changes_nothing = in_any_life(_what_is_not_applied_changes_nothing)
test_the_same_event_again_gives_the_same_decision = in_any_life(_the_same_again_gives_the_same)
test_the_keys_of_an_event_are_unique = in_any_life(_keys_are_unique)
test_a_deadline_is_always_held = in_any_life(_a_deadline_is_held)
test_every_anomaly_has_its_story = in_any_life(_every_anomaly_has_its_story)


# ---- Of a whole life ------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(tellings())
def test_a_life_is_judged_as_the_rules_are_read(tellings: list[Told]) -> None:
    reading = Reading()
    for decision in live(tellings).decisions:
        if isinstance(decision.event, StatusAnnounced):
            assert (decision.verdict, kinds_of(decision)) == reading.judge(decision.event)
        account = decision.after
        assert account.situation.key == reading.spot
        assert (account.provider, account.since) == (reading.provider, reading.since)
        assert (account.last_heard_at, account.last_ok_at) == (reading.heard_at, reading.ok_at)
        assert account.synced_products == reading.products


@settings(max_examples=300, deadline=None)
@given(tellings())
def test_a_window_is_open_exactly_while_the_rules_say_so(tellings: list[Told]) -> None:
    reading = Reading()
    for decision in live(tellings).decisions:
        if isinstance(decision.event, StatusAnnounced):
            reading.judge(decision.event)
        window, expected = decision.after.blind_window, reading.window
        assert (window is None) is (expected is None)
        if window is not None and expected is not None:
            assert (window.last_ok_at, window.opened_at) == (expected.last_ok_at, expected.opened_at)
            assert [cause for cause in window.causes if cause in LOSSES] == expected.losses


@settings(max_examples=200, deadline=None)
@given(tellings())
def test_windows_follow_one_another_in_order(tellings: list[Told]) -> None:
    ended = None
    for decision in live(tellings).decisions:
        window = decision.blind_window
        if window is None:
            continue
        assert window.last_ok_at is None or window.last_ok_at <= window.opened_at
        assert ended is None or ended <= window.opened_at
        if window.closed_at is not None:
            assert window.opened_at <= window.closed_at == decision.event.received_at
            assert window.recovered is (decision.after.status == "OK")
            ended = window.closed_at


@settings(max_examples=150, deadline=None)
@given(tellings())
def test_an_account_is_stuck_at_most_once_per_stay(tellings: list[Told]) -> None:
    flagged = False
    for decision in live(tellings).decisions:
        if decision.after.status != decision.before.status:
            flagged = False
        if "STUCK" in kinds_of(decision):
            assert not flagged
            flagged = True
        assert decision.after.stuck is flagged


@settings(max_examples=100, deadline=None)
@given(tellings())
def test_a_life_can_be_replayed(tellings: list[Told]) -> None:
    life, again = live(tellings), Life()
    for decision in life.decisions:
        again.meets(decision.event)

    assert again.decisions == life.decisions


# ---- Snapshots ------------------------------------------------------------------------------------

A_LIFE = Life("OK", "CREDENTIALS", "SYNC_SUCCESS")


@pytest.mark.parametrize(
    "snapshot",
    [
        A_LIFE.account,
        A_LIFE.account.situation,
        A_LIFE.account.blind_window,
        A_LIFE.decisions[-1],
        A_LIFE.decisions[-1].event,
        A_LIFE.decisions[-1].anomalies[0],
        A_LIFE.decisions[-1].effects[0],
        Life("CONNECTING").deadline(),
    ],
    ids=lambda snapshot: type(snapshot).__name__,
)
def test_a_value_has_no_place_for_anything_else(snapshot: object) -> None:
    with pytest.raises(AttributeError):
        snapshot.anything = 1  # type: ignore[attr-defined]


def test_an_account_holds_nothing_that_could_be_changed() -> None:
    assert isinstance(hash(A_LIFE.account), int)


def test_a_decision_leaves_the_account_before_it_as_it_was() -> None:
    life = Life("OK")
    before = life.account
    copy = replace(before)
    life.hears("CREDENTIALS")

    assert before == copy == life.decisions[-1].before
