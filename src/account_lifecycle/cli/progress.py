"""A bar on stderr while a log is fed: how far, how fast, how long still. On a terminal only.

Knows rich; it must never know the engine.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .output import screen
from .reel import Reel
from .tally import Tally


@contextmanager
def progress_on(reel: Reel, tally: Tally) -> Iterator[None]:
    """Show the progress of a feed for as long as this lasts."""
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
        """Events so far, and how many a second; asked for whenever the bar is drawn."""

        def render(self, task: Task) -> Text:
            progress.update(task.id, completed=reel.bytes_read)
            rate = tally.lines / task.elapsed if task.elapsed else 0
            return Text(f"{tally.lines:,} events, {rate:,.0f}/s")

    size = reel.size
    columns = [TextColumn("Feeding"), BarColumn(20), TaskProgressColumn(), Rate(), TimeRemainingColumn()]
    with Progress(*columns, console=screen(stderr=True)) as progress:
        task = progress.add_task("feed", total=size)
        try:
            yield
        finally:
            progress.update(task, completed=reel.bytes_read)


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Show on a terminal that something takes a moment."""
    if not sys.stderr.isatty():
        yield
        return
    with screen(stderr=True).status(what):
        yield
