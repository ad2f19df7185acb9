"""Which names may be written to: never a store, a symbolic link, a folder or a device; a file only if it is said so."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import OutputError, OutputExists

STREAM = Path("-")
"""The name of standard output."""
_OPEN_FILES = ("/dev/fd/", "/proc/self/fd/")
"""Where a shell puts the pipe of ``>(command)``."""
_STORE_BEGINS = (b"SQLite format 3\0", b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
"""The first bytes of a SQLite file, and of its write-ahead log."""
_BESIDE_STORES = ("-wal", "-shm", "-journal", "-lock")


class OutputTarget(NamedTuple):
    """A name that may be written to, as it was checked."""

    path: Path
    form: str
    """The format that its ending says; blank for a pipe whose name says none."""
    replace: bool = False
    """Whether a file of that name may be replaced."""


def check_target(path: Path, *, replace: bool = False) -> None:
    """Raise ``OutputError`` for a name that must not be written to; the message says why, and what to do.

    A pipe may be written to. A regular file may if ``replace`` says so, but never a store or a part of one.
    """
    if is_pipe(path):
        return
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}. Make it first.") from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written to ({error.strerror}). Name another file.") from error
    if mode is not None and stat.S_ISLNK(mode):
        raise OutputError(f"{path} is a symbolic link, to {path.readlink()}: name that file itself, or another one.")
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"{path} is a folder. Name a file in it.")
    if mode is not None and not stat.S_ISREG(mode):
        raise OutputError(f"{path} is a device or a socket. Name a file.")
    if is_store(path):
        raise OutputError(f"{path} is a store, or a part of one, and is never overwritten. Name another file.")
    if mode is not None and not replace:
        raise OutputExists(f"{path} exists already and is not overwritten. Name another file.")


def check_apart(path: Path, inputs: Iterable[Path]) -> None:
    """Raise ``OutputError`` if a name is another name of one of the files that are being read."""
    for read in inputs:
        try:
            is_same = path.samefile(read)
        except OSError:  # one of them is not there
            is_same = path.absolute() == read.absolute()
        if is_same:
            raise OutputError(f"{path} is {read}, which is being read: it cannot be read and written at once.")


def is_store(path: Path) -> bool:
    """Return whether a file is a SQLite database, whoever made it, or one of the files that lie beside such a one."""
    if _begins_like_a_store(path):
        return True
    beside = next((ending for ending in _BESIDE_STORES if path.name.endswith(ending)), "")
    return bool(beside) and _begins_like_a_store(path.with_name(path.name.removesuffix(beside) or "."))


def _begins_like_a_store(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(16).startswith(_STORE_BEGINS)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(f"{path} cannot be looked at ({error.strerror}). Name another file.") from error


def is_pipe(path: Path) -> bool:
    """Return whether a name is that of a pipe, by itself or as an open file of this process."""
    try:
        mode = path.stat().st_mode if str(path).startswith(_OPEN_FILES) else path.lstat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode)
