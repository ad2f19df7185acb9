"""The running machine's answers over its whole finite domain, kept as a table.

Firing a ``transitions`` machine costs some 20 µs, and an event is judged in one or two. So the shared machine is
fired once for every reachable situation, announcement and kind of provider, beginning with an account that nothing
was heard of; where it refuses, the definition's deviations say what happens. What comes of it is kept as a ``Step``
that also holds what follows from the edge alone: its effects, and what it does to the blind window. An event is then
a look-up. The live engine, replays, diagrams and explanations all read this one table.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from transitions import MachineError

from . import definition
from .anomalies import AnomalyKind
from .definition import Deviation, Guard
from .effects import Effect, effects_of
from .machine import INITIAL_SITUATION, LifecycleModel, Situation, build_machine
from .status import Health, Status, Verdict
from .windows import WindowChange


@dataclass(slots=True)
class Step:
    """What one announcement does in one situation. A value: made once, read at every event."""

    announced: Status
    before: Situation
    after: Situation
    verdict: Verdict
    moved: bool
    """Whether the state changes."""
    deviation: AnomalyKind | None
    effects: tuple[Effect, ...]
    """Those that follow from the edge alone, with no account at hand."""
    window: WindowChange
    """What it does to the account's blind window."""
    proves_life: bool
    finishes_sync: bool
    restarts_sync: bool
    causes: tuple[Status, ...]
    """What is announced against the account, if anything: the first cause of a window that it opens."""

    @property
    def accepted(self) -> bool:
        """Whether it moves the account or confirms where it is."""
        return self.verdict is Verdict.APPLIED

    @property
    def expected(self) -> bool:
        """Whether the machine allows it."""
        return self.deviation is None


Answers = Mapping[Situation, Mapping[str, Step]]


@dataclass(slots=True)
class CompiledTable:
    """Every answer: ``steps[announces_sync][ok_heard][situation][announcement]``."""

    situations: tuple[Situation, ...]
    steps: tuple[tuple[Answers, Answers], tuple[Answers, Answers]]

    def step(
        self, situation: Situation, announced: Status, *, announces_sync: bool = True, ok_heard: bool = False
    ) -> Step:
        """The answer for one announcement in one situation."""
        return self.steps[announces_sync][ok_heard][situation][announced]

    def rows(self, *, announces_sync: bool = True) -> Iterator[Step]:
        """Every answer for one kind of provider, situation by situation."""
        for answers in self.steps[announces_sync][False].values():
            yield from answers.values()


@cache
def compiled() -> CompiledTable:
    """Return the table, compiled at first use (a few milliseconds) and shared from then on."""
    with _quiet_machine():
        outcomes = _explore()
    situations = tuple(sorted({s for s, _, _ in outcomes}, key=_reading_order))

    def answers(sync: bool, ok_heard: bool) -> Answers:
        return {s: _answers_in(s, outcomes, sync, ok_heard) for s in situations}

    def by_ok_heard(sync: bool) -> tuple[Answers, Answers]:
        return answers(sync, False), answers(sync, True)

    return CompiledTable(situations, (by_ok_heard(False), by_ok_heard(True)))


def health_of(situation: Situation, *, ok_heard: bool) -> Health:
    """What a situation means to a caller; ``ok_heard`` tells whether OK was ever accepted."""
    return _HEALTH[situation.status, situation.lost, ok_heard]


@lru_cache(maxsize=1024)
def recorded_step(announced: Status, before: Situation, after: Situation, adopted: bool) -> Step:
    """Return the step of an announcement that was accepted, from what is on record of it."""
    outcome = _Outcome(after, accepted=True, deviation=AnomalyKind.ADOPTED if adopted else None)
    return _step(before, announced, outcome, ok_heard=True)


class _Outcome(NamedTuple):
    after: Situation
    accepted: bool
    deviation: AnomalyKind | None


@contextmanager
def _quiet_machine() -> Iterator[None]:
    """Keeps the hundreds of firings below out of a log that listens to ``transitions``."""
    log = logging.getLogger("transitions.core")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled


_Outcomes = dict[tuple[Situation, Status, bool], _Outcome]


