"""Upgrades: what was judged before providers, words, cells, healths or defaults changed is judged again, and holds.

Each story feeds with this version and verifies with a later one: the same program, with its source changed as an
upgrade would change it, in a process of its own.
"""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from account_lifecycle import Engine, Policy
from account_lifecycle.lifecycle.rules import rules_of
from builders import announced
from verify.fleets import everything, feed, nothing_waits, words
from verify.upgraded import CHANGES

pytest_plugins = ("postgres_server",)

PROGRAM = Path(__file__).parent / "upgraded.py"
EVERY_TABLE = ",".join(change for change in CHANGES if change != "code")


class Ran(NamedTuple):
    code: int
    report: dict[str, Any]


def later(changes: str, url: str, *arguments: str) -> Ran:
    """What a later version's ``verify --json`` says."""
    command = [sys.executable, str(PROGRAM), changes, *(arguments or ("verify", "--json")), "--store", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.stdout, done.stderr
    return Ran(done.returncode, json.loads(done.stdout))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store on a disk, in which everything that can be judged was judged."""
    if request.param == "postgres":
        from postgres_server import empty

        url: str = request.getfixturevalue("database")
        empty(url)
    else:
        url = f"sqlite:///{tmp_path}/accounts.db"
    with Engine.open(url, observers=()) as engine:
        feed(engine.store, everything())
        # words and account types that this version does not know and the later ones do, and a cell that changes
        feed(engine.store, [announced("paused", word, 300 + n) for n, word in enumerate(["OK", "PAUSED", "ERROR"])])
        feed(engine.store, [announced("space", word, 300 + n, "MYSPACE") for n, word in enumerate(["OK", "ERROR"])])
        words(engine, "synced", ["OK", "ERROR", "SYNC_SUCCESS", "OK", "OK"])
        feed(engine.store, [announced("patient", "ERROR", 60 * n) for n in range(9)], Policy(subscribed="default"))
    return url


@pytest.mark.parametrize("changes", [*(change for change in CHANGES if change != "code"), EVERY_TABLE])
def test_what_was_judged_before_an_upgrade_is_judged_again_and_holds(url: str, changes: str) -> None:
    ran = later(changes, url)
    assert (ran.code, ran.report["faults"]) == (0, [])
    assert (ran.report["proved"], ran.report["not_judged"]) == (True, 0)
    assert set(ran.report["checked_by_rules"]) == {rules_of(p).name for p in (Policy(), Policy(subscribed="default"))}


def test_a_later_version_goes_on_where_this_one_ended(url: str, tmp_path: Path) -> None:
    """What it feeds names rules of its own; a prune carries what both judged, and the rest still holds."""
    payload = {"AccountStatus": {"account_id": "paused", "account_type": "LINKEDIN", "message": "PAUSED"}}
    (tmp_path / "event.json").write_text(json.dumps(payload))
    for _ in range(2):
        fed = later(EVERY_TABLE, url, "feed", str(tmp_path / "event.json"), "--json")
        assert fed.code == 0
    with Engine.open(url, observers=()) as engine:
        nothing_waits(engine)
    ran = later(EVERY_TABLE, url)
    assert (ran.code, ran.report["faults"], len(ran.report["checked_by_rules"])) == (0, [], 3)
    archive = str(tmp_path / "old.jsonl.gz")
    pruned = later(EVERY_TABLE, url, "db", "prune", "--before", "2026-01-01", "--archive", archive, "--yes", "--json")
    assert pruned.code == 0
    ran = later(EVERY_TABLE, url)
    assert (ran.code, ran.report["faults"], ran.report["not_judged"]) == (0, [], 0)


def test_what_would_be_decided_differently_is_shown_and_is_no_fault(url: str) -> None:
    ran = later("cell", url, "verify", "--against-definition", "--json")
    assert (ran.code, ran.report["proved"]) == (6, True)
    assert {group["announced"] for group in ran.report["differences"]["groups"]} >= {"SYNC_SUCCESS"}


def test_what_other_code_judged_is_not_proved(url: str) -> None:
    ran = later("code", url)
    assert (ran.code, ran.report["intact"], ran.report["proved"]) == (7, True, False)
    assert ran.report["not_judged"] == ran.report["events"]


def test_tampering_is_found_after_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    with Engine.open(f"sqlite:///{path}", observers=()) as engine:
        words(engine, "a", ["OK", "ERROR"])
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("UPDATE account SET since = since + 1").rowcount == 1
    ran = later(EVERY_TABLE, f"sqlite:///{path}")
    assert (ran.code, ran.report["first"]["place"]) == (1, "account a")
