"""The body: what a receiver is told, under keys that stay."""

import json
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle.hooks.calls import HookCall
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.records import StatusChange
from account_lifecycle.webhooks.endpoint import body_of
from builders import announced, at, judged
from webhooks.receiving import a_call

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def a_recovery() -> HookCall:
    """OK, a disconnection, OK again: the last one's call."""
    words = ["CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "OK"]
    last = judged(announced("acc_1", word, minutes) for minutes, word in enumerate(words))[-1]
    [effect] = [effect for effect in last.effects if effect.kind is EffectKind.RECOVERED]
    moves = (StatusChange(5, at(4), "OK", Status("RECONNECTED"), Status("OK")),)
    return a_call(kind=effect.kind, blind_window=effect.blind_window, transitions=moves, account=last.after)


def an_anomaly() -> HookCall:
    last = judged([announced("acc_1", "DELETED"), announced("acc_1", "OK", 5000)])[-1]
    [anomaly] = last.anomalies
    return a_call(kind=EffectKind.ANOMALY, subject=anomaly.kind, anomaly=anomaly, account=last.after)


def read(call: HookCall) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(body_of(call))
    return told


def test_a_body_tells_what_happened_to_whom_and_when() -> None:
    told = read(a_recovery())
    assert (told["type"], told["timestamp"]) == ("account.recovered", "2026-05-01T12:00:00Z")
    data = told["data"]
    assert {name: data[name] for name in ("key", "account_id", "sequence", "kind", "subject", "anomaly")} == {
        "key": "acc_1/3/recovered/",
        "account_id": "acc_1",
        "sequence": 3,
        "kind": "recovered",
        "subject": "",
        "anomaly": None,
    }


def test_a_recovery_tells_the_interval_to_backfill() -> None:
    window = read(a_recovery())["data"]["blind_window"]
    assert (window["backfill_from"], window["closed_at"]) == ("2026-05-01T12:01:00Z", "2026-05-01T12:04:00Z")


def test_a_failed_creation_of_nobody_tells_whose_it_would_have_been() -> None:
    kind = EffectKind.CREATION_FAILED
    data = read(a_call("", kind, subject="user-17", account=None, owner="user-17", reason="Disconnected"))["data"]
    assert (data["account_id"], data["account"]) == ("", None)
    assert (data["owner"], data["reason"], data["doubtful"], data["is_current"]) == (
        "user-17",
        "Disconnected",
        False,
        True,
    )


def test_an_anomaly_comes_with_its_explanation_and_the_next_step() -> None:
    data = read(an_anomaly())["data"]
    assert (data["subject"], data["anomaly"]["kind"]) == (AnomalyKind.AFTER_DELETION, AnomalyKind.AFTER_DELETION)
    assert "The account is DELETED" in data["anomaly"]["explanation"]
    assert data["anomaly"]["next_step"]


def test_the_account_comes_as_it_is_now() -> None:
    account = read(a_recovery())["data"]["account"]
    assert (account["status"], account["sequence"], account["health"]) == ("OK", 5, "LIVE")


def test_the_last_moves_come_along_so_that_a_receiver_can_heal() -> None:
    assert read(a_recovery())["data"]["transitions"] == [
        {
            "sequence": 5,
            "at": "2026-05-01T12:04:00Z",
            "announced": "OK",
            "status_before": "RECONNECTED",
            "status_after": "OK",
        }
    ]


def test_every_body_has_the_same_keys() -> None:
    told = [read(call) for call in (a_recovery(), an_anomaly(), a_call(kind=EffectKind.DELETED))]
    assert len({tuple(body) for body in told}) == 1
    assert len({tuple(body["data"]) for body in told}) == 1


def test_every_key_and_kind_is_documented() -> None:
    told = read(a_recovery())
    keys = ["type", "timestamp", *(f"data.{key}" for key in told["data"])]
    words = [*keys, *told["data"]["transitions"][0], *EffectKind]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
    assert [f"data.{key}" for key in told["data"]] == [
        line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `data.")
    ]


def test_the_body_in_the_documentation_is_one_that_could_be_sent() -> None:
    shown = json.loads(PAGE.split("```json\n")[1].split("```")[0])
    events = [
        announced("a1", "CREATION_SUCCESS", 0, name="user-7"),
        announced("a1", "OK", 1),
        announced("a1", "CREDENTIALS", 2, reason="Disconnected"),
    ]
    last = judged(events)[-1].after
    moves = (StatusChange(3, at(2), "CREDENTIALS", Status("OK"), Status("CREDENTIALS")),)
    key = "a1/3/action_required/"
    facts = {"account": last, "transitions": moves, "owner": last.owner, "reason": last.reason, "occurred_at": at(2)}
    body = read(a_call("a1", EffectKind.ACTION_REQUIRED, key=key, **facts))
    account = body["data"]["account"]
    body["data"]["account"] = {key: account[key] for key in shown["data"]["account"]}
    assert body == shown


@pytest.mark.parametrize("subject", ["größe", "\u202e", "\ud800", '"', "😀"])
def test_whatever_the_words_a_body_is_ascii(subject: str) -> None:
    assert read(a_call(subject=subject))["data"]["subject"] == subject
    assert body_of(a_call(subject=subject)).isascii()
