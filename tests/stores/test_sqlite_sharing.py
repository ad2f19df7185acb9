"""One SQLite file among threads, processes and forks: each waits for its turn, and nothing is lost or written twice."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Event as Flag
from time import sleep

import apsw
import pytest

from account_lifecycle import StoreError
from account_lifecycle.errors import StoreBusy, StoreFull
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.records import AccountFilter, DeliveryFilter, Refused
from account_lifecycle.stores.rows import Row
from account_lifecycle.stores.sqlite import SQLiteStore, connection, ledger
from account_lifecycle.stores.sqlite.file_lock import FileLock
from account_lifecycle.stores.sqlite.ledger import load
from account_lifecycle.stores.sqlite.snapshots import MOST_IDLE
from account_lifecycle.verify.record import verify
from builders import T0, announced, as_it_is
from stores.hooks import hook
from stores.test_sqlite_processes import Rival


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    yield store
    store.close()


@contextmanager
def commits_of(store: SQLiteStore) -> Iterator[list[int]]:
    """How many transactions the store commits: one entry for each."""
    commits: list[int] = []
    assert store._db is not None
    store._db.set_commit_hook(lambda: bool(commits.append(1)))
    yield commits
    store._db.set_commit_hook(None)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The accounts that feeds read from the file, as they are read."""
    read: list[list[str]] = []

    def noting(db: apsw.Connection, account_ids: Iterable[str]) -> list[Row]:
        read.append(sorted(account_ids))
        return load(db, account_ids)

    monkeypatch.setattr(ledger, "load", noting)
    return read


