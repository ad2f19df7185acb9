"""Hooks: each is called exactly when its effect comes about, with everything about it."""

import functools
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from account_lifecycle import (
    AnomalyKind,
    Decision,
    EffectKind,
    Engine,
    Health,
    HookCall,
    RecoveredCall,
    Status,
    Verdict,
)
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.testing import Clock, life, payload
from builders import announced, at, notification, webhook

Label = tuple[str, str]
WORDS = {"entered": Status, "left": Status, "health_changed": Health, "anomaly": AnomalyKind}
"""The kinds of effect that a hook may be for one word only, and the words."""


def listen_to_everything(engine: Engine) -> list[tuple[Label, HookCall]]:
    """A hook for each effect that there is; every call with what its hook was registered for."""
    calls: list[tuple[Label, HookCall]] = []

    def hook(*label: str) -> Callable[[HookCall], None]:
        return lambda call: calls.append(((label[0], label[1]), call))

    for kind in EffectKind:
        register = getattr(engine, f"on_{kind}")
        for word in WORDS.get(kind, ()):
            register(word, hook(kind, word))
        if kind not in WORDS:
            register(hook(kind, ""))
    engine.on_anomaly(hook("anomaly", "any"))
    return calls


def hooks_wanted_by(decision: Decision) -> list[Label]:
    """Which hooks a decision is to call."""
    labels: list[Label] = []
    for effect in decision.effects:
        labels.append((effect.kind, effect.subject if effect.kind in WORDS else ""))
        labels += [("anomaly", "any")] * (effect.kind is EffectKind.ANOMALY)
    return labels


def find_ways() -> dict[tuple[Situation, bool], tuple[str, ...]]:
    """The fewest announcements into every situation, before and after it was first live."""
    start = Account("a")
    ways: dict[tuple[Situation, bool], tuple[str, ...]] = {(start.situation, False): ()}
    trails: deque[tuple[Account, tuple[str, ...]]] = deque([(start, ())])
    while trails:
        account, trail = trails.popleft()
        for word in ANNOUNCEMENTS:
            after = decide(account, announced("a", word, provider=None)).after
            place = (after.situation, after.last_live_at is not None)
            if place not in ways:
                ways[place] = (*trail, word)
                trails.append((after, ways[place]))
    return ways


WAYS = find_ways()


# ---- When ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS.values(), ids=lambda way: "-".join(way) or "nothing")
def test_every_hook_is_called_exactly_when_its_effect_comes_about(engine: Engine, way: tuple[str, ...]) -> None:
    words = (*ANNOUNCEMENTS, "SNAFU")
    list(engine.feed_events(webhook(f"to {word}", earlier, None) for word in words for earlier in way))
    calls = listen_to_everything(engine)
    engine.run_hooks()
    for word in words:
        calls.clear()
        decision = engine.feed_event(webhook(f"to {word}", word, None))
        assert [label for label, _ in calls] == hooks_wanted_by(decision), (way, word)


def test_the_ways_lead_through_every_situation_with_and_without_a_first_life() -> None:
    assert {situation for situation, _ in WAYS} == {*compiled().situations}


