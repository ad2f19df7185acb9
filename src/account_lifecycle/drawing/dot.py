"""A layout as a ``graphviz.Digraph``: every coordinate is given, so that Graphviz only renders.

Knows the DOT language; it must never decide what is shown nor where.
"""

from graphviz import Digraph
from graphviz.quoting import escape, nohtml

from .fitting import ARROW_SIZE, HEAD_LENGTH
from .geometry import Box, Point
from .layout import Layout
from .legend import TEXT_SIZE, Sample, Swatch, Text, spoken
from .lettering import BOLD_FONT, FONT
from .palette import FAINT_PAINT, FRAME, FRAME_FILL, HEALTH_PAINT, INK, PENS, SOFT_INK, WHITE
from .places import CAPTION_SIZE, CENTRAL_SIZE, LABEL_SIZE, NAME_SIZE
from .routes import Route
from .sketch import GROUP, GROUP_NAME, Arrow, Hub, State

GRAPH_NAME = "lifecycle"
_CLUSTER = f"cluster_{GROUP}"
_SLACK = 1.3
"""Room for lines of text, to the right, where another font than Helvetica has to do."""
_PERIPHERY = 4.0
"""How far a second border lies outside the first, in points."""


def digraph(layout: Layout) -> Digraph:
    """The picture as a graph that every Graphviz renders alike."""
    graph = Digraph(
        GRAPH_NAME,
        graph_attr={"layout": "nop2", "fontname": FONT, "outputorder": "edgesfirst", "pad": "0.25", "compound": "true"},
        node_attr={"fontname": FONT, "fontsize": _n(NAME_SIZE), "shape": "box", "fixedsize": "true", "penwidth": "1.6"},
        edge_attr={"fontname": FONT, "fontsize": _n(LABEL_SIZE), "arrowsize": _n(ARROW_SIZE)},
    )
    sketch = layout.sketch
    _add_group(graph, layout)
    for state in sketch.states:
        if state.status not in sketch.group:
            _add_state(graph, state, layout.boxes[state.status])
    for hub in sketch.hubs:
        _add_hub(graph, hub, layout.boxes[hub.key])
    for arrow, route, label in zip(sketch.arrows, layout.routes, layout.labels, strict=True):
        _add_arrow(graph, arrow, route, label, sketch.group)
    _add_words(graph, layout)
    return graph


def _add_group(graph: Digraph, layout: Layout) -> None:
    frame = layout.boxes[GROUP]
    with graph.subgraph(name=_CLUSTER) as cluster:
        cluster.attr(
            label=_label(GROUP_NAME),
            bb=",".join(_n(edge) for edge in (frame.left, frame.bottom, frame.right, frame.top)),
            lp=_centre(layout.boxes[GROUP_NAME]),
            style="rounded,filled",
            color=FRAME,
            fillcolor=FRAME_FILL,
            fontsize=_n(LABEL_SIZE),
            fontcolor=SOFT_INK,
        )
        for state in layout.sketch.states:
            if state.status in layout.sketch.group:
                _add_state(cluster, state, layout.boxes[state.status])


def _add_state(graph: Digraph, state: State, box: Box) -> None:
    paint = FAINT_PAINT if state.faint else HEALTH_PAINT[state.health]
    size = CENTRAL_SIZE if state.central else NAME_SIZE
    graph.node(
        state.status,
        label=_label(f"{state.status}\n " if state.caption else state.status),
        style="rounded,filled",
        fillcolor=paint.fill,
        color=paint.line,
        fontcolor=paint.text,
        fontname=BOLD_FONT if state.central else FONT,
        fontsize=_n(size),
        peripheries="2" if state.final else "1",
        **_at(box.grown(-_PERIPHERY) if state.final else box),
    )
    if state.caption:
        below = Box(box.x, box.y - size * 0.77, box.width, CAPTION_SIZE * 1.4)
        _add_plain(graph, f"{state.status}_caption", state.caption, below, CAPTION_SIZE, paint.text)
    if state.tag:
        _add_tag(graph, state, box)


def _add_tag(graph: Digraph, state: State, box: Box) -> None:
    spot = Box(box.left + 3, box.top, 34, 16)
    graph.node(
        f"{state.status}_tag",
        label=_label(state.tag),
        style="filled,rounded",
        fillcolor=INK,
        color=WHITE,
        fontcolor=WHITE,
        fontname=BOLD_FONT,
        fontsize=_n(CAPTION_SIZE),
        **_at(spot),
    )