def _answers_in(situation: Situation, outcomes: _Outcomes, sync: bool, ok_heard: bool) -> dict[str, Step]:
    return {a: _step(situation, a, outcomes[situation, a, sync], ok_heard) for a in definition.ANNOUNCEMENTS}


def _explore() -> _Outcomes:
    """Fire everything everywhere, starting from an account that nothing was heard of."""
    outcomes: _Outcomes = {}
    frontier = [INITIAL_SITUATION]
    seen = {INITIAL_SITUATION}
    while frontier:
        situation = frontier.pop()
        for announced in definition.ANNOUNCEMENTS:
            for sync in (False, True):
                outcome = _fire(situation, announced, announces_sync=sync)
                outcomes[situation, announced, sync] = outcome
                if outcome.after not in seen:
                    seen.add(outcome.after)
                    frontier.append(outcome.after)
    return outcomes


def _fire(situation: Situation, announced: Status, *, announces_sync: bool) -> _Outcome:
    model = LifecycleModel(situation, announces_sync=announces_sync)
    try:
        expected = build_machine().events[announced.value].trigger(model)
    except MachineError:
        expected = False
    if expected:
        return _Outcome(model.situation, accepted=True, deviation=None)
    row = _deviation(situation, announced, announces_sync=announces_sync)
    if row.moves:
        return _Outcome(situation.moved_to(announced).after(announced), accepted=True, deviation=row.kind)
    return _Outcome(situation, accepted=False, deviation=row.kind)


def _deviation(situation: Situation, announced: Status, *, announces_sync: bool) -> Deviation:
    facts = {Guard.EXISTS: situation.exists, Guard.LOST: situation.lost, Guard.ANNOUNCES_SYNC: announces_sync}
    for row in definition.DEVIATIONS:
        if (
            announced in row.triggers
            and situation.status in row.source
            and all(facts[guard] for guard in row.conditions)
            and not any(facts[guard] for guard in row.unless)
        ):
            return row
    raise AssertionError(f"the definition does not say what {announced} does in {situation}")


def _step(situation: Situation, announced: Status, outcome: _Outcome, ok_heard: bool) -> Step:
    after, accepted, deviation = outcome
    moved = after.status is not situation.status
    if not accepted:
        return Step(
            announced, situation, after, Verdict.HELD, moved, deviation, (), WindowChange.NONE, False, False, False, ()
        )
    proves_life = announced is definition.PROVES_LIFE
    effects = effects_of(
        situation.status,
        after.status,
        health_of(situation, ok_heard=ok_heard),
        health_of(after, ok_heard=ok_heard or proves_life),
        first_life=proves_life and not ok_heard,
    )
    opens = deviation is AnomalyKind.ADOPTED or (moved and situation.status is definition.PROVES_LIFE)
    return Step(
        announced,
        situation,
        after,
        Verdict.APPLIED,
        moved,
        deviation,
        effects,
        _window_change(announced, opens),
        proves_life,
        announced is definition.FINISHES_SYNC,
        announced in definition.RESTARTS_SYNC,
        () if announced in definition.RESTORES else (announced,),
    )


def _window_change(announced: Status, opens: bool) -> WindowChange:
    if announced is definition.PROVES_LIFE:
        return WindowChange.RECOVERS
    if announced is definition.TERMINAL:
        return WindowChange.ENDS
    if opens:
        return WindowChange.OPENS
    return WindowChange.ADDS_CAUSE if announced in definition.LOSES else WindowChange.NONE


def _reading_order(situation: Situation) -> tuple[int, bool, bool]:
    return (list(Status).index(situation.status), situation.exists, situation.lost)


def _health_row(status: Status, lost: bool, ok_heard: bool) -> Health:
    for row in definition.HEALTH:
        if status in row.statuses and row.lost in (None, lost) and row.ok_heard in (None, ok_heard):
            return row.health
    raise AssertionError(f"the definition gives no health for {status}")


_HEALTH = {
    (status, lost, ok_heard): _health_row(status, lost, ok_heard)
    for status in Status
    for lost in (False, True)
    for ok_heard in (False, True)
}
