"""What a contender is given, and what it gives back. Imports nothing: memory is measured."""

from collections.abc import Callable
from typing import Any, NamedTuple

SAMPLE = 4_000
"""How many events there are to warm up with."""

Counts = dict[str, int]


class Log(NamedTuple):
    """A log on disk, in two formats, with a small one of the same kind to warm up with."""

    events: int
    json_lines: str
    parquet: str
    sample_json_lines: str
    sample_parquet: str
    garbage: int = 0
    """How many lines of the JSON Lines are no events."""

    @property
    def sample(self) -> "Log":
        """The small one, as a log."""
        paths = self.sample_json_lines, self.sample_parquet
        return Log(SAMPLE, *paths, *paths)


class Ready(NamedTuple):
    """A contender at the start."""

    work: Callable[[], Any]
    """What is timed."""
    counted: Callable[[Any], Counts]
    """What its result comes to; counts that have the same name must be the same for all contenders."""
