"""``replay``: logs go in, an audit comes out.

Knows the order of things: one thread reads and codes, this one judges, and what is found is put away. It holds no
rule and no format of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from ..stores.admin import store_file
from ..stores.opening import open_store
from ..stores.protocol import Store
from .ahead import read_ahead
from .audit import Audit
from .fleet import micros, time_of
from .judging import Findings, Judging
from .sources import Source, size_of
from .sources.opening import open_sources
from .vocabulary import Vocabulary


class Progress(NamedTuple):
    """How far a replay is."""

    source: str
    """What is being read."""
    position: int
    """How many bytes were read, of all sources."""
    size: int | None
    """How many there are in all; None where nobody can tell."""
    events: int
    anomalies: int
    refused: int


def replay(
    logs: str | Path | Iterable[str | Path],
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    until: datetime | None = None,
    refused_to: Path | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Audit:
    """Judge every event of one or more logs, in order, exactly as the live engine would have.

    A log is a file (JSON Lines, Parquet or CSV, also compressed with gzip or zstd), a pattern such as
    ``"logs/*.jsonl.gz"``, "-" for standard input, or the URL of a store, whose own ledger is replayed. ``columns``
    names the columns of a table by what they hold, such as ``{"account_id": "acct"}``. Deadlines are noticed the
    moment after they have passed, up to ``until`` (aware; by default the latest time in the logs). Lines that are
    no readable event stop nothing: they are counted and kept, in the file ``refused_to`` if it is given. Memory is
    bounded by the number of accounts. Use the audit as a context manager, or close it. Raises
    ``ConfigurationError`` for a log that cannot be meant, and ``OSError`` for one that cannot be read.
    """
    names = [logs] if isinstance(logs, str | Path) else list(logs)
    with open_sources(names, columns, _open_ledger) as sources:
        return replay_sources(sources, policy=policy, until=until, refused_to=refused_to, on_progress=on_progress)


def _open_ledger(url: str) -> Store:
    """A store that is there already: a question never makes one."""
    path = store_file(url)
    if path is not None and not path.exists():
        raise ConfigurationError("log", f"{path}, where there is no store", "the URL of a store that is there")
    return open_store(url)


def replay_sources(
    sources: Iterable[Source],
    *,
    policy: Policy = DEFAULT_POLICY,
    until: datetime | None = None,
    refused_to: Path | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Audit:
    """Judge every event of some sources, in order, as the live engine would have; see ``replay``."""
    sources = tuple(sources)
    vocabulary, stamp = Vocabulary(), datetime.now(UTC)
    watches = not any(source.has_deadlines for source in sources)
    judging = Judging(vocabulary, policy, watches_deadlines=watches)
    audit = Audit(tuple(source.name for source in sources), judging, refused_to)
    tell = _Telling(sources, audit, judging, on_progress)
    for number, source in enumerate(sources):
        for account in source.beginnings():
            judging.fleet.put(account)
        for chunk in read_ahead(source.chunks(vocabulary, stamp)):
            audit.put_chunk(chunk)
            _put_away(judging.judge(chunk, number), audit)
            tell(number, chunk.position)
    end = _end(judging, until, stamp)
    _put_away(judging.end(micros(end)), audit)
    audit.finish(end)
    return audit


def _end(judging: Judging, until: datetime | None, stamp: datetime) -> datetime:
    """When the log ends."""
    latest = None if judging.last_at is None else time_of(judging.last_at)
    return until or latest or stamp


def _put_away(found: Iterator[Findings], audit: Audit) -> None:
    for findings in found:
        audit.put(findings)


class _Telling:
    """Tells how far a replay is."""

    def __init__(
        self,
        sources: tuple[Source, ...],
        audit: Audit,
        judging: Judging,
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        self._sources = sources
        self._audit = audit
        self._judging = judging
        self._on_progress = on_progress
        self._size = size_of(sources)

    def __call__(self, number: int, position: int) -> None:
        if self._on_progress is not None:
            before = sum(source.size or 0 for source in self._sources[:number])
            audit = self._audit
            self._on_progress(
                Progress(
                    self._sources[number].name, before + position, self._size, self._judging.events,
                    len(audit.anomaly_rows), audit.tally.refused,
                )
            )  # fmt: skip
