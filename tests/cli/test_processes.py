"""Real processes: pipes that close early, streams that stay apart, Ctrl-C, and a million lines in little memory."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

from account_lifecycle import Engine
from cli.shell import invoke, webhook

PROGRAM = [sys.executable, "-c", "from account_lifecycle.cli import main; main()"]


def lines(count: int) -> bytes:
    return b"".join(webhook("2026-05-01T08:00:00Z", f"acc_{number:06}", "OK") + b"\n" for number in range(count))


@pytest.fixture(scope="module")
def _fed_big(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("big")
    (folder / "big.jsonl").write_bytes(lines(3_000))
    url = f"sqlite:///{folder / 'big.db'}"
    assert invoke("feed", folder / "big.jsonl", "--store", url).code == 0
    return url


@pytest.fixture
def big(_fed_big: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store of many accounts, each with an anomaly: more than a pipe holds. Questions only."""
    monkeypatch.setenv("ACCOUNT_LIFECYCLE_STORE", _fed_big)


@pytest.mark.parametrize(
    "question",
    [["account", "list"], ["account", "list", "--json"], ["audit", "--full"], ["audit", "--full", "--json"]],
    ids=" ".join,
)
def test_a_pipe_that_closes_early_ends_quietly(question: list[str], big: None) -> None:
    with subprocess.Popen([*PROGRAM, *question], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_answers_go_to_stdout_and_words_to_stderr(big: None) -> None:
    ran = subprocess.run([*PROGRAM, "account", "list", "--health", "LIVE"], capture_output=True, text=True, check=True)
    assert ran.stderr == "3,000 accounts\n"
    assert len(ran.stdout.splitlines()) == 3_001


def test_the_exit_code_reaches_the_shell(big: None) -> None:
    assert subprocess.run([*PROGRAM, "audit", "--fail-on", "ADOPTED"], capture_output=True).returncode == 6
    assert subprocess.run([*PROGRAM, "history", "nobody"], capture_output=True).returncode == 3


def test_a_terminal_that_cannot_show_a_character_is_shown_its_escape(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    ran = subprocess.run([*PROGRAM, "explain", "CREATION_FAIL", "OK"], capture_output=True, env=env, check=True)
    assert rb"CREATION_SUCCESS \u2192 OK" in ran.stdout


def on_a_terminal(*words: str) -> str:
    """What a command shows on a terminal of 80 columns."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    env = os.environ | {"TERM": "xterm-256color"}
    with subprocess.Popen([*PROGRAM, *words], stdout=terminal, stderr=terminal, env=env):
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # how Linux says that the terminal is gone
            while chunk := os.read(controller, 65_536):
                shown += chunk
    os.close(controller)
    return shown.decode()


def test_a_feed_shows_its_progress_on_a_terminal_only(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(lines(500))
    shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", on_a_terminal("feed", "log.jsonl"))
    assert re.search(r"Feeding ━+ 100% 500 events, [\d,]+/s 0:00:00", shown)
    piped = subprocess.run([*PROGRAM, "feed", "log.jsonl"], capture_output=True, text=True, check=True)
    assert "Feeding" not in piped.stdout + piped.stderr


def test_a_png_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    shown = on_a_terminal("diagram", "--format", "png")
    assert "A PNG cannot be shown on a terminal: name a file with --output." in shown


def interrupt(process: "subprocess.Popen[bytes]", store: Path, number: int = signal.SIGINT) -> tuple[str, str]:
    """Send a signal as soon as something is committed."""
    deadline_s = time.monotonic() + 30
    while not (store.exists() and _committed(store)) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return out.decode(), err.decode()


def _committed(store: Path) -> bool:
    with Engine.open(f"sqlite:///{store}") as engine:
        return next(iter(engine.store.ledger()), None) is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_feed_with_what_is_committed_and_how_to_go_on(number: int, tmp_path: Path) -> None:
    (tmp_path / "big.jsonl").write_bytes(lines(60_000))
    feed = [*PROGRAM, "feed", "big.jsonl", "--json", "--batch-size", "200", "--store", "sqlite:///stopped.db"]
    with subprocess.Popen(feed, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = interrupt(process, tmp_path / "stopped.db", number)
    committed = json.loads(out)["events"]
    assert process.returncode == 130
    assert f"interrupted; {committed:,} lines are committed" in err
    assert f"tail -n +{committed + 1} big.jsonl | account-lifecycle feed -" in err
    with Engine.open(f"sqlite:///{tmp_path / 'stopped.db'}") as engine:
        assert sum(1 for _ in engine.store.ledger()) == committed < 60_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_question_like_ctrl_c(number: int, big: None) -> None:
    with subprocess.Popen([*PROGRAM, "audit", "--full"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(100):  # past the compiling of the machine: transitions swallows an interrupt there
            assert process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"Error: interrupted\n")


def test_ctrl_c_ends_a_feed_that_waits_for_more(tmp_path: Path) -> None:
    feed = [*PROGRAM, "feed", "-", "--batch-size", "1", "--json"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(feed, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(lines(3))
        process.stdin.flush()
        out, err = interrupt(process, tmp_path / "account-lifecycle.db")
    with Engine.open("sqlite:///account-lifecycle.db") as engine:
        committed = sum(1 for _ in engine.store.ledger())
    assert process.returncode == 130
    assert json.loads(out)["events"] == committed > 0
    assert f"interrupted; {committed} line" in err
