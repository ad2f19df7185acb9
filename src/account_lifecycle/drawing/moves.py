"""What the compiled table allows, seen from afar: moves between statuses and the guards on them.

Knows how to read the table; it must never hold a rule, and names no status.
"""

from collections.abc import Iterable
from functools import cache
from itertools import combinations
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import Step, compiled
from ..lifecycle.definition import ANNOUNCEMENTS, Guard
from ..lifecycle.machine import Situation
from ..lifecycle.status import Status

Pair = tuple[Status, Status]
"""A move: the status before and the status after."""


class Move(NamedTuple):
    """A status that another may follow, lawfully or with an anomaly of ``kind``."""

    before: Status
    after: Status
    guard: str = ""
    """On what it depends, in words; blank for nothing."""
    kind: AnomalyKind | None = None


class Hold(NamedTuple):
    """An announcement that is put on record in some states, and moves nothing."""

    kind: AnomalyKind
    announced: tuple[Status, ...]
    states: tuple[Status, ...]
    guard: str = ""


class Stay(NamedTuple):
    """An announcement that is lawful in another state and leaves it as it is."""

    status: Status
    announced: Status


def lawful_moves(announces_sync: bool | None = None) -> tuple[Move, ...]:
    """Every lawful move; None for both kinds of provider, the guard telling them apart."""
    if announces_sync is not None:
        met = reachable(announces_sync)
        return tuple(move for move in _moves(announces_sync, lawful=True) if move.before in met)
    everywhere = {(m.before, m.after) for m in _moves(False, lawful=True)}
    return tuple(
        m if (m.before, m.after) in everywhere else m._replace(guard=_both(words(Guard.ANNOUNCES_SYNC), m.guard))
        for m in _moves(True, lawful=True)
    )


def deviant_moves(announces_sync: bool = True) -> tuple[Move, ...]:
    """Every move that the engine follows although the life cycle does not allow it."""
    return _moves(announces_sync, lawful=False)


def holds() -> tuple[Hold, ...]:
    """Every hold: first those of the providers that announce everything, then what the others add."""
    found = _holds(_rows(True), "")
    known = {h.kind for h in found}
    others = _holds(_rows(False), "from a provider that never announces it")
    return (*found, *(h for h in others if h.kind not in known))


def stays(announces_sync: bool = True) -> tuple[Stay, ...]:
    """The lawful announcements, other than a state's own, that leave it as it is."""
    found = (Stay(s.before.status, s.announced) for s in _rows(announces_sync) if s.expected and not s.moved)
    return tuple(dict.fromkeys(stay for stay in found if stay.status is not stay.announced))


def reachable(announces_sync: bool = True) -> tuple[Status, ...]:
    """The statuses that an account can be in, if everything is lawful."""
    afters = {s.after.status for s in _rows(announces_sync) if s.expected}
    return tuple(status for status in Status if status in afters or status not in ANNOUNCEMENTS)


@cache
def illegal_kinds() -> frozenset[AnomalyKind]:
    """The kinds that make a move or a hold illegal; all others only ride along."""
    return frozenset(s.deviation for sync in (False, True) for s in _rows(sync) if s.deviation)


def words(guard: Guard) -> str:
    """A guard's name for people."""
    return guard.value.replace("_", " ")


def _rows(announces_sync: bool) -> tuple[Step, ...]:
    return tuple(compiled().rows(announces_sync=announces_sync))


def _moves(announces_sync: bool, *, lawful: bool) -> tuple[Move, ...]:
    found: dict[Move, list[Situation]] = {}
    for step in _rows(announces_sync):
        if step.moved and step.expected is lawful:
            move = Move(step.before.status, step.after.status, kind=step.deviation)
            found.setdefault(move, []).append(step.before)
    return tuple(move._replace(guard=_guard(situations)) for move, situations in found.items())


def _holds(rows: tuple[Step, ...], fixed: str) -> tuple[Hold, ...]:
    """One row for each kind and, unless it is any, each announcement; the guards of all its states."""
    kinds: dict[AnomalyKind, dict[Status, list[Situation]]] = {}
    for step in rows:
        if step.deviation and not step.accepted:
            kinds.setdefault(step.deviation, {}).setdefault(step.announced, []).append(step.before)
    found: dict[Hold, list[Status]] = {}
    for kind, by_announced in kinds.items():
        for announced, situations in by_announced.items():
            states = tuple(dict.fromkeys(s.status for s in situations))
            hold = Hold(kind, (), states, _both(fixed, _exceptions(states, situations)))
            found.setdefault(hold, []).append(announced)
    return tuple(hold._replace(announced=tuple(announced)) for hold, announced in found.items())


def _exceptions(states: tuple[Status, ...], situations: list[Situation]) -> str:
    """Where a state is meant only under a guard: "CONNECTING if exists"."""
    guards = ((state, _guard([s for s in situations if s.status is state])) for state in states)
    return ", ".join(f"{state} if {guard}" for state, guard in guards if guard)


def _guard(situations: list[Situation]) -> str:
    """The fewest facts that tell these situations from all others of the same status."""
    status = situations[0].status
    others = [s for s in compiled().situations if s.status is status and s not in situations]
    for size in range(3):
        for facts in combinations(_FACTS, size):
            if all(_hold(facts, s) for s in situations) and not any(_hold(facts, s) for s in others):
                return ", ".join(words(guard) if value else f"not {words(guard)}" for guard, value in facts)
    raise AssertionError(f"no guard tells {situations} from {others}")


_Fact = tuple[Guard, bool]
_FACTS: tuple[_Fact, ...] = (
    (Guard.EXISTS, True),
    (Guard.LOST, True),
    (Guard.EXISTS, False),
    (Guard.LOST, False),
)


def _hold(facts: Iterable[_Fact], situation: Situation) -> bool:
    return all(getattr(situation, guard) is value for guard, value in facts)


def _both(first: str, second: str) -> str:
    return ", ".join(part for part in (first, second) if part)
