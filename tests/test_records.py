"""Records: plain JSON types, and field names that programs may rely on."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest

from account_lifecycle import AnomalyKind, Engine, PayloadError
from account_lifecycle.hooks.calls import HookCall
from account_lifecycle.lifecycle.wording import time_text
from account_lifecycle.records import AuditFilter, DeliveryFilter, Fault, Quarantined, Segment
from builders import T0, at, notification, webhook
from report.fleet import NOW, fed

PLAIN = (str, int, float, bool, type(None))


def is_plain(value: object) -> bool:
    """Whether it is made of JSON's own types, with no subclass of them anywhere."""
    if type(value) is dict:
        return all(type(key) is str and is_plain(inner) for key, inner in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return type(value) in PLAIN


def test_every_record_is_made_of_plain_json_types() -> None:
    engine = fed()
    engine.check_deadlines(NOW)
    records = [
        *(account.to_dict(NOW) for account in engine.accounts()),
        *(entry.to_dict() for entry in engine.store.ledger()),
        *(anomaly.to_dict() for anomaly in engine.audit()),
        *(window.to_dict(NOW) for window in engine.blind_windows()),
        *(quarantined.to_dict() for quarantined in engine.quarantine()),
        engine.feed_event(webhook("bob", "CREDENTIALS"), received_at=NOW).to_dict(),
        engine.feed_event(webhook("bob", "OK"), received_at=NOW).to_dict(),
        AuditFilter(AnomalyKind.STUCK, since=T0).to_dict(),
        Fault("event 17", "not as it follows", "bob", 17).to_dict(),
        Segment(1, T0, NOW, 40, "old.jsonl.gz", "4f" * 32, "5a" * 32).to_dict(),
    ]
    assert all(map(is_plain, records))
    assert json.loads(json.dumps(records)) == records


def test_hooks_calls_and_deliveries_are_plain_json_too() -> None:
    calls: list[HookCall] = []
    with Engine.open("memory:", observers=()) as engine:
        engine.on_anomaly(name="log")(calls.append)
        engine.feed_event(webhook("acc", "OK"), received_at=T0)
        engine.run_hooks()
        records = [
            *(call.to_dict() for call in calls),
            *(hook.to_dict() for hook in engine.subscribed_hooks()),
            *(delivery.to_dict() for delivery in engine.store.deliveries(DeliveryFilter())),
        ]
    assert [len(calls), len(records)] == [1, 3]
    assert all(map(is_plain, records))
    assert records[0]["anomaly"]["kind"] == "ADOPTED"
    assert (records[1]["hook"], records[2]["state"]) == (records[2]["hook"], "done")


def test_an_anomaly_has_the_promised_fields() -> None:
    engine = fed(((0, notification("acc", "CREATION_FAIL")), (1, webhook("acc", "OK"))))
    record = engine.audit()[0].to_dict()
    explanation, stories = record.pop("explanation"), record.pop("stories")
    assert record == {
        "kind": "SKIPPED_STEP",
        "severity": "warning",
        "meaning": "a step that must come first was never announced",
        "account_id": "acc",
        "sequence": 2,
        "at": "2026-05-01T12:01:00Z",
        "announced": "OK",
        "status_before": "CREATION_FAIL",
        "provider": "LINKEDIN",
        "expected": ["CONNECTING", "CREATION_SUCCESS", "CREATION_FAIL", "DELETED"],
        "likely_path": ["CREATION_SUCCESS", "OK"],
        "reason": "",
        "next_step": "watch",
        "detail": "",
    }
    assert "CREATION_SUCCESS was missed in between" in explanation
    assert [story["story"] for story in stories] == ["MISSED_NEWS", "OVERTAKEN"]
    assert set(stories[0]) == {"story", "likelihood", "sentence"}


def test_an_account_tells_its_state_and_how_long_it_has_been_so() -> None:
    account = fed().account("bob")
    record = account.to_dict(at(180))
    assert (record["status"], record["health"], record["provider"]) == ("OK", "LIVE", "LINKEDIN")
    assert (record["since"], record["in_status_s"]) == ("2026-05-01T14:00:00Z", 3600.0)
    assert account.to_dict()["in_status_s"] is None


def test_an_account_that_is_blind_has_its_window_in_it() -> None:
    record = fed().account("cyd").to_dict(NOW)
    assert record["blind_window"]["open"] is True
    assert record["blind_window"]["causes"] == ["ERROR"]
    assert record["blind_window"]["backfill_from"] is None
    assert record["blind_window"]["duration_s"] == (NOW - at(30)).total_seconds()


def test_a_blind_window_tells_the_interval_to_backfill() -> None:
    (window,) = fed().blind_windows(account_id="bob")
    assert window.to_dict() == {
        "account_id": "bob",
        "sequence": 3,
        "backfill_from": "2026-05-01T12:10:00Z",
        "opened_at": "2026-05-01T13:00:00Z",
        "closed_at": "2026-05-01T14:00:00Z",
        "open": False,
        "recovered": True,
        "estimated": False,
        "causes": ["CREDENTIALS"],
        "duration_s": 3600.0,
    }


def test_an_entry_holds_its_payload_as_it_came() -> None:
    engine = fed(())
    engine.feed_event(b'{"AccountStatus": {"message": "OK", "account_id": "acc"}}', received_at=T0)
    record = engine.history("acc")[0].to_dict()
    assert record["payload"] == '{"AccountStatus": {"message": "OK", "account_id": "acc"}}'
    assert record["payload_is_base64"] is False
    assert (record["event"], record["verdict"], record["status_before"]) == ("status_announced", "APPLIED", "UNSEEN")
    assert [each["kind"] for each in record["anomalies"]] == ["ADOPTED"]


def test_a_deadline_in_the_history_tells_what_was_allowed() -> None:
    engine = fed(((0, webhook("acc", "CONNECTING")),))
    engine.check_deadlines(at(31))
    record = engine.history("acc")[-1].to_dict()
    assert (record["event"], record["announced"], record["allowed_s"]) == ("deadline_passed", "CONNECTING", 1800.0)
    assert record["payload"] == ""


def quarantined(engine: Engine, payload: bytes) -> dict:
    with pytest.raises(PayloadError):
        engine.feed_event(payload, received_at=T0)
    return engine.quarantine()[0].to_dict()


def test_an_unreadable_payload_is_text_if_it_is_utf_8() -> None:
    record = quarantined(fed(()), "{kaputt: ü".encode())
    assert (record["payload"], record["payload_is_base64"], record["cut"]) == ("{kaputt: ü", False, False)
    assert record["field"] == "payload"


def test_an_unreadable_payload_that_is_no_text_is_in_base64() -> None:
    record = quarantined(fed(()), b"\xff\x00\xfe")
    assert record["payload_is_base64"] is True
    assert b64decode(record["payload"]) == b"\xff\x00\xfe"


def test_what_was_erased_is_told_as_erased_and_not_as_cut() -> None:
    erased = Quarantined(7, at(0), b"", 70, "payload", "not JSON", is_erased=True)
    record = erased.to_dict()
    assert (record["erased"], record["cut"], record["released_at"]) == (True, False, None)


def test_an_unreadable_payload_tells_whether_it_was_cut() -> None:
    record = quarantined(fed(()), b'"' + b"x" * 70_000)
    assert (record["cut"], record["size"], len(record["payload"])) == (True, 70_001, 65_536)


def test_a_decision_tells_what_moved_and_what_follows_from_it() -> None:
    engine = fed()
    record = engine.feed_event(webhook("ada", "CREDENTIALS"), received_at=NOW).to_dict()
    assert (record["verdict"], record["status_before"], record["status_after"]) == ("APPLIED", "OK", "CREDENTIALS")
    assert (record["health_before"], record["health_after"]) == ("LIVE", "ACTION_REQUIRED")
    assert {
        "kind": "action_required",
        "subject": "",
        "key": "ada/4/action_required/",
        "doubtful": False,
        "blind_window": None,
    } in record["effects"]
    assert record["blind_window"]["open"] is True
    assert record["account"]["status"] == "CREDENTIALS"


def test_a_recovery_carries_the_window_to_backfill() -> None:
    engine = fed()
    engine.feed_event(webhook("ada", "CREDENTIALS"), received_at=at(60))
    record = engine.feed_event(webhook("ada", "OK"), received_at=at(90)).to_dict()
    (recovered,) = [effect for effect in record["effects"] if effect["kind"] == "recovered"]
    assert recovered["blind_window"]["closed_at"] == "2026-05-01T13:30:00Z"


def test_times_are_utc_with_a_z_whatever_their_zone() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert time_text(datetime(2026, 5, 1, 21, tzinfo=tokyo)) == "2026-05-01T12:00:00Z"
    assert time_text(datetime(2026, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)) == "2026-05-01T12:00:00.250000Z"
    assert time_text(None) is None
