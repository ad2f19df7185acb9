"""Log files as they are stored, the lines in them, and whose each line is.

A record is a payload with the time of its arrival and its line; what a line means ``intake.logs`` says, and what a
payload means ``intake.payloads``. A record may be asked for by every process of a replay, each of which judges its own
accounts only (``Share``).
"""

import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, cast

import msgspec

from ..errors import PayloadError, UnreadableLog
from ..intake.dialects import DIALECTS
from ..intake.dialects import Path as KeyPath
from ..intake.logs import read_line
from ..intake.payloads import Payload, parse

NEEDS_EXTRA = '{what} needs pyarrow, which is not installed. Run: pip install "account-lifecycle[replay]"'
BLOCK = 1 << 20
"""How many bytes are read at a time."""

_HEAD = 8
_PIECE = 1 << 16
_ENDINGS = {".gz": "gzip", ".zst": "zstd"}
_GZIP, _ZSTD, _SKIPPABLE = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"

Record = tuple[int, Any, Any, bytes | str | None]
"""Line; payload (a ``PayloadError`` where there is none); when it arrived (None: it does not say; ``parse`` refuses
what is no time); and the line itself, or the cell, or None, of which ``Source.raw`` makes a line when it is asked."""


class Source(Protocol):
    """One log."""

    @property
    def name(self) -> str:
        """What people call it: a path, a URL, or "-"."""

    @property
    def size(self) -> int | None:
        """How many bytes will be read; None if nobody knows, because it can be read only once."""

    def blocks(self, share: "Share | None" = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records in order, a block at a time, and how many bytes were read by the end of the block.

        Records of accounts that are not in the ``share`` are left out. Raise ``UnreadableLog`` for damage.
        """

    def raw(self, payload: Payload, cell: str | None, at: object) -> bytes:
        """Return the line of a log that would be refused as a record of this source was."""


# ---- Shares ----------------------------------------------------------------------------------------------


def _name(key: str) -> str:
    """Return the name of an attribute for a key, which need not be an identifier."""
    return f"at_{key.encode().hex()}"


def _object(paths: Collection[KeyPath], ids: Collection[KeyPath]) -> type[msgspec.Struct]:
    """Return the type of an object in which nothing is read but what paths lead to: an id, or whether it is there."""
    fields: list[tuple[str, Any, None]] = []
    keys = sorted({path[0] for path in paths})
    for key in keys:
        inner = [path[1:] for path in paths if path[0] == key and len(path) > 1]
        kind: Any = str if (key,) in ids else msgspec.Raw
        if inner:
            kind = _object(inner, [path[1:] for path in ids if path[0] == key])
        fields.append((_name(key), kind, None))
    return msgspec.defstruct("Object", fields, rename={_name(key): key for key in keys})


_IDS = [row.fields["account_id"] for row in DIALECTS]
_Payload = _object([*_IDS, *((key,) for row in DIALECTS for key in row.keys)], _IDS)
_Line = msgspec.defstruct("Line", [("wrapped", _Payload, None)], bases=(_Payload,), rename={"wrapped": "payload"})
_decode_line = msgspec.json.Decoder(_Line).decode
_fields_of = attrgetter(*_Payload.__struct_fields__)
_NOTHING = _fields_of(_Payload())
_BY_DIALECT = [
    ([attrgetter(_name(key)) for key in row.keys], attrgetter(".".join(map(_name, row.fields["account_id"]))))
    for row in DIALECTS
]


def account_in(line: bytes) -> str | None:
    """Return the account that a line is about, if it is about any; None where only ``parse`` can tell.

    Whenever ``parse`` accepts the line, this is the very id that it reads: both go by the rows of ``dialects``.
    """
    try:
        found: Any = _decode_line(line)
        wrapped = found.wrapped
        if wrapped is not None:
            if _fields_of(found) != _NOTHING:
                return None
            found = wrapped
        for keys, id_in in _BY_DIALECT:
            for value_of in keys:
                if value_of(found) is None:
                    break
            else:
                account_id: str | None = id_in(found)
                return account_id and account_id.strip()
    except (msgspec.MsgspecError, AttributeError, ValueError, RecursionError):
        pass
    return None


_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Share(NamedTuple):
    """The accounts that one of several processes judges."""

    number: int
    of: int

    def has_account(self, account_id: str) -> bool:
        """Return whether an account is in it."""
        return zlib.crc32(account_id.encode("utf-8", "surrogateescape")) % self.of == self.number

    def has_line(self, line: bytes) -> bool:
        """Return whether the account of a line is in it; a line without one is in one share, whichever that is."""
        account_id = account_in(line)
        if account_id is None:
            try:
                account_id = parse(read_line(line).payload, _ANY_TIME).account_id
            except PayloadError:
                return zlib.crc32(line) % self.of == self.number
        return zlib.crc32(account_id.encode()) % self.of == self.number


# ---- Files -----------------------------------------------------------------------------------------------


class LogFile(NamedTuple):
    """Where a log is, and how it is stored."""

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
    def opened(self) -> "Iterator[Opened]":
        """Open it to be read, decompressed if it is compressed."""
        with self._stored() as file:
            head = b""
            try:
                while len(head) < _HEAD and (more := file.read(_HEAD - len(head))):
                    head += more
            except OSError as error:
                raise UnreadableLog(f"{self.name} cannot be read: {error.strerror or error}") from error
            kind = _ENDINGS.get(self.name[len(self.inner_name) :].lower()) or _compression_of(head)
            yield Opened(self, file, head, kind if head else None)

    def head(self) -> bytes:
        """Return the first few bytes of what is in it; not for what can be read once only."""
        with self.opened() as stream:
            return next(stream.pieces(), b"")[:_HEAD]

    def _stored(self) -> AbstractContextManager[BinaryIO]:
        if self.path is not None:
            return self.path.open("rb")
        try:
            number = sys.stdin.fileno()
        except (OSError, ValueError):  # it has been replaced by something that is no file
            return nullcontext(sys.stdin.buffer)
        return cast(BinaryIO, open(number, "rb", buffering=0, closefd=False))


class Opened:
    """A log that is being read."""

    def __init__(self, file: LogFile, stored: BinaryIO, head: bytes, kind: str | None) -> None:
        self.position = 0
        """How many bytes of the file as it is stored were read so far."""
        self._file = file
        self._stored = stored
        self._head = head
        self._kind = kind

    def pieces(self) -> Iterator[bytes]:
        """Yield its bytes, decompressed. Raise ``UnreadableLog`` for damage, after all that comes before it."""
        return self._stored_pieces(BLOCK) if self._kind is None else self._unpacked(self._kind)

    def blocks(self) -> Iterator[bytes]:
        """Yield whole lines, about a million bytes of them at a time; the last one may have no end."""
        begun: list[bytes] = []
        size = 0
        for piece in self.pieces():
            end = piece.rfind(b"\n") + 1
            if end and size + end >= BLOCK // 2:
                yield b"".join((*begun, piece[:end]))
                begun, size = ([piece[end:]] if end < len(piece) else []), len(piece) - end
            else:
                begun.append(piece)
                size += len(piece)
        if begun:
            yield b"".join(begun)

    def _stored_pieces(self, size: int) -> Iterator[bytes]:
        piece = self._head
        while piece:
            self.position += len(piece)
            yield piece
            try:
                piece = self._stored.read(size)
            except OSError as error:
                raise UnreadableLog(f"{self._file.name} cannot be read: {error.strerror or error}") from error

    def _unpacked(self, kind: str) -> Iterator[bytes]:
        new, damage = _unpackers(kind)
        unpacker, is_between = new(), True
        for piece in self._stored_pieces(_PIECE):
            data = piece
            while data:
                try:
                    unpacked = unpacker.decompress(data)
                except damage as error:
                    raise self._damage(str(error)) from error
                is_between = False
                if unpacked:
                    yield unpacked
                data = b""
                if unpacker.eof:
                    data, unpacker, is_between = unpacker.unused_data, new(), True
                    if kind == "gzip":
                        data = data.lstrip(b"\0")  # padding, as on tapes
        if not is_between:
            raise self._damage("it ends too early")

    def _damage(self, why: str) -> UnreadableLog:
        size = self._file.size
        whole = "" if size is None else f" of {size:,}"
        return UnreadableLog(
            f"{self._file.name} is damaged near byte {self.position:,}{whole} ({why}). Fetch the file again."
        )


def _compression_of(head: bytes) -> str | None:
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if head.startswith(_ZSTD) or (head[1:4] == _SKIPPABLE and head[0] >> 4 == 5) else None


def _unpackers(kind: str) -> tuple[Callable[[], Any], type[Exception]]:
    """Return what makes an unpacker of one part of an archive, and what that raises for damage."""
    if kind == "gzip":
        return lambda: zlib.decompressobj(wbits=31), zlib.error
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError


# ---- JSON Lines ------------------------------------------------------------------------------------------


class JsonLines(NamedTuple):
    """JSON Lines in a file or from standard input, bare or enveloped: whatever ``feed`` takes."""

    file: LogFile

    @property
    def name(self) -> str:
        """The path, or "-"."""
        return self.file.name

    @property
    def size(self) -> int | None:
        """How many bytes are stored."""
        return self.file.size

    def blocks(self, share: Share | None = None) -> Iterator[tuple[int, Iterable[Record]]]:
        """Yield its records; see ``Source``."""
        number = 1
        with self.file.opened() as stream:
            for block in stream.blocks():
                lines = block.split(b"\n")
                yield stream.position, _records(lines, number, share)
                number += len(lines) - 1

    def raw(self, payload: Payload, cell: str | None, at: object) -> bytes:
        """Never asked for: each record has its line."""
        raise NotImplementedError


def _records(lines: list[bytes], first: int, share: Share | None) -> Iterator[Record]:
    for number, line in enumerate(lines, first):
        text = line.strip()
        if text and (share is None or share.has_line(text)):
            payload, at = read_line(text)[:2]
            yield number, payload, at, line
