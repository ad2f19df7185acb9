"""Feeding: events are judged under the locks of their accounts, and everything that was decided is kept with them.

Knows what a decision leaves in which table; it must never judge, nor know when a transaction is done again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ...errors import StoreError
from ...lifecycle.account import Account
from ...lifecycle.decide import Decision
from ...lifecycle.events import Event
from ...records import Decide
from .. import chain, rows
from ..commit_group import Turn
from .transactions import Row, Transaction


class Request(NamedTuple):
    """What one caller wants to have fed."""

    events: Sequence[Event]
    decide: Decide
    rules: str
    releasing: Sequence[int]
    released_at: datetime | None = None
    quiet: bool = False


FeedTurn = Turn[Request, list[Decision]]


class Fed(NamedTuple):
    """What came of the requests that share a transaction."""

    decided: list[tuple[FeedTurn, list[Decision]]]
    witness: tuple[int, bytes] | None
    """Number and digest of one of the events: if it is there, everything is."""


def feed(transaction: Transaction[Fed], turns: Sequence[FeedTurn]) -> Fed:
    """Judge what is asked for and put off its writing; a request that fails by itself is refused and left out."""
    turns = [turn for turn in turns if not turn.is_over]
    account_ids = sorted({event.account_id for turn in turns for event in turn.asked.events})
    desk = _Desk(transaction, account_ids, turns)
    if desk.is_kept:
        assert transaction.earlier is not None
        return transaction.earlier
    decided = []
    for turn in turns:
        try:
            decided.append((turn, desk.judge(turn.asked)))
        except Exception as error:
            turn.refuse(error)
    return Fed(decided, desk.write())


class _Desk:
    """The accounts of one transaction, locked, and what was decided about them so far."""

    def __init__(self, transaction: Transaction[Fed], account_ids: list[str], turns: Sequence[FeedTurn]) -> None:
        self._transaction = transaction
        self._account_ids = account_ids
        self._accounts: dict[str, Account] = {}
        self._heads: dict[str, bytes] = {}
        self._decided: list[tuple[Decision, Request]] = []
        self._released: list[tuple[int, int]] = []
        self.is_kept = False
        """Whether an earlier attempt, whose outcome was not known, was kept after all."""
        self._lock(sum(len(turn.asked.events) for turn in turns), [n for turn in turns for n in turn.asked.releasing])

    def _lock(self, events: int, releasing: list[int]) -> None:
        """One round: make the accounts that are not there, lock all in one order, read them, take numbers.

        A statement sees what was committed before it began: so each comes after the locks that it has to see through.
        """
        transaction, earlier = self._transaction, self._transaction.earlier
        with transaction.round():
            transaction.execute("enter_accounts", (chain.GENESIS, self._account_ids))
            accounts = transaction.execute("lock_accounts", (self._account_ids,))
            windows = transaction.execute("open_windows", (self._account_ids,))
            numbers = transaction.execute("event_numbers", (events,))
            quarantined = transaction.execute("lock_quarantined", (sorted(releasing),)) if releasing else None
            witness = transaction.execute("is_event_kept", earlier.witness) if earlier and earlier.witness else None
        self._numbers = (number for (number,) in numbers.fetchall())
        self._quarantined: dict[int, Row] = {row[0]: row for row in quarantined.fetchall()} if quarantined else {}
        self.is_kept = witness is not None and bool(witness.fetchall())
        self._read(accounts.fetchall(), {row[0]: row[1:] for row in windows.fetchall()})

    def _read(self, accounts: list[Row], windows: dict[str, Row]) -> None:
        for *columns, window_sequence, digest in accounts:
            account_id, sequence = columns[0], columns[4]
            self._heads[account_id] = bytes(digest)
            if sequence:  # or else it was entered just now
                window = (None, None, None, None) if window_sequence is None else windows[account_id]
                self._accounts[account_id] = rows.account_from((*columns, *window))

    def judge(self, request: Request) -> list[Decision]:
        """The decisions about a request's events; what was decided before is in force, what fails leaves no trace."""
        released = self._release(request)
        changed: dict[str, Account] = {}
        decisions = []
        for event in request.events:
            account_id = event.account_id
            account = changed.get(account_id) or self._accounts.get(account_id) or Account(account_id)
            decision = request.decide(account, event)
            changed[account_id] = decision.account
            decisions.append(decision)
        self._accounts.update(changed)
        self._decided += ((decision, request) for decision in decisions)
        self._released += released
        return decisions

    def _release(self, request: Request) -> list[tuple[int, int]]:
        """When each payload was released that these events come from."""
        over = {number for _, number in self._released}
        released = []
        for number in request.releasing:
            if number not in self._quarantined:
                raise StoreError(f"There is no number {number} in the quarantine. Nothing was fed.")
            kept_at, released_at = self._quarantined[number][1], self._quarantined[number][6]
            if released_at is not None or number in over:
                raise StoreError(f"Number {number} of the quarantine was fed already. Nothing was fed again.")
            over.add(number)
            times = [request.released_at] if request.released_at else [e.received_at for e in request.events]
            released.append((max(map(rows.to_us, times), default=kept_at), number))
        return released

    def write(self) -> tuple[int, bytes] | None:
        """Put off the writing of everything that was decided, table by table."""
        tables = _Tables()
        for decision, request in self._decided:
            head = self._heads[decision.account.account_id]
            self._heads[decision.account.account_id] = tables.add(next(self._numbers), decision, request, head)
        put_off = self._transaction.put_off
        put_off("save_event", tables.events)
        put_off("save_anomaly", tables.anomalies)
        put_off("save_window", list(tables.windows.values()))
        put_off("save_effects", tables.effects)
        put_off("save_pending", tables.pending)
        last = {decision.account.account_id: decision.account for decision, _ in self._decided}
        put_off("save_account", [self._account_row(account) for account in last.values()])
        put_off("release", [self._release_row(*released) for released in self._released])
        left = [account_id for account_id in self._account_ids if account_id not in self._accounts]
        put_off("leave_accounts", [(left,)] if left else [])
        return (tables.events[-1][0], tables.events[-1][-1]) if tables.events else None

    def _account_row(self, account: Account) -> Row:
        account_id, *columns = rows.account_row(account)
        return (*columns, self._heads[account_id], account_id)

    def _release_row(self, released_at: int, number: int) -> Row:
        row = self._quarantined[number]
        *columns, private = row
        columns[6] = released_at
        return released_at, chain.quarantine_digest(columns, private), number


