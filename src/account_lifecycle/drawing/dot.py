"""A placement as a ``graphviz.Digraph``: every coordinate is given, so that any Graphviz only renders it."""

from graphviz import Digraph
from graphviz.quoting import escape, nohtml

from .geometry import BOLD_FONT, CAPTION_SIZE, CENTRAL_SIZE, FONT, LABEL_SIZE, NAME_SIZE, TEXT_SIZE, Box, Point
from .placement import ARROW_SIZE, HEAD_LENGTH, Placement, Text
from .routes import Route
from .sketch import (
    FRAME_PAINT,
    GROUP,
    GROUP_NAME,
    HEALTH_PAINT,
    INK,
    PENS,
    TAG_PAINT,
    Arrow,
    Look,
    Paint,
    State,
    health_name,
)

GRAPH_NAME = "lifecycle"
_CLUSTER = f"cluster_{GROUP}"
_SLACK = 1.3
"""Room for lines of text, to the right, where another font than Helvetica has to do."""
_PERIPHERY = 4.0
"""How far a second border lies outside the first, in points."""


def digraph(placement: Placement) -> Digraph:
    """Return the picture as a graph that every Graphviz renders alike."""
    graph = Digraph(
        GRAPH_NAME,
        graph_attr={"layout": "nop2", "fontname": FONT, "outputorder": "edgesfirst", "pad": "0.25", "compound": "true"},
        node_attr={"fontname": FONT, "fontsize": _n(NAME_SIZE), "shape": "box", "fixedsize": "true", "penwidth": "1.6"},
        edge_attr={"fontname": FONT, "fontsize": _n(LABEL_SIZE), "arrowsize": _n(ARROW_SIZE)},
    )
    sketch = placement.sketch
    with graph.subgraph(name=_CLUSTER) as cluster:
        frame = placement.boxes[GROUP]
        cluster.attr(
            label=_label(GROUP_NAME),
            bb=",".join(_n(edge) for edge in (frame.left, frame.bottom, frame.right, frame.top)),
            lp=_xy(placement.boxes[GROUP_NAME][:2]),
            fontsize=_n(LABEL_SIZE),
            fontcolor=FRAME_PAINT.text,
            **_filled(FRAME_PAINT),
        )
        for state in sketch.states:
            _add_state(cluster if state.status in sketch.group else graph, state, placement.boxes[state.status])
    for hub in sketch.hubs:
        look = {"style": "rounded,dashed", "color": PENS[hub.look].colour, "penwidth": "1.1"}
        _add_node(graph, hub.key, hub.text, placement.boxes[hub.key], CAPTION_SIZE, PENS[hub.look].colour, look)
    for arrow, route, label in zip(sketch.arrows, placement.routes, placement.labels, strict=True):
        _add_arrow(graph, arrow, route, label, sketch.group)
    for i, text in enumerate((*placement.title, *placement.legend.texts)):
        _add_text(graph, f"text_{i}", text)
    for health, box in placement.legend.swatches:
        paint = HEALTH_PAINT[health]
        look = _filled(paint) | {"penwidth": "1.2"}
        _add_node(graph, f"health_{health}", health_name(health), box, TEXT_SIZE, paint.text, look)
    for sample, box in placement.legend.samples:
        _add_sample(graph, sample, box)
    return graph


def _add_node(graph: Digraph, name: str, words: str, box: Box, size: float, colour: str, look: dict[str, str]) -> None:
    inch = 72
    place = {"pos": _xy(box[:2]), "width": f"{box.width / inch:.4f}", "height": f"{box.height / inch:.4f}"}
    graph.node(name, **{"label": _label(words), "fontsize": _n(size), "fontcolor": colour} | place | look)


