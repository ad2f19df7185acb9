"""Group commit: who waits together is written together, and only the one at fault is told of an error."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from time import sleep

import pytest

from account_lifecycle.errors import StoreBusy, StoreError
from account_lifecycle.stores.commit_group import CommitGroup, Turn

Turns = Sequence[Turn[str, str]]


class Ledger:
    """Writes words, the first time not before it is told to; some words are poison for whatever they come with."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = Event(), Event()
        self.written: list[list[str]] = []
        self.error: BaseException = ValueError("poison")
        self.group = CommitGroup(self.write)

    def write(self, turns: Turns) -> None:
        self.begun.set()
        assert self.may_go_on.wait(10)
        words = [turn.asked for turn in turns]
        if "poison" in words:
            raise self.error
        self.written.append(words)
        for turn in turns:
            if turn.asked == "refused":
                turn.refuse(KeyError("refused"))
            else:
                turn.give(turn.asked.upper())

    def ask_together(self, pool: ThreadPoolExecutor, *words: str) -> list[Future[str]]:
        """Have a first word written, and meanwhile all these wait."""
        first = pool.submit(self.group.ask, "first")
        assert self.begun.wait(10)
        asked = [pool.submit(self.group.ask, word) for word in words]
        while len(self.group._waiting) < len(words):
            sleep(0.001)
        self.may_go_on.set()
        assert first.result(10) == "FIRST"
        return asked


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_one_who_is_alone_is_written_alone(ledger: Ledger) -> None:
    ledger.may_go_on.set()
    assert [ledger.group.ask(word) for word in ("a", "b")] == ["A", "B"]
    assert ledger.written == [["a"], ["b"]]


def test_those_who_waited_together_are_written_at_once_and_each_gets_its_own(ledger: Ledger) -> None:
    words = list("abcdef")
    with ThreadPoolExecutor(7) as pool:
        asked = ledger.ask_together(pool, *words)
        assert [future.result(10) for future in asked] == [word.upper() for word in words]
    assert [sorted(together) for together in ledger.written] == [["first"], words]


def test_one_that_is_refused_does_not_trouble_the_others(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        good, bad, fine = ledger.ask_together(pool, "good", "refused", "fine")
        assert (good.result(10), fine.result(10)) == ("GOOD", "FINE")
        with pytest.raises(KeyError, match="refused"):
            bad.result(10)
    assert len(ledger.written) == 2


def test_if_writing_together_fails_each_is_written_by_itself(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        good, bad, fine = ledger.ask_together(pool, "good", "poison", "fine")
        assert (good.result(10), fine.result(10)) == ("GOOD", "FINE")
        with pytest.raises(ValueError, match="poison"):
            bad.result(10)
    assert sorted(map(tuple, ledger.written)) == [("fine",), ("first",), ("good",)]


def test_if_it_is_too_busy_everybody_is_told_at_once(ledger: Ledger) -> None:
    ledger.error = StoreBusy("busy")
    with ThreadPoolExecutor(4) as pool:
        asked = ledger.ask_together(pool, "good", "poison", "fine")
        assert [str(future.exception(10)) for future in asked] == ["busy"] * 3
    assert ledger.written == [["first"]]


def test_an_interrupt_hits_the_thread_that_writes_and_the_others_go_on(ledger: Ledger) -> None:
    ledger.error = KeyboardInterrupt()
    with ThreadPoolExecutor(4) as pool:
        asked = ledger.ask_together(pool, "good", "poison", "fine")
        errors = [future.exception(10) for future in asked]
    assert any(isinstance(error, KeyboardInterrupt) for error in errors)
    written = [word for words in ledger.written for word in words]
    assert len(written) == len(set(written)) == 1 + errors.count(None)
    assert ledger.group.ask("after") == "AFTER"


def test_who_has_the_store_to_itself_keeps_the_others_waiting(ledger: Ledger) -> None:
    ledger.may_go_on.set()
    with ThreadPoolExecutor(1) as pool:
        with ledger.group.alone(), ledger.group.alone():
            asked = pool.submit(ledger.group.ask, "a")
            while not ledger.group._waiting:
                sleep(0.001)
            assert ledger.written == []
        assert asked.result(10) == "A"


def test_writing_from_within_is_refused_rather_than_waited_for_for_ever(ledger: Ledger) -> None:
    with ledger.group.alone(), pytest.raises(StoreError, match="from within a step"):
        ledger.group.ask("a")
    ledger.may_go_on.set()
    assert ledger.group.ask("b") == "B"


def test_a_child_of_a_fork_begins_anew(ledger: Ledger) -> None:
    ledger.may_go_on.set()
    with ledger.group.alone():
        ledger.group.renew()
        assert ledger.group.ask("a") == "A"


def test_one_who_asks_again_at_once_stands_behind_those_who_wait(ledger: Ledger) -> None:
    ledger.may_go_on.set()
    seen: list[list[list[str]]] = []

    def ask_twice() -> None:
        ledger.group.ask("a")
        ledger.group.ask("again")

    def look() -> None:
        with ledger.group.alone():
            seen.append(list(ledger.written))

    with ThreadPoolExecutor(3) as pool, ledger.group.alone():
        for number, act in enumerate((ask_twice, look, lambda: ledger.group.ask("b")), 1):
            pool.submit(act)
            while len(ledger.group._waiting) < number:
                sleep(0.001)
    assert [[sorted(words) for words in written] for written in seen] == [[["a", "b"]]]
    assert ledger.written[1:] == [["again"]]


def test_threads_that_ask_in_a_loop_keep_nobody_out(ledger: Ledger) -> None:
    ledger.may_go_on.set()
    is_over = Event()

    def ask_on() -> None:
        while not is_over.is_set():
            ledger.group.ask("a")

    with ThreadPoolExecutor(9) as pool:
        for _ in range(8):
            pool.submit(ask_on)
        assert ledger.begun.wait(10)
        before = len(ledger.written)
        for _ in range(20):
            pool.submit(ledger.group.ask, "b").result(10)
            with ledger.group.alone():
                pass
        turns = len(ledger.written) - before
        is_over.set()
    assert turns < 20 * 100  # each waits for a few transactions; more go by while this thread is not asking


def test_an_interrupted_leader_leaves_nobody_asleep(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interrupt comes after the requests of all were taken, and before any of them is written."""
    ledger.may_go_on.set()
    write, interrupts = ledger.group._write, [KeyboardInterrupt()]

    def interrupted(turns: Turns) -> None:
        if len(turns) > 1 and interrupts:
            raise interrupts.pop()
        write(turns)

    monkeypatch.setattr(ledger.group, "_write", interrupted)
    with ThreadPoolExecutor(3) as pool:
        with ledger.group.alone():
            asked = [pool.submit(ledger.group.ask, word) for word in "abc"]
            while len(ledger.group._waiting) < 3:
                sleep(0.001)
        errors = [future.exception(10) for future in asked]
    assert sorted(type(error).__name__ for error in errors) == ["KeyboardInterrupt", "NoneType", "NoneType"]
    assert len(ledger.written) == 2
