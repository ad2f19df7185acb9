"""What a reconciliation costs: a list of equal accounts, read over HTTP from a process of its own and compared.

    python benchmarks/reconcile.py [--accounts 100000] [--rounds 3] [--store URL]

Fetching and parsing the pages alone and the whole run take turns (A B A B …). The server is Python too, so that most of
the time that elapses is its own; "CPU" is what this process spends, on both sides of the ratio. The exit code is 1 if a
run wrote anything but its row.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter, process_time

from account_lifecycle import Engine
from account_lifecycle.testing.vendor import SimulatedVendor
from account_lifecycle.vendor import VendorClient, reconcile

KEY = "benchmark"


def serve(accounts: int, pipe: Connection) -> None:
    """Serve a vendor with so many accounts until the pipe says so."""
    vendor = SimulatedVendor(key=KEY)
    for number in range(accounts):
        vendor.create("WHATSAPP", f"acc_{number * 7919 % accounts:07}", quiet=True)
    with vendor.serve() as url:
        pipe.send(url)
        pipe.recv()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long something takes: elapsed and CPU, in seconds."""
    elapsed_s, cpu_s = perf_counter(), process_time()
    work()
    return perf_counter() - elapsed_s, process_time() - cpu_s


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", help="default: a SQLite file")
    asked = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    vendor = multiprocessing.get_context("spawn").Process(target=serve, args=(asked.accounts, theirs), daemon=True)
    vendor.start()
    url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        store = asked.store or f"sqlite:///{folder}/accounts.db"
        with Engine.open(store, observers=()) as engine, VendorClient(url, KEY) as client:
            adopted_s = timed(lambda: reconcile(engine, client, adopt=True))[0]
            events = sum(1 for _ in engine.store.ledger())
            fetched, whole = [], []
            for _ in range(asked.rounds):
                fetched.append(timed(lambda: sum(1 for _ in client.accounts())))
                whole.append(timed(lambda: reconcile(engine, client)))
            written = sum(1 for _ in engine.store.ledger()) - events
            runs = engine.reconciliations()
    ours.send(None)
    vendor.join()
    print(f"{asked.accounts:,} accounts, adopted in {adopted_s:.1f} s ({asked.accounts / adopted_s:,.0f} a second)")
    for name, column in (("elapsed", 0), ("CPU", 1)):
        one, other = (median(each[column] for each in rounds) for rounds in (fetched, whole))
        ratio = median(b[column] / a[column] for a, b in zip(fetched, whole, strict=True))
        print(
            f"{name:8} fetching and parsing {one:6.2f} s, the whole run {other:6.2f} s: {ratio:.2f} times (at most 2)"
        )
    print(f"rows written by {asked.rounds} runs: {written} of accounts, {len(runs) - 1} of runs")
    return int(
        written != 0 or len(runs) != asked.rounds + 1 or not all(run.equal == asked.accounts for run in runs[:-1])
    )


if __name__ == "__main__":
    sys.exit(main())
