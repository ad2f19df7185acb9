"""Rows that are found while a log is read, kept in a file: there may be more of them than memory holds.

Knows fixed-size records; it must never know what they mean.
"""

import shutil
import weakref
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

SLICE = 65_536
"""How many rows are read back at a time."""


class Scratch:
    """A folder that goes with whoever holds this."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="account-lifecycle-"))
        self.close = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Rows:
    """Records of one kind, in the order in which they were added."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self._path = path
        self._dtype = dtype
        self._file = path.open("ab")
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def add(self, rows: NDArray[np.void]) -> None:
        """Append records."""
        self._file.write(np.ascontiguousarray(rows).view(np.uint8).data)
        self.count += len(rows)

    def slices(self, size: int = SLICE) -> Iterator[NDArray[np.void]]:
        """Every record, some at a time."""
        self._file.flush()
        with self._path.open("rb") as file:
            while len(rows := np.fromfile(file, self._dtype, size)):
                yield rows

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
