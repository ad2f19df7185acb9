"""Placement: a sketch becomes boxes, curves and lines of text with coordinates, in points.

Every state has a fixed place by the part that it plays, so that the map is learned once: birth runs from left to
right into life; the lost states stand in a frame to the right of it, the way back below it, the end apart. Then each
arrow gets its way (``routes``), each label its spot, and the words go around: the title above, below it what
colours and lines mean.
"""

from functools import lru_cache
from typing import NamedTuple

from ..lifecycle.status import Health
from .geometry import (
    CAPTION_SIZE,
    LABEL_SIZE,
    LINE_HEIGHT,
    NAME_SIZE,
    SUBTITLE_SIZE,
    TEXT_SIZE,
    TITLE_SIZE,
    Box,
    around,
    text_height,
    text_width,
    wrap,
)
from .routes import Route, Trip, label_spot, route_all, route_loop
from .sketch import GROUP, GROUP_NAME, INK, PENS, SOFT_INK, Arrow, Hub, Look, Sketch, State, health_name

ARROW_SIZE = 0.8
HEAD_LENGTH = 10 * ARROW_SIZE

_ROW, _STATE_HEIGHT = 102.0, 44.0
_COLUMN_GAP, _GROUP_GAP, _LABEL_MARGIN, _APART = 64.0, 84.0, 24.0, 34.0
_MEMBER_GAP, _WIDE_MEMBER_GAP, _FRAME_PADDING, _FRAME_HEAD = 12.0, 34.0, 16.0, 26.0
_BESIDE = {False: ((0, 1), (-1, 0), (0, -1), (1, 0)), True: ((0, 1), (0, -1), (1, 0), (-1, 0))}
"""Where a hub may stand beside its state, the best place first: one that leads to it, and one that comes after it."""
_MARGIN, _LEGEND_SHARE, _MOST_COLUMNS = 26.0, 0.76, 4
"""Around the drawing; how much of its width the words below it may take; the columns of a list of events."""
_SWATCH_HEIGHT, _SWATCH_GAP, _SAMPLE_LENGTH, _LINE_GAP, _ITEM_GAP = 20.0, 6.0, 40.0, 12.0, 22.0


class Text(NamedTuple):
    """Lines of text, ranged left in a box."""

    words: str
    box: Box
    size: float
    bold: bool = False
    colour: str = INK


class Legend(NamedTuple):
    """What stands below a picture; samples are boxes that a line runs through from left to right."""

    texts: tuple[Text, ...]
    swatches: tuple[tuple[Health, Box], ...]
    samples: tuple[tuple[Look, Box], ...]


class Placement(NamedTuple):
    """A sketch with a place for everything."""

    sketch: Sketch
    boxes: dict[str, Box]
    """By key: the states, the group's frame and its name, the hubs."""
    routes: tuple[Route, ...]
    """One for each arrow."""
    labels: tuple[Box | None, ...]
    """One for each arrow; None where it has no label."""
    title: tuple[Text, ...]
    legend: Legend


def place_sketch(sketch: Sketch) -> Placement:
    """Give every box a place, every arrow a way and every label a spot, and set the words around them."""
    boxes = _place_boxes(sketch)
    routes, labels = _fit(sketch.arrows, tuple(boxes.items()), sketch.group)
    drawn = [*boxes.values(), *(route.extent for route in routes), *filter(None, labels)]
    extent = around(drawn)
    right = max([text.box.right for text in _title(sketch, extent.left, 0.0)], default=extent.left)
    ceiling = max(box.top for box in drawn if box.left < right + _MARGIN)
    width = extent.width * _LEGEND_SHARE
    below = _legend(sketch, extent.left, 0.0, width)
    words = (*(text.box for text in below.texts), *(box for _, box in below.swatches))
    right = max([box.right for box in words], default=extent.left)
    floor = min(box.bottom for box in drawn if box.left < right + _MARGIN)
    title = _title(sketch, extent.left, ceiling + _MARGIN)
    return Placement(sketch, boxes, routes, labels, title, _legend(sketch, extent.left, floor - _MARGIN, width))


# ---- The places of the boxes ----------------------------------------------------------------------


