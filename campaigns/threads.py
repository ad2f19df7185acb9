"""Eight threads feed one engine without pause: what they get done, and what everybody else of the process waits.

Beside them the engine is asked for an account, again and again, and a runner calls a hook; then the process forks, and
at last the engine is closed while they still feed. ``--beside`` names another working tree of this repository, whose
throughput is measured as well, in rounds that alternate: nothing but the threads, in processes of their own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Flag
from threading import Thread
from typing import NamedTuple

from account_lifecycle import Engine, HookCall, StoreError

from .report import Report, conclude, silence_logs

THREADS = 8
"""How many threads feed."""
LEAST_SHARE = 0.9
"""How much of the other tree's throughput is enough."""
ACCOUNTS = 50
"""How many accounts each of them feeds."""
CHANGES_AFTER = 20
"""After so many events an account's health changes, which the hook is called for."""
WORDS = ("OK", "CREDENTIALS")


class Plan(NamedTuple):
    """The size of a run, and what is promised, in seconds."""

    length_s: float = 15
    median_s: float = 0.1
    worst_s: float = 1
    close_s: float = 2
    called: float = 0.9
    """How many of the calls that are due are made by the end."""
    rounds: int = 5


SHORT = Plan(1.5, median_s=1, worst_s=5, close_s=10, called=0.1, rounds=1)


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns threads", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--beside", type=Path, metavar="TREE", help="another working tree, for its throughput")
    parser.add_argument("--only-feed", type=float, metavar="SECONDS", help="feed, and print how many events a second")
    options = parser.parse_args(arguments)
    silence_logs()
    if options.only_feed:
        with crowd() as (_, fed):
            time.sleep(options.only_feed)
            print(sum(fed) / options.only_feed)
        return 0
    plan = SHORT if options.short else Plan()
    code = conclude(run(plan))
    return max(code, conclude(compare(plan, options.beside))) if options.beside else code


@contextmanager
def crowd() -> Iterator[tuple[Engine, list[int]]]:
    """Have threads feed an engine until the end, or until it is closed; yield it, and how much each has fed."""
    is_over, fed = Flag(), [0] * THREADS
    with TemporaryDirectory() as folder, Engine.open(f"sqlite:///{folder}/accounts.db", observers=()) as engine:

        def feed(number: int) -> None:
            while not is_over.is_set():
                turn, account = divmod(fed[number], ACCOUNTS)
                said = {"account_id": f"{number}-{account}", "account_type": "LINKEDIN"}
                word = WORDS[(turn + account) // CHANGES_AFTER % 2]
                try:
                    engine.feed_event({"AccountStatus": {**said, "message": word}})
                except StoreError:  # it was closed
                    return
                fed[number] += 1

        threads = [Thread(target=feed, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield engine, fed
        finally:
            is_over.set()
            for thread in threads:
                thread.join()


def run(plan: Plan) -> Report:
    """Measure what everybody else waits."""
    calls, waits = [0], list[float]()

    def hook(_call: HookCall) -> None:
        calls[0] += 1

    with crowd() as (engine, fed):
        engine.on_health_changed(hook, name="heard")
        engine.start_runner()
        ends = time.monotonic() + plan.length_s
        while time.monotonic() < ends:
            waits.append(_seconds_of(lambda: engine.account("1-1")))
            time.sleep(0.01)
        total, called, known = sum(fed), calls[0], len(engine.deliveries())
        fork_s = _seconds_of(_fork)
        close_s = _seconds_of(engine.close)
    median_s, worst_s = statistics.median(waits), max(waits)
    figures: dict[str, object] = {
        "events a second": round(total / plan.length_s),
        "least and most of a thread": f"{min(fed)} and {max(fed)}",
        "account(), median": f"{median_s * 1000:.1f} ms",
        f"account(), worst of {len(waits):,}": f"{worst_s * 1000:.0f} ms",
        "hook calls made, of those due": f"{called:,} of {known:,}",
        "fork()": f"{fork_s * 1000:.0f} ms",
        "close()": f"{close_s * 1000:.0f} ms",
    }
    promises = {
        f"account() took {median_s:.2f} s at the median": median_s <= plan.median_s,
        f"account() took {worst_s:.2f} s at worst": worst_s <= plan.worst_s,
        f"{called} of {known} hook calls were made": called >= plan.called * known > 0,
        f"fork() took {fork_s:.1f} s": fork_s <= plan.close_s,
        f"close() took {close_s:.1f} s": close_s <= plan.close_s,
    }
    broken = [promise for promise, is_kept in promises.items() if not is_kept]
    return Report(f"{THREADS} threads for {plan.length_s:g} s", figures, tuple(broken))


def compare(plan: Plan, beside: Path) -> Report:
    """Measure the throughput of this tree and of another, in turn."""
    rates: dict[Path, list[float]] = {Path(__file__).parents[1]: [], beside.resolve(): []}
    for _ in range(plan.rounds):
        for tree, found in rates.items():
            command = [sys.executable, "-m", "campaigns", "threads", "--only-feed", str(plan.length_s)]
            path = {"PYTHONPATH": str(tree / "src")}
            ran = subprocess.run(
                command, cwd=Path(__file__).parents[1], env={**os.environ, **path}, check=True, capture_output=True
            )
            found.append(float(ran.stdout))
    ours, theirs = rates.values()
    share = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    figures: dict[str, object] = {
        "events a second, here": " ".join(f"{rate:.0f}" for rate in ours),
        "events a second, there": " ".join(f"{rate:.0f}" for rate in theirs),
        "here to there, median": f"{share:.2f}",
    }
    broken = () if share >= LEAST_SHARE else (f"the throughput is {share:.2f} times the other's",)
    return Report(f"throughput beside {beside}", figures, broken)


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _seconds_of(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
