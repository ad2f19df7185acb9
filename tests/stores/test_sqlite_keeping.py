"""What is done with the file as a whole: erasing for good, copying while others write, where it may lie."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag

import apsw
import pytest

from account_lifecycle import StoreError
from account_lifecycle.errors import StoreBusy
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.records import AccountFilter, DeliveryFilter, DeliveryState, Refused
from account_lifecycle.stores.protocol import Feed
from account_lifecycle.stores.sqlite import SQLiteStore, connection, retention
from account_lifecycle.stores.sqlite.connection import check_file_system, mount_of
from account_lifecycle.verify.record import verify
from builders import T0, announced, as_it_is, observed
from stores.hooks import claim, completed, hook, planned
from stores.ledger_contract import everything_in

SECRET = b"Ada's number is 0123"
NAME = "ada@home.example"
REASON = "Ada has moved house"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


def bytes_on_disk(path: Path) -> bytes:
    """The file, its log, and whatever else lies beside it."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.iterdir()) if file.is_file())


def a_life(store: SQLiteStore, account_id: str, length: int = 100) -> None:
    words = ["OK", "ERROR", "CREDENTIALS"]
    for n in range(length):
        payload = b'{"said": "%s", "filler": "%s"}' % (SECRET, b"x" * (n * 37 % 5000))
        store.advance([announced(account_id, words[n % 3], n, name=NAME, payload=payload)], as_it_is)


def test_what_was_erased_is_in_no_file_any_more_and_the_rest_verifies(path: Path) -> None:
    store = SQLiteStore(path)
    for n in range(30):
        a_life(store, f"other-{n}", 3)
    a_life(store, "a")
    for n in range(30):
        store.advance([announced(f"other-{n}", "OK", 500)], as_it_is)
        store.erase(f"other-{n}", T0)
    store.quarantine([Refused(T0, b'{"account_id": "a", "oops": ' + SECRET, 50, "payload", "because")])
    assert SECRET in bytes_on_disk(path)
    assert store.erase("a", T0) == 101
    assert store.erase("a", T0) == 0
    assert SECRET not in bytes_on_disk(path)
    assert NAME.encode() not in bytes_on_disk(path)
    assert {(entry.is_erased, entry.payload) for entry in store.history("a")} == {(True, b"")}
    assert verify(store).is_intact
    store.close()
    assert SECRET not in bytes_on_disk(path)


# ---- Erasing: the bytes ----------------------------------------------------------------------------------------

OVERFLOW = 40_000
"""A payload of so many bytes fills pages of its own, which are free once it is erased."""


def a_long_life(store: SQLiteStore, account_id: str) -> None:
    """Events whose payloads say the secret at their beginning, in the middle and at the end of many pages."""
    filler = b"x" * (OVERFLOW // 2)
    for n, word in enumerate(["OK", "CREDENTIALS", "ERROR", "OK"] * 5):
        payload = b"%s%s%s%s%s" % (SECRET, filler, SECRET, filler, SECRET)
        store.advance([announced(account_id, word, n, name=NAME, payload=payload, reason=REASON)], as_it_is)


def erase_everywhere(store: SQLiteStore) -> None:
    """Write the secret wherever a store keeps text of an account, erase the account, and feed it again."""
    a_long_life(store, "a")
    planned(store, hook())
    failed = [
        completed(each, DeliveryState.WAITING, T0, T0, f"ValueError: cannot reach {NAME}") for each in claim(store)
    ]
    assert all(store.complete(failed))
    refused = b'{"account_id": "\\u0061", "oops": "' + SECRET
    store.quarantine([Refused(T0, refused, len(refused), "name", REASON)])
    store.advance([observed("a", "OK", 700, owner=NAME)], as_it_is)
    store.erase("a", T0)
    store.feed(Feed([announced("a", "ERROR", 900)], as_it_is, policy=DEFAULT_POLICY))  # other terms: all is written


@pytest.mark.parametrize("word", [SECRET, NAME.encode(), REASON.encode()], ids=["payload", "owner", "reason"])
def test_nothing_of_an_erased_account_is_in_any_byte_of_any_file(path: Path, word: bytes) -> None:
    store = SQLiteStore(path)
    a_long_life(store, "other")
    before = bytes_on_disk(path).count(word)
    erase_everywhere(store)
    assert bytes_on_disk(path).count(word) <= before, "what another account said stays"
    store.erase("other", T0)
    assert word not in bytes_on_disk(path)
    assert {row.error for row in store.deliveries(DeliveryFilter())} == {None, "erased on request"}
    assert verify(store).is_intact
    store.close()
    assert word not in bytes_on_disk(path)


def without_overwriting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        retention, "every", lambda db, sql, *more: [] if "secure_delete" in sql else connection.every(db, sql, *more)
    )