def _place_boxes(sketch: Sketch) -> dict[str, Box]:
    """Return the boxes of all states, of the group's frame and name, and of the hubs."""
    sizes = {state.status: _size(state) for state in sketch.states}
    roles, boxes = sketch.roles, dict[str, Box]()
    below = {roles.birth[min(2, len(roles.birth) - 1)]: roles.aside, roles.life: roles.back}
    x = 0.0
    for status in (*roles.birth, roles.life):
        column = (status, *below.get(status, ()))
        width = max(sizes[member][0] for member in column)
        boxes |= {member: Box(x + width / 2, -_ROW * row, *sizes[member]) for row, member in enumerate(column)}
        labels = [a.label for a in sketch.arrows if a.look is Look.MAIN and a.tail == status != a.head]
        gap = max(_COLUMN_GAP, *(text_width(label, LABEL_SIZE) + _LABEL_MARGIN for label in labels), 0.0)
        x += width + (_GROUP_GAP if status is roles.life else gap)
    inner_arrow = any(a.tail in roles.lost and a.head in roles.lost and a.tail != a.head for a in sketch.arrows)
    step = _STATE_HEIGHT + (_WIDE_MEMBER_GAP if inner_arrow else _MEMBER_GAP)
    width = max(sizes[member][0] for member in roles.lost)
    for row, member in enumerate(roles.lost):
        y = ((len(roles.lost) - 1) / 2 - row) * step - (_FRAME_HEAD - _FRAME_PADDING) / 2
        boxes[member] = Box(x + _FRAME_PADDING + width / 2, y, width, _STATE_HEIGHT)
    inner = around(boxes[member] for member in roles.lost)
    frame = Box(inner.x, 0.0, inner.width + 2 * _FRAME_PADDING, inner.height + _FRAME_PADDING + _FRAME_HEAD)
    name = text_width(GROUP_NAME, LABEL_SIZE) + 4, text_height(GROUP_NAME, LABEL_SIZE)
    boxes[GROUP], boxes[GROUP_NAME] = frame, Box(frame.x, frame.top - _FRAME_HEAD / 2, *name)
    boxes[roles.end] = Box(frame.x, frame.bottom - _APART - _STATE_HEIGHT / 2, *sizes[roles.end])
    for hub in sketch.hubs:
        boxes[hub.key] = _place_hub(hub, boxes)
    return boxes


def _size(state: State) -> tuple[float, float]:
    caption = text_width(state.caption, CAPTION_SIZE)
    if state.central:
        return max(124.0, caption + 22), 84.0
    return max(100.0, text_width(state.status, NAME_SIZE) + 20, caption + 20), _STATE_HEIGHT + (8 if state.final else 0)


def _place_hub(hub: Hub, boxes: dict[str, Box]) -> Box:
    """Return a box next to the hub's state where nothing else stands, or else below everything."""
    at = boxes[hub.beside]
    width, height = text_width(hub.text, CAPTION_SIZE) + 20, text_height(hub.text, CAPTION_SIZE) + 10
    for dx, dy in _BESIDE[hub.after]:
        x, y = at.x + dx * ((at.width + width) / 2 + _APART), at.y + dy * ((at.height + height) / 2 + _APART)
        if not any(Box(x, y, width + 16, height + 16).overlaps(box) for box in boxes.values()):
            return Box(x, y, width, height)
    return Box(at.x, min(box.bottom for box in boxes.values()) - _APART - height / 2, width, height)


# ---- The ways of the arrows -----------------------------------------------------------------------