def _add_hub(graph: Digraph, hub: Hub, box: Box) -> None:
    colour = PENS[hub.look].colour
    graph.node(
        hub.key,
        label=_label(hub.text),
        style="rounded,dashed",
        color=colour,
        fontcolor=colour,
        fontsize=_n(CAPTION_SIZE),
        penwidth="1.1",
        **_at(box),
    )


def _add_arrow(graph: Digraph, arrow: Arrow, route: Route, label: Box | None, group: tuple[str, ...]) -> None:
    pen = PENS[arrow.look]
    attributes = {
        "pos": _path(arrow, route),
        "color": pen.colour,
        "penwidth": _n(pen.width if arrow.width is None else arrow.width),
        "style": pen.style,
    }
    if label:
        attributes |= {"label": _label(arrow.label), "lp": _centre(label), "fontcolor": pen.colour}
    if arrow.two_way:
        attributes["dir"] = "both"
    attributes |= {clip: _CLUSTER for clip, end in (("ltail", arrow.tail), ("lhead", arrow.head)) if end == GROUP}
    member = group[len(group) // 2] if group else GROUP
    graph.edge(*(member if end == GROUP else end for end in (arrow.tail, arrow.head)), **attributes)


def _path(arrow: Arrow, route: Route) -> str:
    """The tips and the curve, in quarters: Graphviz measures a picture by its curves' control points."""
    tips = [f"s,{_xy(route.start)}"] if arrow.two_way else []
    quarters = [quarter for half in route.curve.split() for quarter in half.split()]
    points = [route.curve.start, *(point for quarter in quarters for point in quarter[1:])]
    return " ".join([*tips, f"e,{_xy(route.end)}", *(_xy(point) for point in points)])


# ---- The words around -----------------------------------------------------------------------------


def _add_words(graph: Digraph, layout: Layout) -> None:
    for i, text in enumerate((*layout.title, *layout.legend.texts)):
        _add_text(graph, f"text_{i}", text)
    for swatch in layout.legend.swatches:
        _add_swatch(graph, swatch)
    for sample in layout.legend.samples:
        _add_sample(graph, sample)


def _add_text(graph: Digraph, name: str, text: Text) -> None:
    ranged_left = "".join(f"{_label(line)}\\l" for line in text.words.split("\n"))
    font = BOLD_FONT if text.bold else FONT
    room = text.box.width * _SLACK
    box = Box(text.box.left + room / 2, text.box.y, room, text.box.height)
    graph.node(
        name,
        label=ranged_left,
        shape="plaintext",
        margin="0",
        fontname=font,
        fontsize=_n(text.size),
        fontcolor=text.colour,
        **_at(box),
    )


def _add_plain(graph: Digraph, name: str, words: str, box: Box, size: float, colour: str) -> None:
    graph.node(name, label=_label(words), shape="plaintext", fontsize=_n(size), fontcolor=colour, **_at(box))


def _add_swatch(graph: Digraph, swatch: Swatch) -> None:
    paint = HEALTH_PAINT[swatch.health]
    graph.node(
        f"health_{swatch.health}",
        label=_label(spoken(swatch.health)),
        style="rounded,filled",
        fillcolor=paint.fill,
        color=paint.line,
        fontcolor=paint.text,
        fontsize=_n(TEXT_SIZE),
        penwidth="1.2",
        **_at(swatch.box),
    )


def _add_sample(graph: Digraph, sample: Sample) -> None:
    pen = PENS[sample.look]
    ends = [f"sample_{sample.look}_{end}" for end in ("tail", "head")]
    for end, point in zip(ends, (sample.start, sample.end), strict=True):
        graph.node(end, label="", style="invis", **_at(Box(*point, 0.72, 0.72)))
    (x, y), tip = sample.start, sample.end
    thirds = [(x + (tip[0] - HEAD_LENGTH - x) * i / 3, y) for i in range(4)]
    path = " ".join([f"e,{_xy(tip)}", *map(_xy, thirds)])
    graph.edge(*ends, pos=path, color=pen.colour, penwidth=_n(pen.width), style=pen.style)


# ---- The language ---------------------------------------------------------------------------------


def _label(words: str) -> str:
    """Words as they are: no backslash, quote or angle bracket in them means anything to Graphviz."""
    return str(nohtml("\\n".join(escape(line).replace("&", "&amp;") for line in words.split("\n"))))


def _at(box: Box) -> dict[str, str]:
    inch = 72
    return {"pos": _centre(box), "width": f"{box.width / inch:.4f}", "height": f"{box.height / inch:.4f}"}


def _centre(box: Box) -> str:
    return _xy((box.x, box.y))


def _xy(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(number: float) -> str:
    return f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")  # no minus before a zero
