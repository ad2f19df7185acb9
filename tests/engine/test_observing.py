"""Observations: what the vendor's list says goes the way of every event; hooks need not hear of a first import."""

import pytest

from account_lifecycle import Engine, HookCall, Verdict
from account_lifecycle.engine.observations import Observation, worst_status
from builders import at, webhook


def test_the_list_confirms_what_was_announced_and_a_difference_is_told_once(engine: Engine) -> None:
    engine.feed_event(webhook("a", "OK"), received_at=at(0))
    assert engine.observe("a", "ok", observed_at=at(10)).verdict is Verdict.CONFIRMED
    drift = engine.observe("a", ["OK", "CREDENTIALS"], observed_at=at(20))
    assert (drift.verdict, [anomaly.kind for anomaly in drift.anomalies]) == (Verdict.APPLIED, ["DRIFT"])
    assert engine.observe("a", "CREDENTIALS", observed_at=at(30)).anomalies == ()
    assert [entry.verdict for entry in engine.history("a")] == ["APPLIED", "CONFIRMED", "APPLIED", "CONFIRMED"]
    assert engine.verify().is_proved


def test_a_fleet_is_adopted_in_one_call_of_which_no_hook_ever_hears(engine: Engine) -> None:
    calls: list[HookCall] = []
    engine.on_recovered(calls.append, name="early")
    fleet = [Observation(f"a{n}", "OK", at(0), "LINKEDIN", f"user-{n}", at(-60)) for n in range(1500)]
    assert {decision.verdict for decision in engine.observe_all(fleet, silent=True)} == {Verdict.APPLIED}
    engine.on_connected(calls.append, name="late")
    engine.run_hooks()
    assert calls == []
    assert len(engine.accounts(health="LIVE")) == 1500
    account = engine.account("a7")
    assert account is not None
    assert (account.owner, account.signed_in_at, account.born) == ("user-7", at(-60), False)
    engine.feed_event(webhook("a7", "ERROR"), received_at=at(5))
    engine.feed_event(webhook("a7", "OK"), received_at=at(6))
    assert [call.account_id for call in calls] == ["a7"], "what comes after it is told"


@pytest.mark.parametrize("word", ["SYNC_SUCCESS", "DELETED", "", "SNAFU", [], ["OK", "ABSENT"], None])
def test_a_word_that_the_list_does_not_have_is_refused(engine: Engine, word: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        engine.observe("a", word)  # type: ignore[arg-type]
    assert engine.account("a") is None


def test_of_several_sources_the_worst_counts() -> None:
    words = ["OK", "CONNECTING", "STOPPED", "ERROR", "PERMISSIONS", "CREDENTIALS"]
    for number in range(1, len(words) + 1):
        assert worst_status(words[:number]) == worst_status(reversed(words[:number])) == words[number - 1]
