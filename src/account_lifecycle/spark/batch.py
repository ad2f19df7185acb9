"""A log in Spark, replayed: accounts are spread over the executors, and each lives through its part in order.

Any DataFrame becomes one of events first (``Reading``); then Spark brings the events of an account together and into
their order, and ``Rulebook.judge`` runs the loop of a replay over each partition. No rule is written in SQL.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import TimestampType

from ..errors import ConfigurationError
from ..intake.detecting import SAMPLE, Writing, detect
from ..intake.dialects import FIELDS
from ..intake.layouts import ENVELOPE, Layout
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .audit import SparkAudit
from .executors import Reading, Rulebook, event_schema, findings_schema, micros_of


def replay(
    df: DataFrame,
    *,
    policy: Policy = DEFAULT_POLICY,
    columns: Mapping[str, str] | None = None,
    until: datetime | None = None,
    partitions: int | None = None,
    deadlines: bool = True,
    layout: Layout = ENVELOPE,
) -> SparkAudit:
    """Replay a log that is a DataFrame; it is read once, now, and what is found is kept by Spark until closed.

    ``df`` has the columns account_id, status, provider, product, name, reason (the last four may be missing), or
    ``payload`` (the vendor's JSON), or ``value`` (lines of a log, bare or enveloped); and received_at (a
    timestamp), unless lines tell it. ``columns`` maps these names to those that yours have. Events of an account
    are judged by received_at, equal times by ``position``: anything that Spark can sort by. Without one, equal
    times are judged as Spark happens to read them. What carries no time counts as received now.

    Deadlines that passed after the last event of their account are judged up to ``until`` (the latest time in the
    log); with ``deadlines=False`` none of these is. ``partitions`` is how many parts the accounts are spread over
    (else as many as there are cores). ``layout`` says where in a line payload and time stand; a line in which they do
    not is searched. Raise ``ConfigurationError`` for invalid arguments.
    """
    until_us = None if until is None else micros_of(until, "until")
    log = events_of(df, columns, layout)
    whose = F.coalesce("account_id", F.hex(F.xxhash64("raw")))  # what is refused has no account, and goes anywhere
    together = log.events.repartition(partitions or df.sparkSession.sparkContext.defaultParallelism, whose)
    ordered = together.sortWithinPartitions("received_at", "position")
    rulebook = Rulebook(policy, deadlines, log.position)
    findings = ordered.mapInArrow(rulebook.judge, from_arrow_schema(findings_schema(log.position))).persist()
    return SparkAudit(findings, until_us, keeps=findings.unpersist)


# ---- What a DataFrame has --------------------------------------------------------------------------------

BATCH_COLUMNS = (*FIELDS, "received_at", "position", "payload", "value")
_SHAPES = (("account_id", "status"), ("payload",), ("value",))


class Input(NamedTuple):
    """Events in Spark."""

    events: DataFrame
    """By ``event_schema``."""
    position: pa.DataType


def events_of(df: DataFrame, columns: Mapping[str, str] | None = None, layout: Layout = ENVELOPE) -> Input:
    """Return the events of a log, whichever shape it has.

    Without a position, a batch is numbered in the order in which Spark reads it; of a stream the position is null
    for now. Raise ``ConfigurationError`` for columns that are missing or of an invalid type.
    """
    named = _Named(df, columns or {})
    shape = next((shape for shape in _SHAPES if all(name in named for name in shape)), None)
    if shape is None:
        raise ConfigurationError(
            "columns", ", ".join(df.columns) or "none", "account_id and status, or payload, or value (lines of a log)"
        )
    position = named.position()
    kind = _nullable(to_arrow_schema(df.select(position.alias("position")).schema).field("position").type)
    if shape == _SHAPES[0]:
        name, columns_read = "fields", [named[text].cast("string").alias(text) for text in FIELDS]
    else:
        name, columns_read = shape[0], [named[shape[0]].cast("binary").alias("text")]
    received_at = F.lit(None).cast("timestamp") if name == "value" else named.received_at()
    rows = df.select(*columns_read, received_at.alias("received_at"), position.alias("position"))
    reading = Reading(kind, datetime.now(UTC), name, layout)
    return Input(rows.mapInArrow(reading.read, from_arrow_schema(event_schema(kind))), kind)


def _nullable(kind: pa.DataType) -> pa.DataType:
    """Return the same type with nulls anywhere: not every anomaly has a position."""
    if not pa.types.is_struct(kind):
        return kind
    return pa.struct([(field.name, _nullable(field.type)) for field in kind])


class _Named:
    """Columns by the names that they have here."""

    def __init__(self, df: DataFrame, columns: Mapping[str, str]) -> None:
        if unknown := sorted(columns.keys() - set(BATCH_COLUMNS)):
            raise ConfigurationError("columns", ", ".join(unknown), f"names among {', '.join(BATCH_COLUMNS)}")
        if missing := sorted(set(columns.values()) - set(df.columns)):
            raise ConfigurationError("columns", ", ".join(missing), f"columns that there are: {', '.join(df.columns)}")
        self._df = df
        self._names = {name: name for name in BATCH_COLUMNS if name in df.columns} | dict(columns)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Column:
        """Return the column, or nulls."""
        if name not in self:
            return F.lit(None)
        return self._df[self._names[name]]

    def received_at(self) -> Column:
        """Return times; null is for now."""
        if "received_at" not in self:
            return F.lit(None).cast("timestamp")
        found = self._df.schema[self._names["received_at"]].dataType
        if not isinstance(found, TimestampType):
            expected = "timestamp (with time zone: cast it where you know the zone)"
            raise ConfigurationError("columns.received_at", found.simpleString(), expected)
        return self["received_at"]

    def position(self) -> Column:
        """Return where events stand; of a stream, which Spark cannot number, null if it has none."""
        if "position" in self:
            return self["position"]
        return F.lit(None).cast("bigint") if self._df.isStreaming else F.monotonically_increasing_id()


# ---- Log files -------------------------------------------------------------------------------------------

_QUIET = Path(__file__).parent / "quiet.properties"
_LOOPBACK = "127.0.0.1"
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_QUIET.as_uri()}",
}
_LOCAL_SETTINGS = {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}


def replay_logs(
    master: str,
    paths: Sequence[str],
    *,
    policy: Policy = DEFAULT_POLICY,
    until: datetime | None = None,
    partitions: int | None = None,
    deadlines: bool = True,
    write_to: str | None = None,
) -> SparkAudit:
    """Replay log files on a Spark ``master`` such as ``local[4]``; for the rest see ``replay``.

    A path is one that Spark understands (globs and folders too): JSON Lines, or Parquet if it ends in ``.parquet`` or
    is a folder of such files. Equal times are judged in the order of the paths, then of the files' names, then of
    the lines. ``position`` in the tables is that place: ``file`` counts the files from 0, ``block`` is the offset of
    the part of it that one task has read (0 in Parquet), and ``row`` counts up within that.

    ``write_to`` is a folder for the tables. Closing the audit stops the session, unless it was there before.
    """
    if not paths:
        raise ConfigurationError("paths", "none", "at least one log")
    earlier = SparkSession.getActiveSession()
    session = earlier or session_for(master)
    try:
        logs = read_logs(session, paths)
        audit = replay(
            logs, policy=policy, until=until, partitions=partitions, deadlines=deadlines,
            layout=_layout_of(logs) if "value" in logs.columns else ENVELOPE,
        )  # fmt: skip
        if write_to is not None:
            audit.write(write_to)
    except BaseException:
        _leave(session, earlier)
        raise
    audit.before_closing(lambda: _leave(session, earlier))
    return audit


def session_for(master: str) -> SparkSession:
    """Return a session that prints nothing but errors; of a local master it listens on the loopback interface only."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings: dict[str, Any] = _SETTINGS | (_LOCAL_SETTINGS if master.startswith("local") else {})
    return SparkSession.builder.master(master).appName("account-lifecycle").config(map=settings).getOrCreate()


