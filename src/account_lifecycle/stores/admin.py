"""A store as a database: whether its tables are of this version, its heads, backups and copies of it.

Names concrete stores beside ``wiring``, for whoever keeps them; it must never feed, judge or read an event itself.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError, StoreError, without_password
from .opening import open_store
from .protocol import Store

_FILE = "sqlite:///"
_SERVERS = ("postgresql://", "postgres://")
_COPIES = "a store in a file, copied to postgresql://USER@HOST/DATABASE. From file to file: db backup"


def store_file(url: str) -> Path | None:
    """The file that a store's URL names, if it names one."""
    return Path(url.removeprefix(_FILE)) if url.startswith(_FILE) else None


class Copied(NamedTuple):
    """What was copied from one store into another."""

    rows: Mapping[str, int]
    """How many rows each table has, there and here."""
    head: str
    """What stands for the whole ledger on the other side."""


def pending_upgrades(url: str) -> tuple[str, ...]:
    """The names of the migrations that opening a store would run, in order; nothing is changed.

    Raises ``StoreError`` if there is no such store, or if a newer version has made it.
    """
    path = store_file(url)
    if path is not None:
        from .sqlite import pending_migrations

        return tuple(pending_migrations(path))
    if url.startswith(_SERVERS) and find_spec("psycopg"):
        from .postgres.pending import pending_migrations as pending_on_server

        return tuple(pending_on_server(url))
    open_store(url).close()  # which tells what is missing, or what is wrong with the URL
    return ()


def has_head(store: Store, head: str) -> bool:
    """Whether a head that was noted down, in hexadecimal, is in the ledger: nothing up to it was cut off or changed.

    In one chain every digest was the head once. A store with a chain for each account can tell only its present
    head, and those at which it was pruned; a store that keeps no chain knows none.
    """
    if head in {store.head(), *(segment.head for segment in store.segments())}:
        return True
    from .sqlite import SQLiteStore
    from .sqlite.heads import has_digest

    return isinstance(store, SQLiteStore) and has_digest(store, head)


def back_up(store: Store, target: Path) -> None:
    """Copy a store that lives in a file into another file, as it is at one moment, while others feed.

    Raises ``StoreError`` if there is a file of that name, or if the store is on a server, which has backups of its
    own.
    """
    from .sqlite import SQLiteStore

    if not isinstance(store, SQLiteStore):
        raise StoreError("A store on a server is backed up by the server's own means, such as pg_dump.")
    store.backup(target)


def copy(source: Store, target_url: str) -> Copied:
    """Copy everything from a store in a file to one on a server, which has to be empty, and prove the copy.

    Raises ``StoreError`` if anything does not hold, and then nothing is kept; and for any other two kinds of stores.
    """
    from .sqlite import SQLiteStore

    if not (isinstance(source, SQLiteStore) and target_url.startswith(_SERVERS)):
        raise ConfigurationError("to", repr(without_password(target_url)), _COPIES)
    target = open_store(target_url)
    try:
        from .copying import copy_store
        from .postgres import PostgresStore

        assert isinstance(target, PostgresStore)
        return Copied(*copy_store(source, target))
    finally:
        target.close()
