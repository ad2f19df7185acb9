"""An outbox that can be understood at a glance, and a rehearsal in which a store has to do as it does."""

from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.records import Claim, Completion, Delivery, DeliveryState
from account_lifecycle.stores.protocol import Store
from builders import at
from stores.hooks import ALL, feed, hook, records

WAITING, RUNNING, DONE = DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.DONE
DEAD, HALTED = DeliveryState.DEAD, DeliveryState.HALTED
ACCOUNTS = 2
LEASE = timedelta(minutes=3)


class Operation(NamedTuple):
    """Something to do; what the number picks depends on what there is."""

    name: str
    pick: int
    state: DeliveryState
    minutes: int
    counts: bool


OFTEN = ("feed", "claim", "complete", "redrive")
NAMES = (*OFTEN, *OFTEN, "claim", "stale", "renew", "reap", "wait", "disable", "enable")

OPERATIONS = st.builds(
    Operation,
    st.sampled_from(NAMES),
    st.integers(0, 50),
    st.sampled_from([WAITING, DONE, DONE, DEAD, HALTED]),
    st.integers(0, 6),
    st.booleans(),
)


class Expected:
    """A delivery as the model has it."""

    def __init__(self, delivery_id: int, effect_id: int, account_id: str, hook: str, due_at: datetime) -> None:
        self.delivery_id = delivery_id
        self.place = (effect_id, delivery_id)
        self.lane = None if hook.startswith("loose") else (account_id, hook)
        self.account_id, self.hook, self.due_at = account_id, hook, due_at
        self.state, self.attempts, self.token = WAITING, 0, 0
        self.leased_until: datetime | None = None
        self.redrive_of: int | None = None


