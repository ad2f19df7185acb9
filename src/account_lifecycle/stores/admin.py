"""A store as a database: backups and copies of it."""

from collections.abc import Mapping
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
