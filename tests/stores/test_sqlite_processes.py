"""Several processes on one SQLite file: they open it and write to it at the same time, and nobody is the loser."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Timer

import apsw
import pytest

from account_lifecycle import StoreError
from account_lifecycle.stores.sqlite import SQLiteStore, connection
from builders import announced, as_it_is

TESTS = Path(__file__).parents[1]


class Rival:
    """Another process that does as it is told."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("rival.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    def __enter__(self) -> "Rival":
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate()

    def order(self, path: Path, events: int = 0, **more: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"path": str(path), "events": events, **more}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, list[int]]:
        assert self.process.stdout is not None
        answer: dict[str, list[int]] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def rivals() -> Iterator[list[Rival]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Rival()) for _ in range(2)]


def test_two_processes_may_make_a_file_at_once(tmp_path: Path, rivals: list[Rival]) -> None:
    for number in range(40):
        for rival in rivals:
            rival.order(tmp_path / f"{number}.db")
        assert [rival.answer() for rival in rivals] == [{"sequences": []}] * 2


def test_two_processes_may_write_at_once_and_every_event_gets_a_number_of_its_own(
    tmp_path: Path, rivals: list[Rival]
) -> None:
    path = tmp_path / "accounts.db"
    for rival in rivals:
        rival.order(path, events=100)
    first, second = (rival.answer()["sequences"] for rival in rivals)
    assert sorted(first + second) == list(range(1, 201))
    store = SQLiteStore(path)
    assert [entry.sequence for entry in store.history("shared")] == list(range(1, 201))
    store.close()


def test_a_process_that_opens_a_new_file_waits_for_another_that_is_writing_it(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    over = Timer(0.1, lambda: other.execute("COMMIT"))
    over.start()
    try:
        SQLiteStore(path).close()
    finally:
        over.join()
        other.close()


def test_a_file_may_be_made_by_another_process_at_any_moment_of_opening_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two statements of one that opens a new file, another opens it from start to end."""
    moment = 0
    while _opens_with_a_rival_at(moment, tmp_path / f"{moment}.db", monkeypatch):
        moment += 1
    assert moment > 3


def _opens_with_a_rival_at(moment: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Open a new file, with a rival before the statement of that number; False when there is none."""
    statements = 0

    def trace(cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        nonlocal statements
        statements += 1
        if statements == moment + 1:
            with monkeypatch.context() as impatient:  # it must not wait for one that waits for it
                impatient.setattr(connection, "BUSY_TIMEOUT_MS", 1)
                apsw.connection_hooks.remove(watch)
                _open_if_possible(path)
        return True

    def watch(db: apsw.Connection) -> None:
        db.exec_trace = trace

    apsw.connection_hooks.append(watch)
    try:
        store = SQLiteStore(path)
    finally:
        if watch in apsw.connection_hooks:
            apsw.connection_hooks.remove(watch)
    store.close()
    store = SQLiteStore(path)
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1
    store.close()
    return statements > moment


def _open_if_possible(path: Path) -> None:
    try:
        SQLiteStore(path).close()
    except StoreError as error:
        assert "another process has been writing" in str(error)  # noqa: PT017
