"""The documented chain: whoever has the file and the page can compute every digest, without this program."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from account_lifecycle import Engine
from builders import announced, at, notification
from verify.fleets import everything, feed, nothing_waits

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program as it stands on the page."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "prove.py"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with every kind of event, an unusual name, a part that was pruned and an account that was erased."""
    path = tmp_path / "accounts.db"
    with Engine.open(f"sqlite:///{path}", observers=()) as engine:
        feed(engine.store, everything())
        engine.feed_event(notification("é\U0001f600", "CREATION_SUCCESS", "Zoë"))
        feed(engine.store, [announced("sl/ash", "OK", 500, 'MYS"PACE', "a \u2028 product")])
        engine.erase_account("named")
        nothing_waits(engine)
        assert engine.prune(at(5), tmp_path / "old.jsonl.gz") is not None
    return path


def proved(program: Path, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, program, path], capture_output=True, text=True, check=False)


def test_the_program_on_the_page_comes_to_the_same_head(program: Path, path: Path) -> None:
    with Engine.open(f"sqlite:///{path}", observers=()) as engine:
        head = engine.verify().head
    assert proved(program, path).stdout == f"{head}\n"


def test_the_program_on_the_page_finds_a_change(program: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE event SET decided = decided || ' ' WHERE event_id = 20")
    ran = proved(program, path)
    assert (ran.returncode, ran.stderr) == (1, "event 20 does not hold\n")
