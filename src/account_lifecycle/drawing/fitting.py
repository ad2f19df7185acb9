"""Fitting: every arrow of a sketch gets its way between the boxes, and its label a spot.

Knows which boxes an arrow may pass; it must never know how a way is found (``routes``).
"""

from functools import lru_cache
from typing import NamedTuple

from .geometry import Box, around
from .lettering import text_height, text_width
from .places import LABEL_SIZE
from .routes import Route, Trip, label_spot, route_all, route_loop
from .sketch import GROUP, GROUP_NAME, Arrow, Look

ARROW_SIZE = 0.8
HEAD_LENGTH = 10 * ARROW_SIZE


class Fitting(NamedTuple):
    """The ways and the labels' spots, in the order of the arrows."""

    routes: tuple[Route, ...]
    labels: tuple[Box | None, ...]
    """None where an arrow has no label."""


@lru_cache(maxsize=16)
def fit(arrows: tuple[Arrow, ...], boxes: tuple[tuple[str, Box], ...], group: tuple[str, ...]) -> Fitting:
    """The best ways and spots; kept, because the pictures of many providers differ in nothing but words.

    Loops come first, each with its label; then the main chain, in bold or faint, which nothing disturbs; then
    all others.
    """
    fitter = _Fitter(arrows, dict(boxes), group)
    fitter.fit_loops()
    for looks in ({Look.MAIN}, {Look.FAINT}, set(Look)):
        fitter.fit_ways(looks)
    fitter.fit_labels()
    every = range(len(arrows))
    return Fitting(tuple(fitter.routes[i] for i in every), tuple(fitter.labels.get(i) for i in every))


class _Fitter:
    def __init__(self, arrows: tuple[Arrow, ...], boxes: dict[str, Box], group: tuple[str, ...]) -> None:
        self.routes: dict[int, Route] = {}
        self.labels: dict[int, Box] = {}
        self._arrows = arrows
        self._boxes = boxes
        self._group = group
        self._sheet = around(list(boxes.values()))
        self._fixed: list[Box] = []

    def fit_loops(self) -> None:
        for i, arrow in enumerate(self._arrows):
            if arrow.tail == arrow.head:
                self.routes[i], label = route_loop(self._trip(arrow), *_label_size(arrow))
                self._fixed += [self.routes[i].extent, label]
                self.labels[i] = label

    def fit_ways(self, looks: set[Look]) -> None:
        batch = [i for i, arrow in enumerate(self._arrows) if i not in self.routes and arrow.look in looks]
        trips = [self._trip(self._arrows[i]) for i in batch]
        self.routes.update(zip(batch, route_all(trips, tuple(self.routes.values())), strict=True))

    def fit_labels(self) -> None:
        taken = [*self._fixed, *(box for key, box in self._boxes.items() if key != GROUP)]
        routes = tuple(self.routes.values())
        for i, arrow in enumerate(self._arrows):
            if arrow.label and i not in self.labels:
                self.labels[i] = label_spot(*_label_size(arrow), self.routes[i], routes, taken)
                taken.append(self.labels[i])

    def _trip(self, arrow: Arrow) -> Trip:
        through = {arrow.tail, arrow.head}
        if GROUP in through:
            through.update((*self._group, GROUP_NAME))
        elif not through.isdisjoint(self._group):
            through.add(GROUP)
        obstacles = (*(box for key, box in self._boxes.items() if key not in through), *self._fixed)
        tail, head = self._boxes[arrow.tail], self._boxes[arrow.head]
        return Trip(tail, head, obstacles, self._sheet, HEAD_LENGTH, HEAD_LENGTH if arrow.two_way else 0.0)


def _label_size(arrow: Arrow) -> tuple[float, float]:
    return text_width(arrow.label, LABEL_SIZE) + 4, text_height(arrow.label, LABEL_SIZE)
