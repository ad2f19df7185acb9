"""The loop: events in the order of a log, each judged against its account, and what there is to count about it.

Every event passes through the same three steps as in the live engine: ``open_log`` finds its payload, ``parse`` reads
the payload, ``judge`` judges it, and before it the deadlines of its account that passed. All that is remembered between
two events is a dict of accounts, so memory grows with the number of accounts and not with the length of the log.
Findings leave at once, into files (``findings``).

The live engine looks at the clock now and then, and dates what it finds at the moment it passed. Here nobody looks but
``judge``, before the next event of an account, and once more at the end of the log: the same is found, at the same
moments. So accounts have nothing to do with each other, and a log can be split by account over processes without
changing a single verdict (``shards``). A deadline on record, in the ledger of a store, is a look at the clock like any
other.

Positions order what several processes have found: the number of an event in all that is read, of whichever share. What
is found at the end of the log stands after all lines, in the order in which accounts first appeared.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from heapq import nsmallest
from operator import add
from typing import Any, NamedTuple

from ..errors import PayloadError
from ..intake.archives import event_of
from ..intake.layouts import Received
from ..intake.logs import Summary
from ..lifecycle import definition
from ..lifecycle.account import Account
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision, judge
from ..lifecycle.events import ABSENT, NOBODY, DeadlinePassed, Event, StatusAnnounced, StatusObserved
from ..lifecycle.incidents import GOOD_NEWS
from ..lifecycle.machine import Situation
from ..lifecycle.policy import Policy
from ..lifecycle.providers import PROFILES
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.unannounced import AWAITED, Awaiting, words_awaited
from ..lifecycle.windows import BlindWindow
from ..report.audit import MAX_TOP_ACCOUNTS, OTHER_PROVIDERS
from ..report.grouping import OTHER_WORDS
from ..stores.fleet import AccountTally, tallied
from .findings import Findings, account_fields
from .shares import Share
from .sources import LedgerSource

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
    """Its row: known, other or None."""
    kind: AnomalyKind | None = None
    """Of the first anomaly."""


class WindowSum(NamedTuple):
    """Blind windows of one provider that began with the same announcement, added up."""

    windows: int = 0
    open: int = 0
    unknown_start: int = 0
    lost: timedelta = _ZERO
    """Of windows that were announced, from their beginning to their end."""
    estimated: timedelta = _ZERO
    """Of windows that nobody announced: at most so much was lost."""
    to_backfill: timedelta = _ZERO

    def plus(self, other: "WindowSum") -> "WindowSum":
        """Return both together."""
        return WindowSum._make(map(add, self, other))


class Blame(NamedTuple):
    """Anomalies and the accounts that have them, added up; each provider by its row."""

    anomalies: Counter[str | None]
    affected: Counter[str | None]
    """Accounts with an anomaly."""
    top: list[tuple[int, str, Account]]
    """The accounts with the most anomalies: how many as a negative number, id, account."""

    def plus(self, other: "Blame") -> "Blame":
        """Return what two shards come to together."""
        top = nsmallest(MAX_TOP_ACCOUNTS, [*self.top, *other.top], key=lambda one: one[:2])
        return Blame(self.anomalies + other.anomalies, self.affected + other.affected, top)


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
    blame: Blame
    """Of every anomaly."""
    blame_but_stuck: Blame
    """The same without STUCK, for a fleet whose accounts all wait for a word that never comes."""
    accounts: Counter[str | None]
    failed_creations: int
    """How many creations failed before there was an account."""
    standing: tuple[AccountTally, ...]
    """How many accounts stand where."""
    presumed: int
    """How many are live only as far as one can presume."""
    changed: Counter[tuple[int, Health]]
    """How many accounts came to a health, less those that left it, within each hour since 1970."""
    dwelt: dict[tuple[str | None, Status], timedelta]
    """For how long accounts were in each status."""
    windows: dict[tuple[str | None, Status | None], WindowSum]
    """By the first cause."""
    awaiting: dict[Status, Awaiting]
    """Accounts that are old enough to have been announced a word."""
    heard: set[str]
    """Every word that was announced."""

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
            self.blame.plus(other.blame),
            self.blame_but_stuck.plus(other.blame_but_stuck),
            self.accounts + other.accounts,
            self.failed_creations + other.failed_creations,
            tuple(
                tallied(
                    ((each.status, each.health, each.provider), each.accounts, each.oldest, each.stuck)
                    for each in (*self.standing, *other.standing)
                )
            ),
            self.presumed + other.presumed,
            Counter({key: self.changed[key] + other.changed[key] for key in {**self.changed, **other.changed}}),
            dwelt,
            windows,
            {word: self.awaiting[word].plus(*other.awaiting[word]) for word in AWAITED},
            self.heard | other.heard,
        )


class Judging:
    """Accounts that live through a log, and the sums of what became of them."""

    def __init__(self, policy: Policy, findings: Findings) -> None:
        self.accounts: dict[str, Account] = {}
        """In the order in which they were first heard of; ``NOBODY`` is one of them."""
        self.events = self.undated = self.failed_creations = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.findings = findings
        self.place: tuple[str, int] = "", 0
        """The log, and the line in it, of the event at hand."""
        self.unreadable = Summary()
        """What could not be read, by its reasons."""
        self._position = 0
        self._policy = policy
        self._appeared = array("q")
        self._alike: dict[tuple[Any, ...], list[Any]] = {}  # by ``Alike``: how many, and how long they had been there
        self._anomalies: Counter[tuple[str, AnomalyKind | None]] = Counter()  # by account; None but for STUCK
        self._windows: dict[tuple[str | None, Status | None], list[Any]] = {}  # by the fields of ``WindowSum``
        self._heard: set[str] = set()
        self._changed: Counter[tuple[int, Health]] = Counter()

    def begin_with(self, account: Account, position: int) -> None:
        """Take an account as it was where the log begins."""
        if account.account_id not in self.accounts:  # or it is known from an archive
            self._appeared.append(position)
        self.accounts[account.account_id] = account

    def read(self, log: Iterable[Received], stamp: datetime, share: Share | None = None) -> Iterator[tuple[int, Event]]:
        """Yield the events of a log with their positions; keep what is no readable event, and why.

        Of payloads of accounts that are not in the ``share`` nothing is kept but their number.
        """
        for position, (payload, at, source, line) in enumerate(log, self._position + 1):
            self._position = position
            if share is not None and not share.has_payload(payload):
                continue
            try:
                event = event_of(payload, stamp if at is None else at)
            except PayloadError as error:
                kept = (source, line, at, error.field, str(error), error.payload, error.foreign)
                self.findings.refused.add((position, *kept), len(error.payload))
                self.unreadable.add_unreadable(error, source, line)
                continue
            if at is None:
                self.undated += 1
            self.place = source, line
            yield position, event

    def read_ledger(self, source: LedgerSource) -> Iterator[tuple[int, Event]]:
        """Yield the events of a ledger with their positions, after its accounts were taken as they were before."""
        events = source.events()
        for account in source.beginnings():
            self.begin_with(account, self._position)
        for line, event in events:
            self.place = source.name, line
            self._position += 1
            yield self._position, event

    def judge(self, events: Iterable[tuple[int, Event]]) -> bool:
        """Judge events with their positions, in order; return whether there was anything."""
        began = self._position
        accounts, policy, alike, heard = self.accounts, self._policy, self._alike, self._heard
        first_at, last_at, count = self.first_at, self.last_at, 0
        for position, event in events:
            at = event.received_at
            if last_at is None or at > last_at:
                last_at = at
            if first_at is None or at < first_at:
                first_at = at
            account_id = event.account_id
            before = accounts.get(account_id)
            if before is None:
                before = accounts[account_id] = Account(account_id)
                self._appeared.append(position)
            for decision in judge(before, event, policy):
                if decision.event is not event and decision.event != event:
                    self._count(position, decision, None)
                    continue
                count += 1
                if decision.anomalies or decision.blind_window is not None or type(event) is not StatusAnnounced:
                    self._count(position, decision, decision.verdict)
                    continue
                before, after = decision.before, decision.after
                accounts[account_id] = after
                word = event.status
                if word not in heard:
                    word = word if word in _KNOWN_WORDS else OTHER_WORDS
                    heard.add(word)
                provider = after.provider if after.provider in PROFILES else provider_row(after.provider)
                key = (before.situation, word, after.situation, decision.verdict, provider)
                sums = alike.get(key) or alike.setdefault(key, [0, _ZERO])
                sums[0] += 1
                if after.situation is not before.situation or after.health is not before.health:
                    self._note_change(position, before, after, at)
                since, entered = after.since, before.since
                if since is not entered and since is not None and entered is not None and since > entered:
                    sums[1] += since - entered
                if not account_id and decision.verdict is Verdict.APPLIED:
                    self.failed_creations += 1
        self.events += count
        self.first_at, self.last_at = first_at, last_at
        return self._position > began

    def end(self, until: datetime) -> Sums:
        """Judge the deadlines that have passed by ``until``, hand out every account, and add everything up."""
        kept = self.findings.accounts
        stood: dict[tuple[Any, ...], list[Any]] = {}  # accounts that stand alike: how many, and for how long
        awaiting = dict.fromkeys(AWAITED, Awaiting())
        for position, account in zip(self._appeared, [*self.accounts.values()], strict=True):
            if account.account_id == NOBODY:
                continue
            for decision in judge(account, look_at(account, until), self._policy):
                self._count(AT_THE_END + position, decision, None)
                account = decision.after
            row = provider_row(account.provider)
            key = (account.situation.status, account.health, account.presumed, row, account.stuck)
            sums = stood.get(key) or stood.setdefault(key, [0, _ZERO, None])
            sums[0] += 1
            if account.since is not None and (sums[2] is None or account.since < sums[2]):
                sums[2] = account.since
            if account.since is not None and until > account.since:
                sums[1] += until - account.since
            if account.blind_window is not None:
                self._add_window(account.provider, account.blind_window, until)
            for word in words_awaited(account, until, self._policy):
                awaiting[word] = awaiting[word].plus(1, account.known_since)
            kept.add((position, account_fields(account)))
        self.findings.flush()
        return self._sums(stood, awaiting)

    def counted(self) -> tuple[Counter[Crossed], Counter[tuple[str | None, Verdict]], int]:
        """Return how often what was judged how, the verdicts by provider, and how many deadlines nobody recorded."""
        crossed, verdicts, deadlines = Counter[Crossed](), Counter[tuple[str | None, Verdict]](), 0
        for key, (count, _) in self._alike.items():
            before, announced, after, verdict, provider, kind = Alike(*key)
            crossed[Crossed(before.status, announced, after.status, kind)] += count
            if verdict is None:
                deadlines += count
            else:
                verdicts[provider, verdict] += count
        return crossed, verdicts, deadlines

    def _count(self, position: int, decision: Decision, verdict: Verdict | None) -> None:
        """Take over what a decision says; ``verdict`` is None for a deadline that nobody recorded."""
        before, after, anomalies, event = decision.before, decision.after, decision.anomalies, decision.event
        self.accounts[after.account_id] = after
        word = event.status if event.status in _KNOWN_WORDS else OTHER_WORDS
        if type(event) is StatusAnnounced:
            self._heard.add(word)
        if type(event) is not StatusObserved or before.sequence:  # or it is adopted, which is no news
            self._note_change(position, before, after, event.received_at)
        kind = anomalies[0].kind if anomalies else None
        key = (before.situation, word, after.situation, verdict, provider_row(after.provider), kind)
        sums = self._alike.setdefault(key if anomalies else key[:5], [0, _ZERO])
        sums[0] += 1
        if after.since is not None and before.since is not None and after.since > before.since:
            sums[1] += after.since - before.since
        for anomaly in anomalies:
            self._anomalies[after.account_id, anomaly.kind if anomaly.kind is AnomalyKind.STUCK else None] += 1
            place = self.place if verdict is not None else (None, None)
            self.findings.anomalies.add((position, *place, after.situation.status, anomaly), len(event.status))
        window = decision.blind_window
        if window is not None and window.closed_at is not None:
            self.findings.windows.add((position, window))
            self._add_window(after.provider, window, window.closed_at)

    def _note_change(self, position: int, before: Account, after: Account, at: datetime) -> None:
        """Count a change of health by its hour, and keep a move that is no good news."""
        if not after.account_id:
            return
        if after.health is not before.health:
            hour = int(at.timestamp()) // 3600
            self._changed[hour, after.health] += 1
            if before.sequence:
                self._changed[hour, before.health] -= 1
        status = after.situation.status
        if status is not before.situation.status and status not in GOOD_NEWS:
            self.findings.moves.add((position, at, provider_row(after.provider), status, after.account_id))

    def _add_window(self, provider: str | None, window: BlindWindow, end: datetime) -> None:
        key = (provider_row(provider), window.causes[0] if window.causes else None)
        found = self._windows.get(key)
        if found is None:
            found = self._windows[key] = list(WindowSum())
        lasted, begins = max(end - window.opened_at, _ZERO), window.backfill_from
        found[0] += 1
        found[1] += window.closed_at is None
        found[2] += begins is None
        found[4 if window.estimated else 3] += lasted
        found[5] += lasted if begins is None else max(end - begins, _ZERO)

    def _sums(self, stood: dict[tuple[Any, ...], list[Any]], awaiting: dict[Status, Awaiting]) -> Sums:
        accounts, presumed = Counter[str | None](), 0
        dwelt: dict[tuple[str | None, Status], timedelta] = {}
        for (status, health, is_presumed, row, _), (count, length, _) in stood.items():
            accounts[row] += count
            presumed += count * (is_presumed and health is Health.LIVE)
            dwelt[row, status] = dwelt.get((row, status), _ZERO) + length
        for key, (_, length) in self._alike.items():
            alike = Alike(*key)
            stay = (alike.provider, alike.before.status)
            dwelt[stay] = dwelt.get(stay, _ZERO) + length
        crossed, verdicts, deadlines = self.counted()
        standing = tallied(
            ((status, health, row), count, oldest, count * is_stuck)
            for (status, health, _, row, is_stuck), (count, _, oldest) in stood.items()
        )
        but_stuck = Counter({account_id: n for (account_id, kind), n in self._anomalies.items() if kind is None})
        everything = Counter[str]()
        for (account_id, _), count in self._anomalies.items():
            everything[account_id] += count
        return Sums(
            self.events, self.undated, self.findings.refused.count, self.first_at, self.last_at, crossed, verdicts,
            deadlines, self._blame(everything), self._blame(but_stuck), accounts, self.failed_creations,
            tuple(standing), presumed, self._changed, dwelt,
            {key: WindowSum._make(found) for key, found in self._windows.items()}, awaiting, self._heard,
        )  # fmt: skip

    def _blame(self, by_account: Counter[str]) -> Blame:
        anomalies, affected = Counter[str | None](), Counter[str | None]()
        for account_id, count in by_account.items():
            row = provider_row(self.accounts[account_id].provider)
            anomalies[row] += count
            affected[row] += 1
        ranked = nsmallest(MAX_TOP_ACCOUNTS, ((-count, account_id) for account_id, count in by_account.items()))
        return Blame(
            anomalies, affected, [(count, account_id, self.accounts[account_id]) for count, account_id in ranked]
        )


def look_at(account: Account, at: datetime) -> DeadlinePassed:
    """Return the event of somebody who looks at the clock."""
    return DeadlinePassed(account.account_id, account.status, at, account.since or at, _ZERO)


def provider_row(provider: str | None) -> str | None:
    """Return the provider under which something is counted: unknown ones together."""
    return provider if provider is None or provider in PROFILES else OTHER_PROVIDERS


_KNOWN_WORDS = frozenset((*map(str, definition.ANNOUNCEMENTS), ABSENT))
