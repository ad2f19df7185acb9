"""The proof of the record: the chain holds, and folding the ledger gives exactly what is stored.

Knows how to read a ledger and what is stored beside it side by side, one account at a time, while others go on
feeding; what follows from an account's events, ``folding`` knows. It must never change anything.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..errors import StoreError
from ..lifecycle.account import Account
from ..lifecycle.windows import BlindWindow
from ..lifecycle.wording import printable
from ..records import AccountFilter, Evidence, Fault, LedgerEntry
from ..stores.protocol import Store
from .by_account import UNREADABLE, ByAccount, damage
from .fold import MAX_SHOWN, Fold
from .rejudge import Differences, against_definition

__all__ = ["Differences", "Verification", "against_definition", "verify"]

MAX_FAULTS = 100
"""How many faults are told one by one."""
ATTEMPTS = 3
"""How often an account that seems wrong is read again: others may have written while it was read."""


class Verification(NamedTuple):
    """What came of verifying a store."""

    events: int
    """How many events the ledger holds."""
    accounts: int
    checked_by_rules: Mapping[str, int]
    """How many events were judged again, by the name of the rules that they were judged by."""
    structure_only: int
    """How many could not be judged again, because rules of another version judged them, or an event before them in
    their account: of these it was checked that one begins where the last one ended."""
    faults: tuple[Fault, ...]
    """The first hundred things that do not hold."""
    fault_count: int
    """How many there are."""
    head: str
    """What stands for the whole ledger, as it was when verifying began: worth noting down elsewhere."""
    first: Fault | None = None
    """The first row that does not hold, in the order of the ledger as far as it is about an event."""

    @property
    def is_intact(self) -> bool:
        """Whether everything holds."""
        return not self.fault_count


def verify(store: Store) -> Verification:
    """Prove a store's record; others may go on feeding meanwhile.

    First the store says what it can tell by itself. Then every event is judged once more, and accounts, blind
    windows, anomalies and effects are compared with what follows. Raises ``StoreError`` if it cannot be read.
    """
    return _Examination(store).run()


class _Examination:
    """One verification on its way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = store.head()
        self._events = self._accounts = self._structure_only = self._fault_count = 0
        self._by_rules: Counter[str] = Counter()
        self._faults: list[Fault] = []

    def run(self) -> Verification:
        for fault in self._store.faults():
            self._add([fault])
        own = len(self._faults)
        try:
            self._examine_accounts()
        except StoreError as error:
            if not self._fault_count:
                raise
            self._add([Fault("the rest of the store", f"it cannot be read: {error}")])
        first = _first(self._store, self._faults[:own], self._faults[own:])
        return Verification(
            self._events,
            self._accounts,
            dict(self._by_rules),
            self._structure_only,
            tuple(self._faults),
            self._fault_count,
            self._head,
            first,
        )

    def _add(self, faults: list[Fault]) -> None:
        self._fault_count += len(faults)
        self._faults += faults[: MAX_FAULTS - len(self._faults)]

    def _examine_accounts(self) -> None:
        """Walk through all streams at once, in the order of account ids."""
        store = self._store
        self._baselines = ByAccount(store.baselines(), _own_id)
        self._evidence = ByAccount(store.evidence(), _evidence_id)
        self._windows = ByAccount(store.windows_by_account(), _own_id)
        self._stored = ByAccount(store.accounts(AccountFilter()), _own_id)
        while not (self._baselines.breakage or self._evidence.breakage):
            heads = (self._baselines.head_id, self._evidence.head_id, self._windows.head_id, self._stored.head_id)
            account_id = min((head for head in heads if head is not None), default=None)
            if account_id is None:
                break
            self._accounts += 1
            self._examine(account_id)
        self._tell_breakages()

    def _examine(self, account_id: str) -> None:
        begins = [*self._baselines.take(account_id)]
        fold = Fold(begins[0] if begins else Account(account_id))
        doubts = self._judge_events(fold)
        stored, windows = [*self._stored.take(account_id)], [*self._windows.take(account_id)]
        if self._evidence.breakage:
            return
        try:
            doubts += fold.account_faults(self._account(account_id, stored))
            doubts += fold.window_faults(self._windows_of(account_id, windows))
            if doubts and len(self._faults) < MAX_FAULTS:
                doubts = _standing(self._store, account_id, fold.is_certain)
        except UNREADABLE as error:
            place = f"account {printable(account_id, MAX_SHOWN)} or one of its blind windows"
            doubts = [Fault(place, damage(error), account_id)]
        self._add(doubts)

    def _judge_events(self, fold: Fold) -> list[Fault]:
        """Judge an account's events again; what may be due only to others who write meanwhile is handed back."""
        doubts: list[Fault] = []
        for evidence in self._evidence.take(fold.account.account_id):
            self._events += 1
            doubts += fold.gap(evidence.entry)
            faults, is_judged = fold.judge(evidence)
            self._add(faults)
            if is_judged:
                self._by_rules[evidence.rules] += 1
            else:
                self._structure_only += 1
        return doubts

    def _account(self, account_id: str, taken: list[Account]) -> Account | None:
        if self._stored.breakage:
            return self._store.account(account_id)
        return taken[0] if taken else None

    def _windows_of(self, account_id: str, taken: list[BlindWindow]) -> list[BlindWindow]:
        if self._windows.breakage:
            return list(self._store.blind_windows(account_id, open_only=False))
        return taken

    def _tell_breakages(self) -> None:
        """Streams that ended before their end: of an account they were told when it was read by itself, if it was."""
        for what, stream in (("event", self._evidence), ("baseline", self._baselines)):
            if stream.breakage:
                place = f"the next {what} after those of account {printable(stream.last_id, MAX_SHOWN)}"
                self._add([Fault(place, f"{stream.breakage}; nothing that comes after it was compared")])
        for what, stored in (("account", self._stored), ("blind window", self._windows)):
            if stored.breakage and not self._fault_count:
                place = f"the next {what} after account {printable(stored.last_id, MAX_SHOWN)}"
                self._add([Fault(place, stored.breakage)])


