"""Reading about a whole fleet, whatever the database: counts, pages and events of all accounts.

Each answer is one statement, and so of one moment. What is asked of a time begins at the index of the times of receipt:
the numbers of events grow in the order of feeding, which is not that of their times. Deadlines are dated back to the
moment at which they passed, and logs are fed years later.
"""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeVar

from ..errors import StoreError
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.definition import DOWN
from ..lifecycle.effects import EffectKind
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import moment, one_of
from ..records import AccountFilter
from . import rows
from .decided import decided_from, effects_from
from .fleet import (
    AccountTally,
    EventFilter,
    FleetEvent,
    HookStanding,
    HourlyMoves,
    KindCount,
    Machinery,
    Standpoint,
    Traffic,
    tallied,
)
from .rows import Row

Read = TypeVar("Read")
"""A record that is made of rows."""


class Clause(NamedTuple):
    """What a column is compared with."""

    column: str
    value: Any
    comparison: str = "="
    """``=``, ``>=``, ``<``, ``LIKE``, or ``IN`` a sequence of values. A value of None makes it ``IS NULL``; a tuple is
    compared with as many columns, in parentheses."""


class FleetReading(ABC):
    """The part of ``Reader`` that is about the whole fleet; a store says how a statement is run."""

    @abstractmethod
    def _read(
        self,
        make: Callable[[Iterator[Row]], Iterator[Read]],
        name: str,
        clauses: Sequence[Clause] = (),
        order: str = "",
    ) -> Iterator[Read]:
        """Run the statement of this name with its clauses and its order; yield what ``make`` makes of its rows."""

    # ---- Accounts ----------------------------------------------------------------------------------

    def tally(self, at: datetime | None = None) -> list[AccountTally]:
        """Return how many accounts stand where, now or at a moment of the past."""
        if at is None:
            return self.tally_of(AccountFilter())
        self._check_reach(at)
        counts: Counter[Standpoint] = Counter()
        clauses = [Clause("received_at", rows.to_us(at), ">")]
        for standing, change in self._read(_changes_from, "tally_then", clauses):
            counts[standing] += change
        return tallied((standing, accounts, None, None) for standing, accounts in counts.items())

    def tally_of(self, wanted: AccountFilter) -> list[AccountTally]:
        """Return how many of the accounts that fit stand where, now."""
        clauses = [*account_clauses(wanted), Clause("a.account_id", "", ">")]
        return tallied(self._read(partial(map, _tally_from), "tally", clauses, _BY_STANDING))

    def healths(self, account_id: str) -> Iterator[tuple[datetime, Health]]:
        """Yield when the health of one account changed, and to what, newest first; at last what it was where the
        ledger begins, if events were pruned."""
        changes = [Clause("c.account_id", account_id), Clause("e.decided", '%"health_changed"%', "LIKE")]
        for received_at, decided in self._read(iter, "healths", changes, "ORDER BY e.sequence DESC"):
            yield rows.from_us(received_at), _health_from(decided, None)
        for row in self._read(iter, "baselines", [Clause("account_id", account_id)]):
            until, _ = list(self._read(iter, "pruned"))[-1]
            yield rows.from_us(until), rows.account_from(row[:-1]).health

    def health_changes(self, since: datetime) -> dict[str | None, dict[Health, int]]:
        """Return by provider how many more accounts of each health there are than at a time, where that is not 0."""
        self._check_reach(since)
        changes: defaultdict[str | None, Counter[Health]] = defaultdict(Counter)
        for health, provider, sequence, last, baseline in self._read(
            iter, "health_changes", [Clause("received_at", rows.to_us(since), ">")]
        ):
            change = changes[rows.provider_from(provider)]
            change[Health(health)] += 1
            if sequence > 1:  # or else the account was not known then
                change[_health_from(last, baseline)] -= 1
        return {
            provider: {health: change[health] for health in Health if change[health]}
            for provider, change in changes.items()
        }

    def _check_reach(self, at: datetime) -> None:
        """Raise ``StoreError`` if events received since a time were pruned."""
        missing = tuple(path for until, path in self._read(iter, "pruned") if rows.from_us(until) > at)
        if missing:
            raise StoreError(
                f"How the accounts stood at {moment(at)} is no longer in the ledger: events were pruned. They are in "
                f"{one_of(missing, 'and')}."
            )

    # ---- Events ------------------------------------------------------------------------------------

    def events(self, wanted: EventFilter, after: tuple[datetime, int] | None = None) -> Iterator[FleetEvent]:
        """Yield events of all accounts in the order of their times, from the first after a time and a number on."""
        clauses = []
        if wanted.since is not None:
            clauses.append(Clause("e.received_at", rows.to_us(wanted.since), ">="))
        if wanted.until is not None:
            clauses.append(Clause("e.received_at", rows.to_us(wanted.until), "<"))
        if after is not None:
            clauses.append(Clause("(e.received_at, e.event_id)", (rows.to_us(after[0]), after[1]), ">"))
        if wanted.provider is not None:
            clauses.append(Clause("c.provider", wanted.provider))
        if wanted.status is not None:
            clauses.append(Clause("e.status", wanted.status.value))
        if wanted.moved:
            clauses.append(Clause("e.is_move", 1))
        return self._read(_events_from, "events", clauses, "ORDER BY e.received_at, e.event_id, a.ordinal")

    def recent(self, after_event: int | None = None, limit: int = 100) -> list[FleetEvent]:
        """Return at most ``limit`` events in the order of their numbers: those after a number, or the newest."""
        if after_event is None:
            newest = self._read(_events_from, "events", (), "ORDER BY e.event_id DESC, a.ordinal")
            return list(islice(newest, limit))[::-1]
        clauses = [Clause("e.event_id", after_event, ">")]
        return list(islice(self._read(_events_from, "events", clauses, "ORDER BY e.event_id, a.ordinal"), limit))

    def traffic(self, since: datetime, until: datetime | None = None) -> Iterator[Traffic]:
        """Yield how many events were received in each minute, by provider and the status that they led to."""
        clauses = [Clause("e.received_at", rows.to_us(since), ">=")]
        if until is not None:
            clauses.append(Clause("e.received_at", rows.to_us(until), "<"))
        return self._read(_traffic_from, "traffic", clauses, "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")

    def hourly_moves(self, since: datetime) -> Iterator[HourlyMoves]:
        """Yield how many accounts came into each status in each hour of the clock, by provider."""
        clauses = [Clause("e.received_at", rows.to_us(since), ">=")]
        return self._read(_hourly_from, "hourly_moves", clauses, "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")

    def anomalies_by_kind(self, since: datetime) -> list[KindCount]:
        """Return how many anomalies of each kind were found in events received since a time: the worst kinds first."""
        clauses = [Clause("e.received_at", rows.to_us(since), ">=")]
        found = self._read(partial(map, _kind_count_from), "anomalies_by_kind", clauses, "GROUP BY a.kind")
        return sorted(found, key=lambda each: (-_SEVERITIES[each.kind.severity], -each.anomalies, each.kind))

    # ---- The machinery -----------------------------------------------------------------------------

    def standing(self) -> Machinery:
        """Return how hooks, quarantine and open windows stand, and the newest events."""
        counts: dict[str, tuple[int, int | None]] = {}
        hooks: dict[str, HookStanding] = {}
        for what, hook, count, us in self._read(iter, "standing"):
            if hook is None:
                counts[what] = count, us
                continue
            found: dict[str, Any] = {what: count}
            if what == "waiting":
                found["oldest_due"] = rows.maybe_time(us)
            hooks[hook] = hooks.get(hook, HookStanding(hook))._replace(**found)
        quarantined, quarantined_since = counts["quarantined"]
        return Machinery(
            tuple(hooks[name] for name in sorted(hooks)),
            quarantined,
            rows.maybe_time(quarantined_since),
            counts["open_windows"][0],
            counts["doubtful"][0],
            counts["last_event"][0],
            rows.maybe_time(counts["last_announced"][1]),
        )


