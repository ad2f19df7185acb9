"""Boxes and curves in a plane whose y axis points up, in points.

Pure arithmetic (the four operations and square roots, so that every machine gets the same digits); it
must never know what a box or a curve stands for.
"""

from itertools import pairwise
from math import sqrt
from typing import NamedTuple

Point = tuple[float, float]

SAMPLES = 14
"""Pieces into which a curve is cut to see what it meets."""


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
        """The same box with a margin around it."""
        return Box(self.x, self.y, self.width + 2 * margin, self.height + 2 * margin)

    def contains(self, point: Point) -> bool:
        """Whether the point lies strictly inside."""
        return abs(point[0] - self.x) * 2 < self.width and abs(point[1] - self.y) * 2 < self.height

    def overlaps(self, other: "Box") -> bool:
        """Whether the two share an area."""
        return (
            abs(self.x - other.x) * 2 < self.width + other.width
            and abs(self.y - other.y) * 2 < self.height + other.height
        )

    def port(self, side: Point, offset: float) -> Point:
        """A point on the side that faces ``side``, ``offset`` (-0.5 to 0.5) away from its middle."""
        dx, dy = side
        return (
            self.x + self.width * (dx / 2 + abs(dy) * offset),
            self.y + self.height * (dy / 2 + abs(dx) * offset),
        )


def around(boxes: list[Box]) -> Box:
    """The smallest box that holds them all."""
    left, right = min(b.left for b in boxes), max(b.right for b in boxes)
    bottom, top = min(b.bottom for b in boxes), max(b.top for b in boxes)
    return Box((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


def around_points(points: tuple[Point, ...]) -> Box:
    """The smallest box that holds them all."""
    left, right = min(p[0] for p in points), max(p[0] for p in points)
    bottom, top = min(p[1] for p in points), max(p[1] for p in points)
    return Box((left + right) / 2, (bottom + top) / 2, right - left, top - bottom)


class Curve(NamedTuple):
    """A cubic Bézier curve."""

    start: Point
    pull: Point
    push: Point
    end: Point

    def at(self, t: float) -> Point:
        """The point at ``t`` (0 to 1)."""
        u = 1 - t
        a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
        return (
            a * self.start[0] + b * self.pull[0] + c * self.push[0] + d * self.end[0],
            a * self.start[1] + b * self.pull[1] + c * self.push[1] + d * self.end[1],
        )

    def samples(self) -> tuple[Point, ...]:
        """Points along the whole of it, both ends included."""
        return tuple(self.at(i / SAMPLES) for i in range(SAMPLES + 1))

    def split(self, t: float = 0.5) -> tuple["Curve", "Curve"]:
        """The same curve as two."""
        a, b, c = (
            _between(self.start, self.pull, t),
            _between(self.pull, self.push, t),
            _between(self.push, self.end, t),
        )
        d, e = _between(a, b, t), _between(b, c, t)
        middle = _between(d, e, t)
        return Curve(self.start, a, d, middle), Curve(middle, e, c, self.end)


def distance(a: Point, b: Point) -> float:
    """How far apart two points are."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    return sqrt(dx * dx + dy * dy)


def along(point: Point, direction: Point, length: float) -> Point:
    """The point reached by going ``length`` from ``point``."""
    return (point[0] + direction[0] * length, point[1] + direction[1] * length)


class Piece(NamedTuple):
    """A straight piece of a polyline, and how far it reaches."""

    a: Point
    b: Point
    left: float
    right: float
    bottom: float
    top: float

    @property
    def length(self) -> float:
        """How long it is."""
        return distance(self.a, self.b)

    def is_within(self, reach: float, point: Point) -> bool:
        """Whether the point is nearer than ``reach``."""
        x, y = point
        if not (self.left - reach < x < self.right + reach and self.bottom - reach < y < self.top + reach):
            return False
        dx, dy = self.b[0] - self.a[0], self.b[1] - self.a[1]
        squared = dx * dx + dy * dy
        t = ((x - self.a[0]) * dx + (y - self.a[1]) * dy) / squared if squared else 0.0
        t = max(0.0, min(1.0, t))
        return distance((self.a[0] + t * dx, self.a[1] + t * dy), point) < reach

    def meets(self, box: Box) -> bool:
        """Whether any of it lies in the box."""
        if self.right <= box.left or self.left >= box.right or self.top <= box.bottom or self.bottom >= box.top:
            return False
        corners = ((x, y) for x in (box.left, box.right) for y in (box.bottom, box.top))
        return len({_turn(self.a, self.b, corner) for corner in corners}) == 2


def pieces(points: tuple[Point, ...]) -> tuple[Piece, ...]:
    """The polyline through these points."""
    return tuple(_piece(a, b) for a, b in pairwise(points))


def crossings(one: tuple[Piece, ...], other: tuple[Piece, ...]) -> int:
    """How often two polylines cross."""
    count = 0
    for p in one:
        for q in other:
            if p.left <= q.right and q.left <= p.right and p.bottom <= q.top and q.bottom <= p.top:
                count += _turn(p.a, p.b, q.a) != _turn(p.a, p.b, q.b) and _turn(q.a, q.b, p.a) != _turn(q.a, q.b, p.b)
    return count


def _piece(a: Point, b: Point) -> Piece:
    (ax, ay), (bx, by) = a, b
    left, right = (ax, bx) if ax < bx else (bx, ax)
    bottom, top = (ay, by) if ay < by else (by, ay)
    return Piece(a, b, left, right, bottom, top)


def _turn(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, t: float) -> Point:
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t)
