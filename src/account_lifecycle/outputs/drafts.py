"""How a file comes to its name: written beside it under another, synced, and renamed when it is whole.

A draft is called ``.NAME.TOKEN.part``, is nobody else's to read while it is written, and is locked by its open file for
as long as its process lives. So a draft that nobody has locked was left by a run that was killed, and the next run to
the same target removes it; process ids, which are used again and mean nothing in another container, are not asked.
Between being made and being locked a draft looks abandoned: its maker looks afterwards whether it is still there.

Without ``replace`` the name is given by a link, which fails if there is a file by then; with it by a rename, of which
the last wins. Either way a reader sees one whole file or another.
"""

import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from ..errors import OutputError, OutputExists
from .targets import check_target, is_pipe

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OWNER_ONLY = 0o600
_BUFFER = 1 << 16
_NAME_CHARACTERS = 50
"""How much of the target's name is in the draft's: a file name has at most 255 bytes."""
_PRIVATE_TO_SQLITE = ("-journal", "-wal", "-shm")
"""What SQLite may leave beside a draft that it was writing."""


class Draft:
    """A file on its way to its name: a context manager at whose end all is gone that was not committed.

    ``replace`` says that a file of that name may be replaced, whose permissions the new one gets then; ``private`` that
    only the owner may read it, and without it the umask says who may. Raise ``OutputError`` for a name that must not be
    written to (``check_target``), and whenever the file cannot be written; the target is as it was then.
    """

    def __init__(self, target: Path, *, replace: bool = False, private: bool = False) -> None:
        check_target(target, replace=replace)
        self.target = target
        self.path = target
        """Where it is while it is written: a pipe is written to at once."""
        self._replace = replace
        self._text: TextIOWrapper | None = None
        with _in_our_words(target):
            self._is_pipe = is_pipe(target)
            if self._is_pipe:
                self._mode, handle = 0, os.open(target, os.O_WRONLY)
            else:
                _remove_leftovers(target)
                before = OWNER_ONLY if private else _mode_of(target)
                handle = self._made(0o666 if before is None else OWNER_ONLY)
                self._mode = os.fstat(handle).st_mode & 0o777 if before is None else before
                self.path.chmod(OWNER_ONLY)
        self._raw = _Raw(target, handle)
        self.file = BufferedWriter(self._raw, _BUFFER)
        """What its bytes are written to."""

    def _made(self, mode: int) -> int:
        """Return the open file of a new draft, which is locked."""
        while True:
            self.path = self.target.with_name(f"{_beginning(self.target)}{secrets.token_hex(4)}.part")
            with suppress(FileExistsError):
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, mode)
                with suppress(OSError):  # a file system without locks: leftovers stay there
                    _lock(handle, waits=True)  # for one who took it for a leftover: then it is removed, and made anew
                if os.fstat(handle).st_nlink:
                    return handle
                os.close(handle)

    def text(self) -> TextIOWrapper:
        """Return the file as one of text, in UTF-8, with line ends as they are written."""
        if self._text is None:
            self._text = TextIOWrapper(self.file, encoding="utf-8", newline="")
        return self._text

    def commit(self) -> None:
        """Sync the file, give it its name, and sync that too."""
        (self._text or self.file).flush()
        with _in_our_words(self.target):
            if self._is_pipe:
                self._raw.close()
                return
            os.fsync(self._raw.fileno())
            self.path.chmod(self._mode)
            if sys.platform == "win32":  # where no open file can be renamed
                self._raw.close()
            self._give_name()
            self._raw.close()
            _sync_folder(self.target.parent)

    def _give_name(self) -> None:
        if self._replace:
            check_target(self.target, replace=True)
            self.path.replace(self.target)
            return
        try:
            os.link(self.path, self.target)
        except FileExistsError:
            raise OutputExists(f"{self.target} was made by somebody else meanwhile, and is not overwritten.") from None
        except OSError:  # a file system without links
            check_target(self.target)
            self.path.rename(self.target)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()
        if not self._is_pipe:
            with suppress(OSError):
                _remove(self.path)


@contextmanager
def drafted(target: Path, *, replace: bool = False, private: bool = False) -> Iterator[Draft]:
    """Write one file: it gets its name at the end of the block, unless that ends in an error. See ``Draft``."""
    with Draft(target, replace=replace, private=private) as draft:
        yield draft
        draft.commit()


class _Raw(FileIO):
    """An open file whose errors name the target, not the draft."""

    def __init__(self, target: Path, handle: int) -> None:
        super().__init__(handle, "wb")
        self._target = target

    @override
    def write(self, data: "ReadableBuffer", /) -> Any:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _not_written(self._target, error) from error


@contextmanager
def _in_our_words(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_written(target, error) from error


def _mode_of(target: Path) -> int | None:
    """Return who may read a file; None if it is not there."""
    try:
        return target.lstat().st_mode & 0o777
    except FileNotFoundError:
        return None


def _not_written(target: Path, error: OSError) -> OutputError:
    return OutputError(f"{target} could not be written ({error.strerror or error}).")


def _sync_folder(folder: Path) -> None:
    """Sync a name: a file's own sync does not."""
    with suppress(PermissionError):  # a folder that may not be read, or Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# ---- Leftovers ------------------------------------------------------------------------------------------


def _beginning(target: Path) -> str:
    return f".{target.name[:_NAME_CHARACTERS]}."


def _remove_leftovers(target: Path) -> None:
    """Remove the drafts of this target whose processes are gone."""
    is_draft = re.compile(re.escape(_beginning(target)) + r"[0-9a-f]{8}\.part").fullmatch
    with suppress(PermissionError):  # a folder that may be written to, but not be listed
        for path in target.parent.iterdir():
            with suppress(OSError):  # it is in use, or somebody else has removed it
                if is_draft(path.name):
                    _remove_unlocked(path)


def _remove_unlocked(draft: Path) -> None:
    handle = os.open(draft, os.O_RDWR | _FLAGS | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        _lock(handle, waits=False)
        _remove(draft)
    finally:
        os.close(handle)


def _remove(draft: Path) -> None:
    for name in (draft, *(draft.with_name(draft.name + ending) for ending in _PRIVATE_TO_SQLITE)):
        name.unlink(missing_ok=True)


_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":  # where an open file cannot be removed anyway

    def _lock(_handle: int, *, waits: bool) -> None:
        pass
else:
    import fcntl

    def _lock(handle: int, *, waits: bool) -> None:
        """Lock an open file; raise ``OSError`` if it cannot be locked or, unless this ``waits``, is locked."""
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
