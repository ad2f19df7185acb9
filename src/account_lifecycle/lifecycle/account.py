"""The account as the engine knows it: what is remembered between two events."""

from dataclasses import dataclass
from datetime import datetime

from .compiled import health_of
from .machine import INITIAL_SITUATION, Situation
from .status import Health, Status
from .windows import BlindWindow
from .wording import JsonObject, plain, time_text


@dataclass(slots=True, unsafe_hash=True)
class Account:
    """One account after ``sequence`` events: a value, never changed once it is made. All times are aware, in UTC."""

    account_id: str
    situation: Situation = INITIAL_SITUATION
    """The status and the facts that serve as guards."""
    sequence: int = 0
    """How many events the ledger holds for it: repeats, holds and deadlines included."""
    provider: str | None = None
    """The first provider it was announced with, or the unknown word; None until one is told."""
    name: str | None = None
    """Your own user id, as hosted auth last handed it back."""
    since: datetime | None = None
    """When the current status was entered; None while unseen."""
    last_announced: Status | None = None
    """The last announcement that was accepted (moved or stayed) ..."""
    last_product: str = ""
    """... the product it named ..."""
    last_heard_at: datetime | None = None
    """... and when that was last heard, repeats included."""
    last_ok_at: datetime | None = None
    """When OK was last heard, repeats included: the last proof of life."""
    synced_products: frozenset[str] = frozenset()
    """The products synced since creation or the last reconnect; "" stands for one that named none."""
    blind_window: BlindWindow | None = None
    """The window that is open now, if any."""
    stuck: bool = False
    """Whether the current status has outlived its deadline."""

    @property
    def status(self) -> Status:
        """The last announcement that was allowed to move it, or UNSEEN."""
        return self.situation.status

    @property
    def exists(self) -> bool:
        """Whether something has proved that the vendor holds the account."""
        return self.situation.exists

    @property
    def lost(self) -> bool:
        """Whether its connection was announced as lost, and not yet as restored."""
        return self.situation.lost

    @property
    def health(self) -> Health:
        """Whether it can be used."""
        return health_of(self.situation, ok_heard=self.last_ok_at is not None)

    def to_dict(self, now: datetime | None = None) -> JsonObject:
        """Return the account as a JSON object; without ``now`` (aware), lengths that last until now are None."""
        in_status = None if now is None or self.since is None else now - self.since
        return {
            "account_id": self.account_id,
            "status": self.status.value,
            "health": self.health.value,
            "provider": plain(self.provider),
            "name": self.name,
            "since": time_text(self.since),
            "in_status_s": None if in_status is None else in_status.total_seconds(),
            "stuck": self.stuck,
            "exists": self.exists,
            "lost": self.lost,
            "sequence": self.sequence,
            "last_announced": plain(self.last_announced),
            "last_product": self.last_product,
            "last_heard_at": time_text(self.last_heard_at),
            "last_ok_at": time_text(self.last_ok_at),
            "synced_products": sorted(self.synced_products),
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(now),
        }
