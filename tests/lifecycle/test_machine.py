"""The running ``transitions`` machine: it and the compiled table are one and the same life cycle."""

from typing import Any

import pytest
from transitions import MachineError

from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.definition import Deviation, Guard, Transition
from account_lifecycle.lifecycle.machine import (
    FACTS,
    USUAL,
    BoundModel,
    LifecycleModel,
    Situation,
    build_machine,
    check_transitions,
    situation_of,
)
from account_lifecycle.lifecycle.status import Status
from lifecycle.expected_table import ALL_CIRCUMSTANCES, CELLS, TABLE, Spot, named

SETTINGS = [frozenset(Guard(name) for name in names) for names in ALL_CIRCUMSTANCES]


def no_picture(_: Situation) -> Any:
    raise AssertionError("nobody asked for a picture")


def a_model(spot: Spot, circumstances: frozenset[Guard] = USUAL) -> BoundModel:
    return BoundModel(situation_of(Status(spot[0]), *spot[1:]), no_picture, circumstances)


def accepts(model: BoundModel, word: str) -> bool:
    """Whether the machine accepts a trigger; a refusal may be no transition at all, or a guard's."""
    try:
        return bool(getattr(model, word)())
    except MachineError:
        return False


@pytest.mark.parametrize(("spot", "word"), CELLS, ids=named)
def test_a_bound_model_answers_as_the_table(spot: Spot, word: str) -> None:
    for provider_and_team in ((True, True), (False, True), (True, False), (False, False)):
        circumstances = frozenset(
            guard
            for guard, holds in zip((Guard.ANNOUNCES_SYNC, Guard.OK_SUBSCRIBED), provider_and_team, strict=True)
            if holds
        )
        model = a_model(spot, circumstances)
        before = model.situation
        step = compiled().step(before, Status(word), circumstances)

        assert getattr(model, f"may_{word}")() is step.expected
        assert model.situation == before, "a question moved it"
        assert accepts(model, word) is step.expected
        assert model.situation == (step.after if step.expected else before)


@pytest.mark.parametrize("spot", TABLE, ids=named)
def test_a_bound_model_lists_what_is_expected(spot: Spot) -> None:
    rows = [row for row in compiled().rows() if row.before.key == spot]

    assert a_model(spot).expected() == tuple(row.announced for row in rows if row.expected)


def test_models_share_one_machine_and_leave_nothing_behind() -> None:
    first = a_model(("OK", True, False, False))
    second = a_model(("OK", True, False, False))
    getattr(first, "CREDENTIALS")()  # noqa: B009 (the machine adds it)

    assert (first.state, second.state) == ("CREDENTIALS", "OK")
    assert build_machine().models == []


def test_the_machine_runs_any_object_with_a_state() -> None:
    model = LifecycleModel(situation_of(Status.ERROR, True, True, True))

    assert build_machine().events["RECONNECTED"].trigger(model)
    assert model.situation.key == ("RECONNECTED", True, False, False)


# ---- The definition -------------------------------------------------------------------------------


def fits(row: Transition | Deviation, word: Status, situation: Situation, circumstances: frozenset[Guard]) -> bool:
    """Whether a row of the definition speaks of an announcement in a situation."""
    triggers = row.triggers if isinstance(row, Deviation) else (row.trigger,)
    holding = {guard for guard in FACTS if getattr(situation, guard)} | circumstances
    guards_hold = holding.issuperset(row.conditions) and holding.isdisjoint(row.unless)
    return word in triggers and situation.status in row.source and guards_hold


EVERYTHING = [(s, w, setting) for s in compiled().situations for w in definition.ANNOUNCEMENTS for setting in SETTINGS]


def test_no_two_transitions_claim_the_same_cell() -> None:
    for situation, word, circumstances in EVERYTHING:
        claims = [row for row in definition.TRANSITIONS if fits(row, word, situation, circumstances)]
        assert len(claims) <= 1, (situation, word, claims)


@pytest.mark.parametrize("row", definition.TRANSITIONS)
def test_every_transition_of_the_definition_is_alive(row: Transition) -> None:
    assert any(fits(row, *where(claim)) for claim in EVERYTHING)


@pytest.mark.parametrize("row", definition.DEVIATIONS)
def test_every_deviation_of_the_definition_decides_some_cell(row: Deviation) -> None:
    def decides(situation: Situation, word: Status, circumstances: frozenset[Guard]) -> bool:
        if not fits(row, word, situation, circumstances) or compiled().step(situation, word, circumstances).expected:
            return False
        return next(d for d in definition.DEVIATIONS if fits(d, word, situation, circumstances)) is row

    assert any(decides(*claim) for claim in EVERYTHING)


def where(claim: tuple[Situation, Status, frozenset[Guard]]) -> tuple[Status, Situation, frozenset[Guard]]:
    situation, word, circumstances = claim
    return word, situation, circumstances


A_ROW = Transition(Status.OK, (Status.CONNECTING,), Status.OK)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((A_ROW, A_ROW), id="the-same-row-twice"),
        pytest.param((A_ROW._replace(conditions=(Guard.LOST,)),) * 2, id="the-same-guarded-row-twice"),
        pytest.param((A_ROW, A_ROW._replace(conditions=(Guard.LOST,))), id="a-guard-that-is-never-asked"),
        pytest.param((A_ROW, A_ROW._replace(dest=None)), id="two-destinations"),
        pytest.param((A_ROW._replace(source=(Status.ERROR, Status.ERROR)),), id="a-source-named-twice"),
        pytest.param((A_ROW._replace(source=(Status.DELETED,)),), id="out-of-the-terminal-state"),
        pytest.param((A_ROW._replace(source=()),), id="no-source"),
    ],
)
def test_a_definition_that_nobody_can_mean_is_refused(rows: tuple[Transition, ...]) -> None:
    with pytest.raises(ValueError, match="OK"):
        check_transitions(rows)


def test_the_definition_passes_its_own_check() -> None:
    check_transitions(definition.TRANSITIONS)
