"""The store in one file: SQLite through apsw, in WAL mode, synced at every commit.

Knows which parts make it; each has a module of its own.
"""

from .backup import SQLiteBackup
from .connection import BUSY_TIMEOUT_MS, CACHE_KIB, check_library
from .ledger import REMEMBERED_ACCOUNTS, SQLiteLedger
from .migrating import APPLICATION_ID, pending_migrations
from .outbox import SQLiteOutbox
from .proving import SQLiteProver
from .pruning import SQLitePruner
from .reading import SQLiteReader

__all__ = (
    "APPLICATION_ID",
    "BUSY_TIMEOUT_MS",
    "CACHE_KIB",
    "REMEMBERED_ACCOUNTS",
    "SQLiteStore",
    "check_library",
    "pending_migrations",
)


class SQLiteStore(SQLiteLedger, SQLitePruner, SQLiteReader, SQLiteProver, SQLiteOutbox, SQLiteBackup):
    """Everything in one SQLite file, made if it is not there. Safe to share between threads and processes.

    Raises ``StoreError`` when the file cannot be opened, is not one of ours, or was made by a newer version.
    """