@pytest.mark.parametrize("limit", ["REMEMBERED_ACCOUNTS", "REMEMBERED_CHARACTERS"])
def test_accounts_are_at_hand_up_to_either_limit(
    store: SQLiteStore, read: list[list[str]], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(ledger, limit, 1)
    for minute, account_id in enumerate("abca"):
        store.advance([announced(account_id, "OK", minute)], as_it_is)
    assert read == [["a"], ["b"], ["c"], ["a"]]


def test_accounts_at_hand_are_read_once_and_anew_once_somebody_else_has_written(
    path: Path, store: SQLiteStore, read: list[list[str]]
) -> None:
    for minute, account_id in enumerate("abcab"):
        store.advance([announced(account_id, "OK", minute)], as_it_is)
    assert read == [["a"], ["b"], ["c"]]

    with closing(SQLiteStore(path)) as other:
        other.advance([announced("a", "ERROR", 9)], as_it_is)
    read.clear()
    for minute, account_id in enumerate("abab", 10):
        store.advance([announced(account_id, "OK", minute)], as_it_is)
    assert read == [["a"], ["b"]]


class Waiting:
    """A first event whose judging waits until so many other requests are queued."""

    def __init__(self, store: SQLiteStore, others: int) -> None:
        self._store, self._others = store, others
        self.has_begun = Flag()

    def __call__(self, account: Account, event: Event) -> Decision:
        self.has_begun.set()
        while len(self._store._group._waiting) < self._others:
            sleep(0.001)
        return [decide(account, event)]


def broken(account: Account, event: Event) -> list[Decision]:
    raise ValueError("broken")


def together(store: SQLiteStore, *requests: Callable[[], object]) -> list[object]:
    """Make these requests while another is being written; what each returned or raised."""
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        step = Waiting(store, len(requests))
        first = pool.submit(store.advance, [announced("first", "OK")], step)
        assert step.has_begun.wait(10)
        asked = [pool.submit(request) for request in requests]
        assert first.result(10)[0].sequence == 1
        return [future.exception(10) or future.result(10) for future in asked]


# ---- Threads -------------------------------------------------------------------------------------------


def test_what_waited_together_is_one_transaction(store: SQLiteStore) -> None:
    with commits_of(store) as commits:
        found = together(
            store,
            *[lambda n=n: store.advance([announced("shared", "OK", n)], as_it_is)[0].sequence for n in range(5)],
            lambda: store.quarantine([Refused(T0, b"x", 1, "payload", "because")]),
            lambda: store.subscribe([hook()], T0),
        )
    assert len(commits) == 2
    assert sorted(found[:5]) == [1, 2, 3, 4, 5]
    assert found[5:] == [[1], None]
    assert verify(store).is_intact


def test_a_request_that_fails_among_others_fails_alone(store: SQLiteStore) -> None:
    with commits_of(store) as commits:
        found = together(
            store,
            lambda: store.advance([announced("a", "OK")], as_it_is)[0].sequence,
            lambda: store.advance([announced("a", "ERROR"), announced("b", "OK")], broken),
            lambda: store.advance([announced("a", "OK")], as_it_is, releasing=[7]),
            lambda: store.advance([announced("a", "STOPPED")], as_it_is)[0].sequence,
        )
    assert len(commits) == 2
    assert sorted([found[0], found[3]]) == [1, 2]
    assert str(found[1]) == "broken"
    assert "no number 7 in the quarantine" in str(found[2])
    assert store.account("b") is None
    assert verify(store).is_intact


def test_a_request_that_sqlite_refuses_is_the_only_one_that_is_refused(store: SQLiteStore) -> None:
    found = together(
        store,
        lambda: store.advance([announced("a", "OK")], as_it_is)[0].sequence,
        lambda: store.advance([announced("half a character: \ud800", "OK")], as_it_is),
        lambda: store.advance([announced("b", "OK")], as_it_is)[0].sequence,
    )
    assert (found[0], found[2]) == (1, 1)
    assert isinstance(found[1], UnicodeEncodeError)
    assert verify(store).is_intact


def test_an_id_that_no_file_can_hold_is_not_there(store: SQLiteStore) -> None:
    store.advance([announced("a", "OK")], as_it_is)
    assert store.account("\ud800") is None
    assert list(store.history("\ud800")) == []
    assert list(store.accounts(AccountFilter(provider="\ud800"))) == []


def test_nobody_can_write_in_the_middle_of_a_step(store: SQLiteStore) -> None:
    def step(account: Account, event: Event) -> list[Decision]:
        store.quarantine([])
        return [decide(account, event)]

    with pytest.raises(StoreError, match="from within a step"):
        store.advance([announced("a", "OK")], step)
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1


def test_what_was_interrupted_right_after_its_commit_is_known_to_be_kept(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next event would be judged from an account as it was before."""

    class Interrupting:
        def __init__(self, db: apsw.Connection) -> None:
            self._db = db

        def execute(self, sql: str, *bindings: object) -> apsw.Cursor:
            cursor = self._db.execute(sql, *bindings)  # type: ignore[arg-type]
            if sql == "COMMIT":
                raise KeyboardInterrupt
            return cursor

        def __getattr__(self, name: str) -> object:
            return getattr(self._db, name)

    store.advance([announced("a", "OK")], as_it_is)
    with monkeypatch.context() as interrupted:
        interrupted.setattr(store, "_db", Interrupting(store._db))  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            store.advance([announced("a", "ERROR")], as_it_is)
    assert [entry.sequence for entry in store.history("a")] == [1, 2]
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 3
    assert verify(store).is_intact


READS: dict[str, Callable[[SQLiteStore], object]] = {
    "account": lambda store: store.account("a"),
    "accounts_by_id": lambda store: store.accounts_by_id(["a", "b"]),
    "accounts": lambda store: list(store.accounts(AccountFilter())),
    "history": lambda store: list(store.history("a")),
    "head": SQLiteStore.head,
    "links": lambda store: list(store.links()),
    "segments": SQLiteStore.segments,
    "subscribed": SQLiteStore.subscribed,
    "waiting_effects": SQLiteStore.waiting_effects,
    "expired": lambda store: store.expired(T0, 9),
    "claim, when there is nothing to do": lambda store: store.claim(["hook"], T0, T0, 9),
    "deliveries": lambda store: list(store.deliveries(DeliveryFilter())),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reading_waits_for_nobody_who_writes(store: SQLiteStore, read: Callable[[SQLiteStore], object]) -> None:
    begun, may_end = Flag(), Flag()

    def step(account: Account, event: Event) -> list[Decision]:
        begun.set()
        assert may_end.wait(10), "the reader waits for the one that writes"
        return [decide(account, event)]

    store.advance([announced("a", "OK")], as_it_is)
    with ThreadPoolExecutor(1) as pool:
        fed = pool.submit(store.advance, [announced("a", "ERROR")], step)
        assert begun.wait(10)
        read(store)
        may_end.set()
        assert fed.result(10)[0].sequence == 2
    account = store.account("a")
    assert account is not None
    assert account.sequence == 2


def test_readers_leave_no_connections_behind(store: SQLiteStore) -> None:
    store.advance([announced("a", "OK")], as_it_is)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: (store.account("a"), list(store.history("a"))), range(200)))
    assert len(store._snapshots._reading) == 0
    assert len(store._snapshots._idle) <= MOST_IDLE
    store.close()
    assert store._snapshots._idle == []


# ---- Processes -----------------------------------------------------------------------------------------


def test_four_processes_feed_one_file_and_every_event_has_its_place(path: Path) -> None:
    with ExitStack() as stack:
        rivals = [stack.enter_context(Rival()) for _ in range(4)]
        for rival in rivals:
            rival.order(path, events=50)
        sequences = [number for rival in rivals for number in rival.answer()["sequences"]]
    assert sorted(sequences) == list(range(1, 201))
    store = SQLiteStore(path)
    assert verify(store).is_intact
    store.close()


def test_a_file_that_others_keep_writing_is_told_to_be_busy_and_serves_again(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 30)
    with Rival() as rival:
        rival.order(path, hold=True)
        assert rival.answer() == {"holds": True}
        with pytest.raises(StoreBusy, match=r"another process has been writing .* Feed the same again") as caught:
            store.advance([announced("a", "OK")], as_it_is)
        assert str(path) in str(caught.value)
        assert store.account("a") is None
        rival.order(path)
        assert rival.answer() == {"holds": False}
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1


def test_a_lock_is_free_again_when_its_process_is_killed(path: Path, store: SQLiteStore) -> None:
    with Rival() as rival:
        rival.order(path, hold=True)
        assert rival.answer() == {"holds": True}
        rival.process.kill()
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1


def test_whoever_waits_goes_before_the_one_that_has_just_written(path: Path) -> None:
    """With one lock alone, a process that writes again at once would find it free before anybody wakes."""
    store, waiting, turns = SQLiteStore(path), Flag(), []
    with Rival() as rival:
        rival.order(path, events=1, account_id="theirs")
        rival.answer()
        with FileLock(path).held(10):
            rival.order(path, events=5, account_id="theirs")
            waiting.wait(0.3)  # it opens the file and stands in line
        for n in range(200):
            turns.append(store.advance([announced("ours", "OK", n)], as_it_is)[0].sequence)
            if len(list(store.history("theirs"))) == 6:
                break
        rival.answer()
    assert len(turns) < 200
    store.close()


# ---- Forks ---------------------------------------------------------------------------------------------


def in_child(act: Callable[[], object]) -> int:
    """Do something in a child of this process; its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of POSIX")


@needs_fork
def test_a_store_may_be_carried_through_a_fork_and_both_write(store: SQLiteStore) -> None:
    def feed() -> None:
        for n in range(20):
            store.advance([announced("child", "OK", n)], as_it_is)
        store.close()

    store.advance([announced("shared", "OK")], as_it_is)
    assert in_child(feed) == 0
    for n in range(20):
        store.advance([announced("parent", "OK", n)], as_it_is)
    assert in_child(lambda: store.advance([announced("shared", "ERROR")], as_it_is)) == 0
    assert store.advance([announced("shared", "OK")], as_it_is)[0].sequence == 3
    assert verify(store).is_intact


@needs_fork
def test_a_fork_waits_for_the_transaction_of_another_thread(store: SQLiteStore) -> None:
    begun, may_end = Flag(), Flag()

    def slow(account: Account, event: Event) -> list[Decision]:
        begun.set()
        may_end.wait(0.2)
        return [decide(account, event)]

    with ThreadPoolExecutor(1) as pool:
        fed = pool.submit(store.advance, [announced("a", "OK")], slow)
        assert begun.wait(10)
        assert in_child(lambda: store.advance([announced("a", "ERROR")], as_it_is)) == 0
        assert fed.result(10)[0].sequence == 1
    assert [entry.sequence for entry in store.history("a")] == [1, 2]


@needs_fork
def test_who_reads_during_a_fork_reads_on_in_both(store: SQLiteStore) -> None:
    store.advance([announced("a", word, n) for n, word in enumerate(["OK", "ERROR", "OK"])], as_it_is)
    entries = store.history("a")
    assert next(entries).sequence == 1

    def read_on() -> None:
        assert [entry.sequence for entry in entries] == [2, 3]
        assert store.advance([announced("a", "ERROR")], as_it_is)[0].sequence == 4

    assert in_child(read_on) == 0
    assert [entry.sequence for entry in entries] == [2, 3]
    assert verify(store).is_intact


@needs_fork
def test_a_fork_in_the_midst_of_reading_and_writing_waits_its_turn_and_no_longer(store: SQLiteStore) -> None:
    """No connection of another thread crosses it, and both sides go on."""
    is_over = Flag()

    def work(name: str) -> None:
        while not is_over.is_set():
            store.advance([announced(name, "OK")], as_it_is)
            store.account(name)
            list(store.history(name))

    def act() -> None:
        assert store._snapshots._reading == set()
        assert store.advance([announced("child", "OK")], as_it_is)[0].sequence

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(work, name) for name in "abcd"]
        try:
            assert [in_child(act) for _ in range(5)] == [0] * 5
        finally:
            is_over.set()
        assert [thread.exception(10) for thread in threads] == [None] * 4
    assert len(list(store.history("child"))) == 5
    assert verify(store).is_intact


@needs_fork
def test_a_fork_in_the_middle_of_a_step_leaves_the_child_a_store_that_says_so(store: SQLiteStore) -> None:
    statuses: list[int] = []

    def fail() -> None:
        with pytest.raises(StoreError, match="forked in the middle"):
            store.account("a")

    def step(account: Account, event: Event) -> list[Decision]:
        statuses.append(in_child(fail))
        return [decide(account, event)]

    assert store.advance([announced("a", "OK")], step)[0].sequence == 1
    assert statuses == [0]
    assert verify(store).is_intact


# ---- No room -------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_as_such_and_writing_goes_on_when_there_is_room(store: SQLiteStore) -> None:
    store.advance([announced("a", "OK")], as_it_is)
    assert store._db is not None
    store._db.execute("PRAGMA max_page_count = 1").fetchall()
    big = [announced("a", "ERROR", n, payload=b"x" * 60_000) for n in range(10)]
    with pytest.raises(StoreFull, match="the disk is full; nothing of this call was kept"):
        store.advance(big, as_it_is)
    before = list(store.history("a"))
    store._db.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert store.advance([announced("a", "OK", 5000)], as_it_is)[0].sequence == len(before) + 1
    assert verify(store).is_intact


def test_a_lock_file_that_cannot_be_made_is_told(path: Path, store: SQLiteStore) -> None:
    store._file_lock.close()
    path.with_name("accounts.db-lock").unlink()
    path.with_name("accounts.db-lock").mkdir()
    with pytest.raises(StoreError, match="the file's lock cannot be had"):
        store.advance([announced("a", "OK")], as_it_is)
    path.with_name("accounts.db-lock").rmdir()
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1
