"""The composition root: which parts an engine is made of.

The only place that names concrete stores and drawings; it holds no rule and no logic of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .engine import EngineCore, utc_now
from .errors import ConfigurationError
from .lifecycle.decide import DEFAULT_POLICY, Policy
from .lifecycle.machine import Situation
from .ports import Clock, Observer, Store
from .telemetry import log_anomalies

if TYPE_CHECKING:
    from graphviz import Digraph

SCHEMES = "memory: or sqlite:///FILE"
"""The store URLs that can be opened."""


class Engine(EngineCore):
    """The life-cycle engine, opened by the URL of its store."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        policy: Policy = DEFAULT_POLICY,
        clock: Clock = utc_now,
        observers: Sequence[Observer] = (log_anomalies,),
    ) -> Self:
        """Open an engine on a store: ``memory:``, or ``sqlite:///FILE``, which is made if it is not there.

        ``sqlite:///accounts.db`` is relative to the working directory, ``sqlite:////var/lib/accounts.db``
        is absolute. By default every anomaly is logged. Use it as a context manager, or close it. Raises
        ``ConfigurationError`` for a URL that names no store and ``StoreError`` for one that cannot be opened.
        """
        return cls(open_store(url), policy=policy, clock=clock, observers=observers, draw=_draw)


def open_store(url: str) -> Store:
    """The store that a URL names."""
    scheme, _, rest = url.partition(":")
    if url in ("memory:", "memory://"):
        from .stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite" and rest.startswith("///") and rest[3:] not in ("", ":memory:") and "\0" not in rest:
        from .stores.sqlite import SQLiteStore

        return SQLiteStore(Path(rest[3:]))
    raise ConfigurationError("store", repr(url), SCHEMES)


def _draw(situation: Situation) -> "Digraph":
    from .drawing import draw_situation

    return draw_situation(situation)
