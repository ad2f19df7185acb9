"""Pictures of the life cycle, drawn from the compiled machine.

    from account_lifecycle import drawing

    drawing.lifecycle().write("lifecycle.svg")                 # everything that is expected
    drawing.provider("GOOGLE").write("google.png")             # one provider's accounts
    drawing.deviations().write("deviations.svg")               # what unexpected announcements do
    drawing.path(steps, now=account).write("acc_1.svg")        # where one account went
    drawing.traffic(counts).write("traffic.svg")               # what a fleet did

Each returns a ``Picture`` with ``dot()``, ``mermaid()``, ``svg()``, ``png()``, ``digraph()`` and ``write(path)``.
DOT and Mermaid need nothing installed; SVG and PNG need the extra ``diagrams``, or Graphviz, and raise
``DrawingError`` where there is neither.

How a picture comes about: ``table`` reads moves, guards and parts from the compiled machine and folds what says the
same; ``life_cycle`` and ``history`` make a ``sketch`` of them, states, arrows and words without a coordinate;
``placement`` gives each state its fixed place, ``routes`` each arrow its way; ``dot`` and ``mermaid`` write it down;
``picture`` renders it. No rule is stated here: change the definition, and every picture changes.
"""

from collections.abc import Iterable, Mapping

from graphviz import Digraph

from ..lifecycle.account import Account
from ..lifecycle.machine import Situation
from .history import Crossing, PathStep, sketch_path, sketch_traffic
from .life_cycle import sketch_deviations, sketch_lifecycle, sketch_provider, sketch_situation
from .picture import DrawingError, Picture

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
    """Draw the whole life cycle, or that of the providers which announce syncs (True) or never do (False)."""
    return Picture(sketch_lifecycle(announces_sync))


def provider(provider: str | None) -> Picture:
    """Draw the life cycle of one provider's accounts with its deadlines; an unknown one may announce anything."""
    return Picture(sketch_provider(provider))


def deviations() -> Picture:
    """Draw what unexpected announcements do, and the kind of anomaly that each is."""
    return Picture(sketch_deviations())


def path(
    steps: Iterable[PathStep], account_id: str = "", provider: str | None = None, now: Account | None = None
) -> Picture:
    """Draw an account's own path, oldest step first, with its present state marked.

    ``now``, the account as it stands, tells its name and provider, and shows its own health and blind window.
    """
    return Picture(sketch_path(steps, account_id, provider, now))


def traffic(counts: Mapping[Crossing, int]) -> Picture:
    """Draw a fleet's traffic: how often which move was made and what was held."""
    return Picture(sketch_traffic(counts))


def draw_situation(situation: Situation) -> Digraph:
    """Draw the life cycle with that situation marked as the present one."""
    return Picture(sketch_situation(situation)).digraph()
