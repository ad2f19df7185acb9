"""From the outbox to the hooks: run what is due, keep what became of it.

Knows how to call a hook in isolation; it must never know why an effect came about, nor any SQL.
"""

from collections.abc import Sequence
from threading import Lock
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
        self._lock = Lock()
        self._in_hand: set[int] = set()  # effects being run now: a hook that runs hooks does not run itself

    def run_events(self, events: Sequence[tuple[str, int]]) -> None:
        """The hooks of events just fed, given by account id and sequence, if nobody ran them yet."""
        for start in range(0, len(events), PAGE):
            self._run_effects(self._store.pending_of(events[start : start + PAGE]))

    def run_due(self) -> list[HookOutcome]:
        """Everything that is due: deliveries that failed before, once each, then effects nobody looked at."""
        if not self._registry.subscriptions:
            return []
        outcomes = self._retry()
        settled = -1
        while rows := [row for row in self._store.pending(PAGE) if row.effect_id not in self._in_hand]:
            if rows[-1].effect_id <= settled:
                break  # another thread has them in hand
            settled = rows[-1].effect_id
            outcomes += self._run_effects(rows)
        return outcomes

    def _run_effects(self, rows: Sequence[EffectRow]) -> list[HookOutcome]:
        deliveries = [
            (subscription, Delivery(row, subscription.name))
            for row in rows
            for subscription in self._registry.subscriptions
            if subscription.wants(row)
        ]
        return self._run([row.effect_id for row in rows], deliveries)

    def _retry(self) -> list[HookOutcome]:
        by_name = {subscription.name: subscription for subscription in self._registry.subscriptions}
        outcomes: list[HookOutcome] = []
        after = (-1, "")
        while due := self._store.due(list(by_name), PAGE, after):
            outcomes += self._run([], [(by_name[delivery.hook], delivery) for delivery in due])
            after = (due[-1].row.effect_id, due[-1].hook)
        return outcomes

    def _run(self, effect_ids: list[int], deliveries: list[tuple[Subscription, Delivery]]) -> list[HookOutcome]:
        """Call hooks and settle what became of it; what another call has in hand is left to that call."""
        with self._lock:
            effect_ids = [effect_id for effect_id in effect_ids if effect_id not in self._in_hand]
            deliveries = [pair for pair in deliveries if pair[1].row.effect_id not in self._in_hand]
            taken = {*effect_ids, *(delivery.row.effect_id for _, delivery in deliveries)}
            self._in_hand |= taken
        try:
            done = [self._call(subscription, delivery) for subscription, delivery in deliveries]
            if taken:
                self._store.settle(effect_ids, [settlement for _, settlement in done])
        finally:
            self._in_hand -= taken
        return [outcome for outcome, _ in done]

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
        told = _told(error)
        logger().error(
            "hook failed; it is due again",
            hook=subscription.name,
            key=call.key,
            attempt=call.attempt,
            error=told,
            exc_info=error,
        )
        return told
    return None


def _told(error: Exception) -> str:
    """Somebody else's exception in words that can be stored, whatever it does when it is asked for them."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = f"{type(error).__name__}, which cannot be told"
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")
