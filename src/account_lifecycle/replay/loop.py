"""The loop: events in the order of a log, each judged against its account, and what there is to count about it.

Every event passes through the same three steps as in the live engine: ``read_line`` opens its line, ``parse`` reads
the payload, ``decide`` judges it. All that is remembered between two events is a dict of accounts, so memory grows
with the number of accounts and not with the length of the log. Findings leave at once, into files (``findings``).

The live engine reports a status that lasts too long when somebody looks. Here somebody looks all the time: a deadline
is an event of its own, judged at the first moment after it has passed. That moment can be seen from the account alone,
right before its next event, or at the end of the log; no clock runs over the whole fleet. So accounts have nothing to
do with each other, and a log can be split by account over processes without changing a single verdict (``shards``).

Positions order what several processes have found: one number for the source and the line of an event, which no other
event has. What is found at the end of the log stands after all lines, in the order in which accounts first appeared.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from heapq import nsmallest
from typing import Any, NamedTuple

from ..engine.deadlines import deadline_before, shortest_deadlines
from ..errors import PayloadError
from ..intake.payloads import parse
from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision, decide
from ..lifecycle.events import Event
from ..lifecycle.machine import Situation
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES
from ..lifecycle.status import Status, Verdict
from ..lifecycle.windows import BlindWindow
from ..report.audit import MAX_TOP_ACCOUNTS, OTHER_PROVIDERS
from ..report.grouping import OTHER_WORDS
from .findings import Findings, account_fields
from .lines import Record, Source

LINE_BITS = 40
"""How many bits of a position number the line; those above number the source."""
AT_THE_END = 1 << 62
"""Added to the position of an account's first event: that of what is found at the end of the log."""

_ZERO = timedelta(0)


class Crossed(NamedTuple):
    """Events that were judged alike."""

    before: Status
    announced: str
    after: Status
    kind: AnomalyKind | None
    """Of the first anomaly."""


class Alike(NamedTuple):
    """What events have in common that are counted together; ``verdict`` is None for a deadline that nobody recorded."""

    before: Situation
    announced: str
    after: Situation
    verdict: Verdict | None
    provider: str | None
    kind: AnomalyKind | None = None
    """Of the first anomaly."""


class WindowSum(NamedTuple):
    """Blind windows of one provider that began with the same announcement, added up."""

    windows: int = 0
    open: int = 0
    unknown_start: int = 0
    lost: timedelta = _ZERO
    lost_at_most: timedelta = _ZERO

    def plus(self, other: "WindowSum") -> "WindowSum":
        """Return both together."""
        windows, is_open, unknown, lost, at_most = other
        return WindowSum(
            self.windows + windows, self.open + is_open, self.unknown_start + unknown,
            self.lost + lost, self.lost_at_most + at_most,
        )  # fmt: skip


class Sums(NamedTuple):
    """What a replay, or one of its shards, adds up; each provider by its row: known, other or None."""

    events: int
    """How many events were judged, deadlines that nobody recorded not among them."""
    undated: int
    refused: int
    first_at: datetime | None
    last_at: datetime | None
    crossed: Counter[Crossed]
    verdicts: Counter[tuple[str | None, Verdict]]
    deadlines: int
    """How many deadlines passed that nobody recorded."""
    anomalies: Counter[str | None]
    accounts: Counter[str | None]
    affected: Counter[str | None]
    """Accounts with an anomaly."""
    standing: Counter[tuple[Situation, bool]]
    """Accounts by situation, and whether OK was ever heard."""
    dwelt: dict[tuple[str | None, Status], timedelta]
    """For how long accounts were in each status."""
    windows: dict[tuple[str | None, Status | None], WindowSum]
    """By the first cause."""
    top: list[tuple[int, str, Account]]
    """The accounts with the most anomalies: how many as a negative number, id, account."""

    def plus(self, other: "Sums") -> "Sums":
        """Return what two shards come to together."""
        dwelt = dict(self.dwelt)
        for row, length in other.dwelt.items():
            dwelt[row] = dwelt.get(row, _ZERO) + length
        windows = dict(self.windows)
        for cause, found in other.windows.items():
            windows[cause] = windows.get(cause, WindowSum()).plus(found)
        return Sums(
            self.events + other.events,
            self.undated + other.undated,
            self.refused + other.refused,
            min(filter(None, (self.first_at, other.first_at)), default=None),
            max(filter(None, (self.last_at, other.last_at)), default=None),
            self.crossed + other.crossed,
            self.verdicts + other.verdicts,
            self.deadlines + other.deadlines,
            self.anomalies + other.anomalies,
            self.accounts + other.accounts,
            self.affected + other.affected,
            self.standing + other.standing,
            dwelt,
            windows,
            nsmallest(MAX_TOP_ACCOUNTS, [*self.top, *other.top], key=lambda one: one[:2]),
        )


