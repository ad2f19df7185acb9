"""The fleet at 3 a.m.: what is unusual, what happened and when, who must reconnect, and whose account it is."""

import json
import os
import select
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.testing import payload
from cli.shell import NOW, Run

BEGIN = datetime(2026, 5, 10, 11, 40, tzinfo=UTC)


@pytest.fixture
def incident(store: Path) -> Path:
    """The log's fleet, and twenty minutes ago forty WhatsApp accounts were lost within four minutes."""
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        for number in range(40):
            account = payload("OK", f"wa_{number:02}", provider="WHATSAPP")
            engine.feed_event(account, received_at=BEGIN - timedelta(hours=3))
        for number in range(40):
            lost = payload("CREDENTIALS", f"wa_{number:02}", provider="WHATSAPP", reason="Signed out")
            engine.feed_event(lost, received_at=BEGIN + timedelta(seconds=6 * number))
    return store


# ---- status --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("incident")
def test_an_incident_is_the_first_line(run: Run) -> None:
    ran = run("status", "--now", NOW)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0] == "40 WHATSAPP accounts went CREDENTIALS within 4 min, from 11:40 on"
    assert lines[1] == "2026-05-10 12:00:00 UTC, 45 accounts"
    row = next(line for line in lines if line.startswith("WHATSAPP"))
    assert row.split()[:2] == ["WHATSAPP", "41"]
    assert next(line for line in lines if line.startswith("  in 1 h")).split()[3:] == ["-40", "+40"]


@pytest.mark.usefixtures("incident")
def test_a_fleet_of_which_nothing_is_unusual_says_so(run: Run) -> None:
    moment = "2026-05-10T08:45:00Z"
    assert run("status", "--at", moment).out.splitlines()[0] == "Nothing unusual"
    found = run("status", "--at", moment, "--json").document
    assert (found["headlines"], found["machinery"], found["silence"]) == (["Nothing unusual"], None, None)


@pytest.mark.usefixtures("store")
def test_a_silence_is_the_first_line(run: Run) -> None:
    first = run("status", "--now", NOW).out.splitlines()[0]
    assert first == "No announcement for 4 d 4 h: the last one came 2026-05-06 08:00"


@pytest.mark.usefixtures("incident")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("burst", "40 WHATSAPP accounts went CREDENTIALS within 4 min"),
        ("dead,backlog=15m,quarantine", "2 payloads in quarantine"),
        ("silence=10m", "no announcement for 16 min 6 s"),
        ("dead", None),
        ("dead,backlog,silence", None),
        ("silence=20m", None),
    ],
)
def test_a_monitor_learns_what_it_asked_for_from_the_exit_code(run: Run, words: str, said: str | None) -> None:
    ran = run("status", "--now", NOW, "--fail-on", words, "--json")
    assert ran.document["bursts"][0]["accounts"] == 40
    assert (ran.code, ran.err) == ((6, f"--fail-on: {said}\n") if said else (0, ""))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("words", ["sleepy", "dead=1h", "backlog=soon", "silence="])
def test_a_threshold_that_is_none_is_refused(run: Run, words: str) -> None:
    assert run("status", "--fail-on", words).code == 2


# ---- events --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("incident")
def test_what_happened_between_two_times_is_listed_in_their_order(run: Run) -> None:
    period = "--since", "2026-05-10T11:41:00Z", "--until", "2026-05-10T11:42:00Z"
    ran = run("events", *period)
    rows = [line for line in ran.out.splitlines() if "wa_" in line]
    assert [row.split()[2] for row in rows] == [f"wa_{number}" for number in range(10, 20)]
    assert rows[0].split() == [
        "2026-05-10",
        "11:41:00",
        "wa_10",
        "WHATSAPP",
        "CREDENTIALS",
        "APPLIED",
        "→",
        "CREDENTIALS",
    ]
    assert ran.out.startswith("received (UTC)")
    assert ran.err == "From 2026-05-10 11:41:00 to 2026-05-10 11:42:00 UTC\n10 events\n"
    records = run("events", *period, "--json", "--limit", 3).records
    assert [each["account_id"] for each in records] == ["wa_10", "wa_11", "wa_12"]
    assert records[0]["account_provider"] == "WHATSAPP"


@pytest.mark.usefixtures("incident")
def test_events_are_of_a_provider_a_status_or_moves(run: Run) -> None:
    def count(*options: str) -> int:
        return len(run("events", "--since", "2026-05-01", "--json", *options).records)

    assert count("--provider", "whatsapp", "--status", "CREDENTIALS", "--moved") == 41
    assert count("--provider", "google", "--moved") == 4
    assert count("--moved") < count()


