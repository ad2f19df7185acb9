"""From nothing, or from an older version, to a file of this version.

Knows the numbered migrations and what of them needs Python; it must never know what the tables are read for.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import apsw

from ...errors import StoreError
from ..sql import migration_names, migrations
from . import connection
from .connection import every, pragma, told_plainly, transaction
from .version_1 import carry_over

APPLICATION_ID = 0x41434C43
"""What marks a SQLite file as one of ours ("ACLC")."""

AFTER: dict[int, Callable[[apsw.Connection], None]] = {2: carry_over}
"""What a migration leaves to Python, in the same transaction."""

Locked = Callable[[], AbstractContextManager[None]]


def pending_migrations(path: Path) -> list[str]:
    """The names of the migrations that opening a file would run, in order; all of them if it is not there.

    Changes nothing. Raises ``StoreError`` for a file that cannot be opened or is not one of ours.
    """
    names = list(migration_names("sqlite"))
    if not path.exists():
        return names
    with told_plainly(path):
        db = connection.open_reader(path.absolute())
        try:
            _check(db, path)
            return names[pragma(db, "user_version") :]
        finally:
            db.close()


@cache
def schema() -> dict[str, str]:
    """The definitions of this version's tables and indexes by their names, as a file has them."""
    db = apsw.Connection(":memory:")
    try:
        _migrate(db)
        found = every(db, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return dict(found)
    finally:
        db.close()


def prepare(db: apsw.Connection, path: Path, locked: Locked) -> None:
    """Make a new file ours, bring an old one up to date, refuse anybody else's; wait while another process does."""
    patience_ends = time.monotonic() + connection.BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            _check(db, path)
            if _is_ready(db):
                return
            with locked():
                _migrate(db)
                if pragma(db, "journal_mode") != "wal":
                    every(db, "PRAGMA journal_mode = WAL")
            return
        except apsw.BusyError:  # SQLite itself does not wait for a change of the journal mode
            if time.monotonic() > patience_ends:
                raise
            time.sleep(0.02)


def _is_ready(db: apsw.Connection) -> bool:
    return bool(pragma(db, "user_version") == len(migrations("sqlite")) and pragma(db, "journal_mode") == "wal")


def _check(db: apsw.Connection, path: Path) -> None:
    """Refuse a file that another program, or a newer version, has made."""
    with transaction(db, "DEFERRED"):
        application_id, version = pragma(db, "application_id"), pragma(db, "user_version")
        is_new = application_id == 0 and pragma(db, "schema_version") == 0
    if application_id != APPLICATION_ID and not is_new:
        raise StoreError(f"{path} is a SQLite file of another program. Name a file of your own.")
    if version > len(migrations("sqlite")):
        raise StoreError(
            f"{path} has schema version {version}, but this version of account-lifecycle knows only "
            f"{len(migrations('sqlite'))}. Install the newer version that made it."
        )


def _migrate(db: apsw.Connection) -> None:
    """Run the migrations that are missing, each in one transaction of its own."""
    for number, script in enumerate(migrations("sqlite"), 1):
        if pragma(db, "user_version") >= number:
            continue
        with transaction(db, "IMMEDIATE"):
            if pragma(db, "user_version") < number:  # or else another process was faster
                every(db, script)
                if number in AFTER:
                    AFTER[number](db)
                every(db, f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}")
