"""Logs by their names: which files they are, what format each has; and the ledger of a store as a log."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError, StoreError, UnreadableLog, without_password
from ..lifecycle.account import Account
from ..lifecycle.events import Event
from ..stores.protocol import Store
from .lines import JsonLines, LogFile, Source
from .tables import check_roles, open_csv, open_parquet

STDIN = "-"
JSON_LINES, CSV, PARQUET = (".jsonl", ".json", ".ndjson", ".log"), (".csv",), (".parquet", ".pq")
READABLE = (
    'JSON Lines (.jsonl, .json, .ndjson, .log) or CSV (.csv), each also with .gz or .zst; Parquet (.parquet, .pq); "-" '
    "for standard input; or the URL of a store"
)

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|memory:")
_MARK = b"\xef\xbb\xbf"


# ---- Ledgers ---------------------------------------------------------------------------------------------


class LedgerSource(NamedTuple):
    """The ledger of a store, which stays open: events that are read already, deadlines that passed among them."""

    name: str
    store: Store
    size: int | None = None

    def beginnings(self) -> Iterator[Account]:
        """Yield the accounts as they were where the ledger begins; none if nothing was pruned."""
        return self.store.baselines()

    def events(self) -> Iterator[tuple[int, Event]]:
        """Yield its events in the order in which they were fed, numbered from 1.

        Raise ``StoreError`` if the store is pruned meanwhile; read ``beginnings`` after the call, before the first.
        """
        pruned = len(self.store.segments())
        return self._events(pruned)

    def _events(self, pruned: int) -> Iterator[tuple[int, Event]]:
        for number, entry in enumerate(self.store.ledger(), 1):
            if number == 1 and len(self.store.segments()) != pruned:
                raise StoreError(f"{self.name} was pruned while its replay began. Start it again.")
            yield number, entry.event


# ---- Opening ---------------------------------------------------------------------------------------------

AnySource = Source | LedgerSource


@contextmanager
def open_sources(
    logs: Iterable[str | Path],
    columns: Mapping[str, str] | None = None,
    open_store: Callable[[str], Store] | None = None,
) -> Iterator[list[AnySource]]:
    """Yield the sources of logs, in the order given; those that a pattern matches, by name.

    ``columns`` maps what the columns of tables hold (``tables.NAMES``) to their names. ``open_store`` opens a store by
    its URL; it is closed in the end. Raise ``ConfigurationError`` for an invalid log, and ``UnreadableLog``, which is
    an ``OSError``, for one that cannot be read.
    """
    named = columns or {}
    check_roles(named)
    with ExitStack() as closing:
        found: list[AnySource] = []
        for log in map(str, logs):
            if log == STDIN:
                found.append(JsonLines(LogFile(STDIN, None)))
            elif _URL.match(log):
                if open_store is None:
                    raise ConfigurationError("log", repr(without_password(log)), READABLE.rpartition("; or")[0])
                store = open_store(log)
                closing.callback(store.close)
                found.append(LedgerSource(without_password(log), store))
            else:
                found += [_of_file(path, named) for path in _paths(log)]
        yield found


def size_of(sources: Iterable[AnySource]) -> int | None:
    """Return how many bytes will be read in all; None where nobody can tell."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _paths(log: str) -> list[Path]:
    if Path(log).exists() or not has_magic(log):
        return [Path(log)]
    found = [Path(name) for name in sorted(glob(log, recursive=True))]  # noqa: PTH207  (that of Path takes no absolute one)
    files = [path for path in found if not path.is_dir()]
    if not files:
        raise ConfigurationError("log", f"no file that matches {log!r}", "a pattern that matches files")
    return files


def _of_file(path: Path, columns: Mapping[str, str]) -> Source:
    if not path.exists():
        raise ConfigurationError("log", f"{str(path)!r}, which is not there", READABLE)
    if path.is_dir():
        raise ConfigurationError("log", f"{str(path)!r}, which is a folder", f"files, such as {str(path / '*')!r}")
    file = LogFile(str(path), path)
    try:
        kind = _kind(file)
    except PermissionError as error:
        raise UnreadableLog(f"{path} cannot be read: {error.strerror}") from error
    if kind == JSON_LINES:
        return JsonLines(file)
    return open_csv(file, columns) if kind == CSV else open_parquet(path, columns)


def _kind(file: LogFile) -> tuple[str, ...]:
    """Return the format of a file, by its name, or else by its first bytes."""
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
