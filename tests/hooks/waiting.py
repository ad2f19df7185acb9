"""Waiting for what other threads and processes do: on conditions, never for luck."""

import time
from collections.abc import Callable

PATIENCE_S = 30.0


def eventually(holds: Callable[[], object], what: str = "it") -> None:
    """Return as soon as something holds; fail if it does not within a generous time."""
    ends_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_s, f"{what} did not happen within {PATIENCE_S} s"
        time.sleep(0.005)
