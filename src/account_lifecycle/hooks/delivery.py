"""From the outbox to one hook and back: plan, claim, call in isolation, settle.

Knows how a delivery is carried out; it must never know when (``runner`` and ``worker`` do), nor any SQL.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from ..errors import StoreError, logger
from ..lifecycle.account import Account
from ..records import Clock, Delivery, DeliveryFilter, DeliveryState, Settlement
from ..stores.protocol import Store
from .leases import LEASE, LONGEST, Leases
from .outcomes import Disable
from .registry import HookCall, HookOutcome, HookRegistry, Subscription
from .settlements import claim_of, fail, give_back, settle, told

PAGE = 100
"""How many events or deliveries are taken from the outbox at a time."""
ABANDONED = "its worker died or lost its lease"
"""Why a delivery failed whose lease has run out."""


_NOTHING_KNOWN: Mapping[int, str | None] = MappingProxyType({})


class Called(NamedTuple):
    """A call that is over, and what is to be kept of it."""

    outcome: HookOutcome
    settlement: Settlement
    disables: str | None = None
    """Why the hook is not to be called any more."""
    interrupt: BaseException | None = None
    """What came out of the hook that is not an error of the hook, such as ``KeyboardInterrupt``."""

    @property
    def ends_page(self) -> bool:
        """Whether nothing that was claimed beside it is to be called as things stand."""
        return self.disables is not None or self.interrupt is not None


class Courier:
    """Carries deliveries to the hooks of one registry. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        registry: HookRegistry,
        clock: Clock,
        lease: timedelta = LEASE,
        longest: timedelta = LONGEST,
    ) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self.leases = Leases(store, clock, lease, longest)
        self._hooks: dict[str, Subscription] = {}  # in the order of their registration

    # ---- Before hooks are called --------------------------------------------------------------------

    def subscribe(self) -> None:
        """Make this process's hooks known to the store, if some are new."""
        subscriptions = tuple(self._registry.subscriptions)
        if len(subscriptions) != len(self._hooks):
            self._store.subscribe([subscription.terms for subscription in subscriptions], self._clock())
            self._hooks = {subscription.name: subscription for subscription in subscriptions}

    def reap(self) -> int:
        """Take deliveries from those who lost their leases: failures, whoever they were claimed by; how many."""
        count, is_more = 0, True
        while is_more:
            now = self._clock()
            late = self._store.expired(now, PAGE)
            settlements = [fail(delivery, ABANDONED, now) for delivery in late]
            taken = self._store.settle(settlements) if late else []
            for delivery, settlement in [p[:2] for p in zip(late, settlements, taken, strict=True) if p[2]]:
                _log_failure(delivery, settlement)
            count += sum(taken)
            is_more = len(late) == PAGE and any(taken)
        return count

    def plan(self) -> int:
        """Make deliveries of everything that waits; of how many events."""
        count = 0
        while planned := self._store.plan(self._clock(), PAGE):
            count += planned
        return count

    def plan_for(self, account_ids: Sequence[str]) -> int:
        """Make deliveries of everything that waits for some accounts; of how many events."""
        return self._store.plan(self._clock(), PAGE, account_ids)

    def claim(self, limit: int, account_ids: Sequence[str] | None = None) -> list[Delivery]:
        """Take deliveries that are due; hooks of the same effect come in the order of their registration."""
        names = list(self._hooks)
        claimed = self._store.claim(names, self._clock(), self.leases.until(), limit, account_ids)
        self.leases.hold([claim_of(delivery) for delivery in claimed])
        return sorted(claimed, key=lambda delivery: (delivery.row.effect_id, names.index(delivery.hook.name)))

    # ---- Calling and settling -----------------------------------------------------------------------

    def accounts_of(self, deliveries: Sequence[Delivery]) -> dict[str, Account]:
        """The accounts that hooks are to be told of, as they are now."""
        return self._store.accounts_by_id([delivery.row.account_id for delivery in deliveries])

    def call(self, delivery: Delivery, account: Account) -> Called:
        """Call the hook, whatever comes out of it."""
        subscription, call = self._hooks[delivery.hook.name], _call_of(delivery, account)
        try:
            answer = subscription.hook(call)
        except Exception as error:
            settlement = fail(delivery, told(error), self._clock())
            _log_failure(delivery, settlement, error)
        except BaseException as interrupt:
            settlement = fail(delivery, told(interrupt), self._clock())
            _log_failure(delivery, settlement, interrupt)
            return Called(_outcome(call, delivery, settlement), settlement, interrupt=interrupt)
        else:
            settlement = settle(delivery, answer, self._clock())
            _log_answer(delivery, settlement, answer)
            if isinstance(answer, Disable):
                return Called(_outcome(call, delivery, settlement), settlement, disables=settlement.error)
        return Called(_outcome(call, delivery, settlement), settlement)

    def settle(
        self,
        called: Sequence[Called],
        unstarted: Sequence[Delivery] = (),
        errors: Mapping[int, str | None] = _NOTHING_KNOWN,
    ) -> list[HookOutcome]:
        """Keep what became of calls, and give back what was claimed and not called; the outcomes, as they were kept.

        ``errors`` tells of what is given back why it failed before, by delivery, as far as that is at hand. What
        cannot be kept is left to its lease.
        """
        try:
            return self.keep(called, unstarted, errors)
        finally:
            self.let_go(called, unstarted)

    def keep(
        self,
        called: Sequence[Called],
        unstarted: Sequence[Delivery],
        errors: Mapping[int, str | None] = _NOTHING_KNOWN,
    ) -> list[HookOutcome]:
        """The same, and whatever the store says, the leases go on: it can be tried again."""
        now = self._clock()
        for each in called:
            if each.disables is not None:
                self._store.disable(each.outcome.hook, now, each.disables)
        settlements = [c.settlement for c in called]
        settlements += [give_back(d, now, now, errors.get(d.delivery_id) or self._error_of(d)) for d in unstarted]
        kept = self._store.settle(settlements) if settlements else []
        return [c.outcome if held else self._stale(c) for c, held in zip(called, kept, strict=False)]

    def _error_of(self, delivery: Delivery) -> str | None:
        """Why it failed before, which is to be told still when it is given back."""
        if delivery.attempts == 1:
            return None
        records = self._store.deliveries(DeliveryFilter(delivery_id=delivery.delivery_id))
        return next((record.error for record in records), None)

    def let_go(self, called: Sequence[Called], unstarted: Sequence[Delivery]) -> None:
        """Their leases are renewed no more."""
        self.leases.release([*(c.settlement.claim for c in called), *map(claim_of, unstarted)])

    def settle_if_possible(
        self,
        called: Sequence[Called],
        unstarted: Sequence[Delivery],
        errors: Mapping[int, str | None] = _NOTHING_KNOWN,
    ) -> None:
        """Settle while something worse is under way that is not to be covered up."""
        with suppress(StoreError):
            self.settle(called, unstarted, errors)

    def _stale(self, called: Called) -> HookOutcome:
        """The store refused the settlement: somebody else has taken the delivery over, and that one counts."""
        why = self.leases.loss_of(called.settlement.claim) or "its lease ran out"
        outcome = called.outcome
        logger().warning(
            "hook was too late; its delivery is somebody else's by now",
            hook=outcome.hook,
            key=outcome.call.key,
            attempt=outcome.call.attempt,
            token=outcome.call.token,
            error=why,
        )
        return outcome._replace(error=f"stale: {why}", state=DeliveryState.RUNNING, due_at=None)


