"""The writing side: events with everything that was decided about them, and the quarantine.

Knows what one event writes; it must never judge.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from ...errors import StoreError
from ...lifecycle.account import Account
from ...lifecycle.decide import Decision
from ...lifecycle.events import Event
from ...records import Decide, Refused
from .. import chain, rows, statements
from ..commit_group import Turn
from ..erasure import ERASED, mentions
from .connection import every, pragma
from .digests import baseline_with_digest
from .file import SQLiteFile

REMEMBERED_ACCOUNTS = 5_000
"""How many accounts are kept at hand between transactions; more would cost the garbage collector what it saves."""

_SQL = statements("sqlite")


class Feed(NamedTuple):
    """A request to judge events and to keep what was decided."""

    events: Sequence[Event]
    decide: Decide
    rules: str
    releasing: Sequence[int]
    released_at: datetime | None
    quiet: bool


class SQLiteLedger(SQLiteFile):
    """``ports.Ledger`` but for taking out."""

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self._remembered: dict[str, Account] = {}
        self._remembered_version = -1
        self._changed: dict[str, Account] = {}
        super().__init__(path, synchronous)

    def advance(
        self,
        events: Sequence[Event],
        decide: Decide,
        rules: str = "",
        *,
        releasing: Sequence[int] = (),
        released_at: datetime | None = None,
        quiet: bool = False,
    ) -> list[Decision]:
        """Judge events in order and keep everything, in one transaction."""
        decisions: list[Decision] = self._group.ask(Feed(events, decide, rules, releasing, released_at, quiet))
        return decisions

    # ---- Judging and writing -----------------------------------------------------------------------

    def _write_turns(self, db: apsw.Connection, turns: Sequence[Turn[Any, Any]]) -> list[tuple[Turn[Any, Any], Any]]:
        """Judge all that is fed in memory, then write it at once, then whatever else is asked for."""
        feeds = [turn for turn in turns if isinstance(turn.asked, Feed)]
        if not feeds:
            return super()._write_turns(db, turns)
        judged = self._judge_turns(db, feeds, len(turns) > 1)
        self._keep(db, judged)
        others = [turn for turn in turns if not isinstance(turn.asked, Feed)]
        written = super()._write_turns(db, others) if others else []
        return [(turn, decisions) for turn, decisions in judged] + written

    def _judge_turns(
        self, db: apsw.Connection, turns: Sequence[Turn[Any, Any]], is_shared: bool
    ) -> list[tuple[Turn[Any, Any], list[Decision]]]:
        """What is decided for each turn; one whose step fails among others is refused, and leaves no trace."""
        account_ids = {event.account_id for turn in turns for event in turn.asked.events}
        accounts = self._changed = self._current(db, account_ids)
        judged = []
        released: set[int] = set()
        for turn in turns:
            try:
                if turn.asked.releasing:
                    _check_unreleased(db, turn.asked.releasing, released)
                judged.append((turn, _judge(turn.asked, accounts)))
                released.update(turn.asked.releasing)
            except Exception as error:
                if not is_shared:
                    raise
                turn.refuse(error)
        return judged

    def _keep(self, db: apsw.Connection, judged: Sequence[tuple[Turn[Any, Any], list[Decision]]]) -> None:
        _write(db, [_Batch(decisions, turn.asked.rules, turn.asked.quiet) for turn, decisions in judged])
        db.executemany(_SQL["save_account"], map(rows.account_row, self._changed.values()))
        for turn, _ in judged:
            for number in turn.asked.releasing:
                _release(db, number, turn.asked)

    # ---- Accounts at hand --------------------------------------------------------------------------

    def _current(self, db: apsw.Connection, account_ids: set[str]) -> dict[str, Account]:
        """Accounts as they are now: remembered ones only if nobody else has written since.

        They are not remembered any more, until what becomes of them is committed.
        """
        version = pragma(db, "data_version")
        if version != self._remembered_version:
            self._remembered.clear()
            self._remembered_version = version
        found = {account_id: self._remembered.pop(account_id) for account_id in account_ids & self._remembered.keys()}
        unknown = account_ids - found.keys()
        return {**found, **load(db, unknown)} if unknown else found

    def _committed(self) -> None:
        """Keep what was committed at hand, for the next events of the same accounts."""
        if len(self._remembered) > REMEMBERED_ACCOUNTS:
            self._remembered.clear()
        self._remembered.update(self._changed)
        self._changed = {}

    def _forget(self) -> None:
        self._remembered.clear()
        self._changed = {}

    # ---- The quarantine ----------------------------------------------------------------------------

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads, in one transaction; their numbers."""
        return self._write(lambda db: _quarantine(db, refused))

    # ---- Erasing -----------------------------------------------------------------------------------

    def erase(self, account_id: str, at: datetime) -> int:  # noqa: ARG002 - nothing here tells when
        """Erase an account's payloads and names for good, also from the quarantine; how many payloads that were.

        On return the bytes are neither in the file nor in its log. Raises ``StoreBusy`` if somebody goes on reading
        what was there before: then they are erased, and the same call again empties the log.
        """
        erased = self._write(lambda db: self._erase(db, account_id))
        self._truncate_log()
        return erased

    def _erase(self, db: apsw.Connection, account_id: str) -> int:
        self._forget()
        every(db, "PRAGMA secure_delete = ON")
        try:
            _erase_names(db, account_id)
            return _erase_events(db, account_id) + _erase_quarantined(db, account_id)
        finally:
            every(db, "PRAGMA secure_delete = FAST")


