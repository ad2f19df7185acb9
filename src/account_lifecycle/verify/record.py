"""Prove the record: the chain of digests holds, and judging the ledger again gives exactly what is stored.

What is proved, in this order:

1. *The store by itself* (``store.faults()``): its own integrity check, and the chain, which ties every event to all
   events before it.
2. *Every event, judged again* by the rules named beside it: its verdict, situations, anomalies and effects have to
   come out as they are stored. An event whose rules are not those of today's machine cannot be judged again. Of it,
   and of every later event of its account, only the structure is checked: sequences without gaps, each event
   beginning where the last one ended. Such events are counted as ``not_judged``, and the record is then not proved,
   for what stands beside the ledger could have been changed unnoticed.
3. *Accounts and blind windows*, which have to be what the account's events come to.

How: the store reads baselines, events, windows and accounts as four streams in the order of account ids, and they are
walked in lockstep, an account at a time (``ByAccount``). Memory holds one account, its windows and the first hundred
faults, however long the ledger is.

Nothing is locked. Others may feed, erase or prune between the opening of two streams, so an account that seems wrong
is read again by itself, up to three times, and only what is still wrong then is a fault (``_read_again``). Events
need no second look: they are only ever appended.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.events import NOBODY
from ..lifecycle.policy import Policy
from ..lifecycle.rules import RecordedPolicies, Rules, is_named_rightly
from ..lifecycle.wording import moment, printable
from ..records import Evidence, Fault
from ..stores.protocol import Store
from .fold import MAX_SHOWN, ODD_VALUES, Fold
from .heads import NO_ARCHIVES, ArchivesProof, HeadProof, head_proof, prove_archives
from .signing import SignedHead

MAX_FAULTS = 100
"""How many faults are listed one by one."""
ATTEMPTS = 3
"""How often an account that seems wrong is read again: others may have written while it was read."""

RecordT = TypeVar("RecordT")

UNREADABLE = (StoreError, *ODD_VALUES)
"""What reading a value that this program never wrote may raise; ``damage`` tells it from other errors."""


class Verification(NamedTuple):
    """The result of verifying a store."""

    events: int
    """How many events the ledger holds."""
    accounts: int
    checked_by_rules: Mapping[str, int]
    """How many events were judged again, by the name of the rules that they were judged by."""
    not_judged: int
    """How many could not be judged again, because rules of another version judged them or an event before them in
    their account: of these only the structure was checked."""
    faults: tuple[Fault, ...]
    """The first hundred things that do not hold."""
    fault_count: int
    """How many there are."""
    head: str
    """The digest that stands for the whole ledger as it was when verifying began: worth noting down elsewhere."""
    archives: ArchivesProof
    """What the archives of pruned parts prove, as far as they were given."""
    expected_head: HeadProof | None = None
    """What the head proves that was expected; None if none was."""
    first: Fault | None = None
    """The first row that does not hold, in the order of the ledger as far as it is about an event."""

    @property
    def is_intact(self) -> bool:
        """Whether nothing was found that does not hold; see ``is_proved`` for whether all of it was checked."""
        return not self.fault_count and self.expected_head is not HeadProof.MISSING

    @property
    def is_proved(self) -> bool:
        """Whether everything holds, every event could be judged again, and the head that was expected is proved."""
        is_head_proved = self.expected_head in (None, HeadProof.PROVED)
        return self.is_intact and not self.not_judged and not self.archives.not_judged and is_head_proved


def verify(
    store: Store,
    *,
    archives: Iterable[Path] = (),
    expect_head: str | None = None,
    signed: Iterable[SignedHead] = (),
    policy: Policy | None = None,
) -> Verification:
    """Prove the record of ``store``; others may go on feeding meanwhile.

    ``archives`` are files of what was pruned, which are proved too; ``expect_head`` is a head that was noted down,
    and ``signed`` are those that were signed. With a ``policy`` it is also proved that no deadline by its terms would
    be missed.
    Raise ``StoreError`` if the store or an archive cannot be read.
    """
    return _Examination(store).run(archives, expect_head, signed, policy)


class ByAccount(Generic[RecordT]):
    """A stream in the order of account ids, read account by account.

    It is opened at once, so that several streams are of nearly the same moment. A value that cannot be read ends it;
    ``breakage`` then says why.
    """

    def __init__(self, records: Iterator[RecordT], id_of: Callable[[RecordT], str]) -> None:
        self._records = records
        self._id_of = id_of
        self.head: RecordT | None = None
        self.head_id: str | None = None
        self.last_id = ""
        self.breakage: str | None = None
        self._advance()

    def take(self, account_id: str) -> Iterator[RecordT]:
        """Yield the records of an account; exhaust it before the next one is taken."""
        while self.head is not None and self.head_id == account_id:
            yield self.head
            self._advance()

    def find(self, account_id: str) -> RecordT | None:
        """Return the first record of an account, passing over those of accounts that come before it."""
        while self.head_id is not None and self.head_id < account_id:
            self._advance()
        return self.head if self.head_id == account_id else None

    def _advance(self) -> None:
        self.last_id = self.head_id or self.last_id
        try:
            self.head = next(self._records, None)
        except UNREADABLE as error:
            self.head, self.breakage = None, damage(error)
        self.head_id = None if self.head is None else self._id_of(self.head)
        assert self.head_id is None or self.head_id >= self.last_id, "a store has to read in the order of account ids"


def damage(error: BaseException) -> str:
    """Return what is wrong with a row that cannot be read; raise ``error`` again if it is not about a row."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    if not isinstance(cause, ODD_VALUES):
        raise error
    return f"it cannot be read ({type(cause).__name__}: {cause})"


