"""A log split by account over processes.

Every process reads all of the log and judges its own accounts only: opening a line far enough to see whose it is costs
a tenth of judging it, and nothing has to be sent from one process to another but how far they are, one time (the
latest in the log, which decides about deadlines), and the sums. Which account a line is about is read exactly as
``parse`` reads it (``shares.account_in``); a line whose account cannot be seen cheaply is read in full by everybody.
What is found goes into a folder for each process and is merged by position, so that the number of processes shows
nowhere in the outcome.

Processes of our own run without the garbage collector, which takes a third of the time where millions of small
records live on, and finds nothing: no record here refers to itself. In the caller's process it is left alone.
"""

import gc
import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import reduce
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import AccountLifecycleError
from ..intake.logs import Summary
from ..lifecycle.policy import Policy
from .findings import Findings
from .loop import Judging, Sums
from .shares import Share
from .sources import AnySource, LedgerSource, size_of

BLOCK = 4096
"""After how many events it is told how far a replay is."""
SMALL = 32 << 20
"""Up to how many bytes of a log more processes take longer to start than they save."""


class Progress(NamedTuple):
    """How far a replay is."""

    position: int
    """How many bytes were read, of all sources."""
    size: int | None
    """How many there are in all; None where nobody can tell."""
    events: int
    anomalies: int
    refused: int


class Task(NamedTuple):
    """What is to be judged, and how; sent to each process as it is."""

    sources: tuple[AnySource, ...]
    policy: Policy
    stamp: datetime
    """When an event counts as received that carries no time."""
    until: datetime | None


def jobs_for(sources: Sequence[AnySource], wanted: int | None) -> int:
    """Return how many processes judge a log: as many as ``wanted``, by default one for each core if it is large.

    What can be read only once is judged by one process: a ledger, standard input, a pipe.
    """
    size = size_of(sources)
    if size is None:
        return 1
    if wanted is not None:
        return wanted
    if size < SMALL:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ReplayOutcome(NamedTuple):
    """What a replay, or one of its shards, comes to beside its findings."""

    sums: Sums
    until: datetime
    """When the log ends."""
    log: Summary
    """What is to be said about the log."""


def judge_all(
    task: Task, jobs: int, folders: Sequence[Path], on_progress: Callable[[Progress], object] | None
) -> ReplayOutcome:
    """Judge a log, the findings into a folder for each job."""
    if jobs == 1:
        judge, log = read_through(task, None, folders[0], on_progress)
        until = task.until or judge.last_at or task.stamp
        return ReplayOutcome(judge.end(until), until, log)
    return _Workers(task, jobs, folders, on_progress).run()


def read_through(
    task: Task, share: Share | None, folder: Path, on_progress: Callable[[Progress], object] | None
) -> tuple[Judging, Summary]:
    """Judge every event of a share, or of the whole log."""
    judge, summary = Judging(task.policy, Findings(folder)), Summary()
    size = size_of(task.sources)

    def follow(position: int) -> None:
        if on_progress is not None:
            found = judge.findings
            on_progress(Progress(position, size, judge.events, found.anomalies.count, found.refused.count))

    for source in task.sources:
        if isinstance(source, LedgerSource):
            judge.judge(judge.read_ledger(source))
            follow(0)
            continue
        log = source.opened()
        events = iter(log)
        while judge.judge(judge.read(islice(events, BLOCK), task.stamp, share)):
            follow(log.position)
        follow(log.position)
        summary = log.summary
    summary.unreadable = judge.unreadable.unreadable
    return judge, summary


# ---- Processes -------------------------------------------------------------------------------------------


class _Workers:
    """Processes, each with a share of the accounts, seen from the one that waits for them."""

    def __init__(
        self, task: Task, jobs: int, folders: Sequence[Path], on_progress: Callable[[Progress], object] | None
    ) -> None:
        self._task = task
        self._on_progress = on_progress
        self._latest: dict[Any, Progress] = {}
        context = get_context("spawn")
        self._processes: dict[Connection[Any, Any], Any] = {}
        for number in range(jobs):
            ours, theirs = context.Pipe()
            arguments = (theirs, task, Share(number, jobs), folders[number])
            process = context.Process(target=_work, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process

    def run(self) -> ReplayOutcome:
        """Wait for all of them; whatever fails in one ends all."""
        try:
            logs = self._answers()
            until = self._task.until or max((at for at, _ in logs if at is not None), default=self._task.stamp)
            for connection in self._processes:
                connection.send(until)
            log: Summary = logs[0][1]  # each has read all of it, but has tried to understand its share only
            for _, other in logs[1:]:
                log.add_all_unreadable(other)
            return ReplayOutcome(reduce(Sums.plus, self._answers()), until, log)
        finally:
            for connection, process in self._processes.items():
                connection.close()
                process.terminate()
                process.join()

    def _answers(self) -> list[Any]:
        """Return one answer of each process, in their order; follow their progress meanwhile."""
        answers: dict[Any, Any] = {}
        while len(answers) < len(self._processes):
            ready: list[Any] = wait([each for each in self._processes if each not in answers])
            for connection in ready:
                try:
                    kind, message = connection.recv()
                except EOFError:
                    process = self._processes[connection]
                    process.join()
                    raise AccountLifecycleError(
                        f"A process of the replay was ended from outside (exit code {process.exitcode}). If memory ran "
                        "out, use fewer --jobs."
                    ) from None
                if kind == "failed":
                    raise message
                if kind == "answer":
                    answers[connection] = message
                else:
                    self._follow(connection, message)
        return [answers[connection] for connection in self._processes]

    def _follow(self, connection: Any, progress: Progress) -> None:
        self._latest[connection] = progress
        if self._on_progress is not None:
            each = self._latest.values()
            slowest = min(each, key=lambda one: one.position)
            self._on_progress(
                slowest._replace(
                    events=sum(one.events for one in each),
                    anomalies=sum(one.anomalies for one in each),
                    refused=sum(one.refused for one in each),
                )
            )


def _work(connection: "Connection[Any, Any]", task: Task, share: Share, folder: Path) -> None:
    """Judge a share in a process of its own."""
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the one that waits for us ends us
    try:
        judge, log = read_through(task, share, folder, lambda progress: connection.send(("progress", progress)))
        connection.send(("answer", (judge.last_at, log)))
        connection.send(("answer", judge.end(connection.recv())))
    except (BrokenPipeError, EOFError):
        return  # nobody waits any more
    except Exception as error:
        connection.send(("failed", error))