def load(db: apsw.Connection, account_ids: Iterable[str]) -> dict[str, Account]:
    """Accounts by their ids."""
    where = "WHERE a.account_id IN (SELECT value FROM json_each(?))"
    found = db.execute(_SQL["load_accounts"].format(where=where), (json.dumps(list(account_ids)),))
    return {row[0]: rows.account_from(row) for row in found}


# ---- Events -----------------------------------------------------------------------------------------


def _judge(feed: Feed, accounts: dict[str, Account]) -> list[Decision]:
    """Decide about events in order. ``accounts`` go along; if a step fails they are as before."""
    decide, decisions = feed.decide, []
    try:
        for event in feed.events:
            account_id = event.account_id
            decision = decide(accounts.get(account_id) or Account(account_id), event)
            accounts[account_id] = decision.account
            decisions.append(decision)
    except BaseException:
        for decision in reversed(decisions):
            _take_back(accounts, decision.previous)
        raise
    return decisions


def _take_back(accounts: dict[str, Account], previous: Account) -> None:
    if previous.sequence:
        accounts[previous.account_id] = previous
    else:
        accounts.pop(previous.account_id, None)


class _Batch(NamedTuple):
    """What was decided for one turn."""

    decisions: Sequence[Decision]
    rules: str
    quiet: bool


def _write(db: apsw.Connection, batches: Sequence[_Batch]) -> None:
    """Everything that decisions changed but the accounts, table by table."""
    last, digest = head(db)
    number = last
    events: list[rows.Row] = []
    anomalies: list[rows.Row] = []
    effects: list[rows.Row] = []
    windows: dict[tuple[str, int], rows.Row] = {}
    for decisions, rules, _ in batches:
        for number, decision in enumerate(decisions, number + 1):  # noqa: B020 - goes on where the last batch ended
            row, text, odd = rows.event_row(number, decision), rows.NO_EFFECTS, _NONE
            if decision.anomalies:
                anomalies += (odd := list(rows.anomaly_rows(number, decision)))
            if decision.effects:
                text = rows.effects_text(decision.effects)
                effects.append((number, row[1], text))
            if window := decision.blind_window:
                windows[window.account_id, window.sequence] = rows.window_row(window, row[2])
            digest = chain.sealed(digest, row, rules, odd, text)
            events.append((*row, rules, None, digest))
    written = {"event": events, "anomaly": anomalies, "window": windows.values(), "effects": effects}
    for name, found in written.items():
        if found:
            db.executemany(_SQL[f"save_{name}"], found)
    if effects:
        db.executemany(_SQL["save_pending"], list(_heard(batches, last)))


