"""Hooks run in the thread that asks for it: those of a feed's own events, or everything that is due.

Deliveries are claimed and completed by the page, which is what makes many of them cheap. A claim counts an attempt,
though, so a hook that kills its process costs its whole page one. That is why what has failed before, or has no
further attempt, is called with nothing else claimed beside it: a delivery that is dead-lettered was called as often
as its attempts say, or all but once.

Others may feed all the while, faster than hooks can be called. So each run does what was there when it began, and
returns; planning and calling alternate, page by page.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from ..errors import StoreError
from ..lifecycle.account import Account
from ..records import Delivery, TimeSource
from ..stores.protocol import Claiming, Fed, Store
from .confirming import Confirming
from .delivery import OUTBOX_PAGE, Called, Deliverer
from .leases import LEASE
from .registry import HookOutcome, HookRegistry

LARGEST_PAGE = 400
"""How many deliveries are claimed at a time at most, when the pages before went quickly."""
QUICK_S = 0.1
"""A page of deliveries that takes longer is completed as far as it is called, and the rest of it released."""


class Runner:
    """Calls hooks for effects, each in isolation. Safe to use from several threads, and from within a hook."""

    def __init__(
        self,
        store: Store,
        registry: HookRegistry,
        clock: TimeSource,
        lease: timedelta = LEASE,
        confirming: Confirming | None = None,
    ) -> None:
        self._registry = registry
        self._deliverer = Deliverer(store, registry, clock, lease, confirming=confirming)

    def subscribe(self) -> None:
        """Make this process's hooks known to the store, if some are new."""
        self._deliverer.subscribe()

    def claiming(self) -> Claiming:
        """Return the wish to run hooks of what is about to be fed; ``run_fed`` does it then."""
        return self._deliverer.claiming()

    def run_fed(self, fed: Fed) -> None:
        """Run the hooks of events just fed, and what waits of their accounts.

        What failed before is not tried again here, and nothing is asked of the vendor, so that neither a failing hook
        nor the vendor holds up the feed.
        """
        account_ids = list(dict.fromkeys([each.after.account_id for each in fed.decisions if each.effects]))
        accounts = {each.after.account_id: each.after for each in fed.decisions} if fed.claimed else {}
        claimed = self._deliverer.hold(fed.claimed)
        for start in range(0, len(account_ids), OUTBOX_PAGE):
            page = account_ids[start : start + OUTBOX_PAGE]
            _Drain(self._deliverer, page, is_feeding=True).run(claimed, accounts)
            claimed = []

    def release(self, claimed: Sequence[Delivery]) -> None:
        """Release what a feed claimed: its hooks are not to be run now."""
        self._deliverer.complete((), claimed)

    def run_due(self) -> list[HookOutcome]:
        """Run everything that is due by now, each delivery once; return what happened, in order."""
        if not self._registry.subscriptions:
            return []
        self._deliverer.subscribe()
        self._deliverer.reap()
        drain = _Drain(self._deliverer)
        outcomes = drain.run()
        while self._deliverer.plan():
            outcomes += drain.run()
        return outcomes


class _Drain:
    """Claims and calls what is due, each delivery once."""

    def __init__(
        self, deliverer: Deliverer, account_ids: Sequence[str] | None = None, *, is_feeding: bool = False
    ) -> None:
        self._deliverer = deliverer
        self._account_ids = account_ids
        self._is_feeding = is_feeding  # then only first attempts are made, and nothing is asked of the vendor
        self._page = OUTBOX_PAGE
        self._due_by = deliverer.now()
        self._called: set[int] = set()
        self._set_aside: list[Delivery] = []  # claimed so that they are out of the way, and released in the end

    def run(self, claimed: Sequence[Delivery] = (), accounts: Mapping[str, Account] | None = None) -> list[HookOutcome]:
        """Claim and call until nothing is left of what is due by now; return what happened, in order.

        What was ``claimed`` already comes first, with the ``accounts`` as they are now.
        """
        outcomes = list[HookOutcome]()
        self._due_by = self._deliverer.now()
        try:
            asks = not self._is_feeding
            claimed = claimed or self._deliverer.claim(self._page, self._account_ids, self._due_by, asks=asks)
            while claimed:
                done, claimed = self._run_page(claimed, accounts)
                outcomes, accounts = outcomes + done, None
        except BaseException:
            with suppress(StoreError):  # the error under way is the one to be seen
                self._complete((), self._set_aside)
            raise
        self._complete((), self._set_aside)
        self._set_aside.clear()
        return outcomes

    def _run_page(
        self, claimed: Sequence[Delivery], accounts: Mapping[str, Account] | None
    ) -> tuple[list[HookOutcome], list[Delivery]]:
        """Call what may be called together, or else the first that must be alone, and release the others; return what
        happened, and the next page."""
        together: list[Delivery] = []
        alone: list[Delivery] = []
        for delivery in claimed:
            if delivery.delivery_id in self._called or (self._is_feeding and delivery.attempts > 1):
                self._set_aside.append(delivery)
            elif delivery.attempts > 1 or delivery.attempts >= delivery.hook.attempts_limit:
                alone.append(delivery)
            else:
                together.append(delivery)
        batch, others = (together, alone) if together else (alone[:1], alone[1:])
        called = self._call(batch, others, accounts)
        was_quick, uncalled = len(called) == len(batch), [*batch[len(called) :], *others]
        self._page = 1 if alone else min(LARGEST_PAGE, 2 * self._page) if was_quick else len(called)
        if called and called[-1].interrupt is not None:
            self._complete(called, uncalled)
            raise called[-1].interrupt
        try:
            limits = self._page, self._account_ids, self._due_by
            return self._deliverer.complete_and_claim(called, uncalled, *limits, asks=not self._is_feeding)
        finally:
            self._deliverer.drop(called, uncalled)

    def _call(
        self, batch: Sequence[Delivery], others: Sequence[Delivery], accounts: Mapping[str, Account] | None
    ) -> list[Called]:
        """Call hooks for as long as that goes quickly; if that is interrupted, complete and release."""
        ends_s = time.monotonic() + QUICK_S
        called: list[Called] = []
        try:
            if accounts is None:
                accounts = self._deliverer.accounts_of(batch)
            while len(called) < len(batch) and not (called and (called[-1].ends_page or time.monotonic() > ends_s)):
                delivery = batch[len(called)]
                called.append(self._deliverer.call(delivery, accounts.get(delivery.row.account_id)))
                self._called.add(delivery.delivery_id)
        except BaseException:
            with suppress(StoreError):
                self._complete(called, [*batch[len(called) :], *others])
            raise
        return called

    def _complete(self, called: Sequence[Called], uncalled: Sequence[Delivery]) -> list[HookOutcome]:
        """Complete and release; what cannot be written is left to its lease."""
        try:
            return self._deliverer.complete(called, uncalled, self._due_by)
        finally:
            self._deliverer.drop(called, uncalled)
