"""A picture: one sketch in every format.

Knows formats and files; it must never know what it shows.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from xml.sax.saxutils import escape

from graphviz import Digraph

from .dot import GRAPH_NAME, digraph
from .layout import Layout, lay_out
from .mermaid import flowchart
from .renderers import DrawingError, png_of, svg_of
from .sketch import Sketch


class Picture:
    """Ask it for any format, or let it write a file; it is laid out once, at the first need."""

    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        """What it shows."""

    def dot(self) -> str:
        """Graphviz's language, with every coordinate: any Graphviz renders it alike."""
        return str(self.digraph().source)

    def mermaid(self) -> str:
        """A Mermaid flowchart; Mermaid finds the places itself."""
        return flowchart(self.sketch)

    def svg(self) -> str:
        """SVG. Raises ``DrawingError`` if nothing here can render it."""
        title = f"<title>{escape(self.sketch.title)}</title>"
        return svg_of(self.dot()).replace(f"<title>{GRAPH_NAME}</title>", title, 1)

    def png(self) -> bytes:
        """PNG, on white, at 96 pixels an inch. Raises ``DrawingError`` if nothing here can render it."""
        return png_of(self.dot())

    def digraph(self) -> Digraph:
        """The graph, to be changed or shown in a notebook."""
        return digraph(self.layout)

    @cached_property
    def layout(self) -> Layout:
        """Where everything goes, in points."""
        return lay_out(self.sketch)

    def write(self, path: Path | str) -> Path:
        """Write a file in the format that its suffix names; raises ``DrawingError`` if that names none."""
        path = Path(path)
        formats: dict[str, Callable[[], str | bytes]] = {
            ".dot": self.dot,
            ".gv": self.dot,
            ".mmd": self.mermaid,
            ".mermaid": self.mermaid,
            ".svg": self.svg,
            ".png": self.png,
        }
        if path.suffix.lower() not in formats:
            raise DrawingError(f"{path.name!r} names no format of a picture; end it in one of {', '.join(formats)}.")
        drawn: str | bytes = formats[path.suffix.lower()]()
        path.write_bytes(drawn.encode("utf-8") if isinstance(drawn, str) else drawn)
        return path
