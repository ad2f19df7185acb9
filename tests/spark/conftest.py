"""One Spark session for all tests here, and logs with every fault in them."""

import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle.intake.logs import read_line
from account_lifecycle.simulate.log import Faults, simulate

if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("needs Java 17 (apt-get install openjdk-17-jre-headless)", allow_module_level=True)
pytest.importorskip("pyspark", reason="needs pyspark (pip install 'account-lifecycle[spark]')")
pytest.importorskip("pandas", reason="needs pandas (pip install 'account-lifecycle[spark]')")

START = datetime(2026, 5, 1, tzinfo=UTC)
QUICK_TO_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
STAMP = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _pyspark_may_warn() -> Iterator[None]:
    """Of a pandas that it does not know yet, and of sockets and files that it leaves to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture(scope="session")
def session() -> Iterator[Any]:
    """A local one with two cores, that listens on the loopback interface only."""
    from account_lifecycle.spark.batch import session_for

    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["JDK_JAVA_OPTIONS"] = QUICK_TO_START
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = session_for("local[2]")
        session.conf.set("spark.sql.shuffle.partitions", "2")
        session.conf.set("spark.sql.adaptive.enabled", "false")
        yield session
        session.stop()


@pytest.fixture(scope="session")
def lines() -> list[bytes]:
    """The log of a fleet of all providers to which everything happens that can, in the order of its times."""
    fleet = simulate(accounts=1_000, seed=5, start=START, days=300, faults=Faults.everything(0.01))
    lines, at = [], ""
    for line in fleet:
        found = read_line(line.encode()).received_at
        at = at if not isinstance(found, datetime) else found.isoformat()
        lines.append((at, line.encode()))
    return [line for _, line in sorted(lines, key=lambda each: each[0])]


@pytest.fixture(scope="session")
def log(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file."""
    path = tmp_path_factory.mktemp("logs") / "the fleet.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
