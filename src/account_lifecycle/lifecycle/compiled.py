"""The running machine's answers over its whole finite domain, kept as a table.

Firing a ``transitions`` machine costs some 20 µs, and an event is judged in one or two. So the shared machine is
fired once for every reachable situation, announcement and circumstance, beginning with an account that nothing was
heard of; where it refuses, the definition's deviations say what happens. What comes of it is kept as a ``Step``. An
event is then a look-up. The live engine, replays, diagrams and explanations all read this one table.

Circumstances are the guards that an event brings with it (``machine.CIRCUMSTANCES``). Those of the provider and the
subscription select one of four tables; those of time matter in few cells, and only there is the clock asked: such a
cell is a ``Choice`` of steps.

Everything of the definition that judging depends on is in the table's ``source``, as plain data. It can be kept
(``rules``), and a table that is made of it again judges as this one does, whatever has become of the definition since.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple

from transitions import MachineError

from . import definition
from .anomalies import AnomalyKind
from .definition import Deviation, Guard, Transition
from .machine import CIRCUMSTANCES, INITIAL_SITUATION, USUAL, LifecycleModel, Situation, build_machine
from .providers import PERMISSIVE, PROFILES
from .status import Health, Status, Verdict

SETTINGS = (Guard.ANNOUNCES_SYNC, Guard.OK_SUBSCRIBED)
"""The circumstances that hold for an account for long; those that are left are of time."""
TIMES = tuple(guard for guard in CIRCUMSTANCES if guard not in SETTINGS)


Healths = tuple[tuple[tuple[Health, Health], tuple[Health, Health]], ...]
"""What a situation means to a caller: ``healths[stuck][ever_live][presumed]``."""


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
    is_loss: bool
    proves_life: bool
    """Whether it is OK, or a word that proves as much where OK is not subscribed."""
    finishes_sync: bool
    signs_in: bool
    gives_birth: bool
    healths: Healths
    """What the situation after it means, by whether it is stuck, was ever live and is presumed live."""

    @property
    def accepted(self) -> bool:
        """Whether it moves the account or confirms where it is."""
        return self.verdict is Verdict.APPLIED

    @property
    def expected(self) -> bool:
        """Whether the machine allows it."""
        return self.deviation is None


class Choice:
    """A cell whose step depends on guards of time."""

    __slots__ = ("guards", "steps")

    def __init__(self, guards: tuple[Guard, ...], steps: dict[tuple[bool, ...], Step]) -> None:
        self.guards = guards
        self.steps = steps

    def step(self, holding: frozenset[Guard]) -> Step:
        """Return the step where exactly these guards of time hold."""
        return self.steps[tuple([guard in holding for guard in self.guards])]


Cells = Mapping[str, Step | Choice]
"""By announcement."""


class CellOutcome(NamedTuple):
    """What an announcement does under certain circumstances."""

    after: Situation
    accepted: bool
    deviation: AnomalyKind | None


class CellAnswers(NamedTuple):
    """What an announcement does in a situation, by the circumstances that matter there."""

    guards: tuple[Guard, ...]
    outcomes: Mapping[tuple[bool, ...], CellOutcome]


class ProviderTraits(NamedTuple):
    """What judging depends on of a provider."""

    announces_sync: bool
    has_products: bool


class Source(NamedTuple):
    """Everything of the definition that judging depends on, as plain data."""

    answers: Mapping[tuple[Situation, Status], CellAnswers]
    observed: Mapping[tuple[Situation, Status], Situation]
    """Where an account stands after a word that the vendor's list said of it."""
    healths: Mapping[Situation, Healths]
    """Of every situation that an account can come to."""
    providers: Mapping[str | None, ProviderTraits]
    permissive: ProviderTraits
    """Of an account whose provider is unknown or was never announced."""
    words: tuple[Status, ...]
    losses: tuple[Status, ...]
    signs_in: tuple[Status, ...]
    presumed_live: tuple[Status, ...]
    settles_into_ok: tuple[Status, ...]