class _Examination:
    """One verification while it runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events = self._accounts = self._not_judged = self._fault_count = 0
        self._by_rules: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._unread: list[Fault] = []
        self._head = self._read("the head", store.head, "")
        self._policies = RecordedPolicies(self._rules)

    def _read(self, what: str, read: Callable[[], RecordT], otherwise: RecordT) -> RecordT:
        """Return what is read, or something else if a row of it cannot be, which is a fault."""
        try:
            return read()
        except UNREADABLE as error:
            fault = Fault(what, damage(error))
            if fault not in self._unread:
                self._unread.append(fault)
            return otherwise

    def _rules(self) -> list[Rules]:
        return self._read("the rules", self._store.rules, [])

    def run(
        self, paths: Iterable[Path], expect_head: str | None, signed: Iterable[SignedHead], policy: Policy | None
    ) -> Verification:
        for fault in self._store.faults():
            self._add([fault])
        for rules in self._rules():
            if not is_named_rightly(rules):
                self._add([Fault(f"rules {printable(rules.name, MAX_SHOWN)}", "they are not what their name says")])
        own = len(self._faults)
        try:
            self._walk()
        except StoreError as error:
            if not self._fault_count:
                raise
            self._add([Fault("the rest of the store", f"it cannot be read: {error}")])
        self._check_deadlines(policy)
        archives, expected = NO_ARCHIVES, None
        if self._read("where the ledger begins", self._is_start_readable, False):
            archives = prove_archives(self._store, paths, self._policies)
            self._add([*archives.faults])
            expected = None if expect_head is None else head_proof(self._store, expect_head, archives)
            for each in signed:
                expected = self._check_signed(each, archives) or expected
        self._add(self._unread)
        first = _first(self._store, self._faults[:own], self._faults[own:])
        return Verification(
            self._events,
            self._accounts,
            dict(self._by_rules),
            self._not_judged,
            tuple(self._faults),
            self._fault_count,
            self._head,
            archives,
            expected,
            first,
        )

    def _is_start_readable(self) -> bool:
        """Read what was pruned and where the ledger begins since; return True."""
        self._store.segments()
        for _ in self._store.baselines():
            pass
        return True

    def _check_deadlines(self, policy: Policy | None) -> None:
        """Add a fault for each account of which a deadline would be missed."""
        with suppress(*UNREADABLE):  # a row that cannot be read has a fault of its own
            for account in self._store.dated_late(policy) if policy is not None else ():
                place = f"account {printable(account.account_id, MAX_SHOWN)}"
                self._add([Fault(place, "its next deadline is kept to pass later than it does", account.account_id)])

    def _check_signed(self, signed: SignedHead, archives: ArchivesProof) -> HeadProof | None:
        """Add a fault for a signed head that is not genuine or not in the ledger; return what else is not proved."""
        place = f"signed head {signed.number}"
        if not signed.is_genuine:
            self._add([Fault(place, "the line is not as it was signed with this key")])
            return None
        proof = head_proof(self._store, signed.head, archives)
        if proof is HeadProof.MISSING:
            at = moment(signed.at)
            self._add([Fault(place, f"it is not in the ledger, which had {signed.events:,} events at {at}")])
        return proof if proof is HeadProof.NOT_PROVED else None

    def _add(self, faults: list[Fault]) -> None:
        self._fault_count += len(faults)
        self._faults += faults[: MAX_FAULTS - len(self._faults)]

    def _walk(self) -> None:
        """Walk the four streams in lockstep, in the order of account ids."""
        store = self._store
        self._baselines = ByAccount(store.baselines(), lambda account: account.account_id)
        self._evidence = ByAccount(store.evidence(), lambda evidence: evidence.entry.event.account_id)
        self._windows = ByAccount(store.windows_by_account(), lambda window: window.account_id)
        self._stored = ByAccount(store.stored_accounts(), lambda account: account.account_id)
        while not (self._baselines.breakage or self._evidence.breakage):
            heads = (self._baselines.head_id, self._evidence.head_id, self._windows.head_id, self._stored.head_id)
            account_id = min((head for head in heads if head is not None), default=None)
            if account_id is None:
                break
            self._accounts += account_id != NOBODY
            self._examine(account_id)
        self._report_breakages()

    def _examine(self, account_id: str) -> None:
        """Judge an account's events again, and compare what is stored of it with the outcome."""
        begins = [*self._baselines.take(account_id)]
        fold = Fold(begins[0] if begins else Account(account_id), self._policies)
        suspected: list[Fault] = []  # to be read again: others may have written meanwhile
        for evidence in self._evidence.take(account_id):
            self._events += 1
            suspected += fold.gap(evidence.entry)
            faults, is_judged = fold.judge(evidence)
            self._add(faults)
            if is_judged:
                self._by_rules[evidence.rules] += 1
            else:
                self._not_judged += 1
        accounts, windows = [*self._stored.take(account_id)], [*self._windows.take(account_id)]
        if self._evidence.breakage:
            return
        try:
            stored = _account(self._store, account_id) if self._stored.breakage else next(iter(accounts), None)
            if self._windows.breakage:
                windows = list(self._store.blind_windows(account_id, open_only=False))
            suspected += fold.account_faults(stored) + fold.window_faults(windows)
            if suspected and len(self._faults) < MAX_FAULTS:
                suspected = _confirmed(self._store, account_id, fold.is_certain, self._policies)
        except UNREADABLE as error:
            place = f"account {printable(account_id, MAX_SHOWN)} or one of its blind windows"
            suspected = [Fault(place, damage(error), account_id)]
        self._add(suspected)

    def _report_breakages(self) -> None:
        """Add a fault for each stream that ended early, unless reading the account by itself already added it."""
        for what, stream in (("event", self._evidence), ("baseline", self._baselines)):
            if stream.breakage:
                place = f"the next {what} after those of account {printable(stream.last_id, MAX_SHOWN)}"
                self._add([Fault(place, f"{stream.breakage}; nothing that comes after it was compared")])
        for what, stored in (("account", self._stored), ("blind window", self._windows)):
            if stored.breakage and not self._fault_count:
                place = f"the next {what} after account {printable(stored.last_id, MAX_SHOWN)}"
                self._add([Fault(place, stored.breakage)])


