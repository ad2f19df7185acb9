"""Stores: what the engine asks of one (``protocol``), and the two there are, in SQLite and in PostgreSQL.

Each store's SQL lies beside its code: ``schema.sql`` makes an empty database, ``statements.sql`` has the rest.
"""

import re
from functools import cache
from importlib.resources import files


@cache
def schema_script(store: str) -> str:
    """Return the script that makes the tables of ``store`` ("sqlite" or "postgres") in an empty database."""
    return (files(__name__) / store / "schema.sql").read_text(encoding="utf-8")


@cache
def statements(store: str) -> dict[str, str]:
    """Return the statements of ``store`` by name: in its file each starts with a line ``-- name: NAME``."""
    text = (files(__name__) / store / "statements.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