class CompiledTable:
    """Every answer: ``cells[announces_sync][ok_subscribed][situation][announcement]``. Compared by identity."""

    __slots__ = ("_recorded", "cells", "situations", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self._recorded: dict[tuple[Status, Situation, Situation, bool], Step] = {}
        self.situations = tuple(sorted({situation for situation, _ in source.answers}, key=_reading_order))
        self.cells = tuple(tuple(self._cells(sync, ok) for ok in (False, True)) for sync in (False, True))

    def step(self, situation: Situation, announced: Status, circumstances: frozenset[Guard] = USUAL) -> Step:
        """Return the answer for one announcement in one situation, where exactly these circumstances hold."""
        cells = self.cells[Guard.ANNOUNCES_SYNC in circumstances][Guard.OK_SUBSCRIBED in circumstances]
        cell = cells[situation][announced]
        return cell if isinstance(cell, Step) else cell.step(circumstances)

    def rows(self, circumstances: frozenset[Guard] = USUAL) -> Iterator[Step]:
        """Yield every answer under these circumstances, situation by situation."""
        for situation in self.situations:
            for announced in self.source.words:
                yield self.step(situation, announced, circumstances)

    def traits(self, provider: str | None) -> ProviderTraits:
        """Return what judging depends on of a provider."""
        return self.source.providers.get(provider, self.source.permissive)

    def observed_step(self, word: Status, situation: Situation, ok_subscribed: bool) -> Step:
        """Return the step of a word that the vendor's list said of an account."""
        return self.recorded_step(word, situation, self.source.observed[situation, word], ok_subscribed)

    def recorded_step(self, announced: Status, before: Situation, after: Situation, ok_subscribed: bool) -> Step:
        """Return the step of an announcement that was accepted, from what is on record of it."""
        key = announced, before, after, ok_subscribed
        if (found := self._recorded.get(key)) is None:
            found = self._recorded[key] = self._step(before, announced, CellOutcome(after, True, None), ok_subscribed)
        return found

    def _cells(self, sync: bool, ok_subscribed: bool) -> Mapping[Situation, Cells]:
        setting = {Guard.ANNOUNCES_SYNC: sync, Guard.OK_SUBSCRIBED: ok_subscribed}
        return {s: {word.value: self._cell(s, word, setting) for word in self.source.words} for s in self.situations}

    def _cell(self, situation: Situation, announced: Status, setting: Mapping[Guard, bool]) -> Step | Choice:
        """Return the cell of one setting: the circumstances of time alone are left open in it."""
        answers = self.source.answers[situation, announced]
        times = tuple(guard for guard in answers.guards if guard in TIMES)
        steps = {}
        for held in product((False, True), repeat=len(times)):
            facts = {**setting, **dict(zip(times, held, strict=True))}
            outcome = answers.outcomes[tuple([facts[guard] for guard in answers.guards])]
            steps[held] = self._step(situation, announced, outcome, setting[Guard.OK_SUBSCRIBED])
        return Choice(times, steps) if times else steps[()]

    def _step(self, situation: Situation, announced: Status, outcome: CellOutcome, ok_subscribed: bool) -> Step:
        source, (after, accepted, deviation) = self.source, outcome
        proofs = (definition.PROVES_LIFE,) if ok_subscribed else (definition.PROVES_LIFE, *source.presumed_live)
        return Step(
            announced,
            situation,
            after,
            Verdict.APPLIED if accepted else Verdict.HELD,
            after.status is not situation.status,
            deviation,
            is_loss=announced in source.losses,
            proves_life=accepted and announced in proofs,
            finishes_sync=accepted and announced is definition.FINISHES_SYNC,
            signs_in=accepted and announced in source.signs_in,
            gives_birth=accepted and announced is definition.BIRTH,
            healths=source.healths[after],
        )


@cache
def compiled() -> CompiledTable:
    """Return the table, compiled at first use (a few milliseconds) and shared from then on."""
    with _quiet_machine():
        answers = _explore()
    words = definition.ANNOUNCEMENTS
    observed = {(here, word): here.moved_to(word).after(word) for here in {s for s, _ in answers} for word in words}
    return CompiledTable(
        Source(
            answers,
            observed,
            {situation: healths_of(situation) for situation in {*observed.values(), *(s for s, _ in answers)}},
            {provider: ProviderTraits(row.announces_sync, row.has_products) for provider, row in PROFILES.items()},
            ProviderTraits(PERMISSIVE.announces_sync, PERMISSIVE.has_products),
            words,
            definition.LOSSES,
            definition.SIGNS_IN,
            definition.PRESUMED_LIVE,
            definition.SETTLES_INTO_OK,
        )
    )


def health_of(situation: Situation, *, stuck: bool = False, ever_live: bool = False, presumed: bool = False) -> Health:
    """Return what a situation means to a caller.

    ``stuck`` tells whether its deadline has passed, ``ever_live`` whether it was ever live, and ``presumed`` whether
    it counts as live although OK is not announced.
    """
    return healths_of(situation)[stuck][ever_live][presumed]


@cache
def healths_of(situation: Situation) -> Healths:
    """Return what a situation means to a caller, by whether it is stuck, was ever live and is presumed live."""
    no, yes = False, True
    return tuple(
        (
            (_health(situation, stuck, no, no), _health(situation, stuck, no, yes)),
            (_health(situation, stuck, yes, no), _health(situation, stuck, yes, yes)),
        )
        for stuck in (no, yes)
    )


# ---- Firing ---------------------------------------------------------------------------------------------


@contextmanager
def _quiet_machine() -> Iterator[None]:
    """Keep the hundreds of firings below out of a log that listens to ``transitions``."""
    log = logging.getLogger("transitions.core")
    was_disabled, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = was_disabled


def _explore() -> dict[tuple[Situation, Status], CellAnswers]:
    """Fire everything everywhere, starting from an account that nothing was heard of."""
    found: dict[tuple[Situation, Status], CellAnswers] = {}
    frontier = [INITIAL_SITUATION]
    seen = {INITIAL_SITUATION}
    while frontier:
        situation = frontier.pop()
        for announced in definition.ANNOUNCEMENTS:
            guards = _circumstances_of(situation.status, announced)
            outcomes = {}
            for held in product((False, True), repeat=len(guards)):
                circumstances = frozenset(guard for guard, holds in zip(guards, held, strict=True) if holds)
                outcome = _fire(LifecycleModel(situation, circumstances), announced)
                outcomes[held] = outcome
                if outcome.after not in seen:
                    seen.add(outcome.after)
                    frontier.append(outcome.after)
            found[situation, announced] = CellAnswers(guards, outcomes)
    return found


def _circumstances_of(status: Status, announced: Status) -> tuple[Guard, ...]:
    """Return the circumstances that the rows for an announcement in a status mention."""
    rows: list[Transition | Deviation] = [r for r in definition.TRANSITIONS if r.trigger is announced]
    rows += [r for r in definition.DEVIATIONS if announced in r.triggers]
    mentioned = {guard for row in rows if status in row.source for guard in (*row.conditions, *row.unless)}
    return tuple(guard for guard in CIRCUMSTANCES if guard in mentioned)


def _fire(model: LifecycleModel, announced: Status) -> CellOutcome:
    situation = model.situation
    try:
        expected = build_machine().events[announced.value].trigger(model)
    except MachineError:
        expected = False
    if expected:
        return CellOutcome(model.situation, accepted=True, deviation=None)
    row = _deviation(model, announced)
    if row.moves:
        return CellOutcome(situation.moved_to(announced).after(announced), accepted=True, deviation=row.kind)
    return CellOutcome(situation, accepted=False, deviation=row.kind)


def _deviation(model: LifecycleModel, announced: Status) -> Deviation:
    for row in definition.DEVIATIONS:
        if (
            announced in row.triggers
            and model.state in row.source
            and all(model.holds(guard) for guard in row.conditions)
            and not any(model.holds(guard) for guard in row.unless)
        ):
            return row
    raise AssertionError(f"the definition does not say what {announced} does in {model.situation}")


def _reading_order(situation: Situation) -> tuple[int, bool, bool, bool]:
    return list(Status).index(situation.status), situation.exists, situation.lost, situation.needs_user


def _health(situation: Situation, stuck: bool, ever_live: bool, presumed: bool) -> Health:
    facts = (situation.needs_user, situation.lost, stuck, ever_live, presumed)
    for row in definition.HEALTH:
        wanted = (row.needs_user, row.lost, row.stuck, row.ever_live, row.presumed)
        if situation.status in row.statuses and all(
            want in (None, fact) for want, fact in zip(wanted, facts, strict=True)
        ):
            return row.health
    raise AssertionError(f"the definition gives no health for {situation}")
