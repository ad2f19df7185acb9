"""SQL, in files: the statements and the numbered migrations of each store."""

import re
from functools import cache
from importlib.resources import files


@cache
def statements(store: str) -> dict[str, str]:
    """A store's statements by name: each starts with a line ``-- name: NAME``."""
    text = (files(__package__) / store / "statements.sql").read_text(encoding="utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}


@cache
def migrations(store: str) -> tuple[str, ...]:
    """A store's migrations in order; the first makes an empty database version 1."""
    folder = files(__package__) / store
    return tuple((folder / f"{name}.sql").read_text(encoding="utf-8") for name in migration_names(store))


@cache
def migration_names(store: str) -> tuple[str, ...]:
    """Their names, such as ``0001_initial``."""
    entries = [entry.name for entry in (files(__package__) / store).iterdir()]
    names = sorted(name.removesuffix(".sql") for name in entries if re.fullmatch(r"\d{4}_\w+\.sql", name))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1)), "migrations are numbered without gaps"
    return tuple(names)
