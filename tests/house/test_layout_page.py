"""The house: the project of docs/layout.md runs as it is shown there, as processes and as a test."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from hooks.waiting import PATIENCE_S, eventually

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parents[2] / "docs" / "layout.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# ([\w/]+\.py)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
COMMAND = [sys.executable, "-c", "from account_lifecycle.cli import main; main()"]
SERVER = """
from wsgiref.simple_server import make_server
from shop.web import application
with make_server("127.0.0.1", 0, application) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, in the working directory."""
    for name, text in FILES.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (pytester.path / "shop" / "__init__.py").touch()
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", f"sqlite:///{pytester.path}/accounts.db")
    return pytester.path


@contextmanager
def process(command: list[str], out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process whose output goes into a file; it is gone in the end."""
    with out.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT) as started:
        try:
            yield started
        finally:
            started.kill()


def post(port: str, word: str) -> int:
    body = json.dumps({"AccountStatus": {"account_id": "a1", "account_type": "LINKEDIN", "message": word}}).encode()
    with urlopen(f"http://127.0.0.1:{port}/webhooks", data=body, timeout=PATIENCE_S) as answer:
        return int(answer.status)


def known_hooks() -> list[str]:
    ran = subprocess.run([*COMMAND, "hooks", "list", "--json"], capture_output=True, text=True, check=True)
    return [json.loads(line)["hook"] for line in ran.stdout.splitlines()]


def test_the_page_shows_every_file_of_the_project() -> None:
    assert FILES.keys() == {"shop/hooks.py", "shop/web.py", "tests/test_hooks.py"}


def test_the_web_process_feeds_and_the_worker_calls_the_hooks(project: Path) -> None:
    worker, web = project / "worker.txt", project / "web.txt"
    with process([*COMMAND, "worker", "--hooks", "shop.hooks", "--poll", "0.05s"], worker) as working:
        eventually(lambda: "running 2 hooks" in worker.read_text())
        with process([sys.executable, "-c", SERVER], web):
            eventually(lambda: web.read_text().endswith("\n"))
            port = web.read_text().split()[0]
            assert [post(port, word) for word in ("CREATION_SUCCESS", "OK", "CREDENTIALS", "OK", "ODD")] == [200] * 5
            eventually(lambda: {"ask a1", "backfill a1"} <= set(worker.read_text().splitlines()))
            working.send_signal(signal.SIGTERM)
            assert working.wait(PATIENCE_S) == 0
    assert "stopped: 2 calls made: 2 done" in worker.read_text()
    assert "ask a1" not in web.read_text()
    assert known_hooks() == ["action_required:*:ask_to_reconnect", "recovered:*:backfill"]


def test_one_process_in_place_of_two_has_the_same_hooks(project: Path) -> None:
    program = """
from shop.hooks import register
from shop.web import engine
register(engine())
engine().start_runner()
engine().close()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert known_hooks() == ["action_required:*:ask_to_reconnect", "recovered:*:backfill"]


def test_its_test_passes_in_memory(project: Path, pytester: pytest.Pytester) -> None:
    ran = pytester.runpytest_subprocess(
        "-p", "account_lifecycle.testing.plugin", "-W", "error", "-o", "pythonpath=.", "tests"
    )
    ran.assert_outcomes(passed=1)
