"""A bar on stderr while logs are read: how far, how fast, how long still. On a terminal only.

Knows rich; it must never know the engine.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .output import screen
from .reel import Reel
from .tally import Tally

_BAR_WIDTH = 20
_BAR_WIDTH_WITH_BYTES = 12


class Pace(NamedTuple):
    """How far something is."""

    bytes_read: int = 0
    size: int | None = None
    """How many bytes there are in all; None where nobody can tell."""
    events: int = 0


@contextmanager
def progress_on(reel: Reel, tally: Tally) -> Iterator[None]:
    """Show the progress of a feed for as long as this lasts."""
    with showing("Feeding", lambda: Pace(reel.bytes_read, reel.size, tally.lines)):
        yield


@contextmanager
def showing(title: str, pace: Callable[[], Pace], *, tells_bytes: bool = False) -> Iterator[None]:
    """Show how far something is for as long as this lasts; ``pace`` is asked whenever the bar is drawn."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Events so far, and how many a second; and how many megabytes if that is wanted."""

        def render(self, task: Task) -> Text:
            now = pace()
            progress.update(task.id, completed=now.bytes_read, total=now.size)
            rate = now.events / task.elapsed if task.elapsed else 0
            size = f"{now.bytes_read / 1e6:,.0f} MB, " if tells_bytes else ""
            return Text(f"{size}{now.events:,} events, {rate:,.0f}/s")

    bar = BarColumn(_BAR_WIDTH_WITH_BYTES if tells_bytes else _BAR_WIDTH)
    columns = [TextColumn(title), bar, TaskProgressColumn(), Rate(), TimeRemainingColumn()]
    with Progress(*columns, console=screen(stderr=True)) as progress:
        task = progress.add_task(title, total=pace().size)
        try:
            yield
        finally:
            progress.update(task, completed=pace().bytes_read)


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Show on a terminal that something takes a moment."""
    if not sys.stderr.isatty():
        yield
        return
    with screen(stderr=True).status(what):
        yield
