"""Commands that feed: ``feed`` takes logs of any length in constant memory, ``simulate`` writes a log to try it on."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..engine.core import Engine, utc_now
from ..errors import AccountLifecycleError, PayloadError
from ..intake.archives import event_of
from ..intake.logs import Received
from ..lifecycle.decide import Decision
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.providers import Provider
from ..lifecycle.status import Verdict
from ..lifecycle.wording import JsonObject, escaped, one_of
from ..outputs.endings import LOG_ENDINGS
from ..outputs.targets import OutputTarget
from ..report.tables import STYLES
from ..report.words import counted
from ..simulate.faults import Faults
from ..simulate.log import simulate
from ..simulate.score import Listened, Score, score
from ..simulate.truth import truth_path
from .commands import Command, Interrupted
from .endings import fail_if_unreadable, needing_extra, print_readings, say_unreadable
from .opening import open_to_write, read_settings
from .options import (
    KNOWN_PROVIDER,
    MOMENT,
    FailOn,
    batch_option,
    fail_on_option,
    how_to_read,
    json_option,
    policy_options,
    reading_options,
    store_option,
)
from .output import composed, say, screen, styled, write_document, write_fields
from .outputs import OutputFile, force_option
from .progress import STANDARD_INPUT, FeedCounts, LogReader, Pace, showing

if TYPE_CHECKING:
    from rich.text import Text

DEFAULT_FAULT_RATE = 0.01
"""How often each fault strikes by default: the probability for one announcement."""

FED_AT_ONCE = 5_000
"""How many events are committed at a time by default: more would write less, but keep others waiting for longer."""

FeedLines = Callable[[Iterable[Received]], Iterator[Decision]]
"""Feeds payloads and yields their decisions, in order, none for those that cannot be read."""


@click.command(
    cls=Command,
    short_help="Feed logs of webhooks into the store",
    examples=[
        ("Feed a log into the default store", "account-lifecycle feed log.jsonl"),
        ("Judge a log without keeping anything", "account-lifecycle feed --store memory: log.jsonl"),
        ("Feed webhooks as they come", "tail -f log.jsonl | account-lifecycle feed --batch-size 1 -"),
        (
            "Score the anomalies found in a simulated log",
            "account-lifecycle feed fleet.jsonl --truth fleet.truth.jsonl",
        ),
    ],
)
@click.argument(
    "logs", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@reading_options
@batch_option
@policy_options
@click.option(
    "--truth",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The truth about a simulated log: score what was found.",
)
@fail_on_option
@json_option
@store_option
def feed(
    logs: tuple[str, ...], truth: Path | None, detect: bool, fail_on: tuple[str, ...], as_json: bool, **options: Any
) -> None:
    """Feed logs of webhooks into the store, whatever they are wrapped and packed in; "-" for standard input.

    A log is what replay takes: lines of JSON or with JSON in them, whole documents, CSV, Parquet. Where payload and
    time stand is detected and said; several logs are merged by time. Unreadable payloads go into the quarantine and
    stop nothing; if they are more than half of all, the command fails at the end. Feed a log once: the vendor's events
    have no ids, so a log that is fed twice is judged twice.
    """
    reading = how_to_read(options)
    if detect:
        print_readings(logs, reading, as_json)
        return
    from ..replay.sources import Logs, open_sources

    settings = read_settings(**options)
    with needing_extra("feed"), open_sources(logs, reading) as [source]:
        assert isinstance(source, Logs)
        reader = LogReader(source.opened())
        counts = FeedCounts(reader.log.summary)
        with open_to_write(settings) as engine, feeding(reader, counts):
            feed_lines = counting_feed(engine, counts, settings.batch_size or FED_AT_ONCE)
            if truth is None:
                result = None
                deque(feed_lines(reader), maxlen=0)
            else:
                result = score(truth, _heard(engine, ScoredLines(reader), feed_lines, counts))
    if as_json:
        write_document(counts.to_dict() | {"score": result and _score_dict(result)})
    else:
        write_counts(counts, result)
    _point_on(counts, options["store"])
    if reader.is_stopped:
        raise Interrupted(_resumption(counts, reader))
    fail_if_unreadable(counts.events, counts.log)
    watch = FailOn(fail_on)
    watch.see_unreadable(counts.quarantined, counts.events)
    for kind, count in counts.kinds.items():
        watch.see(kind, count)
    watch.end()


def _heard(engine: Engine, lines: "ScoredLines", feed_lines: FeedLines, counts: FeedCounts) -> Iterator[Listened]:
    """Feed everything and yield what was said, at last of a look at the clock where the log ends."""
    yield from lines.heard(feed_lines)
    for decision in engine.check_deadlines(lines.newest_at) if lines.newest_at is not None else ():
        counts.add(decision)
        yield lines.about(decision)


def counting_feed(engine: Engine, counts: FeedCounts, batch_size: int) -> FeedLines:
    """Return a function that feeds the engine and counts everything."""

    def feed_lines(lines: Iterable[Received]) -> Iterator[Decision]:
        decisions = engine.feed_events(
            lines, batch_size=batch_size, on_unreadable=counts.add_unreadable, deadlines=True
        )
        for decision in decisions:
            counts.add(decision)
            yield decision

    return feed_lines


@contextmanager
def feeding(reader: LogReader, counts: FeedCounts) -> Iterator[None]:
    """Show progress on a terminal while a log is fed, and say what is committed if it ends early.

    Ctrl-C or SIGTERM ends the feed after a whole batch.
    """
    try:
        with reader.stoppable(), showing("Feeding", lambda: Pace(reader.log.position, reader.log.size, counts.lines)):
            yield
    except AccountLifecycleError:
        say(f"{counted(counts.lines, 'line')} committed before it failed")
        raise
    except KeyboardInterrupt:  # the second one
        raise Interrupted(f"interrupted at once; at least {counted(counts.lines, 'line')} committed") from None
    finally:
        counts.stop()


def write_counts(counts: FeedCounts, result: Score | None) -> None:
    """Write what a feed came to, for a person."""
    console = screen()
    speed = f"in {counts.seconds:,.{1 if counts.seconds > 10 else 2}f} s, {counts.rate:,.0f} a second"
    births = counted(counts.new_accounts, "new account")
    console.print(composed(styled(counted(counts.events, "event"), "bold"), f" of {births} fed {speed}"))
    fields: list[tuple[str, str | Text]] = [
        ("verdicts", ", ".join(f"{counts.verdicts[verdict]:,} {verdict.lower()}" for verdict in Verdict)),
        ("deadlines", f"{counts.deadlines:,} passed" if counts.deadlines else ""),
        ("anomalies", _anomalies(counts)),
        ("quarantined", f"{counts.quarantined:,}" if counts.quarantined else "none"),
        ("score", result.summary if result else ""),
    ]
    write_fields(console, fields)


def _anomalies(counts: FeedCounts) -> "Text":
    parts: list[str | Text] = []
    for severity, count in counts.severities().items():
        if count:
            parts += [", " if parts else "", styled(f"{count:,} {severity}", STYLES[severity])]
    return composed(*parts or ["none"])


def _score_dict(result: Score) -> JsonObject:
    return {
        "injected": result.total.injected,
        "found": result.total.found,
        "unknowable": result.total.unknowable,
        "missed": result.total.missed,
        "explained": result.total.told,
        "explained_first": result.total.first,
        "false_alarms": result.false_alarms,
        "lines": result.lines,
        "events": result.events,
    }


def _point_on(counts: FeedCounts, store: object) -> None:
    """Say on stderr how it was read, what could not be, and which commands show more."""
    for remark in counts.log.lines():
        say(escaped(remark))
    say_unreadable(counts.log, "the quarantine")
    hint = f" --store {store}" if store else ""
    if hint.endswith("memory:"):
        return
    if counts.kinds:
        say(f"Anomalies: account-lifecycle audit{hint}")
    if counts.quarantined:
        say(f"Unreadable payloads: account-lifecycle quarantine list{hint}")


def _resumption(counts: FeedCounts, reader: LogReader) -> str:
    """Return what is committed after an interruption, and how to go on."""
    committed = f"interrupted; {counted(counts.lines, 'line')} are committed"
    if STANDARD_INPUT in reader.log.names:
        return f"{committed}, the rest of standard input was not read"
    rest = reader.remaining()
    if rest is None:
        return f"{committed}, the rest was not read: begin with a new store, for a log must not be fed twice"
    return f"{committed}. Go on with: {rest}"


class ScoredLines:
    """The lines of a simulated log on their way into a feed, numbered for the score.

    A feed yields no decision for a payload that cannot be read, so each is parsed here first, only to know which
    decisions belong to which lines.
    """

    def __init__(self, lines: Iterable[Received]) -> None:
        self._lines = lines
        self._is_readable: deque[bool] = deque()
        self.line = 0
        """How many lines the feed has answered."""
        self.newest_at: datetime | None = None
        """The latest time of a line."""

    def heard(self, feed: FeedLines) -> Iterator[Listened]:
        """Feed everything and yield what was said about each line, in order."""
        for decision in feed(self._read()):
            yield from self._unreadable()
            yield self.about(decision)
        yield from self._unreadable()

    def about(self, decision: Decision) -> Listened:
        """Return what was said about the next line, or about a deadline that was judged before it."""
        if isinstance(decision.event, DeadlinePassed):
            return Listened.about(self.line + bool(self._is_readable), decision)
        self._is_readable.popleft()
        self.line += 1
        return Listened.about(self.line, decision)

    def _read(self) -> Iterator[Received]:
        for received in self._lines:
            if received.received_at is not None and (self.newest_at is None or received.received_at > self.newest_at):
                self.newest_at = received.received_at
            try:
                event_of(received.payload, received.received_at or utc_now())
            except PayloadError:
                self._is_readable.append(False)
            else:
                self._is_readable.append(True)
            yield received

    def _unreadable(self) -> Iterator[Listened]:
        while self._is_readable and not self._is_readable[0]:
            self._is_readable.popleft()
            self.line += 1
            yield Listened(self.line, None, None)


# ---- simulate -----------------------------------------------------------------------------------------


@click.command(
    "simulate",
    cls=Command,
    short_help="Write the log of a simulated fleet",
    examples=[
        ("A small fleet with every fault in it", "account-lifecycle simulate fleet.jsonl"),
        ("Only late and lost ones", "account-lifecycle simulate --clean --fault reorder=0.05 --fault drop=0.1 f.jsonl"),
        ("A large log, without a fault", "account-lifecycle simulate --accounts 20000 --days 365 --clean big.jsonl"),
    ],
)
@click.argument("log", metavar="FILE", type=OutputFile(LOG_ENDINGS, beside=truth_path))
@force_option
@click.option(
    "--accounts",
    type=click.IntRange(1, 10_000_000),
    default=50,
    show_default=True,
    metavar="COUNT",
    help="How many accounts.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, 36_500, min_open=True),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="How many days the log covers.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="NUMBER", help="The same seed, the same log.")
@click.option("--start", type=MOMENT, default="2026-01-01", show_default=True, metavar="TIME", help="When it begins.")
@click.option(
    "--provider",
    "providers",
    type=KNOWN_PROVIDER,
    multiple=True,
    metavar="PROVIDER",
    help="Only accounts of this provider; may be repeated.",
)
@click.option(
    "--faults",
    "rate",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help=f"How often each fault strikes, for one announcement.  [default: {DEFAULT_FAULT_RATE}]",
)
@click.option(
    "--fault",
    "rates",
    multiple=True,
    metavar="NAME=RATE",
    help=f"How often one fault strikes: {one_of(Faults._fields)}.",
)
@click.option("--clean", is_flag=True, help="No faults but those that --fault names.")
@click.option("--bare", is_flag=True, help="Bare payloads, without the times of their arrival.")
@json_option  # fmt: skip
def simulate_command(
    log: OutputTarget,
    accounts: int,
    days: float,
    seed: int,
    start: datetime,
    providers: Sequence[str],
    rate: float | None,
    rates: Sequence[str],
    clean: bool,
    bare: bool,
    as_json: bool,
) -> None:
    """Write a log of webhooks for a simulated fleet, and the truth about every fault in it.

    FILE, which ends in .jsonl, is ready for "feed"; FILE.truth.jsonl beside it lists the faults, ready for
    "feed --truth". The accounts' lives follow the machine; the faults are what happens to webhooks on
    their way: dropped, late, delivered twice, broken.
    """
    if clean and rate is not None:
        raise click.UsageError("--clean and --faults exclude each other.")
    everywhere = 0 if clean else DEFAULT_FAULT_RATE if rate is None else rate
    simulation = simulate(
        accounts=accounts,
        seed=seed,
        start=start,
        days=days,
        faults=Faults.everything(everywhere)._replace(**dict(map(_rate, rates))),
        providers=[Provider(word) for word in providers] or tuple(Provider),
        bare=bare,
    )
    truth = simulation.write(log.path, force=log.replace)
    if as_json:
        write_document({"log": str(log.path), "truth": str(truth), **simulation.header})
        return
    lines, faults = counted(simulation.events, "line"), counted(len(simulation.faults), "fault")
    say(f"{log.path}: {lines} of {counted(accounts, 'account')}; {truth}: {faults}")
    say(f"Feed it: account-lifecycle feed {log.path} --truth {truth}")


def _rate(text: str) -> tuple[str, float]:
    name, _, rate = text.partition("=")
    if name not in Faults._fields:
        raise click.UsageError(f"{name!r} is not a fault. There are {one_of(Faults._fields, 'and')}.")
    try:
        return name, float(rate)
    except ValueError:
        raise click.UsageError(f"{text!r} gives no rate. Write {name}=0.02, from 0 to 1.") from None
