"""Colours: one for each health, one way to draw for each look of an arrow.

Knows colours only; every text on its ground keeps a contrast of at least 4.5 to 1 unless it is meant to
be faint, and no meaning rests on a colour alone.
"""

from typing import NamedTuple

from ..lifecycle.status import Health
from .sketch import Look

INK = "#111827"
SOFT_INK = "#4b5563"
FRAME = "#9ca3af"
FRAME_FILL = "#f9fafb"
WHITE = "#ffffff"
ALARM = "#c81e1e"


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


class Pen(NamedTuple):
    """How an arrow is drawn."""

    colour: str
    width: float
    """In points."""
    style: str = "solid"


PENS: dict[Look, Pen] = {
    Look.MAIN: Pen(INK, 3.2),
    Look.LAWFUL: Pen(SOFT_INK, 1.2),
    Look.SHARED: Pen(SOFT_INK, 1.2, "dashed"),
    Look.ILLEGAL: Pen(ALARM, 1.6, "dashed"),
    Look.FAINT: Pen("#d1d5db", 1.2),
}
