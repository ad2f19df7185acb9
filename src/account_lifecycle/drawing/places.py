"""Places: where each state stands, the same in every picture, so that the map is learned once.

Birth runs from left to right into life; the lost states stand in a frame to the right of it, the way back
below it, the end apart. Knows parts and sizes; it must never know which status plays a part (``roles``).
"""

from ..lifecycle.status import Status
from .geometry import Box, around
from .lettering import text_height, text_width
from .sketch import GROUP, GROUP_NAME, Hub, Look, Sketch, State

ROW = 102.0
"""From one row to the next."""
STATE_HEIGHT = 44.0
NAME_SIZE, CENTRAL_SIZE, CAPTION_SIZE, LABEL_SIZE = 14.0, 24.0, 11.0, 12.0
_LEAST_GAP, _GROUP_GAP, _LABEL_MARGIN = 64.0, 84.0, 24.0
_MEMBER_GAP, _WIDE_MEMBER_GAP, _FRAME_PADDING, _FRAME_HEAD = 12.0, 34.0, 16.0, 26.0
_APART = 34.0
_ABOVE, _BELOW, _LEFT, _RIGHT = (0, 1), (0, -1), (-1, 0), (1, 0)
_SPOTS = {False: (_ABOVE, _LEFT, _BELOW, _RIGHT), True: (_ABOVE, _BELOW, _RIGHT, _LEFT)}

_Sizes = dict[Status, tuple[float, float]]


def place(sketch: Sketch) -> dict[str, Box]:
    """The boxes of all states, of the group's frame and of the hubs, by key."""
    sizes = {state.status: _size(state) for state in sketch.states}
    roles = sketch.roles
    boxes: dict[str, Box] = {}
    x = _place_columns(boxes, sizes, sketch)
    frame = _place_group(boxes, sizes, roles.lost, x, _member_gap(sketch))
    boxes[GROUP] = frame
    label = text_width(GROUP_NAME, LABEL_SIZE) + 4, text_height(GROUP_NAME, LABEL_SIZE)
    boxes[GROUP_NAME] = Box(frame.x, frame.top - _FRAME_HEAD / 2, *label)
    boxes[roles.end] = Box(frame.x, frame.bottom - _APART - STATE_HEIGHT / 2, *sizes[roles.end])
    for hub in sketch.hubs:
        boxes[hub.key] = _beside(hub, boxes)
    return boxes


def _size(state: State) -> tuple[float, float]:
    if state.central:
        return max(124.0, text_width(state.caption, CAPTION_SIZE) + 22), 84.0
    needed = max(text_width(state.status, NAME_SIZE), text_width(state.caption, CAPTION_SIZE))
    return max(needed + 20, 100.0), STATE_HEIGHT + (8 if state.final else 0)


def _gap_after(status: Status, sketch: Sketch) -> float:
    """Between a column and the next: room for the labels of the main arrows that leave or meet its state."""
    labels = [a.label for a in sketch.arrows if a.look is Look.MAIN and a.tail == status != a.head]
    return max(_LEAST_GAP, *(text_width(label, LABEL_SIZE) + _LABEL_MARGIN for label in labels), 0.0)


def _member_gap(sketch: Sketch) -> float:
    """Between two members of the group: room for an arrow, if there is one."""
    inner = any(a.tail in sketch.group and a.head in sketch.group and a.tail != a.head for a in sketch.arrows)
    return _WIDE_MEMBER_GAP if inner else _MEMBER_GAP


def _place_columns(boxes: dict[str, Box], sizes: _Sizes, sketch: Sketch) -> float:
    """Birth and life along the middle, others in the row below; the x where the next column begins."""
    roles = sketch.roles
    below = {roles.birth[min(2, len(roles.birth) - 1)]: roles.aside, roles.life: roles.back}
    x = 0.0
    for status in (*roles.birth, roles.life):
        stack = (status, *below.get(status, ()))
        width = max(sizes[member][0] for member in stack)
        for row, member in enumerate(stack):
            boxes[member] = Box(x + width / 2, -ROW * row, *sizes[member])
        x += width + (_GROUP_GAP if status is roles.life else _gap_after(status, sketch))
    return x


def _place_group(boxes: dict[str, Box], sizes: _Sizes, members: tuple[Status, ...], x: float, gap: float) -> Box:
    """The lost states one below the other, their middle in the row of life; the frame around them."""
    width = max(sizes[member][0] for member in members)
    step = STATE_HEIGHT + gap
    middle = (len(members) - 1) / 2
    for row, member in enumerate(members):
        y = (middle - row) * step - (_FRAME_HEAD - _FRAME_PADDING) / 2
        boxes[member] = Box(x + _FRAME_PADDING + width / 2, y, width, STATE_HEIGHT)
    inner = around([boxes[member] for member in members])
    return Box(inner.x, 0.0, inner.width + 2 * _FRAME_PADDING, inner.height + _FRAME_PADDING + _FRAME_HEAD)


def _beside(hub: Hub, boxes: dict[str, Box]) -> Box:
    """Next to a state where nothing else stands: above it if that is free."""
    at = boxes[hub.beside]
    width, height = text_width(hub.text, CAPTION_SIZE) + 18, text_height(hub.text, CAPTION_SIZE) + 10
    for dx, dy in _SPOTS[hub.after]:
        x = at.x + dx * ((at.width + width) / 2 + _APART)
        y = at.y + dy * ((at.height + height) / 2 + _APART)
        spot = Box(x, y, width, height)
        if not any(spot.grown(8).overlaps(box) for box in boxes.values()):
            return spot
    return Box(at.x, min(box.bottom for box in boxes.values()) - _APART - height / 2, width, height)
