"""A notice board that a process writes on without a system call: what is on it outlives the process.

Knows shared memory and forking; it must never know what is told.
"""

import json
import mmap
from typing import Any

_SIZE = 1 << 20
_HEAD = 8


class Board:
    """Notes, oldest first. Made before a process is forked, it is shared with it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def tell(self, *facts: object) -> None:
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
