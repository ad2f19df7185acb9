"""The fleet at a glance: what is unusual, how many accounts stand where and how that changed, and the machinery."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from ..errors import StoreError
from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.incidents import Burst, Silence
from ..lifecycle.policy import Policy
from ..lifecycle.status import Health, Status
from ..lifecycle.unannounced import AWAITED, UnannouncedWord, unannounced, was_announced_live
from ..lifecycle.wording import JsonObject, plain, time_text
from ..records import AccountFilter
from ..stores.fleet import AccountTally, Machinery, tallied
from ..stores.protocol import Reader, Store
from ..verify.past import accounts_as_of
from .watching import unusual_at

NOTHING_UNUSUAL = "Nothing unusual"
BURSTS_NAMED = 2
"""How many bursts have a headline of their own."""
_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)
_A_FEW = 20
"""How many accounts that are OK are asked whether that was ever announced, before all are."""

HealthCounts = Mapping[Health, int]


class ProviderHealth(NamedTuple):
    """How the accounts of one provider stand, and how that changed."""

    provider: str | None
    """The family, or the unknown word; None for accounts whose provider was never announced."""
    by_health: HealthCounts
    change_1h: HealthCounts | None
    """How many more there are than an hour ago, where that is not 0; None if events of that time were pruned."""
    change_24h: HealthCounts | None

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return sum(self.by_health.values())

    def to_dict(self) -> JsonObject:
        """Return the counts as a JSON object."""
        return {
            "provider": plain(self.provider),
            "accounts": self.accounts,
            "by_health": _counts(self.by_health),
            "change_1h": None if self.change_1h is None else _counts(self.change_1h),
            "change_24h": None if self.change_24h is None else _counts(self.change_24h),
        }


class Overview(NamedTuple):
    """How a fleet stands."""

    at: datetime
    accounts: int
    by_status: Mapping[Status, int]
    by_health: HealthCounts
    by_provider: Mapping[str | None, int]
    """By family, or the unknown word; None for accounts whose provider was never announced."""
    stuck: int
    """How many accounts are longer in a transient status than they should be, and not live."""
    presumed_live: int
    """How many are live only as far as one can presume, because OK is not subscribed."""
    doubtful: int
    """How many were last moved by what may be a late redelivery."""
    unannounced: tuple[UnannouncedWord, ...]
    """Words that were never announced to the fleet, which explains accounts that are stuck."""
    providers: tuple[ProviderHealth, ...] = ()
    """The one with the most accounts first."""
    bursts: tuple[Burst, ...] = ()
    """Many accounts that came into one status together within the last two hours: the largest first."""
    silence: Silence | None = None
    """The time without any announcement, if it is longer than ever is usual."""
    machinery: Machinery | None = None
    """How hooks, quarantine and windows stand; None for a moment of the past."""
    tallies: tuple[AccountTally, ...] = ()
    """How many accounts stand alike: what all counts are sums of."""

    def headlines(self, zone: tzinfo = UTC) -> tuple[str, ...]:
        """Return what is unusual, the worst first, with times in a zone; one that says so if nothing is."""
        found = []
        if self.silence is not None:
            found.append(f"{self.silence}: the last one came {_clock(self.silence.since, self.at, zone)}")
        found += [f"{each}, from {_clock(each.began_at, self.at, zone)} on" for each in self.bursts[:BURSTS_NAMED]]
        if (more := len(self.bursts) - BURSTS_NAMED) > 0:
            found.append(f"{more:,} more {'burst' if more == 1 else 'bursts'} within the last two hours")
        found += [word.explanation for word in self.unannounced]
        return tuple(found) or (NOTHING_UNUSUAL,)

    def to_dict(self) -> JsonObject:
        """Return the overview as a JSON object."""
        return {
            "at": time_text(self.at),
            "headlines": list(self.headlines()),
            "bursts": [burst.to_dict() for burst in self.bursts],
            "silence": None if self.silence is None else self.silence.to_dict(),
            "accounts": self.accounts,
            "by_status": _counts(self.by_status),
            "by_health": _counts(self.by_health),
            "by_provider": {provider or "unknown": count for provider, count in self.by_provider.items()},
            "providers": [each.to_dict() for each in self.providers],
            "stuck": self.stuck,
            "presumed_live": self.presumed_live,
            "doubtful": self.doubtful,
            "unannounced": [word.to_dict() for word in self.unannounced],
            "machinery": None if self.machinery is None else self.machinery.to_dict(),
            "tallies": [each.to_dict() for each in self.tallies],
        }


def overview_now(store: Store, now: datetime, policy: Policy) -> Overview:
    """Return how the fleet stands as its store has it, with ages counted to ``now`` (aware, UTC)."""
    machinery = store.standing()
    silent = _unannounced_now(store, now, policy)
    return _overview(store, store.tally(), now, machinery.doubtful, silent, machinery)


def overview_then(store: Store, then: datetime, policy: Policy) -> Overview:
    """Return how the fleet stood at a moment (aware, UTC), from the events received by then."""
    doubtful = 0
    tallies: Counter[tuple[Status, Health, str | None, bool]] = Counter()
    oldest: dict[tuple[Status, Health, str | None, bool], datetime] = {}

    def counted() -> Iterable[Account]:
        nonlocal doubtful
        for account in accounts_as_of(store, then):
            doubtful += account.doubtful
            key = account.status, account.health, account.provider, account.stuck
            tallies[key] += 1
            if account.since is not None:
                oldest[key] = min(oldest.get(key, account.since), account.since)
            yield account

    silent = unannounced(counted(), then, policy)
    found = tallied((key[:3], count, oldest.get(key), count if key[3] else 0) for key, count in tallies.items())
    return _overview(store, found, then, doubtful, silent, None)


def _overview(
    store: Reader,
    tallies: list[AccountTally],
    at: datetime,
    doubtful: int,
    silent: tuple[UnannouncedWord, ...],
    machinery: Machinery | None,
) -> Overview:
    statuses, healths, providers = Counter[Status](), Counter[Health](), Counter[str | None]()
    stuck = presumed = 0
    for each in tallies:
        statuses[each.status] += each.accounts
        healths[each.health] += each.accounts
        providers[each.provider] += each.accounts
        if each.health is Health.LIVE:  # OK is always live; whatever else is, is so as far as one can presume
            presumed += 0 if each.status is definition.PROVES_LIFE else each.accounts
        else:
            stuck += each.stuck or 0
    unusual = unusual_at(store, at, (machinery or store.standing()).last_announced_at)
    return Overview(
        at,
        sum(statuses.values()),
        {status: statuses[status] for status in Status if statuses[status]},
        {health: healths[health] for health in Health if healths[health]},
        dict(providers.most_common()),
        stuck,
        presumed,
        doubtful,
        silent,
        _providers(store, tallies, at, is_past=machinery is None),
        unusual.bursts,
        unusual.silence,
        machinery,
        tuple(tallies),
    )


def _providers(
    store: Reader, tallies: list[AccountTally], at: datetime, *, is_past: bool
) -> tuple[ProviderHealth, ...]:
    now = _by_provider(tallies)
    changes = [_changes(store, at - ago, at if is_past else None) for ago in (_HOUR, _DAY)]
    found = [
        ProviderHealth(
            provider,
            {health: counts[health] for health in Health if counts[health]},
            *(None if change is None else change.get(provider, {}) for change in changes),
        )
        for provider, counts in now.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.accounts, each.provider or "")))


def _changes(store: Reader, since: datetime, until: datetime | None) -> dict[str | None, HealthCounts] | None:
    """Return by provider how many more accounts of each health there are than at a moment; None if it was pruned."""
    try:
        changes = store.health_changes(since)
        later = {} if until is None else store.health_changes(until)
    except StoreError:
        return None
    found: dict[str | None, HealthCounts] = {}
    for provider in changes.keys() | later.keys():
        new, newer = changes.get(provider, {}), later.get(provider, {})
        counts = {health: new.get(health, 0) - newer.get(health, 0) for health in Health}
        found[provider] = {health: count for health, count in counts.items() if count}
    return found


def _by_provider(tallies: Iterable[AccountTally]) -> dict[str | None, Counter[Health]]:
    found: dict[str | None, Counter[Health]] = {}
    for each in tallies:
        found.setdefault(each.provider, Counter())[each.health] += each.accounts
    return found


def _unannounced_now(store: Reader, now: datetime, policy: Policy) -> tuple[UnannouncedWord, ...]:
    """Return the words that were never announced: mostly a few accounts prove that there is none."""
    if not set(AWAITED) & set(policy.subscribed):
        return ()
    if any(map(was_announced_live, store.page(AccountFilter(status=definition.PROVES_LIFE), limit=_A_FEW))):
        return ()
    return unannounced(store.accounts(AccountFilter()), now, policy)


def _clock(at: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a time of day, with its date unless it is today's."""
    local = at.astimezone(zone)
    is_today = local.date() == now.astimezone(zone).date()
    return local.strftime("%H:%M" if is_today else "%Y-%m-%d %H:%M") + (" UTC" if zone is UTC else "")


def _counts(counts: Mapping[Any, int]) -> JsonObject:
    return {str(word): count for word, count in counts.items()}
