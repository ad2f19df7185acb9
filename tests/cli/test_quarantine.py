"""``quarantine``: what could not be read, its bytes, and trying again."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle.intake import quarantine
from account_lifecycle.intake.payloads import parse
from cli.shell import LOG, Run


def test_the_list_tells_what_is_wrong_with_each(run: Run, store: Path) -> None:
    ran = run("quarantine", "list")
    told = " ".join(ran.out.split())
    assert "found nothing; expected the account's id" in told
    assert "which is not JSON" in told
    assert ran.err.startswith("2 payloads, 2 reasons\n")


def test_the_list_groups_what_is_alike_and_says_what_to_do(run: Run, store: Path) -> None:
    run("feed", "-", stdin=b'{"AccountStatus": {"account_type": "Y", "message": "OK"}}\n' + LOG[0])
    ran = run("quarantine", "list")
    titles, *lines = ran.out.splitlines()
    assert titles.split("  ")[0] == "count"
    assert (lines[0].split()[:2], lines[0].split()[-1]) == (["2", "AccountStatus.account_id"], "1")
    told = " ".join(ran.out.split())
    assert "Try: look at one of them: account-lifecycle quarantine show 1" in told
    assert "Try: say where the payload stands" in told
    assert ran.err.startswith("3 payloads, 2 reasons\n")
    assert "account-lifecycle quarantine dismiss" in ran.err


def test_every_payload_by_itself_in_full(run: Run, store: Path) -> None:
    ran = run("quarantine", "list", "--full")
    assert "AccountStatus.account_id found nothing; expected the account's id" in " ".join(ran.out.split())
    assert ran.err == "2 payloads\n"


@pytest.mark.parametrize(("since", "count"), [("2020-01-01", 2), ("2099-01-01", 0)])
def test_a_period_has_its_own_counts(run: Run, store: Path, since: str, count: int) -> None:
    assert run("quarantine", "list", "--since", since).err.startswith(f"{count} payloads, {count} reasons")
    assert len(run("quarantine", "list", "--since", since, "--full", "--json").records) == count


def test_what_is_dismissed_is_kept_but_neither_listed_nor_tried(run: Run, store: Path) -> None:
    assert run("quarantine", "dismiss", "1").err == "1 payload dismissed\n"
    ran = run("quarantine", "list", "--full")
    assert ran.err == "1 payload; left out: 1 dismissed (--all lists them too)\n"
    assert [record["quarantine_id"] for record in run("quarantine", "replay", "--json").records] == [2]
    assert "(dismissed)" in run("quarantine", "list", "--full", "--all").out
    assert "dismissed" in run("quarantine", "show", "1").out
    assert run("quarantine", "list", "--all").err.startswith("2 payloads, 2 reasons\n")
    assert run("verify").code == 0


def test_what_is_dismissed_is_tried_if_it_is_named(run: Run, store: Path) -> None:
    run("quarantine", "dismiss", "1")
    assert [record["quarantine_id"] for record in run("quarantine", "replay", "1", "--json").records] == [1]


def test_all_of_a_reason_are_dismissed_at_once(run: Run, store: Path) -> None:
    run("feed", "-", stdin=b"oops\n" + LOG[0])
    run("quarantine", "dismiss", "2")
    dismissed = run("quarantine", "dismiss", "--reason", "payload", "--json").document
    assert dismissed == {"dismissed": 1, "fed_or_dismissed_before": 1}
    assert [record["field"] for record in run("quarantine", "list", "--json").records] == ["AccountStatus.account_id"]


@pytest.mark.parametrize("arguments", [(), ("1", "--reason", "payload")], ids=["nothing", "both"])
def test_to_dismiss_takes_either_numbers_or_a_reason(run: Run, store: Path, arguments: tuple[str, ...]) -> None:
    assert run("quarantine", "dismiss", *arguments).code == 2


@pytest.mark.parametrize("arguments", [("1", "9"), ("--reason", "nothing")], ids=["number", "reason"])
def test_to_dismiss_what_is_not_there_is_not_found_and_dismisses_nothing(
    run: Run, store: Path, arguments: tuple[str, ...]
) -> None:
    ran = run("quarantine", "dismiss", *arguments)
    assert (ran.code, ran.out) == (3, "")
    assert f"not in the quarantine: {'9' if '9' in arguments else 'anything for nothing'}" in ran.err
    assert len(run("quarantine", "list", "--full", "--json").records) == 2


def test_one_payload_is_shown_harmless(run: Run, store: Path) -> None:
    out = run("quarantine", "show", "2").out
    assert "\x1b" not in out
    assert r"\xff\x1b[31mnot JSON" in out
    assert "14 bytes" in out


def test_raw_writes_the_bytes_and_nothing_else(run: Run, store: Path) -> None:
    assert run("quarantine", "show", "2", "--raw").out_bytes == LOG[-1]


def test_the_same_for_programs(run: Run, store: Path) -> None:
    full = run("quarantine", "list", "--full", "--json").records
    assert [(record["quarantine_id"], record["dismissed_at"]) for record in full] == [(1, None), (2, None)]
    groups = run("quarantine", "list", "--json").records
    assert [(group["field"], group["count"], group["example"]) for group in groups] == [
        ("AccountStatus.account_id", 1, 1),
        ("payload", 1, 2),
    ]
    assert groups[0].keys() == {
        "field", "foreign", "reason", "count", "first_at", "last_at", "example", "to_do"
    }  # fmt: skip
    assert run("quarantine", "show", "2", "--json").document["payload_is_base64"] is True


def test_a_payload_over_the_limit_tells_how_much_is_kept(run: Run) -> None:
    run("feed", "-", stdin=b"x" * 100_000)
    assert "100,000 bytes, of which the first 65,536 are kept" in run("quarantine", "show", "1").out


def test_a_number_that_is_not_there_is_not_found(run: Run, store: Path) -> None:
    ran = run("quarantine", "show", "3", "--raw")
    assert (ran.code, ran.out) == (3, "")
    assert "there is no number 3 in the quarantine" in ran.err


def test_a_replay_tells_what_still_cannot_be_read(run: Run, store: Path) -> None:
    ran = run("quarantine", "replay")
    assert ran.code == 0
    assert "which is not JSON" in " ".join(ran.out.split())
    assert ran.err == "0 payloads fed, 2 not\n"


def test_a_replay_counts_what_is_alike(run: Run, store: Path) -> None:
    run("feed", "-", stdin=b'{"AccountStatus": {"account_type": "Y", "message": "OK"}}\n' + LOG[0])
    told = " ".join(run("quarantine", "replay").out.split())
    assert "2 x not fed (the first: number 1): AccountStatus.account_id: found nothing" in told
    assert "1 x not fed (number 2): payload: found" in told


def test_a_replay_feeds_what_a_new_version_can_read(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_newer(payload: Any, received_at: datetime) -> Any:
        named = payload.replace(b'"account_type"', b'"account_id": "acc_new", "account_type"')
        return replace(parse(named, received_at), payload=payload)

    monkeypatch.setattr(quarantine, "parse", parse_newer)
    ran = run("quarantine", "replay", "1")
    assert ran.out.split()[-5:] == ["1", "acc_new", "OK", "APPLIED", "OK"]
    assert ran.err == "1 payload fed, 0 not\n"
    assert run("history", "acc_new", "--json").records[0]["payload"] == json.loads(json.dumps(LOG[-2].decode()))
    assert "(fed later)" in run("quarantine", "list", "--full", "--all").out
    assert run("quarantine", "list", "--full").err == "1 payload; left out: 1 fed later (--all lists them too)\n"
    assert "later, at 20" in run("quarantine", "show", "1").out
    assert run("quarantine", "replay", "--json").records[0]["quarantine_id"] == 2


def test_a_replay_of_a_number_that_is_not_there_is_not_found(run: Run, store: Path) -> None:
    ran = run("quarantine", "replay", "2", "9", "--json")
    assert ran.code == 3
    assert [record["quarantine_id"] for record in ran.records] == [2, 9]
    assert "not in the quarantine: 9" in ran.err
