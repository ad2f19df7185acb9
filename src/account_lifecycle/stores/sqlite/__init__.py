"""The store in one file: SQLite through apsw, in WAL mode, synced at every commit."""

import os
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from typing_extensions import override

from .connection import APPLICATION_ID, BUSY_TIMEOUT_MS, CACHE_KIB, SCHEMA_VERSION, check_library
from .ledger import REMEMBERED_ACCOUNTS, SQLiteLedger
from .outbox import SQLiteOutbox
from .proving import SQLiteProver
from .reading import SQLiteReader
from .reconciling import SQLiteReconciler
from .retention import SQLiteRetention

__all__ = (
    "APPLICATION_ID",
    "BUSY_TIMEOUT_MS",
    "CACHE_KIB",
    "REMEMBERED_ACCOUNTS",
    "SCHEMA_VERSION",
    "SQLiteStore",
    "TemporaryStore",
    "check_library",
)


class SQLiteStore(SQLiteLedger, SQLiteRetention, SQLiteReader, SQLiteProver, SQLiteOutbox, SQLiteReconciler):
    """Everything in one SQLite file, made if it does not exist. Safe to share between threads and processes.

    Raises ``StoreError`` when the file cannot be opened, is not one of ours, or has another version's schema.
    """

    is_lasting: bool = True


class TemporaryStore(SQLiteStore):
    """The same in a private file that is never synced: the store of ``memory:``, for tests and a first look.

    The file has a directory of its own, which is removed when the store is closed or collected as garbage, and at
    the latest when the interpreter exits. A forked child shares the file but never removes it.
    """

    is_lasting = False

    def __init__(self) -> None:
        directory = Path(mkdtemp(prefix="account-lifecycle-"))
        self._remove = finalize(self, _remove, directory, os.getpid())
        super().__init__(directory / "accounts.db", synchronous="OFF")

    @override
    def close(self) -> None:
        """Close the store and remove its file; closing twice is harmless."""
        super().close()
        self._remove()


def _remove(directory: Path, owner_pid: int) -> None:
    if os.getpid() == owner_pid:
        rmtree(directory, ignore_errors=True)
