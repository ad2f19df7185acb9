"""Feeding: events are judged under the locks of their accounts, and everything that was decided is kept with them.

All accounts of a transaction are locked in one order, so that two feeds never wait for each other in a circle, and
read after that: a statement sees what was committed before it began. Numbers come from a sequence and may have gaps.
An attempt whose COMMIT was never answered may have been kept. The next attempt waits for its locks, and so for its
end, and then looks for one of its events by number and digest: if it is there, everything is.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...lifecycle.account import Account
from ...lifecycle.decide import Decision
from ...lifecycle.rules import Rules
from ...records import MOVES_TOLD, Delivery
from .. import chain, rows
from ..commit_group import Turn
from ..outbox_rows import Planner, claimable, claimed, delivery_from, fed_effect, hook_from
from ..protocol import Fed, Feed
from ..rows import Row
from ..writing import FeedRows, judge_feed, release_row, release_times
from .outbox import lock_watched, put_off_withdrawals
from .transactions import MANY, Transaction

FeedTurn = Turn[Feed, Fed]


class Known:
    """What this process remembers of the database; safe to share between threads."""

    def __init__(self) -> None:
        self.hooks: tuple[int, Planner] = (0, Planner(()))
        """The hooks as they were read last, and at which generation."""
        self.rules: frozenset[Rules] = frozenset()
        """Those that are in the database for sure."""


class FedTogether(NamedTuple):
    """What came of the requests that share a transaction."""

    decided: list[tuple[FeedTurn, list[Decision]]]
    claimed: list[tuple[Feed, Delivery]]
    witness: tuple[int, bytes] | None
    """Number and digest of one of the events: if it is there, everything is."""
    rules: frozenset[Rules]
    """What they were judged by."""


def write_feeds(transaction: Transaction[FedTogether], turns: Sequence[FeedTurn], known: Known) -> FedTogether:
    """Judge what is asked for and put off its writing; a request that fails by itself is refused and left out."""
    turns = [turn for turn in turns if not turn.is_over]
    account_ids = sorted({event.account_id for turn in turns for event in turn.asked.events})
    desk = _Desk(transaction, account_ids, turns, known)
    if desk.is_kept:
        assert transaction.earlier is not None
        return transaction.earlier._replace(claimed=[])  # what was claimed is left to its lease
    decided = []
    for turn in turns:
        try:
            decided.append((turn, desk.judge(turn.asked)))
        except Exception as error:
            turn.refuse(error)
    return FedTogether(decided, *desk.write())


class _Desk:
    """The accounts of one transaction, locked, and what was decided about them so far."""

    def __init__(
        self, transaction: Transaction[FedTogether], account_ids: list[str], turns: Sequence[FeedTurn], known: Known
    ) -> None:
        self._transaction = transaction
        self._known = known
        self._account_ids = account_ids
        self._accounts: dict[str, Account] = {}
        self._heads: dict[str, bytes] = {}
        self._decided: list[tuple[Decision, Feed]] = []
        self._released: dict[int, int] = {}
        self.is_kept = False
        """Whether an earlier attempt, whose outcome was not known, was kept after all."""
        transaction.are_apart = True  # an account, an event or a delivery is written once
        self._quarantined: dict[int, Row] = {}
        self._numbers: list[int] = []
        self._account_numbers: dict[str, int] = {}
        events, releasing = (
            sum(len(turn.asked.events) for turn in turns),
            [n for turn in turns for n in turn.asked.releasing],
        )
        if len(account_ids) == 1 and not releasing and transaction.earlier is None:
            self._lock_one(account_ids[0], events)
        else:
            self._lock(events, releasing)

    def _lock_one(self, account_id: str, events: int) -> None:
        """Lock and read one account, and take numbers, by one statement; by two more if it is not there."""
        transaction, params = self._transaction, (account_id, events)
        found = transaction.ask("lock_account", params)
        if not found:
            with transaction.round():
                transaction.execute("enter_accounts", (chain.GENESIS, [account_id]))
                locked = transaction.execute("lock_account", params)
            found = locked.fetchall()
        ((*account, self._generation, self._numbers),) = found
        self._keep(account)

    def _keep(self, account: Sequence[Any]) -> None:
        *columns, number, digest = account
        account_id, sequence = columns[:2]
        self._heads[account_id], self._account_numbers[account_id] = bytes(digest), number
        if sequence:  # or else it was entered just now
            self._accounts[account_id] = rows.account_from(tuple(columns))

    def _lock(self, events: int, releasing: list[int]) -> None:
        """In one round: make the accounts that are not there, lock all in one order, read them, take numbers.

        A statement sees what was committed before it began: so each comes after the locks that it has to see through.
        """
        transaction, earlier = self._transaction, self._transaction.earlier
        with transaction.round():
            transaction.execute("enter_accounts", (chain.GENESIS, self._account_ids))
            accounts = transaction.execute("lock_accounts", (self._account_ids,))
            generation = transaction.execute("hook_generation")
            numbers = transaction.execute("event_numbers", (events,))
            quarantined = transaction.execute("lock_quarantined", (sorted(releasing),)) if releasing else None
            witness = transaction.execute("is_event_kept", earlier.witness) if earlier and earlier.witness else None
        self._numbers = [number for (number,) in numbers.fetchall()]
        ((self._generation,),) = generation.fetchall()
        self._quarantined = {row[0]: row for row in quarantined.fetchall()} if quarantined else {}
        self.is_kept = witness is not None and bool(witness.fetchall())
        for account in accounts.fetchall():
            self._keep(account)

    def judge(self, feed: Feed) -> list[Decision]:
        """Return the decisions about a feed's events, after those before it; if it fails it leaves no trace."""
        times = release_times(feed, self._quarantined, self._released)
        decisions, changed = judge_feed(feed, self._accounts)
        self._accounts.update(changed)
        self._decided += ((decision, feed) for decision in decisions)
        self._released.update(times)
        return decisions

    def _planner(self) -> Planner:
        generation, planner = self._known.hooks
        if generation != self._generation:
            planner = Planner(map(hook_from, self._transaction.ask("hooks")))
            self._known.hooks = self._generation, planner
        return planner

    def write(self) -> tuple[list[tuple[Feed, Delivery]], tuple[int, bytes] | None, frozenset[Rules]]:
        """Put off the writing of everything that was decided, table by table; return what is claimed, a witness and the
        rules."""
        written = FeedRows(self._planner(), self._account_numbers)
        lacking = len(self._decided) - len(self._numbers)
        if lacking > 0:  # deadlines that had passed became events too
            self._numbers += [number for (number,) in self._transaction.ask("event_numbers", (lacking,))]
        for number, (decision, feed) in zip(self._numbers, self._decided, strict=False):
            head = self._heads[decision.after.account_id]
            self._heads[decision.after.account_id] = written.add(number, decision, feed, head)
        put_off = self._transaction.put_off
        put_off("save_rules", sorted(written.rules - self._known.rules))
        put_off("save_event", written.events)
        put_off("save_anomaly", written.anomalies)
        put_off("save_window", list(written.windows.values()))
        put_off("save_account", [self._account_row(*each) for each in written.accounts.values()])
        put_off("release", [release_row(self._quarantined[number], at) for number, at in self._released.items()])
        left = [account_id for account_id in self._account_ids if account_id not in self._accounts]
        put_off("leave_accounts", [(left,)] if left else [])
        taken = self._make_deliveries(written)
        witness = (written.events[-1][0], written.events[-1][-1]) if written.events else None
        return taken, witness, frozenset(written.rules)

    def _make_deliveries(self, written: FeedRows) -> list[tuple[Feed, Delivery]]:
        """Put off the writing of new deliveries, claimed as far as their feeds wish and lanes are free."""
        transaction = self._transaction
        if written.watched:
            watched = lock_watched(transaction, self._known.hooks[1], written.watched_accounts())
            put_off_withdrawals(transaction, written.watch(*watched))
        made = written.deliveries
        if not made:
            return []
        wished = list(claimable(made))
        if not wished and len(made) < MANY:
            columns = zip(*(new.row[1:] for new in made), strict=True)
            transaction.put_off("save_new_deliveries", [[list(column) for column in columns]])
            return []
        lanes = [(made[place].hook.name, made[place].row.account_id) for place in wished if made[place].hook.is_ordered]
        with transaction.round():
            numbers = transaction.execute("delivery_numbers", (len(made),))
            lane_columns = [list(column) for column in zip(*lanes, strict=True)]
            locked = transaction.execute("lock_busy_lanes", lane_columns) if lanes else None
            accounts = sorted({self._account_numbers[made[place].row.account_id] for place in wished})
            moved = transaction.execute("moves_of_accounts", (accounts,)) if accounts else None
        numbered = [new.row._replace(delivery_id=n) for new, (n,) in zip(made, numbers.fetchall(), strict=True)]
        moves = [*(moved.fetchall() if moved else ()), *(_move_of(row) for row in written.events if _is_move(row))]
        busy, taken = set(locked.fetchall()) if locked else set(), list[tuple[Feed, Delivery]]()
        for place in wished:
            (_, hook, decision, feed), row = made[place], numbered[place]
            if feed.claiming is None or (hook.is_ordered and (hook.name, row.account_id) in busy):
                continue
            numbered[place] = row = claimed(row, feed.claiming.leased_until)
            number = self._account_numbers[row.account_id]
            until = [move for account_no, *move in moves if account_no == number and move[0] <= decision.sequence]
            effect = fed_effect(row.effect_id, decision, until[-MOVES_TOLD:])
            taken.append((feed, delivery_from(row, hook, effect)))
        transaction.put_off("save_delivery", numbered)
        return taken

    def _account_row(self, account: Account, feed: Feed) -> Row:
        account_id, *columns = rows.account_row(account)
        due = rows.due_columns(account, feed.policy, feed.now)
        return (*columns, *due, self._heads[account_id], self._account_numbers[account_id])


def _is_move(event: Row) -> bool:
    """Return whether an event, given by its columns, has changed its account's status."""
    return bool(event[16])


def _move_of(event: Row) -> Row:
    """Return account number, sequence, time of receipt, word, and what was decided of an event."""
    return (*event[1:4], event[5], event[11])
