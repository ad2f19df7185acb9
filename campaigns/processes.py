"""Processes that may be killed at any moment, and the files in which they tell what they did.

Knows forking and appending; it must never know what is fed or to whom. The process that forks has imported
everything already, so that a new life costs milliseconds; it must hold no store open while it forks.
"""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

Say = Callable[..., None]
"""Tells something, whole or not at all, and at once: it outlives the process."""

PATIENCE_S = 60.0
"""How long anything that must happen may take before that counts as a broken promise."""


def fork(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process that does some work; it ends with its parent."""
    process = multiprocessing.get_context("fork").Process(target=_alone, args=(work, *arguments), daemon=True)
    process.start()
    return process


def _alone(work: Callable[..., object], *arguments: object) -> None:
    """Do some work; what the parent does when it is told to end is not the child's."""
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
def telling(path: Path) -> Iterator[Say]:
    """Append lines to a file that others read, or append to, at the same time."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield lambda *facts: _append(descriptor, facts)
    finally:
        os.close(descriptor)


def _append(descriptor: int, facts: tuple[object, ...]) -> None:
    os.write(descriptor, json.dumps(facts).encode() + b"\n")


def told(path: Path) -> list[list[Any]]:
    """Everything that was told in a file so far, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
