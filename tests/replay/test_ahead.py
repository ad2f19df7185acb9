"""Reading ahead: the same items in the same order, and a reader that waits keeps nobody from leaving."""

import os
import subprocess
import sys
from collections.abc import Iterator
from threading import Event, active_count

import pytest

from account_lifecycle.replay.ahead import read_ahead


def counted(until: int, broken_at: int | None = None) -> Iterator[int]:
    for number in range(until):
        if number == broken_at:
            raise ValueError(f"broken at {number}")
        yield number


@pytest.mark.parametrize("length", [0, 1, 2, 3, 100])
def test_every_item_comes_in_its_order(length: int) -> None:
    assert list(read_ahead(counted(length))) == list(range(length))


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    is_made = Event()

    def items() -> Iterator[int]:
        yield 1
        is_made.set()
        yield 2

    for item in read_ahead(items()):
        assert item == 2 or is_made.wait(10)


def test_an_error_comes_in_the_place_of_the_item_that_it_broke() -> None:
    items = read_ahead(counted(5, broken_at=3))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="broken at 3"):
        next(items)


def test_whoever_leaves_early_is_not_followed() -> None:
    before = active_count()
    left = read_ahead(counted(10**9))
    assert next(left) == 0
    del left
    for _ in range(100):
        if active_count() == before:
            break
        Event().wait(0.05)
    assert active_count() == before


def test_a_reader_that_waits_for_a_terminal_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import os, sys\n"
        "from account_lifecycle.replay.ahead import read_ahead\n"
        "def lines():\n"
        "    yield 1\n"
        "    yield os.read(0, 1)\n"
        "print(next(read_ahead(lines())), flush=True)\n"
    )
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], stdin=reading, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
