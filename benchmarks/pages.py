"""How long the pages take on small and large fleets, and what they hold in memory.

    python benchmarks/pages.py [--accounts COUNT ...] [--store FILE]

For each number of accounts (5,000 and 500,000) it feeds a fleet into a SQLite file in a temporary folder: accounts of
nine providers that have been live for weeks, a tenth of which are not; within the last day a tenth says something and a
fiftieth moves; within the last hour 1,286 LinkedIn accounts are lost. Then it asks for each page, through the whole
application, with the snapshot read anew each time; the table gives the median and the worst of nine, the median of the
CPU time, which other work on the machine hardly changes, and the memory of the process before and after. Feeding half a
million accounts takes some minutes; ``--store`` keeps the file.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from account_lifecycle import Engine
from account_lifecycle.intake.logs import Received
from account_lifecycle.server import Receiver
from account_lifecycle.server.fleet import fleet_parts, fleet_values
from account_lifecycle.server.pages import Pages, SiteOptions
from account_lifecycle.server.serving import Application
from account_lifecycle.server.snapshot import read_snapshot

PROVIDERS = ("LINKEDIN", "WHATSAPP", "INSTAGRAM", "MESSENGER", "TELEGRAM", "TWITTER", "GOOGLE", "OUTLOOK", "MAIL")
NOT_LIVE = ("CREDENTIALS", "CREDENTIALS", "ERROR", "CONNECTING", "STOPPED")
LOST = 1_286
TIMES = 9
PATHS = (
    "/",
    "/accounts",
    "/accounts?status=CREDENTIALS&provider=LINKEDIN",
    "/accounts?q=acc_00",
    "/accounts/acc_0000009",
    "/anomalies",
    "/hooks",
    "/quarantine",
)
"""Pages that are asked for: one of the accounts is among those that were lost."""


def webhooks(accounts: int, now: datetime) -> Iterator[Received]:
    """Yield what was announced to a fleet, in the order of times."""

    def announced(n: int, word: str, at: datetime) -> Received:
        account_type = PROVIDERS[n % len(PROVIDERS)]
        status = {"account_id": f"acc_{n:07}", "account_type": account_type, "message": word}
        return Received({"AccountStatus": status}, at)

    born, step = now - timedelta(days=20), timedelta(days=18) / accounts
    for n in range(accounts):
        yield announced(n, "CREATION_SUCCESS" if n % 97 == 0 else "OK", born + n * step)
    lost = accounts // 12
    for n in range(lost):
        yield announced(
            n * 12 + 1, NOT_LIVE[n % len(NOT_LIVE)], now - timedelta(days=2) + n * timedelta(hours=20) / lost
        )
    lively, step = accounts // 10, timedelta(hours=22) / (accounts // 10)
    for n in range(lively):
        word = NOT_LIVE[n // 5 % len(NOT_LIVE)] if n % 5 == 0 else "OK"
        yield announced(n * 10 + 3, word, now - timedelta(hours=23) + n * step)
    last, step = min(LOST, accounts // 20), timedelta(minutes=8) / LOST
    for n in range(last):
        yield announced(n * 9, "CREDENTIALS", now - timedelta(minutes=40) + n * step)


def resident_mb() -> float:
    """Return the memory of this process."""
    gc.collect()
    fields = Path("/proc/self/status").read_text(encoding="ascii").partition("VmRSS:")[2].split()
    return int(fields[0]) / 1024


def get(application: Application, path: str) -> int:
    """Ask for a page as a browser does; return its size."""
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path.partition("?")[0], "raw_path": path.encode(), "query_string": path.partition("?")[2].encode(),
        "root_path": "", "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"localhost"), (b"accept", b"text/html")], "server": ("localhost", 80),
    }  # fmt: skip
    asyncio.run(application(scope, receive, send))  # type: ignore[arg-type]
    start, *rest = sent
    assert start["status"] == 200, (path, start["status"])  # type: ignore[index]
    return sum(len(each["body"]) for each in rest)  # type: ignore[index]


def show(what: str, work: Callable[[], object]) -> None:
    """Run something and print its median and its worst, in milliseconds, and the median of its CPU time."""
    times, worked = [], []
    for _ in range(TIMES):
        begun_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - begun_s) * 1000)
        worked.append((time.process_time() - cpu_s) * 1000)
    print(f"  {what:<44}{statistics.median(times):>9.1f}{max(times):>9.1f}{statistics.median(worked):>9.1f}")


def measure(store: Path, accounts: int) -> None:
    """Print the figures of one fleet."""
    if not store.exists():
        with Engine.open(f"sqlite:///{store}", observers=()) as engine:
            begun_s, now = time.monotonic(), datetime.now(UTC)
            for _ in engine.feed_events(webhooks(accounts, now), batch_size=20_000):
                pass
            print(f"fed {accounts:,} accounts in {time.monotonic() - begun_s:,.0f} s", file=sys.stderr)
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        before_mb = resident_mb()
        print(
            f"{accounts:,} accounts, {store.stat().st_size / 2**20:,.0f} MiB{'median':>26}{'worst':>9}{'CPU':>9}  (ms)"
        )
        pages = Pages(engine)
        snapshot = read_snapshot(engine)
        show("engine.overview()", engine.overview)
        show("the snapshot", lambda: read_snapshot(engine))
        show(
            "the parts of the page, from a snapshot",
            lambda: pages.parts_of(("fleet.html.jinja",), fleet_values(snapshot)),
        )
        show("what the stream sends, snapshot included", lambda: fleet_parts(pages, 0.0))
        pages.close()
        application = Application(engine, Receiver(engine), SiteOptions())
        assert application.site is not None
        application.site.pages.snapshots.kept_s = 0.0
        for path in PATHS:
            size = get(application, path)
            show(f"GET {path} ({size / 1024:,.0f} KiB)", lambda path=path: get(application, path))
        application.close()
        print(f"  memory: {before_mb:,.0f} MB before, {resident_mb():,.0f} MB after")


def main() -> None:
    """Measure each fleet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[5_000, 500_000])
    parser.add_argument("--store", type=Path, help="keep the file here, or use the one that is there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for accounts in given.accounts:
            measure(given.store or Path(folder) / f"{accounts}.db", accounts)


if __name__ == "__main__":
    main()
