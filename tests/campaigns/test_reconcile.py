"""The campaign of the vendor's list in short: with it the engine says what is true, and nobody is asked needlessly."""

from datetime import timedelta

from campaigns import reconcile
from campaigns.reconcile import SHORT, Outcome, campaign, table


def test_a_small_fleet_is_right_with_the_list_and_far_less_without() -> None:
    report = campaign(SHORT)

    assert report.broken == ()
    assert [line.split("|")[1].strip() for line in report.details][2:5] == [
        "the engine says what is true",
        "account-hours that work, said to be lost",
        "account-hours that do not, said to be live",
    ]


def test_a_list_that_is_worth_nothing_fails_the_campaign(monkeypatch) -> None:
    monkeypatch.setattr(reconcile, "lived", lambda plan, setting: _outcome(0.9))
    assert len(campaign(SHORT).broken) == 4
    assert len(list(table({"alone": _outcome(0.9)}))) > 5


def _outcome(agreed: float) -> Outcome:
    hour = timedelta(hours=1)
    return Outcome(agreed, hour, hour, 10, 1, 0, 0, 0, 0, 0, 0.0)
