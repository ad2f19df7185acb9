"""Log files as they are stored: their bytes, unpacked, and the lines in them.

What a file is packed with is told by its first bytes, whatever its name: gzip, zstd, bzip2, or a zip archive, each
member of which is a log of its own. Nothing here grows with the length of a file or of a line: pieces are at most a
mebibyte, also those of a file that unpacks to a thousand times its size, and a longer line is cut.

A damaged file is read as far as it goes: ``OpenedLog.damage`` says then what is missing, so that a damaged tail costs
the tail and not the audit.
"""

import codecs
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from ..errors import PayloadError, UnreadableLog
from .payloads import MAX_BYTES

if TYPE_CHECKING:
    from zipfile import ZipFile

PIECE = 1 << 18
"""How many bytes are read at a time."""
MAX_LINE_BYTES = 1 << 20
"""The longest line that is read."""
STDIN = "-"

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_UTF8_MARK = b"\xef\xbb\xbf"
_SKIPPABLE = b"\x2a\x4d\x18"
_ZSTD_STEP = 1 << 7


class StoredLog(NamedTuple):
    """Where a log is, and how it is stored."""

    name: str
    path: Path | None = None
    """None for standard input, or another stream."""
    stream: BinaryIO | None = None
    """What is read if there is no path; None for standard input."""
    member: str = ""
    """Which file of a zip archive it is."""

    @property
    def size(self) -> int | None:
        """How many bytes are stored; None for what can be read once only."""
        return self.path.stat().st_size if self.path is not None and self.path.is_file() else None

    @contextmanager
    def opened(self) -> "Iterator[OpenedLog]":
        """Open it to be read. Raise ``UnreadableLog`` if it cannot be opened."""
        with ExitStack() as closing:
            try:
                stored = closing.enter_context(self._stored())
                content = self._unpacked(stored, closing)
            except (OSError, RuntimeError) as error:
                raise UnreadableLog(f"{self.name} cannot be read: {_why(error)}") from error
            yield OpenedLog(self.name, stored, content, self.size)

    def _unpacked(self, stored: io.BufferedReader, closing: ExitStack) -> Any:
        """Return what reads the content of a file as it is stored."""
        match _packed_with(stored.peek(8)[:8]):
            case "zip":
                archive = _archive(stored, closing)
                names = [self.member] if self.member else _members(archive)
                if len(names) != 1:
                    raise OSError(f"it is an archive of {len(names)} files, which can be read only by its path")
                return closing.enter_context(archive.open(names[0]))
            case "gzip":
                import gzip

                return gzip.GzipFile(fileobj=cast(Any, stored))
            case "bzip2":
                import bz2

                return bz2.BZ2File(stored)
            case "zstd":
                return _Zstd(stored)
            case _:
                return stored

    @contextmanager
    def _stored(self) -> Iterator[io.BufferedReader]:
        if self.path is not None:
            with self.path.open("rb") as file:
                yield file
            return
        stream = self.stream
        if stream is None:
            stream = _stdin()
        yield stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(Any, _Raw(stream)))


def members(file: StoredLog) -> list[StoredLog]:
    """Return the logs in a file: itself, or the members of a zip archive, by name."""
    if file.path is None or not file.path.is_file():
        return [file]
    try:
        with file.path.open("rb") as stored, ExitStack() as closing:
            if _packed_with(stored.peek(8)[:8]) != "zip":
                return [file]
            names = _members(_archive(stored, closing))
            if not names:
                raise OSError("it is an archive without files")
            return [file._replace(name=f"{file.name}/{name}", member=name) for name in names]
    except OSError as error:
        raise UnreadableLog(f"{file.name} cannot be read: {_why(error)}") from error


