"""What a PostgreSQL server has used up: CPU time of all its processes, its log's growth, its tables, whom it waits for.

Knows /proc and the server's own statistics; it must never know what was fed.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """What was used up to one moment; the difference of two is what a cell has used."""

    cpu_s: float
    """User and system time of every process of the server."""
    wal_bytes: int
    """How far the server's log has grown."""

    def since(self, earlier: "Used") -> "Used":
        """What was used from ``earlier`` on."""
        return Used(self.cpu_s - earlier.cpu_s, self.wal_bytes - earlier.wal_bytes)


class Gauge:
    """A look at one database of a server, from a connection of its own whose CPU time is not counted."""

    def __init__(self, url: str, postmaster: int) -> None:
        self._db: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(url, autocommit=True)
        self._postmaster = postmaster
        self._own = self._db.info.backend_pid

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def used(self) -> Used:
        """What the server has used so far."""
        ((wal,),) = self.ask("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return Used(tree_cpu_s(self._postmaster, self._own), int(wal))

    def wal_images(self) -> int:
        """Whole pages in the log: the first change of a page after a checkpoint carries the page along.

        The server counts those of a connection when it is closed, if not before.
        """
        while self.ask(
            "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ):
            time.sleep(0.01)
        ((images,),) = self.ask("SELECT wal_fpi FROM pg_stat_wal")
        return int(images)

    def waits(self) -> Counter[str]:
        """What each of the others' connections does at this moment: ``runs``, ``client``, or what it waits for."""
        return Counter(dict(self.ask(_WAITS)))

    def table_bytes(self) -> dict[str, int]:
        """Bytes of each table with its indexes."""
        return dict(self.ask("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r'" + _OURS))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query; none for a statement that has none."""
        cursor = self._db.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


_OURS = " AND relnamespace = current_schema()::regnamespace"
_WAITS = """
SELECT CASE WHEN state LIKE 'idle%' THEN 'client' WHEN wait_event_type IS NULL THEN 'runs'
            WHEN wait_event_type = 'Client' THEN 'client' ELSE wait_event_type || ' ' || wait_event END, count(*)
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
GROUP BY 1
"""


def machine_cpu_s() -> float:
    """CPU time of everything on this machine, and what the host has taken from it."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return sum(int(words[place]) for place in (1, 2, 3, 6, 7, 8)) * TICK_S


def tree_cpu_s(root: int, but: int) -> float:
    """CPU time of a process, its children and those of them that have ended, without one that is named."""
    before: dict[int, int] = {}
    while (found := dict(_ticks(root))).keys() != before.keys():  # who ends meanwhile is counted twice, or not at all
        before = found
    return sum(ticks for pid, ticks in found.items() if pid != but) * TICK_S


def _ticks(root: int) -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(folder.name) == root:
            yield root, sum(map(int, words[11:15]))  # with the children that have ended
        elif int(words[1]) == root:
            yield int(folder.name), sum(map(int, words[11:13]))
