"""Routes: the way of every arrow and the spot of every label, found by trying many and taking the best.

An arrow leaves and meets boxes at right angles and keeps out of all others; a label lies beside its own
arrow and on nothing else. Knows boxes and curves; it must never know what they stand for.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations, product
from math import fsum  # exact, and so the same in every version of Python
from typing import NamedTuple

from .geometry import Box, Curve, Piece, Point, along, around_points, crossings, distance, pieces

NORTH, EAST, SOUTH, WEST = (0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)
_SIDES = (EAST, NORTH, SOUTH, WEST)
_OFFSETS = (0.0, 0.29, -0.29)

# How far an arrow is pulled straight out of its two boxes before it turns: in points where both sides look
# the same way, else as a share of the distance.
_ARCS = (45.0, 80.0, 115.0, 150.0, 190.0, 235.0)
_PULLS = ((0.4, 0.4), (0.7, 0.7), (0.25, 0.9), (0.9, 0.25), (1.0, 1.0))
_LOOP_REACH, _LOOP_SPREAD = 34.0, 11.0
_PASSES = 2

# What makes a way a bad one, in points of length that one would rather go.
_HIT, _CROSSING, _ON_TIP, _SAME_PORT, _NEAR = 2000.0, 70.0, 60.0, 200.0, 0.4
_OFF_CENTRE, _TURN, _BEYOND = 5.0, 25.0, 1.5
_MARGIN, _CLOSE, _TIP_REACH, _PORT_APART = 7.0, 8.0, 18.0, 9.0


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


class Route(NamedTuple):
    """An arrow's way: the tips, and the curve between the heads."""

    start: Point
    end: Point
    curve: Curve
    pieces: tuple[Piece, ...]
    extent: Box


def route_all(trips: Sequence[Trip], settled: Sequence[Route]) -> tuple[Route, ...]:
    """A way for every trip, the whole as good as can be found; those that are ``settled`` stay as they are.

    Who comes later makes way, so it matters who comes first: the nearest, the farthest, or as they are told.
    """
    disturbance = _Disturbance()
    offers = [_Offers(trip, disturbance) for trip in trips]
    nearest = sorted(range(len(trips)), key=lambda i: offers[i].distance)
    sheets = [_Sheet(offers, order, settled) for order in (nearest, nearest[::-1], range(len(trips)))]
    for sheet in sheets:
        sheet.fill()
    found = min(sheets, key=_Sheet.cost).found
    return tuple(found[i] for i in range(len(trips)))


class _Sheet:
    """The ways so far: each was the best that there was when its turn came."""

    def __init__(self, offers: Sequence["_Offers"], order: Sequence[int], settled: Sequence[Route]) -> None:
        self.found: dict[int, Route] = {}
        self._offers = offers
        self._order = order
        self._settled = settled

    def fill(self) -> None:
        """Find a way for all, and then better ones, as long as there are any."""
        for _ in range(_PASSES):
            before = dict(self.found)
            self._reroute()
            self._untangle()
            if self.found == before:
                break

    def cost(self) -> float:
        """What all of it costs."""
        return fsum(self._offers[i].cost(route, self._others(i)) for i, route in self.found.items())

    def _reroute(self) -> None:
        """Each once more, the nearest first, knowing all others."""
        for i in self._order:
            self.found[i] = self._offers[i].best(self._others(i))[1]

    def _untangle(self) -> None:
        """Two that are in each other's way are taken up and laid again, the one or the other first."""
        for i, j in combinations(self._order, 2):
            if self._offers[i].disturbance(self.found[i], self.found[j]) >= _CROSSING:
                self._relay(i, j)

    def _relay(self, i: int, j: int) -> None:
        rest = self._others(i, j)
        best = self._offers[i].cost(self.found[i], rest) + self._offers[j].cost(self.found[j], self._others(j))
        for first, second in ((i, j), (j, i)):
            lead_cost, lead = self._offers[first].best(rest)
            follow_cost, follow = self._offers[second].best([*rest, lead])
            if lead_cost + follow_cost < best - 1:
                best, self.found[first], self.found[second] = lead_cost + follow_cost, lead, follow

    def _others(self, *left_out: int) -> list[Route]:
        return [*self._settled, *(route for i, route in self.found.items() if i not in left_out)]


