"""The writing side: events with everything that was decided about them, and the quarantine.

All requests that share a transaction are judged in memory first, then written table by table, because SQLite is
fastest when one statement runs many times. The accounts of the last transactions are remembered: they are current
as long as nobody else has written to the file (``data_version``), which spares most feeds their only read. How many
are remembered is bounded, and so is how long they are, because an account remembers words from outside. So are the
hooks remembered, whose deliveries are made in the same transaction.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import apsw
from typing_extensions import override

from ...lifecycle.account import Account
from ...lifecycle.policy import Policy
from ...lifecycle.rules import Rules
from ...records import Delivery, Refused
from .. import chain, rows, statements
from ..commit_group import Turn
from ..outbox_rows import Planner
from ..protocol import Fed, Feed
from ..rows import ACCOUNT_COLUMNS, Row
from ..writing import (
    RETENTION_PAGE,
    Feeder,
    FeedRows,
    dismissed_rows,
    judge_feed,
    quarantine_rows,
    release_row,
    release_times,
)
from .connection import SCHEMA_VERSION, every, pragma
from .outbox import known_hooks, make_deliveries, note_number
from .transactions import SQLiteFile

REMEMBERED_ACCOUNTS = 5_000
"""How many accounts are kept at hand between transactions; more would cost the garbage collector what it saves."""
REMEMBERED_CHARACTERS = 16 << 20
"""How much may have been written of accounts until those at hand are read anew: a bound for accounts of long words."""

_SQL = statements("sqlite")


class SQLiteLedger(SQLiteFile, Feeder):
    """``Ledger`` but for retention."""

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self._remembered: dict[str, _Known] = {}
        self._remembered_version = -1
        self._remembered_characters = 0
        self._taken: dict[str, _Known] = {}
        """Those of the present transaction."""
        self._link: tuple[int, bytes] | None = None
        """The number and the digest of the last event; None when they are to be read again."""
        self._new_link: tuple[int, bytes] | None = None
        self._planner: Planner | None = None
        self._rules: set[Rules] = set()
        """Those that are in the file for sure."""
        self._new_rules: set[Rules] = set()
        super().__init__(path, synchronous)

    @override
    def feed(self, feed: Feed) -> Fed:
        """Judge events in order and keep everything, in one transaction, which others may share."""
        fed: Fed = self._group.ask(feed)
        return fed

    def redate(self, policy: Policy, now: datetime, after: int = 0) -> int:
        """Keep the next deadline by a policy's terms with accounts that have it by others, a page of them ``after`` a
        number; return the last one's number, 0 if there is none."""
        bindings = policy.fingerprint, after, RETENTION_PAGE

        def write(db: apsw.Connection) -> int:
            found = every(db, _SQL["dated_otherwise"], bindings)
            db.executemany(_SQL["redate"], map(partial(rows.dated_row, policy=policy, now=now), found))
            self._forget()
            return int(found[-1][-1]) if found else 0

        return self._write(write) if self._ask(lambda db: every(db, _SQL["dated_otherwise"], bindings)) else 0

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; return their numbers."""

        def write(db: apsw.Connection) -> list[int]:
            ((last,),) = every(db, _SQL["last_quarantined"])
            numbers = list(range(last + 1, last + 1 + len(refused)))
            db.executemany(_SQL["quarantine"], quarantine_rows(numbers, refused))
            if numbers:
                note_number(db, "quarantine", numbers[-1])
            return numbers

        return self._write(write)

    def dismiss(self, quarantine_ids: Collection[int], at: datetime) -> int:
        """Mark payloads in the quarantine as dismissed; return how many were neither fed nor dismissed before."""

        def write(db: apsw.Connection) -> int:
            numbers = sorted(set(quarantine_ids))
            found = [row for number in numbers for row in every(db, _SQL["quarantined_row"], (number,))]
            changed = dismissed_rows(found, at)
            db.executemany(_SQL["dismiss"], changed)
            return len(changed)

        return self._write(write)

    def check_writable(self) -> None:
        """Write a page as it is and commit it; raise ``StoreError`` if that cannot be done."""
        self._write(lambda db: every(db, f"PRAGMA user_version = {SCHEMA_VERSION}"))

    # ---- Judging and writing -----------------------------------------------------------------------

    @override
    def _write_turns(self, db: apsw.Connection, turns: Sequence[Turn[Any, Any]]) -> list[tuple[Turn[Any, Any], Any]]:
        """Judge all that is fed, then write it, then whatever else is asked for."""
        feeds = [turn for turn in turns if isinstance(turn.asked, Feed)]
        if not feeds:
            return super()._write_turns(db, turns)
        judged = self._write_feeds(db, feeds, is_shared=len(turns) > 1)
        others = [turn for turn in turns if not isinstance(turn.asked, Feed)]
        return judged + (super()._write_turns(db, others) if others else [])

    def _write_feeds(
        self, db: apsw.Connection, turns: Sequence[Turn[Any, Any]], *, is_shared: bool
    ) -> list[tuple[Turn[Any, Any], Any]]:
        """Return what comes of each turn. One that fails among others is refused, and leaves no trace."""
        self._take(db, {event.account_id for turn in turns for event in turn.asked.events})
        accounts = {account_id: known.account for account_id, known in self._taken.items()}
        numbers = [number for turn in turns for number in turn.asked.releasing]
        quarantined = {number: row for number in numbers for row in every(db, _SQL["quarantined_row"], (number,))}
        times: dict[int, int] = {}
        judged: list[tuple[Turn[Any, Any], Any]] = []
        for turn in turns:
            try:
                now_released = release_times(turn.asked, quarantined, times)
                decisions, changed = judge_feed(turn.asked, accounts)
            except Exception as error:
                if not is_shared:
                    raise
                turn.refuse(error)
            else:
                accounts.update(changed)
                times.update(now_released)
                judged.append((turn, decisions))
        number, digest = self._link or last_link(db)
        if self._planner is None:
            self._planner = Planner(known_hooks(db).values())
        written = FeedRows(self._planner, self._numbers(db, accounts))
        for turn, decisions in judged:
            for number, decision in enumerate(decisions, number + 1):  # noqa: B020 - goes on where the last ended
                digest = written.add(number, decision, turn.asked, digest)
        self._new_link, self._new_rules = (number, digest), written.rules - self._rules
        tables = {
            "rules": self._new_rules,
            "event": written.events,
            "anomaly": written.anomalies,
            "window": written.windows.values(),
        }
        self._save_accounts(db, written)
        for name, found in tables.items():
            if found:
                db.executemany(_SQL[f"save_{name}"], found)
        for number, at in times.items():
            db.execute(_SQL["release"], release_row(quarantined[number], at))
        claimed: dict[int, list[Delivery]] = {}
        for feed, delivery in make_deliveries(db, self._planner, written):
            claimed.setdefault(id(feed), []).append(delivery)
        return [(turn, Fed(decisions, claimed.get(id(turn.asked), []))) for turn, decisions in judged]

    # ---- Accounts at hand --------------------------------------------------------------------------

    def _take(self, db: apsw.Connection, account_ids: set[str]) -> None:
        """Have accounts at hand as they are now. They are not remembered until what becomes of them is committed."""
        version = pragma(db, "data_version")
        if version != self._remembered_version:
            self._forget()
            self._remembered_version = version
        taken = {account_id: self._remembered.pop(account_id) for account_id in account_ids & self._remembered.keys()}
        if unknown := account_ids - taken.keys():
            taken |= {row[0]: _Known(rows.account_from(row[:ACCOUNT_COLUMNS]), row) for row in load(db, unknown)}
        self._taken = taken

    def _numbers(self, db: apsw.Connection, accounts: Iterable[str]) -> dict[str, int]:
        """Return the numbers of accounts by their ids; new ones get the next."""
        numbers = {account_id: known.row[-1] for account_id, known in self._taken.items()}
        if new := [account_id for account_id in accounts if account_id not in numbers]:
            numbers |= {account_id: number for number, account_id in enumerate(new, last_account(db) + 1)}
        return numbers

    def _save_accounts(self, db: apsw.Connection, written: FeedRows) -> None:
        """Write accounts: of those that are there only what has changed, because what is written is indexed anew."""
        saved: dict[str, list[Row]] = {}
        for account_id, (account, feed) in written.accounts.items():
            due = rows.due_columns(account, feed.policy, feed.now)
            row = (*rows.account_row(account), *due, written.numbers[account_id])
            name, columns = _changes(self._taken.get(account_id), row)
            saved.setdefault(name, []).append(columns)
            self._taken[account_id] = _Known(account, row)
            self._remembered_characters += len(row[_FACTS])
        for name, found in saved.items():
            db.executemany(_SQL[name], found)

    @override
    def _committed(self) -> None:
        """Keep what was committed at hand, for the next events of the same accounts."""
        if len(self._remembered) > REMEMBERED_ACCOUNTS or self._remembered_characters > REMEMBERED_CHARACTERS:
            self._remembered.clear()
            self._remembered_characters = 0
        self._remembered.update(self._taken)
        self._rules |= self._new_rules
        self._link = self._new_link or self._link
        self._taken, self._new_rules, self._new_link = {}, set(), None

    @override
    def _forget(self) -> None:
        self._remembered.clear()
        self._taken, self._new_rules = {}, set()
        self._planner = self._link = self._new_link = None


class _Known(NamedTuple):
    """An account, and its row as it is in the file: its columns, its deadline and its number."""

    account: Account
    row: Row


_FACTS = 8
_MOVING = itemgetter(2, 3, 6, 7, 9)
"""Status, health, since when, whether it is stuck, and when its deadline passes."""
_SELDOM = itemgetter(4, 5, 10)
"""Provider, owner, and the terms of its deadline."""


def _changes(known: _Known | None, row: Row) -> tuple[str, Row]:
    """Return the statement that writes what has changed of an account, and its values."""
    if known is None:
        return "enter_account", row
    if _SELDOM(known.row) != _SELDOM(row):
        return "save_account", row
    if _MOVING(known.row) != _MOVING(row):
        return "move_account", (*row[1:4], *row[6:10], row[-1])
    return "touch_account", (row[1], row[_FACTS], row[-1])


def load(db: apsw.Connection, account_ids: Iterable[str]) -> list[Row]:
    """Return the rows of accounts by their ids: columns, deadline and number."""
    return every(db, _SQL["whole_accounts"], (json.dumps(list(account_ids)),))


def last_account(db: apsw.Connection) -> int:
    """Return the last number that was given to an account."""
    ((number,),) = every(db, _SQL["last_account"])
    return int(number)


def last_link(db: apsw.Connection) -> tuple[int, bytes]:
    """Return the number of the last event, and the digest that the next one goes on from."""
    found = every(db, _SQL["last_event"]) or every(db, _SQL["last_segment"])
    return found[0] if found else (0, chain.GENESIS)
