"""A replay and the live engine come to the same, and a replay that does not would be found out."""

import pytest

from campaign_runs import Outcome, run_campaign


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return run_campaign("verdicts", "--short")


def test_a_log_with_every_fault_is_replayed_as_it_was_lived(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome.printed
    assert outcome.figures["differences"] == 0
    for part in ("events", "anomalies", "windows", "accounts", "refused"):
        assert outcome.figures[part] > 0


def test_a_single_bit_flipped_in_the_rules_of_the_replay_is_found(outcome: Outcome) -> None:
    assert outcome.figures["flips found"] == outcome.figures["bits flipped"] > 0
