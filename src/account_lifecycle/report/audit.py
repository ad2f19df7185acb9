"""The audit of a fleet as data: everything that a report shows, read from a store once and added up."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.incidents import Burst
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.unannounced import UnannouncedWord, unannounced
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import JsonObject, plain, time_text
from ..records import AccountFilter, AuditFilter
from ..stores.fleet import AccountTally, Standpoint, tallied
from ..stores.protocol import Reader
from .grouping import Group, Groups
from .incidents import Incident, burst_behind, bursts_in, incidents_of

EVERYTHING = AuditFilter()
MAX_LISTED = 500
"""How many anomalies a report lists one by one: the latest. A file that can be mailed holds no more."""
MAX_TOP_ACCOUNTS = 10
CHANGED_WITHIN = timedelta(hours=24)
FAILING = (Health.ACTION_REQUIRED, Health.INTERRUPTED)
"""Healths about which somebody has to do something; others are acted on once an account is stuck."""
ACTED_ON = (*FAILING, Health.RECOVERING, Health.STARTING, Health.UNKNOWN)


class TopAccount(NamedTuple):
    """An account with many anomalies, and how it stands now."""

    account_id: str
    anomalies: int
    account: Account | None

    def to_dict(self) -> JsonObject:
        """Return the account and its number of anomalies as a JSON object."""
        return {
            "account_id": self.account_id,
            "anomalies": self.anomalies,
            "status": None if self.account is None else self.account.status.value,
            "health": None if self.account is None else self.account.health.value,
        }


class CauseTotals(NamedTuple):
    """The blind windows that began with one announcement."""

    cause: Status | None
    """What opened them; None where only their end was ever announced."""
    windows: int = 0
    open: int = 0
    lost: timedelta = timedelta(0)
    """Downtime that was announced."""
    estimated: timedelta = timedelta(0)
    """The length of windows that nobody announced: at most so much was downtime."""

    def to_dict(self) -> JsonObject:
        """Return the totals as a JSON object."""
        return {
            "cause": plain(self.cause),
            "windows": self.windows,
            "open": self.open,
            "lost_hours": _hours(self.lost),
            "estimated_hours": _hours(self.estimated),
        }


class WindowTotals(NamedTuple):
    """Blind windows, added up over the part of each that lies within the period."""

    windows: int = 0
    open: int = 0
    """How many are ongoing."""
    unknown_start: int = 0
    """How many began before anything was heard of the account: their downtime is longer than is counted."""
    lost: timedelta = timedelta(0)
    """Downtime that was announced: from the first announcement of a loss to the recovery."""
    estimated: timedelta = timedelta(0)
    """The length of windows that nobody announced: at most so much was downtime."""
    to_backfill: timedelta = timedelta(0)
    """What a backfill has to cover: the same with the margin before each window."""
    by_cause: tuple[CauseTotals, ...] = ()
    """The cause of the longest downtime first."""

    def to_dict(self) -> JsonObject:
        """Return the totals as a JSON object."""
        return {
            "windows": self.windows,
            "open": self.open,
            "unknown_start": self.unknown_start,
            "lost_hours": _hours(self.lost),
            "estimated_hours": _hours(self.estimated),
            "backfill_hours": _hours(self.to_backfill),
            "by_cause": [cause.to_dict() for cause in self.by_cause],
        }


class ProviderTotals(NamedTuple):
    """What a log holds of the accounts of one provider."""

    provider: str | None
    """The family, ``OTHER_PROVIDERS`` for all unknown ones together, or None for accounts without one."""
    accounts: int
    affected_accounts: int
    events: int
    anomalies: int
    windows: int
    lost: timedelta
    """Downtime in blind windows, from the first announcement of a loss to the recovery."""
    estimated: timedelta
    """The length of windows that nobody announced."""
    dwelt: Mapping[Status, timedelta]
    """For how long its accounts were in each status, added up."""

    def to_dict(self) -> JsonObject:
        """Return the totals as a JSON object."""
        return {
            "provider": self.provider,
            "accounts": self.accounts,
            "affected_accounts": self.affected_accounts,
            "events": self.events,
            "anomalies": self.anomalies,
            "windows": self.windows,
            "lost_hours": _hours(self.lost),
            "estimated_hours": _hours(self.estimated),
            "status_hours": {status.value: _hours(length) for status, length in self.dwelt.items() if length},
        }


class LogTotals(NamedTuple):
    """What was read, where the report is one of replayed logs and not of a store."""

    sources: tuple[str, ...]
    events: int
    undated: int
    """Events that carried no time, and count as received when the log was replayed."""
    refused: int
    """Lines that are no readable event."""
    first_at: datetime | None
    until: datetime
    """When the log ends: up to here open blind windows and stays are measured."""
    verdicts: Mapping[Verdict, int]
    providers: tuple[ProviderTotals, ...]
    """The one with the most accounts first."""
    deadlines: int = 0
    """Deadlines that passed without an event in the log: of stays, which are anomalies, of reminders, of sessions."""
    failed_creations: int = 0
    """Accounts that could not be created, and never had an id."""
    refused_to: str | None = None
    """The file that keeps the lines which are no readable event; None where only the audit itself does."""
    remarks: tuple[str, ...] = ()
    """How the logs were read, and what there is to be said about them, the most important first."""

    @property
    def dwelt(self) -> Mapping[Status, timedelta]:
        """For how long accounts were in each status, added up."""
        lengths = {status: sum((p.dwelt[status] for p in self.providers), timedelta(0)) for status in Status}
        return {status: length for status, length in lengths.items() if length}

    def to_dict(self) -> JsonObject:
        """Return the totals as a JSON object."""
        return {
            "sources": list(self.sources),
            "events": self.events,
            "undated": self.undated,
            "refused": self.refused,
            "refused_to": self.refused_to,
            "remarks": list(self.remarks),
            "first_at": time_text(self.first_at),
            "until": time_text(self.until),
            "verdicts": _counts(self.verdicts),
            "deadlines": self.deadlines,
            "failed_creations": self.failed_creations,
            "status_hours": {status.value: _hours(length) for status, length in self.dwelt.items()},
            "providers": [totals.to_dict() for totals in self.providers],
        }


OTHER_PROVIDERS = "other providers"
"""Stands for account types that this version does not know."""


class AuditReport(NamedTuple):
    """What an audit found. Totals and groups cover every anomaly that was wanted, however many there are."""

    wanted: AuditFilter
    """What the report is limited to. The kind and the severity limit anomalies only."""
    generated_at: datetime
    groups: tuple[Group, ...]
    listed: tuple[Anomaly, ...]
    """The latest anomalies, in the order in which their events were fed."""
    affected_accounts: int
    """How many accounts have any of the anomalies."""
    top_accounts: tuple[TopAccount, ...]
    windows: WindowTotals
    quarantined: int
    """Unreadable payloads of the period, of the whole fleet: whose they are is unknown."""
    accounts_by_status: Mapping[Status, int]
    accounts_by_health: Mapping[Health, int]
    presumed_live: int = 0
    """How many accounts are live only as far as one can presume, because OK is not subscribed."""
    unannounced: tuple[UnannouncedWord, ...] = ()
    """Words that were never announced to the fleet; they stand in place of the STUCK that they explain."""
    log: LogTotals | None = None
    """What was read, if this is the report of a replay."""
    still_affected: Mapping[AnomalyKind, int] = MappingProxyType({})
    """How many accounts have an anomaly of a kind and are neither live again nor deleted; of a store."""
    open_only: bool = False
    """Whether anomalies of other accounts are left out."""
    tallies: tuple[AccountTally, ...] = ()
    """How many accounts stand where."""
    incidents: tuple[Incident, ...] = ()
    """Accounts that were lost together, within the last fourteen days: the most that are not live first."""
    changed: Mapping[Health, int] | None = None
    """How many more accounts of each health there are than 24 hours before the end; None if that is not known."""

    @property
    def until(self) -> datetime:
        """When the period ends."""
        return min(self.wanted.until or self.generated_at, self.generated_at)

    @property
    def present_incidents(self) -> tuple[Incident, ...]:
        """The incidents that matter now: a report begins with them."""
        return tuple(each for each in self.incidents if each.is_present(self.until))

    @property
    def to_act_on(self) -> tuple[tuple[Health, tuple[AccountTally, ...]], ...]:
        """The accounts that somebody has to do something about, by health: the user first, then you; the most first."""
        found = []
        for health in ACTED_ON:
            alike = [each for each in self.tallies if each.health is health and (health in FAILING or each.stuck)]
            if alike:
                found.append((health, tuple(sorted(alike, key=lambda each: -each.accounts))))
        return tuple(found)

    @property
    def anomalies(self) -> int:
        """How many anomalies there are."""
        return sum(group.count for group in self.groups)

    @property
    def accounts(self) -> int:
        """How many accounts there are, with and without anomalies."""
        return sum(self.accounts_by_status.values())

    @property
    def by_severity(self) -> Mapping[Severity, int]:
        """How many anomalies there are of each severity, the worst first."""
        return {s: sum(g.count for g in self.groups if g.severity is s) for s in reversed(Severity)}

    @property
    def by_kind(self) -> Mapping[AnomalyKind, int]:
        """How many there are of each kind that was found, the most frequent first."""
        counts = Counter[AnomalyKind]()
        for group in self.groups:
            counts[group.kind] += group.count
        return dict(counts.most_common())

    def to_dict(self) -> JsonObject:
        """Return the report as a JSON object, without the anomalies that it lists one by one."""
        record = {
            "generated_at": time_text(self.generated_at),
            "wanted": self.wanted.to_dict(),
            "totals": {
                "anomalies": self.anomalies,
                "groups": len(self.groups),
                "accounts": self.accounts,
                "affected_accounts": self.affected_accounts,
                "quarantined": self.quarantined,
                "by_severity": _counts(self.by_severity),
                "by_kind": _counts(self.by_kind),
                "accounts_by_status": _counts(self.accounts_by_status),
                "accounts_by_health": _counts(self.accounts_by_health),
                "presumed_live": self.presumed_live,
            },
            "unannounced": [word.to_dict() for word in self.unannounced],
            "open_only": self.open_only,
            "still_affected": _counts(self.still_affected),
            "incidents": [incident.to_dict() for incident in self.incidents],
            "to_act_on": [each.to_dict() for _, alike in self.to_act_on for each in alike],
            "changed_24h": None if self.changed is None else _counts(self.changed),
            "groups": [group.to_dict() for group in self.groups],
            "top_accounts": [top.to_dict() for top in self.top_accounts],
            "blind_windows": self.windows.to_dict(),
        }
        return record if self.log is None else record | {"log": self.log.to_dict()}


def _hours(length: timedelta) -> float:
    return round(length.total_seconds() / 3600, 3)


def _counts(counts: Mapping[Any, int]) -> JsonObject:
    return {str(word): count for word, count in counts.items()}


def build_report(
    store: Reader,
    wanted: AuditFilter = EVERYTHING,
    *,
    now: datetime,
    policy: Policy = DEFAULT_POLICY,
    max_listed: int = MAX_LISTED,
    open_only: bool = False,
) -> AuditReport:
    """Return the audit of a store: everything in it read once, and added up.

    ``now`` (aware) is when the report is made, and where open blind windows are measured to; ``policy`` tells which
    words are subscribed. Streams are read one row at a time; what is kept are the groups, ``max_listed`` anomalies,
    one number for each account that has any, and the ids of those that are not live. With ``open_only`` anomalies of
    accounts that are live again, or deleted, are left out.
    """
    presumed, open_ids, standing = 0, set[str](), Counter[tuple[Standpoint, bool]]()
    oldest: dict[tuple[Standpoint, bool], datetime] = {}
    until = min(wanted.until or now, now)
    bursts = bursts_in(store, wanted.since, until, wanted.provider) if wanted.account_id is None else ()
    still_lost = Counter[Burst]()

    def counted() -> Iterator[Account]:
        nonlocal presumed
        for account in _accounts(store, wanted):
            key = (account.status, account.health, account.provider), account.stuck
            standing[key] += 1
            if account.since is not None:
                oldest[key] = min(account.since, oldest.get(key, account.since))
            presumed += account.presumed and account.health is Health.LIVE
            if burst := burst_behind(account, bursts):
                still_lost[burst] += 1
            if is_open(account):
                open_ids.add(account.account_id)
            yield account

    silent = unannounced(counted(), now, policy)
    groups, by_account, listed = Groups(), Counter[str](), deque[Anomaly](maxlen=max_listed)
    for anomaly in without_explained(store.audit(wanted), silent):
        still = anomaly.account_id in open_ids
        if open_only and not still:
            continue
        groups.add(anomaly, is_open=still)
        by_account[anomaly.account_id] += 1
        listed.append(anomaly)
    tallies = tuple(tallied((key, n, oldest.get((key, late)), n * late) for (key, late), n in standing.items()))
    return AuditReport(
        wanted,
        now,
        tuple(groups.ranked_open()),
        tuple(listed),
        len(by_account),
        _top_accounts(store, by_account),
        _window_totals(_windows(store, wanted, now), wanted.since, until),
        sum(1 for q in store.quarantined() if _is_within(q.received_at, wanted)),
        *totals_of(tallies),
        presumed,
        silent,
        still_affected=groups.open_by_kind(),
        open_only=open_only,
        tallies=tallies,
        incidents=incidents_of(bursts, still_lost, tallies),
        changed=_changed(store, wanted, until) if wanted.account_id is None else None,
    )


def totals_of(tallies: Iterable[AccountTally]) -> tuple[Mapping[Status, int], Mapping[Health, int]]:
    """Return how many accounts there are of each status and of each health."""
    statuses, healths = Counter[Status](), Counter[Health]()
    for each in tallies:
        statuses[each.status] += each.accounts
        healths[each.health] += each.accounts
    return (
        {status: statuses[status] for status in Status if statuses[status]},
        {health: healths[health] for health in Health if healths[health]},
    )


def _changed(store: Reader, wanted: AuditFilter, until: datetime) -> Mapping[Health, int] | None:
    """Return how many more accounts of each health there are than a day before; None if such events were pruned."""
    try:
        changes, later = store.health_changes(until - CHANGED_WITHIN), store.health_changes(until)
    except StoreError:
        return None
    counts = Counter[Health]()
    for sign, found in ((1, changes), (-1, later)):
        for provider, by_health in found.items():
            for health, count in by_health.items() if wanted.provider in (None, provider) else ():
                counts[health] += sign * count
    return {health: counts[health] for health in Health if counts[health]}


def is_open(account: Account) -> bool:
    """Return whether an account is neither live nor deleted: what was anomalous about it may still matter."""
    return account.health not in (Health.LIVE, Health.GONE)


def open_anomalies(store: Reader, anomalies: Iterable[Anomaly]) -> Iterator[Anomaly]:
    """Yield anomalies of accounts that are neither live again nor deleted."""
    open_ids = {account.account_id for account in store.accounts(AccountFilter()) if is_open(account)}
    return (anomaly for anomaly in anomalies if anomaly.account_id in open_ids)


def without_explained(anomalies: Iterable[Anomaly], silent: Sequence[UnannouncedWord]) -> Iterator[Anomaly]:
    """Yield anomalies but for the STUCK that words explain which are never announced."""
    return (anomaly for anomaly in anomalies if not silent or anomaly.kind is not AnomalyKind.STUCK)


def _accounts(store: Reader, wanted: AuditFilter) -> Iterator[Account]:
    if wanted.account_id is None:
        yield from store.accounts(AccountFilter(provider=wanted.provider))
    elif (account := store.account(wanted.account_id)) and wanted.provider in (None, account.provider):
        yield account


def _top_accounts(store: Reader, by_account: Counter[str]) -> tuple[TopAccount, ...]:
    ranked = nsmallest(MAX_TOP_ACCOUNTS, by_account.items(), key=lambda item: (-item[1], item[0]))
    return tuple(TopAccount(account_id, count, store.account(account_id)) for account_id, count in ranked)


def _is_within(at: datetime, wanted: AuditFilter) -> bool:
    return (wanted.since is None or at >= wanted.since) and (wanted.until is None or at < wanted.until)


# ---- Blind windows ----------------------------------------------------------------------------------


def _windows(store: Reader, wanted: AuditFilter, now: datetime) -> Iterator[BlindWindow]:
    """The windows that overlap the period, of the accounts that are wanted."""
    for window in store.blind_windows(wanted.account_id, open_only=False):
        begins_in_time = window.opened_at < wanted.until if wanted.until else window.opened_at <= now
        ends_in_time = wanted.since is None or window.closed_at is None or window.closed_at > wanted.since
        if begins_in_time and ends_in_time and _has_provider(store, window.account_id, wanted.provider):
            yield window


def _has_provider(store: Reader, account_id: str, provider: str | None) -> bool:
    if provider is None:
        return True
    account = store.account(account_id)
    return account is not None and account.provider == provider


def _window_totals(windows: Iterator[BlindWindow], since: datetime | None, until: datetime) -> WindowTotals:
    totals, by_cause = WindowTotals(), dict[Status | None, CauseTotals]()
    zero = timedelta(0)
    for window in windows:
        lasted = _overlap(window.opened_at, window.closed_at, since, until)
        to_backfill = _overlap(window.backfill_from or window.opened_at, window.closed_at, since, until)
        lost, estimated = (zero, lasted) if window.estimated else (lasted, zero)
        cause = window.causes[0] if window.causes else None
        known = by_cause.get(cause, CauseTotals(cause))
        by_cause[cause] = CauseTotals(
            cause, known.windows + 1, known.open + window.is_open, known.lost + lost, known.estimated + estimated
        )
        totals = WindowTotals(
            totals.windows + 1,
            totals.open + window.is_open,
            totals.unknown_start + (window.backfill_from is None),
            totals.lost + lost,
            totals.estimated + estimated,
            totals.to_backfill + to_backfill,
        )
    ranked = sorted(by_cause.values(), key=lambda c: (-c.lost, -c.windows, str(c.cause)))
    return totals._replace(by_cause=tuple(ranked))


def _overlap(start: datetime, end: datetime | None, since: datetime | None, until: datetime) -> timedelta:
    """How much of an interval lies within the period."""
    start = start if since is None else max(start, since)
    return max(timedelta(0), min(end or until, until) - start)
