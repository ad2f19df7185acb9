"""Contenders in turn, each in a process of its own: CPU time, wall time and peak memory of what it is timed for.

    python benchmarks/replay_racing.py CONTENDER LOG    (a process of its own: prints one JSON object)

CPU time is user and system of the process with all its threads, and of its children. The peak is that of the whole
process, imports and warm-up included; what it maps of a file counts as far as it was touched.
"""

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from replay_contract import Log


class Outcome(NamedTuple):
    """What one run of a contender took and came to."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    warm_up_s: float = 0.0
    counts: Mapping[str, int] = {}
    error: str = ""
    """Why there is nothing else: it is not installed, it took too long, or it failed."""

    @property
    def events(self) -> int:
        """How many events it got through."""
        return self.counts.get("events", self.counts.get("events of the beginning", 0))

    @property
    def cpu_ns(self) -> float:
        """Of one event."""
        return self.cpu_s / max(self.events, 1) * 1e9

    @property
    def wall_ns(self) -> float:
        """Of one event."""
        return self.wall_s / max(self.events, 1) * 1e9


Runs = dict[str, list[Outcome]]
"""By contender, as ``module.function``, round by round; one that failed has a single outcome."""


class Disagreement(Exception):
    """Contenders have counted differently."""


def race(contenders: Iterable[str], log: Log, rounds: int, timeout_s: float, at_once: int = 1) -> Runs:
    """Let contenders read the same log in turn, round after round. Raises ``Disagreement``."""
    runs: Runs = {contender: [] for contender in contenders}
    for _ in range(rounds):
        going = [contender for contender, outcomes in runs.items() if not outcomes or not outcomes[0].error]
        with ThreadPoolExecutor(at_once) as pool:
            outcomes = pool.map(lambda contender: run(contender, log, timeout_s), going)
            for contender, outcome in zip(going, outcomes, strict=True):
                runs[contender].append(outcome)
                print(f"  {contender}: {_told(outcome)}", flush=True)
    check_agreement(runs)
    return runs


def run(contender: str, log: Log, timeout_s: float, environment: Mapping[str, str] | None = None) -> Outcome:
    """One run of one contender, in a process of its own."""
    command = [sys.executable, __file__, contender, json.dumps(log)]
    surroundings = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, env=surroundings)
    except subprocess.TimeoutExpired:
        return Outcome(error=f"not done after {timeout_s:.0f} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        return Outcome(error=f"ended with {done.returncode}: {last[:200]}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def check_agreement(runs: Runs) -> None:
    """All counts of the same name are the same. Raises ``Disagreement``."""
    seen: dict[str, tuple[int, str]] = {}
    for contender, outcomes in runs.items():
        for outcome in outcomes:
            for name, count in outcome.counts.items():
                first, by = seen.setdefault(name, (count, contender))
                if count != first and not name.startswith("events of the beginning"):
                    raise Disagreement(f"{name}: {first:,} by {by}, {count:,} by {contender}")


def middle(outcomes: Iterable[Outcome]) -> Outcome:
    """The median of the runs, figure by figure."""
    runs = list(outcomes)
    cpu, wall, peak, warm_up = (statistics.median(each) for each in zip(*(run[:4] for run in runs), strict=True))
    return Outcome(cpu, wall, peak, warm_up, runs[0].counts, runs[0].error)


def _told(outcome: Outcome) -> str:
    if outcome.error:
        return outcome.error
    return (
        f"{outcome.cpu_ns:,.1f} ns CPU and {outcome.wall_ns:,.1f} ns elapsed an event, {outcome.peak_mb:,.0f} MB, "
        f"warm-up {outcome.warm_up_s:.1f} s"
    )


# ---- In the process of a contender ---------------------------------------------------------------------


def _main(contender: str, log: Log) -> Outcome:
    try:
        module, name = contender.split(".")
        start = getattr(importlib.import_module(f"replay_{module}"), name)
        began = time.perf_counter()
        ready = start(log)
    except ModuleNotFoundError as error:
        return Outcome(error=f"not installed: {error.name}")
    except ImportError as error:
        return Outcome(error=f"not installed: {error}")
    warm_up = time.perf_counter() - began
    cpu, wall = _cpu_s(), time.perf_counter()
    result = ready.work()
    cpu, wall = _cpu_s() - cpu, time.perf_counter() - wall
    peak = _peak_mb()  # before anything is counted
    return Outcome(cpu, wall, peak, warm_up, ready.counted(result))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb() -> float:
    """Of this process since it began; ``ru_maxrss`` alone would begin with that of the process it was forked from."""
    try:
        fields: dict[str, Any] = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2


if __name__ == "__main__":
    found = _main(sys.argv[1], Log(*json.loads(sys.argv[2])))
    print(json.dumps(found._asdict()))
