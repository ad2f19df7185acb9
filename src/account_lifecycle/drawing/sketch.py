"""A sketch: what a picture shows, before it is laid out, and the colours and lines in which that is drawn.

Every text keeps a contrast of at least 4.5 to 1 to its ground unless it is meant to be faint, and no meaning rests on
a colour alone.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.status import Health, Status
from .table import Pair, Roles

GROUP = "LOST_GROUP"
"""The key of the group of lost states, where an arrow begins or ends at all of them."""
GROUP_NAME = "connection lost"


class Look(StrEnum):
    """What an arrow stands for, and so how it is drawn."""

    MAIN = "main"
    """The chain that is to be seen at a glance."""
    EXPECTED = "expected"
    """Any other expected move."""
    SHARED = "shared"
    """Many expected moves to one place, folded into one arrow."""
    UNHEARD = "unheard"
    """Expected only where the words that would say more are not subscribed."""
    INFO = "info"
    """A move or a hold that the life cycle does not expect, with an anomaly to know of ..."""
    WARNING = "warning"
    """... one that warns ..."""
    ERROR = "error"
    """... and one that must not be."""
    FAINT = "faint"
    """There for orientation only."""


INK, SOFT_INK, WHITE = "#111827", "#4b5563", "#ffffff"


class Paint(NamedTuple):
    """How a box is coloured."""

    fill: str
    line: str
    text: str = INK


HEALTH_PAINT: dict[Health, Paint] = {
    Health.UNKNOWN: Paint("#f3f4f6", "#6b7280"),
    Health.STARTING: Paint("#dbeafe", "#1d4ed8"),
    Health.LIVE: Paint("#166534", "#14532d", WHITE),
    Health.INTERRUPTED: Paint("#fef3c7", "#b45309"),
    Health.ACTION_REQUIRED: Paint("#f5d0fe", "#86198f"),
    Health.RECOVERING: Paint("#ccfbf1", "#0f766e"),
    Health.FAILED: Paint("#e7e5e4", "#57534e"),
    Health.GONE: Paint("#1f2937", "#111827", WHITE),
}
FAINT_PAINT = Paint(WHITE, "#d1d5db", "#9ca3af")
FRAME_PAINT = Paint("#f9fafb", "#9ca3af", SOFT_INK)
TAG_PAINT = Paint(INK, WHITE, WHITE)


class Pen(NamedTuple):
    """How an arrow is drawn."""

    colour: str
    width: float
    """In points."""
    style: str = "solid"


PENS: dict[Look, Pen] = {
    Look.MAIN: Pen(INK, 3.2),
    Look.EXPECTED: Pen(SOFT_INK, 1.2),
    Look.SHARED: Pen(SOFT_INK, 1.2, "dashed"),
    Look.UNHEARD: Pen(SOFT_INK, 1.9, "dotted"),
    Look.INFO: Pen("#1d4ed8", 1.3, "dashed"),
    Look.WARNING: Pen("#b45309", 1.7, "dashed"),
    Look.ERROR: Pen("#c81e1e", 2.1, "dashed"),
    Look.FAINT: Pen("#d1d5db", 1.2),
}

DARK_GROUNDS = {
    "white": "#16191d",
    WHITE: "#16191d",
    FRAME_PAINT.fill: "#1f242b",
    HEALTH_PAINT[Health.UNKNOWN].fill: "#2a3038",
    HEALTH_PAINT[Health.STARTING].fill: "#1b2f52",
    HEALTH_PAINT[Health.INTERRUPTED].fill: "#42310b",
    HEALTH_PAINT[Health.ACTION_REQUIRED].fill: "#47194f",
    HEALTH_PAINT[Health.RECOVERING].fill: "#0f3d39",
    HEALTH_PAINT[Health.FAILED].fill: "#34302d",
}
"""What boxes are filled with where the reader prefers a dark scheme. Those that are dark already stay as they are."""
DARK_INKS = {
    INK: "#f3f4f6",
    SOFT_INK: "#b6bec9",
    FAINT_PAINT.line: "#3f4752",
    FAINT_PAINT.text: "#7b8594",
    **{PENS[look].colour: ink for look, ink in (
        (Look.INFO, "#8ab4ff"), (Look.WARNING, "#f0b35a"), (Look.ERROR, "#ff8a80"),
    )},
    HEALTH_PAINT[Health.UNKNOWN].line: "#9aa4b2",
    HEALTH_PAINT[Health.LIVE].line: "#4ade80",
    HEALTH_PAINT[Health.ACTION_REQUIRED].line: "#e08cf0",
    HEALTH_PAINT[Health.RECOVERING].line: "#5fd3c4",
    HEALTH_PAINT[Health.FAILED].line: "#a8a29e",
}  # fmt: skip
"""The same of text, lines and arrowheads; white text stays white."""


ANOMALOUS = (Look.INFO, Look.WARNING, Look.ERROR)
"""The looks of anomalies, the mildest first."""
SEVERITIES = (
    (Look.INFO, "an anomaly to know of (info)"),
    (Look.WARNING, "a warning"),
    (Look.ERROR, "an error"),
)
"""What these looks mean."""
_BY_SEVERITY = {Severity.INFO: Look.INFO, Severity.WARNING: Look.WARNING, Severity.ERROR: Look.ERROR}
_KINDS = frozenset(AnomalyKind)


def look_of(kinds: Iterable[str]) -> Look:
    """Return the look of the most severe of these kinds; one that is not known warns, and none is only to know of."""
    looks = [_BY_SEVERITY[AnomalyKind(kind).severity] if kind in _KINDS else Look.WARNING for kind in kinds]
    return max(looks, key=ANOMALOUS.index, default=Look.INFO)


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

    @property
    def paint(self) -> Paint:
        """Its colours."""
        return FAINT_PAINT if self.faint else HEALTH_PAINT[self.health]


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
    look: Look = Look.EXPECTED
    label: str = ""
    two_way: bool = False
    width: float | None = None
    """In points; None for what the look asks for."""
    covers: tuple[Pair, ...] = ()
    """Every single move that it stands for."""

    @property
    def pen(self) -> Pen:
        """Its line."""
        pen = PENS[self.look]
        return pen if self.width is None else pen._replace(width=self.width)


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
    """Short lines below the picture, in columns: one for each event, or kind of anomaly."""

    @property
    def group(self) -> tuple[Status, ...]:
        """The states that stand in a frame of their own."""
        return self.roles.lost


def health_name(health: Health) -> str:
    """Return a health's name for people."""
    return health.value.replace("_", " ").lower()
