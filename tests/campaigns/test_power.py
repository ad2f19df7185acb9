"""Power loss at any moment: nothing that was reported is lost, and the harness notices a store that syncs less."""

import pytest

from campaigns import power
from campaigns.report import Report


@pytest.fixture(scope="module")
def report() -> Report:
    return power.run(power.SHORT)


def test_nothing_that_was_reported_is_lost_when_the_power_fails(report: Report) -> None:
    assert report.broken == ()
    assert report.figures["crash images"] == 150
    assert report.figures["images with lost events"] == 0
    assert report.figures["corrupt images"] == 0


def test_the_crashes_meet_checkpoints_and_many_promises(report: Report) -> None:
    assert int(str(report.figures["syncs of the database itself"])) > 5
    assert int(str(report.figures["promises checked"])) > 2000


@pytest.mark.parametrize("mode", power.CONTROLS)
def test_a_store_that_syncs_less_is_noticed(report: Report, mode: str) -> None:
    assert not str(report.figures[f"control: synchronous={mode}"]).startswith("0 of")