def _own_id(record: Account | BlindWindow) -> str:
    return record.account_id


def _evidence_id(evidence: Evidence) -> str:
    return evidence.entry.event.account_id


# ---- An account, read again ------------------------------------------------------------------------


def _standing(store: Store, account_id: str, is_certain: bool) -> list[Fault]:
    """What does not hold about an account even when everything about it is read once more."""
    faults: list[Fault] = []
    for _ in range(ATTEMPTS):
        faults = _read_again(store, account_id, is_certain)
        if not faults:
            break
    return faults


def _read_again(store: Store, account_id: str, is_certain: bool) -> list[Fault]:
    """Compare an account with its history as it was at the event up to which it was stored, whatever is fed meanwhile.

    Its windows are read between two looks at the account, so they have to be right at one of the events from the
    one look to the other. A last look sees to it that no event is left that the account does not know.
    """
    stored = store.account(account_id)
    windows = list(store.blind_windows(account_id, open_only=False))
    later = store.account(account_id)
    fold = Fold(_beginning(store, account_id))
    fold.is_certain = is_certain
    first, last = (look.sequence if look else 0 for look in (stored, later))
    gaps: list[Fault] = []
    of_account: list[Fault] | None = None
    of_windows: list[Fault] | None = None
    for sequence in _stages(fold, store.history(account_id), gaps):
        if sequence == first:
            of_account = fold.account_faults(stored)
        if first <= sequence <= last and of_windows != []:
            of_windows = fold.window_faults(windows)
    now = store.account(account_id)
    if of_account is None or now is None or now.sequence < fold.account.sequence:
        of_account = fold.account_faults(now)
    return [*gaps, *of_account, *(fold.window_faults(windows) if of_windows is None else of_windows)]


def _stages(fold: Fold, history: Iterator[LedgerEntry], gaps: list[Fault]) -> Iterator[int]:
    """The account's sequence where the ledger begins and after each event."""
    yield fold.account.sequence
    for entry in history:
        gaps += fold.gap(entry)
        fold.assume(entry)
        yield entry.sequence


def _beginning(store: Store, account_id: str) -> Account:
    begins = (account for account in store.baselines() if account.account_id == account_id)
    return next(begins, Account(account_id)) if store.segments() else Account(account_id)


# ---- Which comes first -----------------------------------------------------------------------------


def _first(store: Store, own: list[Fault], judged: list[Fault]) -> Fault | None:
    """The first row that does not hold: what the store says of its ledger comes first, as the ledger's order is its."""
    for fault in own:
        if fault.place.startswith("event "):
            return fault
    places = {(fault.account_id, fault.sequence): fault for fault in reversed(judged) if fault.sequence is not None}
    if len(places) > 1:
        with suppress(*UNREADABLE):
            keys = ((entry.account_id, entry.sequence) for entry in store.ledger())
            return next(places[key] for key in keys if key in places)
    return next(iter([*places.values(), *own, *judged]), None)
