"""The truth about a simulated log: the faults in it, and what really became of each account. A file of JSON Lines.

Its first line is a header, then comes a line for each fault, then one for each account.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ..errors import ConfigurationError

TRUTH_VERSION = 2
"""The format of the truth file."""


class Injected(NamedTuple):
    """One fault that was put into a log: a line of the truth file."""

    line: int | None
    """Where it shows, or the next line of its account, from 1; None if there is none."""
    account_id: str
    fault: str
    """The name of its rate in ``Faults``."""
    at: str
    """When it happened."""
    opens: int
    """Deviations of the account are this fault's doing from this line ..."""
    closes: int | None
    """... to this one, both included; None: to the end."""
    expects: tuple[str, ...]
    """The kinds of anomaly any of which counts as found; the verdicts REPEATED and HELD at its line, ``quarantine``."""
    excuses: tuple[str, ...] = ()
    """Further kinds that it may lead to."""
    stories: tuple[str, ...] = ()
    """Kinds of story any of which is the truth; none where the kind of anomaly says all."""
    ambiguous: Mapping[str, str] = {}
    """Kinds of anomaly by which no evidence can rank the true story first, and why."""
    unknowable: str = ""
    """Why it cannot be known from what was received; blank if it can be."""
    is_old_news: bool = False
    """Whether its line delivers what was delivered before."""


class Lived(NamedTuple):
    """What really became of one account: a line of the truth file."""

    account_id: str
    provider: str
    timeline: tuple[tuple[str, str, str], ...]
    """Each fact, announced or not: when, the status, the product that was synced or a blank."""


class Truth(NamedTuple):
    """A truth file."""

    header: Mapping[str, Any]
    faults: tuple[Injected, ...]
    lives: tuple[Lived, ...] = ()


def truth_path(log: Path) -> Path:
    """Return where the truth about a log belongs: ``fleet.truth.jsonl`` beside ``fleet.jsonl``."""
    return log.with_suffix(".truth.jsonl")


def write_truth(file: TextIO, header: Mapping[str, Any], rows: Iterable[Injected | Lived]) -> None:
    """Write the lines of a truth file."""
    file.write(f"{json.dumps(header)}\n")
    file.writelines(f"{json.dumps(row._asdict())}\n" for row in rows)


def read_truth(path: Path) -> Truth:
    """Return a truth file. Raise ``ConfigurationError`` for a file that is none."""
    with path.open(encoding="utf-8") as file:
        return truth_of(_rows(path, file), str(path))


def truth_of(rows: Iterable[Mapping[str, Any]], source: str = "truth") -> Truth:
    """Return the truth in rows: a header, then faults and lives. Raise ``ConfigurationError`` for others."""
    each = iter(rows)
    header = next(each, {})
    if header.get("version") != TRUTH_VERSION or not isinstance(header.get("events"), int):
        raise ConfigurationError(source, f"no header of version {TRUTH_VERSION}", _EXPECTED)
    faults, lives = [], []
    try:
        for row in each:
            if "timeline" in row:
                lives.append(
                    Lived(**{**row, "timeline": tuple((at, word, what) for at, word, what in row["timeline"])})
                )
            else:
                faults.append(Injected(**{**row, **{name: tuple(row[name]) for name in _SEQUENCES}}))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(source, f"a row that cannot be read ({error!r})", _EXPECTED) from None
    return Truth(header, tuple(faults), tuple(lives))


_EXPECTED = "a truth as a simulation writes it"
_SEQUENCES = ("expects", "excuses", "stories")


def _rows(path: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(lines, 1):
        try:
            row = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(f"{path}, line {number}", str(error), "a JSON object") from None
        if not isinstance(row, dict):
            raise ConfigurationError(f"{path}, line {number}", type(row).__name__, "a JSON object")
        yield row
