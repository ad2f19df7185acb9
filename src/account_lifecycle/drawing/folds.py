"""Folding: many moves that say the same become one arrow, so that the picture is no hairball.

Knows sets of moves only. Whatever is folded names every move that it stands for, and nothing is folded
unless every one of them is there; it must never fold by name.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Status
from .moves import Move, Pair

Unit = tuple[Status, ...]
"""One status, or the whole group."""


class Bundle(NamedTuple):
    """Moves from every tail to every head, except from a status to itself."""

    tails: Unit
    heads: Unit
    guard: str = ""
    kind: AnomalyKind | None = None
    shared: bool = False
    """Whether the tails are most of the states there are, rather than one status or the group."""

    @property
    def covers(self) -> tuple[Pair, ...]:
        """Every single move that it stands for."""
        return tuple((t, h) for t in self.tails for h in self.heads if t is not h)


def fold(moves: Iterable[Move], statuses: tuple[Status, ...], group: Unit, *, share: bool = True) -> tuple[Bundle, ...]:
    """The moves as few bundles: what most states share, then to and from the group, then one by one."""
    alike: dict[tuple[str, AnomalyKind | None], set[Pair]] = {}
    for move in moves:
        alike.setdefault((move.guard, move.kind), set()).add((move.before, move.after))
    units = (*((status,) for status in statuses if status not in group), group)
    bundles: list[Bundle] = []
    for (guard, kind), pairs in alike.items():
        found = [*(_take_shared(pairs, units) if share else ()), *_take_units(pairs, units), *_take_single(pairs)]
        bundles += [bundle._replace(guard=guard, kind=kind) for bundle in found]
    return tuple(bundles)


def _take_shared(pairs: set[Pair], units: tuple[Unit, ...]) -> list[Bundle]:
    """What more than half of all other units lead to."""
    found = []
    for heads in units:
        tails = [unit for unit in units if unit is not heads and pairs.issuperset(Bundle(unit, heads).covers)]
        if len(tails) * 2 <= len(units) - 1:
            continue
        if pairs.issuperset(Bundle(heads, heads).covers):
            tails.append(heads)
        found.append(Bundle(_in_order(s for unit in tails for s in unit), heads, shared=True))
    return _taken(found, pairs)


def _take_units(pairs: set[Pair], units: tuple[Unit, ...]) -> list[Bundle]:
    every = (Bundle(tails, heads) for tails in units for heads in units if tails is not heads)
    return _taken([bundle for bundle in every if pairs.issuperset(bundle.covers)], pairs)


def _take_single(pairs: set[Pair]) -> list[Bundle]:
    return [Bundle((before,), (after,)) for before, after in sorted(pairs, key=_place)]


def _taken(bundles: list[Bundle], pairs: set[Pair]) -> list[Bundle]:
    for bundle in bundles:
        pairs.difference_update(bundle.covers)
    return bundles


def _in_order(statuses: Iterable[Status]) -> Unit:
    return tuple(sorted(statuses, key=_ORDER.__getitem__))


def _place(pair: Pair) -> tuple[int, int]:
    return _ORDER[pair[0]], _ORDER[pair[1]]


_ORDER = {status: place for place, status in enumerate(Status)}
