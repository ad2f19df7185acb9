"""What a fleet's events leave behind: bytes of tables and of the log, dead rows, and how long a way through them takes.

Knows the names of the store's tables; it must never change an event.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from fleet_feeding import traffic
from fleet_gauges import Gauge

from account_lifecycle import Engine

PER_EVENT = ("event", "blind_window", "anomaly")
"""The tables that grow with every event, or nearly."""


class Left(NamedTuple):
    """What is on disk."""

    events: int
    accounts: int
    event_bytes: dict[str, float]
    """Of each table with its indexes, divided by the number of all events."""
    account_bytes: float
    """The table of accounts with its indexes, divided by the number of accounts."""
    hot_updates: float
    """Which share of the updates of accounts needed no new entry in an index."""
    dead_accounts: int
    """Rows of accounts that wait for a vacuum."""
    vacuum_s: float
    """How long the vacuum of the accounts took."""


class Through(NamedTuple):
    """How long it takes to go through the whole ledger, for each event."""

    verify_s: float
    prune_s: float
    archive_bytes: float


def left(gauge: Gauge) -> Left:
    """The sizes of a database's tables."""
    ((events, accounts),) = gauge.ask("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM account)")
    sizes = gauge.table_bytes()
    gauge.ask("SELECT pg_stat_force_next_flush()")
    ((hot, dead),) = gauge.ask(
        "SELECT n_tup_hot_upd::float / greatest(1, n_tup_upd), n_dead_tup FROM pg_stat_user_tables"
        " WHERE relname = 'account'"
    )
    vacuum_s = _elapsed(lambda: gauge.ask("VACUUM account"))
    per_event = {name: sizes[name] / events for name in PER_EVENT}
    return Left(events, accounts, per_event, sizes["account"] / accounts, hot, dead, vacuum_s)


def log_after_checkpoint(url: str, gauge: Gauge, accounts: Sequence[str], events: int = 50) -> tuple[float, float]:
    """Bytes and whole pages of the log for each of the first single events after a checkpoint, each of its own account.

    In a large fleet hardly two events between two checkpoints touch the same page.
    """
    chance, images = Random(time.time_ns()), gauge.wal_images()
    with Engine.open(url, observers=()) as engine:
        engine.feed_event(next(traffic(accounts, chance)))
        gauge.ask("CHECKPOINT")
        before = gauge.used()
        for account in chance.sample(list(accounts), events):
            engine.feed_event(next(traffic([account], chance)))
        used = gauge.used().since(before)
    return used.wal_bytes / events, (gauge.wal_images() - images) / events


def with_setting(url: str, name: str, value: str) -> str:
    """The URL of connections that have one of the server's settings changed for themselves."""
    return f"{url}?options=-c{name}%3D{value}"


def go_through(url: str) -> Through:
    """Verify everything, then archive and take out everything."""
    with Engine.open(url, observers=()) as engine, tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "archive.jsonl.gz")
        verified_s = _elapsed(lambda: _verify(engine.verify))
        began_s = time.perf_counter()
        segment = engine.prune(datetime.now(UTC), archive)
        pruned_s = time.perf_counter() - began_s
        assert segment is not None
        return Through(verified_s / segment.events, pruned_s / segment.events, archive.stat().st_size / segment.events)


def _verify(verify: Callable[[], object]) -> None:
    found = verify()
    assert getattr(found, "is_intact", False), found


def _elapsed(work: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s