def without_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteStore, "_forget", lambda _: None)


def without_emptying_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteStore, "_truncate_log", lambda _: None)


@pytest.mark.parametrize("without", [without_overwriting, without_forgetting, without_emptying_the_log])
def test_the_search_through_the_bytes_notices_what_is_left_out_of_erasing(
    path: Path, monkeypatch: pytest.MonkeyPatch, without: Callable[[pytest.MonkeyPatch], None]
) -> None:
    without(monkeypatch)
    store = SQLiteStore(path)
    erase_everywhere(store)
    left = bytes_on_disk(path)
    assert any(word in left for word in (SECRET, NAME.encode(), REASON.encode()))
    store.close()


def test_whoever_reads_in_another_process_is_waited_for_and_then_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 30)
    store = SQLiteStore(path)
    a_life(store, "a", 3)
    reader = apsw.Connection(str(path))
    rows = reader.execute("SELECT * FROM event")
    next(rows)
    with pytest.raises(StoreBusy, match="it is done, but another process has been reading"):
        store.erase("a", T0)
    reader.close(True)
    assert store.erase("a", T0) == 0
    assert SECRET not in bytes_on_disk(path)
    store.close()


def test_nobody_who_feeds_waits_for_somebody_who_reads_in_a_log_that_is_to_be_emptied(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(path)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_MS", 4000)
    a_life(store, "a", 3)
    reader = apsw.Connection(str(path))
    rows = reader.execute("SELECT * FROM event")
    next(rows)
    with ThreadPoolExecutor(1) as pool:
        erased = pool.submit(store.erase, "a", T0)
        waits = []
        while not erased.done():
            began = time.monotonic()
            store.advance([announced("b", "OK")], as_it_is)
            waits.append(time.monotonic() - began)
        assert isinstance(erased.exception(), StoreBusy)
    assert len(waits) > 3
    assert max(waits) < 2
    reader.close(True)
    store.close()


# ---- Copies --------------------------------------------------------------------------------------------------


def test_a_copy_is_one_snapshot_however_much_others_write(path: Path, tmp_path: Path) -> None:
    """SQLite begins a copy anew when another connection has written, unless it is read in a transaction."""
    store, other, is_over = SQLiteStore(path), SQLiteStore(path), Flag()
    store.advance([announced(f"a-{n}", "OK", n, payload=b"x" * 60_000) for n in range(500)], as_it_is)

    def write() -> int:
        count = 0
        while not is_over.is_set():
            other.advance([announced("b", "OK")], as_it_is)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        try:
            pool.submit(store.backup, tmp_path / "copy.db").result(30)
        finally:
            is_over.set()
        written = writing.result(10)
    copy = SQLiteStore(tmp_path / "copy.db")
    assert 500 <= len(list(copy.ledger())) < 500 + written
    assert verify(copy).is_intact
    for each in (copy, other, store):
        each.close()


def test_a_copy_holds_everything_and_is_one_file(path: Path, tmp_path: Path) -> None:
    store = SQLiteStore(path)
    a_life(store, "a", 5)
    folder = tmp_path / "copies"
    folder.mkdir()
    store.backup(folder / "copy.db")
    assert [file.name for file in folder.iterdir()] == ["copy.db"]
    copy = SQLiteStore(folder / "copy.db")
    assert everything_in(copy) == everything_in(store)
    assert copy.advance([announced("a", "OK", 99)], as_it_is)[0].sequence == 6
    assert store.advance([announced("a", "OK", 99)], as_it_is)[0].sequence == 6
    copy.close()
    store.close()


def test_no_copy_takes_the_place_of_another_file(path: Path, tmp_path: Path) -> None:
    store = SQLiteStore(path)
    there = tmp_path / "there.db"
    there.write_text("mine")
    with pytest.raises(StoreError, match="exists already and is not overwritten"):
        store.backup(there)
    assert there.read_text() == "mine"
    store.close()


def test_a_copy_that_cannot_be_written_leaves_nothing(path: Path, tmp_path: Path) -> None:
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="there is no folder"):
        store.backup(tmp_path / "missing" / "copy.db")
    store.close()


