"""The life cycle with everybody in it: the drawing of the fleet's page, rendered once into a template.

The server has no renderer. ``python3 dev.py diagrams`` draws the life cycle and writes it as ``life_cycle.svg.jinja``:
each state a link to its accounts, with a place for their count; classes instead of colours, so that the style of the
pages says what they are, light and dark; no font, which the style brings too.
"""

import re
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from xml.etree import ElementTree

from ..drawing.gallery import renderer_versions
from ..drawing.life_cycle import sketch_lifecycle
from ..drawing.picture import Picture
from ..drawing.sketch import FRAME_PAINT, HEALTH_PAINT, INK, SOFT_INK, State
from ..lifecycle.status import Status
from ..outputs.drafts import drafted
from .rendering import health_class

TEMPLATE = Path(__file__).parent / "templates" / "life_cycle.svg.jinja"

_SVG = "{http://www.w3.org/2000/svg}"
_CLASSES = {INK: "ink", SOFT_INK: "soft", FRAME_PAINT.fill: "frame", FRAME_PAINT.line: "frame"}
_PLACE = "1,234,5{:02}"
"""Stands for a count, as long as any that is likely; the last digits say whose it is."""
_DRAWN = ("d", "points", "x", "y", "text-anchor", "stroke-width", "stroke-dasharray")
"""Attributes that say where something is; the others say how it looks, or mean nothing here."""


def draw() -> str:
    """Return the template. Raise ``DrawingError`` if nothing here can render it."""
    sketch = sketch_lifecycle()
    states = tuple(state._replace(caption=_PLACE.format(n)) for n, state in enumerate(sketch.states))
    bare = sketch._replace(title="", subtitle="", key=(), healths=(), notes=(), states=states)
    root = ElementTree.fromstring(Picture(bare).svg())
    graph = next(root.iter(f"{_SVG}g"))
    lines = [
        f"{{# Drawn from the compiled machine by dev.py diagrams, and never edited. {renderer_versions()} #}}",
        f'<svg class="life-cycle" viewBox="{root.get("viewBox")}" role="group" aria-labelledby="life-cycle">',
        f'<g transform="{graph.get("transform", "").partition(" rotate")[2].partition(") ")[2]}">',
        *_written(graph, {state.status: state for state in states}),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _written(graph: ElementTree.Element, states: dict[Status, State]) -> Iterator[str]:
    """Yield the frame, the arrows and the boxes that are no states, then each state as a link."""
    waiting: State | None = None
    shapes: list[str] = []
    for group in graph.iter(f"{_SVG}g"):
        if group is graph:
            continue
        title = group.findtext(f"{_SVG}title", "")
        parts = [_element(part) for part in group if part.tag != f"{_SVG}title" and part.text != " "]
        if title in states:
            waiting, shapes = states[Status(title)], parts
        elif waiting is not None:  # the caption, which comes after its state
            yield _state(waiting, [*shapes, *parts])
            waiting = None
        else:
            yield f"<g>{''.join(parts)}</g>"


def _state(state: State, parts: list[str]) -> str:
    """Return a state as a link, the count in place of its caption."""
    name = f"count_{state.status}"
    count = f'{{% block live_{name} %}}{{{{ counts["{state.status}"] | number }}}}{{% endblock %}}'
    drawn = "".join(parts).replace(f">{state.caption}<", f' data-live="{name}">{count}<')
    style = f"state {health_class(state.health)}" + (" central" if state.central else "")
    return f'<a href="/accounts?status={state.status}" class="{style}">{drawn}</a>'


def _element(part: ElementTree.Element) -> str:
    """Return a shape or a line of text by its places, and classes for its colours."""
    tag = part.tag.removeprefix(_SVG)
    given = [f'{name}="{_short(value)}"' for name in _DRAWN if (value := part.get(name))]
    words = part.text or ""
    if tag == "text":
        style = [_CLASSES.get(part.get("fill", ""), ""), "count" if re.fullmatch(r"1,234,5\d\d", words) else ""]
        is_bold = part.get("font-weight") == "bold"
        given += [f'font-size="{float(part.get("font-size", "0")):g}"', *(['font-weight="700"'] if is_bold else [])]
        if "count" not in style:
            given.append(f'textLength="{part.get("textLength")}" lengthAdjust="spacingAndGlyphs"')
    else:
        fill = part.get("fill", "none")
        is_box = fill in {paint.fill for paint in HEALTH_PAINT.values()}
        head = "head " if tag == "polygon" else "line " if fill == "none" else ""
        style = ["box" if is_box else head + _CLASSES.get(part.get("stroke", ""), "")]
    classes = " ".join(filter(None, style))
    named = f' class="{classes}"' if classes else ""
    return f"<{tag}{named} {' '.join(given)}>{escape(words)}</{tag}>" if words else f"<{tag}{named} {' '.join(given)}/>"


def _short(value: str) -> str:
    """Return numbers with one digit after the point: a tenth of a point is not seen."""
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), value)


def write_template() -> Path:
    """Write the template into the package."""
    with drafted(TEMPLATE, replace=True) as draft:
        draft.text().write(draw())
    return TEMPLATE


if __name__ == "__main__":
    sys.stdout.write(f"Written: {write_template().name}\n")
