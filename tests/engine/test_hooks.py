"""Hooks: each is called exactly when its effect comes about, with everything about it."""

import functools
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from account_lifecycle import AnomalyKind, Decision, EffectKind, Engine, Health, HookCall, Status, Verdict
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.testing import Clock
from builders import announced, at, notification, webhook

Label = tuple[str, str]
PLAIN = ("connected", "interrupted", "action_required", "recovered", "sync_completed", "creation_failed", "deleted")


def listen_to_everything(engine: Engine) -> list[tuple[Label, HookCall]]:
    """A hook for each effect that there is; every call with what its hook was registered for."""
    calls: list[tuple[Label, HookCall]] = []

    def hook(*label: str) -> Callable[[HookCall], None]:
        return lambda call: calls.append(((label[0], label[1]), call))

    for status in Status:
        engine.on_entered(status)(hook("entered", status))
        engine.on_left(status)(hook("left", status))
    for kind in AnomalyKind:
        engine.on_anomaly(kind)(hook("anomaly", kind))
    engine.on_anomaly()(hook("anomaly", "any"))
    for name in PLAIN:
        getattr(engine, f"on_{name}")(hook(name, ""))
    return calls


def hooks_wanted_by(decision: Decision) -> list[Label]:
    """Which hooks a decision is to call, from what is known of the account before and after it."""
    before, after = decision.before, decision.after
    labels: list[Label] = []
    if decision.verdict is Verdict.APPLIED:
        if after.status is not before.status:
            labels += [("left", before.status)] * (before.status is not Status.UNSEEN) + [("entered", after.status)]
        healths = (before.health, after.health)
        if after.health is Health.LIVE and before.last_ok_at is None:
            labels.append(("connected", ""))
        if after.health is Health.LIVE and before.blind_window is not None:
            labels.append(("recovered", ""))
        if healths == (Health.LIVE, Health.INTERRUPTED):
            labels.append(("interrupted", ""))
        if decision.event.status == "SYNC_SUCCESS":
            labels.append(("sync_completed", ""))
        for health, name in (
            (Health.ACTION_REQUIRED, "action_required"),
            (Health.FAILED, "creation_failed"),
            (Health.GONE, "deleted"),
        ):
            if after.health is health is not before.health:
                labels.append((name, ""))
    for anomaly in decision.anomalies:
        labels += [("anomaly", anomaly.kind), ("anomaly", "any")]
    return sorted(labels)


def find_ways() -> dict[tuple[Situation, bool], tuple[str, ...]]:
    """The fewest announcements into every situation, before and after the first OK."""
    start = Account("a")
    ways: dict[tuple[Situation, bool], tuple[str, ...]] = {(start.situation, False): ()}
    trails: deque[tuple[Account, tuple[str, ...]]] = deque([(start, ())])
    while trails:
        account, trail = trails.popleft()
        for word in ANNOUNCEMENTS:
            after = decide(account, announced("a", word, provider=None)).account
            place = (after.situation, after.last_ok_at is not None)
            if place not in ways:
                ways[place] = (*trail, word)
                trails.append((after, ways[place]))
    return ways


WAYS = find_ways()


# ---- When ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS.values(), ids=lambda way: "-".join(way) or "nothing")
def test_every_hook_is_called_exactly_when_its_effect_comes_about(way: tuple[str, ...]) -> None:
    for word in (*ANNOUNCEMENTS, "SNAFU"):
        engine = Engine.open("memory:", observers=())
        calls = listen_to_everything(engine)
        for earlier in way:
            engine.feed_event(webhook("a", earlier, None))
        calls.clear()
        decision = engine.feed_event(webhook("a", word, None))
        assert sorted(label for label, _ in calls) == hooks_wanted_by(decision), (way, word)


def test_the_ways_lead_through_every_situation_with_and_without_a_first_life() -> None:
    assert len({situation for situation, _ in WAYS}) == 14
    assert len({situation for situation, was_live in WAYS if was_live}) == 10


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
        ["entered CONNECTING"],
        ["left CONNECTING", "entered CREATION_SUCCESS"],
        ["left CREATION_SUCCESS", "entered SYNC_SUCCESS", "sync_completed"],
        ["sync_completed"],
        ["left SYNC_SUCCESS", "entered OK", "connected"],
        [],
        ["left OK", "entered ERROR", "interrupted"],
        ["left ERROR", "entered CREDENTIALS", "action_required"],
        ["left CREDENTIALS", "entered PERMISSIONS"],
        ["left PERMISSIONS", "entered RECONNECTED"],
        ["left RECONNECTED", "entered OK", "recovered"],
        ["left OK", "entered DELETED", "deleted"],
        ["anomaly AFTER_DELETION", "anomaly any"],
    ]


