"""What an audit is worth: what the engine said about a simulated log, scored against its truth.

A fault is *found* if one of the kinds that it expects is heard of its account while it is open; a repeat, a hold or a
refusal must be heard at its very line. It is *unknowable* if it was not found and the truth gives a reason why nobody
could; everything else is *missed*. Of what was found it is told whether the first story of the first anomaly is true,
or any. A *false alarm* is an anomaly or a refusal that no open fault of that account expects or excuses;
POSSIBLY_STALE outside of faults is counted apart, because true news can look so.

Beside the faults stand the effects that users feel (``experience``). Lines are not judged here, and the log itself is
not read.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.events import DeadlinePassed
from ..lifecycle.explain import Anomaly
from ..lifecycle.status import Verdict
from .experience import EffectScore, Experience
from .faults import FAULTS, QUARANTINE
from .truth import Injected, Truth, read_truth

MAX_MISSES = 100
"""How many false alarms and missed faults a score keeps; all are counted."""


class Listened(NamedTuple):
    """What was said about one line of the log, or about a deadline that passed."""

    line: int
    """Its number, from 1; of a deadline, the line before which it was judged, or the last one."""
    account_id: str | None
    """None if the line was refused."""
    verdict: str | None
    """None if the line was refused."""
    kinds: tuple[str, ...] = ()
    """The kinds of the anomalies that were found."""
    stories: tuple[tuple[str, ...], ...] = ()
    """For each of them its kinds of story, the likeliest first."""
    at: datetime | None = None
    effects: tuple[Effect, ...] = ()
    moved: bool = False
    """Whether the account changed its status."""
    of_clock: bool = False
    """Whether it is about a deadline."""

    @classmethod
    def about(cls, line: int, decision: Decision) -> "Listened":
        """Return what a decision says about a line."""
        return cls(
            line,
            decision.after.account_id,
            decision.verdict,
            tuple(anomaly.kind for anomaly in decision.anomalies),
            tuple(map(_stories, decision.anomalies)),
            decision.event.received_at,
            decision.effects,
            decision.after.status is not decision.before.status,
            isinstance(decision.event, DeadlinePassed),
        )


def _stories(anomaly: Anomaly) -> tuple[str, ...]:
    return tuple(story.kind for story in anomaly.stories)


class Tally(NamedTuple):
    """How many faults of one kind were put in, and what became of them."""

    fault: str
    injected: int = 0
    found: int = 0
    unknowable: int = 0
    missed: int = 0
    rankable: int = 0
    """How many of those that were found have a true story that evidence can rank first."""
    first: int = 0
    """Of how many of these the first story is true."""
    told: int = 0
    """Of how many that were found any story is true."""

    def __str__(self) -> str:
        return (
            f"{self.fault}: found {self.found:,} of {self.injected:,} "
            f"({self.unknowable:,} unknowable); {self.missed:,} missed; explained rightly {self.told:,}, "
            f"first of all {self.first:,} of {self.rankable:,}"
        )

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of both, under this one's name."""
        return Tally(self.fault, *(a + b for a, b in zip(self[1:], other[1:], strict=True)))


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
    stale: int = 0
    """How many true announcements were POSSIBLY_STALE outside of any fault."""
    silent_moves: int = 0
    """How many redeliveries moved an account without any anomaly ..."""
    silent_syncs: int = 0
    """... or completed a sync a second time without a doubt."""
    reasons: Mapping[tuple[str, str], int] = {}
    """How many faults of a kind could not be known, or their true story not be ranked first, for a reason."""
    effects: EffectScore = EffectScore()
    false_alarm_examples: tuple[FalseAlarm, ...] = ()
    missed_examples: tuple[Injected, ...] = ()
    wrong_examples: tuple[tuple[Injected, str, tuple[str, ...]], ...] = ()
    """Faults whose first story is not true, with the kind of anomaly and the stories that were told."""

    @property
    def is_perfect(self) -> bool:
        """Return whether every line was heard, every fault that can be known was found, and nothing else was."""
        no_harm = not (self.silent_moves or self.silent_syncs)
        return no_harm and not self.total.missed and not self.false_alarms and self.lines == self.events

    @property
    def summary(self) -> str:
        """Return the score in one line."""
        unheard = "" if self.lines == self.events else f"; only {self.lines:,} of {self.events:,} lines were heard"
        return (
            f"found {self.total.found:,} of {self.total.injected:,} injected faults "
            f"({self.total.unknowable:,} unknowable); {self.total.missed:,} missed; "
            f"{self.false_alarms:,} false alarms{unheard}"
        )

    def rows(self) -> Iterator[str]:
        """Yield the summary, then a line for each kind of fault, for each reason, and for the effects."""
        yield self.summary
        yield from (f"  {tally}" for tally in self.by_fault)
        for (fault, reason), count in self.reasons.items():
            yield f"  {count:,} × {fault} cannot be known, or not rightly first: {reason}"
        yield from (f"  {row}" for row in self.effects.rows())


def score(truth: Truth | Path, heard: Iterable[Listened]) -> Score:
    """Return what an audit is worth, holding the truth in memory and one heard line at a time."""
    truth = read_truth(truth) if isinstance(truth, Path) else truth
    scoring = _Scoring(truth)
    for each in heard:
        scoring.hear(each)
    return scoring.score(int(truth.header["events"]))


