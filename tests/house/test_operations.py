"""The house: the shell of docs/operations.md is run, and what is in deploy/ is held against what it deploys."""

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from account_lifecycle import Engine
from account_lifecycle.cli.settings import Settings
from account_lifecycle.testing import payload
from campaigns.deployment import DOCKERFILE, instructions
from cli.shell import invoke
from hooks.waiting import PATIENCE_S
from server.driving import SECRET
from server.processes import PROGRAM, started

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytest_plugins = ("postgres_server",)
ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "account-lifecycle.service"
INSTALLED = "/opt/account-lifecycle/bin/account-lifecycle"
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed here")


# ---- The page --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of some age, after all blocks of the page have run in it."""
    folder = tmp_path_factory.mktemp("operated")
    with Engine.open(f"sqlite:///{folder / 'accounts.db'}", observers=()) as engine:
        for days, status in ((500, "CREATION_SUCCESS"), (499, "OK"), (2, "CREDENTIALS")):
            engine.feed_event(payload(status, "acc_1"), received_at=datetime.now(UTC) - timedelta(days=days))
    program = folder / "bin" / "account-lifecycle"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    script = "\n".join(("set -euo pipefail", *blocks))
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "ACCOUNT_LIFECYCLE_STORE": "sqlite:///accounts.db",
    }
    ran = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def test_a_backup_that_follows_the_page_proves_itself_and_is_for_its_owner_alone(operated: Path) -> None:
    [backup] = operated.glob("backups/*.db")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert invoke("db", "check", "--store", f"sqlite:///{backup}").code == 0


def test_what_was_restored_is_the_store_and_the_lost_one_is_kept(operated: Path) -> None:
    with Engine.open(f"sqlite:///{operated / 'accounts.db'}") as engine:
        assert engine.account("acc_1").status == "CREDENTIALS"
    assert (operated / "lost" / "accounts.db").exists()


def test_what_was_pruned_is_in_an_archive_with_which_all_of_it_is_proved(operated: Path) -> None:
    [archive] = operated.glob("archives/*.jsonl.gz")
    ran = invoke("verify", "--archive", archive, "--store", f"sqlite:///{operated / 'accounts.db'}", "--json")
    assert ran.code == 0
    assert ran.document["archived_events"] >= 2


# ---- systemd ---------------------------------------------------------------------------------------------


def unit_lines(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)


@needs_systemd
def test_systemd_accepts_the_unit_and_finds_it_hardly_exposed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(INSTALLED, "/bin/true"))  # a program that is there
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    [exposure] = re.findall(r"Overall exposure level for .*: ([\d.]+)", judged.stdout)
    assert float(exposure) <= 2.0


def test_the_command_of_the_unit_serves_with_its_settings(tmp_path: Path) -> None:
    state, credentials = tmp_path / "lib", tmp_path / "credentials"
    (state / "account-lifecycle").mkdir(parents=True)
    credentials.mkdir()
    for name in [line.partition(":")[0] for line in unit_lines("LoadCredential")]:
        (credentials / name).write_text(f"{SECRET}-{name}\n")
    text = [line.replace("%S", str(state)).replace("%d", str(credentials)) for line in unit_lines("Environment")]
    environment = {**dict(line.partition("=")[::2] for line in text), "ACCOUNT_LIFECYCLE_PORT": "0"}
    [line] = unit_lines("ExecStart")
    program, *words = shlex.split(line)
    assert program == INSTALLED
    with started(words, tmp_path / "log", environment) as served:
        url = f"http://127.0.0.1:{served.port}/hooks"
        secrets = {name: value for name, value in environment.items() if name.endswith("_SECRETS")}
        assert invoke("trigger", "CREATION_SUCCESS", "--twin", "--url", url, **secrets).code == 0
    assert (state / "account-lifecycle" / "accounts.db").exists()


# ---- Containers ------------------------------------------------------------------------------------------


def test_the_image_runs_without_root_on_one_volume() -> None:
    every = instructions(DOCKERFILE)
    last = every[[name for name, _ in every].index("FROM", 1) :]
    names = [name for name, _ in last]
    assert dict(last)["USER"].split(":")[0] not in ("0", "root")
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert names.count("VOLUME") == 1
    assert dict(last)["ENV"].partition("=")[0].removeprefix("ACCOUNT_LIFECYCLE_").lower() in Settings.model_fields
    assert dict(last)["ENV"].endswith(f"{dict(last)['VOLUME']}/accounts.db")
    for name, value in every:
        if name == "COPY" and "--from" not in value:
            assert all((ROOT / source).exists() for source in value.split()[:-1])


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_the_services_serve_over_postgresql_with_what_the_example_of_settings_sets(
    compose: Any, postgres_server: "PostgresServer", tmp_path: Path
) -> None:
    serve, database = compose["services"]["serve"], compose["services"]["postgres"]
    given = [line.partition("=")[0] for line in (DEPLOY / "compose.env.example").read_text().splitlines()[1:]]
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert sorted(given) == sorted(asked)
    store = serve["environment"].pop("ACCOUNT_LIFECYCLE_STORE")
    user, name = database["environment"]["POSTGRES_USER"], database["environment"]["POSTGRES_DB"]
    assert store == f"postgresql://{user}:${{POSTGRES_PASSWORD}}@postgres:5432/{name}"
    assert all(
        name.removeprefix("ACCOUNT_LIFECYCLE_").lower() in Settings.model_fields for name in serve["environment"]
    )
    environment = {name: re.sub(r"\$\{.*\}", SECRET, value) for name, value in serve["environment"].items()}
    with postgres_server.database() as url:
        environment |= {"ACCOUNT_LIFECYCLE_STORE": url, "ACCOUNT_LIFECYCLE_PORT": "0"}
        words = [word.replace("0.0.0.0", "127.0.0.1") for word in serve["command"]]
        with started(words, tmp_path / "log", environment) as served:
            address = f"http://127.0.0.1:{served.port}"
            secret = {"ACCOUNT_LIFECYCLE_WEBHOOK_SECRETS": SECRET}
            assert invoke("trigger", "OK", "--url", f"{address}/hooks", **secret).code == 0
            [check] = [value for name, value in instructions(DOCKERFILE) if name == "HEALTHCHECK"]
            words = [word.replace(":8787", f":{served.port}") for word in json.loads(check.partition("CMD ")[2])]
            assert subprocess.run([sys.executable, *words[1:]], timeout=PATIENCE_S).returncode == 0


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ACCOUNT_LIFECYCLE_")]:
        if "TEST" not in name:
            monkeypatch.delenv(name)
