"""The fleet at a glance: how many accounts stand where, and which words are never announced to any of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..lifecycle.account import Account
from ..lifecycle.policy import Policy
from ..lifecycle.status import Health, Status
from ..lifecycle.unannounced import UnannouncedWord, unannounced
from ..lifecycle.wording import JsonObject, time_text


class Overview(NamedTuple):
    """How a fleet stands."""

    at: datetime
    accounts: int
    by_status: Mapping[Status, int]
    by_health: Mapping[Health, int]
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

    def to_dict(self) -> JsonObject:
        """Return the overview as a JSON object."""
        return {
            "at": time_text(self.at),
            "accounts": self.accounts,
            "by_status": _counts(self.by_status),
            "by_health": _counts(self.by_health),
            "by_provider": {provider or "unknown": count for provider, count in self.by_provider.items()},
            "stuck": self.stuck,
            "presumed_live": self.presumed_live,
            "doubtful": self.doubtful,
            "unannounced": [word.to_dict() for word in self.unannounced],
        }


def overview_of(accounts: Iterable[Account], now: datetime, policy: Policy) -> Overview:
    """Return how accounts stand at ``now`` (aware); they are read once, as a stream."""
    statuses, healths, providers = Counter[Status](), Counter[Health](), Counter[str | None]()
    facts = Counter[str]()

    def counted() -> Iterable[Account]:
        for account in accounts:
            is_live = account.health is Health.LIVE
            statuses[account.status] += 1
            healths[account.health] += 1
            providers[account.provider] += 1
            facts["stuck"] += account.stuck and not is_live
            facts["presumed"] += account.presumed and is_live
            facts["doubtful"] += account.doubtful
            yield account

    silent = unannounced(counted(), now, policy)
    return Overview(
        now,
        sum(statuses.values()),
        {status: statuses[status] for status in Status if statuses[status]},
        {health: healths[health] for health in Health if healths[health]},
        dict(providers.most_common()),
        facts["stuck"],
        facts["presumed"],
        facts["doubtful"],
        silent,
    )


def _counts(counts: Mapping[Any, int]) -> JsonObject:
    return {str(word): count for word, count in counts.items()}
