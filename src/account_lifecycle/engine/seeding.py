"""Seeding: give an empty store the history of an old log, of which no hook is ever called.

An account's deadlines depend on every event before, so each event is judged here first, which finds the deadlines
that passed before it, and again by the store, which writes it. The two must agree on the sequence, or somebody else
feeds the store meanwhile.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import NamedTuple, NoReturn

from ..errors import ConfigurationError, PayloadError, StoreError
from ..intake.logs import Received
from ..intake.payloads import parse
from ..intake.quarantine import refusal
from ..intake.times import in_utc
from ..lifecycle.account import Account
from ..lifecycle.decide import Decision, decide, rules_of
from ..lifecycle.events import Event
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
    latest time of an event by default. ``deadlines=False`` adds none: for the ledger of another store, which has its
    own.

    A payload without a time came ``now`` (aware). One that cannot be read is put into the quarantine and stops
    nothing. Events are taken as they are; their times have to be aware and in UTC. ``on_progress`` is called after
    each commit, of about ``batch_size`` events, with what the store holds by then.

    Raise ``StoreError`` if the store holds anything, and then nothing is kept; also if somebody else feeds the same
    accounts meanwhile. Whatever stops it half-way, what was committed stays: begin again with a new store.
    """
    if batch_size < 1:
        raise ConfigurationError("batch_size", str(batch_size), "1 or more")
    seeder = _Seeder(store, by_family(policy), in_utc("now", now), deadlines, batch_size, on_progress)
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
    """A history on its way into a store, and every account as it is by then."""

    def __init__(
        self,
        store: Store,
        policy: Policy,
        now: datetime,
        adds_deadlines: bool,
        batch_size: int,
        on_progress: Callable[[Seeding], object] | None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._decide = partial(decide, policy=policy)
        self._rules = rules_of(policy)
        self._now = now
        self._adds_deadlines = adds_deadlines
        self._batch_size = batch_size
        self._on_progress = on_progress
        self._accounts: dict[str, Account] = {}
        self._latest: datetime | None = None
        self._decisions: list[Decision] = []  # these three are not committed yet
        self._refused: list[Refused] = []
        self._deadlines = 0  # how many of these decisions are about deadlines that were added
        self.seeded = Seeding()
        """What was committed."""

    def add(self, item: Received | Event) -> None:
        """Take one event or payload, and the deadline of its account that had passed before."""
        if isinstance(item, Received):
            at = self._now if item.received_at is None else item.received_at
            try:
                event: Event = parse(item.payload, at)
            except PayloadError as error:
                self._refused.append(refusal(error, at))
                self._commit_batch()
                return
        else:
            event = item
        if self._adds_deadlines:
            passed = deadline_before(self._account(event.account_id), event.received_at, self._policy)
            if passed is not None:
                self._judge(passed)
                self._deadlines += 1
        self._judge(event)
        if self._latest is None or event.received_at > self._latest:
            self._latest = event.received_at
        self._commit_batch()

    def pass_deadlines(self, until: datetime | None) -> None:
        """Take the deadlines that passed after the last event of their account, the earliest first."""
        end = until or self._latest
        if end is None:
            return
        passed = [deadline_before(account, end, self._policy) for account in self._accounts.values()]
        for deadline in sorted(filter(None, passed), key=lambda event: (event.received_at, event.account_id)):
            self._judge(deadline)
            self._deadlines += 1
            self._commit_batch()

    def commit(self) -> None:
        """Commit what there is, and report it."""
        if not self._refused and not self._decisions:
            return
        if self._refused:
            self._store.quarantine(self._refused)
        if self._decisions:
            events = [decision.event for decision in self._decisions]
            written = self._store.advance(events, self._decide, self._rules, quiet=True)
            for ours, theirs in zip(self._decisions, written, strict=True):
                if ours.sequence != theirs.sequence:
                    raise StoreError(
                        f"Account {shown(ours.account.account_id)} has events that were not seeded: somebody else is "
                        "feeding this store, so that the deadlines that passed are unknown. Stop whoever feeds it, "
                        "and seed a new store."
                    )
        events_before, deadlines, quarantined, _ = self.seeded
        self.seeded = Seeding(
            events_before + len(self._decisions) - self._deadlines,
            deadlines + self._deadlines,
            quarantined + len(self._refused),
            len(self._accounts),
        )
        self._decisions, self._refused, self._deadlines = [], [], 0
        if self._on_progress is not None:
            self._on_progress(self.seeded)

    def _commit_batch(self) -> None:
        if len(self._decisions) + len(self._refused) >= self._batch_size:
            self.commit()

    def _judge(self, event: Event) -> None:
        decision = self._decide(self._account(event.account_id), event)
        self._accounts[event.account_id] = decision.after
        self._decisions.append(decision)

    def _account(self, account_id: str) -> Account:
        return self._accounts.get(account_id) or Account(account_id)
