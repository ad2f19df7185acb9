"""Fixtures: a folder and an environment for each story, and a store that the log was fed into once."""

import os
import shutil
from pathlib import Path

import pytest

from cli.shell import LOG, Run, invoke


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each story has a folder and an environment of its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ACCOUNT_LIFECYCLE_")]:
        monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run() -> Run:
    """Run a command as a person would type it."""

    return invoke


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log as a file."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(LOG) + b"\n")
    return path


@pytest.fixture(scope="session")
def _fed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fed")
    log = folder / "log.jsonl"
    log.write_bytes(b"\n".join(LOG) + b"\n")
    store = folder / "fed.db"
    assert invoke("feed", log, "--store", f"sqlite:///{store}").code == 0
    return store


@pytest.fixture
def store(_fed_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that the log was fed into, made the default one."""
    path = tmp_path / "fed.db"
    shutil.copy(_fed_once, path)
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", f"sqlite:///{path}")
    return path
