"""A driver of its own, to be killed: judges every file of a folder, one a micro-batch, and appends what it finds."""

import sys
from pathlib import Path
from typing import Any

from account_lifecycle.spark import stream
from account_lifecycle.spark.batch import session_for


def judge_all(session: Any, folder: Path) -> None:
    """Go on from where the checkpoint in the folder stands, to the end of what there is now."""
    lines = session.readStream.option("maxFilesPerTrigger", 1).text(str(folder / "in"))
    findings = stream(lines, buckets=8)
    query = (
        findings.writeStream.format("parquet")
        .option("path", str(folder / "out"))
        .option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    session = session_for("local[2]")
    session.conf.set("spark.sql.shuffle.partitions", "2")
    judge_all(session, Path(sys.argv[1]))
    session.stop()
