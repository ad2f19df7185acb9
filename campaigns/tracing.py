"""Count the system calls of a running process, or make one of them fail, with ``strace``."""

import ctypes
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .processes import fork, kill

CALLS = (
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
)
"""Everything by which a file or its folder changes."""
TAKES_ROOM = (
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "fallocate",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
)
"""Those that can find the disk full."""

_PTRACER, _ANYBODY = 0x59616D61, ctypes.c_ulong(-1)


class Fault(NamedTuple):
    """Something that happens at a system call."""

    name: str
    injected: str
    """As strace names it."""
    goes_on: bool = False
    """Whether it happens at every later call of its kind, too."""

    @property
    def is_end(self) -> bool:
        """Whether the process ends by it."""
        return "signal" in self.injected

    def applies_to(self, call: str) -> bool:
        """Whether this can happen at a call."""
        return "ENOSPC" not in self.injected or call in TAKES_ROOM


FAULTS = (
    Fault("killed", "signal=KILL"),
    Fault("disk full, once", "error=ENOSPC"),
    Fault("disk full, from then on", "error=ENOSPC", goes_on=True),
    Fault("input/output error, once", "error=EIO"),
    Fault("input/output error, from then on", "error=EIO", goes_on=True),
)


class Point(NamedTuple):
    """A system call of an operation, and what happens at it."""

    call: str
    number: int
    """Which of its kind, from 1."""
    fault: Fault

    def __str__(self) -> str:
        return f"{self.fault.name} at {self.call} {self.number}"


def why_not() -> str:
    """Why processes cannot be traced here; blank if they can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    sleeper = fork(_sleep)
    try:
        with traced(sleeper.pid or 0, None, Path(os.devnull)):
            return ""
    except PermissionError as error:
        return str(error)
    finally:
        kill(sleeper)


def _sleep() -> None:
    let_be_traced()
    time.sleep(60)


def let_be_traced() -> None:
    """Let any process trace this one, where only a parent may by default."""
    ctypes.CDLL(None).prctl(_PTRACER, _ANYBODY, 0, 0, 0)


@contextmanager
def traced(pid: int, point: Point | None, output: Path) -> Iterator[None]:
    """Trace a process, and let something happen at one of its calls; until it ends, or the block does.

    The calls are written to ``output``. Raises ``PermissionError`` if it cannot be traced.
    """
    command = ["strace", "-f", "-p", str(pid), "-o", str(output), "-e", f"trace={','.join(CALLS)}"]
    if point is not None:
        when = f"{point.number}{'+' if point.fault.goes_on else ''}"
        command += ["-e", f"inject={point.call}:{point.fault.injected}:when={when}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        if "attached" not in (line := strace.stderr.readline()):
            raise PermissionError(f"strace cannot attach to a process here: {line.strip()}")
        try:
            yield
        finally:
            strace.terminate()


def count_calls(output: Path) -> Counter[str]:
    """How many calls of each kind were traced; of several threads, the most that one made."""
    found = Counter(re.findall(r"^(\d+) +(\w+)\(", output.read_text(errors="replace"), re.MULTILINE))
    most: Counter[str] = Counter()
    for (_thread, call), number in found.items():
        most[call] = max(most[call], number)
    return most
