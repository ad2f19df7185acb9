"""The way of every arrow and the spot of every label.

Graphviz can keep boxes where they are pinned, but then draws the arrows between them as it likes: several in one
stroke, labels across lines, loops over a neighbour. So the ways are found here, by trying many and taking
the cheapest; prices are in points of length that one would rather go.

A way is one cubic curve that leaves and meets a box at a right angle. Each arrow has several hundred: four
sides to leave, four to meet, a few ports on each side (the middle, off it, level with the other box), a few
strengths of pull. Alone, a way costs its length, and more for a turn, for a port off the middle, for leaving the
sheet, and very much for cutting through a box. Two ways cost each other for crossing, for running close together,
for passing near a tip, and most for sharing a port.

Each arrow in turn takes the way that is cheapest in view of all others; a second pass lets it change its mind,
and two that still disturb each other are taken up and laid again, the one or the other first. Who comes later
makes way, so several orders are tried and the cheapest whole is taken. Ways are looked at in the order of the least
that each can cost, and drawn only then, so that most never are. Nothing is random: the same sketch gives the same
picture on every machine.

Labels come last: each takes the cheapest spot beside its own arrow, off every box, label and line.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import combinations, product
from math import fsum  # exact, and so the same in every version of Python
from typing import NamedTuple

from .geometry import Box, Curve, Point, along, around, distance

_SIDES: tuple[Point, ...] = (1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (-1.0, 0.0)
_PORTS = (0.0, 0.29, -0.29)
"""Where an arrow may leave a side, in shares of its length away from the middle."""
_ARCS = (45.0, 80.0, 115.0, 150.0, 190.0, 235.0)
_PULLS = ((0.4, 0.4), (0.7, 0.7), (0.25, 0.9), (0.9, 0.25), (1.0, 1.0))
"""How far an arrow is pulled straight out of its boxes: in points where both sides look the same way, else in shares of
the distance."""
_HIT, _OFF_CENTRE, _TURN, _BEYOND = 2000.0, 5.0, 25.0, 1.5
_CROSSING, _ON_TIP, _SAME_PORT, _NEAR = 70.0, 60.0, 200.0, 0.4
_MARGIN, _CLOSE, _TIP_REACH, _PORT_APART = 7.0, 8.0, 18.0, 9.0
_LOOP_REACH, _LOOP_SPREAD = 34.0, 11.0
_SPOTS, _AWAY = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82), (3.0, 9.0, 16.0, 28.0)
_ON_BOX, _ON_LINE, _ASTRAY, _OFF_MIDDLE, _BELOW = 1000.0, 60.0, 2.0, 40.0, 0.5


class Trip(NamedTuple):
    """An arrow to be routed: where from, where to, and what is in the way."""

    tail: Box
    head: Box
    obstacles: tuple[Box, ...]
    sheet: Box
    """Where everything stands: a way should not lead far above or below it."""
    gap: float
    """Room that the arrow's head needs, in points ..."""
    tail_gap: float = 0.0
    """... and that of a head at its tail."""


class Route:
    """An arrow's way: the tips, and the curve between the heads. Two are the same only if they are one object."""

    __slots__ = ("curve", "end", "extent", "pieces", "start")

    def __init__(self, start: Point, end: Point, curve: Curve) -> None:
        self.start, self.end, self.curve, self.pieces = start, end, curve, curve.pieces()
        self.extent = around(self.pieces)


def route_all(trips: Sequence[Trip], settled: Sequence[Route]) -> tuple[Route, ...]:
    """Return a way for every trip, the whole as good as can be found; the ``settled`` ones stay as they are."""
    disturbance = cache(_disturbance)
    offers = [_Offers(trip, disturbance) for trip in trips]
    nearest = sorted(range(len(trips)), key=lambda i: distance(trips[i].tail[:2], trips[i].head[:2]))
    best, best_cost = list[Route](), float("inf")
    for order in (nearest, nearest[::-1], range(len(trips))):
        found = _settle(offers, order, settled)
        cost = fsum(offers[i].cost(found[i], _others(found, settled, i)) for i in order)
        if cost < best_cost:
            best, best_cost = [found[i] for i in range(len(trips))], cost
    return tuple(best)


