"""The composition root: which parts an engine is made of.

The only place that names concrete stores and drawings; it holds no rule and no logic of its own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .engine import EngineCore, utc_now
from .errors import ConfigurationError, StoreError, without_password
from .lifecycle.decide import DEFAULT_POLICY, Policy
from .lifecycle.machine import Situation
from .ports import Clock, Observer, Store
from .telemetry import log_anomalies

if TYPE_CHECKING:
    from graphviz import Digraph

SCHEMES = "memory:, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
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
        """Open an engine on a store: ``memory:``, ``sqlite:///FILE``, which is made if it is not there, or
        ``postgresql://USER@HOST/DATABASE``, a database that is there, in which tables are made if need be.

        ``sqlite:///accounts.db`` is relative to the working directory, ``sqlite:////var/lib/accounts.db``
        is absolute. A ``postgresql:`` URL is libpq's, with all its parameters, and needs the extra
        ``account-lifecycle[postgres]``. By default every anomaly is logged. Use it as a context manager, or close
        it. Raises ``ConfigurationError`` for a URL that names no store and ``StoreError`` for one that cannot
        be opened.
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
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        return _open_postgres(url)
    raise ConfigurationError("store", repr(without_password(url)), SCHEMES)


def _open_postgres(url: str) -> Store:
    try:
        from .stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise StoreError(
            'PostgreSQL needs psycopg, which is not installed. Run: pip install "account-lifecycle[postgres]"'
        ) from error
    return PostgresStore(url)


def _draw(situation: Situation) -> "Digraph":
    from .drawing import draw_situation

    return draw_situation(situation)
