"""The part that each status plays in the story, worked out from the table: birth, life, loss, return, end.

Knows how to tell the parts; it must never name a status, nor know where a part is drawn (``layout``).
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

from ..lifecycle.compiled import compiled, health_of
from ..lifecycle.definition import INITIAL, LOSSES, PROVES_LIFE, TERMINAL
from ..lifecycle.machine import INITIAL as BEGINNING
from ..lifecycle.machine import Situation
from ..lifecycle.status import Health, Status
from .moves import Pair, lawful_moves, reachable


class Roles(NamedTuple):
    """Which status plays which part; every status plays one."""

    birth: tuple[Status, ...]
    """The longest lawful way to the first life, without its end."""
    life: Status
    lost: tuple[Status, ...]
    back: tuple[Status, ...]
    """On the way from a loss back to life."""
    aside: tuple[Status, ...]
    """Neither on the way to life nor back to it."""
    end: Status

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Everybody, in order of appearance."""
        return (*self.birth, *self.aside, self.life, *self.lost, *self.back, self.end)

    @property
    def chain(self) -> tuple[Pair, ...]:
        """The moves of the main chain that are lawful: birth, life, loss and the way back."""
        along = (*self.birth, self.life)
        chain = [
            *pairwise(along),
            *((self.life, loss) for loss in self.lost),
            *((loss, self.life) for loss in self.lost),
            *((loss, back) for loss in self.lost for back in self.back),
            *((back, self.life) for back in self.back),
        ]
        lawful = {(move.before, move.after) for move in lawful_moves()}
        return tuple(pair for pair in chain if pair in lawful)


@cache
def roles_of(announces_sync: bool = True) -> Roles:
    """The parts, for one kind of provider; a status that it cannot reach plays none."""
    birth = _longest_birth(BEGINNING, (INITIAL,), announces_sync)
    taken = {*birth, PROVES_LIFE, *LOSSES, TERMINAL}
    rest = tuple(status for status in reachable(announces_sync) if status not in taken)
    back = tuple(status for status in rest if healths_of(status)[0] is Health.RECOVERING)
    aside = tuple(status for status in rest if status not in back)
    return Roles(birth, PROVES_LIFE, LOSSES, back, aside, TERMINAL)


def healths_of(status: Status) -> tuple[Health, ...]:
    """Everything that a status can mean to a caller; first what it means when it is first met."""
    situations = [s for s in compiled().situations if s.status is status]
    return tuple(dict.fromkeys(health_of(s, ok_heard=heard) for heard in (False, True) for s in situations))


def _longest_birth(situation: Situation, trail: tuple[Status, ...], announces_sync: bool) -> tuple[Status, ...]:
    """The longest lawful trail to the first life, and the earliest in the definition's order; without its end."""
    best: tuple[Status, ...] = ()
    for step in compiled().steps[announces_sync][False][situation].values():
        after = step.after.status
        if not (step.expected and step.moved) or after in trail:
            continue
        if after is PROVES_LIFE:
            found = trail
        elif health_of(step.after, ok_heard=False) is Health.STARTING:
            found = _longest_birth(step.after, (*trail, after), announces_sync)
        else:
            continue
        best = max(best, found, key=len)
    return best