def _add_state(graph: Digraph, state: State, box: Box) -> None:
    """Add its box, and its caption and tag as nodes of their own, because a label has one size of type."""
    paint = state.paint
    size = CENTRAL_SIZE if state.central else NAME_SIZE
    look = _filled(paint) | {"peripheries": "2" if state.final else "1"}
    look |= {"fontname": BOLD_FONT} if state.central else {}
    inner = box.grown(-_PERIPHERY) if state.final else box
    name = f"{state.status}\n " if state.caption else state.status
    _add_node(graph, state.status, name, inner, size, paint.text, look)
    if state.caption:
        below = Box(box.x, box.y - size * 0.77, box.width, CAPTION_SIZE * 1.4)
        plain = {"shape": "plaintext"}
        _add_node(graph, f"{state.status}_caption", state.caption, below, CAPTION_SIZE, paint.text, plain)
    if state.tag:
        look, flag = _filled(TAG_PAINT) | {"fontname": BOLD_FONT}, Box(box.left + 3, box.top, 34, 16)
        _add_node(graph, f"{state.status}_tag", state.tag, flag, CAPTION_SIZE, TAG_PAINT.text, look)


def _add_arrow(graph: Digraph, arrow: Arrow, route: Route, label: Box | None, group: tuple[str, ...]) -> None:
    """Add an edge; one from or to the group has a member as its end and is clipped at the frame."""
    pen = arrow.pen
    # The curve in quarters: Graphviz measures a picture by its curves' control points.
    quarters = [quarter for half in route.curve.halves() for quarter in half.halves()]
    tips = [f"s,{_xy(route.start)}"] if arrow.two_way else []
    points = [route.curve.start, *(point for quarter in quarters for point in quarter[1:])]
    attributes = {
        "pos": " ".join([*tips, f"e,{_xy(route.end)}", *map(_xy, points)]),
        "color": pen.colour,
        "penwidth": _n(pen.width),
        "style": pen.style,
    }
    if label:
        attributes |= {"label": _label(arrow.label), "lp": _xy(label[:2]), "fontcolor": pen.colour}
    if arrow.two_way:
        attributes["dir"] = "both"
    attributes |= {clip: _CLUSTER for clip, end in (("ltail", arrow.tail), ("lhead", arrow.head)) if end == GROUP}
    member = group[len(group) // 2] if group else GROUP
    graph.edge(*(member if end == GROUP else end for end in (arrow.tail, arrow.head)), **attributes)


def _add_text(graph: Digraph, name: str, text: Text) -> None:
    room = text.box.width * _SLACK
    box = Box(text.box.left + room / 2, text.box.y, room, text.box.height)
    ranged_left = "".join(f"{_label(line)}\\l" for line in text.words.split("\n"))
    font = BOLD_FONT if text.bold else FONT
    look = {"label": ranged_left, "shape": "plaintext", "margin": "0", "fontname": font}
    _add_node(graph, name, "", box, text.size, text.colour, look)


def _add_sample(graph: Digraph, look: Look, box: Box) -> None:
    pen = PENS[look]
    ends = {f"sample_{look}_tail": box.left, f"sample_{look}_head": box.right}
    for name, x in ends.items():
        _add_node(graph, name, "", Box(x, box.y, 0.72, 0.72), TEXT_SIZE, INK, {"style": "invis"})
    points = [(box.left + (box.width - HEAD_LENGTH) * i / 3, box.y) for i in range(4)]
    path = " ".join([f"e,{_xy((box.right, box.y))}", *map(_xy, points)])
    graph.edge(*ends, pos=path, color=pen.colour, penwidth=_n(pen.width), style=pen.style)


def _filled(paint: Paint) -> dict[str, str]:
    return {"style": "rounded,filled", "fillcolor": paint.fill, "color": paint.line}


def _label(words: str) -> str:
    """Return words as they are: no backslash, quote or angle bracket in them means anything to Graphviz."""
    return str(nohtml("\\n".join(escape(line).replace("&", "&amp;") for line in words.split("\n"))))


def _xy(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(number: float) -> str:
    return f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")  # no minus before a zero
