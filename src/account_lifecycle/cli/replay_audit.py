"""An audit of logs: replayed, reported, and every file that was asked for written; each is there when it is whole."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import OutputError
from ..intake.files import STDIN
from ..intake.logs import HowToRead
from ..lifecycle.policy import Policy
from ..lifecycle.wording import JsonObject, escaped
from ..outputs.drafts import Draft
from ..outputs.targets import OutputTarget, check_apart
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
from .commands import Interrupted
from .drawing import crossings_svg
from .endings import fail_if_unreadable, say_unreadable
from .opening import read_settings, require_store
from .options import FailOn
from .output import say
from .progress import Pace, showing, waiting_for

if TYPE_CHECKING:
    import pyarrow as pa


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
    """A table and the file that it is written to."""

    target: OutputTarget
    table: OutputTable


class Written(NamedTuple):
    """The files that are to be written."""

    report: OutputTarget | None
    tables: tuple[Output, ...]
    refused: Path | None

    def targets(self) -> list[OutputTarget]:
        """Return those that are written whatever is found."""
        return [*([self.report] if self.report else []), *(output.target for output in self.tables)]

    def paths(self) -> list[Path]:
        """Return all of them."""
        return [*(target.path for target in self.targets()), *([self.refused] if self.refused else [])]


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
    if any(output.target.form == "parquet" for output in written.tables):
        import_module("pyarrow.parquet")  # which had better be missing now than when all is read
    run = _Run(request)
    with run.interruptible(), opened(request) as sources:
        _check_apart(sources, written)  # before there are files that a pattern could match
        with drafts(written.targets()) as made, run.replayed(sources, written.refused) as audit:
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

    def write(self, audit: Audit, report: AuditReport, written: Written, made: dict[OutputTarget, Draft]) -> None:
        """Write every file; each gets its name when it is whole."""
        for output in written.tables:
            with waiting_for(f"Writing {output.target.path}"):
                write_table(audit, output, made[output.target])
            self._finish(made[output.target])
        if written.report is not None:
            _write_page(audit, report, made[written.report])
            self._finish(made[written.report])

    def _finish(self, draft: Draft) -> None:
        draft.commit()
        self._finished.append(draft.target)
        say(f"Written: {draft.target}")

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
    logs = [log for s in sources if not isinstance(s, LedgerSource) for log in s.logs]
    read = [Path(log if isinstance(log, str) else log.name) for log in logs if log != STDIN]
    for path in written.paths():
        try:
            check_apart(path, read)
        except OutputError as error:
            raise click.UsageError(str(error)) from None


def _write_page(audit: Audit, report: AuditReport, draft: Draft) -> None:
    from ..report.as_html import write_html

    write_html(report, draft.text(), crossings_svg(audit.traffic))


# ---- Files -----------------------------------------------------------------------------------------------


def outputs_of(
    anomalies: OutputTarget | None, accounts: OutputTarget | None, windows: OutputTarget | None
) -> tuple[Output, ...]:
    """Return the tables that were asked for."""
    asked = ((anomalies, ANOMALIES), (accounts, ACCOUNTS), (windows, WINDOWS))
    return tuple(Output(target, table) for target, table in asked if target is not None)


@contextmanager
def drafts(targets: Iterable[OutputTarget]) -> Iterator[dict[OutputTarget, Draft]]:
    """Begin files, so that one that cannot be written is reported before anything is read; what is not whole goes."""
    with ExitStack() as closing:
        yield {each: closing.enter_context(Draft(each.path, replace=each.replace)) for each in targets}


def write_table(audit: Audit, output: Output, draft: Draft) -> None:
    """Write one table in the form that its name asks for, some rows at a time."""
    table = output.table
    if output.target.form == "parquet":
        import pyarrow.parquet as pq

        schema = getattr(schemas(), table.name)
        writer: AbstractContextManager[pq.ParquetWriter] = pq.ParquetWriter(draft.file, schema)
        with writer as file:
            for batch in table.batches(audit):
                file.write_batch(batch)
        return
    if output.target.form == "csv":
        write_csv_rows(table.columns, map(_flat, table.records(audit)), draft.text())
    else:
        write_json_lines(table.records(audit), draft.text())


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
