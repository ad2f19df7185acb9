"""What a store answers about a whole fleet: counts, pages and events of all accounts, each with its shape in JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from ..errors import ConfigurationError
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.events import StatusObserved
from ..lifecycle.machine import INITIAL_SITUATION
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import JsonObject, plain, shown, time_text
from ..records import AccountFilter, LedgerEntry
from .rows import to_us


class AccountOrder(StrEnum):
    """In which order accounts are listed."""

    ID = "id"
    SINCE = "since"
    """Those that are in their status for the longest time first, those that were never moved last."""

    def place(self, account: Account) -> str:
        """Return where an account stands in this order: the next page begins after it."""
        return account.account_id if self is AccountOrder.ID else f"{since_us(account)}~{account.account_id}"


NEVER_US = 2**62
"""Stands for the time of an account that was never moved, in microseconds: after all others."""


def since_us(account: Account) -> int:
    """Return when an account came into its status, in microseconds."""
    return NEVER_US if account.since is None else to_us(account.since)


def place_from(place: str) -> tuple[int, str]:
    """Return the time and the id that ``AccountOrder.SINCE.place`` wrote; raise ``ConfigurationError`` for others."""
    since, is_place, account_id = place.partition("~")
    if not is_place or not since.removeprefix("-").isdecimal() or len(since) > _DIGITS:
        raise ConfigurationError("after", shown(place), "where a page of accounts by their time ended")
    return int(since), account_id


_DIGITS = 19
"""How many digits and signs a time in microseconds has at most."""


class AccountTally(NamedTuple):
    """How many accounts stand alike."""

    status: Status
    health: Health
    provider: str | None
    accounts: int
    oldest: datetime | None
    """When the first of them came into this status; None if they were never moved, or at a moment of the past."""
    stuck: int | None
    """How many of them are in it for longer than they should be; None at a moment of the past."""

    def to_dict(self) -> JsonObject:
        """Return the count as a JSON object."""
        return {
            "status": self.status.value,
            "health": self.health.value,
            "provider": plain(self.provider),
            "accounts": self.accounts,
            "oldest": time_text(self.oldest),
            "stuck": self.stuck,
        }


class Facets(NamedTuple):
    """What a list of accounts can be narrowed to, each with how many accounts the list would then have.

    Each is counted under all the other filters, so that it also says what another choice would find.
    """

    accounts: int
    """How many accounts fit all filters."""
    health: Mapping[Health, int]
    status: Mapping[Status, int]
    provider: Mapping[str | None, int]
    """The most accounts first; None for accounts whose provider was never announced."""
    stuck: int
    """How many that are in their status for longer than they should be."""

    def to_dict(self) -> JsonObject:
        """Return the counts as a JSON object."""
        return {
            "accounts": self.accounts,
            "health": {health.value: count for health, count in self.health.items()},
            "status": {status.value: count for status, count in self.status.items()},
            "provider": {provider or "unknown": count for provider, count in self.provider.items()},
            "stuck": self.stuck,
        }


def facets_of(tallies: Iterable[AccountTally], wanted: AccountFilter) -> Facets:
    """Return the facets of a list from the tallies of all accounts that fit its other filters."""
    accounts = stuck = 0
    health, status, provider = Counter[Health](), Counter[Status](), Counter[str | None]()
    for each in tallies:
        late = each.stuck or 0
        count = {None: each.accounts, True: late, False: each.accounts - late}[wanted.stuck]
        fits_health = wanted.health in (None, each.health)
        fits_status = wanted.status in (None, each.status)
        fits_provider = wanted.provider in (None, each.provider)
        if fits_status and fits_provider:
            health[each.health] += count
        if fits_health and fits_provider:
            status[each.status] += count
        if fits_health and fits_status:
            provider[each.provider] += count
        if fits_health and fits_status and fits_provider:
            accounts += count
            stuck += late
    return Facets(
        accounts,
        {each: health[each] for each in Health if health[each]},
        {each: status[each] for each in Status if status[each]},
        {name: count for name, count in sorted(provider.items(), key=lambda one: (-one[1], one[0] or "")) if count},
        stuck,
    )


class HealthSpan(NamedTuple):
    """A time during which an account had one health."""

    health: Health
    began_at: datetime
    ended_at: datetime

    def to_dict(self) -> JsonObject:
        """Return the span as a JSON object."""
        return {
            "health": self.health.value,
            "began_at": time_text(self.began_at),
            "ended_at": time_text(self.ended_at),
        }


class EventFilter(NamedTuple):
    """Which events to read: None asks for everything; ``since`` is inclusive, ``until`` exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    provider: str | None = None
    """The provider of the account as it is now."""
    status: Status | None = None
    """The account's status after the event."""
    moved: bool = False
    """Only events that changed the account's status."""


