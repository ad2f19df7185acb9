"""``feed``: a log goes in, however long it is.

Knows files, progress and what to say at the end; judging is the engine's. Memory stays flat: lines are
streamed, and what is kept are counts.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from ..engine.core import Engine
from ..errors import AccountLifecycleError
from ..intake.logs import Received, read_log
from ..lifecycle.decide import Decision
from ..lifecycle.status import Verdict
from ..lifecycle.wording import JsonObject
from ..report.words import counted
from ..simulate.score import Score, score
from .commands import Command, Interrupted
from .opening import open_to_write, read_settings
from .options import FailOn, batch_option, fail_on_option, json_option, policy_options, store_option
from .output import STYLES, joined, say, screen, styled, write_fields, write_json
from .progress import progress_on
from .reel import STDIN, Reel
from .scoring import Feed, Numbered
from .tally import MAX_TOLD, Tally

if TYPE_CHECKING:
    from rich.text import Text


@click.command(
    cls=Command,
    short_help="Feed logs of webhooks into the store",
    examples=[
        ("Feed a log into the default store", "account-lifecycle feed log.jsonl"),
        ("Judge a log without keeping anything", "account-lifecycle feed --store memory: log.jsonl"),
        ("Feed webhooks as they come", "tail -f log.jsonl | account-lifecycle feed --batch-size 1 -"),
        ("See how a simulated log was understood", "account-lifecycle feed fleet.jsonl --truth fleet.truth.jsonl"),
    ],
)
@click.argument(
    "logs", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
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
def feed(logs: tuple[str, ...], truth: Path | None, fail_on: tuple[str, ...], as_json: bool, **options: object) -> None:
    """Feed logs of webhooks into the store: JSON Lines, "-" for standard input.

    Each line is a payload as it came, or {"received_at": "2026-05-01T12:00:00Z", "payload": {...}}.
    Payloads that cannot be read go into the quarantine and stop nothing. Feed a log once: the vendor
    gives events no ids, so what is fed twice is judged twice.
    """
    settings = read_settings(**options)
    reel, tally = Reel(logs), Tally()
    with open_to_write(settings) as engine, feeding(reel, tally):
        result = feed_reel(engine, reel, tally, settings.batch_size, truth)
    _tell(tally, result, as_json, f" --store {options['store']}" if options["store"] else "")
    if reel.is_stopped:
        raise Interrupted(_resumption(tally, reel))
    watch = FailOn(fail_on)
    for kind, count in tally.kinds.items():
        watch.see(kind, count)
    watch.end()


def feed_reel(
    engine: Engine, reel: Iterable[bytes], tally: Tally, batch_size: int, truth: Path | None = None
) -> Score | None:
    """Feed and count everything on a reel; the score, if there is a truth to score against."""
    feed_lines = counting_feed(engine, tally, batch_size)
    if truth is None:
        deque(feed_lines(read_log(reel)), maxlen=0)
        return None
    return score(truth, Numbered(read_log(reel)).heard(feed_lines))


def counting_feed(engine: Engine, tally: Tally, batch_size: int) -> Feed:
    """The engine's way to feed many, with everything counted."""

    def feed_lines(lines: Iterable[Received]) -> Iterator[Decision]:
        for decision in engine.feed_events(lines, batch_size=batch_size, on_unreadable=tally.add_unreadable):
            tally.add(decision)
            yield decision

    return feed_lines


@contextmanager
def feeding(reel: Reel, tally: Tally) -> Iterator[None]:
    """While this lasts a reel is fed: progress on a terminal, and an honest word if it ends early.

    Ctrl-C ends the feed after a whole batch.
    """
    try:
        with reel.stoppable(), progress_on(reel, tally):
            yield
    except AccountLifecycleError:
        say(f"{counted(tally.lines, 'line')} committed before it failed")
        raise
    except KeyboardInterrupt:  # the second one
        raise Interrupted(f"interrupted at once; at least {counted(tally.lines, 'line')} committed") from None
    finally:
        tally.stop()


def write_tally(tally: Tally, result: Score | None) -> None:
    """What a feed came to, for a person."""
    console = screen()
    speed = f"in {tally.seconds:,.{1 if tally.seconds > 10 else 2}f} s, {tally.rate:,.0f} a second"
    births = counted(tally.new_accounts, "new account")
    console.print(joined(styled(counted(tally.events, "event"), "bold"), f" of {births} fed {speed}"))
    fields: list[tuple[str, str | Text]] = [
        ("verdicts", _verdicts(tally)),
        ("anomalies", _anomalies(tally)),
        ("quarantined", f"{tally.quarantined:,}" if tally.quarantined else "none"),
        ("score", result.summary if result else ""),
    ]
    write_fields(console, fields)


def score_record(result: Score) -> JsonObject:
    """The score for programs."""
    return {
        "injected": result.total.injected,
        "found": result.total.found,
        "no_trace": result.total.no_trace,
        "missed": result.total.missed,
        "false_alarms": result.false_alarms,
        "lines": result.lines,
        "events": result.events,
    }


def _verdicts(tally: Tally) -> str:
    return ", ".join(f"{tally.verdicts[verdict]:,} {verdict.lower()}" for verdict in Verdict)


def _anomalies(tally: Tally) -> "Text":
    found = [(severity, count) for severity, count in tally.severities().items() if count]
    if not found:
        return joined("none")
    parts: list[str | Text] = []
    for severity, count in found:
        parts += [", " if parts else "", styled(f"{count:,} {severity}", STYLES[severity])]
    return joined(*parts)


def _tell(tally: Tally, result: Score | None, as_json: bool, store_hint: str) -> None:
    """The answer on stdout; on stderr what could not be read, and where to look next."""
    if as_json:
        write_json(tally.record() | {"score": result and score_record(result)})
    else:
        write_tally(tally, result)
    if tally.quarantined:
        more = tally.quarantined - len(tally.first_unreadable)
        say(f"Could not be read{f', the first {MAX_TOLD} of {tally.quarantined:,}' if more else ''}:")
        for line in tally.first_unreadable:
            say(f"  {line}")
    if not store_hint.endswith("memory:"):
        _point_on(tally, store_hint)


def _point_on(tally: Tally, store_hint: str) -> None:
    if tally.kinds:
        say(f"What was odd: account-lifecycle audit{store_hint}")
    if tally.quarantined:
        say(f"What could not be read: account-lifecycle quarantine list{store_hint}")


def _resumption(tally: Tally, reel: Reel) -> str:
    """What is committed after Ctrl-C, and how to go on."""
    told = f"interrupted; {counted(tally.lines, 'line')} are committed"
    if reel.name == STDIN:
        return f"{told}, the rest of standard input was not read"
    return (
        f"{told}. Go on with: tail -n +{reel.line + 1} {quote(reel.name)} | account-lifecycle feed -{reel.remaining()}"
    )