def test_the_whole_life_of_an_account_as_its_hooks_hear_it(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    story: list[list[str]] = []
    for minute, (word, product) in enumerate(
        [
            ("CONNECTING", ""),
            ("CREATION_SUCCESS", ""),
            ("SYNC_SUCCESS", "classic"),
            ("SYNC_SUCCESS", "recruiter"),
            ("OK", ""),
            ("OK", ""),
            ("ERROR", ""),
            ("CREDENTIALS", ""),
            ("PERMISSIONS", ""),
            ("RECONNECTED", ""),
            ("OK", ""),
            ("DELETED", ""),
            ("OK", ""),
        ]
    ):
        heard.clear()
        engine.feed_event(webhook("a", word, product=product), received_at=at(minute))
        story.append([" ".join(filter(None, label)) for label, _ in heard])
    assert story == [
        ["entered CONNECTING", "health_changed STARTING"],
        ["left CONNECTING", "entered CREATION_SUCCESS"],
        ["left CREATION_SUCCESS", "entered SYNC_SUCCESS", "sync_completed"],
        ["sync_completed"],
        ["left SYNC_SUCCESS", "entered OK", "health_changed LIVE", "connected"],
        [],
        ["left OK", "entered ERROR", "health_changed INTERRUPTED", "interrupted"],
        ["left ERROR", "entered CREDENTIALS", "health_changed ACTION_REQUIRED", "action_required"],
        ["left CREDENTIALS", "entered PERMISSIONS"],
        ["left PERMISSIONS", "entered RECONNECTED", "health_changed RECOVERING", "action_resolved"],
        ["left RECONNECTED", "entered OK", "health_changed LIVE", "recovered", "anomaly POSSIBLY_STALE", "anomaly any"],
        ["left OK", "entered DELETED", "health_changed GONE", "deleted"],
        ["anomaly LATE_EVENT", "anomaly any"],
    ]


def test_an_account_that_could_not_be_created_has_a_hook(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(notification("a", "CREATION_FAIL"))
    assert [label for label, _ in heard] == [
        ("entered", "CREATION_FAIL"),
        ("health_changed", "FAILED"),
        ("creation_failed", ""),
        ("claimed", ""),
    ]


def test_a_creation_that_fails_before_there_is_an_account_has_a_hook_once_for_each_owner(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_creation_failed(calls.append)
    for owner in ("user-1", "user-2", "user-1"):
        engine.feed_event(notification("", "CREATION_FAIL", owner))
    assert [(call.account_id, call.account, call.owner) for call in calls] == [("", None, f"user-{n}") for n in (1, 2)]
    assert engine.run_hooks() == []


def test_a_repeat_calls_the_hooks_of_its_anomalies_only(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(webhook("a", "OK"), received_at=at(0))
    heard.clear()
    assert engine.feed_event(webhook("a", "OK"), received_at=at(1)).verdict is Verdict.REPEATED
    assert heard == []
    engine.feed_event(webhook("a", "OK", "X"), received_at=at(2))
    assert [label for label, _ in heard] == [("anomaly", "PROVIDER_CHANGED"), ("anomaly", "any")]


def test_a_life_that_is_announced_again_hands_over_the_outage_that_nobody_announced(engine: Engine) -> None:
    calls: list[RecoveredCall] = []
    engine.on_recovered(calls.append)
    for minute in (0, 100):
        engine.feed_event(webhook("a", "OK"), received_at=at(minute))
    (call,) = calls
    window = call.blind_window
    assert (window.backfill_from, window.opened_at, window.closed_at) == (at(0), at(0), at(100))
    assert (window.estimated, call.is_current) == (True, True)


def test_an_event_that_is_held_calls_the_hooks_of_its_anomalies_only(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(webhook("a", "OK"))
    heard.clear()
    assert engine.feed_event(webhook("a", "CREATION_FAIL")).verdict is Verdict.HELD
    assert [label for label, _ in heard] == [("anomaly", "CONTRADICTED_CREATION"), ("anomaly", "any")]


def test_an_anomaly_never_blocks_a_hook(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(webhook("a", "CREDENTIALS", "MYSPACE", product="odd"))
    assert {label for label, _ in heard} >= {("action_required", ""), ("entered", "CREDENTIALS")}


def test_a_batch_calls_hooks_for_each_of_its_events_in_order(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    list(engine.feed_events([notification(a, "CREATION_SUCCESS") for a in "abc"]))
    labels = [("entered", "CREATION_SUCCESS"), ("health_changed", "STARTING"), ("claimed", "")]
    assert [(label, call.account_id) for label, call in heard] == [(label, a) for a in "abc" for label in labels]


def test_a_batch_runs_the_hooks_after_it_is_kept(engine: Engine) -> None:
    seen: list[int] = []
    engine.on_entered("CONNECTING")(lambda call: seen.append(len(engine.accounts())))
    list(engine.feed_events((webhook(a, "CONNECTING") for a in "abcd"), batch_size=2))
    assert seen == [2, 2, 4, 4]


def test_a_passed_deadline_calls_the_hooks_of_stuck_accounts(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(webhook("a", "CONNECTING"), received_at=at(0))
    heard.clear()
    (decision,) = engine.check_deadlines(at(60))
    labels = [("health_changed", "INTERRUPTED"), ("interrupted", ""), ("anomaly", "STUCK"), ("anomaly", "any")]
    assert [label for label, _ in heard] == labels
    assert [call.anomaly for _, call in heard] == [None, None, *decision.anomalies * 2]
    assert engine.check_deadlines(at(70)) == []
    assert len(heard) == 4


# ---- What a hook is called with ----------------------------------------------------------------------------


def test_a_call_says_what_when_and_of_which_account(engine: Engine, clock: Clock) -> None:
    calls: list[HookCall] = []
    engine.on_entered(Status.ERROR)(calls.append)
    engine.feed_event(webhook("a", "OK"), received_at=at(5))
    decision = engine.feed_event(webhook("a", "ERROR"), received_at=at(7))
    (call,) = calls
    assert (call.kind, call.subject, call.account_id, call.sequence) == ("entered", "ERROR", "a", 2)
    assert (call.occurred_at, call.attempt) == (at(7), 1)
    assert call.account == decision.after
    assert (call.blind_window, call.anomaly) == (None, None)
    assert (call.is_current, call.doubtful, call.owner, call.reason) == (True, False, None, "")


def test_a_call_has_the_vendors_reason_and_the_owner_and_knows_whether_it_is_news_still(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_action_required(calls.append)
    for account_id, later in (("a", []), ("b", ["OK"])):
        lost = payload("CREDENTIALS", account_id, reason="Disconnected")
        list(engine.feed_events(life(["CREATION_SUCCESS", "OK", lost, *later], account_id, owner="user-7")))
    assert [(call.account_id, call.owner, call.reason) for call in calls] == [
        ("a", "user-7", "Disconnected"),
        ("b", "user-7", "Disconnected"),
    ]
    assert [call.is_current for call in calls] == [True, False]


def test_what_may_be_a_late_redelivery_is_doubtful_for_every_hook(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    for hour, word in enumerate(["CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "OK", "CREDENTIALS"]):
        engine.feed_event(webhook("a", word), received_at=at(60 * hour))
    assert {call.sequence for _, call in heard if call.doubtful} == {5, 6}
    assert {call.doubtful for _, call in heard if call.sequence == 6} == {True}


def test_the_call_of_a_recovery_has_the_interval_to_backfill(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_recovered(calls.append)
    words = ["CREATION_SUCCESS", "OK", "CONNECTING", "CREDENTIALS", "RECONNECTED", "OK"]
    for minute, word in enumerate(words):
        decision = engine.feed_event(webhook("a", word), received_at=at(minute))
    (call,) = calls
    window = call.blind_window
    assert window is not None
    assert window == decision.blind_window
    assert (window.backfill_from, window.opened_at, window.closed_at) == (at(1), at(2), at(5))
    assert (window.causes, window.recovered) == (("CONNECTING", "CREDENTIALS"), True)


def test_the_call_of_a_finished_sync_has_its_product(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_sync_completed(calls.append)
    for product in ({}, {"product": "classic"}, {"product": " Recruiter "}):
        engine.feed_event(webhook("a", "SYNC_SUCCESS", **product))
    assert [call.subject for call in calls] == ["", "classic", "recruiter"]


def test_a_call_has_the_last_transitions_so_that_a_handler_can_catch_up(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_recovered(calls.append)
    words = ("CREATION_SUCCESS", "OK", "ERROR", "CREDENTIALS", "RECONNECTED", "OK")
    for minute, word in enumerate(words):
        engine.feed_event(webhook("a", word), received_at=at(minute))
    (call,) = calls
    assert [(move.sequence, move.at, move.announced) for move in call.transitions] == [
        (n + 1, at(n), words[n]) for n in range(1, 6)
    ]
    assert [move.after for move in call.transitions[:-1]] == [move.before for move in call.transitions[1:]]
    assert call.transitions[-1].sequence == call.sequence


def test_the_call_of_an_anomaly_has_its_explanation(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_anomaly()(calls.append)
    decision = engine.feed_event(webhook("a", "SNAFU", "MYSPACE"))
    assert [call.anomaly for call in calls] == list(decision.anomalies)
    assert [call.subject for call in calls] == ["UNKNOWN_PROVIDER", "UNKNOWN_STATUS"]


def test_a_call_has_the_account_as_it_is_now(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_connected(calls.append)
    list(engine.feed_events([webhook("a", word) for word in ("CREATION_SUCCESS", "OK", "ERROR")]))
    (call,) = calls
    assert (call.sequence, call.account.sequence, call.account.status) == (2, 3, Status.ERROR)


def test_every_effect_has_a_key_of_its_own_and_all_its_hooks_get_the_same(engine: Engine) -> None:
    calls = listen_to_everything(engine)
    for account_id in ("a", "a/1", "1/a", "ü ?#"):
        for word in ("OK", "SNAFU", "ERROR", "OK"):
            engine.feed_event(webhook(account_id, word, "MYSPACE"))
    for account_id, product in (("x", "1/sync_completed/y"), ("x/1/sync_completed", "y")):
        engine.feed_event(webhook(account_id, "SYNC_SUCCESS", product=product))
    effects = {(call.account_id, call.sequence, call.kind, call.subject): call.key for _, call in calls}
    assert len(set(effects.values())) == len(effects) > 30
    assert all(effects[call.account_id, call.sequence, call.kind, call.subject] == call.key for _, call in calls)


# ---- Registering -----------------------------------------------------------------------------------------


def test_every_registration_serves_as_a_decorator_and_gives_the_hook_back(engine: Engine) -> None:
    @engine.on_connected
    @engine.on_entered("OK")
    @engine.on_left(Status.OK, name="second")
    @engine.on_anomaly("ADOPTED")
    def hook(call: HookCall) -> None:
        calls.append(call.kind)

    calls: list[str] = []
    engine.feed_event(webhook("a", "OK"))
    assert sorted(calls) == ["anomaly", "connected", "entered"]
    assert engine.on_deleted(hook, name="third") is hook


def test_hooks_of_an_effect_run_in_the_order_of_their_registration(engine: Engine) -> None:
    calls: list[str] = []
    engine.on_connected(lambda call: calls.append("second"), name="z")
    engine.on_entered("OK")(lambda call: calls.append("entered"))
    engine.on_connected(lambda call: calls.append("third"), name="a")
    engine.feed_event(webhook("a", "OK"))
    assert calls == ["entered", "second", "third"]


def test_a_hook_that_is_registered_twice_is_called_twice_under_two_names(engine: Engine) -> None:
    def hook(call: HookCall) -> None:
        raise ValueError(call.account_id)

    for _ in range(3):
        engine.on_connected(hook)
    engine.feed_event(webhook("a", "OK"))
    assert len({outcome.hook for outcome in engine.run_hooks()}) == 3


class Mailer:
    """A hook with a state of its own."""

    def __init__(self) -> None:
        self.calls: list[HookCall] = []

    def __call__(self, call: HookCall) -> None:
        self.calls.append(call)

    def send(self, call: HookCall) -> None:
        self.calls.append(call)


def test_whatever_can_be_called_can_be_a_hook(engine: Engine) -> None:
    mailer = Mailer()
    hooks: list[Any] = [mailer, mailer.send, functools.partial(Mailer.send, mailer), lambda call: mailer(call)]
    for hook in hooks:
        engine.on_connected(hook)
    engine.feed_event(webhook("a", "OK"))
    assert len(mailer.calls) == 4
