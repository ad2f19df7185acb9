"""What a store promises about effects: they wait until a hook is known, and every hook that wants one gets it once."""

from typing import Any

import pytest

from account_lifecycle.lifecycle.anomalies import NextStep, Severity
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.effects import Effect, EffectKind
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.records import BEGINNING, MOVES_TOLD, Delivery, DeliveryState, OnDead, StatusChange
from account_lifecycle.stores.outbox_rows import chosen_by
from account_lifecycle.stores.protocol import Feed, Store
from builders import announced, as_it_is, at
from stores.exactness import shape
from stores.hooks import (
    ALL,
    claim,
    claim_one,
    complete,
    feed,
    hook,
    one_for_each_kind,
    planned,
    record_of,
    records,
    run_all,
    states,
)
from stores.scenarios import events_with_every_anomaly, events_with_every_window


def told(deliveries: list[Delivery]) -> list[tuple[str, int, Effect]]:
    """What deliveries are about, without their numbers."""
    return [(d.row.account_id, d.row.sequence, d.row.effect) for d in deliveries]


def of(decisions: list[Decision]) -> list[tuple[str, int, Effect]]:
    """The effects of decisions, in order."""
    return [(d.after.account_id, d.sequence, effect) for d in decisions for effect in d.effects]


def moves_until(decision: Decision, decisions: list[Decision]) -> tuple[StatusChange, ...]:
    """What an account's last moves were, up to one decision."""
    of_account = [d for d in decisions if d.after.account_id == decision.after.account_id]
    moves = [
        StatusChange(d.sequence, d.event.received_at, d.event.status, d.before.status, d.after.status)
        for d in of_account[: of_account.index(decision) + 1]
        if d.before.status is not d.after.status
    ]
    return tuple(moves[-MOVES_TOLD:])


class OutboxContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Hooks -------------------------------------------------------------------------------------

    def test_a_hook_is_known_with_everything_that_was_said_of_it(self, store: Store) -> None:
        hooks = [
            hook("b", EffectKind.ANOMALY, "STUCK", is_ordered=False, attempts_limit=3, on_dead=OnDead.HALT),
            hook("c", EffectKind.ANOMALY, severity=Severity.ERROR, next_step=NextStep.REPORT, since=at(1)),
            hook("a \"quoted\", 'odd' näme; --"),
        ]
        store.subscribe(hooks, at(3))
        expected = [each._replace(subscribed_at=at(3), chosen=chosen_by(each)) for each in sorted(hooks)]
        assert [shape(known) for known in store.subscribed()] == [shape(each) for each in expected]

    def test_hooks_are_told_by_name(self, store: Store) -> None:
        names = ["b", "B", "a:x", "ä", "a"]
        store.subscribe([hook(name) for name in names], at(0))
        assert [known.name for known in store.subscribed()] == sorted(names)

    def test_a_hook_that_is_made_known_again_is_run_as_it_says_now(self, store: Store) -> None:
        store.subscribe([hook("mail", attempts_limit=3)], at(1))
        store.subscribe([hook("mail", EffectKind.LEFT, "OK", is_ordered=False, on_dead=OnDead.HALT)], at(2))
        (known,) = store.subscribed()
        again = hook("mail", EffectKind.LEFT, "OK", is_ordered=False, on_dead=OnDead.HALT)
        assert known == again._replace(subscribed_at=at(1))

    def test_a_disabled_hook_stays_disabled_when_it_is_made_known_again(self, store: Store) -> None:
        store.subscribe([hook()], at(1))
        store.disable("mail", at(2), "410 Gone")
        store.subscribe([hook()], at(3))
        assert store.subscribed() == [hook(subscribed_at=at(1), disabled_at=at(2), disabled_reason="410 Gone")]
        assert store.enable("mail")
        assert store.subscribed() == [hook(subscribed_at=at(1))]

    def test_a_hook_that_nobody_knows_cannot_be_enabled_disabled_or_forgotten(self, store: Store) -> None:
        store.subscribe([hook()], at(1))
        store.disable("page", at(2), "why not")
        assert not store.enable("page")
        assert not store.unsubscribe("page")
        assert store.subscribed() == [hook(subscribed_at=at(1))]

    # ---- Effects that wait -------------------------------------------------------------------------

    def test_nothing_waits_while_no_hook_is_known(self, store: Store) -> None:
        feed(store, "a", "OK", "OK", "ERROR")
        assert store.plan(at(9), ALL) == 0
        assert store.waiting_effects() == 0
        assert records(store) == []

    def test_a_hook_is_called_from_the_moment_on_that_it_is_known_the_first_one_too(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook("early", since=None))
        feed(store, "a", "ERROR", minute=1)
        planned(store, hook("late", since=None))
        feed(store, "a", "OK", minute=2)
        assert [r.subject for r in records(store, hook="early")] == ["ERROR", "OK"]
        assert [r.subject for r in records(store, hook="late")] == ["OK"]

    def test_a_hook_from_the_beginning_is_called_for_all_that_is_in_the_store(self, store: Store) -> None:
        decisions = feed(store, "a", "OK", "OK", "ERROR")
        store.subscribe([hook("late", EffectKind.LEFT)], at(3))
        assert (store.waiting_effects(), records(store)) == (2, []), "the repeat has no effect"
        feed(store, "a", "STOPPED", minute=4)
        assert [r.sequence for r in records(store)] == [4], "what is fed from now on is planned at once"
        assert store.plan(at(3), ALL) == 3
        assert store.waiting_effects() == 0
        expected = [effect for effect in of(decisions) if effect[2].kind == "left"]
        assert told(claim(store, now=at(5)))[:1] == expected

    def test_a_hook_since_a_time_is_called_for_what_was_received_from_then_on(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "STOPPED", "OK")
        planned(store, hook(since=at(2)))
        feed(store, "b", "OK", minute=1)
        feed(store, "b", "ERROR", minute=2)
        assert [(r.account_id, r.subject) for r in records(store)] == [("a", "STOPPED"), ("a", "OK"), ("b", "ERROR")]

    def test_a_hook_that_is_registered_again_goes_on_where_it_was_whatever_it_says_now(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook(since=None), now=at(1))
        planned(store, hook(since=BEGINNING), now=at(2))
        (known,) = store.subscribed()
        assert (known.since, known.backlog, records(store)) == (None, None, [])
        store.unsubscribe("mail")
        planned(store, hook(since=BEGINNING), now=at(3))
        assert [r.subject for r in records(store)] == ["OK"]

    def test_the_calls_of_a_lane_wait_for_the_earlier_ones_that_are_still_to_be_planned(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        store.subscribe([hook("ordered"), hook("loose", is_ordered=False)], at(3))
        feed(store, "a", "STOPPED", minute=4)
        assert [(d.hook.name, d.row.sequence) for d in claim(store, now=at(5))] == [("loose", 3)]
        while store.plan(at(5), 1):
            pass
        assert [d.row.sequence for d in claim(store, "ordered", now=at(5))] == [1]

    def test_hooks_that_are_behind_by_different_ways_are_called_once_for_each_effect(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        store.subscribe([hook("first")], at(0))
        store.plan(at(0), 2)
        feed(store, "a", "STOPPED", minute=3)
        planned(store, hook("second"))
        for name in ("first", "second"):
            assert [r.sequence for r in sorted(records(store, hook=name), key=lambda r: r.effect_id)] == [1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("filters", "wanted"),
        [
            ({}, ["ADOPTED", "AFTER_DELETION", "UNKNOWN_STATUS"]),
            ({"severity": Severity.WARNING}, ["AFTER_DELETION", "UNKNOWN_STATUS"]),
            ({"severity": Severity.ERROR}, ["AFTER_DELETION"]),
            ({"next_step": NextStep.NOTHING}, ["ADOPTED"]),
            ({"severity": Severity.WARNING, "next_step": NextStep.NOTHING}, []),
            ({"subject": "UNKNOWN_STATUS", "severity": Severity.INFO}, ["UNKNOWN_STATUS"]),
        ],
    )
    @pytest.mark.parametrize("is_first", [True, False])
    def test_a_hook_for_anomalies_is_called_for_those_that_its_filters_let_pass(
        self, store: Store, filters: dict[str, Any], wanted: list[str], is_first: bool
    ) -> None:
        """Whether their events were fed before it was known or after."""
        if is_first:
            store.subscribe([hook("odd", EffectKind.ANOMALY, **filters)], at(0))
        feed(store, "a", "CREDENTIALS", "SNAFU", "DELETED")
        feed(store, "a", "OK", minute=24 * 60)
        planned(store, hook("odd", EffectKind.ANOMALY, **filters))
        assert sorted(r.subject for r in records(store)) == wanted

    # ---- Planning ----------------------------------------------------------------------------------

    def test_every_effect_reaches_the_hook_that_wants_it(self, store: Store) -> None:
        decisions = store.advance([*events_with_every_window(), *events_with_every_anomaly()], as_it_is)
        planned(store, *one_for_each_kind(is_ordered=False))
        assert told(claim(store)) == of(decisions)

    def test_a_hook_hears_only_of_its_kind_and_subject(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK", "STOPPED")
        hooks = [hook("ok", subject="OK"), hook("any"), hook("left", EffectKind.LEFT, "OK"), hook("never", subject="X")]
        planned(store, *hooks)
        heard = {each.name: [(r.kind, r.subject) for r in records(store, hook=each.name)] for each in hooks}
        assert heard == {
            "ok": [("entered", "OK"), ("entered", "OK")],
            "any": [("entered", "OK"), ("entered", "ERROR"), ("entered", "OK"), ("entered", "STOPPED")],
            "left": [("left", "OK"), ("left", "OK")],
            "never": [],
        }

    def test_whoever_plans_plans_for_every_hook_that_the_store_knows(self, store: Store) -> None:
        """Another process made its hook known and sleeps: its deliveries are there when it wakes up."""
        store.subscribe([hook("of another process")], at(0))
        store.subscribe([hook("of this process")], at(0))
        feed(store, "a", "OK")
        store.plan(at(0), ALL)
        complete(store, claim_one(store, "of this process"))
        assert claim_one(store, "of another process").row.key == "a/1/entered/OK"

    def test_nothing_is_planned_twice(self, store: Store) -> None:
        feed(store, "a", "OK")
        store.subscribe([hook()], at(0))
        assert [store.plan(at(1), ALL), store.plan(at(1), ALL)] == [1, 0]
        assert len(records(store)) == 1

    def test_planning_goes_in_pages_from_the_oldest_until_none_is_left(self, store: Store) -> None:
        for n in range(5):
            feed(store, str(n), "OK")
        store.subscribe([hook()], at(0))
        counts = []
        while count := store.plan(at(0), 2):
            counts.append(count)
            assert [r.account_id for r in records(store)] == [str(n) for n in range(sum(counts))]
            assert store.waiting_effects() == 5 - sum(counts)
        assert sum(counts) == 5
        assert len(counts) > 1

    def test_planning_and_feeding_make_up_the_whole(self, store: Store) -> None:
        decisions: list[Decision] = []
        for place, event in enumerate(events_with_every_window()):
            decisions += store.feed(Feed([event], as_it_is, now=at(0))).decisions
            if place == 7:
                store.subscribe(one_for_each_kind(is_ordered=False), at(0))
            if place % 5 == 0:
                store.plan(at(0), 1)
        while store.plan(at(0), ALL):
            pass
        assert told(claim(store)) == of(decisions)

    def test_a_new_delivery_is_due_at_once(self, store: Store) -> None:
        (decision,) = feed(store, "a", "OK", minute=7)
        planned(store, hook(), now=at(8))
        (record,) = records(store)
        assert record[2:] == (
            "a", decision.sequence, EffectKind.ENTERED, "OK", "mail", DeliveryState.WAITING,
            0, at(8), None, at(8), None, None, None,
        )  # fmt: skip

    def test_a_batch_that_broke_leaves_no_effects(self, store: Store) -> None:
        def breaks(*_: object) -> Decision:
            raise ValueError("broken")

        store.subscribe([hook()], at(0))
        feed(store, "a", "OK")
        with pytest.raises(ValueError, match="broken"):
            store.advance([announced("a", "ERROR", 2)], breaks)
        assert store.plan(at(0), ALL) == 0
        assert [r.subject for r in records(store)] == ["OK"]

    # ---- What a delivery tells -----------------------------------------------------------------------

    def test_an_effect_comes_back_exactly(self, store: Store) -> None:
        decisions = store.advance([*events_with_every_window(), *events_with_every_anomaly()], as_it_is)
        planned(store, *one_for_each_kind(is_ordered=False))
        expected = [(d.after.account_id, d.sequence, d.event.received_at, e) for d in decisions for e in d.effects]
        assert {effect.doubtful for *_, effect in expected} == {True, False}
        assert [shape(tuple(delivery.row[1:5])) for delivery in claim(store)] == [shape(each) for each in expected]

    def test_an_anomaly_effect_comes_back_with_its_anomaly_and_no_other_has_one(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        planned(store, *one_for_each_kind(is_ordered=False))
        rows = [delivery.row for delivery in claim(store)]
        assert [row.anomaly for row in rows if row.anomaly] == [a for d in decisions for a in d.anomalies]
        assert all((row.anomaly is not None) == (row.effect.kind is EffectKind.ANOMALY) for row in rows)
        assert all(row.anomaly.kind is row.effect.subject for row in rows if row.anomaly)

    def test_a_recovery_comes_back_with_its_window_even_when_the_next_is_open(self, store: Store) -> None:
        decisions = store.advance(events_with_every_window(), as_it_is)
        planned(store, hook("backfill", EffectKind.RECOVERED))
        rows = [delivery.row for delivery in claim(store)]
        windows = [decisions[number].blind_window for number in (13, 16, 18)]
        assert [row.effect for row in rows] == [
            Effect(EffectKind.RECOVERED, "", is_doubtful, window)
            for window, is_doubtful in zip(windows, (True, False, False), strict=True)
        ]
        assert [row.account_id for row in rows] == ["recovered", "unheard", "old"]
        assert [window.closed_at for window in windows if window] == [at(13), at(45), at(47)]

    def test_an_effect_carries_the_last_moves_of_its_account_up_to_its_event(self, store: Store) -> None:
        """Not what came after it, not what moved nothing, and of its own account only."""
        words = [
            "OK",
            "ERROR",
            "ERROR",
            "OK",
            "CREATION_FAIL",
            "STOPPED",
            "OK",
            "CREDENTIALS",
            "SNAFU",
            "OK",
            "DELETED",
        ]
        decisions = []
        for minute, word in enumerate(words):
            decisions += feed(store, "a", word, minute=minute)
            decisions += feed(store, "b", *words[: minute % 2], minute=minute)
        planned(store, *one_for_each_kind(is_ordered=False))
        by_event = {(d.after.account_id, d.sequence): d for d in decisions}
        found = claim(store)
        assert max(len(delivery.row.transitions) for delivery in found) == MOVES_TOLD
        for row in (delivery.row for delivery in found):
            expected = moves_until(by_event[row.account_id, row.sequence], decisions)
            assert shape(row.transitions) == shape(expected)

    def test_the_first_move_is_from_where_every_account_begins(self, store: Store) -> None:
        feed(store, "a", "OK", minute=2)
        planned(store, hook())
        assert claim_one(store).row.transitions == (StatusChange(1, at(2), "OK", Status.UNSEEN, Status.OK),)

    def test_a_delivery_comes_with_its_hook_as_the_store_knows_it(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook("mail", attempts_limit=3, on_dead=OnDead.HALT))
        delivery = claim_one(store)
        assert shape(delivery.hook) == shape(store.subscribed()[0])
        assert delivery.attempts == 1

    def test_the_key_of_an_effect_is_the_same_for_every_hook_attempt_and_redrive(self, store: Store) -> None:
        feed(store, "a b", "OK")
        planned(store, hook("mail"), hook("page"))
        first = claim(store)
        complete(store, *first)
        store.redrive([first[0].delivery_id], at(1))
        again = claim_one(store, now=at(1))
        assert {delivery.row.key for delivery in [*first, again]} == {"a%20b/1/entered/OK"}

    # ---- Forgetting a hook -----------------------------------------------------------------------------

    def test_a_forgotten_hook_leaves_only_what_is_finished(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        planned(store, hook("mail"), hook("page"))
        complete(store, claim_one(store, "mail"))
        running = claim_one(store, "mail")
        assert store.unsubscribe("mail")
        assert [known.name for known in store.subscribed()] == ["page"]
        assert states(store, hook="mail") == ["done"]
        assert states(store, hook="page") == ["waiting"] * 3
        assert complete(store, running) == [False]
        assert not store.unsubscribe("mail")
        assert claim(store, "mail") == []

    def test_a_hook_that_comes_back_under_its_name_begins_anew(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        held = claim_one(store)
        store.disable("mail", at(1), "no")
        store.unsubscribe("mail")
        store.subscribe([hook(since=None)], at(6))
        feed(store, "a", "OK", minute=5)
        assert store.subscribed() == [hook(since=None, subscribed_at=at(6), known_after=2)]
        assert [delivery.row.sequence for delivery in claim(store, now=at(6))] == [3]
        assert complete(store, held) == [False]

    def test_nothing_is_redriven_for_a_forgotten_hook(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook("mail"), hook("page"))
        done = claim_one(store, "mail")
        complete(store, done)
        store.unsubscribe("mail")
        assert store.redrive([done.delivery_id], at(2)) == []
        assert record_of(store, done.delivery_id).state is DeliveryState.DONE

    def test_once_the_last_hook_is_forgotten_nothing_waits(self, store: Store) -> None:
        planned(store, hook())
        store.unsubscribe("mail")
        feed(store, "a", "OK")
        assert (store.plan(at(0), ALL), store.waiting_effects(), records(store)) == (0, 0, [])
        store.subscribe([hook("page")], at(1))
        assert [delivery.hook.name for delivery in run_all(store)] == ["page"]
