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

from contenders import Model, transitions_machine
from lives import births

from account_lifecycle import Engine

COMPILE = """
import time
from account_lifecycle.lifecycle.compiled import compiled
before = time.process_time()
compiled()
print(time.process_time() - before)
"""


class Footprint(NamedTuple):
    """Bytes on average, by ``tracemalloc``."""

    account: float
    """The record of an account that lived up to its first OK and its slot in a dict, without its id."""
    event: float
    """What the memory store's ledger holds for an event: the payload, the record, the words, the time."""
    model: float
    """A ``transitions`` model that was added to a machine, and its slot in a dict."""


def footprint(accounts: int) -> Footprint:
    """Live memory per account, per event and per model."""
    Engine.open("memory:").feed_event(births(1)[0])  # what is made once is no account's
    tracemalloc.start()
    account, event = _engine_bytes(accounts)
    model = _model_bytes(accounts)
    tracemalloc.stop()
    return Footprint(account, event, model)


def _engine_bytes(accounts: int) -> tuple[float, float]:
    before = _live()
    engine = Engine.open("memory:")
    fed = 0
    for payload in births(accounts):
        engine.feed_event(payload)
        fed += 1
    whole = _live() - before
    known = {account.account_id: account for account in engine.accounts()}
    engine.close()
    del engine, payload
    alone = _live() - before
    return (alone - _sizes(known)) / accounts, (whole - alone) / fed


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
