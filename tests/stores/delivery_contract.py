"""What a store promises about deliveries: one claim at a time, one of a lane at a time, completed by its holder."""

from datetime import UTC, timedelta

import pytest

from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import Claim, Completion, DeliveryFilter, DeliveryState, OnDead
from account_lifecycle.stores.protocol import Store
from builders import announced, as_it_is, at
from stores.hooks import (
    ALL,
    back_off,
    claim,
    claim_one,
    complete,
    completed,
    feed,
    hook,
    planned,
    record_of,
    records,
    sequences,
    states,
)

DONE, DEAD, HALTED, WAITING = (
    DeliveryState.DONE,
    DeliveryState.DEAD,
    DeliveryState.HALTED,
    DeliveryState.WAITING,
)
FINISHED = (DONE, DEAD, HALTED)


class DeliveryContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Completing and claiming ---------------------------------------------------------------------

    def test_completing_and_claiming_frees_a_lane_and_takes_its_next(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        first = claim_one(store)
        held, (second,) = store.complete_and_claim([completed(first)], ["mail"], at(1), at(6), ALL)
        assert (held, second.row.sequence, second.attempts) == ([True], 2, 1)
        assert states(store) == ["done", "running"]
        assert store.complete_and_claim([completed(first), completed(second)], ["mail"], at(1), at(6), ALL) == (
            [False, True],
            [],
        )

    def test_completing_nothing_and_claiming_is_claiming(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        held, (delivery,) = store.complete_and_claim([], ["mail"], at(0), at(6), ALL, ["a"])
        assert (held, delivery.row.account_id) == ([], "a")
        assert store.complete_and_claim([], ["mail"], at(0), at(6), ALL) == ([], [])

    def test_completing_among_many_claims_for_the_accounts_that_are_asked_for(self, store: Store) -> None:
        for account_id in "ab":
            feed(store, account_id, "OK", "ERROR")
        planned(store, hook())
        first, other = claim(store)
        done = [completed(first), completed(other)]
        held, taken = store.complete_and_claim(done, ["mail"], at(1), at(6), ALL, ["b"])
        assert (held, [delivery.row.account_id for delivery in taken]) == ([True, True], ["b"])

    # ---- Claiming ----------------------------------------------------------------------------------

    def test_a_claim_counts_an_attempt_and_takes_a_lease(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store, now=at(3))
        record = record_of(store, delivery.delivery_id)
        assert (delivery.attempts, record.attempts, record.state) == (1, 1, DeliveryState.RUNNING)
        assert record.leased_until == at(8)
        assert record.leased_until.tzinfo is UTC

    def test_what_is_claimed_cannot_be_claimed_again(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook("ordered"), hook("loose", is_ordered=False))
        assert len(claim(store)) == 2
        assert claim(store, now=at(99)) == []

    def test_claims_are_in_the_order_of_effects_and_no_more_than_wanted(self, store: Store) -> None:
        for account_id in "cab":
            feed(store, account_id, "OK")
        planned(store, hook("page"), hook("mail", is_ordered=False))
        found = [claim(store, limit=2), claim(store, limit=1), claim(store, limit=ALL)]
        assert [[delivery.row.account_id for delivery in page] for page in found] == [
            ["c", "c"],
            ["a"],
            ["a", "b", "b"],
        ]
        assert len({(d.row.effect_id, d.hook.name) for page in found for d in page}) == 6

    def test_only_the_hooks_at_hand_are_claimed_for(self, store: Store) -> None:
        names = ["mail", "page", 'it\'s, "odd"']
        feed(store, "a", "OK")
        planned(store, *map(hook, names))
        assert store.claim([], at(0), at(5), ALL) == []
        found = claim(store, 'it\'s, "odd"', "page", "nobody", "page")
        assert sorted(delivery.hook.name for delivery in found) == ['it\'s, "odd"', "page"]

    def test_only_the_accounts_asked_for_are_claimed_for(self, store: Store) -> None:
        for account_id in "abc":
            feed(store, account_id, "OK", "ERROR")
        planned(store, hook("mail"), hook("loose", EffectKind.LEFT, is_ordered=False))
        assert claim(store, account_ids=[]) == []
        found = claim(store, account_ids=["c", "a", "c", "nobody"])
        assert [(d.row.account_id, d.row.sequence) for d in found] == [("a", 1), ("a", 2), ("c", 1), ("c", 2)]
        assert {d.row.account_id for d in claim(store)} == {"b"}

    def test_a_claim_for_accounts_takes_no_more_than_wanted(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        planned(store, hook(is_ordered=False))
        assert [sequences(claim(store, limit=2, account_ids=["a"])) for _ in range(3)] == [[1, 2], [3], []]

    @pytest.mark.parametrize("account_ids", [None, ["a"]], ids=["all accounts", "one account"])
    def test_a_delivery_is_not_claimed_before_it_is_due(self, store: Store, account_ids: list[str] | None) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        back_off(store, claim_one(store), at(10))
        almost = at(10) - timedelta(microseconds=1)
        assert claim(store, now=almost, account_ids=account_ids) == []
        assert len(claim(store, now=at(10), account_ids=account_ids)) == 1

    def test_a_clock_that_was_set_back_delays_and_loses_nothing(self, store: Store) -> None:
        for account_id in "ab":
            feed(store, account_id, "OK")
        planned(store, hook(), now=at(10))
        assert len(claim(store, now=at(10), limit=1)) == 1
        assert claim(store, now=at(9)) == []
        assert len(claim(store, now=at(10))) == 1

    @pytest.mark.parametrize("account_ids", [None, ["a"]], ids=["all accounts", "one account"])
    def test_a_disabled_hook_is_not_claimed_for_until_it_is_enabled(
        self, store: Store, account_ids: list[str] | None
    ) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook("mail"), hook("page"))
        store.disable("mail", at(1), "410 Gone")
        feed(store, "a", "OK", minute=3)
        planned(store)
        assert [d.hook.name for d in claim(store, "mail", "page", account_ids=account_ids)] == ["page"]
        assert states(store, hook="mail") == ["waiting"] * 3, "planned all the same"
        store.enable("mail")
        assert sequences(claim(store, "mail", account_ids=account_ids)) == [1]

    def test_what_a_hook_had_in_hand_when_it_was_disabled_can_be_completed(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        store.disable("mail", at(1), "no")
        assert store.complete([completed(delivery, WAITING, at(1), at(1), "no", counts=False)]) == [True]
        assert claim(store, now=at(2)) == []
        store.enable("mail")
        assert claim_one(store, now=at(2)).attempts == 1

    # ---- Lanes -------------------------------------------------------------------------------------

    def test_a_lane_goes_one_by_one_in_the_order_of_its_events(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK", "STOPPED")
        planned(store, hook())
        found = []
        while batch := claim(store):
            assert len(batch) == 1
            assert claim(store) == []
            found += sequences(batch)
            complete(store, *batch)
        assert found == [1, 2, 3, 4]

    def test_lanes_of_other_accounts_and_other_hooks_do_not_wait(self, store: Store) -> None:
        for account_id in "ab":
            feed(store, account_id, "OK", "ERROR")
        planned(store, hook("mail"), hook("page"))
        assert sorted((d.row.account_id, d.hook.name, d.row.sequence) for d in claim(store)) == [
            ("a", "mail", 1), ("a", "page", 1), ("b", "mail", 1), ("b", "page", 1),
        ]  # fmt: skip

    def test_effects_of_one_event_are_one_after_the_other_too(self, store: Store) -> None:
        store.advance([announced("a", "SNAFU", 0, "MYSPACE", "recruiter")], as_it_is)
        planned(store, hook("odd", EffectKind.ANOMALY))
        found = []
        while batch := claim(store):
            found += [delivery.row.effect.subject for delivery in batch]
            assert len(batch) == 1
            complete(store, *batch)
        assert found == ["UNKNOWN_PROVIDER", "UNEXPECTED_PRODUCT", "UNKNOWN_STATUS"]

    def test_an_unordered_hook_takes_everything_at_once(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        planned(store, hook(is_ordered=False))
        first, *_ = found = claim(store)
        assert sequences(found) == [1, 2, 3]
        back_off(store, first, at(10))
        feed(store, "a", "STOPPED", minute=9)
        planned(store)
        assert sequences(claim(store)) == [4]

    def test_a_lane_waits_while_its_head_backs_off(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        feed(store, "b", "OK")
        planned(store, hook())
        head, _ = claim(store)
        back_off(store, head, at(10))
        assert claim(store, now=at(9), account_ids=["a"]) == []
        assert sequences(claim(store, now=at(10))) == [1]

    @pytest.mark.parametrize("state", [DONE, DEAD])
    def test_a_lane_goes_on_after_what_is_done_or_dead(self, store: Store, state: DeliveryState) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        complete(store, claim_one(store), state=state)
        assert sequences(claim(store)) == [2]
        assert states(store) == [state, "running"]

    def test_a_halted_lane_waits_until_its_head_is_redriven(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        feed(store, "b", "OK", "ERROR")
        planned(store, hook(on_dead=OnDead.HALT))
        halted, other = claim(store)
        complete(store, halted, state=HALTED)
        complete(store, other)
        assert [(d.row.account_id, d.row.sequence) for d in claim(store, now=at(999))] == [("b", 2)]
        assert states(store, account_id="a") == ["halted", "waiting"]
        (number,) = store.redrive([halted.delivery_id], at(1000))
        assert states(store, account_id="a") == ["dead", "waiting", "waiting"]
        again = claim_one(store, now=at(1000))
        assert (again.delivery_id, again.row.sequence, again.attempts) == (number, 1, 1)
        complete(store, again)
        assert sequences(claim(store, now=at(1000))) == [2]

    def test_what_is_fed_later_takes_its_place_at_the_end_of_a_halted_lane(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        complete(store, claim_one(store), state=HALTED)
        feed(store, "a", "ERROR", minute=5)
        planned(store)
        assert claim(store, now=at(9)) == []

    # ---- Completing ----------------------------------------------------------------------------------

    def test_a_completed_delivery_tells_how_its_last_attempt_ended(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        store.complete([completed(delivery, WAITING, at(2), at(10), "ValueError: no\0 \N{SNOWMAN}")])
        record = record_of(store, delivery.delivery_id)
        assert (record.state, record.attempts, record.leased_until) == (WAITING, 1, None)
        assert (record.due_at, record.settled_at, record.error) == (at(10), at(2), "ValueError: no\0 \N{SNOWMAN}")
        store.complete([completed(claim_one(store, now=at(10)), DONE, at(11))])
        record = record_of(store, delivery.delivery_id)
        assert (record.state, record.attempts, record.settled_at, record.error) == (DONE, 2, at(11), None)
        assert record.created_at == at(0)

    @pytest.mark.parametrize("state", FINISHED)
    def test_what_is_finished_is_never_claimed_again(self, store: Store, state: DeliveryState) -> None:
        feed(store, "a", "OK")
        planned(store, hook("mail"), hook("loose", is_ordered=False))
        complete(store, *claim(store), state=state)
        assert states(store) == [state, state]
        assert claim(store, now=at(10_000)) == []
        assert store.expired(at(10_000), ALL) == []

    def test_completing_twice_is_refused_and_changes_nothing(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        first = completed(delivery, DONE, at(1))
        assert store.complete([first, completed(delivery, DEAD, at(2), error="too late")]) == [True, False]
        before = records(store)
        assert store.complete([completed(delivery, WAITING, at(3), at(3), "later still"), first]) == [False, False]
        assert records(store) == before

    def test_a_stale_claim_is_refused_and_changes_nothing(self, store: Store) -> None:
        """Its lease ran out, the reaper gave it back, somebody else claimed it: the late owner comes second."""
        feed(store, "a", "OK")
        planned(store, hook())
        late = claim_one(store, now=at(0))
        (reaped,) = store.expired(at(5), ALL)
        back_off(store, reaped, at(5))
        assert complete(store, late) == [False], "it waits"
        owner = claim_one(store, now=at(5))
        before = records(store)
        assert complete(store, late) == [False], "somebody else has it"
        assert store.renew([Claim(late.delivery_id, late.token)], at(99)) == [False]
        assert records(store) == before
        assert complete(store, owner) == [True]

    def test_a_claim_that_never_was_is_refused(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        (waiting,) = records(store)
        wrong = [Claim(waiting.delivery_id, token) for token in (0, 1)] + [Claim(waiting.delivery_id + 1, 1)]
        assert store.complete([Completion(each, DONE, at(1)) for each in wrong]) == [False, False, False]
        delivery = claim_one(store)
        stranger = Claim(delivery.delivery_id, delivery.token + 1)
        assert store.complete([Completion(stranger, DONE, at(1))]) == [False]
        assert states(store) == ["running"]

    def test_each_completement_of_many_is_answered_for_itself(self, store: Store) -> None:
        for account_id in "abc":
            feed(store, account_id, "OK")
        planned(store, hook())
        a, b, c = claim(store)
        complete(store, b)
        answers = store.complete([completed(a, DEAD), completed(b, DEAD), completed(c, WAITING, at(1), at(2), "no")])
        assert answers == [True, False, True]
        assert states(store) == ["dead", "done", "waiting"]

    def test_completing_nothing_and_renewing_nothing_do_nothing(self, store: Store) -> None:
        assert store.complete([]) == []
        assert store.renew([], at(0)) == []
        assert store.redrive([], at(0)) == []

    def test_attempts_can_be_given_back_but_tokens_are_never_used_again(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        tokens, attempts = [], []
        for minute, counts in enumerate([True, False, False, True, False, True]):
            delivery = claim_one(store, now=at(minute))
            tokens.append(delivery.token)
            attempts.append(delivery.attempts)
            store.complete([completed(delivery, WAITING, at(minute), at(minute + 1), "no", counts=counts)])
        assert attempts == [1, 2, 2, 2, 3, 3]
        assert tokens == sorted(set(tokens))
        assert record_of(store, delivery.delivery_id).attempts == 3

    def test_why_a_delivery_failed_stays_when_it_is_released(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        back_off(store, claim_one(store), at(1))
        released = completed(claim_one(store, now=at(1)), WAITING, at(1), at(2), counts=False)
        assert store.complete([released]) == [True]
        assert record_of(store, released.claim.delivery_id).error == "ValueError: no"

    # ---- Leases ------------------------------------------------------------------------------------

    def test_a_delivery_whose_lease_ran_out_is_told_with_the_token_of_its_claim(self, store: Store) -> None:
        for account_id in "ab":
            feed(store, account_id, "OK")
        planned(store, hook())
        (short,) = claim(store, limit=1, lease_min=2)
        (long,) = claim(store, limit=1, lease_min=9)
        assert store.expired(at(1.9), ALL) == []
        assert store.expired(at(3), ALL) == [short]
        assert store.expired(at(3), ALL) == [short], "until somebody completes it"
        assert sorted(store.expired(at(10), ALL)) == sorted([short, long])
        assert len(store.expired(at(10), 1)) == 1

    def test_what_expired_still_holds_its_lane_until_it_is_completed(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR")
        planned(store, hook())
        claim_one(store)
        assert claim(store, now=at(99)) == []
        (late,) = store.expired(at(99), ALL)
        complete(store, late, state=DEAD)
        assert sequences(claim(store, now=at(99))) == [2]

    def test_a_renewed_lease_lasts_longer(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        held = Claim(delivery.delivery_id, delivery.token)
        assert store.renew([held, held._replace(token=held.token + 1)], at(20)) == [True, False]
        assert record_of(store, delivery.delivery_id).leased_until == at(20)
        assert store.expired(at(19), ALL) == []
        assert complete(store, delivery) == [True]
        assert store.renew([held], at(30)) == [False]
        assert record_of(store, delivery.delivery_id).leased_until is None

    def test_a_lease_that_ran_out_can_be_renewed_while_nobody_took_over(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        assert store.renew([Claim(delivery.delivery_id, delivery.token)], at(50)) == [True]
        assert store.expired(at(40), ALL) == []
        assert complete(store, delivery) == [True]

    # ---- Reading -----------------------------------------------------------------------------------

    def test_deliveries_are_found_by_state_hook_account_and_number(self, store: Store) -> None:
        for account_id in "ab":
            feed(store, account_id, "OK", "ERROR")
        planned(store, hook("mail"), hook("page"))
        complete(store, *claim(store, "mail"))
        claim(store, "page", limit=1)
        everything = records(store)
        assert [r.delivery_id for r in everything] == sorted({r.delivery_id for r in everything})
        numbers = (None, everything[3].delivery_id, everything[-1].delivery_id + 1)
        for state in (None, *DeliveryState):
            for name in (None, "mail", "nobody"):
                for owner in (None, "a", "nobody"):
                    for number in numbers:
                        wanted = DeliveryFilter(state, name, owner, number)
                        assert list(store.deliveries(wanted)) == [
                            r
                            for r in everything
                            if state in (None, r.state)
                            and name in (None, r.hook)
                            and owner in (None, r.account_id)
                            and number in (None, r.delivery_id)
                        ]

    def test_a_stream_of_deliveries_is_a_snapshot_while_hooks_run(self, store: Store) -> None:
        for account_id in "abc":
            feed(store, account_id, "OK")
        planned(store, hook())
        snapshot = records(store)
        rows = store.deliveries(DeliveryFilter())
        seen = [next(rows)]
        complete(store, *claim(store))
        assert seen + list(rows) == snapshot
        assert records(store) != snapshot

    # ---- Redriving ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("state", FINISHED)
    def test_what_is_finished_can_be_tried_again_as_a_delivery_of_its_own(
        self, store: Store, state: DeliveryState
    ) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        old = claim_one(store)
        store.complete([completed(old, state, at(1), error=None if state is DONE else "no")])
        (number,) = store.redrive([old.delivery_id], at(7))
        kept, new = records(store)
        assert kept.state is (DEAD if state is HALTED else state)
        assert (new.delivery_id, new.redrive_of, new.effect_id) == (number, old.delivery_id, old.row.effect_id)
        assert (new.state, new.attempts, new.due_at, new.created_at) == (WAITING, 0, at(7), at(7))
        assert (new.settled_at, new.error, new.leased_until) == (None, None, None)
        assert claim(store, now=at(6)) == []
        again = claim_one(store, now=at(7))
        assert (again.row, again.attempts) == (old.row, 1)
        assert complete(store, old) == [False]
        assert complete(store, again) == [True]

    def test_a_delivery_is_redriven_once_and_then_its_redrive_is(self, store: Store) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        first = claim_one(store)
        complete(store, first, state=DEAD)
        numbers = store.redrive([first.delivery_id, first.delivery_id], at(1))
        assert len(numbers) == 1
        assert store.redrive([first.delivery_id], at(1)) == []
        assert store.redrive(numbers, at(1)) == [], "it is not finished"
        for redriven, expected in (
            (True, [first.delivery_id]),
            (False, numbers),
            (None, [first.delivery_id, *numbers]),
        ):
            found = store.deliveries(DeliveryFilter(redriven=redriven))
            assert [each.delivery_id for each in found] == expected
        complete(store, claim_one(store, now=at(1)), state=DEAD)
        assert store.redrive([first.delivery_id], at(2)) == []
        assert len(store.redrive(numbers, at(2))) == 1

    def test_what_is_unfinished_or_unknown_is_passed_over(self, store: Store) -> None:
        for account_id in "abc":
            feed(store, account_id, "OK")
        planned(store, hook())
        (running, _, done) = claim(store)
        complete(store, done)
        back_off(store, store.expired(at(9), ALL)[1], at(5))
        states_before = states(store)
        numbers = [record.delivery_id for record in records(store)]
        made = store.redrive([numbers[-1] + 99, *numbers, -1], at(9))
        assert len(made) == 1
        assert record_of(store, made[0]).redrive_of == done.delivery_id
        assert states(store)[:3] == states_before == ["running", "waiting", "done"]
        assert complete(store, running) == [True]

    def test_a_redrive_keeps_its_place_in_its_lane(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK", "STOPPED")
        planned(store, hook())
        dead = claim_one(store)
        complete(store, dead, state=DEAD)
        running = claim_one(store)
        store.redrive([dead.delivery_id], at(0))
        assert claim(store) == [], "one of the lane is running"
        complete(store, running)
        found = []
        while batch := claim(store):
            found += sequences(batch)
            complete(store, *batch)
        assert found == [1, 3, 4]

    def test_redrives_of_a_page_of_dead_deliveries_come_in_the_order_of_their_effects(self, store: Store) -> None:
        feed(store, "a", "OK", "ERROR", "OK")
        planned(store, hook())
        dead = [claim_one(store)]
        while complete(store, dead[-1], state=DEAD) and (batch := claim(store)):
            dead += batch
        numbers = store.redrive([delivery.delivery_id for delivery in reversed(dead)], at(1))
        assert len(numbers) == 3
        found = []
        while batch := claim(store, now=at(1)):
            found += sequences(batch)
            complete(store, *batch)
        assert found == [1, 2, 3]
