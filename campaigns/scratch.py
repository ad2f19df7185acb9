"""Where the campaigns put their files: in memory where that is possible, because they make thousands of stores.

What a crash would leave is computed, or comes from system calls that are made to fail; no disk is needed for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import W_OK, access
from pathlib import Path
from tempfile import TemporaryDirectory

_IN_MEMORY = Path("/dev/shm")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    is_there = _IN_MEMORY.is_dir() and access(_IN_MEMORY, W_OK)
    with TemporaryDirectory(dir=_IN_MEMORY if is_there else None, prefix="account-lifecycle-") as folder:
        yield Path(folder)
