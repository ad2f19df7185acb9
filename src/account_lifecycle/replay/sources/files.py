"""Log files as they are stored: where one is, how it is compressed, and how much of it was read.

Knows bytes and compression, the only thing here that pyarrow is asked for. It must never know what is in a log.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

from ...errors import UnreadableLog

NEEDS_EXTRA = '{what} needs pyarrow, which is not installed. Run: pip install "account-lifecycle[replay]"'
HEAD = 8
"""How many of its first bytes tell what a file is."""
PIECE = 1 << 16
"""How many bytes are decompressed at a time."""

_GZIP, _ZSTD, _SKIPPABLE = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"
_ENDINGS = {".gz": "gzip", ".zst": "zstd"}


class Counted(Protocol):
    """Bytes as they are in a log, and how many bytes of its file they took."""

    @property
    def position(self) -> int:
        """How many bytes of the file as it is stored were read so far."""

    def read(self, size: int, /) -> bytes:
        """The next bytes: fewer than ``size`` only right before the end or before damage, none at the end."""


class LogFile(NamedTuple):
    """Where a log is."""

    name: str
    path: Path | None
    """None for standard input."""

    @property
    def is_stream(self) -> bool:
        """Whether it can be read once only: standard input, or a pipe."""
        return self.path is None or not self.path.is_file()

    @property
    def size(self) -> int | None:
        """How many bytes are stored; None for what can be read once only."""
        return None if self.path is None or self.is_stream else self.path.stat().st_size

    @property
    def inner_name(self) -> str:
        """Its name without what tells of compression."""
        stem, dot, ending = self.name.rpartition(".")
        return stem if f"{dot}{ending}".lower() in _ENDINGS else self.name

    @contextmanager
    def opened(self) -> Iterator[Counted]:
        """Its bytes, decompressed if they are compressed."""
        with self._file() as file:
            stored = _Stored(self.name, file)
            kind = _ENDINGS.get(self.name[len(self.inner_name) :].lower()) or compression_of(stored.begin())
            yield stored if kind is None or not stored.begin() else _Unpacked(self, stored, kind)

    def head(self) -> bytes:
        """The first few bytes of what is in it; not for what can be read once only."""
        with self.opened() as stream:
            return stream.read(HEAD)

    def _file(self) -> AbstractContextManager[BinaryIO]:
        if self.path is None:
            return _stdin()
        return self.path.open("rb")


def _stdin() -> AbstractContextManager[BinaryIO]:
    """Standard input, past Python's own buffer: a thread that waits in there would keep the program from ending."""
    try:
        number = sys.stdin.fileno()
    except (OSError, ValueError):  # it has been replaced by something that is no file
        return nullcontext(sys.stdin.buffer)
    return cast(BinaryIO, open(number, "rb", buffering=0, closefd=False))


def compression_of(head: bytes) -> str | None:
    """How something is compressed, by its first bytes."""
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if head.startswith(_ZSTD) or (head[1:4] == _SKIPPABLE and head[0] >> 4 == 5) else None


class _Stored:
    """A file that counts what is read of it."""

    closed = False

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.position = 0
        self._name = name
        self._file = file
        self._head = BytesIO()

    def begin(self) -> bytes:
        """The first few bytes, which will be read again."""
        if not self.position and not self._head.getbuffer():
            self._head = BytesIO(self._file.read(HEAD))
        return self._head.getvalue()

    def read(self, size: int, /) -> bytes:
        try:
            data = self._head.read(size)
            data += self._file.read(size - len(data))
        except OSError as error:
            raise UnreadableLog(f"{self._name} cannot be read: {error.strerror or error}") from error
        self.position += len(data)
        return data

    def close(self) -> None:
        """Whoever opened the file closes it; pyarrow asks for this."""


class _Unpacked:
    """What is in a compressed file, all that can be had of it before its damage is told."""

    def __init__(self, file: LogFile, stored: _Stored, kind: str) -> None:
        self._file = file
        self._stored = stored
        self._kind = kind
        self._stream = _decompressed(file.name, stored, kind)
        self._unpacked = 0
        self._damage: UnreadableLog | None = None

    @property
    def position(self) -> int:
        return self._stored.position

    def read(self, size: int, /) -> bytes:
        pieces: list[bytes] = []
        left = size
        while left > 0 and (piece := self._piece(min(left, PIECE))):
            pieces.append(piece)
            left -= len(piece)
        if self._damage is not None and not pieces:
            raise self._damage
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        if self._damage is not None:
            return b""
        try:
            piece: bytes = self._stream.read(size)
        except UnreadableLog as error:
            piece, self._damage = b"", error
        except OSError as error:
            piece, self._damage = self._before_damage(), self._told(error)
        self._unpacked += len(piece)
        return piece

    def _before_damage(self) -> bytes:
        """The last bytes before the damage: a piece that ends in it is lost, so they are had one by one."""
        found = bytearray()
        if self._file.is_stream:
            return b""
        with self._file._file() as file:
            stream = _decompressed(self._file.name, _Stored(self._file.name, file), self._kind)
            left = self._unpacked
            try:
                while left:
                    left -= len(stream.read(min(left, PIECE)))
                while byte := stream.read(1):
                    found += byte
            except OSError:
                pass
        return bytes(found)

    def _told(self, error: OSError) -> UnreadableLog:
        size = self._file.size
        whole = "" if size is None else f" of {size:,}"
        return UnreadableLog(
            f"{self._file.name} is damaged near byte {self.position:,}{whole} ({error}). All that could be unpacked "
            "before was read. Fetch the file again."
        )


def _decompressed(name: str, stored: _Stored, kind: str) -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise UnreadableLog(NEEDS_EXTRA.format(what=f"Decompressing {name}")) from error
    return pyarrow.CompressedInputStream(pyarrow.PythonFile(stored, mode="r"), kind)


def as_binary(stream: Counted) -> BinaryIO:
    """For whoever asks for a file only to read it."""
    return cast(BinaryIO, stream)
