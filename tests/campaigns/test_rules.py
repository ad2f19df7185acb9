"""The campaign of the rules in short: a small fleet answers its questions, and a rule that is worse fails it."""

import pytest

from campaigns import rules
from campaigns.rules import SHORT, Plan, clean_lives, default_subscription, late_redeliveries, main, stories


@pytest.mark.parametrize("question", [clean_lives, default_subscription, late_redeliveries])
def test_a_small_fleet_keeps_the_promises(question):
    assert question(SHORT).broken == ()


def test_a_target_that_is_missed_is_named_and_fails_the_campaign(monkeypatch, capsys):
    monkeypatch.setattr(rules, "MOST_HANDED", 0.5)
    monkeypatch.setattr(rules, "stories", lambda _: rules.Part({}))
    assert main(["--accounts", "20", "--redeliveries", "1"]) == 1
    assert "times the hours truly blind were handed to recovered" in capsys.readouterr().out


def test_every_fault_has_its_row_in_the_table(monkeypatch):
    monkeypatch.setattr(rules, "HORIZONS", {"as set": rules.DEFAULT_POLICY})
    part = stories(Plan(accounts=12, days=60))
    assert {line.split()[0] for line in part.details if line} >= set(rules.Faults._fields)
