"""The compiled table: every answer as the rules give it, for both kinds of provider."""

from dataclasses import replace

import pytest

from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.machine import Situation, situation_of
from account_lifecycle.lifecycle.status import Status
from lifecycle.expected_table import CELLS, TABLE, UNSUPPORTED, WAYS, WORDS, Spot, after, cell, named

each_cell = pytest.mark.parametrize(("spot", "word"), CELLS, ids=named)


def a_situation(spot: Spot) -> Situation:
    return situation_of(Status(spot[0]), *spot[1:])


def test_the_grid_is_whole() -> None:
    assert (len(TABLE), len(WORDS)) == (14, 11)


def test_the_situations_are_exactly_those_of_the_grid() -> None:
    assert {situation.key for situation in compiled().situations} == set(TABLE)
    assert len(compiled().situations) == len(TABLE)


def test_every_situation_is_reached_by_a_lawful_life() -> None:
    assert {spot for spot, _ in WAYS} == set(TABLE)


@each_cell
@pytest.mark.parametrize("announces_sync", [True, False], ids=["sync", "no-sync"])
def test_each_cell_is_as_the_rules_say(spot: Spot, word: str, announces_sync: bool) -> None:
    step = compiled().step(a_situation(spot), Status(word), announces_sync=announces_sync)
    expected = cell(spot, word, announces_sync=announces_sync)

    assert step.verdict == ("APPLIED" if expected.accepted else "HELD")
    assert step.deviation == expected.kind
    assert step.after.key == after(spot, word, announces_sync=announces_sync)
    assert step.expected is expected.expected


@pytest.mark.parametrize("spot", TABLE, ids=named)
def test_a_silent_providers_sync_is_held_everywhere_but_after_deletion(spot: Spot) -> None:
    step = compiled().step(a_situation(spot), Status.SYNC_SUCCESS, announces_sync=False)

    assert step.after == step.before
    assert step.deviation == ("AFTER_DELETION" if spot[0] == "DELETED" else UNSUPPORTED.kind)


def test_a_silent_provider_differs_in_its_sync_alone() -> None:
    def without_sync(announces_sync: bool) -> list[object]:
        return [row for row in compiled().rows(announces_sync=announces_sync) if row.announced != "SYNC_SUCCESS"]

    assert without_sync(False) == without_sync(True)


def test_the_rows_are_all_cells_and_each_once() -> None:
    rows = [(row.before.key, row.announced) for row in compiled().rows()]

    assert len(rows) == len(CELLS)
    assert set(rows) == set(CELLS)


@each_cell
def test_having_been_ok_changes_no_answer(spot: Spot, word: str) -> None:
    fresh = compiled().step(a_situation(spot), Status(word), ok_heard=False)
    seasoned = compiled().step(a_situation(spot), Status(word), ok_heard=True)

    assert replace(fresh, effects=()) == replace(seasoned, effects=())
