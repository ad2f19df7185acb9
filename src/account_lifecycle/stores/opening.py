"""Open the store that a URL names."""

import re
from pathlib import Path

from ..errors import ConfigurationError, StoreError
from ..urls import public_url
from .protocol import Store

SCHEMES = "memory:, sqlite:///FILE or postgresql://USER@HOST/DATABASE"
"""The store URLs that can be opened."""


SERVERS = ("postgresql://", "postgres://")
"""How the URL of a store on a server begins."""

_FILE = "sqlite:///"


def store_file(url: str) -> Path | None:
    """Return the file that a store's URL names, or None if it names none.

    Raise ``ConfigurationError`` for a URL with parameters, of which none would be heeded.
    """
    if not url.startswith(_FILE):
        return None
    if "?" in url:
        raise ConfigurationError("store", repr(public_url(url)), "sqlite:///FILE, without parameters")
    return Path(url.removeprefix(_FILE))


def is_same_store(url: str, other: str) -> bool:
    """Return whether two URLs name the same store: the same file, or the same words of a server."""
    file, other_file = store_file(url), store_file(other)
    if file is not None and other_file is not None:
        return file.resolve() == other_file.resolve()
    return re.sub("^postgres:", "postgresql:", url) == re.sub("^postgres:", "postgresql:", other)


def open_store(url: str) -> Store:
    """Open the store that a URL names, and make it if it does not exist.

    Raises ``ConfigurationError`` for a URL that names none, and ``StoreError`` if the store cannot be opened.
    """
    file, (scheme, _, rest) = store_file(url), url.partition(":")
    if url in ("memory:", "memory://"):
        from .sqlite import TemporaryStore

        return TemporaryStore()
    if file is not None and rest[3:] not in ("", ":memory:") and "\0" not in rest:
        from .sqlite import SQLiteStore

        return SQLiteStore(file)
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        return _open_postgres(url)
    raise ConfigurationError("store", repr(public_url(url)), SCHEMES)


def _open_postgres(url: str) -> Store:
    try:
        from .postgres import PostgresStore
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("psycopg", "psycopg_pool"):
            raise
        raise StoreError(
            'PostgreSQL needs psycopg, which is not installed. Run: pip install "account-lifecycle[postgres]"'
        ) from error
    return PostgresStore(url)