class _Tables:
    """The rows that decisions come to, by their tables."""

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.anomalies: list[Row] = []
        self.windows: dict[tuple[str, int], Row] = {}
        self.effects: list[Row] = []
        self.pending: list[Row] = []

    def add(self, number: int, decision: Decision, request: Request, head: bytes) -> bytes:
        """One decision's; the digest of its event, which is its account's head from now on."""
        row = rows.event_row(number, decision)
        anomalies = list(rows.anomaly_rows(number, decision)) if decision.anomalies else []
        effects = rows.effects_text(decision.effects)
        digest = chain.sealed(head, row, request.rules, anomalies, effects)
        self.events.append((*row, request.rules, digest))
        self.anomalies += anomalies
        window = decision.blind_window
        if window is not None:
            self.windows[window.account_id, window.sequence] = rows.window_row(window, decision.sequence)
        if decision.effects:
            self.effects.append((number, decision.account.account_id, effects))
            if not request.quiet:
                self.pending.append((decision.account.account_id, number))
        return digest


def quarantine_rows(numbers: Iterable[int], refused: Sequence[Any]) -> list[Row]:
    """The columns of payloads that nobody could read, in the table's order."""
    found = []
    for number, (received_at, payload, size, field, reason) in zip(numbers, refused, strict=True):
        columns = (number, rows.to_us(received_at), payload, size, field, reason, None)
        found.append((*columns, chain.quarantine_digest(columns)))
    return found
