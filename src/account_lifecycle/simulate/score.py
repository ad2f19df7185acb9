"""What an audit is worth: what the engine said about a simulated log, scored against its truth.

A fault is *found* if one of the kinds that it expects is heard of its account while it is open; a repeat or a refusal
must be heard at its very line. It *left no trace* if nothing was found and the truth says that all that was received is
expected, so that it cannot be known; everything else is *missed*. A *false alarm* is an anomaly or a refusal that no
open fault of that account expects or excuses. Lines are not judged here, and the log itself is not read.
"""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.status import Verdict
from .faults import FAULTS, QUARANTINE
from .log import TRUTH_VERSION, Injected, Trace

MAX_MISSES = 100
"""How many false alarms and missed faults a score keeps; all are counted."""


class Heard(NamedTuple):
    """What was said about one line of the log, or about a deadline that passed."""

    line: int
    """Its number, from 1; of a deadline, the last line before it was noticed."""
    account_id: str | None
    """None if the line was refused."""
    verdict: str | None
    """None if the line was refused."""
    kinds: tuple[str, ...] = ()
    """The kinds of the anomalies that were found."""


class Truth(NamedTuple):
    """A truth file."""

    header: Mapping[str, Any]
    faults: tuple[Injected, ...]


class Tally(NamedTuple):
    """How many faults of one kind were put in, and what became of them."""

    fault: str
    injected: int = 0
    found: int = 0
    no_trace: int = 0
    missed: int = 0

    def __str__(self) -> str:
        return (
            f"{self.fault}: found {self.found:,} of {self.injected:,} "
            f"({self.no_trace:,} left no trace); {self.missed:,} missed"
        )


class FalseAlarm(NamedTuple):
    """An anomaly, or a refusal, that no fault explains."""

    line: int
    account_id: str | None
    kind: str


class Score(NamedTuple):
    """What an audit is worth."""

    total: Tally
    by_fault: tuple[Tally, ...]
    """One for each kind of fault that was put in, in the order of ``Faults``."""
    false_alarms: int
    lines: int
    """How many lines were heard ..."""
    events: int
    """... of how many that there are."""
    false_alarm_examples: tuple[FalseAlarm, ...] = ()
    missed_examples: tuple[Injected, ...] = ()

    @property
    def is_perfect(self) -> bool:
        """Return whether every line was heard, every fault that left a trace was found, and nothing else was."""
        return not self.total.missed and not self.false_alarms and self.lines == self.events

    @property
    def summary(self) -> str:
        """Return the score in one line."""
        unheard = "" if self.lines == self.events else f"; only {self.lines:,} of {self.events:,} lines were heard"
        return (
            f"found {self.total.found:,} of {self.total.injected:,} injected faults "
            f"({self.total.no_trace:,} left no trace); {self.total.missed:,} missed; "
            f"{self.false_alarms:,} false alarms{unheard}"
        )

    def rows(self) -> Iterator[str]:
        """Yield the summary, then a line for each kind of fault."""
        yield self.summary
        yield from (f"  {tally}" for tally in self.by_fault)


def read_truth(path: Path) -> Truth:
    """Return a truth file. Raise ``ConfigurationError`` for a file that is none."""
    with path.open(encoding="utf-8") as file:
        return truth_of((_read_row(path, number, text) for number, text in enumerate(file, 1)), str(path))


def truth_of(rows: Iterable[Mapping[str, Any]], source: str = "truth") -> Truth:
    """Return the truth in rows: a header, then one for each fault. Raise ``ConfigurationError`` for others."""
    each = iter(rows)
    header = next(each, {})
    if header.get("version") != TRUTH_VERSION or not isinstance(header.get("events"), int):
        raise ConfigurationError(source, f"no header of version {TRUTH_VERSION}", _EXPECTED)
    try:
        return Truth(header, tuple(_injected(row) for row in each))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(source, f"a fault that cannot be read ({error!r})", _EXPECTED) from None


def score(truth: Truth | Path, heard: Iterable[Heard], *, deadlines_checked: bool = False) -> Score:
    """Return what an audit is worth, holding the faults in memory and one heard line at a time.

    ``deadlines_checked``: whether deadlines were checked at or after the end of the log, so that faults which
    only a deadline shows count as missed if they were not found. Otherwise they left no trace.
    """
    truth = read_truth(truth) if isinstance(truth, Path) else truth
    scoring = _Scoring(truth.faults)
    for each in heard:
        scoring.hear(each)
    return scoring.score(deadlines_checked, int(truth.header["events"]))


_EXPECTED = "a truth as a simulation writes it"


