"""Seeding: an empty store is given the history of an old log, and no hook ever hears of it.

Knows in which order a history is fed and where its deadlines passed; what an event does, ``decide`` says, and how it
is kept, the store. It must never look at a clock, nor touch a store that holds anything.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import chain
from typing import NamedTuple, NoReturn

from ..errors import ConfigurationError, PayloadError, StoreError
from ..intake.logs import Received
from ..intake.payloads import parse
from ..intake.quarantine import refusal
from ..intake.times import in_utc
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision, decide, rules_of
from ..lifecycle.events import DeadlinePassed, Event
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..lifecycle.wording import shown
from ..records import AccountFilter, Refused
from ..stores.protocol import Store
from .deadlines import by_family, deadline_before


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
    batch_size: int = 1000,
    deadlines: bool = True,
    on_progress: Callable[[Seeding], object] | None = None,
) -> Seeding:
    """Feed a history to an empty store; no delivery is ever planned from it, whichever hook becomes known later.

    The outcome is that of an engine which had received everything at its time and had never stopped looking for
    deadlines. In the ledger one that has passed comes right before the next event of its account. Those that passed
    after an account's last event come at the end, the earliest first: those before ``until`` (aware), which is the
    latest time of an event unless it is given. ``deadlines=False`` adds none: for the ledger of another store,
    which has its own.

    A payload without a time came ``now`` (aware). One that cannot be read is put into the quarantine and stops
    nothing. Events are taken as they are; their times have to be aware and in UTC. ``on_progress`` is told after
    each commit, of about ``batch_size`` events, what the store holds by then.

    Raises ``StoreError`` if the store holds anything, and then nothing is kept; also if somebody else feeds the same
    accounts meanwhile. Whatever stops it half-way, what was committed stays: begin again with a new store.
    """
    if batch_size < 1:
        raise ConfigurationError("batch_size", str(batch_size), "1 or more")
    sower = _Sower(store, by_family(policy), in_utc("now", now), adds_deadlines=deadlines)
    end = None if until is None else in_utc("until", until)
    _check_empty(store)
    for waiting in chain(sower.take(received), sower.finish(end)):
        if waiting >= batch_size:
            sower.keep(on_progress)
    sower.keep(on_progress)
    return sower.seeded


def _check_empty(store: Store) -> None:
    """Refuse a store that was ever fed an event, also one that has archived them all, or an unreadable payload."""
    for account in store.accounts(AccountFilter()):
        _refuse(f"account {shown(account.account_id)} is in it, which has had {account.sequence:,} events")
    for kept in store.quarantined():
        _refuse(f"a payload is in its quarantine, as number {kept.quarantine_id}")


def _refuse(why: str) -> NoReturn:
    raise StoreError(
        f"The store is not empty: {why}. Nothing was seeded. Seed a new store, or feed the log with `feed`, which "
        "calls hooks. If this is what an interrupted seeding has left, delete it and seed a new store from the start."
    )


class _Sower:
    """A history on its way into a store, and every account as it is by then."""

    def __init__(self, store: Store, policy: Policy, now: datetime, *, adds_deadlines: bool) -> None:
        self._store = store
        self._policy = policy
        self._decide = partial(decide, policy=policy)
        self._rules = rules_of(policy)
        self._now = now
        self._adds_deadlines = adds_deadlines
        self._accounts: dict[str, Account] = {}
        self._latest: datetime | None = None
        self._decisions: list[Decision] = []  # these two are not kept yet
        self._refused: list[Refused] = []
        self._deadlines = 0  # how many of these decisions are about deadlines that were added
        self.seeded = Seeding()
        """What was committed."""

    def take(self, received: Iterable[Received | Event]) -> Iterator[int]:
        """The history, item by item; each time how much is to be committed."""
        for item in received:
            if isinstance(item, Received):
                self._read(item)
            else:
                self._add(item)
            yield len(self._decisions) + len(self._refused)

    def finish(self, until: datetime | None) -> Iterator[int]:
        """The deadlines that passed after the last event of their account, in the same way."""
        end = until or self._latest
        if end is None or not self._adds_deadlines:
            return
        passed = [deadline_before(account, end, self._policy) for account in self._accounts.values()]
        for deadline in sorted(filter(None, passed), key=lambda event: (event.received_at, event.account_id)):
            self._pass(deadline)
            yield len(self._decisions) + len(self._refused)

    def _read(self, received: Received) -> None:
        at = self._now if received.received_at is None else received.received_at
        try:
            self._add(parse(received.payload, at))
        except PayloadError as error:
            self._refused.append(refusal(error, at, lambda: self._now))

    def _add(self, event: Event) -> None:
        if self._adds_deadlines:
            passed = deadline_before(self._account(event.account_id), event.received_at, self._policy)
            if passed is not None:
                self._pass(passed)
        self._judge(event)
        self._see(event.received_at)

    def _pass(self, deadline: DeadlinePassed) -> None:
        self._judge(deadline)
        self._deadlines += 1

    def _judge(self, event: Event) -> None:
        """Decide as the store will, because the account's next deadline has to be known before it does."""
        decision = self._decide(self._account(event.account_id), event)
        self._accounts[event.account_id] = decision.account
        self._decisions.append(decision)

    def _account(self, account_id: str) -> Account:
        return self._accounts.get(account_id) or Account(account_id)

    def _see(self, at: datetime) -> None:
        if self._latest is None or at > self._latest:
            self._latest = at

    # ---- Committing --------------------------------------------------------------------------------

    def keep(self, on_progress: Callable[[Seeding], object] | None) -> None:
        """Commit what there is and tell of it."""
        if self._refused:
            self._store.quarantine(self._refused)
        if self._decisions:
            self._advance(self._decisions)
        if self._refused or self._decisions:
            self._count()
            if on_progress is not None:
                on_progress(self.seeded)

    def _advance(self, foreseen: list[Decision]) -> None:
        events = [decision.event for decision in foreseen]
        kept = self._store.advance(events, self._decide, self._rules, quiet=True)
        for ours, theirs in zip(foreseen, kept, strict=True):
            if ours.sequence != theirs.sequence:
                raise StoreError(
                    f"Account {shown(ours.account.account_id)} has events that were not seeded: somebody else is "
                    "feeding this store, so that the deadlines that passed cannot be told any more. Stop whoever "
                    "feeds it, and seed a new store."
                )

    def _count(self) -> None:
        events, deadlines, quarantined, _ = self.seeded
        events += len(self._decisions) - self._deadlines
        quarantined += len(self._refused)
        self.seeded = Seeding(events, deadlines + self._deadlines, quarantined, len(self._accounts))
        self._decisions, self._refused, self._deadlines = [], [], 0
