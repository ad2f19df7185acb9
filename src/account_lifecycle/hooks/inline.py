"""Running hooks in the thread that asks for it: after a feed, or everything that is due.

Knows what is called in which order and how much is claimed at a time; how a hook is called, ``courier`` knows.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

from ..records import Clock, Delivery
from ..stores.protocol import Store
from .delivery import PAGE, Called, Courier
from .leases import LEASE
from .registry import HookOutcome, HookRegistry

__all__ = ["HookOutcome", "Runner"]

QUICK_S = 0.1
"""A page of deliveries that takes longer is settled as far as it is, and the rest of it given back."""


class Runner:
    """Calls hooks for effects, each in isolation. Safe to use from several threads, and from within a hook."""

    def __init__(self, store: Store, registry: HookRegistry, clock: Clock, lease: timedelta = LEASE) -> None:
        self._registry = registry
        self._courier = Courier(store, registry, clock, lease)

    def run_events(self, events: Sequence[tuple[str, int]]) -> None:
        """The hooks of events just fed, given by account id and sequence, as far as nothing goes before them.

        What failed before is not tried again here, so that a failing hook does not hold up the feed.
        """
        account_ids = list(dict.fromkeys(account_id for account_id, _ in events))
        if account_ids:
            self._courier.subscribe()
        for start in range(0, len(account_ids), PAGE):
            page = account_ids[start : start + PAGE]
            self._courier.plan_for(page)
            _Drain(self._courier, page, first_attempts_only=True).run()

    def run_due(self) -> list[HookOutcome]:
        """Everything that is due, each delivery once, until nothing is left; what happened, in order."""
        if not self._registry.subscriptions:
            return []
        self._courier.subscribe()
        self._courier.reap()
        self._courier.plan()
        drain = _Drain(self._courier)
        outcomes = drain.run()
        while self._courier.plan():
            outcomes += drain.run()
        return outcomes


class _Drain:
    """Claims and calls until nothing is due that it has not called already.

    Deliveries are claimed and settled by the page, which is what makes many of them cheap. A claim counts an
    attempt, though, so a hook that kills its process costs its whole page one. That is why what has failed
    before, or has no further attempt, is called with nothing else claimed beside it: whoever is given up was
    called as often as its attempts say, or all but once.
    """

    def __init__(
        self, courier: Courier, account_ids: Sequence[str] | None = None, *, first_attempts_only: bool = False
    ) -> None:
        self._courier = courier
        self._account_ids = account_ids
        self._first_attempts_only = first_attempts_only
        self._page = PAGE
        self._errors: dict[int, str | None] = {}  # of every delivery that was called
        self._held: list[Delivery] = []  # claimed so that they are out of the way, and given back in the end

    def run(self) -> list[HookOutcome]:
        """Claim and call until nothing is due; what happened, in order."""
        outcomes: list[HookOutcome] = []
        try:
            while claimed := self._courier.claim(self._page, self._account_ids):
                outcomes += self._run_page(claimed)
        except BaseException:
            self._courier.settle_if_possible((), self._held, self._errors)
            raise
        self._courier.settle((), self._held, self._errors)
        self._held.clear()
        return outcomes

    def _run_page(self, claimed: Sequence[Delivery]) -> list[HookOutcome]:
        mine = [delivery for delivery in claimed if not self._is_to_wait(delivery)]
        self._held += [delivery for delivery in claimed if self._is_to_wait(delivery)]
        alone = [delivery for delivery in mine if _must_be_alone(delivery)]
        batch = [delivery for delivery in mine if not _must_be_alone(delivery)]
        outcomes = self._call(batch, alone) if batch else self._call(alone[:1], alone[1:])
        was_quick = len(outcomes) == (len(batch) or len(alone[:1]))
        self._page = 1 if alone else min(PAGE, 2 * self._page) if was_quick else len(outcomes)
        return outcomes

    def _call(self, batch: Sequence[Delivery], others: Sequence[Delivery]) -> list[HookOutcome]:
        """Call hooks for as long as it goes quickly; what was not called is given back."""
        ends_s = time.monotonic() + QUICK_S
        called: list[Called] = []
        try:
            accounts = self._courier.accounts_of(batch)
            while len(called) < len(batch) and not (called and (called[-1].ends_page or time.monotonic() > ends_s)):
                delivery = batch[len(called)]
                called.append(self._courier.call(delivery, accounts[delivery.row.account_id]))
                self._errors[delivery.delivery_id] = called[-1].outcome.error
        except BaseException:
            self._courier.settle_if_possible(called, [*batch[len(called) :], *others])
            raise
        outcomes = self._courier.settle(called, [*batch[len(called) :], *others])
        if called and called[-1].interrupt is not None:
            raise called[-1].interrupt
        return outcomes

    def _is_to_wait(self, delivery: Delivery) -> bool:
        return delivery.delivery_id in self._errors or (self._first_attempts_only and delivery.attempts > 1)


def _must_be_alone(delivery: Delivery) -> bool:
    return delivery.attempts > 1 or delivery.attempts >= delivery.hook.attempts_limit
