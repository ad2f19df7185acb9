"""The files that a replay writes: each is there when it is whole, and not before.

Knows which file takes which form, by its ending. It must never hold all of a table in memory, nor judge an event.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..lifecycle.wording import JsonObject
from ..report.as_data import ANOMALY_COLUMNS, write_csv_rows, write_json_lines

if TYPE_CHECKING:
    import pyarrow as pa

    from ..replay import Audit

PART = ".part"
"""How a file's name ends while it is being written."""
PARQUET, CSV = ".parquet", ".csv"


class Table(NamedTuple):
    """What can be written as a table."""

    name: str
    columns: tuple[str, ...]
    """Of CSV."""
    records: "Callable[[Audit], Iterable[JsonObject]]"
    """For JSON Lines and CSV."""
    batches: "Callable[[Audit], Iterable[pa.RecordBatch]]"
    """For Parquet."""
    schema: str
    """The name of the Parquet's schema in ``replay.arrow``."""


class Output(NamedTuple):
    """A file that was asked for."""

    path: Path
    table: Table

    @property
    def form(self) -> str:
        """The ending of its name."""
        return self.path.suffix.lower()


def outputs_of(anomalies: Path | None, accounts: Path | None, windows: Path | None) -> tuple[Output, ...]:
    """The tables that were asked for."""
    asked = ((anomalies, ANOMALIES), (accounts, ACCOUNTS), (windows, WINDOWS))
    return tuple(Output(path, table) for path, table in asked if path is not None)


class Target:
    """A file under a name of its own until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        is_special = path.exists() and not path.is_file()
        self.written_to = path if is_special else path.resolve().with_name(path.name + PART)
        self.written_to.open("wb").close()  # a folder that is not there is told before anything is read

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
def targets(paths: Iterable[Path]) -> Iterator[dict[Path, Target]]:
    """Room for files; what is not finished when this ends goes."""
    made: dict[Path, Target] = {}
    try:
        for path in paths:
            made[path] = Target(path)
        yield made
    finally:
        for target in made.values():
            target.abandon()


def write_table(audit: "Audit", output: Output, target: Target) -> None:
    """Write one table in the form that its name asks for, some rows at a time."""
    if output.form == PARQUET:
        _write_parquet(audit, output.table, target.written_to)
        return
    with target.written_to.open("w", encoding="utf-8", newline="") as stream:
        if output.form == CSV:
            write_csv_rows(output.table.columns, map(_flat, output.table.records(audit)), stream)
        else:
            write_json_lines(output.table.records(audit), stream)


def _write_parquet(audit: "Audit", table: Table, path: Path) -> None:
    import pyarrow.parquet as pq

    from ..replay import arrow

    writer: AbstractContextManager[pq.ParquetWriter] = pq.ParquetWriter(path, getattr(arrow, table.schema))
    with writer as file:
        for batch in table.batches(audit):
            file.write_batch(batch)


# ---- Rows --------------------------------------------------------------------------------------------


def _anomalies(audit: "Audit") -> Iterator[JsonObject]:
    for anomaly, source, position in audit.placed_anomalies():
        yield anomaly.to_dict() | {"source": source, "position": position}


def _accounts(audit: "Audit") -> Iterator[JsonObject]:
    return (account.to_dict(audit.until) for account in audit.accounts())


def _windows(audit: "Audit") -> Iterator[JsonObject]:
    return (window.to_dict(audit.until) for window in audit.windows())


def _flat(record: JsonObject) -> JsonObject:
    """A record whose window, if it has one, is laid out in columns of its own."""
    window = record.get("blind_window") or {}
    return record | {name: window.get(name.removeprefix(_OF_WINDOW)) for name in _WINDOW_OF_ACCOUNT}


_OF_WINDOW = "blind_window_"
_WINDOW_OF_ACCOUNT = ("blind_window_last_ok_at", "blind_window_opened_at", "blind_window_causes")
_ACCOUNT_COLUMNS = (
    "account_id", "status", "health", "provider", "name", "since", "in_status_s", "stuck", "exists", "lost", "sequence",
    "last_announced", "last_product", "last_heard_at", "last_ok_at", "synced_products", *_WINDOW_OF_ACCOUNT,
)  # fmt: skip
_WINDOW_COLUMNS = (
    "account_id", "sequence", "last_ok_at", "opened_at", "closed_at", "open", "recovered", "causes", "duration_s",
)  # fmt: skip

ANOMALIES = Table(
    "anomalies",
    (*ANOMALY_COLUMNS, "source", "position"),
    _anomalies,
    lambda audit: audit.anomaly_batches(),
    "ANOMALY_SCHEMA",
)
ACCOUNTS = Table("accounts", _ACCOUNT_COLUMNS, _accounts, lambda audit: audit.account_batches(), "ACCOUNT_SCHEMA")
WINDOWS = Table("windows", _WINDOW_COLUMNS, _windows, lambda audit: audit.window_batches(), "WINDOW_SCHEMA")
