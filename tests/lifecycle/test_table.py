"""The compiled table: every answer as the rules give it, under every circumstance."""

import pytest

from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.definition import ANNOUNCEMENTS, Guard
from account_lifecycle.lifecycle.machine import CIRCUMSTANCES, USUAL, Situation, situation_of
from account_lifecycle.lifecycle.status import Status
from lifecycle.expected_table import ALL_CIRCUMSTANCES, CELLS, TABLE, WAYS, WORDS, Spot, after, cell, named
from lifecycle.expected_table import CIRCUMSTANCES as TOLD
from lifecycle.expected_table import USUAL as USUALLY


def a_situation(spot: Spot) -> Situation:
    return situation_of(Status(spot[0]), *spot[1:])


def guards(circumstances: frozenset[str]) -> frozenset[Guard]:
    return frozenset(Guard(name) for name in circumstances)


def test_the_grid_has_a_column_for_each_announcement_and_knows_each_circumstance() -> None:
    assert set(WORDS) == set(ANNOUNCEMENTS)
    assert set(TOLD) == set(CIRCUMSTANCES)


def test_the_situations_are_exactly_those_of_the_grid() -> None:
    assert {situation.key for situation in compiled().situations} == set(TABLE)
    assert len(compiled().situations) == len(TABLE)


def test_every_situation_is_reached_by_some_life() -> None:
    assert {spot for spot, _ in WAYS} == set(TABLE)


def test_what_is_usual_is_a_provider_that_announces_syncs_and_a_team_that_hears_of_ok() -> None:
    assert guards(USUALLY) == USUAL


@pytest.mark.parametrize(("spot", "word"), CELLS, ids=named)
def test_each_cell_is_as_the_rules_say_under_every_circumstance(spot: Spot, word: str) -> None:
    for circumstances in ALL_CIRCUMSTANCES:
        step = compiled().step(a_situation(spot), Status(word), guards(circumstances))
        expected = cell(spot, word, circumstances)

        assert step.verdict == ("APPLIED" if expected.accepted else "HELD"), circumstances
        assert step.deviation == expected.kind, circumstances
        assert step.after.key == after(spot, word, circumstances), circumstances
        assert step.moved is (expected.mark == ">"), circumstances
        assert step.expected is expected.expected, circumstances


@pytest.mark.parametrize("spot", TABLE, ids=named)
def test_a_silent_providers_sync_is_held_everywhere_and_blamed_on_it_but_after_deletion(spot: Spot) -> None:
    for circumstances in ALL_CIRCUMSTANCES:
        if "announces_sync" in circumstances:
            continue
        step = compiled().step(a_situation(spot), Status.SYNC_SUCCESS, guards(circumstances))
        late = "AFTER_DELETION" if "settled" in circumstances else "LATE_EVENT"

        assert step.after == step.before
        assert step.deviation == (late if spot[0] == "DELETED" else "UNSUPPORTED_STATUS")


@pytest.mark.parametrize("guard", ["announces_sync", "ok_subscribed"])
def test_the_provider_and_the_subscription_matter_to_syncs_alone(guard: str) -> None:
    def without_sync(circumstances: frozenset[str]) -> list[object]:
        rows = compiled().rows(guards(circumstances))
        return [(r.before, r.announced, r.after, r.deviation) for r in rows if r.announced != "SYNC_SUCCESS"]

    assert without_sync(USUALLY - {guard}) == without_sync(USUALLY)


def test_the_rows_are_all_cells_and_each_once() -> None:
    rows = [(row.before.key, row.announced) for row in compiled().rows()]

    assert set(rows) == set(CELLS)
    assert len(rows) == len(CELLS)
