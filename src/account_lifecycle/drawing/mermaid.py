"""A sketch as a Mermaid flowchart, which many places render from its text alone; Mermaid finds the places itself."""

import json
from collections.abc import Iterator

from .sketch import (
    FAINT_PAINT,
    FRAME_PAINT,
    GROUP,
    GROUP_NAME,
    HEALTH_PAINT,
    INK,
    PENS,
    SOFT_INK,
    WHITE,
    Arrow,
    Look,
    Paint,
    Sketch,
    State,
)

_INDENT = "    "
_SHAFTS = dict.fromkeys(Look, "-.-") | {Look.MAIN: "==", Look.EXPECTED: "--", Look.FAINT: "--"}
_STROKES = {
    Look.MAIN: "bold",
    Look.EXPECTED: "thin",
    Look.SHARED: "dotted",
    Look.UNHEARD: "dotted grey",
    Look.INFO: "dotted blue",
    Look.WARNING: "dotted brown",
    Look.ERROR: "dotted red",
    Look.FAINT: "pale",
}
_ENTITIES = {ord(char): f"#{ord(char)};" for char in '"#&<>`%;\\'} | {ord("\n"): "<br/>"}


def flowchart(sketch: Sketch) -> str:
    """Return the picture as Mermaid text."""
    title = f"{sketch.title}: {sketch.subtitle}" if sketch.subtitle else sketch.title
    head = ("---", f"title: {json.dumps(title)}", "---", "flowchart LR")
    return "\n".join((*head, *(_INDENT + line for line in _body(sketch)))) + "\n"


def _body(sketch: Sketch) -> Iterator[str]:
    yield from (_state(state) for state in sketch.states if state.status not in sketch.group)
    yield f'subgraph {GROUP}["{_quoted(GROUP_NAME)}"]'
    yield from (_INDENT + _state(state) for state in sketch.states if state.status in sketch.group)
    yield "end"
    yield from (f'{hub.key}(["{_quoted(hub.text)}"]):::{hub.look}' for hub in sketch.hubs)
    yield from (_arrow(arrow) for arrow in sketch.arrows)
    key = (f"{_STROKES[look]}: {meaning}" for look, meaning in sketch.key)
    words = "\n".join((*key, *(line for _, line in sketch.log)))
    yield f'NOTES["{_quoted(words)}"]:::notes'
    yield from (f"%% {note}" for note in sketch.notes)
    yield from _styles(sketch)


def _state(state: State) -> str:
    name = f"{state.status} ({state.tag})" if state.tag else state.status
    label = _quoted("\n".join(words for words in (name, state.caption) if words))
    left, right = ("[[", "]]") if state.final else ("(", ")")
    return f'{state.status}{left}"{label}"{right}:::{"faint" if state.faint else state.health}'


def _arrow(arrow: Arrow) -> str:
    label = f'|"{_quoted(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.tail} {'<' if arrow.two_way else ''}{_SHAFTS[arrow.look]}>{label} {arrow.head}"


def _styles(sketch: Sketch) -> Iterator[str]:
    for health in dict.fromkeys(state.health for state in sketch.states if not state.faint):
        yield f"classDef {health} {_paint(HEALTH_PAINT[health])}"
    yield f"classDef faint {_paint(FAINT_PAINT)}"
    for look in dict.fromkeys(hub.look for hub in sketch.hubs):
        yield f"classDef {look} {_paint(Paint(WHITE, PENS[look].colour, PENS[look].colour))},stroke-dasharray:4 3"
    yield f"classDef notes {_paint(Paint(WHITE, WHITE, SOFT_INK))},text-align:left"
    yield f"style {GROUP} {_paint(FRAME_PAINT)}"
    for state in sketch.states:
        if state.tag:
            yield f"style {state.status} stroke:{INK},stroke-width:5px"
    alike: dict[str, list[str]] = {}
    for i, arrow in enumerate(sketch.arrows):
        style = f"stroke:{arrow.pen.colour},stroke-width:{arrow.pen.width:.1f}px"
        alike.setdefault(style, []).append(str(i))
    yield from (f"linkStyle {','.join(numbers)} {style}" for style, numbers in alike.items())


def _paint(paint: Paint) -> str:
    return f"fill:{paint.fill},stroke:{paint.line},color:{paint.text}"


def _quoted(words: str) -> str:
    """Return words as they are: nothing in them means anything to Mermaid or to the page around it."""
    return words.translate(_ENTITIES)
