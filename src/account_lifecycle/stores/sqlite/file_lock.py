"""The lock between processes that write to one file: each gets its turn in order, and none waits for ever.

It makes waiting fair and bounded, no more: SQLite's own locks keep the file whole even where this one is missing.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import finalize

from ...errors import StoreBusy

POLL_S = 0.001
"""How often a process that waits in line looks whether it may step forward."""
POLL_FIRST_S = 0.0002
"""How often the one at the head of the line looks whether the file is free."""


class FileLock:
    """Of one process, for one file; not for two threads at once. Its file is made at first use, and stays.

    Two locks make a turnstile. A process waits for the outer one, then for the inner one, and lets go of the outer
    one as soon as it has the inner one: so whoever has just written and wants to write again stands behind the
    one that waits already.
    """

    def __init__(self, path: Path) -> None:
        self._guarded = path
        self._path = path.with_name(path.name + "-lock")
        self._handle: int | None = None
        self._closing: finalize[..., FileLock] | None = None

    @contextmanager
    def held(self, patience_s: float) -> Iterator[None]:
        """Hold it; ``StoreBusy`` if others do for longer than that, ``OSError`` if its file cannot be made."""
        handle = self._open()
        self._take(handle, patience_s)
        try:
            yield
        finally:
            _inner_free(handle)

    def close(self) -> None:
        """Let its file go; it is opened again when it is needed."""
        if self._closing is not None:
            self._closing()
            self._handle = self._closing = None

    def _open(self) -> int:
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            self._closing = finalize(self, os.close, self._handle)  # a lock that is forgotten is closed all the same
            with suppress(OSError):
                _share(self._handle, self._guarded)
        return self._handle

    def _take(self, handle: int, patience_s: float) -> None:
        if _outer_taken(handle) and _inner_taken(handle):
            _outer_free(handle)
            return
        _outer_free(handle)
        ends = time.monotonic() + patience_s
        try:
            self._wait(lambda: _outer_taken(handle), POLL_S, ends, patience_s)
            self._wait(lambda: _inner_taken(handle), POLL_FIRST_S, ends, patience_s)
        finally:
            _outer_free(handle)

    def _wait(self, is_taken: Callable[[], bool], pause_s: float, ends: float, patience_s: float) -> None:
        while not is_taken():
            if time.monotonic() > ends:
                raise StoreBusy(
                    f"{self._guarded}: another process has been writing for {patience_s:g} s; "
                    "nothing of this call was kept. Feed the same again."
                )
            time.sleep(pause_s)


def _share(handle: int, guarded: Path) -> None:
    """Let whoever may use the file use its lock, also if the superuser has made it."""
    meant = guarded.stat()
    if os.geteuid() == 0:
        os.fchown(handle, meant.st_uid, meant.st_gid)
    os.fchmod(handle, meant.st_mode & 0o666 | 0o600)


if sys.platform == "win32":  # SQLite's own locks have to do

    def _outer_taken(_handle: int) -> bool:
        return True

    def _outer_free(_handle: int) -> None:
        pass

    _inner_taken, _inner_free = _outer_taken, _outer_free
else:
    import fcntl

    def _outer_taken(handle: int) -> bool:
        with suppress(BlockingIOError, PermissionError):  # the system may say either
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _outer_free(handle: int) -> None:
        fcntl.lockf(handle, fcntl.LOCK_UN)

    def _inner_taken(handle: int) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _inner_free(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
