"""``hooks``: how hooks stand, what became of deliveries, and another try."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from account_lifecycle import EffectKind, Engine
from account_lifecycle.hooks.outcomes import Dead, Disable
from account_lifecycle.records import BEGINNING, SubscribedHook
from cli.shell import NOW, Run
from cli.test_screens import COLOUR

NAG, CRM, LATE = "action_required:*:nag", "connected:*:crm", "recovered:*:late"


@pytest.fixture
def ran(store: Path) -> Path:
    """Hooks ran on the store: one gave up, one disabled itself, one is done."""
    with Engine.open(f"sqlite:///{store}", observers=()) as engine:
        engine.on_action_required(lambda call: Dead("no such user"), name="nag", since="beginning")
        engine.on_connected(lambda call: Disable("the key was revoked"), name="crm", since="beginning")
        engine.on_recovered(lambda call: None, name="late", since="beginning")
        engine.run_hooks()
    return store


# ---- Asking ----------------------------------------------------------------------------------------------


def test_hooks_are_listed_with_what_waits_and_what_was_given_up(run: Run, ran: Path) -> None:
    told = run("hooks", "list")
    rows = [line.split() for line in told.out.splitlines()]
    assert rows[0] == ["waiting", "running", "dead", "halted", "oldest", "due", "hook"]
    assert ["0", "0", "2", "0", NAG] in rows
    assert ["0", "0", "0", "0", LATE] in rows
    assert "the key was revoked" in told.out
    assert told.err == "3 hooks\n"


def test_the_list_for_programs_has_everything(run: Run, ran: Path) -> None:
    by_name = {record["hook"]: record for record in run("hooks", "list", "--json").records}
    assert by_name[NAG] | {"subscribed_at": ""} == {
        "hook": NAG,
        "kind": "action_required",
        "subject": None,
        "severity": None,
        "next_step": None,
        "ordering": "account",
        "attempts": 8,
        "on_dead": "skip",
        "after_s": None,
        "confirm": False,
        "paired": False,
        "since": "beginning",
        "is_behind": False,
        "subscribed_at": "",
        "disabled_at": None,
        "disabled_reason": "",
        "waiting": 0,
        "running": 0,
        "dead": 2,
        "halted": 0,
        "oldest_due_at": None,
    }
    crm = by_name[CRM]
    assert (crm["waiting"], crm["disabled_reason"]) == (2, "the key was revoked")
    assert crm["disabled_at"].endswith("Z")
    assert crm["oldest_due_at"].endswith("Z")


def test_events_that_are_to_be_looked_through_for_a_later_hook_are_told(run: Run, ran: Path) -> None:
    with Engine.open(f"sqlite:///{ran}", observers=()) as engine:
        later = SubscribedHook("deleted:*:later", EffectKind.DELETED, since=BEGINNING)
        engine.store.subscribe([later], datetime.now(UTC))
    told = run("hooks", "list").err
    assert "events to be looked through for hooks that became known later" in told


def test_deliveries_are_listed_with_why_they_failed(run: Run, ran: Path) -> None:
    told = run("hooks", "deliveries", "--state", "dead")
    assert told.err == "2 deliveries\n"
    assert told.out.count("! no such user") == 2


def test_deliveries_can_be_narrowed(run: Run, ran: Path) -> None:
    everything = run("hooks", "deliveries", "--json").records
    assert {record["state"] for record in everything} == {"dead", "waiting", "done"}
    assert {r["hook"] for r in run("hooks", "deliveries", "--hook", NAG, "--json").records} == {NAG}
    of_one = run("hooks", "deliveries", "--account", "acc_stuck", "--json").records
    assert [(r["account_id"], r["hook"], r["attempts"], r["error"]) for r in of_one] == [
        ("acc_stuck", NAG, 1, "no such user")
    ]
    assert run("hooks", "deliveries", "--account", "nobody", "--json").records == []


# ---- Another try -----------------------------------------------------------------------------------------


def dead_numbers(run: Run) -> list[int]:
    return [record["delivery_id"] for record in run("hooks", "deliveries", "--state", "dead", "--json").records]


def test_one_delivery_is_tried_again_by_its_number(run: Run, ran: Path) -> None:
    first, second = dead_numbers(run)
    assert run("hooks", "redrive", first).err == "1 delivery to be tried again\n"
    [new] = run("hooks", "deliveries", "--state", "waiting", "--hook", NAG, "--json").records
    assert (new["redrive_of"], new["attempts"]) == (first, 0)
    assert run("hooks", "redrive", second, "--json").document["redriven"] == 1


@pytest.mark.parametrize("choice", [("--all",), ("--hook", NAG), ("--state", "dead")], ids=" ".join)
def test_everything_that_fits_is_tried_again_once(run: Run, ran: Path, choice: tuple[str, ...]) -> None:
    assert run("hooks", "redrive", *choice).err == "2 deliveries to be tried again\n"
    assert run("hooks", "redrive", *choice, "--json").document == {"redriven": 0, "deliveries": []}


def test_what_is_not_finished_is_skipped_with_a_message(run: Run, ran: Path) -> None:
    [number, *_] = [r["delivery_id"] for r in run("hooks", "deliveries", "--state", "waiting", "--json").records]
    told = run("hooks", "redrive", number)
    assert told.code == 0
    assert told.err.splitlines()[0].startswith(f"{number} is skipped: it is not finished")


def test_a_number_that_is_not_there_ends_it_before_it_begins(run: Run, ran: Path) -> None:
    first, _ = dead_numbers(run)
    told = run("hooks", "redrive", first, 999)
    assert told.code == 3
    assert told.err == "Error: there is no delivery 999. See: account-lifecycle hooks deliveries\n"
    assert run("hooks", "redrive", "--all").err == "2 deliveries to be tried again\n"


@pytest.mark.parametrize("choice", [(), (1, "--all"), ("--all", "--hook", NAG), (1, "--state", "dead")], ids=str)
def test_a_redrive_needs_exactly_one_choice(run: Run, ran: Path, choice: tuple[object, ...]) -> None:
    told = run("hooks", "redrive", *choice)
    assert told.code == 2
    assert "expected numbers, or --all, or --state, --hook and --account" in told.err


# ---- Enabling and forgetting -----------------------------------------------------------------------------


def test_a_disabled_hook_is_enabled(run: Run, ran: Path) -> None:
    assert run("hooks", "enable", CRM).err == f"{CRM} is enabled\n"
    assert run("hooks", "enable", CRM).err == f"{CRM} was enabled already\n"
    by_name = {record["hook"]: record for record in run("hooks", "list", "--json").records}
    assert (by_name[CRM]["disabled_at"], by_name[CRM]["waiting"]) == (None, 2)


def test_a_hook_is_forgotten_with_what_waits_for_it(run: Run, ran: Path) -> None:
    assert run("hooks", "forget", CRM).err == f"{CRM} is forgotten, and with it 2 deliveries that waited\n"
    assert [record["hook"] for record in run("hooks", "list", "--json").records] == [NAG, LATE]


@pytest.mark.parametrize("command", ["enable", "forget", "deliveries --hook", "redrive --hook"])
def test_a_hook_that_nobody_knows_is_not_found(run: Run, ran: Path, command: str) -> None:
    told = run("hooks", *command.split(), "nobody")
    assert (told.code, told.out) == (3, "")
    assert told.err == "Error: there is no hook 'nobody'. See: account-lifecycle hooks list\n"


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("answer", ["list", "deliveries"])
def test_answers_fit_the_terminal(run: Run, ran: Path, answer: str, width: int) -> None:
    options = ("--now", NOW) if answer == "list" else ()
    told = run("hooks", answer, *options, FORCE_COLOR="1", COLUMNS=str(width)).out
    assert max(map(len, COLOUR.sub("", told).splitlines())) <= width