def test_no_copy_is_made_of_a_damaged_file(path: Path, tmp_path: Path) -> None:
    store = SQLiteStore(path)
    a_life(store, "a", 50)
    store.close()
    data = bytearray(path.read_bytes())
    data[3 * 4096 : 4 * 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    store = SQLiteStore(path)
    with pytest.raises(StoreError, match="damaged"):
        store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    store.close()


# ---- Where it lies --------------------------------------------------------------------------------------------

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 27 0:30 / /srv rw - nfs4 server:/srv rw
31 30 0:31 / /srv/local\\040disk rw master:3 shared:4 - xfs /dev/vdb rw
32 27 0:32 / /mnt/win rw - cifs //server/share rw
33 27 0:33 / /mnt/vm rw - 9p share rw
34 27 0:34 / /mnt/ssh rw - fuse.sshfs me@server: rw
35 27 0:35 / /mnt/both rw - ext4 /dev/vdc rw
36 27 0:36 / /mnt/both rw - ceph 10.0.0.1:/ rw
a line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/a.db", "ext4"),
        ("/srv/a.db", "nfs4"),
        ("/srv2/a.db", "ext4"),
        ("/srv/local disk/a.db", "xfs"),
        ("/mnt/win/deep/down/a.db", "cifs"),
        ("/mnt/vm/a.db", "9p"),
        ("/mnt/ssh/a.db", "fuse.sshfs"),
        ("/mnt/both/a.db", "ceph"),
    ],
)
def test_a_file_lies_on_the_innermost_and_latest_mount(path: str, kind: str) -> None:
    assert mount_of(Path(path), MOUNTS)[1] == kind


@pytest.mark.parametrize("mount", ["/srv", "/mnt/win", "/mnt/vm", "/mnt/ssh", "/mnt/both"])
def test_a_file_on_a_network_file_system_is_refused(tmp_path: Path, mount: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    with pytest.raises(StoreError, match=rf"lies on a network file system \(.*{mount}\).* Put it on a disk"):
        check_file_system(Path(mount) / "accounts.db", mounts)


def test_a_file_on_a_disk_serves_and_so_does_one_of_which_nothing_is_known(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    check_file_system(Path("/srv/local disk/accounts.db"), mounts)
    check_file_system(Path("/srv/accounts.db"), tmp_path / "missing")


def test_opening_looks_where_the_file_lies(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / {tmp_path} rw - nfs server:/ rw\n")
    monkeypatch.setattr(connection, "MOUNTS", mounts)
    with pytest.raises(StoreError, match="network file system"):
        SQLiteStore(path)
    assert not path.exists()


def test_a_file_that_is_reached_by_a_link_lies_where_the_link_points(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    mounts.write_text(f"1 1 0:1 / / rw - ext4 x rw\n2 1 0:2 / {tmp_path}/real rw - nfs server:/ rw\n")
    with pytest.raises(StoreError, match="network file system"):
        check_file_system(tmp_path / "link" / "accounts.db", mounts)


def test_the_accounts_of_a_file_are_those_of_its_owner_after_all(path: Path) -> None:
    """The lock may be used by whoever may use the file."""
    store = SQLiteStore(path)
    store.advance([announced("a", "OK")], as_it_is)
    path.chmod(0o660)
    store.close()
    path.with_name("accounts.db-lock").unlink()
    store = SQLiteStore(path)
    store.advance([announced("a", "OK")], as_it_is)
    assert path.with_name("accounts.db-lock").stat().st_mode & 0o777 == 0o660
    assert [account.account_id for account in store.accounts(AccountFilter())] == ["a"]
    store.close()
