"""Lanes in memory: where each unfinished delivery of a hook stands, and which may be claimed.

Knows order, and nothing else: it must never know what a delivery is about.
"""

from bisect import insort
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from ..records import DeliveryState

Place = tuple[int, int]
"""Where a delivery stands in every order: its effect's id, then its own."""


@dataclass(slots=True, eq=False)
class DeliveryRow:
    """A delivery as it stands. No named tuple: it changes."""

    delivery_id: int
    effect_id: int
    account_id: str
    hook: str
    is_ordered: bool
    due_at: datetime
    created_at: datetime
    redrive_of: int | None = None
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    token: int = 0
    leased_until: datetime | None = None
    settled_at: datetime | None = None
    error: str | None = None

    @property
    def place(self) -> Place:
        """Its place in its lane."""
        return self.effect_id, self.delivery_id


class HookQueue:
    """One hook's unfinished deliveries."""

    def __init__(self) -> None:
        self.lanes: dict[str, list[Place]] = {}  # by account: the ordered ones, in order
        self.running: set[str] = set()  # the accounts of whose lanes one is running
        self.loose: dict[str, list[Place]] = {}  # by account: the unordered ones
        self.unfinished = 0  # how many they are in both
        # Two heaps of what may be claimed. An entry is a hint: whoever takes it looks whether it still holds.
        self.ready: list[Place] = []
        self.later: list[tuple[datetime, Place]] = []

    def enter(self, row: DeliveryRow) -> None:
        """A delivery takes its place."""
        self.unfinished += 1
        insort((self.lanes if row.is_ordered else self.loose).setdefault(row.account_id, []), row.place)

    def leave(self, row: DeliveryRow) -> None:
        """A delivery is finished."""
        self.unfinished -= 1
        places = self.lanes if row.is_ordered else self.loose
        places[row.account_id].remove(row.place)
        if not places[row.account_id]:
            del places[row.account_id]

    def start(self, row: DeliveryRow) -> None:
        """A delivery was claimed: its lane is taken."""
        if row.is_ordered:
            self.running.add(row.account_id)

    def stop(self, row: DeliveryRow) -> None:
        """A delivery was settled: its lane is free."""
        if row.is_ordered:
            self.running.discard(row.account_id)

    def candidates(self, account_id: str) -> list[Place]:
        """What may be claimed for one account: the head of its lane, or anything that is unordered."""
        return self.lanes.get(account_id, [])[:1] + self.loose.get(account_id, [])

    def heads(self, row: DeliveryRow) -> list[Place]:
        """What may go on after a delivery was settled: the head of its lane, or itself if it is unordered."""
        if row.is_ordered:
            return self.lanes.get(row.account_id, [])[:1]
        return [row.place] if row.state is DeliveryState.WAITING else []

    def is_next(self, row: DeliveryRow) -> bool:
        """Whether it waits, and nothing of its lane goes before it."""
        if row.state is not DeliveryState.WAITING or not row.is_ordered:
            return row.state is DeliveryState.WAITING
        return self.lanes[row.account_id][0] == row.place and row.account_id not in self.running

    def first_place(self) -> Place | None:
        """The first of all."""
        return min(
            (places[0] for by_account in (self.lanes, self.loose) for places in by_account.values()), default=None
        )

    def offer(self, row: DeliveryRow) -> None:
        """Hint at a delivery that can be claimed as soon as it is due."""
        heappush(self.later, (row.due_at, row.place))

    def take_due(self, now: datetime) -> None:
        """Move what is due from the one heap to the other."""
        while self.later and self.later[0][0] <= now:
            heappush(self.ready, heappop(self.later)[1])
