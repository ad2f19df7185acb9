"""An audit of logs, from the first byte that is read to the last word that is told.

Knows the order of things, and what is said when; judging is ``replay``'s, and its import waits until it is needed.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import click

from ..lifecycle.policy import Policy
from ..lifecycle.wording import escaped
from ..report.audit import MAX_LISTED
from ..report.words import counted
from ..stores.opening import open_store
from ..stores.protocol import Store
from .commands import Failed, Interrupted
from .drawing import crossings_svg
from .opening import read_settings, require_store
from .options import FailOn
from .output import say
from .progress import Pace, showing, waiting_for
from .replay_outputs import PARQUET, Output, Target, targets, write_table

if TYPE_CHECKING:
    from ..replay import Audit, Progress
    from ..replay.sources import Source
    from ..report.audit import AuditReport

MAX_TOLD = 3
"""How many lines that cannot be read are told one by one."""


class Asked(NamedTuple):
    """What is to be replayed, and how."""

    logs: tuple[str, ...]
    columns: Mapping[str, str]
    until: datetime | None
    policy: Policy


class Written(NamedTuple):
    """The files that are to be written."""

    report: Path | None
    tables: tuple[Output, ...]
    refused: Path | None

    def files(self) -> list[Path]:
        """All of them."""
        found = [self.report, *(output.path for output in self.tables), self.refused]
        return [path for path in found if path is not None]


@contextmanager
def opened(asked: Asked) -> "Iterator[list[Source]]":
    """The logs, for as long as this lasts; a store among them must be there."""
    from ..replay.sources.opening import open_sources

    with open_sources(asked.logs, asked.columns or None, _open_store) as sources:
        yield sources


def audit_logs(asked: Asked, written: Written, watch: FailOn, as_json: bool) -> None:
    """Replay logs, write what is to be written, and tell what was found."""
    if any(output.form == PARQUET for output in written.tables):
        import_module("pyarrow.parquet")  # which had better be missing now than when all is read
    if written.refused is not None and not written.refused.resolve().parent.is_dir():
        raise Failed(f"{written.refused}: there is no such folder")
    run = _Run(written.refused)
    paths = [path for path in written.files() if path != written.refused]
    with run.interruptible(), opened(asked) as sources:
        _check_apart(sources, written)  # before there are files that a pattern could match
        with targets(paths) as made, run.replayed(asked, sources) as audit:
            report = audit.report(max_listed=MAX_LISTED if written.report else 0)
            run.tell()
            run.write(audit, report, written, made)
            _write(report, as_json)
            _tell_refused(audit, written.refused)
    for kind, count in report.by_kind.items():
        watch.see(kind, count)


class _Run:
    """A replay under way: how far it is, and what of it would be left if it ended now."""

    def __init__(self, refused: Path | None) -> None:
        self._refused = refused
        self._progress: Progress | None = None
        self._size: int | None = None
        self._seconds = 0.0
        self._finished: list[Path] = []

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Tell what is left after Ctrl-C."""
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(self._ending()) from None

    @contextmanager
    def replayed(self, asked: Asked, sources: "Sequence[Source]") -> Iterator["Audit"]:
        """The outcome, for as long as this lasts."""
        from ..replay.running import replay_sources
        from ..replay.sources import size_of

        began, self._size = perf_counter(), size_of(sources)
        with showing("Replaying", self._pace, tells_bytes=True):
            audit = replay_sources(
                sources, policy=asked.policy, until=asked.until, refused_to=self._refused, on_progress=self._follow
            )
        self._seconds = perf_counter() - began
        with audit:
            yield audit

    def tell(self) -> None:
        """How long it took."""
        events = self._progress.events if self._progress else 0
        rate = events / self._seconds if self._seconds else 0
        say(f"{counted(events, 'event')} replayed in {self._seconds:,.2f} s, {rate:,.0f} a second")

    def write(self, audit: "Audit", report: "AuditReport", written: Written, made: dict[Path, Target]) -> None:
        """Write every file; each gets its name when it is whole."""
        for output in written.tables:
            with waiting_for(f"Writing {output.path}"):
                write_table(audit, output, made[output.path])
            self._finish(made[output.path])
        if written.report is not None:
            _write_page(audit, report, made[written.report])
            self._finish(made[written.report])

    def _finish(self, target: Target) -> None:
        target.finish()
        self._finished.append(target.path)
        say(f"Written: {target.path}")

    def _follow(self, progress: "Progress") -> None:
        self._progress = progress

    def _pace(self) -> Pace:
        now = self._progress
        return Pace(0, self._size) if now is None else Pace(now.position, self._size, now.events)

    def _ending(self) -> str:
        now = self._progress
        told = f"interrupted after {counted(now.events if now else 0, 'event')}"
        told += f"; {counted(len(self._finished), 'file')} written" if self._finished else "; nothing was written"
        if now is not None and now.refused:
            told += f" but {self._refused}, which is not complete"
        return told


def _check_apart(sources: "Sequence[Source]", written: Written) -> None:
    """Refuse to write what is being read."""
    read = {Path(source.name).resolve() for source in sources}
    for path in written.files():
        if path.resolve() in read:
            raise click.UsageError(f"{path} is a log: it cannot be read and written at once.")


def _open_store(url: str) -> Store:
    require_store(read_settings(store=url))
    return open_store(url)


def _write(report: "AuditReport", as_json: bool) -> None:
    from ..report.as_data import write_json
    from ..report.as_text import write_text

    (write_json if as_json else write_text)(report, sys.stdout)


def _write_page(audit: "Audit", report: "AuditReport", target: Target) -> None:
    from ..report.as_html import write_html

    with target.written_to.open("w", encoding="utf-8", newline="") as stream:
        write_html(report, stream, crossings_svg(audit.traffic))


def _tell_refused(audit: "Audit", kept_in: Path | None) -> None:
    """How many lines could not be read, where they are, and why the first of them could not."""
    count = audit.tally.refused
    if not count:
        return
    first = f", the first {MAX_TOLD} of {count:,}" if count > MAX_TOLD else ""
    say(f"Could not be read{first} (all in {kept_in}):")
    for line in islice(audit.refused(), MAX_TOLD):
        say(f"  {escaped(line.source)}, line {line.line:,}: {line.reason}")
