"""What is said about a log when it was read: how, what was not in order, what could not be read, and how that ends."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import click

from ..intake.logs import HowToRead, Summary, Unreadable, open_log
from ..lifecycle.wording import escaped
from .commands import Failed
from .output import say, write_document

REASONS_SHOWN = 5
"""How many reasons are shown for which something could not be read."""
_EXTRA = {"pyarrow", "zstandard"}
_PACKED = (".gz", ".zst", ".bz2", ".zip")


def say_unreadable(log: Summary, kept_in: str) -> None:
    """Say what could not be read by its reasons, with an example and a hint for each, and where it is kept."""
    reasons = log.reasons()
    if not reasons:
        return
    say(f"Could not be read: {log.refused:,}{kept_in and f', kept in {kept_in}'}")
    for each in reasons[:REASONS_SHOWN]:
        say(f"  {each.count:,} x {escaped(each.reason)}")
        example = f": {escaped(each.example)}" if each.example else ""
        say(f"      {_place(each)}{example}")
        if each.hint:
            say(f"      Try: {each.hint}")
    if len(reasons) > REASONS_SHOWN:
        say(f"  and {len(reasons) - REASONS_SHOWN:,} more reasons")


def _place(each: Unreadable) -> str:
    place = f"{escaped(each.source)}, line" if each.source else "quarantine, number"
    return f"{'the first: ' if each.count > 1 else ''}{place} {each.line:,}"


def fail_if_unreadable(events: int, log: Summary) -> None:
    """Raise ``Failed`` if less than half of what was read are events: say what it looks like and what to try."""
    refused = log.refused
    if not events and not refused and log.damage:
        raise Failed(log.damage[0])
    if refused <= events:
        return
    much = f"{refused:,} of {events + refused:,} lines could not be read"
    first = log.reasons()[0]
    layouts = {str(reading): None for reading in log.readings.values()}
    looks = f" It was read as {'; '.join(layouts)}." if layouts else ""
    hint = first.hint or "look at how it is read with --detect"
    raise Failed(f"{much}, most of them for {escaped(first.reason)}.{looks} Try: {hint}.")


def print_readings(logs: Iterable[str], reading: HowToRead, as_json: bool) -> None:
    """Print how logs would be read, and what is not clear about it."""
    log = open_log([*logs], reading.layout, reading.order, zone=reading.zone, columns=reading.columns)
    found = log.readings()
    if as_json:
        write_document({name: {"read_as": str(each), "notes": list(each.notes)} for name, each in found.items()})
        return
    for name, each in found.items():
        click.echo(f"{escaped(name)} read as: {escaped(str(each))}")
        for note in each.notes:
            click.echo(f"  {escaped(note)}")


def refused_file(log: str) -> Path:
    """Return the name of a file, not there yet, for what cannot be read of a run over a log and perhaps more."""
    path = Path("standard-input" if log == "-" else "store" if ":" in log else log)
    while path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    stem = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in path.stem).strip("-") or "logs"
    names = (Path(f"refused-{stem}{f'-{number}' if number > 1 else ''}.jsonl") for number in count(1))
    return next(name for name in names if not name.exists())


@contextmanager
def needing_extra(command: str) -> Iterator[None]:
    """Say plainly which extra is missing, if it is."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in _EXTRA:
            raise
        raise Failed(
            f'{command} needs {name}, which is not installed. Run: pip install "account-lifecycle[replay]"'
        ) from error
