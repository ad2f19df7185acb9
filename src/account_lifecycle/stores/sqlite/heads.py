"""Heads that were noted down: whether the chain once ended there.

Knows that there is one chain, so that every digest in it was the head once; it must never judge one.
"""

from .connection import told_plainly
from .file import SQLiteFile


def has_digest(store: SQLiteFile, digest: str) -> bool:
    """Whether an event of the ledger has this digest, in hexadecimal."""
    sql = "SELECT 1 FROM event WHERE digest = ? LIMIT 1"
    with store.snapshot() as snapshot, told_plainly(store.path):
        return next(snapshot.rows(sql, (bytes.fromhex(digest),)), None) is not None