def _settle(offers: Sequence["_Offers"], order: Sequence[int], settled: Sequence[Route]) -> dict[int, Route]:
    """Return ways that were each the best when their turn came, improved in a second pass."""
    found: dict[int, Route] = {}
    for _ in range(2):
        for i in order:
            found[i] = offers[i].best(_others(found, settled, i))
        for i, j in combinations(order, 2):
            if offers[i].disturbance(found[i], found[j]) < _CROSSING:
                continue
            rest = _others(found, settled, i, j)
            cost = offers[i].cost(found[i], rest) + offers[j].cost(found[j], [*rest, found[i]])
            for first, second in ((i, j), (j, i)):
                lead = offers[first].best(rest)
                follow = offers[second].best([*rest, lead])
                cost_so = offers[first].cost(lead, rest) + offers[second].cost(follow, [*rest, lead])
                if cost_so < cost - 1:
                    cost, found[first], found[second] = cost_so, lead, follow
    return found


def _others(found: dict[int, Route], settled: Sequence[Route], *left_out: int) -> list[Route]:
    return [*settled, *(route for i, route in found.items() if i not in left_out)]


class _Offers:
    """All ways of one trip, in the order of the least that each can cost."""

    def __init__(self, trip: Trip, disturbance: Callable[[Route, Route], float]) -> None:
        self.disturbance = disturbance
        self._trip = trip
        self._obstacles = [*(box.grown(_MARGIN) for box in trip.obstacles), trip.tail.grown(-2), trip.head.grown(-2)]
        self._ways = sorted(_ways(trip), key=lambda way: way.least)
        self._drawn: dict[_Way, Route] = {}
        self._price: dict[Route, float] = {}

    def best(self, others: Sequence[Route]) -> Route:
        """Return the best way in view of those that are already there."""
        best, best_cost = None, float("inf")
        for way in self._ways:
            if way.least >= best_cost:
                break
            route = self._drawn.get(way) or self._draw(way)
            cost = self._price[route]
            for other in others:
                if cost >= best_cost:
                    break
                cost += self.disturbance(route, other)
            if cost < best_cost:
                best, best_cost = route, cost
        assert best is not None, "there is always a way, if a bad one"
        return best

    def cost(self, route: Route, others: Sequence[Route]) -> float:
        """Return what one of these ways costs in view of others."""
        return self._price[route] + fsum(self.disturbance(route, other) for other in others)

    def _draw(self, way: "_Way") -> Route:
        """Draw a way, and find its price alone: its length, the boxes that it hits, how far it leaves the sheet."""
        route = self._drawn[way] = _curve_of(self._trip, *way[1:])
        near = [box for box in self._obstacles if box.overlaps(route.extent)]
        hits = sum(piece.meets(box) for box in near for piece in route.pieces)
        above, below = route.extent.top - self._trip.sheet.top, self._trip.sheet.bottom - route.extent.bottom
        beyond = max(0.0, above) + max(0.0, below)
        extra = way.least - distance(way.start, way.end)
        self._price[route] = extra + fsum(piece.length for piece in route.pieces) + _HIT * hits + _BEYOND * beyond
        return route


class _Way(NamedTuple):
    """A way that is not drawn yet."""

    least: float
    """The least that it can cost: its length if it were straight, and what is bad about its ports and turns."""
    start: Point
    leaving: Point
    end: Point
    meeting: Point
    pulls: tuple[float, float]


def _ways(trip: Trip) -> Iterator[_Way]:
    for leaving, meeting in product(_SIDES, _SIDES):
        turn = 0.0 if leaving in (meeting, (-meeting[0], -meeting[1])) else _TURN
        ports = product(_ports(trip.tail, leaving, trip.head), _ports(trip.head, meeting, trip.tail))
        for (start, one), (end, other) in ports:
            apart, least = distance(start, end), 2 * trip.gap
            arcs = [(arc, arc) for arc in _ARCS]
            pulls = arcs if leaving == meeting else [(max(apart * a, least), max(apart * b, least)) for a, b in _PULLS]
            yield from (_Way(apart + one + other + turn, start, leaving, end, meeting, pull) for pull in pulls)


