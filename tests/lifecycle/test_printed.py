"""``print`` shows a record as a line for people, and ``repr`` everything for developers."""

from dataclasses import fields
from datetime import timedelta

import pytest

from account_lifecycle import Account, Engine, HookCall, Observation, PayloadError
from account_lifecycle.testing import Clock, life, payload

LONGEST_LINE = 200


def test_a_decision_is_a_line_that_says_what_came_and_what_became_of_it(account_engine: Engine) -> None:
    lines = [str(decision) for decision in account_engine.feed_events(life("OK CREATION_SUCCESS CREDENTIALS OK", "a"))]
    assert lines == [
        "a, event 1: OK: APPLIED; UNSEEN → OK, LIVE; ADOPTED",
        "a, event 2: CREATION_SUCCESS: HELD; OK, LIVE; LATE_EVENT",
        "a, event 3: CREDENTIALS: APPLIED; OK → CREDENTIALS, ACTION_REQUIRED",
        "a, event 4: OK: APPLIED; CREDENTIALS → OK, LIVE; POSSIBLY_STALE",
    ]
    assert str(account_engine.history("a")[1]) == "a, event 2: CREATION_SUCCESS: HELD, OK"


def test_so_are_decisions_of_a_list_and_a_clock_and_about_nobodys_account(
    account_engine: Engine, account_clock: Clock
) -> None:
    account_engine.feed_event(payload("CONNECTING", "a"))
    account_clock.tick(hours=1)
    (passed,) = account_engine.check_deadlines()
    assert str(passed) == "a, event 2: the deadline of CONNECTING passed: HELD; CONNECTING, INTERRUPTED; STUCK"
    assert str(passed.account).endswith("INTERRUPTED; stuck")
    assert str(account_engine.observe("b", "OK")).startswith("b, event 1: listed as OK: ")
    failed = account_engine.feed_event(payload("CREATION_FAIL", "", owner="user-7"))
    assert str(failed).startswith("no account, event 1: CREATION_FAIL: APPLIED; ")


def test_an_account_a_window_and_an_anomaly_are_lines_too(account_engine: Engine) -> None:
    words = "CREATION_SUCCESS OK CREDENTIALS CREATION_SUCCESS OK"
    *_, last = account_engine.feed_events(life(words, "a", every=timedelta(hours=2)))
    assert str(last.account) == "a, LINKEDIN: OK since 2026-05-01 20:00:00 UTC, LIVE; doubtful"
    assert str(Account("a")) == "a, provider unknown: UNSEEN, UNKNOWN"
    assert str(last.blind_window) == (
        "a: blind from 2026-05-01 16:00:00 UTC to 2026-05-01 20:00:00 UTC, 4 h; backfill from 2026-05-01 15:00:00 UTC"
    )
    anomaly, *_ = account_engine.audit()
    assert str(anomaly) == (
        f"a, event 4: LATE_EVENT ({anomaly.severity}), CREATION_SUCCESS while CREDENTIALS: {anomaly.meaning}; "
        f"next step: {anomaly.next_step}"
    )


def test_a_window_says_whether_it_is_open_estimated_or_ended_by_a_deletion(account_engine: Engine) -> None:
    first, second = account_engine.feed_events(life("CREDENTIALS DELETED", "a"))
    assert str(first.blind_window) == ("a: blind since 2026-05-01 12:00:00 UTC, ongoing; backfill from the beginning")
    assert str(second.blind_window).endswith("1 min; it was deleted")


def test_a_call_of_a_hook_is_a_line_too(account_engine: Engine) -> None:
    calls: list[HookCall] = []
    account_engine.on_entered("CREDENTIALS", calls.append, name="first")
    account_engine.on_action_required(calls.append, name="second")
    list(account_engine.feed_events(life("CREATION_SUCCESS OK CREDENTIALS", "a")))
    assert [str(call) for call in calls] == [
        "entered CREDENTIALS: a, event 3, attempt 1",
        "action_required: a, event 3, attempt 1",
    ]
    calls.clear()
    account_engine.feed_event(payload("OK", "a"))
    assert calls == []


def test_what_is_in_quarantine_and_what_a_hook_is_owed_are_lines_without_payloads(account_engine: Engine) -> None:
    def fail(call: HookCall) -> None:
        raise RuntimeError("no\npaper")

    account_engine.on_anomaly(fail, name="report")
    account_engine.feed_event(payload("OK", "a"))
    with pytest.raises(PayloadError):
        account_engine.feed_event("not\nJSON " + "x" * 10_000)
    (kept,), (owed,) = account_engine.quarantine(), account_engine.deliveries()
    assert str(kept).startswith("1: 2026-05-01 12:00:00 UTC, 10,009 bytes: payload: found ")
    assert str(owed) == "1: anomaly:*:report: a, event 1: waiting, attempt 1: RuntimeError: no\\npaper"
    assert str(kept).isprintable()


@pytest.mark.parametrize("word", ["\x1b[2J", "line\nbreak", "x" * 250])
def test_whatever_strangers_sent_each_is_one_line_that_a_terminal_can_show(word: str, account_engine: Engine) -> None:
    calls: list[HookCall] = []
    account_engine.on_anomaly(calls.append)
    decision = account_engine.feed_event(payload(word, "a", provider=word, reason=word))
    account_engine.observe("a", "ERROR", owner=word)
    shown = [decision, decision.event, decision.after, *decision.anomalies, *account_engine.history("a"), *calls]
    for line in map(str, shown):
        assert line.isprintable()
        assert len(line) < LONGEST_LINE


def test_developers_still_see_every_field(account_engine: Engine) -> None:
    decision = account_engine.feed_event(payload("OK", "a"))
    for record in (decision, decision.after):
        assert [field.name for field in fields(record) if f"{field.name}=" not in repr(record)] == []
    assert f"kind={decision.anomalies[0].kind!r}" in repr(decision.anomalies[0])
    assert "observed_at=None" in repr(Observation("a", "OK"))
