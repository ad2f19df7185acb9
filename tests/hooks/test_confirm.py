"""Ask before you act: a hook with ``confirm=True`` is called once the vendor says the same, or could not be asked."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import pytest

from account_lifecycle import Engine, Policy
from account_lifecycle.hooks import confirming
from account_lifecycle.hooks.calls import HookCall
from account_lifecycle.hooks.confirming import HEALED
from account_lifecycle.testing import Clock, payload
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from account_lifecycle.vendor import Patience, asking
from hooks.waiting import eventually

ONCE = Patience(attempts=1, pause_s=0, longest_pause_s=0)
BIRTH = "CREATION_SUCCESS SYNC_SUCCESS OK"


class Scene(NamedTuple):
    """An engine with hooks that are confirmed, and the vendor that it asks."""

    engine: Engine
    vendor: SimulatedVendor
    clock: Clock
    calls: list[HookCall]

    def hears(self, words: str, account_id: str = "a", **more: str) -> None:
        for word in words.split():
            self.engine.feed_event(payload(word, account_id, **more))
            self.clock.tick(minutes=3)

    def runs(self) -> list[tuple[str, bool | None]]:
        """Run hooks; return the new calls, and whether each was confirmed."""
        known = len(self.calls)
        with self.vendor.client(patience=ONCE) as client:
            self.engine.run_hooks(ask=asking(self.engine, client))
        return [(str(call.kind), call.confirmed) for call in self.calls[known:]]

    def asked(self) -> int:
        return self.vendor.requests["GET /accounts/{id}"]

    def states(self) -> list[tuple[str, str | None]]:
        return [(str(each.state), each.error) for each in self.engine.deliveries()]


@pytest.fixture
def scene() -> Iterator[Scene]:
    clock, calls = Clock(), list[HookCall]()
    vendor = SimulatedVendor(clock=clock)
    vendor.create("LINKEDIN", "a", quiet=True)
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        engine.on_action_required(calls.append, name="mail", confirm=True)
        scene = Scene(engine, vendor, clock, calls)
        scene.hears(BIRTH)
        yield scene


def test_a_loss_that_the_vendor_confirms_is_delivered_confirmed(scene: Scene) -> None:
    scene.vendor.lose("a", "CREDENTIALS")
    scene.hears("CREDENTIALS")

    assert scene.calls == []  # feeding asks nobody, and so calls nothing that is to be confirmed
    assert scene.runs() == [("action_required", True)]
    assert scene.calls[0].to_dict()["confirmed"] is True
    assert str(scene.calls[0]).endswith("; confirmed")


def test_a_loss_that_healed_unheard_is_withdrawn_and_the_account_is_live_again(scene: Scene) -> None:
    scene.hears("CREDENTIALS")

    assert scene.runs() == []
    assert scene.states() == [("withdrawn", HEALED)]
    account = scene.engine.account("a")
    assert account is not None
    assert account.health == "LIVE"
    assert [str(anomaly.kind) for anomaly in scene.engine.audit()] == ["DRIFT"]


def test_an_account_that_healed_before_the_call_is_not_asked_for(scene: Scene) -> None:
    scene.hears("CREDENTIALS OK")

    assert (scene.runs(), scene.states(), scene.asked()) == ([], [("withdrawn", HEALED)], 0)


def test_a_vendor_that_cannot_be_reached_puts_a_call_off_for_ten_minutes_and_no_longer(scene: Scene) -> None:
    scene.vendor.fault(ApiFault.UNAVAILABLE)
    scene.engine.feed_event(payload("CREDENTIALS", "a"))
    for _ in range(10):
        assert scene.runs() == []
        scene.clock.tick(minutes=1)

    assert scene.runs() == [("action_required", False)]
    assert [attempt for (attempt,) in [(call.attempt,) for call in scene.calls]] == [1]


def test_how_long_a_call_is_put_off_is_a_term_of_the_policy() -> None:
    clock, calls = Clock(), list[HookCall]()
    policy = Policy(confirm_within=timedelta(0))
    with Engine.open("memory:", clock=clock, policy=policy, observers=()) as engine:
        engine.on_action_required(calls.append, name="mail", confirm=True)
        engine.feed_event(payload("CREDENTIALS", "a"))
        engine.run_hooks()

    assert [call.confirmed for call in calls] == [False]


def test_what_the_vendor_says_of_an_account_that_changed_just_now_is_asked_again(scene: Scene) -> None:
    scene.engine.feed_event(payload("CREDENTIALS", "a"))  # and its list still says OK, which settles nothing yet
    assert scene.runs() == []
    assert scene.states()[0][0] == "waiting"
    scene.clock.tick(minutes=1)
    assert scene.runs() == []
    scene.clock.tick(minutes=1)

    assert (scene.runs(), scene.states()) == ([], [("withdrawn", HEALED)])


def test_one_question_serves_every_hook_of_an_account(scene: Scene) -> None:
    for name in ("crm", "sms", "chat"):
        scene.engine.on_action_required(scene.calls.append, name=name, confirm=True)
    scene.vendor.lose("a", "CREDENTIALS")
    scene.hears("CREDENTIALS")

    assert (scene.runs(), scene.asked()) == ([("action_required", True)] * 4, 1)


def test_no_more_than_so_many_questions_are_asked_in_a_minute(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "MOST_A_MINUTE", 20)
    ids = [f"b{n}" for n in range(50)]
    for account_id in ids:
        scene.vendor.create("WHATSAPP", account_id, quiet=True)
        scene.vendor.lose(account_id, "CREDENTIALS")
    list(scene.engine.feed_events(payload("CREDENTIALS", account_id) for account_id in ids))
    scene.clock.tick(minutes=3)

    for questions in (20, 40, 50):
        scene.runs()
        assert (len(scene.calls), scene.asked()) == (questions, questions)
        scene.clock.tick(minutes=1)


def test_what_is_doubtful_or_to_be_reconciled_is_asked_about_whatever_it_says(scene: Scene) -> None:
    scene.engine.on_anomaly(scene.calls.append, name="all", confirm=True)
    scene.engine.on_sync_completed(scene.calls.append, name="syncs", confirm=True)
    scene.vendor.lose("a", "CREDENTIALS")
    scene.hears("CREDENTIALS SYNC_SUCCESS SNAFU")

    assert scene.runs() == [
        ("action_required", True),
        ("anomaly", True),  # SYNC_WHILE_LOST
        ("anomaly", True),  # UNKNOWN_STATUS
    ]
    scene.hears("RECONNECTED")
    scene.vendor.heal("a")
    assert scene.runs() == []


def test_a_paired_hook_is_not_called_for_the_end_of_what_was_withdrawn(scene: Scene) -> None:
    scene.engine.on_action_resolved(scene.calls.append, name="mail", paired=True)
    scene.hears("CREDENTIALS")
    scene.runs()

    assert scene.runs() == []
    assert [state for state, _ in scene.states()] == ["withdrawn", "withdrawn"]


def test_a_runner_asks_for_hooks_that_are_confirmed_and_for_no_other() -> None:
    calls = list[HookCall]()
    vendor = SimulatedVendor()
    vendor.create("LINKEDIN", "a", quiet=True)
    vendor.lose("a", "CREDENTIALS")
    with Engine.open("memory:", observers=()) as engine, vendor.client(patience=ONCE) as client:
        engine.on_action_required(calls.append, name="mail", confirm=True)
        engine.on_interrupted(calls.append, name="pause")
        engine.start_runner(poll_s=0.05, ask=asking(engine, client))
        engine.feed_event(payload("CREDENTIALS", "a"))
        eventually(lambda: len(calls) == 1)
        assert engine.stop_runner()

    assert ([call.confirmed for call in calls], vendor.requests["GET /accounts/{id}"]) == ([True], 1)


def test_a_hook_that_has_no_account_to_ask_for_is_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="confirm: found True; expected False"):
        scene.engine.on_creation_failed(scene.calls.append, name="failed", confirm=True)
    with pytest.raises(ValueError, match="confirm: found 1; expected True or False"):
        scene.engine.on_deleted(scene.calls.append, name="gone", confirm=1)  # type: ignore[call-overload]