def _heard(batches: Sequence[_Batch], last: int) -> Iterator[tuple[int, int]]:
    """The events of which hooks are to hear: each time after which number, and up to which."""
    for quiet, group in groupby(batches, key=lambda batch: batch.quiet):
        first, last = last, last + sum(len(batch.decisions) for batch in group)
        if not quiet:
            yield first, last


_NONE: list[rows.Row] = []


def head(db: apsw.Connection) -> tuple[int, bytes]:
    """The number of the last event, and the digest that the next one goes on from."""
    found = every(db, _SQL["last_event"]) or every(db, _SQL["last_segment"])
    return found[0] if found else (0, chain.GENESIS)


# ---- The quarantine ---------------------------------------------------------------------------------


def _quarantine(db: apsw.Connection, refused: Sequence[Refused]) -> list[int]:
    first = every(db, _SQL["last_quarantined"])[0][0] + 1
    for number, kept in enumerate(refused, first):
        columns = (number, rows.to_us(kept.received_at), *kept[1:], None)
        db.execute(_SQL["quarantine"], (*columns, chain.quarantine_digest(columns)))
    return list(range(first, first + len(refused)))


def _check_unreleased(db: apsw.Connection, numbers: Sequence[int], released: set[int]) -> None:
    for number in numbers:
        found = every(db, _SQL["quarantined_row"], (number,))
        if not found:
            raise StoreError(f"There is no number {number} in the quarantine. Nothing was fed.")
        if found[0][6] is not None or number in released or numbers.count(number) > 1:
            raise StoreError(f"Number {number} of the quarantine was fed already. Nothing was fed again.")


def _release(db: apsw.Connection, number: int, feed: Feed) -> None:
    ((*columns, _, private),) = every(db, _SQL["quarantined_row"], (number,))
    times = [feed.released_at] if feed.released_at else [event.received_at for event in feed.events]
    at = max(map(rows.to_us, times), default=columns[1])
    digest = chain.quarantine_digest((*columns, at), private)
    db.execute(_SQL["release"], (at, digest, number))


# ---- Erasing ----------------------------------------------------------------------------------------


def _erase_events(db: apsw.Connection, account_id: str) -> int:
    found = every(db, _SQL["unerased_events"], (account_id,))
    private = [(chain.private_digest(name, payload), number) for number, name, payload in found]
    db.executemany(_SQL["erase_event"], private)
    return len(private)


def _erase_quarantined(db: apsw.Connection, account_id: str) -> int:
    found = db.execute(_SQL["unerased_payloads"])
    meant = [number for number, payload in found if mentions(payload, account_id)]
    db.executemany(_SQL["erase_quarantined"], [_erased(*every(db, _SQL["quarantined_row"], (n,))[0]) for n in meant])
    return len(meant)


def _erased(
    number: int, at: int, payload: bytes, size: int, field: str, _reason: str, released_at: int | None, _private: None
) -> rows.Row:
    private = chain.private_digest(None, payload)
    digest = chain.quarantine_digest((number, at, None, size, field, ERASED, released_at), private)
    return ERASED, private, digest, number


def _erase_names(db: apsw.Connection, account_id: str) -> None:
    db.execute(_SQL["erase_account"], (account_id,))
    for row in every(db, _SQL["baselines"].format(where="WHERE account_id = ?"), (account_id,)):
        account = replace(rows.baseline_from(row), name=None)
        db.execute(_SQL["save_baseline"], baseline_with_digest(db, rows.baseline_row(account)))
