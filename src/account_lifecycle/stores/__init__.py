"""Stores: what the engine asks of one (``protocol``), and the two there are, in SQLite and in PostgreSQL.

Each store's SQL lies beside its code: ``schema.sql`` makes an empty database, ``statements.sql`` has the rest.
"""

import re
from functools import cache


@cache
def schema_script(store: str) -> str:
    """Return the script that makes the tables of ``store`` ("sqlite" or "postgres") in an empty database."""
    return _read(store, "schema.sql")


@cache
def statements(store: str) -> dict[str, str]:
    """Return the statements of ``store`` by name: in its file each starts with a line ``-- name: NAME``."""
    _, *parts = re.split(r"^-- name: (\w+)\n", _read(store, "statements.sql"), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


def _read(store: str, name: str) -> str:
    from importlib.resources import files  # an import of the library need not wait for it

    return (files(__name__) / store / name).read_text(encoding="utf-8")
