"""The house: every log of docs/logs.md is audited as the page shows, and comes to the same account."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from account_lifecycle.cli.program import program
from account_lifecycle.replay import replay
from house.test_readme import ROOT, looks_like, sessions

SAMPLES = ROOT / "tests" / "intake" / "logs"
COMMANDS = sessions("docs/logs.md")


@pytest.mark.parametrize(("command", "shown"), COMMANDS, ids=[command[25:] for command, _ in COMMANDS])
def test_a_log_is_audited_as_the_page_shows(
    command: str, shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, kind, log, *options = shlex.split(command)
    assert (name, kind) == ("account-lifecycle", "replay")
    shutil.copy(SAMPLES / log, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(program, [kind, log, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = iter(result.output.splitlines())
    for pattern in [looks_like(line) for line in shown if line != "…"]:
        assert any(pattern.search(line) for line in lines), f"nothing like {pattern.pattern} in {result.output}"


@pytest.mark.parametrize("log", sorted({shlex.split(command)[2] for command, _ in COMMANDS}))
def test_a_log_comes_to_one_live_account_from_replay_and_from_a_store(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replay(SAMPLES / log) as audit:
        [account] = audit.accounts()
        [window] = audit.windows()
    assert (audit.events, account.status, account.health, window.recovered) == (6, "OK", "LIVE", True)
    monkeypatch.chdir(tmp_path)
    fed = CliRunner().invoke(program, ["feed", str(SAMPLES / log), "--store", "sqlite:///fed.db"])
    assert fed.exit_code == 0, fed.output
    shown = CliRunner().invoke(
        program, ["account", "show", account.account_id, "--store", "sqlite:///fed.db", "--json"]
    )
    assert json.loads(shown.stdout)["health"] == "LIVE"
