"""``replay --into`` begins an empty store with the history of logs; ``replay --spark`` replays them on Apache Spark."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ..engine.core import utc_now
from ..engine.seeding import SEEDED_AT_ONCE, Seeding, seed
from ..errors import AccountLifecycleError, ConfigurationError, PayloadError
from ..intake.files import STDIN
from ..intake.logs import Log, Received
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.wording import JsonObject, escaped, time_text
from ..replay.sources import LedgerSource, Logs
from ..report.words import counted
from ..urls import public_url
from .commands import Failed, Interrupted
from .endings import fail_if_unreadable, say_unreadable
from .opening import open_to_write, read_settings
from .options import FailOn
from .output import clock, composed, say, screen, styled, write_document, write_fields, write_heading
from .progress import Pace, showing, waiting_for
from .replay_audit import LogRequest, opened

if TYPE_CHECKING:
    from ..spark import Totals

_NEEDS_EXTRA = '{name} is not installed. Run: pip install "account-lifecycle[spark]"'
_NEEDS_JAVA = "Spark needs Java 17 or later, and none was found. Install it, or set JAVA_HOME to where it is"


# ---- Into a store ----------------------------------------------------------------------------------------


def seed_logs(request: LogRequest, into: str, as_json: bool) -> None:
    """Seed a new store with logs, and print what is in it then."""
    settings, now, began = read_settings(store=into), utc_now(), perf_counter()
    if into.startswith("memory:"):
        raise ConfigurationError(
            "into", repr(public_url(into)), "a store that outlives a command, such as sqlite:///accounts.db"
        )
    with opened(request) as found:
        for source in found:
            if isinstance(source, LedgerSource):
                name = repr(public_url(source.name))
                raise ConfigurationError("log", name, "a log. A store is copied with: account-lifecycle db copy")
        logs = [source.opened() for source in found if isinstance(source, Logs)]
        way = _Way(logs)
        with open_to_write(settings) as engine, way.ending(into), showing("Seeding", way.pace, tells_bytes=True):
            seeded = seed(
                engine.store, way.received(), policy=request.policy, now=now, until=request.until,
                batch_size=settings.batch_size or SEEDED_AT_ONCE,
                on_progress=way.follow, on_unreadable=way.note_unreadable,
            )  # fmt: skip
    _print_seeded(seeded, perf_counter() - began, into, as_json)
    for log in logs:
        for remark in log.summary.lines():
            say(remark)
        say_unreadable(log.summary, "the store's quarantine")
        fail_if_unreadable(seeded.events, log.summary)


class _Way:
    """Logs on their way into a store, and how far they are."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self._logs = logs
        self._seeded = Seeding()

    def received(self) -> Iterator[Received]:
        """Yield the payloads of all logs, each with the time of its arrival."""
        return chain.from_iterable(self._logs)

    def follow(self, seeded: Seeding) -> None:
        """Note what is committed."""
        self._seeded = seeded

    def note_unreadable(self, error: PayloadError, received: Received) -> None:
        """Note a payload that cannot be read."""
        self._logs[0].summary.add_unreadable(error, received.source, received.line)

    def pace(self) -> Pace:
        """Return how far it is."""
        sizes = [log.size for log in self._logs]
        size = None if None in sizes else sum(size or 0 for size in sizes)
        return Pace(sum(log.position for log in self._logs), size, self._seeded.events)

    @contextmanager
    def ending(self, into: str) -> Iterator[None]:
        """Say, if it ends early, that what is there is of no use."""
        url, rest = public_url(into), "and not the whole history: delete it, and begin with a new store"
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted; {url} holds {counted(self._seeded.events, 'event')}, {rest}") from None
        except AccountLifecycleError:
            if self._seeded.events:
                say(f"{url} holds {counted(self._seeded.events, 'event')}, {rest}")
            raise


def _print_seeded(seeded: Seeding, seconds: float, into: str, as_json: bool) -> None:
    """Print what the store holds, on stdout; on stderr how long it took, and that no hook is called for it."""
    url, rate = public_url(into), seeded.events / seconds if seconds else 0
    if as_json:
        write_document({**seeded._asdict(), "store": url, "seconds": round(seconds, 3), "events_per_s": round(rate)})
    else:
        console = screen()
        births = counted(seeded.accounts, "account")
        console.print(composed(styled(counted(seeded.events, "event"), "bold"), f" of {births} seeded into {url}"))
        passed = f"{seeded.deadlines:,} passed, each recorded as one more event" if seeded.deadlines else "none passed"
        quarantined = f"{seeded.quarantined:,}" if seeded.quarantined else "none"
        write_fields(console, [("deadlines", passed), ("quarantined", quarantined)])
    say(f"Seeded in {seconds:,.2f} s, {rate:,.0f} a second")
    say(f"No hook is ever called for these. What was unexpected: account-lifecycle audit --store {url}")