# ---- An account, read again ------------------------------------------------------------------------


def _confirmed(store: Store, account_id: str, is_certain: bool, policies: RecordedPolicies) -> list[Fault]:
    """Return what does not hold about an account even when everything about it is read again."""
    faults: list[Fault] = []
    for _ in range(ATTEMPTS):
        faults = _read_again(store, account_id, is_certain, policies)
        if not faults:
            break
    return faults


def _read_again(store: Store, account_id: str, is_certain: bool, policies: RecordedPolicies) -> list[Fault]:
    """Compare an account with its history as of the event up to which it was stored, whatever is fed meanwhile.

    Its windows are read between two reads of the account, so they have to be right at one of the events from the
    first read to the second. A last read makes sure that no event is left that the account does not include.
    """
    stored = _account(store, account_id)
    windows = list(store.blind_windows(account_id, open_only=False))
    later = _account(store, account_id)
    baselines = (each for each in store.baselines() if each.account_id == account_id) if store.segments() else iter(())
    fold = Fold(next(baselines, Account(account_id)), policies)
    fold.is_certain = is_certain
    first, last = (read.sequence if read else 0 for read in (stored, later))
    gaps: list[Fault] = []
    of_account: list[Fault] | None = None
    of_windows: list[Fault] | None = None
    for sequence in _sequences(fold, store.evidence(account_id), gaps):
        if sequence == first:
            of_account = fold.account_faults(stored)
        if first <= sequence <= last and of_windows != []:
            of_windows = fold.window_faults(windows)
    now = _account(store, account_id)
    if of_account is None or now is None or now.sequence < fold.account.sequence:
        of_account = fold.account_faults(now)
    return [*gaps, *of_account, *(fold.window_faults(windows) if of_windows is None else of_windows)]


def _account(store: Store, account_id: str) -> Account | None:
    """Return an account as it is now, what is remembered of ``NOBODY`` too."""
    return store.accounts_by_id((account_id,)).get(account_id)


def _sequences(fold: Fold, history: Iterator[Evidence], gaps: list[Fault]) -> Iterator[int]:
    """Fold a history event by event, yielding the account's sequence before the first and after each."""
    yield fold.account.sequence
    for evidence in history:
        gaps += fold.gap(evidence.entry)
        fold.assume(evidence)
        yield evidence.entry.sequence


def _first(store: Store, own: list[Fault], judged: list[Fault]) -> Fault | None:
    """Return the fault that comes first in the ledger's order.

    ``own`` are the faults that the store found by itself, already in that order; ``judged`` are in the order of
    account ids.
    """
    for fault in own:
        if fault.place.startswith("event "):
            return fault
    places = {(fault.account_id, fault.sequence): fault for fault in reversed(judged) if fault.sequence is not None}
    if len(places) > 1:
        with suppress(*UNREADABLE):
            keys = ((entry.account_id, entry.sequence) for entry in store.ledger())
            return next((places[key] for key in keys if key in places), own[0] if own else judged[0])
    return next(iter([*places.values(), *own, *judged]), None)
