"""Logs by their names: which files they are, and how they are read; and the ledger of a store as a log."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError, StoreError, UnreadableLog
from ..intake.files import STDIN
from ..intake.logs import HowToRead, Log, open_log
from ..intake.tables import check_columns
from ..lifecycle.account import Account
from ..lifecycle.events import Event
from ..stores.protocol import Store
from ..urls import public_url
from .parquet import Parquet, open_parquet

READABLE = 'a file of JSON, CSV or Parquet, packed or not; "-" for standard input; or the URL of a store'
_PARQUET = (".parquet", ".pq")

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|memory:")


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


class Logs(NamedTuple):
    """Logs that are not opened yet, and how they are read; sent to each process as it is."""

    logs: tuple[str | Parquet, ...]
    reading: HowToRead
    now: datetime

    @property
    def name(self) -> str:
        """What people call them."""
        return ", ".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """What each of them is called."""
        return self.opened().names

    @property
    def size(self) -> int | None:
        """How many bytes are stored; None if some can be read once only."""
        return self.opened().size

    def opened(self) -> Log:
        """Return them to be read once, merged by time unless they are to be read one after the other."""
        layout, order, zone, columns = self.reading
        return open_log(self.logs, layout, order, zone=zone, now=self.now, columns=columns)


AnySource = Logs | LedgerSource


@contextmanager
def open_sources(
    logs: Iterable[str | Path],
    reading: HowToRead = HowToRead(),  # noqa: B008  (a value)
    open_store: Callable[[str], Store] | None = None,
    now: datetime | None = None,
) -> Iterator[list[AnySource]]:
    """Yield the sources of logs: ledgers in the order given, and all that are no ledgers as one, where the first was.

    ``open_store`` opens a store by its URL; it is closed in the end. Raise ``ConfigurationError`` for an invalid log,
    and ``UnreadableLog``, which is an ``OSError``, for one that cannot be read.
    """
    columns = dict(reading.columns)
    check_columns(columns)
    with ExitStack() as closing:
        found: list[AnySource] = []
        files: list[str | Parquet] = []
        place = 0
        for log in map(str, logs):
            if _URL.match(log):
                if open_store is None:
                    raise ConfigurationError("log", repr(public_url(log)), READABLE.rpartition("; or")[0])
                store = open_store(log)
                closing.callback(store.close)
                found.append(LedgerSource(public_url(log), store))
                continue
            place = place if files else len(found)
            files += [STDIN] if log == STDIN else [_of_file(path, columns) for path in _paths(log)]
        if files:
            source = Logs(tuple(files), reading._replace(columns=columns), now or datetime.now(UTC))
            source.opened()  # what cannot be opened is reported before anything is read
            found.insert(place, source)
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


def _of_file(path: Path, columns: Mapping[str, str]) -> str | Parquet:
    if not path.exists():
        raise ConfigurationError("log", f"{str(path)!r}, which is not there", READABLE)
    if path.is_dir():
        raise ConfigurationError("log", f"{str(path)!r}, which is a folder", f"files, such as {str(path / '*')!r}")
    if not path.is_file():
        return str(path)
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1" or path.name.lower().endswith(_PARQUET)
    except PermissionError as error:
        raise UnreadableLog(f"{path} cannot be read: {error.strerror}") from error
    return open_parquet(path, columns) if is_parquet else str(path)