def account_clauses(wanted: AccountFilter) -> list[Clause]:
    """Return what a filter asks of the columns of accounts."""
    columns = ("a.status", wanted.status), ("a.health", wanted.health), ("a.provider", wanted.provider)
    clauses = [Clause(column, value) for column, value in (*columns, ("a.owner", wanted.owner)) if value is not None]
    if wanted.stuck is not None:
        clauses.append(Clause("a.is_stuck", int(bool(wanted.stuck))))
    if wanted.down is not None:
        clauses.append(Clause("a.health", [each.value for each in Health if (each in DOWN) == bool(wanted.down)], "IN"))
    if wanted.prefix:
        clauses += [Clause("a.account_id", wanted.prefix, ">="), Clause("a.account_id", wanted.prefix + _LAST, "<=")]
    return clauses


_LAST = "\U0010ffff"
"""What comes after every other character in the order of ids."""
_BY_STANDING = "GROUP BY a.health, a.status, a.provider, a.is_stuck"
_SEVERITIES = {severity: place for place, severity in enumerate(type(AnomalyKind.STUCK.severity))}
_MINUTE = timedelta(minutes=1) // timedelta(microseconds=1)


def _tally_from(row: Row) -> tuple[Standpoint, int, datetime | None, int]:
    health, status, provider, is_stuck, accounts, oldest = row
    standing = Status(status), Health(health), rows.provider_from(provider)
    return standing, accounts, rows.maybe_time(oldest), accounts if is_stuck else 0