def _call_of(delivery: Delivery, account: Account) -> HookCall:
    row = delivery.row
    return HookCall(
        row.effect.kind,
        row.effect.subject,
        row.account_id,
        row.sequence,
        row.occurred_at,
        account,
        row.key,
        delivery.attempts,
        row.effect.blind_window,
        row.anomaly,
        row.transitions,
        delivery.token,
    )


def _outcome(call: HookCall, delivery: Delivery, settlement: Settlement) -> HookOutcome:
    return HookOutcome(delivery.hook.name, call, settlement.error, settlement.state, settlement.due_at)


def _log_answer(delivery: Delivery, settlement: Settlement, answer: object) -> None:
    if isinstance(answer, Disable):
        logger().error("hook disabled itself; it waits to be enabled", **_facts(delivery, settlement))
    elif not settlement.counts:
        logger().info("hook pauses", due_at=str(settlement.due_at), **_facts(delivery, settlement))
    elif settlement.state is not DeliveryState.DONE:
        _log_failure(delivery, settlement)


def _log_failure(delivery: Delivery, settlement: Settlement, error: BaseException | None = None) -> None:
    fates = {
        DeliveryState.WAITING: "hook failed; it is due again",
        DeliveryState.DEAD: "hook failed; it was given up",
        DeliveryState.HALTED: "hook failed; it was given up, and later calls for the account wait for a redrive",
    }
    more = {"due_at": str(settlement.due_at)} if settlement.due_at else {}
    logger().error(fates[settlement.state], **_facts(delivery, settlement), **more, exc_info=error)


def _facts(delivery: Delivery, settlement: Settlement) -> dict[str, object]:
    return {
        "hook": delivery.hook.name,
        "key": delivery.row.key,
        "attempt": delivery.attempts,
        "error": settlement.error,
    }
