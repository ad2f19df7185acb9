"""The SQLite file itself: its settings, its marks, what is refused and how every trouble is told."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from account_lifecycle import StoreError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.records import AccountFilter, AuditFilter, DeliveryFilter, Refused
from account_lifecycle.stores.sqlite import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    SQLiteStore,
    TemporaryStore,
    check_library,
    connection,
    ledger,
)
from builders import T0, announced, as_it_is, at
from stores.hooks import back_off, claim, complete, hook, planned
from stores.ledger_contract import everything_in
from stores.scenarios import events_with_every_anomaly, events_with_every_window

NOBODY = 65_534
"""The user who may do nothing; permissions do not bind the superuser."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


@pytest.fixture
def connections() -> Iterator[list[apsw.Connection]]:
    """Every connection that is opened from now on."""
    opened: list[apsw.Connection] = []
    remember = opened.append
    apsw.connection_hooks.append(remember)
    yield opened
    apsw.connection_hooks.remove(remember)


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What SQLite says about a file, asked past the store."""
    db = apsw.Connection(str(path))
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def a_full_file(path: Path) -> list[object]:
    """A file with something in every table; all that it shows."""
    store = SQLiteStore(path)
    store.advance([*events_with_every_anomaly(), *events_with_every_window()], as_it_is)
    store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
    planned(store, hook("mail"), hook("page"))
    store.advance([announced("late", "ERROR", 200)], as_it_is)
    first, second, *_ = claim(store)
    complete(store, first)
    back_off(store, second, at(30))
    shown = everything_in(store)
    store.close()
    return shown


@contextmanager
def told_in_one_sentence(path: Path, words: str) -> Iterator[None]:
    """Refused with a ``StoreError`` that a person can read: one line, with the file's name and these words."""
    with pytest.raises(StoreError) as caught:
        yield
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message


# ---- A file of ours ----------------------------------------------------------------------------------


def test_commits_are_logged_ahead_and_synced_and_wait_for_other_writers(
    path: Path, connections: list[apsw.Connection]
) -> None:
    SQLiteStore(path)
    (db,) = connections
    found = [db.execute(f"PRAGMA {name}").fetchall() for name in ("journal_mode", "synchronous", "busy_timeout")]
    full = 2
    assert found == [[("wal",)], [(full,)], [(10_000,)]]