def _changes_from(found: Iterator[Row]) -> Iterator[tuple[Standpoint, int]]:
    """Yield what stands now, and for each account that had events since: one less where it stands, one more where it
    stood, unless it was not known then.

    Where it stood is what its first event since then began with; its health is that of the last effect before which
    says that it changed, or of the account's baseline.
    """
    for health, status, provider, accounts, sequence, first, last, baseline in found:
        known = rows.provider_from(provider)
        yield (Status(status), Health(health), known), accounts
        if first is None or sequence == 1:  # a count of many, or an account that nothing was known of
            continue
        then = _health_from(last, baseline)
        yield (decided_from(first).before.status, then, known), 1


def _health_from(last: str | None, baseline: str | None) -> Health:
    """Return the health after what was decided last that changed it, or else that of a baseline."""
    then = Health(baseline) if baseline is not None else Health.UNKNOWN
    for effect in effects_from(last) if last else ():
        then = Health(effect.subject) if effect.kind is EffectKind.HEALTH_CHANGED else then
    return then


def _events_from(found: Iterator[Row]) -> Iterator[FleetEvent]:
    for number, group in groupby(found, key=lambda row: row[0]):
        joined = list(group)
        (entry,) = rows.entries_from(iter(joined))
        yield FleetEvent(number, rows.provider_from(joined[0][rows.EVENT_COLUMNS + 1]), entry)


def _traffic_from(found: Iterator[Row]) -> Iterator[Traffic]:
    for minute, provider, status, events, announced, moved in found:
        at = rows.from_us(minute * _MINUTE)
        yield Traffic(at, rows.provider_from(provider), Status(status), events, announced, moved)


def _hourly_from(found: Iterator[Row]) -> Iterator[HourlyMoves]:
    for hour, provider, status, moved in found:
        yield HourlyMoves(rows.from_us(hour * 60 * _MINUTE), rows.provider_from(provider), Status(status), moved)


def _kind_count_from(row: Row) -> KindCount:
    kind, anomalies, accounts, last_at = row
    return KindCount(AnomalyKind(kind), anomalies, accounts, rows.from_us(last_at))
