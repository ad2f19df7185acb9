"""Accounts counted for a person: by provider, by status or by health."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime

from ..lifecycle.definition import DOWN
from ..lifecycle.wording import plain, time_text
from ..records import AccountFilter
from ..report.tables import Column, style_of
from ..report.words import counted, provider_name
from ..stores.fleet import AccountTally, tallied
from ..stores.protocol import Reader
from .output import Sheet, about, say, write_record

GROUPINGS: dict[str, Callable[[AccountTally], str | None]] = {
    "provider": lambda each: each.provider,
    "status": lambda each: each.status,
    "health": lambda each: each.health,
}
"""What accounts can be counted by."""


def tallies_of(store: Reader, wanted: AccountFilter) -> list[AccountTally]:
    """Return the counts of the accounts that fit: from the store's own, unless the filter asks of each account."""
    if wanted.owner is not None or wanted.stuck is not None:
        accounts = store.accounts(wanted)
        return tallied(((a.status, a.health, a.provider), 1, a.since, int(a.stuck)) for a in accounts)
    return [
        each
        for each in store.tally()
        if wanted.status in (None, each.status)
        and wanted.health in (None, each.health)
        and wanted.provider in (None, each.provider)
        and wanted.down in (None, each.health in DOWN)
    ]


def write_groups(grouping: str, tallies: Iterable[AccountTally], now: datetime, *, as_json: bool) -> None:
    """Write how many accounts there are in each group, the largest first, and how they stand."""
    groups: dict[str | None, list[AccountTally]] = {}
    for each in tallies:
        groups.setdefault(GROUPINGS[grouping](each), []).append(each)
    ranked = sorted(groups.items(), key=lambda group: (-_accounts(group[1]), group[0] or ""))
    is_by_health = grouping == "health"
    sheet = Sheet(
        Column(grouping, max([len(provider_name(name)) for name in groups] + [9]), style=style_of),
        Column("accounts", 8, right=True),
        Column("stuck", 5, right=True),
        Column("longest", 7, right=True),
        Column("statuses" if is_by_health else "healths", 8),
    )
    for name, alike in ranked:
        parts: Counter[str] = Counter()
        for each in alike:
            parts[each.status if is_by_health else each.health] += each.accounts
        oldest = min(filter(None, (each.oldest for each in alike)), default=None)
        stuck = sum(each.stuck or 0 for each in alike)
        if as_json:
            record = {grouping: plain(name), "accounts": _accounts(alike), "stuck": stuck, "oldest": time_text(oldest)}
            write_record(record | {"statuses" if is_by_health else "healths": dict(parts.most_common())})
            continue
        words = ", ".join(f"{count:,} {word}" for word, count in parts.most_common())
        longest = about(now - oldest) if oldest else ""
        sheet.row(provider_name(name), f"{_accounts(alike):,}", f"{stuck:,}" if stuck else "", longest, words)
    if not as_json:
        total = sum(_accounts(alike) for alike in groups.values())
        say(f"{counted(total, 'account')}, {counted(len(groups), 'group')}")


def _accounts(alike: Iterable[AccountTally]) -> int:
    return sum(each.accounts for each in alike)
