"""A full disk: feeding is refused as such, nothing acknowledged is lost, and with room everything goes on."""

import pytest

from campaigns import full
from campaigns.report import Report


@pytest.fixture(scope="module")
def report() -> Report:
    report = full.run(full.SHORT)
    if report.skipped:
        pytest.skip(report.skipped)
    return report


def test_nothing_acknowledged_is_lost_and_feeding_goes_on_when_there_is_room(report: Report) -> None:
    assert report.broken == ()
    assert report.figures["failures"] == 0


@pytest.mark.parametrize("way", ["one by one", "in batches"])
def test_the_disk_really_runs_full_each_time(report: Report, way: str) -> None:
    assert report.figures[f"times full {way}"] == full.SHORT.rounds
    assert int(str(report.figures[f"refused {way}"])) >= 3 * full.SHORT.rounds
