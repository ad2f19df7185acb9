"""Log files, wound off line by line, that can be stopped between two lines.

Knows files, standard input and Ctrl-C; it must never know what a line means.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from threading import current_thread, main_thread
from types import FrameType
from typing import IO

STDIN = "-"
"""What stands for standard input."""


class Reel:
    """The lines of several logs, one after the other, each file held open only while it is read."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._index = 0
        self.name = ""
        """The log that is being read."""
        self.line = 0
        """How many of its lines were read."""
        self.bytes_read = 0
        self.is_stopped = False
        """Whether Ctrl-C was pressed."""
        self._is_waiting = False

    def __iter__(self) -> Iterator[bytes]:
        for index, name in enumerate(self._names):
            self._index, self.name, self.line = index, name, 0
            with _opened(name) as file:
                yield from self._lines(file)
            if self.is_stopped:
                return

    @property
    def size(self) -> int | None:
        """How many bytes there are in all, or None where nobody can tell."""
        paths = [Path(name) for name in self._names]
        if any(name == STDIN or not path.is_file() for name, path in zip(self._names, paths, strict=True)):
            return None
        return sum(path.stat().st_size for path in paths)

    def remaining(self) -> str:
        """The logs that were not begun, as arguments."""
        return "".join(f" {quote(name)}" for name in self._names[self._index + 1 :])

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """While this lasts, Ctrl-C stops the reel after the line that it is at; a second one interrupts at once."""
        if current_thread() is not main_thread():
            yield
            return
        previous = signal.signal(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _lines(self, file: IO[bytes]) -> Iterator[bytes]:
        while not self.is_stopped:
            line = self._next_line(file)
            if not line:
                return
            self.line += 1
            self.bytes_read += len(line)
            yield line

    def _next_line(self, file: IO[bytes]) -> bytes:
        self._is_waiting = True
        try:
            return file.readline()
        except KeyboardInterrupt:
            return b""
        finally:
            self._is_waiting = False

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.is_stopped = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._is_waiting:  # perhaps for a pipe that has nothing to say
            raise KeyboardInterrupt


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == STDIN:
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as file:
            yield file
