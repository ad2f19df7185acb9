"""Boxes, curves and the room that a text takes, in points, in a plane whose y axis points up.

Only the four operations and square roots are used, so that every machine gets the same digits.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

Point = tuple[float, float]

FONT, BOLD_FONT = "Helvetica", "Helvetica-Bold"
TITLE_SIZE, SUBTITLE_SIZE, TEXT_SIZE = 22.0, 13.0, 11.0
NAME_SIZE, CENTRAL_SIZE, CAPTION_SIZE, LABEL_SIZE = 14.0, 24.0, 11.0, 12.0
LINE_HEIGHT = 1.2
"""Of a line of text, in font sizes."""

_SAMPLES = 14
"""Pieces into which a curve is cut to see what it meets."""
# The widths of the printable ASCII characters, in thousandths of the font size, regular and bold.
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD_WIDTHS = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278,
    556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584,
    556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556,
    333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
_SYMBOLS = {"·": 333, "×": 584, "…": 1000, "→": 1000, "≤": 549}
"""The same of those beyond ASCII that our own words use, in the font that the package ships."""
_WIDE, _OTHER = 1000, 667


class Box(NamedTuple):
    """A rectangle around its centre."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """Its smallest x."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its largest x."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """Its smallest y."""
        return self.y - self.height / 2

    @property
    def top(self) -> float:
        """Its largest y."""
        return self.y + self.height / 2

    def grown(self, margin: float) -> "Box":
        """Return the same box with a margin around it."""
        return Box(self.x, self.y, self.width + 2 * margin, self.height + 2 * margin)

    def overlaps(self, other: "Box") -> bool:
        """Return whether the two share an area."""
        near = abs(self.x - other.x) * 2 < self.width + other.width
        return near and abs(self.y - other.y) * 2 < self.height + other.height

    def port(self, side: Point, offset: float) -> Point:
        """Return a point on the side that faces ``side``, ``offset`` (-0.5 to 0.5) away from its middle."""
        (dx, dy), (width, height) = side, self[2:]
        return self.x + width * (dx / 2 + abs(dy) * offset), self.y + height * (dy / 2 + abs(dx) * offset)


def around(things: Iterable["Box | Piece"]) -> Box:
    """Return the smallest box that holds them all."""
    every = tuple(things)
    left, right = min(thing.left for thing in every), max(thing.right for thing in every)
    bottom, top = min(thing.bottom for thing in every), max(thing.top for thing in every)
    return Box((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


def distance(a: Point, b: Point) -> float:
    """Return how far apart two points are."""
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]))


def along(point: Point, direction: Point, length: float) -> Point:
    """Return the point reached by going ``length`` from ``point``."""
    return (point[0] + direction[0] * length, point[1] + direction[1] * length)


class Piece:
    """A straight piece of a curve, with its bounds."""

    __slots__ = ("a", "b", "bottom", "left", "length", "right", "top")

    def __init__(self, a: Point, b: Point) -> None:
        self.a, self.b, self.length = a, b, distance(a, b)
        self.left, self.right = (a[0], b[0]) if a[0] < b[0] else (b[0], a[0])
        self.bottom, self.top = (a[1], b[1]) if a[1] < b[1] else (b[1], a[1])

    def is_within(self, reach: float, point: Point) -> bool:
        """Return whether the point is nearer than ``reach``."""
        x, y = point
        if not (self.left - reach < x < self.right + reach and self.bottom - reach < y < self.top + reach):
            return False
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        share = ((x - self.a[0]) * dx + (y - self.a[1]) * dy) / (dx * dx + dy * dy or 1.0)
        return distance(along(self.a, (dx, dy), max(0.0, min(1.0, share))), point) < reach

    def meets(self, box: Box) -> bool:
        """Return whether any of it lies in the box."""
        left, right, bottom, top = box.left, box.right, box.bottom, box.top
        if self.right <= left or self.left >= right or self.top <= bottom or self.bottom >= top:
            return False
        return len({_turns_left(self.a, self.b, (x, y)) for x in (left, right) for y in (bottom, top)}) == 2

    def crosses(self, other: "Piece") -> bool:
        """Return whether the two cross."""
        if self.left > other.right or other.left > self.right or self.bottom > other.top or other.bottom > self.top:
            return False
        (a, b), (c, d) = (self.a, self.b), (other.a, other.b)
        return _turns_left(a, b, c) != _turns_left(a, b, d) and _turns_left(c, d, a) != _turns_left(c, d, b)


def _turns_left(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


class Curve(NamedTuple):
    """A cubic Bézier curve."""

    start: Point
    pull: Point
    push: Point
    end: Point

    def at(self, t: float) -> Point:
        """Return the point at ``t`` (0 to 1)."""
        u = 1 - t
        a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
        return (
            a * self.start[0] + b * self.pull[0] + c * self.push[0] + d * self.end[0],
            a * self.start[1] + b * self.pull[1] + c * self.push[1] + d * self.end[1],
        )

    def pieces(self) -> tuple[Piece, ...]:
        """Return straight pieces along the whole of it."""
        return tuple(Piece(a, b) for a, b in pairwise([self.at(i / _SAMPLES) for i in range(_SAMPLES + 1)]))

    def halves(self) -> tuple["Curve", "Curve"]:
        """Return the same curve as two."""
        a, b, c = (_middle(one, other) for one, other in pairwise(self))
        d, e = _middle(a, b), _middle(b, c)
        return Curve(self.start, a, d, _middle(d, e)), Curve(_middle(d, e), e, c, self.end)


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


# ---- Lettering ------------------------------------------------------------------------------------


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of the longest line; a close upper bound beyond ASCII."""
    widths = _BOLD_WIDTHS if bold else _WIDTHS
    return max(sum(_width(char, widths) for char in line) for line in text.split("\n")) * size / 1000


def text_height(text: str, size: float) -> float:
    """Return the height of all lines."""
    return (text.count("\n") + 1) * size * LINE_HEIGHT


def wrap(text: str, width: float, size: float) -> str:
    """Return the text with line breaks between words, so that no line is wider than ``width`` unless a word is."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        first, *words = paragraph.split(" ")
        lines.append(first)
        for word in words:
            longer = f"{lines[-1]} {word}"
            if lines[-1] and text_width(longer, size) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def balance(text: str, size: float, lines: int = 2, least: float = 0.0) -> str:
    """Return the text on about that many lines of like width, unless it is narrower than ``least`` anyway."""
    return wrap(text, max(least, text_width(text, size) / lines * 1.08), size)


def _width(char: str, widths: Sequence[int]) -> int:
    if " " <= char <= "~":
        return widths[ord(char) - 32]
    return _SYMBOLS.get(char) or (_WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER)
