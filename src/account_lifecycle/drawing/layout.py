"""Layout: a sketch becomes boxes, curves and lines of text with coordinates.

Knows where everything goes; it must never know a file format, nor what the life cycle allows.
"""

from typing import NamedTuple

from .fitting import fit
from .geometry import Box, around
from .legend import Legend, Text, legend_of, title_of
from .places import place
from .routes import Route
from .sketch import Sketch

_MARGIN = 26.0
_LEGEND_SHARE = 0.72
"""How much of the picture's width the words below it may take."""


class Layout(NamedTuple):
    """A sketch with a place for everything."""

    sketch: Sketch
    boxes: dict[str, Box]
    routes: tuple[Route, ...]
    """One for each arrow."""
    labels: tuple[Box | None, ...]
    """One for each arrow; None where it has no label."""
    title: tuple[Text, ...]
    legend: Legend


def lay_out(sketch: Sketch) -> Layout:
    """A place for every box, then a way for every arrow and a spot for its label, then the words around."""
    boxes = place(sketch)
    routes, labels = fit(sketch.arrows, tuple(boxes.items()), sketch.group)
    drawn = [*boxes.values(), *(route.extent for route in routes), *filter(None, labels)]
    return Layout(sketch, boxes, routes, labels, _title(sketch, drawn), _legend(sketch, drawn))


def _title(sketch: Sketch, drawn: list[Box]) -> tuple[Text, ...]:
    """At the upper left, as low as what stands below it allows."""
    left = around(drawn).left
    extent = around([text.box for text in title_of(sketch, left, 0.0)])
    ceiling = max(box.top for box in drawn if box.left < extent.right + _MARGIN)
    return title_of(sketch, left, ceiling + _MARGIN + extent.height)


def _legend(sketch: Sketch, drawn: list[Box]) -> Legend:
    """At the lower left, as high as what stands above it allows."""
    extent = around(drawn)
    width = extent.width * _LEGEND_SHARE
    right = legend_of(sketch, extent.left, 0.0, width).extent.right
    floor = min(box.bottom for box in drawn if box.left < right + _MARGIN)
    return legend_of(sketch, extent.left, floor - _MARGIN, width)
