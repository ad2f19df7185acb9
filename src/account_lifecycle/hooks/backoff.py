"""How long to wait before a hook is tried again: a pure function of how often it has failed.

Knows attempts and lengths of time; it must never know a clock, a hook or a source of chance.
"""

from datetime import timedelta
from hashlib import sha256

FIRST = timedelta(seconds=5)
"""The longest wait after the second failure; the first is followed by none."""
GROWTH = 4
"""How many times longer each further wait is."""
LONGEST = timedelta(hours=6)
"""No wait is longer."""

_STEPS_TO_LONGEST = 7


def delay(attempt: int, key: str) -> timedelta:
    """How long to wait after the attempt of this number (from 1) has failed.

    Not at all after the first; then between half of the full wait and all of it, always the same for the same
    ``key`` and attempt, so that deliveries that failed together do not come back together.
    """
    if attempt < 2:
        return timedelta(0)
    full = min(FIRST * int(GROWTH ** min(attempt - 2, _STEPS_TO_LONGEST)), LONGEST)
    return full * (0.5 + _share(key, attempt) / 2)


def _share(key: str, attempt: int) -> float:
    """Somewhere from 0 to 1, evenly spread over keys and attempts."""
    digest = sha256(f"{attempt} {key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6]) / (2**48 - 1)
