"""What the engine asks of a store: writing, reading, proving, and the outbox."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.events import NOBODY, Event
from ..lifecycle.explain import Anomaly
from ..lifecycle.policy import Policy
from ..lifecycle.rules import UNNAMED, Rules
from ..lifecycle.status import Health, Status
from ..lifecycle.windows import BlindWindow
from ..records import (
    AccountFilter,
    AuditFilter,
    Claim,
    Completion,
    Delivery,
    DeliveryFilter,
    DeliveryRecord,
    Evidence,
    Fault,
    Judge,
    LedgerEntry,
    Quarantined,
    Refused,
    Segment,
    SubscribedHook,
)
from .fleet import AccountOrder, AccountTally, EventFilter, FleetEvent, HourlyMoves, KindCount, Machinery, Traffic
from .reconciliations import Listing, Reconciliation
from .unpruned import Unpruned


class Claiming(NamedTuple):
    """The wish to run hooks of events that are being fed: their deliveries are claimed as they are made."""

    hooks: Collection[str]
    """Which hooks, by name."""
    leased_until: datetime
    limit: int
    """How many deliveries are claimed at most."""


class Feed(NamedTuple):
    """A request to judge events and to keep what is decided."""

    events: Sequence[Event]
    judge: Judge
    """May decide about deadlines of the account first, each of which becomes an event of its own, and about a
    ``DeadlinePassed``, which stands for a look at the clock, nothing at all."""
    rules: Rules = UNNAMED
    """What it judges by (``rules_of``): each event names it, and its data is kept with the first that does; ``UNNAMED``
    for a step that cannot be named, whose decisions can later be verified by the chain but not judged again."""
    releasing: Sequence[int] = ()
    """Numbers in the quarantine from which these events come: they are marked as released in the same transaction, and
    if one of them was released before, ``StoreError`` is raised and nothing is kept."""
    released_at: datetime | None = None
    """When they were; by default at the events' own time."""
    quiet: bool = False
    """Quiet events are kept like any other, their effects included, but no delivery is ever made of these, for no hook,
    whenever it becomes known."""
    now: datetime | None = None
    """When deliveries are made and due; by default at the time of their event."""
    claiming: Claiming | None = None
    policy: Policy | None = None
    """By whose terms the next deadline of each account is kept with it (``Reader.due``); None: by no terms."""


class Fed(NamedTuple):
    """What came of a feed."""

    decisions: list[Decision]
    """All of them, in order."""
    claimed: list[Delivery]
    """Deliveries that were made and claimed at once, in the order of their effects. None of a hook that is disabled or
    behind, or that has but one attempt, and no ordered one while an earlier one of its lane is unfinished."""


