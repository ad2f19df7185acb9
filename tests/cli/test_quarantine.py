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
    assert "AccountStatus.account_id found nothing; expected the account's id" in told
    assert "which is not JSON" in told
    assert ran.err == "2 payloads\n"


def test_one_payload_is_shown_harmless(run: Run, store: Path) -> None:
    out = run("quarantine", "show", "2").out
    assert "\x1b" not in out
    assert r"\xff\x1b[31mnot JSON" in out
    assert "14 bytes" in out


def test_raw_writes_the_bytes_and_nothing_else(run: Run, store: Path) -> None:
    assert run("quarantine", "show", "2", "--raw").out_bytes == LOG[-1]


def test_the_same_for_programs(run: Run, store: Path) -> None:
    assert [record["quarantine_id"] for record in run("quarantine", "list", "--json").records] == [1, 2]
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


def test_a_replay_feeds_what_a_new_version_can_read(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_newer(payload: Any, received_at: datetime) -> Any:
        named = payload.replace(b'"account_type"', b'"account_id": "acc_new", "account_type"')
        return replace(parse(named, received_at), payload=payload)

    monkeypatch.setattr(quarantine, "parse", parse_newer)
    ran = run("quarantine", "replay", "1")
    assert ran.out.split()[-5:] == ["1", "acc_new", "OK", "APPLIED", "OK"]
    assert ran.err == "1 payload fed, 0 not\n"
    assert run("history", "acc_new", "--json").records[0]["payload"] == json.loads(json.dumps(LOG[-2].decode()))
    assert "(fed later)" in run("quarantine", "list").out
    assert "later, at 20" in run("quarantine", "show", "1").out
    assert run("quarantine", "replay", "--json").records[0]["quarantine_id"] == 2


def test_a_replay_of_a_number_that_is_not_there_is_not_found(run: Run, store: Path) -> None:
    ran = run("quarantine", "replay", "2", "9", "--json")
    assert ran.code == 3
    assert [record["quarantine_id"] for record in ran.records] == [2, 9]
    assert "not in the quarantine: 9" in ran.err
