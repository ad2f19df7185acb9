"""A sketch as a Mermaid flowchart, which many places render from its text alone.

Knows the Mermaid language; it must never decide what is shown. Mermaid finds the places itself.
"""

import json
from collections.abc import Iterator

from .palette import FAINT_PAINT, FRAME, FRAME_FILL, HEALTH_PAINT, INK, PENS, SOFT_INK, WHITE, Paint
from .sketch import GROUP, GROUP_NAME, Arrow, Hub, Look, Sketch, State

_INDENT = "    "
_SHAFTS = {Look.MAIN: "==", Look.LAWFUL: "--", Look.SHARED: "-.-", Look.ILLEGAL: "-.-", Look.FAINT: "--"}
_STROKES = {
    Look.MAIN: "bold",
    Look.LAWFUL: "thin",
    Look.SHARED: "dotted",
    Look.ILLEGAL: "dotted red",
    Look.FAINT: "pale",
}
_ENTITIES = {ord(char): f"#{ord(char)};" for char in '"#&<>`%;\\'} | {ord("\n"): "<br/>"}


def flowchart(sketch: Sketch) -> str:
    """The picture as Mermaid text."""
    return "\n".join(_lines(sketch)) + "\n"


def _lines(sketch: Sketch) -> Iterator[str]:
    title = f"{sketch.title}: {sketch.subtitle}" if sketch.subtitle else sketch.title
    yield from ("---", f"title: {json.dumps(title)}", "---", "flowchart LR")
    yield from (_INDENT + line for line in _body(sketch))


def _body(sketch: Sketch) -> Iterator[str]:
    yield from (_state(state) for state in sketch.states if state.status not in sketch.group)
    yield f'subgraph {GROUP}["{_quoted(GROUP_NAME)}"]'
    yield from (_INDENT + _state(state) for state in sketch.states if state.status in sketch.group)
    yield "end"
    yield from (_hub(hub) for hub in sketch.hubs)
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


def _hub(hub: Hub) -> str:
    return f'{hub.key}(["{_quoted(hub.text)}"]):::{hub.look}'


def _arrow(arrow: Arrow) -> str:
    label = f'|"{_quoted(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.tail} {'<' if arrow.two_way else ''}{_line(arrow.look)}{label} {arrow.head}"


def _line(look: Look) -> str:
    return f"{_SHAFTS[look]}>"


def _styles(sketch: Sketch) -> Iterator[str]:
    for health in dict.fromkeys(state.health for state in sketch.states if not state.faint):
        yield f"classDef {health} {_paint(HEALTH_PAINT[health])}"
    yield f"classDef faint {_paint(FAINT_PAINT)}"
    for look in dict.fromkeys(hub.look for hub in sketch.hubs):
        yield f"classDef {look} {_paint(Paint(WHITE, PENS[look].colour, PENS[look].colour))},stroke-dasharray:4 3"
    yield f"classDef notes {_paint(Paint(WHITE, WHITE, SOFT_INK))},text-align:left"
    yield f"style {GROUP} {_paint(Paint(FRAME_FILL, FRAME))}"
    for state in sketch.states:
        if state.tag:
            yield f"style {state.status} stroke:{INK},stroke-width:5px"
    yield from _link_styles(sketch.arrows)


def _link_styles(arrows: tuple[Arrow, ...]) -> Iterator[str]:
    """One line for all arrows that are drawn alike."""
    alike: dict[str, list[str]] = {}
    for i, arrow in enumerate(arrows):
        pen = PENS[arrow.look]
        width = pen.width if arrow.width is None else arrow.width
        alike.setdefault(f"stroke:{pen.colour},stroke-width:{width:.1f}px", []).append(str(i))
    yield from (f"linkStyle {','.join(numbers)} {style}" for style, numbers in alike.items())


def _paint(paint: Paint) -> str:
    return f"fill:{paint.fill},stroke:{paint.line},color:{paint.text}"


def _quoted(words: str) -> str:
    """Words as they are: nothing in them means anything to Mermaid or to the page around it."""
    return words.translate(_ENTITIES)
