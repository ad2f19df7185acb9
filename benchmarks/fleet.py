"""Measure what an event of a large fleet costs, and where more processes stop helping.

    python benchmarks/fleet.py [--quick] [--accounts COUNT] [--json FILE]

Starts a private PostgreSQL server on loopback in a temporary folder, with its default settings, and stops it at the
end. 1, 2, 4 and 8 processes feed it, singly and in batches, accounts of their own, all accounts, or a single one; the
same with threads, with a SQLite file, and with a loop by hand as a floor; then crews of workers drain an outbox. Each
round goes through all cells in turn; the table gives medians. CPU time is that of all processes that take part, the
server's found by its process tree; "others" are the cores that something else kept busy meanwhile. Takes less than six
minutes, or than one with ``--quick``, which is too short to be cited. Needs PostgreSQL's server programs
(``python3 dev.py services``).

The exit code is 0 unless it breaks: times are no test.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import fleet_store
import psycopg
from fleet_deliveries import deliveries
from fleet_feeding import FLOOR, Cell, Outcome, batches, floor, middle, race, singly
from fleet_gauges import Gauge
from fleet_hooks import Outbox, prepare
from fleet_words import MILLI, ms, plain, table, us
from lives import as_received, births

from account_lifecycle import Engine

sys.path.append(str(Path(__file__).parents[1] / "tests"))


class Effort(NamedTuple):
    """How long to measure."""

    accounts: int
    counts: tuple[int, ...]
    rounds: int
    cell_s: float
    backlog: int
    """How many deliveries wait for a crew."""


FULL = Effort(10_000, (1, 2, 4, 8), rounds=3, cell_s=1.0, backlog=4_000)
QUICK = Effort(2_000, (1, 4), rounds=1, cell_s=0.4, backlog=2_000)


class Place(NamedTuple):
    """Where everything is."""

    fleet: str
    floor: str
    sqlite: str
    hooks: str
    postmaster: int
    accounts: list[str]


def main() -> None:
    """Measure everything, and print it as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute, to see that all of it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to a file as well")
    parser.add_argument("--accounts", type=int, metavar="COUNT", help="how many accounts (default 10,000)")
    options = parser.parse_args()
    effort = QUICK if options.quick else FULL
    effort = effort._replace(accounts=options.accounts or effort.accounts)
    signal.signal(signal.SIGTERM, _end)
    found: dict[str, Any] = {"quick": options.quick}
    for name, figures, lines in _measure(effort):
        found[name] = figures
        print("\n".join(lines), end="\n\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _end(number: int, _frame: object) -> None:
    """End as an error would, so that the server is stopped."""
    sys.exit(128 + number)


def _measure(effort: Effort) -> Iterator[tuple[str, object, list[str]]]:
    from postgres_server import private_server

    with private_server() as server, tempfile.TemporaryDirectory(prefix="account-lifecycle-fleet-") as folder:
        ((data, settings),) = server.ask("SELECT current_setting('data_directory'), version()")
        place = _prepared(server, Path(data, "postmaster.pid"), Path(folder), effort)
        yield "setting", *_setting(settings, Path(folder))
        gauge = Gauge(place.fleet, place.postmaster)
        yield "fresh", *_told(fleet_store.left(gauge))
        log = _log(place, gauge)
        outcomes = _feeding(place, effort)
        yield "feeding", _records(outcomes), _feeding_table(outcomes)
        yield "waits", None, _waits_table(outcomes)
        yield "log", log, [f"log of an event {name}: {b:,.0f} B, {i:.1f} whole pages" for name, (b, i) in log.items()]
        yield "left", *_told(fleet_store.left(gauge))
        gauge.close()
        yield "through", *_told(fleet_store.go_through(place.fleet))
        outbox = Outbox(place.hooks, place.accounts, place.postmaster)
        yield from deliveries(outbox, effort.counts, effort.backlog, 2 * effort.cell_s)


# ---- Preparing ---------------------------------------------------------------------------------------


def _prepared(server: Any, pid_file: Path, folder: Path, effort: Effort) -> Place:
    """Databases in which every account was born."""
    urls = [server.url_of(name) for name in ("fleet", "floor", "hooks")]
    for name in ("fleet", "floor", "hooks"):
        server.ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    postmaster = int(pid_file.read_text().split()[0])
    bodies = births(effort.accounts, datetime.now(UTC) - timedelta(days=30))
    accounts = [json.loads(born.payload)["AccountStatus"]["account_id"] for born in bodies[::3]]
    place = Place(urls[0], urls[1], f"sqlite:///{folder}/fleet.db", urls[2], postmaster, accounts)
    for url in (place.fleet, place.sqlite, place.hooks):
        with Engine.open(url, observers=()) as engine:
            for _ in engine.feed_events(as_received(bodies), batch_size=1_000):
                pass
    with psycopg.connect(place.floor, autocommit=True) as db:
        db.execute(FLOOR)
        db.cursor().executemany("INSERT INTO account VALUES (%s, 'OK', 0)", [(account,) for account in accounts])
    prepare(place.hooks)
    for url in (place.fleet, place.floor, place.hooks):
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("VACUUM ANALYZE")
    return place


def _setting(server: str, folder: Path) -> tuple[object, list[str]]:
    told = f"Python {platform.python_version()}, {server.split(' (')[0]}, {os.cpu_count()} cores, {platform.machine()}"
    sync_s = _sync_s(folder)
    line = (
        f"{told}; a synced write of 8 KiB takes {sync_s * MILLI:.2f} ms; load {os.getloadavg()[0]:.1f} before it began"
    )
    return {"told": told, "sync_s": sync_s}, [line]


def _sync_s(folder: Path) -> float:
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            began_s = time.perf_counter()
            file.write(bytes(8192))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began_s)
    return sorted(times)[25]


