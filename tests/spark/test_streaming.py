"""A log in Spark that never ends: whatever happens to the driver, everything is found, and nothing twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle import spark
from account_lifecycle.errors import ConfigurationError
from replay.reference import Lived, live
from spark.conftest import STAMP
from spark.endless import judge_all
from spark.expectation import expected, found

FILES = 6
PATIENCE_S = 300


@pytest.fixture(scope="module")
def killed(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stream whose driver, and all that belongs to it, was killed between two of its commits."""
    folder = tmp_path_factory.mktemp("stream")
    (folder / "in").mkdir()
    size = -(-len(lines) // FILES)
    for number in range(FILES):
        path = folder / "in" / f"{number}.jsonl"
        path.write_bytes(b"\n".join(lines[number * size : (number + 1) * size]) + b"\n")
        os.utime(path, (1_700_000_000 + number,) * 2)
    driver = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "spark.endless", str(folder)],
        cwd=Path(__file__).parent.parent,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + PATIENCE_S
    while not (folder / "checkpoint" / "commits" / "1").exists():
        assert driver.poll() is None, "the driver has ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    return folder


@pytest.fixture(scope="module")
def lived(lines: list[bytes]) -> Lived:
    return live(lines, STAMP)


@pytest.fixture(scope="module")
def audit(session: Any, killed: Path) -> Iterator[spark.SparkAudit]:
    """What the stream has found, after another driver has gone on from the checkpoint."""
    assert not (killed / "checkpoint" / "commits" / str(FILES - 1)).exists(), "it was killed too late"
    judge_all(session, killed)
    with spark.audit_of(session.read.parquet(str(killed / "out"))) as audit:
        yield audit


def test_a_killed_stream_ends_with_what_the_live_engine_says_and_nothing_twice(
    audit: spark.SparkAudit, lived: Lived
) -> None:
    assert found(audit) == expected(lived)


def test_a_killed_stream_counts_every_event_once(audit: spark.SparkAudit, lived: Lived) -> None:
    assert audit.totals.events == len(lived.decisions)
    assert sum(audit.totals.kinds.values()) == len(lived.anomalies)
    assert audit.refused.count() == len(lived.refused)


def test_a_stream_is_the_same_as_a_replay_at_once(session: Any, audit: spark.SparkAudit, log: Path) -> None:
    with spark.replay(session.read.text(str(log))) as at_once:
        assert found(audit) == found(at_once)
        assert audit.totals == at_once.totals


def test_a_table_that_ends_is_no_stream(session: Any) -> None:
    with pytest.raises(ConfigurationError, match="readStream"):
        spark.stream(session.createDataFrame([], "value string"))
