"""The account as the engine knows it: what is remembered between two events."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from .machine import INITIAL_SITUATION, Situation
from .status import Health, Status
from .windows import BlindWindow
from .wording import JsonObject, escaped, moment, plain, printable, time_text


class Heard(NamedTuple):
    """An announcement, and when it was last heard."""

    status: str
    product: str | None
    """The product that it named, or blank; None for what was not announced but observed on the vendor's list."""
    at: datetime


class Memory(NamedTuple):
    """What few events change: the facts that are not needed to judge most of them."""

    known_since: datetime | None = None
    """When its first event arrived, whatever became of it."""
    born: bool = False
    """Whether its creation was announced."""
    reason: str = ""
    """Why it is down, in the vendor's own words, if it gave a reason."""
    doubtful: bool = False
    """Whether the last move may have been a late redelivery, and nothing has settled that since."""
    disputed_provider: str | None = None
    """Another account type than the one in force that was announced last."""
    remind_from: datetime | None = None
    """From when on reminders are counted, if not from the beginning of the blind window or the status."""
    reminded: timedelta = timedelta(0)
    """The longest reminder that was given of this outage."""
    session_noticed: bool = False
    """Whether the end of the present session was told in advance."""
    absent_since: datetime | None = None
    """When the vendor's list was first seen without it."""
    survival_told: bool = False
    """Whether it was told that the vendor's list has it although it is deleted."""
    sync_missing_told: bool = False
    """Whether it was told that a sync is missing since the last sign-in."""

    @property
    def passes(self) -> bool:
        """Whether the next acceptance changes anything here, whatever it is."""
        return bool(self.reason or self.doubtful or self.remind_from or self.reminded or self.absent_since)


@dataclass(slots=True, unsafe_hash=True)
class Account:
    """One account after ``sequence`` events: a value, never changed once it is made. All times are aware, in UTC."""

    account_id: str
    situation: Situation = INITIAL_SITUATION
    """The status and the facts that serve as guards."""
    sequence: int = 0
    """How many events the ledger holds for it: repeats, holds and deadlines included."""
    health: Health = Health.UNKNOWN
    """Whether it can be used."""
    provider: str | None = None
    """The family of its account type, or the unknown word; None until one is announced."""
    owner: str | None = None
    """Your own user id, as hosted auth handed it back."""
    since: datetime | None = None
    """When the current status was entered; None while unseen."""
    stuck: bool = False
    """Whether the current status has outlived its deadline."""
    presumed: bool = False
    """Whether it counts as live although OK was not announced, because OK is not subscribed."""
    heard: tuple[Heard, ...] = ()
    """What was accepted within the retry horizon, each word and product once, in the order of acceptance."""
    held: tuple[Heard, ...] = ()
    """What was held since the last acceptance, each word and product once, newest last."""
    newest_at: datetime | None = None
    """When the newest announcement or observation arrived."""
    last_live_at: datetime | None = None
    """The last proof of life; None if it was never live."""
    synced_products: frozenset[str] = frozenset()
    """The products synced since the last sign-in; "" stands for one that named none."""
    blind_window: BlindWindow | None = None
    """The window that is open now, if any."""
    signed_in_at: datetime | None = None
    """When its user last signed in, as far as that was announced or observed."""
    down_since: datetime | None = None
    """Since when its health has been one that reminders tell of."""
    memory: Memory = field(default=Memory())

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
    def needs_user(self) -> bool:
        """Whether its credentials were announced as bad, and nobody has signed in since."""
        return self.situation.needs_user

    @property
    def born(self) -> bool:
        """Whether its creation was announced."""
        return self.memory.born

    @property
    def known_since(self) -> datetime | None:
        """When its first event arrived, whatever became of it."""
        return self.memory.known_since

    @property
    def reason(self) -> str:
        """Why it is down, in the vendor's own words; blank if it gave no reason."""
        return self.memory.reason

    @property
    def doubtful(self) -> bool:
        """Whether its last move may have been a late redelivery, and nothing has settled that since."""
        return self.memory.doubtful

    @property
    def last_accepted(self) -> Heard | None:
        """The last announcement that was accepted, with the time it was last heard."""
        return self.heard[-1] if self.heard else None

    def __str__(self) -> str:
        since = f" since {moment(self.since)}" if self.since else ""
        marks = [name for name in ("stuck", "presumed", "doubtful") if getattr(self, name)]
        who = f"{escaped(self.account_id) or 'no account'}, {printable(self.provider or 'provider unknown')}"
        return "; ".join([f"{who}: {self.status}{since}, {self.health}", *marks])

    def to_dict(self, now: datetime | None = None) -> JsonObject:
        """Return the account as a JSON object; without ``now`` (aware), lengths that last until now are None."""
        in_status = None if now is None or self.since is None else now - self.since
        last = self.last_accepted
        return {
            "account_id": self.account_id,
            "status": self.status.value,
            "health": self.health.value,
            "provider": plain(self.provider),
            "owner": self.owner,
            "since": time_text(self.since),
            "in_status_s": None if in_status is None else in_status.total_seconds(),
            "stuck": self.stuck,
            "presumed": self.presumed,
            "exists": self.exists,
            "lost": self.lost,
            "needs_user": self.needs_user,
            "born": self.born,
            "doubtful": self.doubtful,
            "reason": self.reason,
            "sequence": self.sequence,
            "known_since": time_text(self.known_since),
            "signed_in_at": time_text(self.signed_in_at),
            "last_live_at": time_text(self.last_live_at),
            "last_announced": None if last is None else plain(last.status),
            "last_product": "" if last is None else last.product or "",
            "last_heard_at": None if last is None else time_text(last.at),
            "synced_products": sorted(self.synced_products),
            "blind_window": None if self.blind_window is None else self.blind_window.to_dict(now),
        }
