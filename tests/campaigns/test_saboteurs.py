"""Saboteurs: the table of bugs is true to the source, and the tests do catch what is put in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.sabotages import SABOTAGES, Sabotage
from campaigns.saboteurs import ROOT, copied_checkout, is_caught, misfit_of

BY_NAME = {sabotage.name: sabotage for sabotage in SABOTAGES}
QUICK = ("a batch is fed backwards", "any token settles, SQLite")


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    with copied_checkout() as copy:
        yield copy


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_every_sabotage_fits_the_source_and_changes_it(sabotage: Sabotage) -> None:
    assert misfit_of(ROOT, sabotage) == ""
    assert sabotage.replacement != sabotage.text
    assert all((ROOT / test.partition("::")[0]).exists() for test in sabotage.tests)


def test_no_two_saboteurs_share_a_name() -> None:
    assert len(BY_NAME) == len(SABOTAGES) >= 14


@pytest.mark.parametrize("name", QUICK)
def test_a_saboteur_is_caught(copy: Path, name: str) -> None:
    assert is_caught(copy, BY_NAME[name], BY_NAME[name].tests[0])


def test_what_is_no_bug_is_not_caught(copy: Path) -> None:
    """Or else a campaign that catches everything would prove nothing."""
    sabotage = BY_NAME[QUICK[1]]
    harmless = sabotage._replace(replacement=f"{sabotage.text}  # as it was")
    assert not is_caught(copy, harmless, harmless.tests[0])
