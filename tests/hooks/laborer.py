"""A process that runs hooks of a kind until it is stopped or dies. Every call is a line in a file.

Arguments: the store's URL, the kind of hook, the file for the lines, and the lease in seconds.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from account_lifecycle import Engine, HookCall
from account_lifecycle.engine.core import utc_now
from account_lifecycle.hooks.worker import Worker

Tell = Callable[[str, HookCall], None]


def teller(path: Path) -> Tell:
    """Writes whole lines, each in one go, so that those of several processes stay apart."""

    def tell(what: str, call: HookCall) -> None:
        line = f"{what} {os.getpid()} {call.account_id} {call.sequence} {call.attempt} {call.key}\n"
        with path.open("ab", buffering=0) as lines:
            lines.write(line.encode())

    return tell


def register(engine: Engine, kind: str, tell: Tell, awake: Path) -> None:
    def orderly(call: HookCall) -> None:
        tell("begin", call)
        tell("end", call)

    def poison(call: HookCall) -> None:
        tell("begin", call)
        if call.account_id == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        tell("end", call)

    def sleepy(call: HookCall) -> None:
        tell("begin", call)
        if call.attempt == 1:
            os.kill(os.getpid(), signal.SIGSTOP)  # the whole process; this thread may run on for a moment yet
            while not awake.exists():  # so that it sleeps in the middle of the call, and not while it writes
                time.sleep(0.005)
        tell("end", call)

    engine.on_anomaly(name="mine", attempts=3)({"orderly": orderly, "poison": poison, "sleepy": sleepy}[kind])


def labor(url: str, kind: str, path: Path, lease: timedelta) -> None:
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with Engine.open(url, observers=()) as engine:
        register(engine, kind, teller(path), path.with_name("awake"))
        with Worker(engine.store, engine, utc_now, threads=3, poll_s=0.05, lease=lease) as running:
            print("ready", flush=True)  # noqa: T201
            while not over.wait(0.1):  # a signal may have reached another thread, which wakes nobody here
                pass
        print(running.counts, flush=True)  # noqa: T201


if __name__ == "__main__":
    url, kind, path, lease_s = sys.argv[1:]
    labor(url, kind, Path(path), timedelta(seconds=float(lease_s)))
