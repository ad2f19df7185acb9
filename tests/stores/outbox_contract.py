"""What a store promises about effects: each waits until somebody looked at it, and a failed one is due again."""

from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.effects import Effect, EffectKind
from account_lifecycle.ports import Delivery, EffectRow, Settlement, Store
from builders import announced, at
from stores.scenarios import events_with_every_anomaly, events_with_every_window

ALL = 10_000


def told(rows: list[EffectRow]) -> list[tuple[str, int, Effect]]:
    """What effects are, without their numbers."""
    return [(row.account_id, row.sequence, row.effect) for row in rows]


def of(decisions: list[Decision]) -> list[tuple[str, int, Effect]]:
    """The effects of decisions, in order."""
    return [(d.account.account_id, d.sequence, effect) for d in decisions for effect in d.effects]


def failed(row: EffectRow, hook: str, attempts: int = 1) -> Settlement:
    return Settlement(row.effect_id, hook, attempts, at(99), "ValueError: no")


def done(row: EffectRow, hook: str, attempts: int = 1) -> Settlement:
    return Settlement(row.effect_id, hook, attempts, at(99))


class OutboxContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Pending -----------------------------------------------------------------------------------

    def test_every_effect_of_a_decision_waits_oldest_first(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), decide)
        pending = store.pending(ALL)
        assert told(pending) == of(decisions)
        assert [row.effect_id for row in pending] == sorted({row.effect_id for row in pending})

    def test_an_effect_comes_back_with_the_time_of_its_event(self, store: Store) -> None:
        store.advance([announced("a", "OK", 7)], decide)
        assert {row.occurred_at.isoformat() for row in store.pending(ALL)} == {at(7).isoformat()}

    def test_an_anomaly_effect_comes_back_with_its_anomaly_and_no_other_has_one(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), decide)
        rows = store.pending(ALL)
        assert [row.anomaly for row in rows if row.anomaly] == [a for d in decisions for a in d.anomalies]
        assert all((row.anomaly is not None) == (row.effect.kind is EffectKind.ANOMALY) for row in rows)
        assert all(row.anomaly.kind is row.effect.subject for row in rows if row.anomaly)

    def test_a_recovery_comes_back_with_its_window_even_when_the_next_is_open(self, store: Store) -> None:
        decisions = store.advance(events_with_every_window(), decide)
        (row,) = [row for row in store.pending(ALL) if row.effect.blind_window is not None]
        assert row.effect == Effect(EffectKind.RECOVERED, "", decisions[13].blind_window)
        assert (row.account_id, row.effect.blind_window and row.effect.blind_window.closed_at) == ("recovered", at(13))

    def test_no_more_than_about_a_page_is_taken_at_a_time(self, store: Store) -> None:
        """A store may give the rest of an event with its first effect, but not the next event."""
        store.advance([announced("a", "OK"), announced("b", "OK")], decide)
        everything, page = store.pending(ALL), store.pending(1)
        assert 0 < len(page) < len(everything)
        assert everything[: len(page)] == page
        assert {row.account_id for row in page} == {"a"}

    def test_effects_of_one_event_can_be_asked_for(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), decide)
        for decision in decisions:
            assert told(store.pending_of([(decision.account.account_id, decision.sequence)])) == of([decision])
        assert store.pending_of([("adopted", 2)]) == []
        assert store.pending_of([("nobody", 1)]) == []

    def test_a_repeated_event_has_no_effects(self, store: Store) -> None:
        store.advance([announced("a", "OK"), announced("a", "OK", 1)], decide)
        assert store.pending_of([("a", 2)]) == []

    # ---- Settling ----------------------------------------------------------------------------------

    def test_an_effect_that_was_looked_at_waits_no_more(self, store: Store) -> None:
        decisions = store.advance([announced("a", "OK"), announced("b", "OK"), announced("c", "OK")], decide)
        store.settle([row.effect_id for row in store.pending_of([("b", 1)])], [])
        assert store.pending_of([("b", 1)]) == []
        assert told(store.pending(ALL)) == of([decisions[0], decisions[2]])
        store.settle([row.effect_id for row in store.pending(ALL)], [])
        assert store.pending(ALL) == []
        later = store.advance([announced("d", "OK")], decide)
        assert told(store.pending(ALL)) == of(later)

    def test_settling_nothing_changes_nothing(self, store: Store) -> None:
        store.advance([announced("a", "OK")], decide)
        before = store.pending(ALL)
        store.settle([], [])
        assert store.pending(ALL) == before

    def test_a_failed_delivery_is_due_again_with_its_attempts(self, store: Store) -> None:
        row = self.one_effect(store)
        store.settle([row.effect_id], [failed(row, "mail")])
        assert row not in store.pending(ALL)
        assert store.due(["mail"], ALL) == [Delivery(row, "mail", 1)]
        store.settle([], [failed(row, "mail", 2)])
        assert store.due(["mail"], ALL) == [Delivery(row, "mail", 2)]

    def test_a_delivery_that_is_done_is_due_no_more(self, store: Store) -> None:
        row = self.one_effect(store)
        store.settle([row.effect_id], [failed(row, "mail"), done(row, "page")])
        assert [delivery.hook for delivery in store.due(["mail", "page"], ALL)] == ["mail"]
        store.settle([], [done(row, "mail", 2)])
        assert store.due(["mail", "page"], ALL) == []

    def test_only_the_deliveries_of_the_hooks_at_hand_are_due(self, store: Store) -> None:
        row = self.one_effect(store)
        store.settle([row.effect_id], [failed(row, hook) for hook in ("mail", "page", 'it\'s, "odd"')])
        assert [d.hook for d in store.due(["page", 'it\'s, "odd"', "other"], ALL)] == ['it\'s, "odd"', "page"]
        assert store.due([], ALL) == []

    def test_a_due_delivery_comes_back_with_its_window_and_its_anomaly(self, store: Store) -> None:
        store.advance([*events_with_every_window(), *events_with_every_anomaly()], decide)
        rows = store.pending(ALL)
        store.settle([row.effect_id for row in rows], [failed(row, "mail") for row in rows])
        assert [delivery.row for delivery in store.due(["mail"], ALL)] == rows

    def test_due_deliveries_are_paged_without_gap_or_repeat(self, store: Store) -> None:
        store.advance([announced(account_id, "OK") for account_id in "abcd"], decide)
        rows = store.pending(ALL)
        store.settle([row.effect_id for row in rows], [failed(row, hook) for row in rows for hook in ("x", "y", "z")])
        expected = [(row.effect_id, hook) for row in rows for hook in ("x", "z")]
        for size in (1, 2, 5, ALL):
            found: list[tuple[int, str]] = []
            after = (-1, "")
            while page := store.due(["z", "x"], size, after):
                assert len(page) <= size
                assert (page[0].row.effect_id, page[0].hook) > after
                found += [(delivery.row.effect_id, delivery.hook) for delivery in page]
                after = found[-1]
            assert found == expected

    def one_effect(self, store: Store) -> EffectRow:
        store.advance([announced("a", "OK", 7)], decide)
        return store.pending(ALL)[0]