def _ports(box: Box, side: Point, other: Box) -> list[tuple[Point, float]]:
    ports = [(box.port(side, offset), _OFF_CENTRE * (offset != 0)) for offset in _PORTS]
    level = (other.y - box.y) / box.height if side[0] else (other.x - box.x) / box.width
    if 0.02 < abs(level) <= 0.44:
        ports.append((box.port(side, level), 0.0))
    return ports


def _curve_of(
    trip: Trip, start: Point, leaving: Point, end: Point, meeting: Point, pulls: tuple[float, float]
) -> Route:
    begin, stop = along(start, leaving, trip.tail_gap), along(end, meeting, trip.gap)
    return Route(start, end, Curve(begin, along(start, leaving, pulls[0]), along(end, meeting, pulls[1]), stop))


def _disturbance(route: Route, other: Route) -> float:
    """Return what it costs that both are there."""
    if not route.extent.grown(_TIP_REACH).overlaps(other.extent.grown(_TIP_REACH)):
        return 0.0
    crossed = sum(p.crosses(q) for p in route.pieces for q in other.pieces)
    touched = sum(
        any(piece.is_within(_TIP_REACH, tip) for piece in line.pieces)
        for line, tips in ((other, (route.start, route.end)), (route, (other.start, other.end)))
        for tip in tips
    )
    tips = product((route.start, route.end), (other.start, other.end))
    shared = sum(distance(one, another) < _PORT_APART for one, another in tips)
    near = fsum(p.length for p in route.pieces[2:-1] if any(q.is_within(_CLOSE, p.a) for q in other.pieces))
    return _CROSSING * crossed + _ON_TIP * touched + _SAME_PORT * shared + _NEAR * near


def route_loop(trip: Trip, width: float, height: float) -> tuple[Route, Box]:
    """Return a loop, and the spot for its label right outside the bend: above the box if there is room."""
    best: tuple[float, Route, Box] | None = None
    for rank, (side, shift) in enumerate(
        product(((0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0)), (0.0, 0.25, -0.25))
    ):
        middle, across = trip.tail.port(side, shift), (abs(side[1]), abs(side[0]))
        start, end = along(middle, across, -_LOOP_SPREAD), along(middle, across, _LOOP_SPREAD)
        route = _curve_of(trip, start, side, end, side, (_LOOP_REACH, _LOOP_REACH))
        reach = _LOOP_REACH * 0.75 + (abs(side[0]) * width + abs(side[1]) * height) / 2 + 3
        label = Box(*along(middle, side, reach), width, height)
        cost = rank + _HIT * sum(box.overlaps(other) for box in (label, route.extent) for other in trip.obstacles)
        if best is None or cost < best[0]:
            best = cost, route, label
    assert best is not None
    return best[1:]


def label_spot(
    width: float, height: float, own: Route, pen: float, routes: Sequence[Route], taken: Sequence[Box]
) -> Box:
    """Return the best spot for a label of that size beside its own arrow, which is ``pen`` points wide."""
    spots = []
    for t, away, side in product(_SPOTS, _AWAY, (1, -1)):
        point, (ax, ay), (bx, by) = (own.curve.at(at) for at in (t, t - 0.05, t + 0.05))
        length = distance((ax, ay), (bx, by)) or 1.0
        normal = (ay - by) / length, (bx - ax) / length
        reach = side * ((abs(normal[0]) * width + abs(normal[1]) * height + pen) / 2 + away)
        cost = _OFF_MIDDLE * abs(t - 0.5) + _ASTRAY * (away - _AWAY[0]) + _BELOW * (side * normal[1] < 0)
        spots.append((cost, Box(*along(point, normal, reach), width, height)))
    best, best_cost = spots[0][1], float("inf")
    for cost, box in sorted(spots, key=lambda spot: spot[0]):
        if cost >= best_cost:
            break
        cost += _ON_BOX * sum(box.grown(6).overlaps(other) for other in taken)
        for route in routes:
            room = box if route is own else box.grown(8)
            if room.overlaps(route.extent.grown(1)):
                cost += _ON_LINE * sum(piece.meets(room) for piece in route.pieces)
        if cost < best_cost:
            best, best_cost = box, cost
    return best