class Rehearsal:
    """Does everything twice, in a store and in the model, and compares what both say."""

    def __init__(self, store: Store, prefix: str, example: int) -> None:
        self.store = store
        self.now = at(0)
        self.account_ids = [f"{prefix}-{n}" for n in range(ACCOUNTS)]
        self.fed = dict.fromkeys(self.account_ids, 0)
        self.hooks = [
            hook(f"ordered-{example}", since=None),
            hook(f"left-{example}", EffectKind.LEFT, since=None),
            hook(f"loose-{example}", is_ordered=False, since=None),
        ]
        self.names = [each.name for each in self.hooks]
        self.disabled: set[str] = set()
        self.rows: dict[int, Expected] = {}
        self.claims: list[Claim] = []
        store.subscribe(self.hooks, self.now)

    def do(self, operation: Operation) -> None:
        """Do one thing, and see that both agree on where everything stands."""
        getattr(self, f"_{operation.name}")(operation)
        kept = [record for account_id in self.account_ids for record in records(self.store, account_id=account_id)]
        for record in kept:
            row = self.rows[record.delivery_id]
            found = (record.state, record.attempts, record.due_at, record.leased_until, record.redrive_of)
            assert found == (row.state, row.attempts, row.due_at, row.leased_until, row.redrive_of)
        assert len(kept) == len(self.rows)

    def finish(self) -> None:
        """Whatever happened, everything comes to its end, every lane in order."""
        for name in self.names:
            self.store.enable(name)
        self.disabled.clear()
        for _ in range(len(self.rows) + 2):
            self.now = max([self.now, *(row.due_at for row in self.rows.values())])
            halted = [row.delivery_id for row in self.rows.values() if row.state is HALTED]
            self._redrive_these(halted)
            self._complete_all(DONE)
            self._claim_up_to(ALL, None)
        assert {row.state for row in self.rows.values()} <= {DONE, DEAD}

    def clear_away(self) -> None:
        """Leave nothing that the next example would meet."""
        for name in self.names:
            self.store.unsubscribe(name)

    # ---- What can be done --------------------------------------------------------------------------

    def _feed(self, operation: Operation) -> None:
        account_id = self.account_ids[operation.pick % ACCOUNTS]
        self.fed[account_id] += 1
        word = ("OK", "ERROR")[self.fed[account_id] % 2]
        feed(self.store, account_id, word, minute=self.fed[account_id], now=self.now)
        self._see_what_was_made()

    def _wait(self, operation: Operation) -> None:
        self.now = self.now + timedelta(minutes=operation.minutes)

    def _disable(self, operation: Operation) -> None:
        name = self.names[operation.pick % len(self.names)]
        self.disabled.add(name)
        self.store.disable(name, self.now, "no")

    def _enable(self, operation: Operation) -> None:
        name = self.names[operation.pick % len(self.names)]
        self.disabled.discard(name)
        assert self.store.enable(name)

    def _claim(self, operation: Operation) -> None:
        account_ids = self.account_ids[: operation.pick % ACCOUNTS + 1] if operation.counts else None
        self._claim_up_to(operation.minutes, account_ids)

    def _complete(self, operation: Operation) -> None:
        held = [row for row in self.rows.values() if row.state is RUNNING]
        if held:
            self._complete_one(held[operation.pick % len(held)], operation)

    def _stale(self, operation: Operation) -> None:
        """Somebody comes with a claim that he once had: it may even hold."""
        if not self.claims:
            return
        claim = self.claims[operation.pick % len(self.claims)]
        row = self.rows[claim.delivery_id]
        if row.state is RUNNING and row.token == claim.token:
            self._complete_one(row, operation)
        else:
            assert self.store.complete([Completion(claim, operation.state, self.now, self.now)]) == [False]

    def _renew(self, operation: Operation) -> None:
        until = self.now + timedelta(minutes=operation.minutes)
        held = [self.rows[c.delivery_id] if self._holds(c) else None for c in self.claims]
        assert self.store.renew(self.claims, until) == [row is not None for row in held]
        for row in held:
            if row is not None:
                row.leased_until = until

    def _reap(self, operation: Operation) -> None:
        late = {row.delivery_id for row in self.rows.values() if row.leased_until and row.leased_until <= self.now}
        found = self.store.expired(self.now, ALL)
        assert {(d.delivery_id, d.token) for d in found} == {(n, self.rows[n].token) for n in late}
        for delivery in found:
            self._complete_one(self.rows[delivery.delivery_id], operation)

    def _redrive(self, operation: Operation) -> None:
        numbers = list(self.rows)
        self._redrive_these(numbers[operation.pick % len(numbers) :][: operation.minutes] if numbers else [])

    # ---- Both at once ------------------------------------------------------------------------------

    def _see_what_was_made(self) -> None:
        for account_id in self.account_ids:
            for record in records(self.store, account_id=account_id):
                if record.delivery_id not in self.rows:
                    self.rows[record.delivery_id] = Expected(
                        record.delivery_id, record.effect_id, account_id, record.hook, self.now
                    )
            planned = {(row.hook, row.place[0]) for row in self.rows.values() if row.account_id == account_id}
            moves = self.fed[account_id]
            per_hook = [sum(name == planned_for for planned_for, _ in planned) for name in self.names]
            assert per_hook == [moves, max(0, moves - 1), moves]

    def _claim_up_to(self, limit: int, account_ids: list[str] | None) -> None:
        expected = self._claimable(limit, account_ids)
        found = self.store.claim(self.names, self.now, self.now + LEASE, limit, account_ids)
        assert [delivery.delivery_id for delivery in found] == [row.delivery_id for row in expected]
        for delivery, row in zip(found, expected, strict=True):
            self._started(delivery, row)

    def _started(self, delivery: Delivery, row: Expected) -> None:
        assert delivery.token > row.token, "a token was used again"
        row.state, row.token, row.leased_until = RUNNING, delivery.token, self.now + LEASE
        row.attempts += 1
        assert delivery.attempts == row.attempts
        self.claims.append(Claim(delivery.delivery_id, delivery.token))

    def _claimable(self, limit: int, account_ids: list[str] | None) -> list[Expected]:
        """The rules, said once more: the head of each lane, if it waits and is due, and nothing of it runs."""
        unfinished = [row for row in self.rows.values() if row.state in (WAITING, RUNNING, HALTED)]
        chosen = []
        for row in sorted(unfinished, key=lambda row: row.place):
            lane = [other for other in unfinished if other.lane == row.lane is not None]
            is_free = all(other.place >= row.place and other.state is not RUNNING for other in lane)
            is_meant = row.hook not in self.disabled and (account_ids is None or row.account_id in account_ids)
            if row.state is WAITING and row.due_at <= self.now and is_free and is_meant:
                chosen.append(row)
        return chosen[:limit]

    def _holds(self, claim: Claim) -> bool:
        row = self.rows[claim.delivery_id]
        return row.state is RUNNING and row.token == claim.token

    def _complete_one(self, row: Expected, operation: Operation) -> None:
        due_at = self.now + timedelta(minutes=operation.minutes) if operation.state is WAITING else None
        claim = Claim(row.delivery_id, row.token)
        completion = Completion(claim, operation.state, self.now, due_at, "no", operation.counts)
        assert self.store.complete([completion]) == [True]
        row.state, row.due_at, row.leased_until = operation.state, due_at or row.due_at, None
        row.attempts -= not operation.counts

    def _complete_all(self, state: DeliveryState) -> None:
        for row in [row for row in self.rows.values() if row.state is RUNNING]:
            self._complete_one(row, Operation("complete", 0, state, 0, True))

    def _redrive_these(self, numbers: list[int]) -> None:
        redriven = {row.redrive_of for row in self.rows.values()}
        wanted = [n for n in numbers if self.rows[n].state in (DONE, DEAD, HALTED) and n not in redriven]
        made = self.store.redrive(numbers, self.now)
        assert len(made) == len(wanted)
        for old, new in zip(wanted, made, strict=True):
            before = self.rows[old]
            self.rows[new] = Expected(new, before.place[0], before.account_id, before.hook, self.now)
            self.rows[new].redrive_of = old
            before.state = DEAD if before.state is HALTED else before.state
