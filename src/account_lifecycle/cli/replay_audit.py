"""An audit of logs: replayed, reported, and every file that was asked for written; each is there when it is whole."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import click

from ..intake.logs import HowToRead
from ..lifecycle.policy import Policy
from ..lifecycle.wording import JsonObject, escaped
from ..replay import Audit, Progress
from ..replay.audit import replay_sources
from ..replay.findings import schemas
from ..replay.sources import AnySource, LedgerSource, open_sources, size_of
from ..report.as_data import ANOMALY_FIELDS, write_csv_rows, write_json, write_json_lines
from ..report.as_text import write_text
from ..report.audit import MAX_LISTED, AuditReport
from ..report.words import counted
from ..stores.opening import open_store
from ..stores.protocol import Store
from .commands import Failed, Interrupted
from .drawing import crossings_svg
from .endings import fail_if_unreadable, say_unreadable
from .opening import read_settings, require_store
from .options import FailOn
from .output import say
from .progress import Pace, showing, waiting_for

if TYPE_CHECKING:
    import pyarrow as pa

PART = ".part"
"""How a file's name ends while it is being written."""
_PARQUET, _CSV = ".parquet", ".csv"


class LogRequest(NamedTuple):
    """What is to be replayed, and how."""

    logs: tuple[str, ...]
    reading: HowToRead
    until: datetime | None
    policy: Policy
    jobs: int | None


class OutputTable(NamedTuple):
    """What can be written as a table."""

    name: str
    columns: tuple[str, ...]
    """Of CSV."""
    records: Callable[[Audit], Iterable[JsonObject]]
    """For JSON Lines and CSV."""
    batches: "Callable[[Audit], Iterable[pa.JsonObjectBatch]]"
    """For Parquet."""


class Output(NamedTuple):
    """A table and the file that it is written to, in the form that the ending of its name asks for."""

    path: Path
    table: OutputTable

    @property
    def form(self) -> str:
        """The ending of its name."""
        return self.path.suffix.lower()


class Written(NamedTuple):
    """The files that are to be written."""

    report: Path | None
    tables: tuple[Output, ...]
    refused: Path | None

    def files(self) -> list[Path]:
        """Return all of them."""
        found = [self.report, *(output.path for output in self.tables), self.refused]
        return [path for path in found if path is not None]


@contextmanager
def opened(request: LogRequest) -> Iterator[list[AnySource]]:
    """Open the logs for as long as this lasts; a store among them must be there."""
    with open_sources(request.logs, request.reading, _open_store) as sources:
        yield sources


def _open_store(url: str) -> Store:
    require_store(read_settings(store=url))
    return open_store(url)


def audit_logs(request: LogRequest, written: Written, watch: FailOn, as_json: bool) -> None:
    """Replay logs, write what is to be written, and print what was found."""
    if any(output.form == _PARQUET for output in written.tables):
        import_module("pyarrow.parquet")  # which had better be missing now than when all is read
    if written.refused is not None and not written.refused.resolve().parent.is_dir():
        raise Failed(f"{written.refused}: there is no such folder")
    run = _Run(request)
    paths = [path for path in written.files() if path != written.refused]
    with run.interruptible(), opened(request) as sources:
        _check_apart(sources, written)  # before there are files that a pattern could match
        with targets(paths) as made, run.replayed(sources, written.refused) as audit:
            report = audit.report(max_listed=MAX_LISTED if written.report else 0)
            run.tell()
            run.write(audit, report, written, made)
            (write_json if as_json else write_text)(report, sys.stdout)
            say_unreadable(audit.log, escaped(str(written.refused or "")))
    fail_if_unreadable(audit.events, audit.log)
    watch.see_unreadable(audit.sums.refused, audit.events)
    watch.see_report(report)


class _Run:
    """A replay under way: how far it is, and what of it would be left if it ended now."""

    def __init__(self, request: LogRequest) -> None:
        self._request = request
        self._progress: Progress | None = None
        self._size: int | None = None
        self._seconds = 0.0
        self._finished: list[Path] = []

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Say what is left after Ctrl-C."""
        try:
            yield
        except KeyboardInterrupt:
            events = counted(self._progress.events if self._progress else 0, "event")
            files = f"{counted(len(self._finished), 'file')} written" if self._finished else "nothing was written"
            raise Interrupted(f"interrupted after {events}; {files}") from None

    @contextmanager
    def replayed(self, sources: Sequence[AnySource], refused: Path | None) -> Iterator[Audit]:
        """Replay the logs; the outcome, for as long as this lasts."""
        began, self._size = perf_counter(), size_of(sources)
        with showing("Replaying", self._pace, tells_bytes=True), without_collector():
            audit = replay_sources(
                sources, policy=self._request.policy, until=self._request.until, refused_to=refused,
                jobs=self._request.jobs, on_progress=self._follow,
            )  # fmt: skip
        self._seconds = perf_counter() - began
        with audit:
            yield audit

    def tell(self) -> None:
        """Say how long it took."""
        events = self._progress.events if self._progress else 0
        rate = events / self._seconds if self._seconds else 0
        say(f"{counted(events, 'event')} replayed in {self._seconds:,.2f} s, {rate:,.0f} a second")

    def write(self, audit: Audit, report: AuditReport, written: Written, made: "dict[Path, OutputFile]") -> None:
        """Write every file; each gets its name when it is whole."""
        for output in written.tables:
            with waiting_for(f"Writing {output.path}"):
                write_table(audit, output, made[output.path])
            self._finish(made[output.path])
        if written.report is not None:
            _write_page(audit, report, made[written.report])
            self._finish(made[written.report])

    def _finish(self, target: "OutputFile") -> None:
        target.finish()
        self._finished.append(target.path)
        say(f"Written: {target.path}")

    def _follow(self, progress: Progress) -> None:
        self._progress = progress

    def _pace(self) -> Pace:
        now = self._progress
        return Pace(0, self._size) if now is None else Pace(now.position, self._size, now.events)


@contextmanager
def without_collector() -> Iterator[None]:
    """Turn the garbage collector off, which finds nothing in a replay; this process is the program's own."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check_apart(sources: Sequence[AnySource], written: Written) -> None:
    """Refuse to write what is being read."""
    names = [name for s in sources if not isinstance(s, LedgerSource) for name in s.names]
    read = {Path(name).resolve() for name in names}
    for path in written.files():
        if path.resolve() in read:
            raise click.UsageError(f"{path} is a log: it cannot be read and written at once.")


