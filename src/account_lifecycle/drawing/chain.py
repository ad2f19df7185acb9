"""What every picture shares: the states in their colours, and the main chain that is seen at a glance.

Knows the parts and the table; every arrow is read from the table, and it must never add one.
"""

from collections.abc import Iterable
from itertools import pairwise

from ..lifecycle.definition import PROVES_LIFE, TERMINAL
from ..lifecycle.status import Health, Status
from .folds import Bundle, Unit
from .legend import spoken
from .lettering import balance
from .moves import Move, lawful_moves
from .places import LABEL_SIZE
from .roles import Roles, healths_of
from .sketch import GROUP, Arrow, Look, State

_LABEL_WIDTH = 60.0


def states_of(roles: Roles) -> tuple[State, ...]:
    """Every status that plays a part, as a box in the colour of its first meaning."""
    return tuple(_state(status) for status in roles.statuses)


def healths_met(roles: Roles) -> tuple[Health, ...]:
    """Everything that one of these states can mean."""
    met = {health for status in roles.statuses for health in healths_of(status)}
    return tuple(health for health in Health if health in met)


def main_arrows(moves: Iterable[Move], roles: Roles) -> tuple[Arrow, ...]:
    """The main chain, as far as these moves allow it."""
    guards = {(move.before, move.after): move.guard for move in moves}
    arrows = []
    for tails, heads in _links(roles):
        bundle = Bundle(tails, heads)
        labels = {guards.get(pair) for pair in bundle.covers}
        if len(labels) == 1 and None not in labels:
            arrows.append(arrow_of(bundle._replace(guard=labels.pop() or ""), Look.MAIN))
    return tuple(_two_ways(arrows))


def skeleton(roles: Roles, announces_sync: bool = True) -> tuple[Arrow, ...]:
    """The main chain without a word, for orientation."""
    arrows = main_arrows(lawful_moves(announces_sync), roles)
    return tuple(arrow._replace(look=Look.FAINT, label="") for arrow in arrows)


def arrow_of(bundle: Bundle, look: Look) -> Arrow:
    """A bundle as one arrow, its guard as the label."""
    label = balance(bundle.guard, LABEL_SIZE, least=_LABEL_WIDTH)
    return Arrow(key_of(bundle.tails), key_of(bundle.heads), look, label, covers=bundle.covers)


def key_of(unit: Unit) -> str:
    """Where an arrow to or from this status, or the whole group, ends or begins."""
    return GROUP if len(unit) > 1 else unit[0]


def _state(status: Status) -> State:
    health = healths_of(status)[0]
    return State(status, health, spoken(health), central=status is PROVES_LIFE, final=status is TERMINAL)


def _links(roles: Roles) -> list[tuple[Unit, Unit]]:
    """From where to where the main chain goes: birth, life, loss and the way back."""
    along = [(status,) for status in (*roles.birth, roles.life)]
    life = (roles.life,)
    lost = [(roles.lost, (status,)) for status in roles.back]
    back = [((status,), life) for status in roles.back]
    return [*pairwise(along), (life, roles.lost), (roles.lost, life), *lost, *back]


def _two_ways(arrows: list[Arrow]) -> Iterable[Arrow]:
    """Two arrows between the same two become one with two heads."""
    ends = {(arrow.tail, arrow.head): i for i, arrow in enumerate(arrows)}
    for i, arrow in enumerate(arrows):
        j = ends.get((arrow.head, arrow.tail))
        if j is None or arrows[j].label != arrow.label:
            yield arrow
        elif i < j:
            yield arrow._replace(two_way=True, covers=(*arrow.covers, *arrows[j].covers))
