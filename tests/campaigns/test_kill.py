"""Kills at any moment: nothing that was acknowledged is lost or there twice, and hooks are called for what is there."""

import pytest

from campaign_runs import run_campaign


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_whatever_is_killed_nothing_acknowledged_is_lost(store: str) -> None:
    outcome = run_campaign("kill", "--short", "--store", store)
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["feeders killed"] > 0
    assert outcome.figures["acknowledged"] > 0
    assert outcome.figures["hook calls"] > 0
    assert outcome.figures["effects lost"] == 0