def _read_row(path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{path}, line {number}", str(error), "a JSON object") from None
    if not isinstance(row, dict):
        raise ConfigurationError(f"{path}, line {number}", type(row).__name__, "a JSON object")
    return row


def _injected(row: Mapping[str, Any]) -> Injected:
    expects, excuses, trace = tuple(row["expects"]), tuple(row["excuses"]), Trace(row["trace"])
    return Injected(**{**row, "expects": expects, "excuses": excuses, "trace": trace})


class _Case:
    """A fault, and whether it was found."""

    __slots__ = ("fault", "found")

    def __init__(self, fault: Injected) -> None:
        self.fault = fault
        self.found = False

    def explains(self, kind: str) -> bool:
        """Return whether the fault leads to this kind, and note that it is found if that is how it must be."""
        if kind not in self.fault.expects and kind not in self.fault.excuses:
            return False
        if self.fault.trace is not Trace.ANNOUNCED and kind != AnomalyKind.STUCK:
            return False  # all that was received is expected, so anything else is an error
        self.found = self.found or kind in self.fault.expects
        return True


class _Scoring:
    """The faults of a log, and what was heard of them so far."""

    def __init__(self, faults: tuple[Injected, ...]) -> None:
        self._cases = [_Case(fault) for fault in faults]
        self._by_line = {case.fault.line: case for case in self._cases if _shows_at_its_line(case.fault)}
        self._by_account: dict[str, list[_Case]] = {}
        for case in sorted(self._cases, key=lambda case: case.fault.opens):
            self._by_account.setdefault(case.fault.account_id, []).append(case)
        self._lines = self._alarms = 0
        self._examples: list[FalseAlarm] = []

    def hear(self, heard: Heard) -> None:
        of_deadline = AnomalyKind.STUCK in heard.kinds
        self._lines += not of_deadline
        at_line = self._by_line.get(heard.line)
        if heard.verdict is None and (at_line is None or not at_line.explains(QUARANTINE)):
            self._alarm(heard, QUARANTINE)
        if heard.verdict == Verdict.REPEATED and at_line is not None and at_line.fault.account_id == heard.account_id:
            at_line.explains(Verdict.REPEATED)
        # A deadline passes between two lines, so it belongs to what is open at the second rather than the first.
        places = (heard.line + 1, heard.line) if of_deadline else (heard.line,)
        for kind in heard.kinds:
            cases = (self._open_case(heard.account_id, line) for line in places)
            if not any(case is not None and case.explains(kind) for case in cases):
                self._alarm(heard, kind)

    def score(self, deadlines_checked: bool, events: int) -> Score:
        invisible = (Trace.NONE,) if deadlines_checked else (Trace.NONE, Trace.DEADLINE)
        outcomes: Counter[tuple[str, str]] = Counter()
        missed: list[Injected] = []
        for case in self._cases:
            outcome = "found" if case.found else "no trace" if case.fault.trace in invisible else "missed"
            outcomes[case.fault.fault, outcome] += 1
            if outcome == "missed" and len(missed) < MAX_MISSES:
                missed.append(case.fault)
        names = sorted({fault for fault, _ in outcomes}, key=_place)
        by_fault = tuple(_tally(name, outcomes) for name in names)
        total = Tally(
            "all",
            len(self._cases),
            sum(tally.found for tally in by_fault),
            sum(tally.no_trace for tally in by_fault),
            sum(tally.missed for tally in by_fault),
        )
        return Score(total, by_fault, self._alarms, self._lines, events, tuple(self._examples), tuple(missed))

    def _open_case(self, account_id: str | None, line: int) -> _Case | None:
        """Return the account's fault that is open at a line; there is never more than one."""
        cases = self._by_account.get(account_id or "", [])
        index = bisect_right(cases, line, key=lambda case: case.fault.opens) - 1
        if index < 0:
            return None
        closes = cases[index].fault.closes
        return cases[index] if closes is None or line <= closes else None

    def _alarm(self, heard: Heard, kind: str) -> None:
        self._alarms += 1
        if len(self._examples) < MAX_MISSES:
            self._examples.append(FalseAlarm(heard.line, heard.account_id, kind))


def _shows_at_its_line(fault: Injected) -> bool:
    return QUARANTINE in fault.expects or Verdict.REPEATED in fault.expects


def _tally(fault: str, outcomes: Mapping[tuple[str, str], int]) -> Tally:
    counts = [outcomes.get((fault, outcome), 0) for outcome in ("found", "no trace", "missed")]
    return Tally(fault, sum(counts), *counts)


def _place(fault: str) -> tuple[int, str]:
    """Return where a fault stands in the table of faults; one that is not there, at the end."""
    return (list(FAULTS).index(fault) if fault in FAULTS else len(FAULTS)), fault