@lru_cache(maxsize=16)
def _fit(
    arrows: tuple[Arrow, ...], places: tuple[tuple[str, Box], ...], group: tuple[str, ...]
) -> tuple[tuple[Route, ...], tuple[Box | None, ...]]:
    """Return the routes and the labels' spots in the order of the arrows.

    Loops come first, each with its label; then the main chain, bold or faint, which nothing disturbs; then all
    others, those that few subscriptions need last. Kept, because the pictures of many providers differ in nothing
    but words.
    """
    boxes = dict(places)
    sheet = around(boxes.values())
    routes: dict[int, Route] = {}
    labels: dict[int, Box] = {}
    fixed: list[Box] = []
    sizes = [(text_width(a.label, LABEL_SIZE) + 4, text_height(a.label, LABEL_SIZE)) for a in arrows]

    def trip(arrow: Arrow) -> Trip:
        through = {arrow.tail, arrow.head}
        if GROUP in through:
            through.update((*group, GROUP_NAME))
        elif not through.isdisjoint(group):
            through.add(GROUP)
        obstacles = (*(box for key, box in places if key not in through), *fixed)
        tail_gap = HEAD_LENGTH if arrow.two_way else 0.0
        return Trip(boxes[arrow.tail], boxes[arrow.head], obstacles, sheet, HEAD_LENGTH, tail_gap)

    for i, arrow in enumerate(arrows):
        if arrow.tail == arrow.head:
            routes[i], labels[i] = route_loop(trip(arrow), *sizes[i])
            fixed += [routes[i].extent, labels[i]]
    for looks in ((Look.MAIN,), (Look.FAINT,), tuple(look for look in Look if look is not Look.UNHEARD), tuple(Look)):
        batch = [i for i, arrow in enumerate(arrows) if i not in routes and arrow.look in looks]
        routes |= dict(zip(batch, route_all([trip(arrows[i]) for i in batch], tuple(routes.values())), strict=True))
    taken = [*fixed, *(box for key, box in places if key != GROUP)]
    for i, arrow in enumerate(arrows):
        if arrow.label and i not in labels:
            labels[i] = label_spot(*sizes[i], routes[i], arrow.pen.width, tuple(routes.values()), taken)
            taken.append(labels[i])
    return tuple(routes[i] for i in range(len(arrows))), tuple(labels.get(i) for i in range(len(arrows)))


# ---- The words around -----------------------------------------------------------------------------


def _title(sketch: Sketch, left: float, bottom: float) -> tuple[Text, ...]:
    """Set the title, if there is one, and the line below it, their lower left corner given."""
    if not sketch.title:
        return ()
    if sketch.subtitle:
        bottom += text_height(sketch.subtitle, SUBTITLE_SIZE)
    title = _text(sketch.title, left, bottom + 4 + text_height(sketch.title, TITLE_SIZE), TITLE_SIZE, bold=True)
    below = [_text(sketch.subtitle, left, bottom, SUBTITLE_SIZE, colour=SOFT_INK)] if sketch.subtitle else []
    return (title, *below)


def _legend(sketch: Sketch, left: float, top: float, width: float) -> Legend:
    """Set the swatches, the lines, the notes and the log, one below the other, no wider than ``width``."""
    swatches, x = [], left
    for health in sketch.healths:
        room = text_width(health_name(health), TEXT_SIZE) + 20
        swatches.append((health, Box(x + room / 2, top - _SWATCH_HEIGHT / 2, room, _SWATCH_HEIGHT)))
        x += room + _SWATCH_GAP
    samples, texts = [], list[Text]()
    x, y = left, top - (_SWATCH_HEIGHT + _LINE_GAP if swatches else 0)
    for look, meaning in sketch.key:
        if texts and x + _SAMPLE_LENGTH + text_width(meaning, TEXT_SIZE) > left + width:
            x, y = left, y - TEXT_SIZE - _LINE_GAP
        samples.append((look, Box(x + _SAMPLE_LENGTH / 2, y - TEXT_SIZE * 0.6, _SAMPLE_LENGTH, 0.0)))
        texts.append(_text(meaning, x + _SAMPLE_LENGTH + 6, y, TEXT_SIZE))
        x = texts[-1].box.right + _ITEM_GAP
    if sketch.notes:
        y = texts[-1].box.bottom - _LINE_GAP if texts else y
        texts.append(_text(wrap("\n".join(sketch.notes), width, TEXT_SIZE), left, y, TEXT_SIZE, colour=SOFT_INK))
    if sketch.log:
        y = texts[-1].box.bottom - _LINE_GAP if texts else y
        column = max(text_width(line, TEXT_SIZE) for _, line in sketch.log) + _ITEM_GAP
        rows = -(-len(sketch.log) // max(1, min(_MOST_COLUMNS, int(width / column))))
        for i, (look, line) in enumerate(sketch.log):
            x, drop = left + column * (i // rows), TEXT_SIZE * LINE_HEIGHT * (i % rows)
            texts.append(_text(line, x, y - drop, TEXT_SIZE, colour=PENS[look].colour))
    return Legend(tuple(texts), tuple(swatches), tuple(samples))


def _text(words: str, left: float, top: float, size: float, *, bold: bool = False, colour: str = INK) -> Text:
    width, height = text_width(words, size, bold=bold) + 2, text_height(words, size)
    return Text(words, Box(left + width / 2, top - height / 2, width, height), size, bold, colour)
