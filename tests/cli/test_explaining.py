"""``explain``: what an announcement would do, from the compiled machine."""

import pytest

from account_lifecycle.cli.explaining import Question, answer
from account_lifecycle.cli.settings import read_duration
from account_lifecycle.lifecycle import definition
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.machine import INITIAL_SITUATION, Situation
from account_lifecycle.lifecycle.status import Status, Verdict
from cli.shell import Run


def test_a_deviation_is_told_with_its_explanation_and_what_was_expected(run: Run) -> None:
    told = " ".join(run("explain", "CREATION_FAIL", "OK", "--provider", "linkedin").out.split())
    assert told.startswith("OK while CREATION_FAIL (not known to exist, not lost, for 5 min; known for 30 d; LINKEDIN)")
    assert "verdict APPLIED: the account becomes OK" in told
    assert "anomaly SKIPPED_STEP, warning" in told
    assert "likely path CREATION_SUCCESS → OK" in told
    assert "expected CONNECTING, CREATION_SUCCESS, CREATION_FAIL, DELETED" in told


def test_a_lawful_announcement_is_told_with_its_hooks(run: Run) -> None:
    [answer] = run("explain", "CREDENTIALS", "OK", "--json").document["answers"]
    assert (answer["verdict"], answer["status_after"], answer["anomalies"]) == ("APPLIED", "OK", [])
    assert (answer["health_before"], answer["health_after"]) == ("ACTION_REQUIRED", "LIVE")
    assert {"kind": "recovered", "subject": "", "doubtful": False} in answer["effects"]


def test_a_status_that_means_several_situations_is_answered_for_each(run: Run) -> None:
    answers = run("explain", "connecting", "reconnected", "--json").document["answers"]
    assert [(a["exists"], a["lost"], [x["kind"] for x in a["anomalies"]]) for a in answers] == [
        (False, False, ["ADOPTED"]),
        (True, False, ["UNEXPECTED_RECONNECT"]),
        (True, True, []),
        (True, True, []),
    ]


def test_options_say_which_situation_is_meant(run: Run) -> None:
    [answer] = run("explain", "CONNECTING", "OK", "--exists", "--not-lost", "--json").document["answers"]
    assert (answer["exists"], answer["lost"]) == (True, False)


def test_a_situation_that_cannot_be_is_a_usage_error_that_names_those_that_can(run: Run) -> None:
    ran = run("explain", "OK", "STOPPED", "--lost")
    assert ran.code == 2
    assert "An account that is OK is always: exists, not lost." in ran.err


def test_the_provider_makes_a_difference(run: Run) -> None:
    def verdict(provider: str) -> str:
        [answer] = run("explain", "OK", "SYNC_SUCCESS", "--provider", provider, "--json").document["answers"]
        return str(answer["verdict"])

    assert (verdict("LINKEDIN"), verdict("OUTLOOK")) == ("APPLIED", "HELD")


def test_time_makes_a_difference_to_a_repeat(run: Run) -> None:
    def kinds(after: str) -> list[str]:
        [answer] = run("explain", "OK", "OK", "--after", after, "--json").document["answers"]
        assert answer["verdict"] == "REPEATED"
        return [anomaly["kind"] for anomaly in answer["anomalies"]]

    assert (kinds("5min"), kinds("2h")) == ([], ["MISSED_OUTAGE"])


@pytest.mark.parametrize("situation", compiled().situations, ids=str)
@pytest.mark.parametrize("announced", definition.ANNOUNCEMENTS)
def test_every_answer_is_the_tables(situation: Situation, announced: Status) -> None:
    step = compiled().step(situation, announced)
    decision = answer(Question(situation, announced, None, read_duration("5min")))
    assert decision.after.situation == step.after
    if decision.verdict is Verdict.REPEATED:
        assert announced is situation.status
    else:
        assert decision.verdict is step.verdict
        assert [anomaly.kind for anomaly in decision.anomalies] == ([step.deviation] if step.deviation else [])
    assert situation != INITIAL_SITUATION or decision.verdict is not Verdict.REPEATED