@pytest.mark.usefixtures("store")
def test_a_period_that_ends_before_it_begins_is_refused(run: Run) -> None:
    ran = run("events", "--since", "2026-05-02", "--until", "2026-05-01")
    assert ran.code == 2
    assert "--until 2026-05-01 00:00:00 is not after --since 2026-05-02 00:00:00 UTC" in ran.err
    assert run("events", "--follow", "--limit", 3).code == 2


def test_who_follows_sees_what_is_fed_from_then_on_once(store: Path) -> None:
    environment = {**os.environ, "ACCOUNT_LIFECYCLE_STORE": f"sqlite:///{store}", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-c", "from account_lifecycle.cli.program import main; main()"]
    arguments = [*command, "events", "--follow", "--json"]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        try:
            seen, fed = [], 0
            with Engine.open(f"sqlite:///{store}", observers=()) as engine:
                while not select.select([follower.stdout], [], [], 0.2)[0]:  # it may take its time to begin
                    engine.feed_event(payload("ERROR", f"new_{fed}"))
                    fed += 1
                    assert fed < 300, "a minute, and nothing is shown"
                engine.feed_event(payload("ERROR", "last"))
            while not seen or seen[-1] != "last":
                seen.append(json.loads(follower.stdout.readline())["account_id"])
            follower.send_signal(signal.SIGINT)
            rest = follower.communicate(timeout=60)[0]
        finally:
            follower.kill()
    assert seen == [*(f"new_{number}" for number in range(fed - len(seen) + 1, fed)), "last"]
    assert rest == ""
    assert follower.returncode == 130


# ---- account list --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("incident")
def test_who_must_reconnect_by_provider(run: Run) -> None:
    ran = run("account", "list", "--health", "ACTION_REQUIRED", "--group-by", "provider", "--now", NOW)
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["WHATSAPP", "40", "20", "min", "40", "ACTION_REQUIRED"],
        ["LINKEDIN", "1", "7", "d", "1", "ACTION_REQUIRED"],
    ]
    records = run("account", "list", "--down", "--group-by", "provider", "--json").records
    assert records[0]["healths"] == {"ACTION_REQUIRED": 40}
    assert run("account", "list", "--group-by", "status", "--json").records[0]["status"] == "CREDENTIALS"


@pytest.mark.usefixtures("incident")
def test_those_that_are_down_for_the_longest_time_come_first(run: Run) -> None:
    ran = run("account", "list", "--down", "--sort", "since", "--limit", 3, "--json")
    assert [each["account_id"] for each in ran.records] == ["acc_down", "wa_00", "wa_01"]
    everything = run("account", "list", "--sort", "since", "--json").records
    assert len(everything) == len(run("account", "list", "--json").records) == 45


@pytest.mark.usefixtures("incident")
def test_options_that_contradict_each_other_are_refused(run: Run) -> None:
    assert run("account", "list", "--sort", "since", "--after", "acc_1").code == 2
    assert run("account", "list", "--group-by", "provider", "--limit", 1).code == 2


# ---- Ids -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("incident")
def test_an_account_is_named_by_its_owner_or_by_the_beginning_of_its_id(run: Run) -> None:
    for text in ("acc_down", "user-7", "acc_d"):
        ran = run("account", "show", text, "--json")
        assert ran.document["account_id"] == "acc_down"
        assert ran.err == ("" if text == "acc_down" else f"{text} is account acc_down\n")
        assert run("history", text, "--json").records[0]["account_id"] == "acc_down"
        assert run("account", "explain", text, "--json").code == 0
        assert {each["account_id"] for each in run("windows", "--account", text, "--json").records} == {"acc_down"}
    assert [each["account_id"] for each in run("account", "list", "--owner", "user-7", "--json").records] == [
        "acc_down"
    ]


@pytest.mark.usefixtures("incident")
def test_a_beginning_of_several_ids_is_refused_with_some_of_them(run: Run) -> None:
    ran = run("account", "show", "wa_0")
    assert ran.code == 2
    assert "'wa_0' is the beginning of the id of several accounts. Name one of them:" in ran.err
    assert "  wa_00  WHATSAPP  CREDENTIALS\n" in ran.err
    assert "  and more" in ran.err
    assert run("account", "show", "nobody's").code == 3


def test_an_owner_of_several_accounts_is_refused_with_them(store: Path, run: Run) -> None:
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        engine.feed_event(payload("CREATION_SUCCESS", "second", owner="user-7"))
    ran = run("account", "show", "user-7")
    assert ran.code == 2
    assert "'user-7' is the owner of several accounts" in ran.err
    assert "  acc_down  LINKEDIN  CREDENTIALS\n  second  unknown  CREATION_SUCCESS\n" in ran.err


@pytest.mark.usefixtures("incident")
def test_nothing_is_erased_by_the_beginning_of_an_id_without_a_look(run: Run) -> None:
    assert run("account", "erase", "acc_d", "--yes").code == 3
    asked = run("account", "erase", "acc_d", stdin=b"n\n")
    assert "names of account acc_down for good?" in asked.err