def route_loop(trip: Trip, width: float, height: float) -> tuple[Route, Box]:
    """A loop, and the spot for its label right outside the bend: where that has room, above the box if it can."""
    best, best_cost = None, float("inf")
    for rank, (side, shift) in enumerate(product((NORTH, SOUTH, EAST, WEST), (0.0, 0.25, -0.25))):
        across = (abs(side[1]), abs(side[0]))
        middle = trip.tail.port(side, shift)
        start, end = along(middle, across, -_LOOP_SPREAD), along(middle, across, _LOOP_SPREAD)
        found = _Way(0.0, start, side, end, side, (_LOOP_REACH, _LOOP_REACH)).drawn(trip)
        reach = _LOOP_REACH * 0.75 + (abs(side[0]) * width + abs(side[1]) * height) / 2 + 3
        label = Box(*along(middle, side, reach), width, height)
        cost = rank + _HIT * sum(box.overlaps(other) for box in (label, found.extent) for other in trip.obstacles)
        if cost < best_cost:
            best, best_cost = (found, label), cost
    assert best is not None, "there is always a side, if a bad one"
    return best


# ---- What is on offer -----------------------------------------------------------------------------


class _Way(NamedTuple):
    """A way worth trying, not yet drawn."""

    extra: float
    """What it costs beside its length."""
    start: Point
    leaving: Point
    end: Point
    meeting: Point
    pulls: tuple[float, float]

    @property
    def least(self) -> float:
        """The least that it can cost."""
        return self.extra + distance(self.start, self.end)

    def drawn(self, trip: Trip) -> Route:
        """The way as a route."""
        begin, stop = along(self.start, self.leaving, trip.tail_gap), along(self.end, self.meeting, trip.gap)
        pull, push = along(self.start, self.leaving, self.pulls[0]), along(self.end, self.meeting, self.pulls[1])
        curve = Curve(begin, pull, push, stop)
        samples = curve.samples()
        return Route(self.start, self.end, curve, pieces(samples), around_points(samples))


class _Offers:
    """All ways of one trip, the best on an empty sheet first; each is drawn when its turn comes."""

    def __init__(self, trip: Trip, disturbance: "_Disturbance") -> None:
        self.disturbance = disturbance.between
        self.distance = distance((trip.tail.x, trip.tail.y), (trip.head.x, trip.head.y))
        self._trip = trip
        self._obstacles = [box.grown(_MARGIN) for box in trip.obstacles]
        self._obstacles += [trip.tail.grown(-2), trip.head.grown(-2)]
        self._waiting: list[tuple[float, int, _Way | Route]] = [(w.least, i, w) for i, w in enumerate(_ways(trip))]
        heapify(self._waiting)
        self._known: list[tuple[float, Route]] = []

    def best(self, others: Sequence[Route]) -> tuple[float, Route]:
        """The best way in view of those that are already there, and what it costs."""
        best, best_cost = None, float("inf")
        for cost, found in self._in_order():
            if cost >= best_cost:
                break
            for other in others:
                cost += self.disturbance(found, other)
                if cost >= best_cost:
                    break
            else:
                best, best_cost = found, cost
        assert best is not None, "there is always a way, if a bad one"
        return best_cost, best

    def cost(self, route: Route, others: Sequence[Route]) -> float:
        """What one of these ways costs in view of others."""
        alone = next(cost for cost, known in self._known if known is route)
        return alone + fsum(self.disturbance(route, other) for other in others)

    def _in_order(self) -> Iterator[tuple[float, Route]]:
        yield from tuple(self._known)
        while self._waiting:
            cost, i, offer = heappop(self._waiting)
            if isinstance(offer, Route):
                self._known.append((cost, offer))
                yield cost, offer
            else:
                route = offer.drawn(self._trip)
                heappush(self._waiting, (offer.extra + _length(route) + self._obstruction(route), i, route))

    def _obstruction(self, route: Route) -> float:
        """What stands in its way: other boxes, its own if it cuts through them, the edge of the sheet."""
        near = [box for box in self._obstacles if box.overlaps(route.extent)]
        above, below = route.extent.top - self._trip.sheet.top, self._trip.sheet.bottom - route.extent.bottom
        beyond = max(0.0, above) + max(0.0, below)
        return _BEYOND * beyond + _HIT * sum(piece.meets(box) for box in near for piece in route.pieces)


def _ways(trip: Trip) -> Iterator[_Way]:
    for leaving, meeting in product(_SIDES, _SIDES):
        for (start, one), (end, other) in product(
            _ports(trip.tail, leaving, trip.head), _ports(trip.head, meeting, trip.tail)
        ):
            for pulls in _pulls(leaving == meeting, distance(start, end), trip.gap):
                turn = 0.0 if leaving in (meeting, (-meeting[0], -meeting[1])) else _TURN
                yield _Way(one + other + turn, start, leaving, end, meeting, pulls)