def read_logs(session: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Return log files as a DataFrame that ``replay`` takes, each event with its place."""
    kinds = {_is_parquet(path) for path in paths}
    if len(kinds) > 1:
        raise ConfigurationError("paths", "both Parquet and text", "logs of one kind at a time")
    parquet = kinds == {True}
    logs = [_read(session, [path], parquet=parquet) for path in paths]
    order = _order_of([file for log in logs for file in sorted(log.inputFiles())])
    numbers = session.createDataFrame(order, "_path string, _file int")
    row, block = ("row_index", F.lit(0).cast("bigint")) if parquet else (None, F.col("_metadata.file_block_start"))
    read = _read(session, paths, parquet=parquet)
    placed = read.select(
        "*",
        F.col("_metadata.file_path").alias("_path"),
        block.alias("_block"),
        (F.monotonically_increasing_id() if row is None else F.col(f"_metadata.{row}")).alias("_row"),
    )
    position = F.struct(F.col("_file").alias("file"), F.col("_block").alias("block"), F.col("_row").alias("row"))
    return placed.join(F.broadcast(numbers), "_path", "left").select(*read.columns, position.alias("position"))


def _layout_of(logs: DataFrame) -> Layout:
    """Return the layout of lines, from the first of them.

    Raise ``ConfigurationError`` for what is no log of lines: Spark splits a file at its lines.
    """
    head = "\n".join(row["value"] for row in logs.select("value").head(SAMPLE))
    reading = detect(head.encode("utf-8", errors="replace"), False)
    if reading.form is not Writing.LINES:
        forms = {Writing.DOCUMENTS: "a whole JSON document", Writing.TABLE: "a table as text"}
        what = forms.get(reading.form, f"an {reading.form}")
        wanted = "lines with an event each, or Parquet: Spark splits a file at its lines. Replay it without Spark"
        raise ConfigurationError("paths", what, wanted)
    return reading.layout


def _read(session: SparkSession, paths: Sequence[str], *, parquet: bool) -> DataFrame:
    return session.read.parquet(*paths) if parquet else session.read.option("lineSep", "\n").text(list(paths))


def _order_of(files: Sequence[str]) -> list[tuple[str, int]]:
    """Return files and their numbers. Local ones are spelt with three slashes by a table, and with one by its rows."""
    numbers = {file: number for number, file in enumerate(dict.fromkeys(files))}
    return [
        *numbers.items(),
        *(
            (re.sub("^file:/+", "file:/", file), number)
            for file, number in numbers.items()
            if file.startswith("file:///")
        ),
    ]


def _is_parquet(path: str) -> bool:
    return path.rstrip("/").endswith(".parquet") or any(Path(path).glob("*.parquet"))


def _leave(session: SparkSession, earlier: SparkSession | None) -> None:
    if earlier is None:
        session.stop()
