"""A sketch: what a picture shows, before anybody says where.

Knows states, arrows and words; it must never know a coordinate (``layout``) nor a file format (``dot``,
``mermaid``), nor where what it shows comes from.
"""

from enum import StrEnum
from typing import NamedTuple

from ..lifecycle.status import Health, Status
from .moves import Pair
from .roles import Roles

GROUP = "LOST_GROUP"
"""The key of the group of lost states, where an arrow begins or ends at all of them."""

GROUP_NAME = "connection lost"


class Look(StrEnum):
    """What an arrow stands for, and so how it is drawn."""

    MAIN = "main"
    """The chain that is to be seen at a glance."""
    LAWFUL = "lawful"
    """Any other lawful move."""
    SHARED = "shared"
    """Many lawful moves to one place, folded into one arrow."""
    ILLEGAL = "illegal"
    """A move or a hold that the life cycle does not allow."""
    FAINT = "faint"
    """There for orientation only."""


class State(NamedTuple):
    """One status as a box."""

    status: Status
    health: Health
    """Gives the colour."""
    caption: str = ""
    """A small second line."""
    central: bool = False
    """Drawn larger: the one that every account should be in."""
    final: bool = False
    """Drawn with a double border: nothing leaves it."""
    faint: bool = False
    """Drawn pale: not a part of this story."""
    tag: str = ""
    """A flag on the box, such as "now"; blank for none."""


class Hub(NamedTuple):
    """A small box at which arrows are folded: it stands for many states, or for what many moves share."""

    key: str
    text: str
    beside: str
    """The key of the state or group that it stands next to."""
    look: Look = Look.SHARED
    after: bool = False
    """Whether the arrow goes from that state to the hub, rather than from the hub to it."""


class Arrow(NamedTuple):
    """From ``tail`` to ``head``: keys of states, hubs or the group; a loop where both are the same."""

    tail: str
    head: str
    look: Look = Look.LAWFUL
    label: str = ""
    two_way: bool = False
    width: float | None = None
    """In points; None for what the look asks for."""
    covers: tuple[Pair, ...] = ()
    """Every single move that it stands for."""


class Sketch(NamedTuple):
    """Everything that one picture shows."""

    title: str
    subtitle: str
    roles: Roles
    """The part that each state plays, and so where it stands."""
    states: tuple[State, ...]
    arrows: tuple[Arrow, ...]
    hubs: tuple[Hub, ...] = ()
    key: tuple[tuple[Look, str], ...] = ()
    """What the looks mean in this picture."""
    healths: tuple[Health, ...] = ()
    """The colours to explain."""
    notes: tuple[str, ...] = ()
    """Sentences below the picture."""
    log: tuple[tuple[Look, str], ...] = ()
    """Short lines below the picture, one for each event that is told."""

    @property
    def group(self) -> tuple[Status, ...]:
        """The states that stand in a frame of their own."""
        return self.roles.lost
