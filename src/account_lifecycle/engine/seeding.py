"""Seeding: give an empty store the history of an old log, of which no hook is ever called.

It is fed as an engine would feed it, deadlines that passed among the events included, but quietly: effects are kept,
and no delivery is ever planned from them.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, NoReturn

from ..errors import ConfigurationError, PayloadError, StoreError
from ..intake.archives import event_of
from ..intake.layouts import Received
from ..intake.quarantine import refusal
from ..intake.times import arrival, in_utc
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision, decide, judge
from ..lifecycle.events import DeadlinePassed, Event
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.rules import rules_of
from ..lifecycle.wording import shown
from ..records import AccountFilter, Refused
from ..stores.protocol import Feed, Store
from .deadlines import passed_deadlines, redate

SEEDED_AT_ONCE = 20_000
"""How many events are committed at a time by default: nobody else writes to a store that is being built, and a page of
an index that many of them change is written once."""


class Seeding(NamedTuple):
    """What a store was seeded with."""

    events: int = 0
    """How many events of the log were fed."""
    deadlines: int = 0
    """How many deadlines were found to have passed among them, each fed as one more event."""
    quarantined: int = 0
    """How many payloads could not be read."""
    accounts: int = 0


def seed(
    store: Store,
    received: Iterable[Received | Event],
    *,
    policy: Policy = DEFAULT_POLICY,
    now: datetime,
    until: datetime | None = None,
    batch_size: int = SEEDED_AT_ONCE,
    deadlines: bool = True,
    on_progress: Callable[[Seeding], object] | None = None,
    on_unreadable: Callable[[PayloadError, Received], object] | None = None,
) -> Seeding:
    """Feed a history to an empty store; no delivery is ever planned from it, whichever hook becomes known later.

    The outcome is that of an engine which had received everything at its time and had never stopped looking for
    deadlines. In the ledger one that has passed comes right before the next event of its account. Those that passed
    after an account's last event come at the end: those before ``until`` (aware), which is the latest time of an event
    by default. ``deadlines=False`` adds none: for the ledger of another store, which has its
    own.

    A payload without a time came ``now`` (aware). One that cannot be read is put into the quarantine and stops
    nothing. Events are taken as they are; their times have to be aware and in UTC. ``on_progress`` is called after
    each commit, of about ``batch_size`` events, with what the store holds by then, ``on_unreadable`` with each payload
    that cannot be read.

    Raise ``StoreError`` if the store holds anything, and then nothing is kept. Whatever stops it half-way, what was
    committed stays: begin again with a new store.
    """
    if batch_size < 1:
        raise ConfigurationError("batch_size", str(batch_size), "1 or more")
    seeder = _Seeder(store, policy, in_utc("now", now), deadlines, batch_size, on_progress, on_unreadable)
    end = None if until is None else in_utc("until", until)
    _check_empty(store)
    for item in received:
        seeder.add(item)
    if deadlines:
        seeder.pass_deadlines(end)
    seeder.commit()
    return seeder.seeded


def _check_empty(store: Store) -> None:
    """Refuse a store that was ever fed an event, also one that has archived them all, or an unreadable payload."""
    for account in store.accounts(AccountFilter()):
        _refuse(f"account {shown(account.account_id)} is in it, which has had {account.sequence:,} events")
    for quarantined in store.quarantined():
        _refuse(f"a payload is in its quarantine, as number {quarantined.quarantine_id}")


def _refuse(why: str) -> NoReturn:
    raise StoreError(
        f"The store is not empty: {why}. Nothing was seeded. Seed a new store, or feed the log with `feed`, which "
        "calls hooks. If this is what an interrupted seeding has left, delete it and seed a new store from the start."
    )


class _Seeder:
    """A history on its way into a store."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        now: datetime,
        adds_deadlines: bool,
        batch_size: int,
        on_progress: Callable[[Seeding], object] | None,
        on_unreadable: Callable[[PayloadError, Received], object] | None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._judge = partial(judge if adds_deadlines else _decided, policy=policy)
        self._rules = rules_of(policy)
        self._now = now
        self._adds_deadlines = adds_deadlines
        self._batch_size = batch_size
        self._on_progress = on_progress
        self._on_unreadable = on_unreadable
        self._latest: datetime | None = None
        self._events: list[Event] = []  # these two are not committed yet
        self._refused: list[Refused] = []
        self.seeded = Seeding()
        """What was committed."""

    def add(self, item: Received | Event) -> None:
        """Take one event or payload."""
        if isinstance(item, Received):
            at = self._now if item.received_at is None else arrival("received_at", item.received_at, self._now)
            try:
                event = event_of(item.payload, at)
            except PayloadError as error:
                self._refused.append(refusal(error, at))
                if self._on_unreadable is not None:
                    self._on_unreadable(error, item)
                self._commit_batch()
                return
        else:
            event = item
        if self._latest is None or event.received_at > self._latest:
            self._latest = event.received_at
        self._events.append(event)
        self._commit_batch()

    def pass_deadlines(self, until: datetime | None) -> None:
        """Commit, and take the deadlines that passed after the last event of their account."""
        self.commit()
        end = until or self._latest
        if end is None:
            return
        redate(self._store, self._policy, end)
        for look in [*passed_deadlines(self._store, self._policy, end - timedelta.resolution)]:
            self._events.append(look)
            self._commit_batch()

    def commit(self) -> None:
        """Commit what there is, and report it."""
        if not self._refused and not self._events:
            return
        if self._refused:
            self._store.quarantine(self._refused)
        feed = Feed(self._events, self._judge, self._rules, quiet=True, policy=self._policy)
        decisions = self._store.feed(feed).decisions if self._events else []
        passed = [d for d in decisions if self._adds_deadlines and isinstance(d.event, DeadlinePassed)]
        new = [d for d in decisions if d.before.sequence == 0 and d.account is not None]
        events, deadlines, quarantined, accounts = self.seeded
        self.seeded = Seeding(
            events + len(decisions) - len(passed),
            deadlines + len(passed),
            quarantined + len(self._refused),
            accounts + len(new),
        )
        self._events, self._refused = [], []
        if self._on_progress is not None:
            self._on_progress(self.seeded)

    def _commit_batch(self) -> None:
        if len(self._events) + len(self._refused) >= self._batch_size:
            self.commit()


def _decided(account: Account, event: Event, policy: Policy) -> list[Decision]:
    """Judge an event, and no deadline before it."""
    return [decide(account, event, policy)]