class Judge:
    """Accounts that live through a log, and the sums of what became of them."""

    def __init__(self, policy: Policy, findings: Findings, *, watches_deadlines: bool = True) -> None:
        self.accounts: dict[str, Account] = {}
        """In the order in which they were first heard of."""
        self.events = self.undated = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.findings = findings
        self._policy = policy
        self._shortest = shortest_deadlines(policy) if watches_deadlines else {}
        self._appeared = array("q")
        self._alike: dict[tuple[Any, ...], list[Any]] = {}  # by ``Alike``: how many, and how long they had been there
        self._anomalies: Counter[str | None] = Counter()
        self._affected: Counter[str] = Counter()
        self._windows: dict[tuple[str | None, Status | None], list[Any]] = {}  # by the fields of ``WindowSum``

    def begin_with(self, account: Account, position: int) -> None:
        """Take an account as it was where the log begins."""
        self.accounts[account.account_id] = account
        self._appeared.append(position)

    def read(
        self, source: Source, number: int, records: Iterable[Record], stamp: datetime
    ) -> Iterator[tuple[int, Event]]:
        """Yield the events of some records with their positions; keep what is no readable event, and why."""
        base = number << LINE_BITS
        for line, payload, at, raw in records:
            try:
                event = parse(payload, stamp if at is None else at)
            except PayloadError as refusal:
                error = payload if isinstance(payload, PayloadError) else refusal
                raw = raw if isinstance(raw, bytes) else source.raw(payload, raw, at)
                self.findings.refused.add((base + line, number, line, error.field, str(error), raw))
                continue
            if at is None:
                self.undated += 1
            yield base + line, event

    def judge(self, events: Iterable[tuple[int, Event]]) -> None:
        """Judge events with their positions, in order."""
        accounts, policy, shortest, alike = self.accounts, self._policy, self._shortest, self._alike
        first_at, last_at, count = self.first_at, self.last_at, 0
        for position, event in events:
            count += 1
            at = event.received_at
            if last_at is None or at > last_at:
                last_at = at
            if first_at is None or at < first_at:
                first_at = at
            account_id = event.account_id
            before = accounts.get(account_id)
            if before is None:
                before = Account(account_id)
                self._appeared.append(position)
            else:
                least = shortest.get(before.situation.status)
                if least is not None and before.since is not None and at - before.since > least:
                    passed = deadline_before(before, at, policy)
                    if passed is not None:
                        before = self._unrecorded(position, decide(before, passed, policy))
            decision = decide(before, event, policy)
            after = decision.after
            accounts[account_id] = after
            if decision.anomalies:
                sums = self._note(position, decision, decision.verdict)
            else:
                key = (before.situation, event.status, after.situation, decision.verdict, after.provider)
                sums = alike.get(key) or alike.setdefault(key, [0, _ZERO])
                sums[0] += 1
            since, entered = after.since, before.since
            if since is not entered and since is not None and entered is not None and since > entered:
                sums[1] += since - entered
            window = decision.blind_window
            if window is not None and window.closed_at is not None:
                self.findings.windows.add((position, window))
                self._add_window(after.provider, window, window.closed_at)
        self.events += count
        self.first_at, self.last_at = first_at, last_at

    def end(self, until: datetime) -> Sums:
        """Report what has lasted too long at ``until``, hand out every account, and add everything up."""
        kept, watched, affected = self.findings.accounts, self._shortest, self._affected
        stood: dict[tuple[Any, ...], list[Any]] = {}  # accounts that stand alike: how many, and for how long
        for position, account in zip(self._appeared, self.accounts.values(), strict=True):
            if account.situation.status in watched:
                passed = deadline_before(account, until, self._policy)
                if passed is not None:
                    account = self._unrecorded(AT_THE_END + position, decide(account, passed, self._policy))
                    self.accounts[account.account_id] = account
            key = (account.situation, account.last_ok_at is None, account.provider, account.account_id in affected)
            sums = stood.get(key) or stood.setdefault(key, [0, _ZERO])
            sums[0] += 1
            if account.since is not None and until > account.since:
                sums[1] += until - account.since
            if account.blind_window is not None:
                self._add_window(account.provider, account.blind_window, until)
            kept.add((position, account_fields(account)))
        self.findings.flush()
        return self._sums(stood)

    def counted(self) -> tuple[Counter[Crossed], Counter[tuple[str | None, Verdict]], int]:
        """Return how often what was judged how, the verdicts by provider, and how many deadlines nobody recorded."""
        crossed, verdicts, deadlines = Counter[Crossed](), Counter[tuple[str | None, Verdict]](), 0
        for key, (count, _) in self._alike.items():
            before, announced, after, verdict, provider, kind = Alike(*key)
            crossed[Crossed(before.status, announced, after.status, kind)] += count
            if verdict is None:
                deadlines += count
            else:
                verdicts[provider_row(provider), verdict] += count
        return crossed, verdicts, deadlines

    def _unrecorded(self, position: int, decision: Decision) -> Account:
        """Note a deadline that passed and that nobody recorded; return the account after it."""
        self._note(position, decision, None)
        return decision.after

    def _note(self, position: int, decision: Decision, verdict: Verdict | None) -> list[Any]:
        """Keep the anomalies of an event, and return the sum in which it is counted."""
        before, after, anomalies = decision.before, decision.after, decision.anomalies
        announced: str = decision.event.status
        if announced not in _KNOWN_WORDS:
            announced = OTHER_WORDS
        provider = after.provider
        key = (before.situation, announced, after.situation, verdict, provider, anomalies[0].kind)
        found = self._alike.setdefault(key, [0, _ZERO])
        found[0] += 1
        self._anomalies[provider_row(provider)] += len(anomalies)
        self._affected[after.account_id] += len(anomalies)
        for anomaly in anomalies:
            self.findings.anomalies.add((position, verdict is not None, after.situation.status, anomaly))
        return found

    def _add_window(self, provider: str | None, window: BlindWindow, end: datetime) -> None:
        key = (provider_row(provider), window.causes[0] if window.causes else None)
        found = self._windows.get(key)
        if found is None:
            found = self._windows[key] = list(WindowSum())
        lost, last_ok_at = end - window.opened_at, window.last_ok_at
        found[0] += 1
        found[1] += window.closed_at is None
        found[2] += last_ok_at is None
        found[3] += lost if lost > _ZERO else _ZERO
        found[4] += max(lost if last_ok_at is None else end - last_ok_at, _ZERO)

    def _sums(self, stood: dict[tuple[Any, ...], list[Any]]) -> Sums:
        accounts, affected, standing = Counter[str | None](), Counter[str | None](), Counter[tuple[Situation, bool]]()
        dwelt: dict[tuple[str | None, Status], timedelta] = {}
        for (situation, no_ok, provider, is_affected), (count, length) in stood.items():
            row = provider_row(provider)
            accounts[row] += count
            affected[row] += count * is_affected
            standing[situation, not no_ok] += count
            dwelt[row, situation.status] = dwelt.get((row, situation.status), _ZERO) + length
        for key, (_, length) in self._alike.items():
            alike = Alike(*key)
            stay = (provider_row(alike.provider), alike.before.status)
            dwelt[stay] = dwelt.get(stay, _ZERO) + length
        crossed, verdicts, deadlines = self.counted()
        ranked = nsmallest(MAX_TOP_ACCOUNTS, ((-count, account_id) for account_id, count in self._affected.items()))
        return Sums(
            self.events, self.undated, self.findings.refused.count, self.first_at, self.last_at, crossed, verdicts,
            deadlines, self._anomalies, accounts, affected, standing, dwelt,
            {key: WindowSum._make(found) for key, found in self._windows.items()},
            [(count, account_id, self.accounts[account_id]) for count, account_id in ranked],
        )  # fmt: skip


def provider_row(provider: str | None) -> str | None:
    """Return the provider under which something is counted: unknown ones together."""
    return provider if provider is None or provider in PROFILES else OTHER_PROVIDERS


_KNOWN_WORDS = frozenset(str(word) for word in definition.ANNOUNCEMENTS)
