"""What a feed writes, whatever the database: judge a request's events and turn what was decided into rows.

Both stores feed alike: take the accounts of all requests that share a transaction, judge one request after the other
(one that fails is refused and leaves no trace), and write the rows table by table. They differ in locks, in what an
event's digest goes on from, and in how rows travel.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.events import Event
from ..lifecycle.rules import UNNAMED, Rules
from ..records import Judge, Refused
from . import chain, rows
from .decided import text_of
from .outbox_rows import DeliveryRow, NewDelivery, Planner
from .protocol import Fed, Feed
from .rows import Row
from .withdrawal import Withdrawals

RETENTION_PAGE = 250
"""How many events, or payloads in the quarantine, are erased or taken out in one transaction."""
LATEST = 2**63 - 1
"""What comes after every sequence."""


class Feeder(ABC):
    """A store that feeds."""

    @abstractmethod
    def feed(self, feed: Feed) -> Fed:
        """Judge events in order and keep everything, in one transaction."""

    def advance(
        self,
        events: Sequence[Event],
        judge: Judge,
        rules: Rules = UNNAMED,
        *,
        releasing: Sequence[int] = (),
        released_at: datetime | None = None,
        quiet: bool = False,
    ) -> list[Decision]:
        """Feed, and return the decisions alone."""
        return self.feed(Feed(events, judge, rules, releasing, released_at, quiet)).decisions


def judge_feed(feed: Feed, accounts: Mapping[str, Account]) -> tuple[list[Decision], dict[str, Account]]:
    """Judge a feed's events in order; return the decisions and the accounts that they change.

    ``accounts`` are those known so far, and are left as they are. An event has as many decisions as deadlines passed
    before it, and its own; a look at the clock may have none.
    """
    changed: dict[str, Account] = {}
    decisions: list[Decision] = []
    for event in feed.events:
        account_id = event.account_id
        account = changed.get(account_id) or accounts.get(account_id) or Account(account_id)
        if judged := feed.judge(account, event):
            changed[account_id] = judged[-1].after
            decisions += judged
    return decisions, changed


class FeedRows:
    """The rows that decisions come to, by their tables, each in the order of its columns."""

    def __init__(self, planner: Planner, numbers: Mapping[str, int]) -> None:
        self._planner = planner
        self.numbers = numbers
        """Those of the accounts, by their ids."""
        self._feed: Feed | None = None
        self._judged: tuple[str, int] = "", 0
        self.events: list[Row] = []
        """Without what stands for what is erased: nothing is yet."""
        self.anomalies: list[Row] = []
        self.windows: dict[tuple[int, int], Row] = {}
        """The last state of each, by its account's number and the sequence that it has from there."""
        self.accounts: dict[str, tuple[Account, Feed]] = {}
        """The last state of each by its id, and in whose feed it came to be."""
        self.rules: set[Rules] = set()
        """What the events were judged by, as far as it has data."""
        self.deliveries: list[NewDelivery] = []
        self.watched: list[tuple[int, Decision, datetime, int]] = []
        """Events that may withdraw deliveries: number, decision, when, and up to which place deliveries are its own."""

    def add(self, number: int, decision: Decision, feed: Feed, previous: bytes) -> bytes:
        """Add an event's rows and return its digest, which goes on from ``previous``."""
        if feed is not self._feed:
            self._begin(feed)
        after, before, anomalies = decision.after, decision.before.situation, _NONE
        account_id, now_in = after.account_id, after.situation
        account_no = self.numbers[account_id]
        decided = text_of(decision)
        row = rows.event_row(number, account_no, decision, decided)
        if decision.anomalies:
            anomalies = list(rows.anomaly_rows(number, decision))
            self.anomalies += anomalies
        if decision.effects:
            if not feed.quiet and self._planner.hooks:
                self.deliveries += self._planner.deliveries(number, decision, decided, feed)
            if self._planner.watched:
                self.watched.append((number, decision, feed.now or decision.event.received_at, len(self.deliveries)))
        if window := decision.blind_window:
            self.windows[account_no, window.sequence] = (account_no, *rows.window_row(window, after.sequence))
        digest = chain.sealed(previous, account_id, row, self._judged, anomalies)
        self.events.append((*row, now_in.status, before.status is not now_in.status, *self._judged, digest))
        self.accounts[account_id] = after, feed
        return digest

    def _begin(self, feed: Feed) -> None:
        """Take note of what the next decisions have in common."""
        self._feed, self._judged = feed, (feed.rules.name, int(feed.quiet))
        if feed.rules.content:
            self.rules.add(feed.rules)

    def watched_accounts(self) -> list[str]:
        """Return the accounts whose deliveries may be withdrawn, or decide about those that are made."""
        return sorted({decision.after.account_id for _, decision, *_ in self.watched})

    def watch(
        self, unfinished: Iterable[DeliveryRow], delivered: Mapping[tuple[str, str], int]
    ) -> Iterable[DeliveryRow]:
        """Withdraw what the events have ended and pair what they made; return what is changed in the store.

        Both are what the store has of the watched accounts: see ``withdrawal.Withdrawals``.
        """
        watch, first = Withdrawals(self._planner, unfinished, delivered), 0
        for number, decision, at, last in self.watched:
            made = [new.row for new in self.deliveries[first:last]]
            watch.follow(number, decision.after.account_id, decision.effects, at, made)
            first = last
        self.deliveries = [new._replace(row=watch.as_made(new.row)) for new in self.deliveries]
        return watch.changed.values()