class FleetEvent(NamedTuple):
    """One event among those of all accounts."""

    event_id: int
    """Its number: it grows in the order of feeding."""
    provider: str | None
    """Of its account, as it is now."""
    entry: LedgerEntry

    @property
    def is_move(self) -> bool:
        """Whether it changed its account's status."""
        return self.entry.before.status is not self.entry.after.status

    @property
    def is_adoption(self) -> bool:
        """Whether it is an account's first event and no news: the vendor's list had it in this status."""
        return isinstance(self.entry.event, StatusObserved) and self.entry.before is INITIAL_SITUATION

    def to_dict(self) -> JsonObject:
        """Return the event as a JSON object: that of the ledger's entry, with its number and its account's provider."""
        return {
            "event_id": self.event_id,
            "account_provider": plain(self.provider),
            **self.entry.to_dict(),
        }


class Traffic(NamedTuple):
    """Events of one minute that left accounts of one provider in one status."""

    minute: datetime
    """When it began."""
    provider: str | None
    status: Status
    events: int
    announced: int
    """How many of them were announced: neither observed nor found by a clock."""
    moved: int
    """How many of them changed a status; accounts that were adopted from the vendor's list do not count."""


class HourlyMoves(NamedTuple):
    """Accounts of one provider that came into one status within an hour of the clock, as often as they did."""

    hour: datetime
    """When it began."""
    provider: str | None
    status: Status
    moved: int
    """As in ``Traffic``."""


class KindCount(NamedTuple):
    """The anomalies of one kind."""

    kind: AnomalyKind
    anomalies: int
    accounts: int
    last_at: datetime

    def to_dict(self) -> JsonObject:
        """Return the count as a JSON object."""
        return {
            "kind": self.kind.value,
            "severity": self.kind.severity.value,
            "anomalies": self.anomalies,
            "accounts": self.accounts,
            "last_at": time_text(self.last_at),
        }


class HookStanding(NamedTuple):
    """How the deliveries of one hook stand; those that are done are not counted, of which there may be millions."""

    hook: str
    waiting: int = 0
    running: int = 0
    halted: int = 0
    dead: int = 0
    """Dead letters that were not redriven."""
    oldest_due: datetime | None = None
    """Since when the first of the waiting ones is due, or will be."""
    to_plan: int = 0
    """How many events are still to be looked through for it, because it became known after them."""
    is_disabled: int = 0
    """1 if its deliveries wait for it to be enabled."""

    @property
    def behind(self) -> int:
        """How many deliveries and events are before it."""
        return self.waiting + self.running + self.halted + self.to_plan

    def to_dict(self) -> JsonObject:
        """Return the counts as a JSON object."""
        return {
            **self._asdict(),
            "oldest_due": time_text(self.oldest_due),
            "behind": self.behind,
        }


class Machinery(NamedTuple):
    """How the machinery stands: hooks, quarantine, open windows, and the last events."""

    hooks: tuple[HookStanding, ...] = ()
    """By name."""
    quarantined: int = 0
    """Unreadable payloads that were neither fed nor dismissed since."""
    quarantined_since: datetime | None = None
    """When the oldest of them came."""
    open_windows: int = 0
    doubtful: int = 0
    """Accounts whose last move may have been a late redelivery."""
    last_event: int = 0
    """The number of the newest event; 0 if there is none."""
    last_announced_at: datetime | None = None
    """When the newest announcement came."""

    @property
    def dead(self) -> int:
        """How many dead letters were not redriven, those that halt their lane included."""
        return sum(hook.dead + hook.halted for hook in self.hooks)

    @property
    def slowest(self) -> HookStanding | None:
        """The enabled hook that has the most before it; None if none is behind."""
        behind = [hook for hook in self.hooks if hook.behind and not hook.is_disabled]
        return max(behind, key=lambda hook: hook.behind, default=None)

    @property
    def most_overdue(self) -> HookStanding | None:
        """The enabled hook whose oldest delivery is due for the longest time; None if none waits."""
        waiting = [hook for hook in self.hooks if hook.oldest_due is not None and not hook.is_disabled]
        return min(waiting, key=lambda hook: hook.oldest_due or datetime.max, default=None)

    def to_dict(self) -> JsonObject:
        """Return the standing as a JSON object."""
        return {
            "hooks": [hook.to_dict() for hook in self.hooks],
            "dead": self.dead,
            "quarantined": self.quarantined,
            "quarantined_since": time_text(self.quarantined_since),
            "open_windows": self.open_windows,
            "doubtful": self.doubtful,
            "last_event": self.last_event,
            "last_announced_at": time_text(self.last_announced_at),
        }


Standpoint = tuple[Status, Health, str | None]
"""What accounts are tallied by."""


def tallied(counts: Iterable[tuple[Standpoint, int, datetime | None, int | None]]) -> list[AccountTally]:
    """Return counts of accounts, with the oldest and how many are stuck, as tallies in their order."""
    found: dict[Standpoint, AccountTally] = {}
    for key, accounts, oldest, stuck in counts:
        before = found.get(key, AccountTally(*key, 0, None, 0))
        found[key] = AccountTally(
            *key,
            before.accounts + accounts,
            min(filter(None, (before.oldest, oldest)), default=None),
            None if stuck is None or before.stuck is None else before.stuck + stuck,
        )
    statuses, healths = [*Status], [*Health]
    return sorted(
        (each for each in found.values() if each.accounts),
        key=lambda each: (statuses.index(each.status), healths.index(each.health), each.provider or ""),
    )
