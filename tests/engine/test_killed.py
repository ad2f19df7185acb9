"""A process that feeds is killed at any moment: nothing that it had told as fed is lost, and the next one goes on."""

import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from account_lifecycle import Engine, read_log
from account_lifecycle.lifecycle.events import DeadlinePassed
from engine.event_logs import feed_live, long_log, outcome

FEEDER = Path(__file__).with_name("feeder.py")
LENGTH = 600


def feed_until_killed(url: str, log: Path, first: int, batch_size: int, random: Random) -> int:
    """Feed from a line on, kill the process somewhere; how many lines it had told as fed."""
    command = [sys.executable, str(FEEDER), url, str(log), str(first), str(batch_size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = sum(bool(process.stdout.readline()) for _ in range(random.randrange(1, 90)))
        time.sleep(random.random() / 1000)  # anywhere within what it does for the next one
        process.kill()
        return told + sum(line.endswith(b"\n") for line in process.stdout)


def kept_in(url: str) -> int:
    """How many lines of the log the file holds."""
    with Engine.open(url, observers=()) as engine:
        lines = [entry for entry in engine.store.ledger() if not isinstance(entry.event, DeadlinePassed)]
        return len(lines) + len(engine.quarantine())


def uninterrupted(lines: list[bytes]) -> dict[str, object]:
    with Engine.open("memory:", observers=()) as engine:
        feed_live(engine, read_log(lines))
        return outcome(engine)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_feed_that_is_killed_and_taken_up_again_comes_to_the_same(tmp_path: Path, file_url: str, seed: int) -> None:
    random, log, lines = Random(seed), tmp_path / "log.jsonl", long_log(seed, LENGTH)
    log.write_bytes(b"".join(lines))
    kept = 0
    for _ in range(3):
        told = feed_until_killed(file_url, log, kept, 0, random)
        before, kept = kept, kept_in(file_url)
        assert before + told <= kept <= LENGTH
    with Engine.open(file_url, observers=()) as engine:
        feed_live(engine, read_log(lines[kept:]))
        assert outcome(engine) == uninterrupted(lines)


def test_a_batch_feed_that_is_killed_leaves_whole_batches(tmp_path: Path, file_url: str) -> None:
    random, log = Random(3), tmp_path / "log.jsonl"
    lines = [line for number, line in enumerate(long_log(3, LENGTH)) if number % 10]
    log.write_bytes(b"".join(lines))
    feed_until_killed(file_url, log, 0, 9, random)
    kept = kept_in(file_url)
    assert kept % 9 == 0
    with Engine.open(file_url, observers=()) as engine:
        feed_live(engine, read_log(lines[kept:]))
        assert outcome(engine) == uninterrupted(lines)
