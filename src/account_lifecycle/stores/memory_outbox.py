"""The outbox in memory: deliveries in their lanes, on their way to hooks.

Knows hooks, lanes, leases and tokens; it must never know a clock, nor why an effect came about.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import heappop
from itertools import islice
from threading import RLock

from ..records import (
    UNFINISHED,
    Claim,
    Delivery,
    DeliveryFilter,
    DeliveryRecord,
    DeliveryState,
    Settlement,
    SubscribedHook,
)
from .memory_lanes import DeliveryRow, HookQueue
from .memory_log import MemoryLog
from .outbox_rows import EFFECTS_PER_EVENT

_WAITING, _RUNNING, _, _DEAD, _HALTED = DeliveryState
_FEW_HINTS = 64
"""So many that hold no longer are not worth a round."""


class MemoryOutbox:
    """The deliveries of one store's events, under that store's lock."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._log = MemoryLog()
        self._hooks: dict[str, SubscribedHook] = {}
        self._queues: dict[str, HookQueue] = {}
        self._rows: dict[int, DeliveryRow] = {}  # by delivery id, in the order in which they were made
        self._running: dict[int, DeliveryRow] = {}
        self._redriven: set[int] = set()
        self._last_id = 0

    # ---- Hooks -----------------------------------------------------------------------------------

    def subscribe(self, hooks: Sequence[SubscribedHook], now: datetime) -> None:
        """Make hooks known, or change how known ones are run; a disabled one stays disabled."""
        with self._lock:
            for hook in hooks:
                known = self._hooks.get(hook.name) or SubscribedHook(hook.name, hook.kind, subscribed_at=now)
                self._hooks[hook.name] = hook._replace(
                    subscribed_at=known.subscribed_at,
                    disabled_at=known.disabled_at,
                    disabled_reason=known.disabled_reason,
                )
                self._queues.setdefault(hook.name, HookQueue())

    def subscribed(self) -> list[SubscribedHook]:
        """Every hook that the store knows, by name."""
        with self._lock:
            return [self._hooks[name] for name in sorted(self._hooks)]

    def unsubscribe(self, hook: str) -> bool:
        """Forget a hook and its unfinished deliveries; False if it is not known."""
        with self._lock:
            if self._hooks.pop(hook, None) is None:
                return False
            del self._queues[hook]
            for row in [row for row in self._rows.values() if row.hook == hook and row.state in UNFINISHED]:
                self._running.pop(row.delivery_id, None)
                del self._rows[row.delivery_id]
            return True

    def disable(self, hook: str, now: datetime, reason: str) -> None:
        """Let a hook's deliveries wait until it is enabled."""
        with self._lock:
            known = self._hooks.get(hook)
            if known is not None and known.disabled_at is None:
                self._hooks[hook] = known._replace(disabled_at=now, disabled_reason=reason)

    def enable(self, hook: str) -> bool:
        """Let a disabled hook go on; False if it is not known."""
        with self._lock:
            if known := self._hooks.get(hook):
                self._hooks[hook] = known._replace(disabled_at=None, disabled_reason="")
            return known is not None

    # ---- Planning --------------------------------------------------------------------------------

    def plan(self, now: datetime, limit: int, account_ids: Sequence[str] | None = None) -> int:
        """Make a delivery of each waiting effect for each subscribed hook that wants it; how many events that were."""
        with self._lock:
            if not self._hooks:
                return 0
            numbers = self._log.take_waiting(limit) if account_ids is None else self._log.take_waiting_of(account_ids)
            hooks = self.subscribed()
            for number in numbers:
                account_id = self._log[number].account_id
                for effect_id, effect in enumerate(self._log.effects(number), number * EFFECTS_PER_EVENT):
                    for hook in hooks:
                        if hook.wants(effect.kind, effect.subject):
                            self._add(effect_id, account_id, hook, now)
            return len(numbers)

    def waiting_effects(self) -> int:
        """How many events have effects that were not planned yet."""
        with self._lock:
            return self._log.waiting()

    def _add(
        self, effect_id: int, account_id: str, hook: SubscribedHook, now: datetime, redrive_of: int | None = None
    ) -> int:
        self._last_id += 1
        row = DeliveryRow(self._last_id, effect_id, account_id, hook.name, hook.is_ordered, now, now, redrive_of)
        self._rows[row.delivery_id] = row
        self._queues[hook.name].enter(row)
        self._offer(row)
        return row.delivery_id

    def _offer(self, row: DeliveryRow) -> None:
        queue = self._queues[row.hook]
        queue.offer(row)
        if len(queue.later) > 2 * queue.unfinished + _FEW_HINTS:
            self._renew_hints(queue)

    def _renew_hints(self, queue: HookQueue) -> None:
        """Forget those that no longer hold: claims for given accounts use none up."""
        queue.ready.clear()
        queue.later.clear()
        for account_id in queue.lanes | queue.loose:
            for _, delivery_id in queue.candidates(account_id):
                queue.offer(self._rows[delivery_id])

    # ---- Claiming --------------------------------------------------------------------------------

    def claim(
        self,
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> list[Delivery]:
        """Take deliveries that are due, in the order of their effects; each counts an attempt."""
        with self._lock:
            names = [name for name in dict.fromkeys(hooks) if name in self._hooks and not self._hooks[name].disabled_at]
            due = self._due(names, now) if account_ids is None else self._due_of(account_ids, names, now)
            claimed = []
            for row in islice(due, limit):
                self._start(row, leased_until)
                claimed.append(self._delivery(row))
            return claimed

    def _due(self, names: Sequence[str], now: datetime) -> Iterator[DeliveryRow]:
        """What can be claimed of any account, in order; each is started before the next is asked for."""
        queues = [self._queues[name] for name in names]
        for queue in queues:
            queue.take_due(now)
        while filled := [queue for queue in queues if queue.ready]:
            queue = min(filled, key=lambda queue: queue.ready[0])
            row = self._rows.get(heappop(queue.ready)[1])
            if row is not None and queue.is_next(row):
                if row.due_at <= now:
                    yield row
                else:
                    queue.offer(row)  # it waits for another time by now

    def _due_of(self, account_ids: Sequence[str], names: Sequence[str], now: datetime) -> Iterator[DeliveryRow]:
        """The same for some accounts."""
        queues = [self._queues[name] for name in names]
        places = [
            place for queue in queues for account_id in set(account_ids) for place in queue.candidates(account_id)
        ]
        for _, delivery_id in sorted(places):
            row = self._rows[delivery_id]
            if row.due_at <= now and self._queues[row.hook].is_next(row):
                yield row

    def _start(self, row: DeliveryRow, leased_until: datetime) -> None:
        row.state, row.leased_until = _RUNNING, leased_until
        row.attempts += 1
        row.token += 1
        self._running[row.delivery_id] = row
        self._queues[row.hook].start(row)

    def _delivery(self, row: DeliveryRow) -> Delivery:
        effect_row = self._log.effect_row(row.effect_id)
        return Delivery(row.delivery_id, row.token, self._hooks[row.hook], row.attempts, effect_row)

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases; for each claim whether it still holds."""
        with self._lock:
            held = [self._held(claim) for claim in claims]
            for row in held:
                if row is not None:
                    row.leased_until = leased_until
            return [row is not None for row in held]

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """Deliveries whose lease has run out, with the tokens that they were claimed by."""
        with self._lock:
            late = [row for row in self._running.values() if row.leased_until and row.leased_until <= now]
            return [self._delivery(row) for row in sorted(late, key=lambda row: row.place)[:limit]]

    def _held(self, claim: Claim) -> DeliveryRow | None:
        row = self._running.get(claim.delivery_id)
        return row if row is not None and row.token == claim.token else None

    # ---- Settling --------------------------------------------------------------------------------

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Keep what became of deliveries; for each whether its claim still held."""
        with self._lock:
            return [self._settle(settlement) for settlement in settlements]

    def _settle(self, settlement: Settlement) -> bool:
        row = self._held(settlement.claim)
        if row is None:
            return False
        _, row.state, row.settled_at, due_at, row.error, counts = settlement
        row.leased_until = None
        row.attempts -= not counts
        del self._running[row.delivery_id]
        queue = self._queues[row.hook]
        queue.stop(row)
        if row.state is _WAITING:
            row.due_at = due_at or settlement.at
        elif row.state not in UNFINISHED:
            queue.leave(row)
        for _, delivery_id in queue.heads(row):
            self._offer(self._rows[delivery_id])
        return True

    # ---- For people ------------------------------------------------------------------------------

    def deliveries(self, wanted: DeliveryFilter) -> Iterator[DeliveryRecord]:
        """Deliveries in the order in which they were made."""
        with self._lock:
            return iter([self._record(row) for row in self._rows.values() if _is_wanted(row, wanted)])

    def _record(self, row: DeliveryRow) -> DeliveryRecord:
        number, ordinal = divmod(row.effect_id, EFFECTS_PER_EVENT)
        effect = self._log.effects(number)[ordinal]
        return DeliveryRecord(
            row.delivery_id,
            row.effect_id,
            row.account_id,
            self._log[number].sequence,
            effect.kind,
            effect.subject,
            row.hook,
            row.state,
            row.attempts,
            row.due_at,
            row.leased_until,
            row.created_at,
            row.settled_at,
            row.error,
            row.redrive_of,
        )

    def redrive(self, delivery_ids: Sequence[int], now: datetime) -> list[int]:
        """Try finished deliveries again; the numbers of the new ones."""
        with self._lock:
            made = [self._redrive(delivery_id, now) for delivery_id in delivery_ids]
            return [delivery_id for delivery_id in made if delivery_id is not None]

    def _redrive(self, delivery_id: int, now: datetime) -> int | None:
        row = self._rows.get(delivery_id)
        if row is None or row.state in (_WAITING, _RUNNING) or delivery_id in self._redriven:
            return None
        if (hook := self._hooks.get(row.hook)) is None:
            return None
        self._redriven.add(delivery_id)
        if row.state is _HALTED:
            row.state = _DEAD
            self._queues[row.hook].leave(row)
        return self._add(row.effect_id, row.account_id, hook, now, redrive_of=delivery_id)

    # ---- Taking out ------------------------------------------------------------------------------

    def _first_unfinished(self) -> int:
        """The number of the oldest event that a hook is still to be called for."""
        places = [place for queue in self._queues.values() if (place := queue.first_place()) is not None]
        first = min(places)[0] // EFFECTS_PER_EVENT if places else self._log.end
        return min(first, self._log.first_waiting()) if self._hooks else first

    def _drop_deliveries(self, end: int) -> None:
        """Those of events with lower numbers go with their events; all of them are finished."""
        kept = {number: row for number, row in self._rows.items() if row.effect_id >= end * EFFECTS_PER_EVENT}
        self._redriven = {number for number in self._redriven if number in kept}
        self._rows = kept


def _is_wanted(row: DeliveryRow, wanted: DeliveryFilter) -> bool:
    return (
        wanted.state in (None, row.state)
        and wanted.hook in (None, row.hook)
        and wanted.account_id in (None, row.account_id)
        and wanted.delivery_id in (None, row.delivery_id)
    )
