"""What a store promises about quiet events: they are kept like any other, and no hook ever hears of them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Signal
from time import sleep

import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.rules import rules_of
from account_lifecycle.records import AccountFilter, AuditFilter, Judge, Refused
from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.verify.record import verify
from builders import T0, announced, as_it_is, at, judged
from stores.hooks import ALL, feed, hook, one_for_each_kind, planned, records, run_all
from stores.scenarios import events_with_every_anomaly, events_with_every_window

RULES = rules_of(DEFAULT_POLICY)
LOG = (*events_with_every_anomaly(), *events_with_every_window())


def record_in(store: Store) -> list[object]:
    """All that is on record but the outbox."""
    return [
        list(store.accounts(AccountFilter())),
        list(store.ledger()),
        list(store.audit(AuditFilter())),
        list(store.blind_windows(None, open_only=False)),
        list(store.windows_by_account()),
        sorted(account.account_id for account in store.due(at(9))),
        list(store.quarantined()),
    ]


def effects_in(store: Store) -> list[object]:
    """The effects on record, which text may stand for."""
    return [(p.entry.account_id, p.entry.sequence, [*map(tuple, p.effects)], p.rules) for p in store.evidence()]


def feed_quietly(store: Store, events: Sequence[Event]) -> list[Decision]:
    return store.advance(events, as_it_is, RULES, quiet=True)


def heard(store: Store) -> list[tuple[str, int]]:
    """The events that hooks were called for."""
    return sorted({(record.account_id, record.sequence) for record in records(store)})


class QuietContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    def test_what_is_fed_quietly_is_decided_like_anything_else(self, store: Store) -> None:
        assert feed_quietly(store, LOG) == judged(LOG)

    @pytest.mark.parametrize("size", [1, 7, len(LOG)])
    def test_the_record_is_that_of_a_feed_that_is_not_quiet(self, store: Store, size: int) -> None:
        loud = TemporaryStore()
        loud.advance(LOG, as_it_is, RULES)
        for first in range(0, len(LOG), size):
            feed_quietly(store, LOG[first : first + size])
        assert record_in(store) == record_in(loud)
        assert effects_in(store) == effects_in(loud)

    def test_what_was_fed_quietly_can_be_proved(self, store: Store) -> None:
        feed_quietly(store, LOG)
        proof = verify(store)
        assert (proof.faults, proof.events, proof.not_judged) == ((), len(LOG), 0)

    def test_quiet_effects_wait_for_nobody(self, store: Store) -> None:
        feed_quietly(store, LOG)
        assert store.waiting_effects() == 0

    @pytest.mark.parametrize("first", ["hook", "events"])
    def test_no_hook_hears_of_quiet_events_whenever_it_becomes_known(self, store: Store, first: str) -> None:
        hooks = one_for_each_kind()
        if first == "hook":
            store.subscribe(hooks, T0)
        feed_quietly(store, LOG)
        planned(store, *hooks)
        assert store.plan(T0, ALL) == 0
        assert records(store) == []

    def test_a_hook_hears_of_what_comes_after(self, store: Store) -> None:
        feed_quietly(store, [announced("a", "OK"), announced("b", "OK")])
        feed(store, "a", "ERROR", minute=1)
        feed_quietly(store, [announced("a", "OK", 2)])
        feed(store, "a", "STOPPED", minute=3)
        planned(store, *one_for_each_kind())
        assert heard(store) == [("a", 2), ("a", 4)]

    def test_what_a_hook_is_told_reaches_back_into_the_quiet_past(self, store: Store) -> None:
        feed_quietly(store, [announced("a", "OK"), announced("a", "ERROR", 1)])
        feed(store, "a", "OK", minute=2)
        planned(store, hook())
        (delivery,) = run_all(store)
        assert [(move.sequence, move.after) for move in delivery.row.transitions] == [
            (1, "OK"),
            (2, "ERROR"),
            (3, "OK"),
        ]

    def test_effects_that_wait_go_on_waiting_while_others_are_fed_quietly(self, store: Store) -> None:
        feed(store, "a", "OK")
        store.subscribe([hook()], T0)
        feed_quietly(store, [announced("a", "ERROR", 1), announced("b", "OK", 1)])
        assert store.waiting_effects() == 1
        planned(store, hook())
        assert heard(store) == [("a", 1)]

    def test_nothing_quiet_keeps_a_ledger_from_being_pruned(self, store: Store, tmp_path: Path) -> None:
        """Events that a hook is still to be called for have to stay; of these nobody is to be called."""
        store.subscribe([hook()], T0)
        feed_quietly(store, LOG)
        segment = store.prune(at(10_000), tmp_path / "archive.jsonl.gz", at(10_000))
        assert segment is not None
        assert segment.events == len(LOG)

    def test_a_payload_can_be_released_quietly(self, store: Store) -> None:
        (number,) = store.quarantine([Refused(T0, b"?", 1, "payload", "because")])
        store.advance([announced("a", "OK")], as_it_is, releasing=[number], released_at=at(1), quiet=True)
        assert [kept.released_at for kept in store.quarantined()] == [at(1)]
        assert store.waiting_effects() == 0
        with pytest.raises(StoreError):
            store.advance([announced("a", "OK")], as_it_is, releasing=[number], quiet=True)

    @pytest.mark.parametrize("turns", ["QLLQL", "LQQLQ", "QQQQQ", "LLLLL"])
    def test_quiet_and_other_feeds_that_share_a_transaction_keep_apart(self, store: Store, turns: str) -> None:
        begun, may_go_on = Signal(), Signal()

        def step_that_waits(account: Account, event: Event) -> list[Decision]:
            begun.set()
            assert may_go_on.wait(10)
            return [decide(account, event)]

        def feed_turn(account_id: str, step: Judge, quiet: bool) -> list[Decision]:
            words = ["OK", "OK", "ERROR", "OK"]
            return store.advance([announced(account_id, word, n) for n, word in enumerate(words)], step, quiet=quiet)

        with ThreadPoolExecutor(len(turns) + 1) as pool:
            asked = [pool.submit(feed_turn, "first", step_that_waits, True)]
            assert begun.wait(10)
            asked += [pool.submit(feed_turn, f"{n}", as_it_is, turn == "Q") for n, turn in enumerate(turns)]
            sleep(0.03)  # lets them all wait for the first, and so for each other
            may_go_on.set()
            assert [len(future.result(10)) for future in asked] == [4] * len(asked)
        planned(store, *one_for_each_kind())
        assert heard(store) == [(f"{n}", s) for n, turn in enumerate(turns) if turn == "L" for s in (1, 3, 4)]