class OpenedLog:
    """A log that is being read."""

    def __init__(self, name: str, stored: io.BufferedReader, content: Any, size: int | None) -> None:
        self.damage = ""
        """Why it could not be read to its end; blank if it could, as far as is known."""
        self._name = name
        self._stored = stored
        self._read = content.read if content is not stored else stored.read1
        self._size = size

    @property
    def position(self) -> int:
        """How many bytes of the file as it is stored were read so far."""
        try:
            return self._stored.tell()
        except (OSError, ValueError):
            return 0

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes, unpacked and in UTF-8, as they come; note ``damage`` and end where they are damaged."""
        pieces = self._pieces()
        first = next(pieces, b"")
        encoding = _MARKS.get(first[:2])
        if encoding is None:
            yield first.removeprefix(_UTF8_MARK)
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        yield decoder.decode(first[2:]).encode()
        for piece in pieces:
            yield decoder.decode(piece).encode()

    def _pieces(self) -> Iterator[bytes]:
        try:
            while piece := self._read(PIECE):
                yield piece
        except Exception as error:
            if not isinstance(error, OSError | EOFError | zlib.error | _Damage) and "Zip" not in type(error).__name__:
                raise
            of = "" if self._size is None else f" of {self._size:,}"
            self.damage = (
                f"{self._name} is damaged near byte {self.position:,}{of} ({_why(error)}): what comes after that is "
                "missing. Fetch the file again."
            )


def lines(pieces: Iterator[bytes]) -> Iterator[tuple[int, list[bytes | PayloadError]]]:
    """Yield lines without their ends, many at a time, after the number of the first of them.

    In place of a line that is longer than ``MAX_LINE_BYTES`` comes the error that says so, with its beginning.
    """
    number, rest, cut, size = 1, b"", b"", 0
    for piece in pieces:
        if cut:
            end = piece.find(b"\n")
            size += len(piece) if end < 0 else end
            if end < 0:
                continue
            yield number, [too_long(cut, size)]
            number, cut, piece = number + 1, b"", piece[end + 1 :]
        found = (rest + piece).split(b"\n")
        rest = found.pop()
        if found:
            yield number, [too_long(line, len(line)) if len(line) > MAX_LINE_BYTES else line for line in found]
            number += len(found)
        if len(rest) > MAX_LINE_BYTES:
            cut, size, rest = rest[:MAX_BYTES], len(rest), b""
    if cut:
        yield number, [too_long(cut, size)]
    elif rest:
        yield number, [rest]


def too_long(line: bytes, size: int, what: str = "a line") -> PayloadError:
    """Return the refusal of a line that is too long to be read."""
    return PayloadError(
        "line", f"{what} of {size:,} bytes", f"at most {MAX_LINE_BYTES:,} bytes", line[:MAX_BYTES], size
    )


class _Damage(Exception):
    """A packed file is not what it should be."""


class _Zstd:
    """Reads a file that is packed with zstd, frame by frame, a few bytes at a time: each may unpack to a lot."""

    def __init__(self, stored: io.BufferedReader) -> None:
        import zstandard

        self._stored = stored
        self._error = zstandard.ZstdError
        self._new = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj
        self._unpacker: Any = None
        self._more = b""

    def read(self, size: int) -> bytes:
        """Return some bytes, blank at the end."""
        found: list[bytes] = []
        while size > 0:
            data = self._more or self._stored.read(_ZSTD_STEP)
            self._more = b""
            if not data:
                if self._unpacker is not None and not any(found):
                    raise _Damage("it ends too early")
                break
            self._unpacker = self._unpacker or self._new()
            try:
                piece = self._unpacker.decompress(data)
            except self._error as error:
                if found:
                    self._more = data
                    break
                raise _Damage(str(error)) from error
            if self._unpacker.eof:
                self._more, self._unpacker = self._unpacker.unused_data, None
            found.append(piece)
            size -= len(piece)
        return b"".join(found)


class _Raw(io.RawIOBase):
    """Any stream that can be read, so that it can be buffered."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer)) or b""
        buffer[: len(data)] = data
        return len(data)


def _stdin() -> BinaryIO:
    try:
        return cast(BinaryIO, open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
    except (OSError, ValueError):  # it has been replaced by something that is no file
        return sys.stdin.buffer


def _packed_with(head: bytes) -> str:
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    is_zstd = head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == _SKIPPABLE and head[0] >> 4 == 5)
    return "zstd" if is_zstd else ""


def _archive(stored: io.BufferedReader, closing: ExitStack) -> "ZipFile":
    """Return a zip archive, of a stream by way of a temporary file. Raise ``OSError`` for damage."""
    from shutil import copyfileobj
    from tempfile import TemporaryFile
    from zipfile import BadZipFile, ZipFile

    file: Any = stored
    if not stored.seekable():
        file = closing.enter_context(TemporaryFile())  # noqa: SIM115  (the stack closes it)
        copyfileobj(stored, file)
    try:
        return closing.enter_context(ZipFile(file))
    except BadZipFile as error:
        raise OSError(str(error)) from error


def _members(archive: "ZipFile") -> list[str]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    return sorted(name for name in names if not name.startswith("__MACOSX/"))


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__
