"""What the library takes before and beside its work: bytes of memory, CPU time of an import and of the first use."""

import gc
import os
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from contenders import Model, decision, transitions_machine
from disk import File
from lives import as_received, births

from account_lifecycle import Account, Engine
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.decide import decide

COMPILE = """
import time
from account_lifecycle.lifecycle.compiled import compiled
before = time.process_time()
compiled()
print(time.process_time() - before)
"""


class Footprint(NamedTuple):
    """Bytes on average; those of memory by ``tracemalloc``."""

    account: float
    """An account that lived up to its first OK, with the times that it remembers, and its slot in a dict, without its
    id."""
    event: float
    """What an event adds to a SQLite file, with its account, effects and indexes."""
    model: float
    """A ``transitions`` model that was added to a machine, and its slot in a dict."""


def footprint(accounts: int) -> Footprint:
    """Live memory per account and per model, and bytes of a store per event."""
    step = decision([])
    step(births(1))  # what is made once is no account's
    tracemalloc.start()
    account, model = _account_bytes(accounts), _model_bytes(accounts)
    tracemalloc.stop()
    return Footprint(account, _file_bytes(accounts), model)


def _account_bytes(accounts: int) -> float:
    before = _live()
    known: dict[str, Account] = {}
    for payload, at in births(accounts):
        event = parse(payload, at)
        known[event.account_id] = decide(known.get(event.account_id) or Account(event.account_id), event).after
    del payload, at, event
    return (_live() - before - _sizes(known)) / accounts


def _file_bytes(accounts: int) -> float:
    file, arrivals = File(), births(accounts)
    sizes = []
    for part in (arrivals[:3], arrivals[3:]):
        with Engine.open(f"sqlite:///{file.path}", observers=()) as engine:
            for _ in engine.feed_events(as_received(part)):
                pass
        sizes.append(file.path.stat().st_size)
    return (sizes[1] - sizes[0]) / (len(arrivals) - 3)


def _model_bytes(accounts: int) -> float:
    machine = transitions_machine()
    before = _live()
    models = {str(number): Model() for number in range(accounts)}
    machine.add_model(list(models.values()))
    return (_live() - before - _sizes(models)) / accounts


def _live() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _sizes(ids: Iterable[str]) -> int:
    return sum(sys.getsizeof(account_id) for account_id in ids)


def child_cpu(code: str) -> float:
    """User and system CPU seconds of an interpreter that runs ``code`` and ends."""
    child = subprocess.Popen([sys.executable, "-c", code])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"the child that ran {code!r} failed with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def compile_cpu() -> float:
    """CPU seconds of the first look into the table, in a fresh interpreter."""
    told = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, check=True)
    return float(told.stdout)


def children(codes: Sequence[str], rounds: int) -> list[list[float]]:
    """CPU seconds of several programs, run in turn; the first round warms the disk's cache and is not counted."""
    times = [[child_cpu(code) for code in codes] for _ in range(rounds + 1)]
    return [list(column) for column in zip(*times[1:], strict=True)]


def import_shares() -> list[tuple[str, float]]:
    """By top-level package the seconds that its modules took to import, largest first; elapsed, not CPU."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import account_lifecycle"],
        capture_output=True,
        text=True,
        check=True,
    )
    shares: Counter[str] = Counter()
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", told.stderr):
        package = name.split(".")[0]
        shares["standard library" if package.lstrip("_") in _STANDARD else package] += int(own)
    return [(package, us / 1e6) for package, us in shares.most_common()]


_STANDARD = {name.lstrip("_") for name in sys.stdlib_module_names}
