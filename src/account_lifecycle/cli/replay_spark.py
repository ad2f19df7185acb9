"""``replay --spark``: the same on Apache Spark, whose tables stay with Spark.

Knows what is asked of Spark, and how its totals are told. pyspark is imported only when this is asked for.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.wording import JsonObject, escaped, time_text
from ..report.words import counted
from .commands import Failed, Interrupted
from .options import FailOn
from .output import clock, joined, say, screen, styled, write_fields, write_heading, write_json
from .progress import STDIN, waiting_for
from .replay_audit import Asked

if TYPE_CHECKING:
    from ..spark import Totals

_NEEDS_EXTRA = '{name} is not installed. Run: pip install "account-lifecycle[spark]"'
_NEEDS_JAVA = "Spark needs Java 17 or later, and none was found. Install it, or set JAVA_HOME to where it is"


def replay_on_spark(asked: Asked, master: str, folder: Path | None, watch: FailOn, as_json: bool) -> None:
    """Replay logs on Spark, and tell its totals and where its tables are."""
    _check(asked)
    began = perf_counter()
    with _plainly(folder), waiting_for("Replaying on Spark"):
        from ..spark import replay_logs

        write_to = None if folder is None else str(folder)
        with replay_logs(master, asked.logs, policy=asked.policy, until=asked.until, write_to=write_to) as audit:
            totals, refused = audit.totals, audit.refused.count()
    seconds = perf_counter() - began
    if as_json:
        write_json(_record(asked, totals, refused, folder))
    else:
        _write(asked, totals, refused)
    rate = totals.events / seconds if seconds else 0
    say(f"{counted(totals.events, 'event')} replayed in {seconds:,.2f} s, {rate:,.0f} a second, Spark's start included")
    if folder is not None:
        say(f"Written: anomalies, windows, accounts, refused in {folder}")
    elif refused:
        say("Lines that could not be read were not kept: --output-folder keeps them")
    for kind, count in totals.kinds.items():
        watch.see(kind, count)


def _check(asked: Asked) -> None:
    """Refuse what only this machine can read."""
    if asked.columns:
        raise click.UsageError("--column does not go with --spark: name columns in account_lifecycle.spark.replay.")
    for log in asked.logs:
        if log == STDIN:
            raise click.UsageError("Spark cannot read standard input: name files or folders.")


@contextmanager
def _plainly(folder: Path | None) -> Iterator[None]:
    """Say in one sentence what Spark takes pages for."""
    try:
        if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
            import pyspark  # noqa: F401  (what is missing first is told first)

            raise Failed(_NEEDS_JAVA)
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in ("pyspark", "py4j", "pyarrow", "numba", "numpy", "pandas"):
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


def _write(asked: Asked, totals: "Totals", refused: int) -> None:
    """The totals in short."""
    console = screen()
    anomalies = counted(sum(totals.kinds.values()), "anomaly", "anomalies")
    console.print(joined(styled(anomalies, "bold"), f" in {counted(totals.events, 'event')}"))
    verdicts = ", ".join(f"{count:,} {verdict.lower()}" for verdict, count in totals.verdicts.items())
    period = f"{clock(totals.first_at)} to {clock(totals.last_at)} UTC" if totals.events else ""
    fields = [("logs", ", ".join(map(escaped, asked.logs))), ("period", period), ("verdicts", verdicts)]
    write_fields(console, [*fields, ("refused", f"{refused:,}" if refused else "none")])
    if totals.kinds:
        write_heading(console, "By kind")
        write_fields(console, [(kind, f"{count:,}") for kind, count in _ranked(totals)])


def _record(asked: Asked, totals: "Totals", refused: int, folder: Path | None) -> JsonObject:
    return {
        "sources": list(asked.logs),
        "events": totals.events,
        "verdicts": {str(verdict): count for verdict, count in totals.verdicts.items()},
        "kinds": {str(kind): count for kind, count in _ranked(totals)},
        "refused": refused,
        "first_at": time_text(totals.first_at),
        "last_at": time_text(totals.last_at),
        "output_folder": None if folder is None else str(folder),
    }


def _ranked(totals: "Totals") -> list[tuple[AnomalyKind, int]]:
    """The most frequent kinds first."""
    return sorted(totals.kinds.items(), key=lambda item: (-item[1], item[0]))
