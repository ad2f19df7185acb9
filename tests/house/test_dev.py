"""The house: the README's main command, without a terminal, as CI and pipes run it; the installing aside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = """
import sys, pathlib, dev
dev.ROOT = dev.BIN = pathlib.Path.cwd()
dev.make_environment = lambda groups: print("installs", *groups, flush=True)
sys.exit(dev.main(sys.argv[1:]))
"""
"""``dev.py`` in the environment of the tests, with its files and programs in the working directory."""
Ran = tuple["subprocess.CompletedProcess[str]", Path]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "tmp").mkdir()
    program = "import account_lifecycle.cli as c; c.main()"
    (folder / "account-lifecycle").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{program}" "$@"\n')
    (folder / "account-lifecycle").chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "TMPDIR": str(folder / "tmp")}
    command = [sys.executable, "-c", HERE, "demo"]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    return done, folder


def test_the_demo_ends_by_itself_where_there_is_no_terminal(
    ran: Ran,
) -> None:
    done, _ = ran
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("installs demo\n")


def test_it_prints_the_tour_feeds_the_page_and_fetches_it(
    ran: Ran,
) -> None:
    done, _ = ran
    assert "What to try next" in done.stdout
    assert done.stdout.count('  200 {"verdict": "APPLIED"') == 2
    assert "/ -> 200, " in done.stdout.splitlines()[-1]


def test_it_leaves_nothing_but_what_the_tour_has_made(
    ran: Ran,
) -> None:
    _, folder = ran
    assert list((folder / "tmp").iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == ["account-lifecycle", "demo", "tmp"]
