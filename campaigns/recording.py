"""SQLite from outside: record what it does to its files call by call, and force settings on it.

The record is made by a file layer (VFS) of our own below SQLite, and says which calls make what durable. The
shared-memory file is not recorded: it is rebuilt after a crash.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

SYSTEM_VFS = "unix"


class Create(NamedTuple):
    """A file appears in its folder."""

    name: str


class Delete(NamedTuple):
    """A file leaves its folder; ``is_durable`` if the folder was synced after it."""

    name: str
    is_durable: bool


class Write(NamedTuple):
    """Bytes are written into a file."""

    name: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file is cut, or lengthened with zeros."""

    name: str
    size: int


class Sync(NamedTuple):
    """A file is durable as it was when the sync began; ``with_folder`` if its folder is, too."""

    name: str
    since: int
    """How many calls were in the log when it began."""
    with_folder: bool


class Promised(NamedTuple):
    """What a caller was promised at this moment: it must outlive every crash after it."""

    promise: Any


Call = Create | Delete | Write | Truncate | Sync | Promised


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Record every file of every SQLite connection that this process opens in the block."""
    log: list[Call] = []
    layer = _Layer(log)
    try:
        yield log
    finally:
        layer.unregister()


class _Layer(apsw.VFS):
    """The system's file layer, with a log."""

    def __init__(self, log: list[Call]) -> None:
        super().__init__("recording", SYSTEM_VFS, makedefault=True)
        self._log = log

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """Open a file; those without a name are SQLite's own temporary files."""
        if name is None:
            return apsw.VFSFile(SYSTEM_VFS, name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        created = Create(Path(path).name)
        is_there = os.path.exists(path)  # noqa: PTH110 - SQLite's names are text
        is_made_for_sqlite = is_there and not Path(path).stat().st_size and created not in self._log
        if not is_there or is_made_for_sqlite:  # a store's file is made empty, so that it has its permissions at once
            self._log.append(created)
        return _File(self._log, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file."""
        super().xDelete(filename, syncdir)
        self._log.append(Delete(Path(filename).name, syncdir))


class _File(apsw.VFSFile):
    """A file whose changes are logged: writes when they begin, syncs when they are over."""

    def __init__(self, log: list[Call], name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._log = log
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name
        # SQLite syncs the folder with the first sync of a journal that it may have made
        self._syncs_folder = bool(flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL))
        super().__init__(SYSTEM_VFS, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Write bytes."""
        self._log.append(Write(self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        """Cut the file."""
        self._log.append(Truncate(self._name, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        """Make durable what was written before."""
        since = len(self._log)
        super().xSync(flags)
        self._log.append(Sync(self._name, since, self._syncs_folder))
        self._syncs_folder = False


# ---- Forced settings -------------------------------------------------------------------------------

_Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]


@contextmanager
def imposed(**pragmas: str | int) -> Iterator[None]:
    """Force these pragmas on every connection that this process opens in the block; blanks and zeros force nothing."""
    forced = {name: value for name, value in pragmas.items() if value}

    def impose(connection: apsw.Connection) -> None:
        for name, value in forced.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
        connection.authorizer = _ignoring(forced)

    apsw.connection_hooks.append(impose)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(impose)


def _ignoring(forced: Mapping[str, object]) -> _Authorizer:
    """Return an authorizer that ignores every later change of these settings."""

    def authorize(
        action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None
    ) -> int:
        is_change = action == apsw.SQLITE_PRAGMA and (first or "").lower() in forced and second is not None
        return apsw.SQLITE_IGNORE if is_change else apsw.SQLITE_OK

    return authorize