def test_a_file_is_marked_as_ours_with_its_schema_version(path: Path) -> None:
    SQLiteStore(path).close()
    assert ask(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert ask(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_every_table_is_strict(path: Path) -> None:
    SQLiteStore(path).close()
    tables = ask(path, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'")
    assert len(tables) >= 7
    assert [name for name, is_strict in tables if not is_strict] == []


def test_everything_is_there_after_the_file_is_closed_and_opened_again(path: Path) -> None:
    shown = a_full_file(path)
    store = SQLiteStore(path)
    assert everything_in(store) == shown
    store.close()


def test_numbers_go_on_where_they_were_after_the_file_is_opened_again(path: Path) -> None:
    a_full_file(path)
    store = SQLiteStore(path)
    decisions = store.advance([announced("late", "OK", 9000)], as_it_is)
    assert decisions[0].sequence == len(list(store.history("late")))
    assert list(store.ledger())[-1].event == decisions[0].event
    assert store.quarantine([Refused(T0, b"y", 1, "payload", "because")]) == [2]
    store.close()


def test_a_store_keeps_to_its_file_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore(Path("accounts.db"))
    store.advance([announced("a", "OK")], as_it_is)
    monkeypatch.chdir(elsewhere)
    assert [account.account_id for account in store.accounts(AccountFilter())] == ["a"]
    assert list(elsewhere.iterdir()) == []
    store.close()


def test_reading_never_makes_a_new_file(path: Path) -> None:
    store = SQLiteStore(path)
    path.unlink()
    with told_in_one_sentence(path, "cannot be opened"):
        list(store.ledger())
    assert not path.exists()
    store.close()


# ---- What is refused ---------------------------------------------------------------------------------


def foreign_with_tables(path: Path) -> None:
    ask(path, "PRAGMA application_id = 77; CREATE TABLE theirs (x)")


def foreign_without_tables(path: Path) -> None:
    ask(path, "PRAGMA application_id = 77")


def tables_of_nobody(path: Path) -> None:
    ask(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")


def text(path: Path) -> None:
    path.write_text("Dear diary, " * 100)


def of_another_version(path: Path) -> None:
    SQLiteStore(path).close()
    ask(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def test_a_file_that_another_version_changes_meanwhile_is_noticed(path: Path) -> None:
    store = SQLiteStore(path)
    ask(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match=f"schema version {SCHEMA_VERSION + 1}"):
        store.check_schema()
    store.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign_with_tables, "another program"),
        (foreign_without_tables, "another program"),
        (tables_of_nobody, "another program"),
        (text, "not a SQLite file"),
        (of_another_version, f"has schema version {SCHEMA_VERSION + 1}, but"),
    ],
)
def test_a_file_that_is_not_for_us_is_refused_and_left_as_it_is(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(path)
    before = path.read_bytes()
    with told_in_one_sentence(path, words):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "accounts.db"
    with told_in_one_sentence(path, "Check that its folder exists"):
        SQLiteStore(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with told_in_one_sentence(tmp_path, "cannot be opened"):
        SQLiteStore(tmp_path)


@pytest.fixture
def unprivileged_folder() -> Iterator[Path]:
    """A folder of a user who is bound by permissions, as whom the test runs."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions are those of POSIX")
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if user == 0:
            os.chown(folder, NOBODY, -1)
            os.seteuid(NOBODY)
        yield folder
        os.seteuid(user)
        folder.chmod(0o700)


def test_a_file_that_may_only_be_read_is_told_when_something_is_to_be_written(unprivileged_folder: Path) -> None:
    path = unprivileged_folder / "accounts.db"
    SQLiteStore(path).close()
    path.chmod(0o400)
    store = SQLiteStore(path)
    with told_in_one_sentence(path, "may not be written"):
        store.advance([announced("a", "OK")], as_it_is)
    assert store.account("a") is None
    store.close()


def test_an_empty_file_that_may_only_be_read_is_told_at_once(unprivileged_folder: Path) -> None:
    path = unprivileged_folder / "accounts.db"
    path.touch(0o400)
    with told_in_one_sentence(path, "may not be written"):
        SQLiteStore(path)


def test_a_folder_that_may_not_be_written_is_told(unprivileged_folder: Path) -> None:
    unprivileged_folder.chmod(0o500)
    path = unprivileged_folder / "accounts.db"
    with told_in_one_sentence(path, "cannot be opened or made"):
        SQLiteStore(path)


# ---- SQLite's own version -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "version", ["3.7.17", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.0", "3.51.2", "3.51", "3.49.99"]
)
def test_a_sqlite_that_can_lose_commits_is_refused(version: str) -> None:
    with pytest.raises(StoreError, match=f"SQLite {version} can lose committed events .* Install apsw"):
        check_library(version)


@pytest.mark.parametrize(
    "version", ["3.44.6", "3.44.7", "3.50.7", "3.50.10", "3.51.3", "3.51.10", "3.52.0", "3.100.0", "4.0.0"]
)
def test_a_sqlite_in_which_that_is_mended_serves(version: str) -> None:
    check_library(version)


def test_no_file_is_touched_by_a_sqlite_that_can_lose_commits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.50.6")
    with pytest.raises(StoreError, match=r"SQLite 3\.50\.6"):
        SQLiteStore(path)
    assert not path.exists()


# ---- The schema ----------------------------------------------------------------------------------------


def test_a_new_file_whose_tables_could_not_be_made_can_be_made_by_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(connection, "schema_script", lambda _: "CREATE TABLE account (x); NONSENSE")
        with told_in_one_sentence(path, "NONSENSE"):
            SQLiteStore(path)
    a_full_file(path)


# ---- A temporary file -----------------------------------------------------------------------------------


def test_a_temporary_store_is_gone_when_it_is_closed() -> None:
    store = TemporaryStore()
    store.advance([announced("a", "OK")], as_it_is)
    assert store.path.exists()
    for _ in range(2):
        store.close()
        assert not store.path.parent.exists()


def test_a_temporary_store_that_nobody_closed_is_gone_with_its_object() -> None:
    store = TemporaryStore()
    store.advance([announced("a", "OK")], as_it_is)
    folder = store.path.parent
    del store
    gc.collect()
    assert not folder.exists()


def test_a_temporary_store_that_nobody_closed_is_gone_with_its_interpreter() -> None:
    program = (
        "from account_lifecycle.stores.sqlite import TemporaryStore; store = TemporaryStore(); print(store.path.parent)"
    )
    folder = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert folder
    assert not Path(folder).exists()


def test_a_forked_child_shares_a_temporary_store_and_never_removes_it() -> None:
    store = TemporaryStore()
    store.advance([announced("a", "OK")], as_it_is)
    child = os.fork()
    if child == 0:
        try:
            store.advance([announced("a", "ERROR", 1)], as_it_is)
            store.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert [entry.sequence for entry in store.history("a")] == [1, 2]
    store.close()


# ---- Trouble later on ------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[SQLiteStore], object]] = {
    "advance": lambda store: store.advance([announced("a", "OK", 9)], as_it_is),
    "quarantine": lambda store: store.quarantine([Refused(T0, b"", 0, "payload", "because")]),
    "account": lambda store: store.account("a"),
    "accounts": lambda store: list(store.accounts(AccountFilter())),
    "history": lambda store: list(store.history("a")),
    "ledger": lambda store: list(store.ledger()),
    "audit": lambda store: list(store.audit(AuditFilter())),
    "quarantined": lambda store: list(store.quarantined()),
    "blind_windows": lambda store: list(store.blind_windows(None, open_only=False)),
    "due": lambda store: list(store.due(at(0))),
    "redate": lambda store: store.redate(DEFAULT_POLICY, at(0)),
    "accounts_by_id": lambda store: store.accounts_by_id(["a"]),
    "evidence": lambda store: list(store.evidence()),
    "faults": lambda store: list(store.faults()),
    "segments": lambda store: store.segments(),
    "head": lambda store: store.head(),
    "erase": lambda store: store.erase("nobody", T0),
    "backup": lambda store: store.backup(store.path.with_name("copy.db")),
    "subscribe": lambda store: store.subscribe([hook("another")], T0),
    "subscribed": lambda store: store.subscribed(),
    "plan": lambda store: store.plan(T0, 1),
    "claim": lambda store: store.claim(["mail"], T0, T0, 0),
    "expired": lambda store: store.expired(T0, 1),
    "renew": lambda store: store.renew([], T0),
    "complete": lambda store: store.complete([]),
    "redrive": lambda store: store.redrive([], T0),
    "deliveries": lambda store: list(store.deliveries(DeliveryFilter())),
    "waiting_effects": lambda store: store.waiting_effects(),
}
WRITES = ("advance", "quarantine", "erase", "subscribe", "renew", "complete", "redrive")


@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_is_closed_says_so(path: Path, call: str) -> None:
    store = SQLiteStore(path)
    store.close()
    with told_in_one_sentence(path, "closed"):
        CALLS[call](store)


@pytest.mark.parametrize("call", WRITES)
def test_another_process_that_writes_for_too_long_is_told_and_nothing_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    shown = a_full_file(path)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 20)
    store = SQLiteStore(path)
    writer = apsw.Connection(str(path))
    writer.execute("BEGIN IMMEDIATE")
    with told_in_one_sentence(path, "another process has been writing"):
        CALLS[call](store)
    assert everything_in(store) == shown
    writer.execute("ROLLBACK")
    CALLS[call](store)
    store.close()


def test_a_full_disk_is_told_and_nothing_of_the_call_is_kept(path: Path, connections: list[apsw.Connection]) -> None:
    shown = a_full_file(path)
    connections.clear()
    store = SQLiteStore(path)
    connections[0].execute("PRAGMA max_page_count = 1")
    big = [announced(f"big-{n}", "OK", payload=b"x" * 60_000) for n in range(3)]
    with told_in_one_sentence(path, "the disk is full"):
        store.advance(big, as_it_is)
    assert everything_in(store) == shown
    store.close()


def test_a_damaged_file_is_told(path: Path) -> None:
    a_full_file(path)
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with told_in_one_sentence(path, "the file is damaged"):
        list(SQLiteStore(path).ledger())


# ---- What is kept at hand ---------------------------------------------------------------------------


def test_what_is_kept_at_hand_is_forgotten_when_somebody_else_has_written(path: Path) -> None:
    ours, theirs = SQLiteStore(path), SQLiteStore(path)
    words = ["CREATION_SUCCESS", "OK", "ERROR", "OK", "DELETED", "OK"]
    sequences = [
        store.advance([announced("a", word)], as_it_is)[0].sequence
        for word, store in zip(words, [ours, theirs, ours, ours, theirs, ours], strict=True)
    ]
    assert sequences == [1, 2, 3, 4, 5, 6]
    assert [entry.verdict for entry in ours.history("a")] == ["APPLIED"] * 5 + ["HELD"]
    ours.close()
    theirs.close()


def test_what_was_rolled_back_is_not_kept_at_hand(path: Path) -> None:
    store = SQLiteStore(path)
    store.advance([announced("a", "CREATION_SUCCESS")], as_it_is)

    def stumble(account: Account, event: Event) -> list[Decision]:
        if event.status == "ERROR":
            raise RuntimeError("stumbled")
        return [decide(account, event)]

    with pytest.raises(RuntimeError, match="stumbled"):
        store.advance([announced("a", "OK"), announced("a", "ERROR")], stumble)
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 2
    store.close()


def test_more_accounts_than_are_kept_at_hand_go_on_as_they_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "REMEMBERED_ACCOUNTS", 2)
    store = SQLiteStore(path)
    for sequence, word in enumerate(("CREATION_SUCCESS", "OK", "ERROR"), 1):
        for name in "abcdef":
            assert store.advance([announced(name, word)], as_it_is)[0].sequence == sequence
    store.close()