def test_an_account_that_could_not_be_created_has_a_hook(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(notification("a", "CREATION_FAIL"))
    assert [label for label, _ in heard] == [("entered", "CREATION_FAIL"), ("creation_failed", "")]


def test_a_repeat_calls_the_hooks_of_its_anomalies_only(engine: Engine) -> None:
    heard = listen_to_everything(engine)
    engine.feed_event(webhook("a", "OK"), received_at=at(0))
    heard.clear()
    assert engine.feed_event(webhook("a", "OK"), received_at=at(1)).verdict is Verdict.REPEATED
    assert heard == []
    engine.feed_event(webhook("a", "OK", "X"), received_at=at(100))
    assert [label for label, _ in heard] == [
        ("anomaly", "PROVIDER_CHANGED"),
        ("anomaly", "any"),
        ("anomaly", "STALE_REPEAT"),
        ("anomaly", "any"),
    ]


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
    assert [(label, call.account_id) for label, call in heard] == [(("entered", "CREATION_SUCCESS"), a) for a in "abc"]


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
    assert [label for label, _ in heard] == [("anomaly", "STUCK"), ("anomaly", "any")]
    assert [call.anomaly for _, call in heard] == [decision.anomalies[0]] * 2
    assert engine.check_deadlines(at(70)) == []
    assert len(heard) == 2


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


def test_the_call_of_a_recovery_has_the_interval_to_backfill(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_recovered(calls.append)
    words = ["OK", "OK", "CONNECTING", "CREDENTIALS", "RECONNECTED", "OK"]
    for minute, word in enumerate(words):
        decision = engine.feed_event(webhook("a", word), received_at=at(minute))
    (call,) = calls
    window = call.blind_window
    assert window is not None
    assert window == decision.blind_window
    assert (window.last_ok_at, window.opened_at, window.closed_at) == (at(1), at(2), at(5))
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


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_registration_takes_a_name_when_it_is_called(engine: Engine, name: str) -> None:
    register = getattr(engine, f"on_{name}")
    register(print, name="my hook")
    with pytest.raises(ValueError, match=r"'my hook' is registered for .* already: give another name"):
        register(print, name="my hook")


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_registration_takes_its_options_before_the_hook_too(engine: Engine, name: str) -> None:
    @getattr(engine, f"on_{name}")(name="mine", ordering="none", attempts=3)
    def hook(call: HookCall) -> None:
        """Whatever."""

    engine.run_hooks()
    (known,) = engine.subscribed_hooks()
    assert (known.name, known.kind) == (f"{name}:*:mine", name)
    assert (known.is_ordered, known.attempts_limit, known.on_dead) == (False, 3, "skip")


def test_every_registration_takes_the_same_options(engine: Engine) -> None:
    engine.on_entered("OK", attempts=2, on_dead="halt")(print)
    engine.on_left("OK", attempts=2, on_dead="halt")(print)
    engine.on_anomaly(attempts=2, on_dead="halt")(print)
    engine.subscribe(EffectKind.DELETED, None, print, "mine", attempts=2, on_dead="halt")
    engine.run_hooks()
    known = engine.subscribed_hooks()
    assert len(known) == 4
    assert {(hook.is_ordered, hook.attempts_limit, hook.on_dead) for hook in known} == {(True, 2, "halt")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ordering": "global"}, "ordering: found 'global'"),
        ({"attempts": 0}, "attempts: found 0; expected 1 or more"),
        ({"attempts": "many"}, "attempts: found 'many'"),
        ({"on_dead": "panic"}, "panic"),
        ({"on_dead": "halt", "ordering": "none"}, "nothing waits"),
    ],
)
def test_an_invalid_option_is_refused(engine: Engine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        engine.on_connected(print, **options)
    assert engine.subscriptions == []


def test_a_name_may_serve_several_effects_but_only_one_hook_of_each(engine: Engine) -> None:
    engine.on_entered("OK", name="mine")(print)
    engine.on_entered("ERROR", name="mine")(print)
    engine.on_left("OK", name="mine")(print)
    engine.on_anomaly(name="mine")(print)
    engine.on_anomaly("STUCK", name="mine")(print)
    for register in (engine.on_entered("OK", name="mine"), engine.on_anomaly("STUCK", name="mine")):
        with pytest.raises(ValueError, match="'mine'"):
            register(print)


def test_a_status_or_kind_that_does_not_exist_cannot_be_registered_for(engine: Engine) -> None:
    for register in (engine.on_entered, engine.on_left, engine.on_anomaly):
        with pytest.raises(ValueError, match="SNAFU"):
            register("SNAFU")(print)


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
