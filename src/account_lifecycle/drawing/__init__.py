"""Pictures of the life cycle, drawn from the compiled machine.

    from account_lifecycle import drawing

    drawing.lifecycle().write("lifecycle.svg")                 # everything that is lawful
    drawing.provider("GOOGLE").write("google.png")             # one provider's accounts
    drawing.deviations().write("deviations.svg")               # what unlawful announcements do
    drawing.path(steps, account_id="acc_1").write("acc_1.svg") # where one account went
    drawing.traffic(counts).write("traffic.svg")               # what a fleet did

Each gives a ``Picture`` with ``dot()``, ``mermaid()``, ``svg()``, ``png()``, ``digraph()`` and ``write(path)``.
DOT and Mermaid need nothing installed; SVG and PNG need the extra ``diagrams``, or Graphviz, and raise
``DrawingError`` where there is neither.

Knows the compiled machine; it must never hold a rule: change the definition, and every picture changes.
"""

from collections.abc import Iterable, Mapping

from graphviz import Digraph

from ..lifecycle.machine import Situation
from .account_path import PathStep, sketch_path
from .deviations import sketch_deviations
from .fleet import Crossing, sketch_traffic
from .life_cycle import sketch_lifecycle, sketch_provider, sketch_situation
from .picture import Picture
from .renderers import DrawingError

__all__ = [
    "Crossing",
    "DrawingError",
    "PathStep",
    "Picture",
    "deviations",
    "draw_situation",
    "lifecycle",
    "path",
    "provider",
    "traffic",
]


def lifecycle(announces_sync: bool | None = None) -> Picture:
    """The whole life cycle; for one kind of provider only, if told which."""
    return Picture(sketch_lifecycle(announces_sync))


def provider(provider: str | None) -> Picture:
    """The life cycle of one provider's accounts, its deadlines and session length; the permissive one if unknown."""
    return Picture(sketch_provider(provider))


def deviations() -> Picture:
    """What announcements do that are not lawful, and the kind of anomaly that each is."""
    return Picture(sketch_deviations())


def path(steps: Iterable[PathStep], account_id: str = "", provider: str | None = None) -> Picture:
    """An account's own path, oldest step first, with its present state marked."""
    return Picture(sketch_path(steps, account_id, provider))


def traffic(counts: Mapping[Crossing, int]) -> Picture:
    """A fleet's traffic: how often which move was made and what was held."""
    return Picture(sketch_traffic(counts))


def draw_situation(situation: Situation) -> Digraph:
    """The life cycle with that situation marked as the present one."""
    return Picture(sketch_situation(situation)).digraph()
