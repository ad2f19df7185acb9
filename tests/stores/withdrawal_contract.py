"""What a store promises about deliveries that are over before they are called: dwell, and paired hooks."""

from datetime import timedelta
from typing import Any

import pytest

from account_lifecycle.errors import StoreBusy
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import Delivery, DeliveryState, SubscribedHook
from account_lifecycle.stores.protocol import Store
from builders import at
from stores.hooks import ALL, claim, claim_one, complete, completed, feed, hook, planned, records

DWELL = timedelta(minutes=3)
REQUIRED, RESOLVED, RECOVERED = EffectKind.ACTION_REQUIRED, EffectKind.ACTION_RESOLVED, EffectKind.RECOVERED


def dwelling(kind: EffectKind = REQUIRED, subject: str | None = None, **more: Any) -> SubscribedHook:
    """A hook that waits three minutes."""
    return hook(f"{kind}:{subject or '*'}:mail", kind, subject, after=DWELL, **more)


def paired(kind: EffectKind = RECOVERED, **more: Any) -> SubscribedHook:
    """A hook of the same name, for what has ended."""
    return hook(f"{kind}:*:mail", kind, is_paired=True, **more)


def live(store: Store, *minutes_and_words: tuple[float, str], account_id: str = "a") -> None:
    """Feed announcements as they come, each at its minute."""
    for minute, word in minutes_and_words:
        feed(store, account_id, word, minute=minute, now=at(minute))


def call_due(store: Store, minute: float) -> list[tuple[str, int]]:
    """Call what is due by a minute, again and again until nothing is; kind and sequence of each."""
    called: list[Delivery] = []
    while batch := claim(store, now=at(minute)):
        assert all(complete(store, *batch))
        called += batch
    return [(str(delivery.row.effect.kind), delivery.row.sequence) for delivery in called]


def standing(store: Store, **wanted: Any) -> list[tuple[int, str]]:
    return [(record.sequence, record.state.value) for record in records(store, **wanted)]


class WithdrawalContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Dwell -------------------------------------------------------------------------------------

    def test_a_dwell_and_a_pair_are_known_with_the_hook(self, store: Store) -> None:
        store.subscribe([dwelling(), paired()], at(0))
        found = {known.name: (known.after, known.is_paired) for known in store.subscribed()}
        assert found == {"action_required:*:mail": (DWELL, False), "recovered:*:mail": (None, True)}

    def test_a_delivery_waits_as_long_as_its_dwell_and_is_then_called(self, store: Store) -> None:
        store.subscribe([dwelling()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        assert [record.due_at for record in records(store)] == [at(13)]
        assert call_due(store, 12.99) == []
        assert call_due(store, 13) == [("action_required", 2)]

    def test_what_is_over_before_is_withdrawn_at_once_with_a_reason_and_never_called(self, store: Store) -> None:
        store.subscribe([dwelling()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (12, "OK"))
        (record,) = records(store)
        assert (record.state, record.settled_at, record.attempts) == (DeliveryState.WITHDRAWN, at(12), 0)
        assert record.error is not None
        assert "no longer in that state" in record.error
        assert call_due(store, 99) == []

    def test_what_was_over_once_is_withdrawn_although_the_account_is_back(self, store: Store) -> None:
        store.subscribe([dwelling()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (11, "OK"), (12, "CREDENTIALS"))
        assert standing(store) == [(2, "withdrawn"), (4, "waiting")]
        assert call_due(store, 14) == []
        assert call_due(store, 15) == [("action_required", 4)]

    def test_what_came_and_went_in_one_feed_is_withdrawn_too(self, store: Store) -> None:
        store.subscribe([dwelling(), paired()], at(0))
        feed(store, "a", "OK", "CREDENTIALS", "OK", "CREDENTIALS", now=at(3))
        assert standing(store, hook="action_required:*:mail") == [(2, "withdrawn"), (4, "waiting")]
        assert standing(store, hook="recovered:*:mail") == [(3, "withdrawn")]

    def test_what_was_called_once_is_withdrawn_no_more(self, store: Store) -> None:
        store.subscribe([dwelling()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        failed = claim_one(store, now=at(13))
        store.complete([completed(failed, DeliveryState.WAITING, at(13), at(20), "no paper left")])
        live(store, (15, "OK"))
        assert standing(store) == [(2, "waiting")]
        running = claim_one(store, now=at(20))
        live(store, (21, "CREDENTIALS"), (22, "OK"))
        assert complete(store, running) == [True]
        assert standing(store) == [(2, "done"), (4, "withdrawn")]

    def test_another_account_withdraws_nothing(self, store: Store) -> None:
        store.subscribe([dwelling()], at(0))
        for account_id in "ab":
            live(store, (0, "OK"), (10, "CREDENTIALS"), account_id=account_id)
        live(store, (11, "OK"), account_id="b")
        assert [(record.account_id, record.state) for record in records(store)] == [
            ("a", "waiting"),
            ("b", "withdrawn"),
        ]

    @pytest.mark.parametrize(
        ("kind", "subject", "words", "expected"),
        [
            (EffectKind.ENTERED, "ERROR", ("OK", "ERROR", "ERROR"), "waiting"),
            (EffectKind.ENTERED, "ERROR", ("OK", "ERROR", "STOPPED"), "withdrawn"),
            (EffectKind.LEFT, "OK", ("OK", "ERROR", "STOPPED"), "waiting"),
            (EffectKind.LEFT, "OK", ("OK", "ERROR", "OK"), "withdrawn"),
            (EffectKind.HEALTH_CHANGED, "INTERRUPTED", ("OK", "ERROR", "STOPPED"), "waiting"),
            (EffectKind.HEALTH_CHANGED, "INTERRUPTED", ("OK", "ERROR", "CREDENTIALS"), "withdrawn"),
            (EffectKind.INTERRUPTED, None, ("OK", "ERROR", "STOPPED"), "waiting"),
            (EffectKind.INTERRUPTED, None, ("OK", "ERROR", "OK"), "withdrawn"),
            (EffectKind.ACTION_RESOLVED, None, ("OK", "CREDENTIALS", "OK", "ERROR"), "waiting"),
            (EffectKind.ACTION_RESOLVED, None, ("OK", "CREDENTIALS", "OK", "CREDENTIALS"), "withdrawn"),
            (EffectKind.CONNECTED, None, ("OK", "OK"), "waiting"),
            (EffectKind.CONNECTED, None, ("OK", "DELETED"), "withdrawn"),
        ],
    )
    @pytest.mark.parametrize("is_known_first", [True, False], ids=["known first", "known later"])
    def test_it_stands_for_what_its_effect_says(
        self, store: Store, kind: EffectKind, subject: str, words: tuple[str, ...], expected: str, is_known_first: bool
    ) -> None:
        """Whether the hook was known when the events came, or they are its backlog."""
        if is_known_first:
            store.subscribe([dwelling(kind, subject)], at(0))
        live(store, *((minute / 10, word) for minute, word in enumerate(words)))
        planned(store, dwelling(kind, subject), now=at(1))
        assert standing(store) in [[(2, expected)], [(1, expected)], [(3, expected)]]

    def test_a_quiet_event_ends_what_it_ends(self, store: Store) -> None:
        from builders import announced, as_it_is

        store.subscribe([dwelling()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        store.advance([announced("a", "OK", 11)], as_it_is, quiet=True)
        assert standing(store) == [(2, "withdrawn")]

    # ---- Paired ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", [RECOVERED, RESOLVED])
    def test_a_paired_hook_is_called_where_its_opener_was_and_only_there(self, store: Store, kind: EffectKind) -> None:
        store.subscribe([dwelling(), paired(kind)], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        assert call_due(store, 13) == [("action_required", 2)]
        live(store, (20, "OK"))
        assert call_due(store, 20) == [(str(kind), 3)]
        live(store, (30, "CREDENTIALS"), (31, "OK"))
        assert call_due(store, 99) == []
        assert standing(store, hook=paired(kind).name) == [(3, "done"), (5, "withdrawn")]

    def test_it_is_called_after_its_opener_that_was_not_done_yet(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (11, "OK"))
        assert claim(store, "recovered:*:mail", now=at(11)) == []
        assert call_due(store, 11) == [("action_required", 2), ("recovered", 3)]

    def test_it_is_withdrawn_if_the_opener_that_it_waits_for_is_dead_lettered(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        running = claim_one(store, now=at(10))
        live(store, (11, "OK"))
        assert standing(store, hook="recovered:*:mail") == [(3, "waiting")]
        store.complete([completed(running, DeliveryState.DEAD, at(12), None, "no")])
        assert standing(store, hook="recovered:*:mail") == [(3, "withdrawn")]
        assert call_due(store, 99) == []

    def test_it_is_withdrawn_with_an_opener_that_was_asked_about_and_had_healed(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED, is_confirmed=True), paired()], at(0))
        assert [known.is_confirmed for known in store.subscribed()] == [True, False]
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        asked = claim_one(store, now=at(10))
        assert asked.hook.is_confirmed
        live(store, (11, "OK"))
        store.complete([completed(asked, DeliveryState.WITHDRAWN, at(12), None, "healed", counts=False)])
        assert standing(store) == [(2, "withdrawn"), (3, "withdrawn")]
        assert [(record.attempts, record.error) for record in records(store, hook="action_required:*:mail")] == [
            (0, "healed")
        ]
        assert call_due(store, 99) == []

    def test_it_waits_for_an_opener_that_halts_until_that_is_redriven(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        halted = claim_one(store, now=at(10))
        store.complete([completed(halted, DeliveryState.HALTED, at(10), None, "no")])
        live(store, (11, "OK"))
        assert call_due(store, 50) == []
        store.redrive([halted.delivery_id], at(51))
        assert call_due(store, 52) == [("action_required", 2), ("recovered", 3)]

    def test_it_is_withdrawn_with_a_hook_that_is_forgotten(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (11, "OK"))
        store.unsubscribe("action_required:*:mail")
        assert standing(store) == [(3, "withdrawn")]

    def test_it_pairs_with_hooks_of_its_own_name_alone(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:metrics", REQUIRED), dwelling(), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        assert call_due(store, 10) == [("action_required", 2)]
        live(store, (11, "OK"))
        assert call_due(store, 99) == []

    def test_a_recovery_is_paired_with_an_interruption_as_well(self, store: Store) -> None:
        store.subscribe([dwelling(EffectKind.INTERRUPTED), dwelling(), paired()], at(0))
        live(store, (0, "OK"), (10, "ERROR"))
        assert call_due(store, 13) == [("interrupted", 2)]
        live(store, (14, "CREDENTIALS"), (15, "OK"))
        assert call_due(store, 99) == [("recovered", 4)]

    def test_a_recovery_that_did_not_last_leaves_the_next_to_be_told(self, store: Store) -> None:
        """The user knows of the outage, so that he is to know of its end, whatever flapped in between."""
        store.subscribe([dwelling(), paired(after=DWELL)], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"))
        assert call_due(store, 13) == [("action_required", 2)]
        live(store, (20, "OK"), (21, "CREDENTIALS"), (22, "OK"))
        assert call_due(store, 24.9) == []
        assert call_due(store, 25) == [("recovered", 5)]

    @pytest.mark.parametrize("is_known_first", [True, False], ids=["known first", "known later"])
    def test_a_flapping_account_makes_one_call_an_episode(self, store: Store, is_known_first: bool) -> None:
        """667 flaps of a minute, then an outage that lasts, and its end."""
        hooks = [dwelling(), paired()]
        if is_known_first:
            store.subscribe(hooks, at(0))
        live(store, (0, "OK"))
        words = ["CREDENTIALS", "OK"] * 667
        for first in range(0, len(words), 58):
            minute = 1 + first
            feed(store, "a", *words[first : first + 58], minute=minute, now=at(minute + 58))
        end = 1 + len(words)
        live(store, (end, "CREDENTIALS"))
        while store.plan(at(end), ALL):
            pass
        planned(store, *hooks, now=at(end))
        called = call_due(store, end + 3)
        live(store, (end + 60, "OK"))
        called += call_due(store, end + 60)
        assert called == [("action_required", 1336), ("recovered", 1337)]

    # ---- Skipping ----------------------------------------------------------------------------------

    def test_what_waits_of_older_events_is_skipped_and_the_rest_is_called(self, store: Store) -> None:
        store.subscribe([hook("page"), hook("mail")], at(0))
        live(store, (0, "OK"), (10, "ERROR"), (20, "OK"))
        assert store.skip("page", at(20), at(30)) == 2
        assert standing(store, hook="page") == [(1, "withdrawn"), (2, "withdrawn"), (3, "waiting")]
        assert {(r.error, r.settled_at) for r in records(store, hook="page")} == {("skipped", at(30)), (None, None)}
        assert standing(store, hook="mail") == [(1, "waiting"), (2, "waiting"), (3, "waiting")]
        assert store.skip("page", at(20), at(31)) == 0

    def test_a_backlog_is_skipped_before_anything_is_made_of_it(self, store: Store) -> None:
        live(store, (0, "OK"), (10, "ERROR"), (20, "OK"))
        store.subscribe([hook("page")], at(25))
        assert store.skip("page", at(15), at(30)) == 0
        planned(store, hook("page"), now=at(30))
        assert standing(store) == [(3, "waiting")]

    def test_what_waits_for_an_opener_that_is_skipped_is_withdrawn(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (11, "OK"))
        assert store.skip("action_required:*:mail", at(11), at(12)) == 1
        assert standing(store) == [(2, "withdrawn"), (3, "withdrawn")]

    def test_skipping_for_a_hook_that_is_not_known_does_nothing(self, store: Store) -> None:
        assert store.skip("nobody", at(99), at(99)) == 0

    # ---- Renaming ----------------------------------------------------------------------------------

    def test_a_hook_that_is_renamed_goes_on_with_all_its_deliveries(self, store: Store) -> None:
        store.subscribe([hook("old", attempts_limit=3)], at(0))
        live(store, (0, "OK"), (1, "ERROR"))
        complete(store, claim_one(store, now=at(1)))
        assert store.rename("old", "new", at(2))
        (known,) = store.subscribed()
        assert (known.name, known.attempts_limit, known.subscribed_at, known.disabled_at) == ("new", 3, at(0), None)
        assert standing(store, hook="new") == [(1, "done"), (2, "waiting")]
        live(store, (3, "OK"))
        assert [sequence for _, sequence in call_due(store, 3)] == [2, 3]
        assert list(store.faults()) == []

    def test_nothing_is_called_twice_if_the_new_name_was_known_before(self, store: Store) -> None:
        live(store, (0, "OK"))
        store.subscribe([hook("old")], at(0))
        planned(store)
        live(store, (1, "ERROR"), (2, "OK"))
        complete(store, claim_one(store, "old", now=at(2)))
        store.subscribe([hook("new", attempts_limit=5)], at(2))
        live(store, (3, "ERROR"), (4, "OK"))
        complete(store, claim_one(store, "old", now=at(4)))
        assert store.rename("old", "new", at(5))
        while store.plan(at(5), ALL):
            pass
        assert [sequence for _, sequence in call_due(store, 6)] == [3, 4, 5]
        assert [known.name for known in store.subscribed()] == ["new"]
        assert store.subscribed()[0].attempts_limit == 5

    def test_a_hook_that_is_being_called_is_not_renamed(self, store: Store) -> None:
        store.subscribe([hook("old")], at(0))
        live(store, (0, "OK"))
        running = claim_one(store, now=at(0))
        with pytest.raises(StoreBusy, match="old is being called"):
            store.rename("old", "new", at(1))
        assert complete(store, running) == [True]
        assert store.rename("old", "new", at(2))

    def test_a_paired_hook_goes_on_waiting_for_an_opener_that_is_renamed(self, store: Store) -> None:
        store.subscribe([hook("action_required:*:mail", REQUIRED), paired()], at(0))
        live(store, (0, "OK"), (10, "CREDENTIALS"), (11, "OK"))
        assert store.rename("action_required:*:mail", "action_required:*:post", at(12))
        assert call_due(store, 12) == [("action_required", 2), ("recovered", 3)]

    def test_a_hook_that_is_not_known_cannot_be_renamed(self, store: Store) -> None:
        store.subscribe([hook("new")], at(0))
        assert not store.rename("old", "new", at(1))