class _Case:
    """A fault, and what was heard of it."""

    __slots__ = ("fault", "first", "found", "kind", "stories", "told")

    def __init__(self, fault: Injected) -> None:
        self.fault = fault
        self.found = self.first = self.told = False
        self.kind = ""
        self.stories: tuple[str, ...] = ()

    def explains(self, kind: str, stories: tuple[str, ...] | None = None) -> bool:
        """Return whether the fault leads to this kind, and note what is found and told of it.

        ``stories`` are those of an anomaly; None for a verdict or a refusal, which says all there is to say.
        """
        if kind not in self.fault.expects and kind not in self.fault.excuses:
            return False
        if kind in self.fault.expects:
            says_all = stories is None or not self.fault.stories
            if not self.found:
                self.kind, self.stories = kind, stories or ()
                self.first = says_all or bool(stories and stories[0] in self.fault.stories)
            self.told = self.told or says_all or any(story in self.fault.stories for story in stories or ())
            self.found = True
        return True

    @property
    def tally(self) -> Tally:
        """Return what became of it."""
        unknowable = not self.found and bool(self.fault.unknowable)
        rankable = self.found and self.kind not in self.fault.ambiguous
        missed = not self.found and not unknowable
        first = rankable and self.first
        return Tally(self.fault.fault, 1, self.found, unknowable, missed, rankable, first, self.told)


class _Scoring:
    """The faults of a log, and what was heard of them so far."""

    def __init__(self, truth: Truth) -> None:
        self._cases = [_Case(fault) for fault in truth.faults]
        self._at_line = {case.fault.line: case for case in self._cases if _AT_LINE & {*case.fault.expects}}
        self._by_account: dict[str, list[_Case]] = {}
        for case in sorted(self._cases, key=lambda case: case.fault.opens):
            self._by_account.setdefault(case.fault.account_id, []).append(case)
        self._experience = Experience(truth.lives)
        self._last_lines: dict[str, int] = {}
        self._lines = self._alarms = self._stale = self._silent_moves = self._silent_syncs = 0
        self._examples: list[FalseAlarm] = []

    def hear(self, heard: Listened) -> None:
        self._lines += not heard.of_clock
        if heard.account_id is not None and heard.at is not None:
            self._experience.feel(heard.account_id, heard.at, heard.effects)
        places: tuple[int, ...] = (heard.line,)
        if heard.of_clock:  # it passed somewhere between the account's last line and this one
            places = (heard.line, self._last_lines.get(heard.account_id or "", 0))
        else:
            self._hear_line(heard)
        stories = heard.stories or ((),) * len(heard.kinds)
        for kind, told in zip(heard.kinds, stories, strict=True):
            cases = (self._open_case(heard.account_id, line) for line in places)
            if any(case is not None and case.explains(kind, told) for case in cases):
                continue
            if kind == AnomalyKind.POSSIBLY_STALE:
                self._stale += 1
            else:
                self._alarm(heard, kind)

    def _hear_line(self, heard: Listened) -> None:
        """Note what is said about a line by the verdict alone, and what happened in silence."""
        at_line = self._at_line.get(heard.line)
        if heard.verdict is None:
            if at_line is None or not at_line.explains(QUARANTINE):
                self._alarm(heard, QUARANTINE)
            return
        self._last_lines[heard.account_id or ""] = heard.line
        if at_line is None or at_line.fault.account_id != heard.account_id:
            return
        if not heard.kinds and heard.verdict in (Verdict.REPEATED, Verdict.HELD):
            at_line.explains(heard.verdict)
        if at_line.fault.is_old_news:
            self._silent_moves += heard.moved and not heard.kinds
            syncs = (e for e in heard.effects if e.kind is EffectKind.SYNC_COMPLETED)
            self._silent_syncs += any(not sync.doubtful for sync in syncs)

    def score(self, events: int) -> Score:
        tallies: dict[str, Tally] = {}
        reasons: Counter[tuple[str, str]] = Counter()
        for tally, case in ((case.tally, case) for case in self._cases):
            tallies[tally.fault] = tallies.get(tally.fault, Tally(tally.fault)).plus(tally)
            if tally.unknowable:
                reasons[tally.fault, case.fault.unknowable] += 1
            elif case.kind in case.fault.ambiguous:
                reasons[tally.fault, case.fault.ambiguous[case.kind]] += 1
        by_fault = tuple(tallies[name] for name in sorted(tallies, key=_place))
        total = Tally("all")
        for tally in by_fault:
            total = total.plus(tally)
        missed = [case.fault for case in self._cases if case.tally.missed]
        wrong = [case for case in self._cases if case.tally.rankable and not case.first]
        return Score(
            total,
            by_fault,
            self._alarms,
            self._lines,
            events,
            self._stale,
            self._silent_moves,
            self._silent_syncs,
            dict(reasons),
            self._experience.score(),
            tuple(self._examples),
            tuple(missed[:MAX_MISSES]),
            tuple((case.fault, case.kind, case.stories) for case in wrong[:MAX_MISSES]),
        )

    def _open_case(self, account_id: str | None, line: int) -> _Case | None:
        """Return the account's fault that is open at a line; there is never more than one."""
        cases = self._by_account.get(account_id or "", [])
        index = bisect_right(cases, line, key=lambda case: case.fault.opens) - 1
        if index < 0:
            return None
        closes = cases[index].fault.closes
        return cases[index] if closes is None or line <= closes else None

    def _alarm(self, heard: Listened, kind: str) -> None:
        self._alarms += 1
        if len(self._examples) < MAX_MISSES:
            self._examples.append(FalseAlarm(heard.line, heard.account_id, kind))


_AT_LINE = {QUARANTINE, Verdict.REPEATED.value, Verdict.HELD.value}


def _place(fault: str) -> tuple[int, str]:
    """Return where a fault stands in the table of faults; one that is not there, at the end."""
    return (list(FAULTS).index(fault) if fault in FAULTS else len(FAULTS)), fault
