"""The ledger in memory: flat, with its blind windows and what it takes to find moves and waiting effects.

Knows how events are laid out; it must never know hooks, and it locks nothing: whoever holds it does.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.events import StatusAnnounced
from ..lifecycle.windows import BlindWindow
from ..records import RECENT, EffectRow, Evidence, LedgerEntry, Transition
from .outbox_rows import EFFECTS_PER_EVENT

_FIELDS = 9
"""The log is flat, so many places for each event: the fields of its ``LedgerEntry``, then its effects and the rules.
A record for each event would be one more object that the garbage collector visits, a few percent of the time of
feeding."""
_EFFECTS = 7
_WAITING = re.compile(rb"\x01")


class MemoryLog:
    """Events by their numbers, which grow from 0 and are never used again."""

    def __init__(self) -> None:
        self.first = 0  # the number of the oldest event that is still here
        self._flat: list[Any] = []  # never changed but at its end: what is taken out or erased makes a new list
        self.windows: dict[tuple[str, int], BlindWindow] = {}
        self._waiting = bytearray()  # of each event, whether it has effects that were not planned
        self._next_waiting = 0  # no event in a lower place has any
        self._seen_by_account = 0  # events with lower numbers are found in the next two
        self._moves: dict[str, array[int]] = {}
        self._waiting_of: dict[str, list[int]] = {}

    @property
    def end(self) -> int:
        """The number of the next event."""
        return self.first + len(self._waiting)

    def extend(self, decisions: Sequence[Decision], rules: str, *, quiet: bool) -> None:
        """Add what was decided; quiet effects wait for nobody."""
        add, wait, waits = self._flat.extend, self._waiting.append, 0 if quiet else 1
        for account, previous, event, verdict, anomalies, effects, window in decisions:
            before, after = previous.situation, account.situation
            add((event, account.sequence, verdict, before, after, anomalies, False, effects, rules))
            wait(waits if effects else 0)
            if window is not None:
                self.windows[window.account_id, window.sequence] = window

    # ---- Reading: snapshots, whatever is done to the log meanwhile ------------------------------------

    def entries(self) -> Iterator[LedgerEntry]:
        """Every event, oldest first."""
        flat = self._flat
        return (LedgerEntry(*flat[place : place + _EFFECTS]) for place in range(0, len(flat), _FIELDS))

    def evidence(self) -> Iterator[Evidence]:
        """Every event with what was decided, oldest first."""
        flat = self._flat
        return (_proof(flat[place : place + _FIELDS]) for place in range(0, len(flat), _FIELDS))

    def evidence_by_account(self) -> Iterator[Evidence]:
        """The same in the order of account id and sequence."""
        flat = self._flat
        places = sorted(range(0, len(flat), _FIELDS), key=lambda place: flat[place].account_id)
        return (_proof(flat[place : place + _FIELDS]) for place in places)

    def __getitem__(self, number: int) -> LedgerEntry:
        place = (number - self.first) * _FIELDS
        return LedgerEntry(*self._flat[place : place + _EFFECTS])

    def effects(self, number: int) -> tuple[Effect, ...]:
        """The effects of an event."""
        found: tuple[Effect, ...] = self._flat[(number - self.first) * _FIELDS + _EFFECTS]
        return found

    def effect_row(self, effect_id: int) -> EffectRow:
        """An effect with everything that a hook is told."""
        number, ordinal = divmod(effect_id, EFFECTS_PER_EVENT)
        entry, effect = self[number], self.effects(number)[ordinal]
        anomaly = None
        if effect.kind is EffectKind.ANOMALY:
            anomaly = next(anomaly for anomaly in entry.anomalies if anomaly.kind == effect.subject)
        transitions = self._transitions(entry.account_id, number)
        return EffectRow(effect_id, entry.account_id, entry.sequence, entry.received_at, effect, anomaly, transitions)

    def _transitions(self, account_id: str, number: int) -> tuple[Transition, ...]:
        self._see_new_events()
        moves = self._moves.get(account_id, array("q"))
        end = bisect_right(moves, number)
        return tuple(_transition(self[move]) for move in moves[max(0, end - RECENT) : end])

    # ---- Effects that wait -------------------------------------------------------------------------------

    def waiting(self) -> int:
        """How many events have effects that were not planned."""
        return self._waiting.count(1)

    def first_waiting(self) -> int:
        """The number of the oldest of them; that of the next event if there is none."""
        found = _WAITING.search(self._waiting, self._next_waiting)
        self._next_waiting = found.start() if found else len(self._waiting)
        return self.first + self._next_waiting

    def take_waiting(self, limit: int) -> list[int]:
        """The numbers of the oldest of them, which wait no more."""
        taken: list[int] = []
        while len(taken) < limit and (number := self.first_waiting()) < self.end:
            self._waiting[number - self.first] = 0
            taken.append(number)
        self._forget_waiting(taken)
        return taken

    def take_waiting_of(self, account_ids: Sequence[str]) -> list[int]:
        """The same for all events of some accounts."""
        self._see_new_events()
        taken = sorted(number for account_id in account_ids for number in self._waiting_of.pop(account_id, ()))
        for number in taken:
            self._waiting[number - self.first] = 0
        return taken

    def _forget_waiting(self, taken: Sequence[int]) -> None:
        """The oldest of all are the oldest of their accounts."""
        for number in taken:
            if number < self._seen_by_account:
                account_id = self._flat[(number - self.first) * _FIELDS].account_id
                self._waiting_of[account_id].remove(number)
                if not self._waiting_of[account_id]:
                    del self._waiting_of[account_id]

    def _see_new_events(self) -> None:
        """Only whoever runs hooks asks by account, so that feeding alone need not care."""
        for number in range(self._seen_by_account, self.end):
            place = (number - self.first) * _FIELDS
            event, _, _, before, after = self._flat[place : place + 5]
            if before.status is not after.status:
                self._moves.setdefault(event.account_id, array("q")).append(number)
            if self._waiting[number - self.first]:
                self._waiting_of.setdefault(event.account_id, []).append(number)
        self._seen_by_account = self.end

    # ---- Taking out --------------------------------------------------------------------------------------

    def erase(self, account_id: str) -> int:
        """Put blanks for an account's payloads and names; how many payloads that were."""
        flat, erased = list(self._flat), 0
        for place in range(0, len(flat), _FIELDS):
            event, is_erased = flat[place], flat[place + _EFFECTS - 1]
            if event.account_id == account_id and isinstance(event, StatusAnnounced) and not is_erased:
                flat[place], flat[place + _EFFECTS - 1] = event._replace(name=None, payload=b""), True
                erased += 1
        self._flat = flat
        return erased

    def drop(self, end: int) -> None:
        """Take out the events with lower numbers."""
        count = end - self.first
        self._flat = self._flat[count * _FIELDS :]
        del self._waiting[:count]
        self.first, self._next_waiting, self._seen_by_account = end, 0, end
        self._moves, self._waiting_of = {}, {}


def _proof(fields: list[Any]) -> Evidence:
    effects = tuple((effect.kind, effect.subject) for effect in fields[_EFFECTS])
    return Evidence(LedgerEntry(*fields[:_EFFECTS]), effects, fields[_EFFECTS + 1])


def _transition(entry: LedgerEntry) -> Transition:
    return Transition(entry.sequence, entry.received_at, entry.announced, entry.before.status, entry.after.status)
