"""Logs on their way into the engine: read line by line, counted, and shown as a bar on a terminal."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from threading import current_thread, main_thread
from time import perf_counter
from types import FrameType
from typing import NamedTuple

from ..errors import PayloadError
from ..intake.detecting import Writing
from ..intake.logs import Log, Received, Summary
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.decide import Decision
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.status import Verdict
from ..lifecycle.wording import JsonObject
from .output import screen

STANDARD_INPUT = "-"
"""The name that stands for standard input."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_BAR_WIDTH = 20
_BAR_WIDTH_WITH_BYTES = 12


class LogReader:
    """The events of logs on their way into a feed, which Ctrl-C or SIGTERM ends after a whole one."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.name = ""
        """The log that the last event was from."""
        self.line = 0
        """Its line there."""
        self.is_stopped = False
        """Whether Ctrl-C or SIGTERM has come."""
        self._is_waiting = False

    def __iter__(self) -> Iterator[Received]:
        events = iter(self.log)
        while not self.is_stopped:
            self._is_waiting = True
            try:
                received = next(events, None)
            except KeyboardInterrupt:
                received = None
            finally:
                self._is_waiting = False
            if received is None:
                return
            self.name, self.line = received.source, received.line
            yield received

    def remaining(self) -> str | None:
        """Return how to feed the rest: the arguments of a command; None if that is not a matter of lines."""
        names, summary = self.log.names, self.log.summary
        reading = summary.readings.get(self.name)
        is_lines = reading is not None and reading.form is Writing.LINES and self.name not in summary.reversed
        if not is_lines or (len(names) > 1 and self.log.is_merged) or not Path(self.name).is_file():
            return None
        rest = "".join(f" {quote(name)}" for name in names[names.index(self.name) + 1 :])
        order = " --order file" if rest else ""
        return f"tail -n +{self.line + 1} {quote(self.name)} | account-lifecycle feed{order} -{rest}"

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let Ctrl-C or SIGTERM stop the reader after the event that it is at; a second one interrupts at once."""
        if current_thread() is not main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.is_stopped = True
        for number in STOP_SIGNALS:
            signal.signal(number, signal.default_int_handler)
        if self._is_waiting:  # perhaps for a pipe into which nothing more is written
            raise KeyboardInterrupt


class FeedCounts:
    """Counts of a feed while it runs: events, verdicts, anomalies and unreadable payloads, in constant memory."""

    def __init__(self, log: Summary) -> None:
        self.log = log
        """How the logs were read, and what could not be."""
        self.verdicts: Counter[Verdict] = Counter()
        self.kinds: Counter[AnomalyKind] = Counter()
        self.deadlines = 0
        """How many deadlines had passed before them."""
        self.new_accounts = 0
        self.quarantined = 0
        self._started_s = perf_counter()
        self.seconds = 0.0

    @property
    def events(self) -> int:
        """How many payloads were read and judged."""
        return self.verdicts.total()

    @property
    def lines(self) -> int:
        """How many payloads were committed, into the ledger or the quarantine."""
        return self.events + self.quarantined

    @property
    def rate(self) -> float:
        """Payloads a second."""
        return self.lines / self.seconds if self.seconds else 0.0

    def severities(self) -> dict[Severity, int]:
        """Return how many anomalies of each severity there were, the worst first."""
        return {s: sum(n for kind, n in self.kinds.items() if kind.severity is s) for s in reversed(Severity)}

    def add(self, decision: Decision) -> None:
        """Count one decision."""
        if isinstance(decision.event, DeadlinePassed):
            self.deadlines += 1
        else:
            self.verdicts[decision.verdict] += 1
        self.new_accounts += decision.sequence == 1
        for anomaly in decision.anomalies:
            self.kinds[anomaly.kind] += 1

    def add_unreadable(self, error: PayloadError) -> None:
        """Count one payload that went into the quarantine."""
        self.quarantined += 1
        self.log.add_unreadable(error, "", error.quarantine_id or 0)

    def stop(self) -> None:
        """Stop the clock."""
        self.seconds = perf_counter() - self._started_s

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return {
            "events": self.events,
            "new_accounts": self.new_accounts,
            "deadlines": self.deadlines,
            "verdicts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "anomalies": {str(severity): count for severity, count in self.severities().items()},
            "kinds": {str(kind): count for kind, count in self.kinds.most_common()},
            "quarantined": self.quarantined,
            "log": self.log.to_dict(),
            "seconds": round(self.seconds, 3),
            "events_per_s": round(self.rate),
        }


class Pace(NamedTuple):
    """How far something is."""

    bytes_read: int = 0
    size: int | None = None
    """How many bytes there are in all; None if that cannot be known."""
    events: int = 0


@contextmanager
def showing(title: str, pace: Callable[[], Pace], *, tells_bytes: bool = False) -> Iterator[None]:
    """Show a bar on stderr, if that is a terminal, while this lasts; ``pace`` is asked whenever it is drawn."""
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
        """Events so far, and how many a second; megabytes too if asked."""

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