def _write_page(audit: Audit, report: AuditReport, target: "OutputFile") -> None:
    from ..report.as_html import write_html

    with target.written_to.open("w", encoding="utf-8", newline="") as stream:
        write_html(report, stream, crossings_svg(audit.traffic))


# ---- Files -----------------------------------------------------------------------------------------------


def outputs_of(anomalies: Path | None, accounts: Path | None, windows: Path | None) -> tuple[Output, ...]:
    """Return the tables that were asked for."""
    asked = ((anomalies, ANOMALIES), (accounts, ACCOUNTS), (windows, WINDOWS))
    return tuple(Output(path, table) for path, table in asked if path is not None)


class OutputFile:
    """A file under a name of its own until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        is_special = path.exists() and not path.is_file()
        self.written_to = path if is_special else path.resolve().with_name(path.name + PART)
        self.written_to.open("wb").close()  # a folder that is not there is reported before anything is read

    def finish(self) -> None:
        """Give it its name."""
        if self.written_to != self.path:
            self.written_to.replace(self.path.resolve())

    def abandon(self) -> None:
        """Leave nothing half written behind."""
        if self.written_to != self.path:
            with suppress(OSError):
                self.written_to.unlink()


@contextmanager
def targets(paths: Iterable[Path]) -> Iterator[dict[Path, OutputFile]]:
    """Make room for files; what is not finished when this ends goes."""
    made: dict[Path, OutputFile] = {}
    try:
        for path in paths:
            made[path] = OutputFile(path)
        yield made
    finally:
        for target in made.values():
            target.abandon()


def write_table(audit: Audit, output: Output, target: OutputFile) -> None:
    """Write one table in the form that its name asks for, some rows at a time."""
    table = output.table
    if output.form == _PARQUET:
        import pyarrow.parquet as pq

        schema = getattr(schemas(), table.name)
        writer: AbstractContextManager[pq.ParquetWriter] = pq.ParquetWriter(target.written_to, schema)
        with writer as file:
            for batch in table.batches(audit):
                file.write_batch(batch)
        return
    with target.written_to.open("w", encoding="utf-8", newline="") as stream:
        if output.form == _CSV:
            write_csv_rows(table.columns, map(_flat, table.records(audit)), stream)
        else:
            write_json_lines(table.records(audit), stream)


def _anomalies(audit: Audit) -> Iterator[JsonObject]:
    for anomaly, source, position in audit.placed_anomalies():
        yield anomaly.to_dict() | {"source": source, "position": position}


def _accounts(audit: Audit) -> Iterator[JsonObject]:
    return (account.to_dict(audit.until) for account in audit.accounts())


def _windows(audit: Audit) -> Iterator[JsonObject]:
    return (window.to_dict(audit.until) for window in audit.windows())


def _flat(record: JsonObject) -> JsonObject:
    """Return a record whose window, if it has one, is laid out in columns of its own."""
    window = record.get("blind_window") or {}
    return record | {name: window.get(name.removeprefix(_OF_WINDOW)) for name in _WINDOW_OF_ACCOUNT}


_OF_WINDOW = "blind_window_"
_WINDOW_OF_ACCOUNT = ("blind_window_opened_at", "blind_window_backfill_from", "blind_window_causes")
_ACCOUNT_COLUMNS = (
    "account_id", "status", "health", "provider", "owner", "since", "in_status_s", "stuck", "presumed", "doubtful",
    "exists", "lost", "needs_user", "born", "reason", "sequence", "known_since", "signed_in_at", "last_live_at",
    "last_announced", "last_product", "last_heard_at", "synced_products", *_WINDOW_OF_ACCOUNT,
)  # fmt: skip
_WINDOW_COLUMNS = (
    "account_id", "sequence", "opened_at", "backfill_from", "closed_at", "open", "recovered", "estimated", "causes",
    "duration_s",
)  # fmt: skip

ANOMALIES = OutputTable("anomalies", (*ANOMALY_FIELDS, "source", "position"), _anomalies, Audit.anomaly_batches)
ACCOUNTS = OutputTable("accounts", _ACCOUNT_COLUMNS, _accounts, Audit.account_batches)
WINDOWS = OutputTable("windows", _WINDOW_COLUMNS, _windows, Audit.window_batches)
