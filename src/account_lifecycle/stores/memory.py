"""The store that forgets: everything in this process's memory, for tests, replays and a first look.

Keeps what the engine hands it; it must never judge.
"""

import re
from collections.abc import Iterator, Sequence
from threading import RLock
from typing import Any

from ..lifecycle.account import Account
from ..lifecycle.decide import Decision
from ..lifecycle.effects import EffectKind
from ..lifecycle.events import Event
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Status
from ..lifecycle.windows import BlindWindow
from ..ports import (
    AccountFilter,
    AuditFilter,
    Decide,
    Delivery,
    EffectRow,
    LedgerEntry,
    Quarantined,
    Refused,
    Settlement,
)

_EFFECTS_PER_EVENT = 8
"""As many as any event can have: an effect's id is its event's place times this, plus its own place."""
_ANY_PENDING = re.compile(rb"[^\x00]")


_FIELDS = 7
"""The log is flat, so many places for each event: the fields of its ``LedgerEntry``, then its effects. A record for
each event would be one more object that the garbage collector visits, a few percent of the time of feeding."""


class MemoryStore:
    """Everything in memory. Safe to share between threads; gone with the process."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._accounts: dict[str, Account] = {}
        self._log: list[Any] = []
        self._windows: dict[tuple[str, int], BlindWindow] = {}
        self._quarantine: list[Quarantined] = []
        self._pending = bytearray()  # of each entry, a bit for each effect that nobody has looked at
        self._first_pending = 0  # no entry before this one has any
        self._failed: dict[tuple[int, str], Delivery] = {}

    def close(self) -> None:
        """Nothing to release."""

    # ---- Ledger ----------------------------------------------------------------------------------

    def advance(self, events: Sequence[Event], decide: Decide) -> list[Decision]:
        """Judge events in order and keep everything, or nothing if a step fails."""
        accounts = self._accounts
        decisions: list[Decision] = []
        with self._lock:
            try:
                for event in events:
                    account_id = event.account_id
                    decision = decide(accounts.get(account_id) or Account(account_id), event)
                    accounts[account_id] = decision.account
                    decisions.append(decision)
            except BaseException:
                self._forget(decisions)
                raise
            for account, previous, event, verdict, anomalies, effects, window in decisions:
                self._log.extend(
                    (event, account.sequence, verdict, previous.situation, account.situation, anomalies, effects)
                )
                self._pending.append((1 << len(effects)) - 1)
                if window is not None:
                    self._windows[window.account_id, window.sequence] = window
        return decisions

    def _forget(self, decisions: list[Decision]) -> None:
        for decision in reversed(decisions):
            if decision.previous.sequence:
                self._accounts[decision.previous.account_id] = decision.previous
            else:
                del self._accounts[decision.previous.account_id]

    def quarantine(self, refused: Sequence[Refused]) -> list[int]:
        """Keep unreadable payloads; their numbers."""
        with self._lock:
            first = len(self._quarantine) + 1
            self._quarantine.extend(Quarantined(number, *row) for number, row in enumerate(refused, first))
            return list(range(first, first + len(refused)))

    # ---- Reader ----------------------------------------------------------------------------------

    def account(self, account_id: str) -> Account | None:
        """The account as it is now, or None if nothing was ever fed for it."""
        with self._lock:
            return self._accounts.get(account_id)

    def accounts(self, wanted: AccountFilter) -> Iterator[Account]:
        """Accounts in the order of their ids."""
        with self._lock:
            found = sorted(self._accounts.items())
        return (account for _, account in found if _is_wanted(account, wanted))

    def history(self, account_id: str) -> Iterator[LedgerEntry]:
        """Every event of one account, oldest first."""
        return (entry for entry in self.ledger() if entry.account_id == account_id)

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every event of every account, in the order in which they were fed."""
        with self._lock:
            length = len(self._pending)
        return map(self._entry, range(length))

    def _entry(self, place: int) -> LedgerEntry:
        return LedgerEntry(*self._log[place * _FIELDS : (place + 1) * _FIELDS - 1])

    def audit(self, wanted: AuditFilter) -> Iterator[Anomaly]:
        """Anomalies in the order in which their events were fed."""
        return (a for entry in self.ledger() for a in entry.anomalies if _is_anomaly_wanted(a, wanted))

    def quarantined(self) -> Iterator[Quarantined]:
        """Unreadable payloads, oldest first."""
        with self._lock:
            return iter(tuple(self._quarantine))

    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        """Blind windows in the order in which they opened."""
        with self._lock:
            found = [
                window
                for (owner, _), window in self._windows.items()
                if account_id in (None, owner) and (window.is_open or not open_only)
            ]
        return iter(sorted(found, key=lambda window: (window.opened_at, window.account_id, window.sequence)))

    def transient(self, statuses: Sequence[Status]) -> Iterator[Account]:
        """Accounts that are in one of these statuses and not yet stuck."""
        with self._lock:
            accounts = tuple(self._accounts.values())
        return (account for account in accounts if account.status in statuses and not account.stuck)

    # ---- Outbox ----------------------------------------------------------------------------------

    def pending(self, limit: int) -> list[EffectRow]:
        """The oldest effects that no process with hooks has looked at yet."""
        rows: list[EffectRow] = []
        with self._lock:
            place = self._first_pending = self._next_pending(self._first_pending)
            while place < len(self._pending) and len(rows) < limit:
                rows.extend(self._rows(place))
                place = self._next_pending(place + 1)
        return rows[:limit]

    def _next_pending(self, place: int) -> int:
        found = _ANY_PENDING.search(self._pending, place)
        return found.start() if found else len(self._pending)

    def pending_of(self, events: Sequence[tuple[str, int]]) -> list[EffectRow]:
        """Those of some events, given by account id and sequence, in the order in which they were fed."""
        wanted = set(events)
        places: list[int] = []
        with self._lock:
            place = len(self._pending)
            while wanted and place > self._first_pending:
                place -= 1
                event, sequence = self._log[place * _FIELDS : place * _FIELDS + 2]
                if (event.account_id, sequence) in wanted:
                    wanted.discard((event.account_id, sequence))
                    places.append(place)
            return [row for place in reversed(places) for row in self._rows(place)]

    def due(self, hooks: Sequence[str], limit: int, after: tuple[int, str] = (-1, "")) -> list[Delivery]:
        """Deliveries that failed and are due again, for these hooks, past ``after`` (effect id, hook)."""
        with self._lock:
            due = sorted(key for key in self._failed if key > after and key[1] in hooks)
            return [self._failed[key] for key in due[:limit]]

    def settle(self, effect_ids: Sequence[int], settlements: Sequence[Settlement]) -> None:
        """Effects that were looked at, and what became of their deliveries."""
        with self._lock:
            for effect_id in effect_ids:
                place, ordinal = divmod(effect_id, _EFFECTS_PER_EVENT)
                self._pending[place] &= ~(1 << ordinal)
            for settlement in settlements:
                key = (settlement.effect_id, settlement.hook)
                self._failed.pop(key, None)
                if settlement.error is not None:
                    self._failed[key] = Delivery(self._row(settlement.effect_id), settlement.hook, settlement.attempts)

    def _rows(self, place: int) -> list[EffectRow]:
        first, pending = place * _EFFECTS_PER_EVENT, self._pending[place]
        return [self._row(first + n) for n in range(_EFFECTS_PER_EVENT) if pending & 1 << n]

    def _row(self, effect_id: int) -> EffectRow:
        place, ordinal = divmod(effect_id, _EFFECTS_PER_EVENT)
        entry, effect = self._entry(place), self._log[(place + 1) * _FIELDS - 1][ordinal]
        anomaly = next((a for a in entry.anomalies if a.kind == effect.subject), None)
        is_about_it = effect.kind is EffectKind.ANOMALY
        return EffectRow(
            effect_id, entry.account_id, entry.sequence, entry.received_at, effect, anomaly if is_about_it else None
        )


def _is_wanted(account: Account, wanted: AccountFilter) -> bool:
    return (
        wanted.status in (None, account.status)
        and wanted.health in (None, account.health)
        and wanted.provider in (None, account.provider)
    )


def _is_anomaly_wanted(anomaly: Anomaly, wanted: AuditFilter) -> bool:
    return (
        wanted.kind in (None, anomaly.kind)
        and wanted.severity in (None, anomaly.severity)
        and wanted.account_id in (None, anomaly.account_id)
        and wanted.provider in (None, anomaly.provider)
        and (wanted.since is None or anomaly.at >= wanted.since)
        and (wanted.until is None or anomaly.at < wanted.until)
    )
