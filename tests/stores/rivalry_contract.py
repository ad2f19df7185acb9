"""What a store promises about deliveries however many act at once, and in whatever order anything is done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier, Lock
from time import sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_lifecycle.records import Delivery, DeliveryState
from account_lifecycle.stores.protocol import Store
from builders import at
from stores.hooks import claim, claim_one, complete, feed, hook, planned, records, sequences
from stores.ledger_contract import new_ids, on_one_store
from stores.outbox_model import OPERATIONS, Operation, Rehearsal

examples = count()


class RivalryContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Threads -----------------------------------------------------------------------------------

    def test_threads_share_the_deliveries_and_never_two_of_a_lane(self, store: Store) -> None:
        for account_id in "abcdef":
            feed(store, account_id, *["OK", "ERROR"] * 3)
        planned(store, hook("mail"), hook("page"), hook("loose", is_ordered=False))
        total, start, guard = len(records(store)), Barrier(4), Lock()
        busy: set[tuple[str, str]] = set()
        done: list[Delivery] = []
        overlaps: list[Delivery] = []

        def work(limit: int) -> None:
            start.wait()
            while len(done) < total and not overlaps:
                batch = claim(store, limit=limit)
                lanes = [(d.row.account_id, d.hook.name) for d in batch if d.hook.is_ordered]
                with guard:
                    overlaps.extend(d for d in batch if (d.row.account_id, d.hook.name) in busy)
                    busy.update(lanes)
                sleep(0.0005)  # gives way to the others while it holds them
                with guard:
                    busy.difference_update(lanes)
                    done.extend(batch)
                assert all(complete(store, *batch))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, [1, 2, 5, 20]))
        assert overlaps == []
        assert sorted(d.delivery_id for d in done) == [r.delivery_id for r in records(store)]
        for name in ("mail", "page"):
            for account_id in "abcdef":
                lane = [d for d in done if (d.row.account_id, d.hook.name) == (account_id, name)]
                assert sequences(lane) == [1, 2, 3, 4, 5, 6]

    def test_threads_that_plan_together_plan_everything_once(self, store: Store) -> None:
        for n in range(20):
            feed(store, f"a{n % 4}", ["OK", "ERROR"][n // 4 % 2])
        store.subscribe([hook()], at(0))
        start = Barrier(4)

        def plan(_: int) -> int:
            start.wait()
            looked_at = 0
            while page := store.plan(at(0), 3):
                looked_at += page
            return looked_at

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(plan, range(4))) == 20
        assert len({r.effect_id for r in records(store)}) == len(records(store)) == 20
        for n in range(4):
            assert [r.sequence for r in records(store, account_id=f"a{n}")] == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("rival", ["complete", "redrive"])
    def test_of_several_threads_that_do_the_same_one_succeeds(self, store: Store, rival: str) -> None:
        feed(store, "a", "OK")
        planned(store, hook())
        delivery = claim_one(store)
        if rival == "redrive":
            complete(store, delivery, state=DeliveryState.HALTED)
        acts: dict[str, Callable[[], list[bool] | list[int]]] = {
            "complete": lambda: complete(store, delivery),
            "redrive": lambda: store.redrive([delivery.delivery_id], at(1)),
        }
        start = Barrier(4)

        def act(_: int) -> bool:
            start.wait()
            return any(acts[rival]())

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(act, range(4))) == [False, False, False, True]

    # ---- Anything, in any order ----------------------------------------------------------------------

    @on_one_store
    @given(st.lists(OPERATIONS, min_size=5, max_size=30))
    def test_whatever_happens_in_whatever_order_a_store_does_as_the_model_does(
        self, store: Store, operations: list[Operation]
    ) -> None:
        rehearsal = Rehearsal(store, new_ids(), next(examples))
        try:
            for operation in operations:
                rehearsal.do(operation)
            rehearsal.finish()
        finally:
            rehearsal.clear_away()
