"""From the outbox to the hooks: run what is due, keep what became of it.

Knows how to call a hook in isolation; it must never know why an effect came about, nor any SQL.
"""

from collections.abc import Sequence
from typing import NamedTuple

from .hooks import HookCall, HookRegistry, Subscription
from .ports import Clock, Delivery, EffectRow, Settlement, Store
from .telemetry import logger

PAGE = 100
"""How many effects or deliveries are taken from the outbox at a time."""


class HookOutcome(NamedTuple):
    """What became of one call of one hook."""

    hook: str
    """The hook's name."""
    call: HookCall
    error: str | None = None
    """Why it is due again; None when it is done."""

    @property
    def done(self) -> bool:
        """Whether the hook returned."""
        return self.error is None


class Runner:
    """Calls hooks for effects, each in isolation: one that raises is logged, kept and due again."""

    def __init__(self, store: Store, registry: HookRegistry, clock: Clock) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock

    def run_event(self, account_id: str, sequence: int) -> list[HookOutcome]:
        """The hooks of one event, if nobody ran them yet."""
        if not self._registry.subscriptions:
            return []
        return self._run_effects(self._store.pending_of(account_id, sequence))

    def run_due(self) -> list[HookOutcome]:
        """Everything that is due: effects nobody looked at, then deliveries that failed before, once each."""
        if not self._registry.subscriptions:
            return []
        retried = self._retry()
        outcomes: list[HookOutcome] = []
        while rows := self._store.pending(PAGE):
            outcomes += self._run_effects(rows)
        return retried + outcomes

    def _run_effects(self, rows: Sequence[EffectRow]) -> list[HookOutcome]:
        outcomes: list[HookOutcome] = []
        settlements: list[Settlement] = []
        for row in rows:
            for subscription in self._registry.subscriptions:
                if subscription.wants(row):
                    outcome, settlement = self._call(subscription, Delivery(row, subscription.name))
                    outcomes.append(outcome)
                    settlements.append(settlement)
        if rows:
            self._store.settle([row.effect_id for row in rows], settlements)
        return outcomes

    def _retry(self) -> list[HookOutcome]:
        by_name = {subscription.name: subscription for subscription in self._registry.subscriptions}
        outcomes: list[HookOutcome] = []
        after = (-1, "")
        while deliveries := self._store.due(list(by_name), PAGE, after):
            settlements = []
            for delivery in deliveries:
                outcome, settlement = self._call(by_name[delivery.hook], delivery)
                outcomes.append(outcome)
                settlements.append(settlement)
            self._store.settle([], settlements)
            after = (deliveries[-1].row.effect_id, deliveries[-1].hook)
        return outcomes

    def _call(self, subscription: Subscription, delivery: Delivery) -> tuple[HookOutcome, Settlement]:
        row, attempt = delivery.row, delivery.attempts + 1
        account = self._store.account(row.account_id)
        assert account is not None, "an effect without an account"
        call = HookCall(
            row.effect.kind,
            row.effect.subject,
            row.account_id,
            row.sequence,
            row.occurred_at,
            account,
            row.effect.key(row.account_id, row.sequence),
            attempt,
            row.effect.blind_window,
            row.anomaly,
        )
        error = _attempt(subscription, call)
        settlement = Settlement(row.effect_id, subscription.name, attempt, self._clock(), error)
        return HookOutcome(subscription.name, call, error), settlement


def _attempt(subscription: Subscription, call: HookCall) -> str | None:
    try:
        subscription.hook(call)
    except Exception as error:
        logger().exception("hook failed; it is due again", hook=subscription.name, key=call.key, attempt=call.attempt)
        return f"{type(error).__name__}: {error}"
    return None