class Ledger(Protocol):
    """Writes: every event is kept, and what it changes is kept with it or not at all."""

    def feed(self, feed: Feed) -> Fed:
        """Judge events in order and keep everything, in one transaction, with a delivery of each effect for each hook
        that the store knows and that wants it."""

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

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; return their numbers."""

    def dismiss(self, quarantine_ids: Collection[int], at: datetime) -> int:
        """Mark payloads in the quarantine as dismissed at a time, in one transaction; return how many were marked.

        Numbers that are not there, and those that were fed or dismissed before, are left as they are.
        """

    def check_writable(self) -> None:
        """Write something that changes nothing, and commit it; raise ``StoreError`` if that cannot be done."""

    def erase(self, account_id: str, at: datetime) -> int:
        """Erase an account's payloads, owners and reasons for good, also from the quarantine; return of how many events
        and payloads.

        The events stay, with the digests of what was erased, so that the chain still verifies.
        """

    def prune(self, until: datetime, archive: Path, at: datetime) -> Segment | None:
        """Archive the events received before ``until`` and take them out, with a snapshot of the accounts as they
        then were; return None if there is nothing to take. Events whose hooks are not finished stay, and so do
        later ones.
        """

    def redate(self, policy: Policy, now: datetime, after: int = 0) -> int:
        """Keep the next deadline by a policy's terms with accounts that have it by others, a page of them ``after`` a
        number; return the last one's number, 0 if there is none.

        Where processes of different policies share a store, each dates what the other has fed since, once.
        """

    def unpruned(self, until: datetime) -> Unpruned:
        """Return which events before a time a prune up to it leaves, and what holds them."""


class Reader(Protocol):
    """Reads, as streams: each is a consistent snapshot and holds one row at a time."""

    def check_schema(self) -> None:
        """Raise ``StoreError`` unless the store can be read and its tables are of this version."""

    def account(self, account_id: str) -> Account | None:
        """Return the account as it is now, or None if nothing was ever fed for it; always None for ``NOBODY``."""

    def accounts(self, wanted: AccountFilter, after: str = NOBODY) -> Iterator[Account]:
        """Yield accounts in the order of their ids, from the first ``after`` an id on, without what is remembered of
        ``NOBODY``."""

    def page(
        self, wanted: AccountFilter, after: str = NOBODY, limit: int = 100, order: AccountOrder = AccountOrder.ID
    ) -> list[Account]:
        """Return at most ``limit`` accounts in an order, from the first after a place in it on.

        ``AccountOrder.place`` is where an account stands. Nothing that stays there is skipped or twice in two pages.
        Raise ``ConfigurationError`` for what is no such place.
        """

    def differing(self, listed: Sequence[Listing]) -> list[str]:
        """Return the ids of those accounts that are not so surely as they are listed that they need not be read: they
        stand otherwise, are not there, or have something to settle (a doubt, an absence, a disputed provider)."""

    def account_ids(self, statuses: Sequence[Status], after: str = NOBODY, limit: int = 1_000) -> list[str]:
        """Return at most ``limit`` ids of accounts in these statuses, in their order, ``after`` an id."""

    def history(
        self, account_id: str, after: int = 0, *, before: int | None = None, newest_first: bool = False
    ) -> Iterator[LedgerEntry]:
        """Yield every event of one account ``after`` a sequence and ``before`` another, oldest or newest first."""

    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        """Return several accounts at once; those that nothing was fed for are missing."""

    def ledger(self) -> Iterator[LedgerEntry]:
        """Yield every event of every account, in the order in which they were fed."""

    def audit(
        self, wanted: AuditFilter, *, before: tuple[str, int] | None = None, newest_first: bool = False
    ) -> Iterator[Anomaly]:
        """Yield anomalies in the order in which their events were fed, or newest first; those of events fed before
        another, which its account and its sequence name (none if there is no such event)."""

    def quarantined(self, after: int = 0) -> Iterator[Quarantined]:
        """Yield unreadable payloads ``after`` a number, oldest first."""

    def blind_windows(
        self, account_id: str | None, *, open_only: bool, after: tuple[datetime, str, int] | None = None
    ) -> Iterator[BlindWindow]:
        """Yield blind windows in the order in which they opened, from the first after a place in it on: when one
        opened, its account and the sequence of the event that opened it."""

    def due(self, now: datetime) -> Iterator[Account]:
        """Yield every account whose next deadline has passed, by the terms that it is kept by, the longest passed
        first."""

    # ---- The whole fleet ---------------------------------------------------------------------------

    def tally(self, at: datetime | None = None) -> list[AccountTally]:
        """Return how many accounts stand where: by status, health and provider, in this order.

        At a moment of the past the answer follows from what is now and from the events received since. Then providers
        are those of now, and neither ``oldest`` nor ``stuck`` is known. Raise ``StoreError`` if such events were
        pruned.
        """

    def tally_of(self, wanted: AccountFilter) -> list[AccountTally]:
        """Return how many of the accounts that fit stand where, now."""

    def healths(self, account_id: str) -> Iterator[tuple[datetime, Health]]:
        """Yield when the health of one account changed, and to what, newest first.

        Where events were pruned, the last is the time up to which they were, and the health that it had then.
        """

    def health_changes(self, since: datetime) -> dict[str | None, dict[Health, int]]:
        """Return by provider, as it is now, how many more accounts of each health there are than at a time, where that
        is not 0. Raise ``StoreError`` if events received since were pruned."""

    def events(self, wanted: EventFilter, after: tuple[datetime, int] | None = None) -> Iterator[FleetEvent]:
        """Yield events of all accounts in the order of their times, from the first after a time and a number on."""

    def recent(self, after_event: int | None = None, limit: int = 100) -> list[FleetEvent]:
        """Return at most ``limit`` events in the order of their numbers: the first after a number, or the newest.

        Where many processes feed, an event can be committed after one of a higher number.
        """

    def traffic(self, since: datetime, until: datetime | None = None) -> Iterator[Traffic]:
        """Yield how many events were received in each minute, by provider and the status that they led to."""

    def hourly_moves(self, since: datetime) -> Iterator[HourlyMoves]:
        """Yield how many accounts came into each status in each hour of the clock, by provider."""

    def anomalies_by_kind(self, since: datetime) -> list[KindCount]:
        """Return how many anomalies of each kind were found in events received since a time: the worst kinds first."""

    def standing(self) -> Machinery:
        """Return how hooks, quarantine and open windows stand, and the newest events."""


class Prover(Protocol):
    """What makes the record provable."""

    is_one_chain: bool
    """Whether one chain goes over all events, so that a head that was ever noted down can be found in it."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the store itself finds wrong: rows that were changed, are missing, or stand in the wrong place."""

    def evidence(self, account_id: str | None = None) -> Iterator[Evidence]:
        """Yield every event, of one account or of all, in the order of account id and sequence."""

    def stored_accounts(self) -> Iterator[Account]:
        """Yield accounts in the order of their ids, with what is remembered of ``NOBODY``, which comes first."""

    def baselines(self) -> Iterator[Account]:
        """Yield the accounts as they were where the ledger begins, by id; none if nothing was pruned."""

    def windows_by_account(self) -> Iterator[BlindWindow]:
        """Yield every blind window in the order of account id and sequence."""

    def dated_late(self, policy: Policy) -> Iterator[Account]:
        """Yield accounts whose next deadline is kept, as if by the terms of a policy, to pass later than it does."""

    def rules(self) -> list[Rules]:
        """Return what events were judged by, as it was kept."""

    def segments(self) -> list[Segment]:
        """Return the parts of the ledger that were archived, oldest first."""

    def head(self) -> str:
        """Return what stands for the whole ledger, in hexadecimal: the digest of its last event, or in a store with a
        chain for each account the SHA-256 of all their heads; with what was pruned, if anything was."""

    def links(self) -> Iterator[bytes]:
        """Yield what the chain ended in once, as far as it is here: in one chain the digest of each event, in a store
        with a chain for each account only the SHA-256 of their present heads. What was pruned has no part in it."""