# ---- Feeding -----------------------------------------------------------------------------------------


def _cells(counts: Sequence[int]) -> Iterator[tuple[str, Cell]]:
    """Every cell, with the name of the database that it is for."""
    for count in counts:
        yield "fleet", Cell("singly, accounts of its own", singly, count)
        yield "floor", Cell("by hand, singly", floor(1), count)
        yield "fleet", Cell("singly, all accounts", singly, count, spread="all")
        yield "fleet", Cell("singly, one account", singly, count, spread="one")
        yield "fleet", Cell("singly, threads of one process", singly, 1, threads=count)
        yield "fleet", Cell("batches of 100, accounts of its own", batches(100), count)
        yield "floor", Cell("by hand, batches of 100", floor(100), count)
        yield "fleet", Cell("batches of 100, all accounts", batches(100), count, spread="all")
        yield "fleet", Cell("batches of 1,000, accounts of its own", batches(1_000), count)
        yield "sqlite", Cell("singly, a SQLite file", singly, count)
        yield "sqlite", Cell("singly, a SQLite file, threads of one process", singly, 1, threads=count)


def _feeding(place: Place, effort: Effort) -> list[tuple[Cell, Outcome]]:
    cells = list(_cells(effort.counts))
    rounds: list[list[Outcome]] = [[] for _ in cells]
    for number in range(effort.rounds):
        print(f"feeding, round {number + 1} ...", file=sys.stderr, flush=True)
        for kept, (store, cell) in zip(rounds, cells, strict=True):
            postmaster = None if store == "sqlite" else place.postmaster
            kept.append(race(cell, getattr(place, store), place.accounts, effort.cell_s, postmaster))
    found = [(cell, middle(kept)) for (_, cell), kept in zip(cells, rounds, strict=True)]
    return sorted(found, key=lambda pair: pair[0].title)


def _records(outcomes: Sequence[tuple[Cell, Outcome]]) -> list[dict[str, Any]]:
    return [{**cell._replace(way=None)._asdict(), **found._asdict()} for cell, found in outcomes]  # type: ignore[arg-type]


def _feeding_table(outcomes: Sequence[tuple[Cell, Outcome]]) -> list[str]:
    headings = (
        "feeders",
        "",
        "events/s",
        "client CPU",
        "server CPU",
        "a core feeds",
        "median",
        "99 %",
        "log",
        "others",
    )
    rows = [
        (cell.title, str(cell.processes * cell.threads), f"{found.rate:,.0f}", us(found.client_s),
         us(found.server_s), f"{1 / (found.client_s + found.server_s):,.0f}/s", ms(found.median_s), ms(found.late_s),
         f"{found.wal_bytes:,.0f} B", f"{found.others:.1f}")
        for cell, found in outcomes
    ]  # fmt: skip
    return table(headings, rows)


def _waits_table(outcomes: Sequence[tuple[Cell, Outcome]]) -> list[str]:
    rows = [
        (cell.title, str(cell.processes * cell.threads), _shares(found.waits))
        for cell, found in outcomes
        if found.waits
    ]
    return table(("feeders", "", "where the server's connections were seen"), rows)


def _shares(waits: dict[str, float]) -> str:
    most = sorted(waits.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {share:.0%}" for name, share in most if share >= 0.02)


# ---- The log, the outbox -----------------------------------------------------------------------------


def _log(place: Place, gauge: Gauge) -> dict[str, tuple[float, float]]:
    methods = {"": place.fleet} | {
        f", wal_compression = {method}": fleet_store.with_setting(place.fleet, "wal_compression", method)
        for method in ("pglz", "lz4")
    }
    return {
        f"right after a checkpoint{name}": fleet_store.log_after_checkpoint(url, gauge, place.accounts)
        for name, url in methods.items()
    }


# ---- Words -------------------------------------------------------------------------------------------


def _told(found: Any) -> tuple[object, list[str]]:
    return found._asdict(), [f"{name}: {plain(value)}" for name, value in found._asdict().items()]


if __name__ == "__main__":
    main()