def _pulls(is_arc: bool, apart: float, gap: float) -> Iterator[tuple[float, float]]:
    if is_arc:
        yield from ((pull, pull) for pull in _ARCS)
    else:
        yield from ((max(apart * one, 2 * gap), max(apart * other, 2 * gap)) for one, other in _PULLS)


def _ports(box: Box, side: Point, other: Box) -> list[tuple[Point, float]]:
    """Where an arrow may leave or meet a side: in the middle, off it, or level with the other box."""
    ports = [(box.port(side, offset), _OFF_CENTRE * (offset != 0)) for offset in _OFFSETS]
    level = (other.y - box.y) / box.height if side[0] else (other.x - box.x) / box.width
    if 0.02 < abs(level) <= 0.44:
        ports.append((box.port(side, level), 0.0))
    return ports


# ---- What a way costs -----------------------------------------------------------------------------


def _length(route: Route) -> float:
    return fsum(piece.length for piece in route.pieces)


class _Disturbance:
    """What two ways do to each other; each pair is measured once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], float] = {}

    def between(self, found: Route, other: Route) -> float:
        """What it costs that both are there."""
        pair = id(found), id(other)  # all of them live as long as the sheet
        if pair not in self._known:
            self._known[pair] = _disturbance(found, other)
        return self._known[pair]


def _disturbance(found: Route, other: Route) -> float:
    if not found.extent.grown(_TIP_REACH).overlaps(other.extent.grown(_TIP_REACH)):
        return 0.0
    touched = sum(_touches(tip, other) for tip in (found.start, found.end))
    touched += sum(_touches(tip, found) for tip in (other.start, other.end))
    tips = product((found.start, found.end), (other.start, other.end))
    shared = sum(distance(one, another) < _PORT_APART for one, another in tips)
    crossed = crossings(found.pieces, other.pieces)
    return _CROSSING * crossed + _ON_TIP * touched + _SAME_PORT * shared + _NEAR * _nearness(found, other)


def _touches(tip: Point, route: Route) -> bool:
    """Whether a line passes so close to a tip that one may take it for the other's."""
    return any(piece.is_within(_TIP_REACH, tip) for piece in route.pieces)


def _nearness(found: Route, other: Route) -> float:
    """For what length it runs so close to the other that the two are hard to tell apart."""
    inner = found.pieces[2:-1]
    return fsum(p.length for p in inner if any(q.is_within(_CLOSE, p.a) for q in other.pieces))


# ---- Labels ---------------------------------------------------------------------------------------
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
_AWAY = (3.0, 9.0, 16.0)
_ON_BOX, _ON_LINE, _ASTRAY, _OFF_MIDDLE, _BELOW = 1000.0, 60.0, 2.0, 40.0, 0.5


def label_spot(width: float, height: float, own: Route, routes: Sequence[Route], taken: Sequence[Box]) -> Box:
    """The best spot for a label of that size beside its own arrow, off every box, label and line."""
    best, best_cost = None, float("inf")
    for cost, box in sorted(_spots(width, height, own), key=lambda pair: pair[0]):
        if cost >= best_cost:
            break
        roomy, wide = box.grown(2), box.grown(8)
        cost += _ON_BOX * sum(roomy.overlaps(other) for other in taken)
        for other in routes:
            room = box if other is own else wide
            if room.overlaps(other.extent.grown(1)):
                cost += _ON_LINE * sum(piece.meets(room) for piece in other.pieces)
        if cost < best_cost:
            best, best_cost = box, cost
    assert best is not None, "there is always a spot, if a bad one"
    return best


def _spots(width: float, height: float, own: Route) -> Iterator[tuple[float, Box]]:
    for t in _ALONG:
        x, y = own.curve.at(t)
        (ax, ay), (bx, by) = own.curve.at(t - 0.05), own.curve.at(t + 0.05)
        length = distance((ax, ay), (bx, by)) or 1.0
        nx, ny = (ay - by) / length, (bx - ax) / length
        for away, side in product(_AWAY, (1, -1)):
            reach = side * ((abs(nx) * width + abs(ny) * height) / 2 + away)
            cost = _OFF_MIDDLE * abs(t - 0.5) + _ASTRAY * (away - _AWAY[0]) + _BELOW * (side * ny < 0)
            yield cost, Box(x + nx * reach, y + ny * reach, width, height)