_NONE: list[Row] = []


# ---- The quarantine ---------------------------------------------------------------------------------


def quarantine_rows(numbers: Iterable[int], refused: Sequence[Refused]) -> list[Row]:
    """Return the columns of unreadable payloads, their digests last."""
    found = []
    for number, (received_at, payload, size, field, reason, *foreign) in zip(numbers, refused, strict=True):
        columns = (number, rows.to_us(received_at), payload, size, field, reason, None, None, *foreign)
        found.append((*columns, chain.quarantine_digest(columns)))
    return found


def release_times(feed: Feed, quarantined: Mapping[int, Row], others: Collection[int]) -> dict[int, int]:
    """Return when each payload was released that a feed's events come from, in microseconds by its number.

    ``quarantined`` are the first columns of those rows, up to what stands for an erased payload; ``others`` the numbers
    that other feeds of the same transaction release. Raises ``StoreError`` if a number is not in the quarantine or was
    released before.
    """
    times: dict[int, int] = {}
    for number in feed.releasing:
        if number not in quarantined:
            raise StoreError(f"There is no number {number} in the quarantine. Nothing was fed.")
        received_at, released_at = quarantined[number][1], quarantined[number][6]
        if released_at is not None or number in others or number in times:
            raise StoreError(f"Number {number} of the quarantine was fed already. Nothing was fed again.")
        known = [feed.released_at] if feed.released_at else [event.received_at for event in feed.events]
        times[number] = max(map(rows.to_us, known), default=received_at)
    return times


def release_row(row: Row, released_at: int) -> Row:
    """Return time, digest and number of a payload that was released, from the same columns."""
    *columns, private = row
    columns[6] = released_at
    return released_at, chain.quarantine_digest(columns, private), columns[0]


def dismissed_rows(found: Iterable[Row], at: datetime) -> list[Row]:
    """Return time, digest and number of the payloads that are dismissed: those neither fed nor dismissed before."""
    dismissed_at, changed = rows.to_us(at), []
    for *columns, private in found:
        if columns[6] is None and columns[7] is None:
            columns[7] = dismissed_at
            changed.append((dismissed_at, chain.quarantine_digest(columns, private), columns[0]))
    return changed


def in_pages(numbers: list[int]) -> Iterator[list[int]]:
    """Yield numbers, as many at a time as one transaction of an erasure may take."""
    for start in range(0, len(numbers), RETENTION_PAGE):
        yield numbers[start : start + RETENTION_PAGE]


def erased_row(row: Row) -> Row:
    """Return reason, private digest, digest and number of a payload that is erased, from the same columns."""
    number, at, payload, size, field, _, *rest, private = row
    kept = chain.private_digest(None, "", payload) if private is None else private
    digest = chain.quarantine_digest((number, at, None, size, field, rows.ERASED, *rest), kept)
    return rows.ERASED, kept, digest, number