class Outbox(Protocol):
    """Effects on their way to hooks. Times come from the caller; nothing here looks at a clock."""

    def subscribe(self, hooks: Sequence[SubscribedHook], now: datetime) -> None:
        """Make hooks known, or change how known ones are run; a disabled one stays disabled.

        From its first time on, a hook has a delivery of every effect that is fed and that it wants. ``since`` says
        which earlier events it is called for as well: these are its backlog, which ``plan`` works off. It is read when
        the hook becomes known and not again.
        """

    def subscribed(self) -> list[SubscribedHook]:
        """Return every hook that the store knows, by name."""

    def unsubscribe(self, hook: str) -> bool:
        """Forget a hook and its unfinished deliveries; return False if it is not known."""

    def disable(self, hook: str, now: datetime, reason: str) -> None:
        """Let a hook's deliveries wait until it is enabled."""

    def enable(self, hook: str) -> bool:
        """Let a disabled hook go on; return False if it is not known."""

    def skip(self, hook: str, before: datetime, now: datetime) -> int:
        """Withdraw what waits for a hook of events received before a time, and leave such events out of its backlog;
        return how many deliveries were withdrawn."""

    def rename(self, old: str, new: str, now: datetime) -> bool:
        """Let a hook be known by another name, with all its deliveries; return False if the old one is not known.

        If both are known, because the new one was registered already, it takes over the backlog and the deliveries of
        the old one; of an effect that both have a delivery of, one that waits is withdrawn. Raise ``StoreBusy`` while
        a delivery of the old name is running. The hook is disabled meanwhile; what was cut off is done again.
        """

    def plan(self, now: datetime, limit: int) -> int:
        """Make deliveries of the next events, about ``limit``, of the hooks that are behind; return how many events
        were looked through, 0 when no hook is behind."""

    def claim(
        self,
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> list[Delivery]:
        """Take deliveries that are due, in the order of their effects; each counts an attempt, committed on return.

        Of these hooks only, as far as they are enabled, and of some accounts or of all. An ordered delivery is
        taken only if no earlier one of its account and hook is unfinished or still to be planned, and never two of
        them at once.
        """

    def renew(self, claims: Sequence[Claim], leased_until: datetime) -> list[bool]:
        """Lengthen leases (a heartbeat); return for each claim whether it still holds."""

    def expired(self, now: datetime, limit: int) -> list[Delivery]:
        """Return deliveries whose lease has run out, with the tokens that they were claimed by."""

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        """Keep what became of deliveries, in one transaction; return for each whether its claim still held.

        A claim that does not hold (it was completed, or its lease ran out and somebody else took over) changes nothing.
        """

    def deliveries(self, wanted: DeliveryFilter, after: int = 0) -> Iterator[DeliveryRecord]:
        """Yield deliveries ``after`` a number, in the order in which they were made."""

    def complete_and_claim(
        self,
        completions: Sequence[Completion],
        hooks: Sequence[str],
        now: datetime,
        leased_until: datetime,
        limit: int,
        account_ids: Sequence[str] | None = None,
    ) -> tuple[list[bool], list[Delivery]]:
        """Do both in one transaction, first ``complete`` and then ``claim``."""

    def redrive(self, delivery_ids: Sequence[int], now: datetime) -> list[int]:
        """Try finished deliveries again: a new delivery for each that is done, dead or halted; return
        their numbers.

        A halted lane goes on with it. One that is unfinished, not known, or redriven already is passed over.
        """

    def waiting_effects(self) -> int:
        """Return how many events with effects are still to be looked through for a hook that is behind."""

    def behind(self, hook: SubscribedHook, before: datetime) -> int:
        """Return how many of them, received before a time, one hook has: one that is not known yet will have all that
        there are since its ``since``."""


class Reconciler(Protocol):
    """Runs over the vendor's list, one at a time, whichever process they are in (``reconciliations``)."""

    def begin_reconciliation(self, now: datetime, leased_until: datetime) -> int:
        """Begin a run and return its number; raise ``StoreBusy`` while another is running whose lease lasts.

        One whose lease has run out is closed as broken off.
        """

    def renew_reconciliation(self, number: int, leased_until: datetime) -> bool:
        """Lengthen a run's lease; return False if it has ended or was lost to another."""

    def end_reconciliation(self, run: Reconciliation) -> bool:
        """Keep what came of a run; return False if it was lost to another."""

    def reconciliations(self, limit: int, before: int | None = None) -> list[Reconciliation]:
        """Return the newest runs, ``before`` a number, newest first."""


class Store(Ledger, Reader, Prover, Outbox, Reconciler, Protocol):
    """A store is all of them, and can be closed."""

    @property
    def is_lasting(self) -> bool:
        """Return whether it is there for other processes, too, and after it was closed."""

    def close(self) -> None:
        """Release what it holds; closing twice is harmless."""