# ---- On Spark --------------------------------------------------------------------------------------------


def replay_on_spark(request: LogRequest, master: str, folder: Path | None, watch: FailOn, as_json: bool) -> None:
    """Replay logs on Spark, and print its totals and where its tables are."""
    _check_for_spark(request)
    began = perf_counter()
    with _plainly(folder), waiting_for("Replaying on Spark"):
        from ..spark import replay_logs

        write_to = None if folder is None else str(folder)
        with replay_logs(master, request.logs, policy=request.policy, until=request.until, write_to=write_to) as audit:
            totals, refused = audit.totals, audit.refused.count()
    seconds = perf_counter() - began
    if as_json:
        write_document(_record(request, totals, refused, folder))
    else:
        _print_totals(request, totals, refused)
    rate = totals.events / seconds if seconds else 0
    say(f"{counted(totals.events, 'event')} replayed in {seconds:,.2f} s, {rate:,.0f} a second, Spark's start included")
    if folder is not None:
        say(f"Written: anomalies, windows, accounts, refused in {folder}")
    elif refused:
        say("Lines that could not be read were not kept: --output-folder keeps them")
    for kind, count in totals.kinds.items():
        watch.see(kind, count)


def _check_for_spark(request: LogRequest) -> None:
    """Refuse what only this machine can read."""
    if request.reading.columns:
        raise click.UsageError("--column does not go with --spark: name columns in account_lifecycle.spark.replay.")
    for log in request.logs:
        if log == STDIN:
            raise click.UsageError("Spark cannot read standard input: name files or folders.")


@contextmanager
def _plainly(folder: Path | None) -> Iterator[None]:
    """Say in one sentence what takes Spark pages."""
    try:
        if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
            import pyspark  # noqa: F401  (what is missing first is reported first)

            raise Failed(_NEEDS_JAVA)
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in ("pyspark", "py4j", "pyarrow", "numpy", "pandas"):
            raise
        raise Failed(_NEEDS_EXTRA.format(name=name)) from error
    except KeyboardInterrupt:
        left = "" if folder is None else f"; what is in {folder} is not complete"
        raise Interrupted(f"interrupted{left}") from None
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark", "py4j")):
            raise
        raise Failed(f"Spark could not do it: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    if "JAVA_GATEWAY_EXITED" in str(error):
        return _NEEDS_JAVA
    return escaped((str(error).strip() or type(error).__name__).splitlines()[0])


def _print_totals(request: LogRequest, totals: "Totals", refused: int) -> None:
    """Print the totals in short."""
    console = screen()
    anomalies = counted(sum(totals.kinds.values()), "anomaly", "anomalies")
    console.print(composed(styled(anomalies, "bold"), f" in {counted(totals.events, 'event')}"))
    verdicts = ", ".join(f"{count:,} {verdict.lower()}" for verdict, count in totals.verdicts.items())
    period = f"{clock(totals.first_at)} to {clock(totals.last_at)} UTC" if totals.events else ""
    fields = [("logs", ", ".join(map(escaped, request.logs))), ("period", period), ("verdicts", verdicts)]
    write_fields(console, [*fields, ("refused", f"{refused:,}" if refused else "none")])
    if totals.kinds:
        write_heading(console, "By kind")
        write_fields(console, [(kind, f"{count:,}") for kind, count in _ranked(totals)])


def _record(request: LogRequest, totals: "Totals", refused: int, folder: Path | None) -> JsonObject:
    return {
        "sources": list(request.logs),
        "events": totals.events,
        "verdicts": {str(verdict): count for verdict, count in totals.verdicts.items()},
        "kinds": {str(kind): count for kind, count in _ranked(totals)},
        "refused": refused,
        "first_at": time_text(totals.first_at),
        "last_at": time_text(totals.last_at),
        "output_folder": None if folder is None else str(folder),
    }


def _ranked(totals: "Totals") -> list[tuple[AnomalyKind, int]]:
    """Return the most frequent kinds first."""
    return sorted(totals.kinds.items(), key=lambda item: (-item[1], item[0]))
