"""Logs by their names: which files they are, what format each has, and which source reads it.

Knows endings and first bytes. Optional parts are imported when they are needed, and what is missing is told.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from glob import glob, has_magic
from pathlib import Path

from ...errors import ConfigurationError, UnreadableLog, without_password
from ...lifecycle.account import Account
from ...stores.protocol import Store
from ..columns import Chunk
from ..vocabulary import Vocabulary
from . import Source
from .csv_file import Csv
from .files import NEEDS_EXTRA, LogFile, as_binary
from .json_lines import JsonLines
from .ledger import Ledger
from .roles import Role, checked

STDIN = "-"
JSON_LINES, CSV, PARQUET = (".jsonl", ".json", ".ndjson", ".log"), (".csv",), (".parquet", ".pq")
READABLE = (
    'JSON Lines (.jsonl, .json, .ndjson, .log) or CSV (.csv), each also with .gz or .zst; Parquet (.parquet, .pq); "-" '
    "for standard input; or the URL of a store"
)

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|memory:")
_MARK = b"\xef\xbb\xbf"


@contextmanager
def open_sources(
    logs: Iterable[str | Path],
    columns: Mapping[str, str] | None = None,
    open_store: Callable[[str], Store] | None = None,
) -> Iterator[list[Source]]:
    """The sources of logs, in the order given; those that a pattern matches, by name.

    ``columns`` tells what the columns of tables are called, by what they hold (``Role``). ``open_store`` opens a
    store by its URL; it is closed in the end. Raises ``ConfigurationError`` for a log that cannot be meant, and
    ``UnreadableLog``, which is an ``OSError``, for one that cannot be read.
    """
    told = checked(columns or {})
    with ExitStack() as closing:
        yield [source for log in logs for source in _sources(str(log), told, open_store, closing)]


def _sources(
    log: str, told: Mapping[Role, str], open_store: Callable[[str], Store] | None, closing: ExitStack
) -> list[Source]:
    if log == STDIN:
        return [JsonLinesFile(LogFile(STDIN, None))]
    if _URL.match(log):
        if open_store is None:
            raise ConfigurationError("log", repr(without_password(log)), READABLE.rpartition("; or")[0])
        store = open_store(log)
        closing.callback(store.close)
        return [Ledger(without_password(log), store)]
    return [_of_file(path, told) for path in _paths(log)]


def _paths(log: str) -> list[Path]:
    if Path(log).exists() or not has_magic(log):
        return [Path(log)]
    found = [Path(name) for name in sorted(glob(log, recursive=True))]  # noqa: PTH207  (that of Path takes no absolute one)
    files = [path for path in found if not path.is_dir()]
    if not files:
        raise ConfigurationError("log", f"no file that matches {log!r}", "a pattern that matches files")
    return files


def _of_file(path: Path, told: Mapping[Role, str]) -> Source:
    if not path.exists():
        raise ConfigurationError("log", f"{str(path)!r}, which is not there", READABLE)
    if path.is_dir():
        raise ConfigurationError("log", f"{str(path)!r}, which is a folder", f"files, such as {str(path / '*')!r}")
    file = LogFile(str(path), path)
    try:
        kind = _kind(file)
    except PermissionError as error:
        raise UnreadableLog(f"{path} cannot be read: {error.strerror}") from error
    if kind == PARQUET:
        return _parquet(path, told)
    return Csv(file, told) if kind == CSV else JsonLinesFile(file)


def _kind(file: LogFile) -> tuple[str, ...]:
    """The format of a file, by its name, or else by its first bytes."""
    for kind in (JSON_LINES, CSV, PARQUET):
        if file.inner_name.lower().endswith(kind):
            return kind
    if file.is_stream:
        return JSON_LINES
    head = file.head()
    if head.startswith(b"PAR1"):
        return PARQUET
    if head.removeprefix(_MARK).lstrip()[:1] in (b"{", b""):
        return JSON_LINES
    raise ConfigurationError("log", f"{file.name!r}, which begins with {head!r}", READABLE)


def _parquet(path: Path, told: Mapping[Role, str]) -> Source:
    try:
        from .parquet import Parquet
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise UnreadableLog(NEEDS_EXTRA.format(what=f"Reading {path}")) from error
    return Parquet(path, told)


class JsonLinesFile:
    """JSON Lines in a file or from standard input, also compressed."""

    has_deadlines = False

    def __init__(self, file: LogFile) -> None:
        self.name = file.name
        self.size = file.size
        self._file = file

    def beginnings(self) -> Iterator[Account]:
        """None: it tells of events only."""
        return iter(())

    def chunks(self, vocabulary: Vocabulary, stamp: datetime) -> Iterator[Chunk]:
        """Its events, a block at a time."""
        with self._file.opened() as stream:
            for chunk in JsonLines(self.name, as_binary(stream), self.size).chunks(vocabulary, stamp):
                yield chunk._replace(position=stream.position)
