"""Several processes on one store: in order, in parallel, killed in the middle and asleep past their lease."""

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from account_lifecycle import Engine
from hooks.answers import feed, states
from hooks.waiting import PATIENCE_S, eventually

LABORER = Path(__file__).with_name("laborer.py")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/accounts.db"


@pytest.fixture
def feeder(file_url: str) -> Iterator[Engine]:
    """An engine that knows the hook but runs none."""
    with Engine.open(file_url, observers=()) as engine:
        yield engine


@pytest.fixture
def start(file_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a process that runs hooks; all are gone in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, lease_s: float = 30) -> "subprocess.Popen[str]":
        command = [sys.executable, str(LABORER), file_url, kind, str(tmp_path / "calls"), str(lease_s)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stop(process: "subprocess.Popen[str]") -> tuple[str, str]:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return out, err


def calls(tmp_path: Path) -> list[list[str]]:
    path = tmp_path / "calls"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def feed_odd(engine: Engine, account_id: str, count: int = 1) -> None:
    feed(engine, *(f"ODD-{number}" for number in range(count)), account_id=account_id)


def test_processes_share_the_work_and_keep_each_lane_in_order(feeder: Engine, start: Start, tmp_path: Path) -> None:
    processes = [start("orderly") for _ in range(3)]
    for number in range(15):
        for account_id in "abcd":
            feed(feeder, f"ODD-{number}", account_id=account_id)
    eventually(lambda: states(feeder) == ["done"] * 60)
    for process in processes:
        stop(process)
    lanes: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for what, pid, account_id, sequence, *_ in calls(tmp_path):
        lanes[account_id].append((what, sequence))
        assert int(pid) in {process.pid for process in processes}
    in_order = [(what, str(sequence)) for sequence in range(1, 16) for what in ("begin", "end")]
    assert lanes == dict.fromkeys("abcd", in_order)


def test_a_hook_that_kills_its_worker_is_dead_after_exactly_its_attempts(
    feeder: Engine, start: Start, tmp_path: Path
) -> None:
    start("orderly").kill()  # the hook is known
    feed_odd(feeder, "poison")
    feed_odd(feeder, "good", 5)

    def is_over() -> bool:
        if processes[-1].poll() is not None:
            assert processes[-1].returncode == -signal.SIGKILL
            processes.append(start("poison", lease_s=0.5))
        return states(feeder).count("dead") == 1 and states(feeder).count("done") == 5

    processes = [start("poison", lease_s=0.5)]
    eventually(is_over)
    stop(processes[-1])
    attempts = [line[4] for line in calls(tmp_path) if line[0] == "begin" and line[2] == "poison"]
    assert attempts == ["1", "2", "3"]
    ended = [line[3] for line in calls(tmp_path) if line[0] == "end" and line[2] == "good"]
    assert list(dict.fromkeys(ended)) == ["1", "2", "3", "4", "5"]
    assert {line[5] for line in calls(tmp_path) if line[2] == "poison"} == {"poison/1/anomaly/UNKNOWN_STATUS"}


def test_who_slept_past_its_lease_is_refused_when_it_wakes(feeder: Engine, start: Start, tmp_path: Path) -> None:
    sleeper = start("sleepy", lease_s=0.5)
    feed_odd(feeder, "a")
    eventually(lambda: is_stopped(sleeper.pid), "falling asleep")
    other = start("sleepy", lease_s=0.5)
    eventually(lambda: states(feeder) == ["done"])
    (tmp_path / "awake").touch()
    sleeper.send_signal(signal.SIGCONT)
    eventually(lambda: len([line for line in calls(tmp_path) if line[0] == "end"]) == 2, "waking")
    stop(other)
    out, err = stop(sleeper)
    assert out == "{'running': 1}\n"
    assert "hook was too late: its lease was lost to another worker" in err
    (record,) = feeder.deliveries()
    assert (record.state, record.attempts, record.error) == ("done", 2, None)
    assert [line[4] for line in calls(tmp_path) if line[0] == "begin"] == ["1", "2"]


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_hook_that_kills_its_process_takes_no_other_delivery_along(file_url: str, tmp_path: Path) -> None:
    """The same without a worker: run_hooks() claims by the page, and that may cost a neighbour one attempt only."""
    program = """
import os, sys
from account_lifecycle import Engine
from account_lifecycle.engine.core import utc_now
from datetime import timedelta
hours = int(sys.argv[2])
with Engine.open(sys.argv[1], observers=(), clock=lambda: utc_now() + timedelta(hours=hours)) as engine:
    @engine.on_anomaly(name="mine", attempts=4)
    def hook(call):
        print(call.account_id, call.attempt, flush=True)
        if call.account_id == "poison":
            os._exit(9)
    if not hours:
        engine.run_hooks()
        for account_id in ("first", "poison", "last"):
            engine.subscriptions, kept = [], engine.subscriptions
            engine.feed_event({"AccountStatus": {"message": "ODD", "account_id": account_id}})
            engine.subscriptions = kept
    engine.run_hooks()
"""
    heard: list[list[str]] = []
    for hours in range(0, 70, 7):
        command = [sys.executable, "-c", program, file_url, str(hours)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        heard += [line.split() for line in ran.stdout.splitlines()]
    assert [attempt for account_id, attempt in heard if account_id == "poison"] == ["1", "2", "3", "4"]
    assert ["last", "2"] in heard
    with Engine.open(file_url, observers=()) as engine:
        assert {record.account_id: str(record.state) for record in engine.deliveries()} == {
            "first": "done",
            "poison": "dead",
            "last": "done",
        }


def test_a_process_that_stops_leaves_nothing_claimed(feeder: Engine, start: Start) -> None:
    process = start("orderly")
    for number in range(30):
        feed_odd(feeder, f"account-{number}")
    stop(process)
    assert set(states(feeder)) <= {"waiting", "done"}
    assert all(record.attempts == (record.state == "done") for record in feeder.deliveries())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_no_hooks_in_threads_that_it_does_not_have(file_url: str) -> None:
    program = """
import os, sys
from account_lifecycle import Engine
with Engine.open(sys.argv[1], observers=()) as engine:
    called = []
    engine.on_entered("CREATION_SUCCESS", called.append, name="mine")
    engine.start_runner()
    child = os.fork()
    if child == 0:
        engine.feed_event({"status": "CREATION_SUCCESS", "account_id": "a"})
        engine.close()
        os._exit(0 if len(called) == 1 else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run([sys.executable, "-c", program, file_url], capture_output=True, text=True, check=True)
    assert ran.stdout == "0\n"
