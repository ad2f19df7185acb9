"""A copy of a file while others write to it, checked before it gets its name.

Knows how to copy and how to put a file on a disk for good; it must never know a table.
"""

import os
from contextlib import suppress
from pathlib import Path

import apsw

from ...errors import StoreError
from .connection import every, open_reader, told_plainly
from .file import SQLiteFile


class SQLiteBackup(SQLiteFile):
    """What a SQLite store can do beyond ``ports.Store``."""

    def backup(self, path: Path) -> None:
        """Copy the store as it is now into a new file; on return it is whole, checked and on the disk.

        Others may go on writing. Raises ``StoreError`` if there is a file of that name, if the copy cannot be
        written or is not sound; then nothing is left of it.
        """
        self._check_open()
        path = path.absolute()
        if path.exists():
            raise StoreError(f"{path} exists already and is not overwritten. Name another file.")
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with told_plainly(path):
                _copy(self.path, draft)
                _name(draft, path)
        finally:
            with suppress(OSError):  # the copy has its own name by then, or there is none
                draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path) -> None:
    draft.unlink(missing_ok=True)
    reader, copy = open_reader(source), apsw.Connection(str(draft))
    try:
        with copy.backup("main", reader, "main") as backup:
            while not backup.done:
                backup.step(1000)
        every(copy, "PRAGMA journal_mode = DELETE")  # one file and no log beside it; opening makes it a log again
        found = every(copy, "PRAGMA integrity_check")
        if found != [("ok",)]:
            raise StoreError(
                f"{source} is damaged, so that no sound copy can be made ({found[0][0]}). Restore a backup."
            )
    finally:
        copy.close()
        reader.close()


def _name(draft: Path, path: Path) -> None:
    """Put the copy on the disk, and its name; never over another file."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        raise StoreError(f"{path} exists already and is not overwritten. Name another file.") from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
