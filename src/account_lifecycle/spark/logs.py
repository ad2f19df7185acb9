"""Log files by their paths: a session for them, every event's place in them, and the audit.

Knows files and Spark's settings. It must never know what is in a line.
"""

import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ..errors import ConfigurationError
from ..lifecycle.policy import DEFAULT_POLICY, Policy
from .audit import SparkAudit
from .batch import replay

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
        audit = replay(
            read_logs(session, paths), policy=policy, until=until, partitions=partitions, deadlines=deadlines
        )
        if write_to is not None:
            audit.write(write_to)
    except BaseException:
        _leave(session, earlier)
        raise
    audit.before_closing(lambda: _leave(session, earlier))
    return audit


def session_for(master: str) -> SparkSession:
    """A session that prints nothing but errors; of a local master it listens on the loopback interface only."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings: dict[str, Any] = _SETTINGS | (_LOCAL_SETTINGS if master.startswith("local") else {})
    return SparkSession.builder.master(master).appName("account-lifecycle").config(map=settings).getOrCreate()


def read_logs(session: SparkSession, paths: Sequence[str]) -> DataFrame:
    """Log files as a DataFrame that ``replay`` takes, each event with its place."""
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


def _read(session: SparkSession, paths: Sequence[str], *, parquet: bool) -> DataFrame:
    return session.read.parquet(*paths) if parquet else session.read.option("lineSep", "\n").text(list(paths))


def _order_of(files: Sequence[str]) -> list[tuple[str, int]]:
    """Files and their numbers. Local ones are spelt with three slashes by a table, and with one by its rows."""
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
