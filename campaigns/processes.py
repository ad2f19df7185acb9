"""Processes that may be killed at any moment, how they report what they did, and folders for their stores.

The process that forks has imported everything already, so that a new one costs milliseconds; it must hold no store
open while it forks. What a process did outlives it: in a file that lines are appended to (``reporting``), or in shared
memory, which is written without a system call (``Board``).
"""

import json
import mmap
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Say = Callable[..., None]
"""Report something, whole or not at all and at once: it outlives the process."""

PATIENCE_S = 60.0
"""How long anything that must happen may take before that counts as a broken promise."""


def fork(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that does some work; it ends with its parent."""
    process = multiprocessing.get_context("fork").Process(target=_alone, args=(work, *arguments), daemon=True)
    process.start()
    return process


def _alone(work: Callable[..., object], *arguments: object) -> None:
    """Do some work; the parent's signal handlers are not the child's."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    work(*arguments)


def kill(process: BaseProcess) -> None:
    """End a process as ``kill -9`` does, stopped or not, and wait until it is gone."""
    process.kill()
    process.join()


def halt(process: BaseProcess) -> None:
    """Stop a process where it is, without its knowing."""
    _signal(process, signal.SIGSTOP)


def resume(process: BaseProcess) -> None:
    """Let a stopped process go on."""
    _signal(process, signal.SIGCONT)


def _signal(process: BaseProcess, number: int) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    """Wait for something; whether it came."""
    ends = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True


@contextmanager
def reporting(path: Path) -> Iterator[Say]:
    """Append lines to a file that others read, or append to, at the same time."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield lambda *facts: _append(descriptor, facts)
    finally:
        os.close(descriptor)


def _append(descriptor: int, facts: tuple[object, ...]) -> None:
    os.write(descriptor, json.dumps(facts).encode() + b"\n")


def reported(path: Path) -> list[list[Any]]:
    """Return everything that was reported in a file so far, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


_SIZE = 1 << 20
_HEAD = 8


class Board:
    """Notes, oldest first. Made before a process is forked, it is shared with it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def post(self, *facts: object) -> None:
        """Put up a note; it counts once it is complete."""
        note, end = json.dumps(facts).encode() + b"\n", _HEAD + self._length()
        assert end + len(note) <= _SIZE, "the board is full"
        self._memory[end : end + len(note)] = note
        self._memory[:_HEAD] = (self._length() + len(note)).to_bytes(_HEAD, "little")

    def notes(self) -> list[list[Any]]:
        """Every note so far."""
        return [json.loads(line) for line in self._memory[_HEAD : _HEAD + self._length()].splitlines()]

    def _length(self) -> int:
        return int.from_bytes(self._memory[:_HEAD], "little")


_IN_MEMORY = Path("/dev/shm")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    is_there = _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK)
    with TemporaryDirectory(dir=_IN_MEMORY if is_there else None, prefix="account-lifecycle-") as folder:
        yield Path(folder)
