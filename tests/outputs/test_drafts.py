"""A file gets its name when it is whole; until then, and whatever goes wrong, its target is as it was."""

import errno
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from account_lifecycle.errors import OutputError, OutputExists
from account_lifecycle.outputs.drafts import Draft, drafted

OLD = b"what was there"
NEW = b"what is new" * 20_000


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "audit.html"


@pytest.fixture
def umask() -> Iterator[int]:
    """A umask of our own, so that modes are known."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


# ---- What is there, and when --------------------------------------------------------------------------


def test_the_name_is_given_at_the_end_and_nothing_else_is_left(target: Path) -> None:
    with drafted(target) as draft:
        draft.file.write(NEW)
        assert not target.exists()
    assert target.read_bytes() == NEW
    assert names(target.parent) == [target.name]


def test_a_replaced_file_is_the_old_one_until_the_new_one_is_whole(target: Path) -> None:
    target.write_bytes(OLD)
    with drafted(target, replace=True) as draft:
        draft.file.write(NEW)
        draft.file.flush()
        assert target.read_bytes() == OLD
    assert target.read_bytes() == NEW
    assert names(target.parent) == [target.name]


def test_text_is_utf_8_with_line_ends_as_they_are_written(target: Path) -> None:
    with drafted(target) as draft:
        draft.text().write("Zoë\r\n\n")
    assert target.read_bytes() == "Zoë\r\n\n".encode()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("is_there", [True, False])
def test_an_error_and_an_interrupt_leave_the_target_as_it_was(
    error: type[BaseException], is_there: bool, target: Path
) -> None:
    if is_there:
        target.write_bytes(OLD)

    def fail(draft: Draft) -> None:
        draft.text().write("half of it")
        raise error

    with pytest.raises(error), drafted(target, replace=True) as draft:
        fail(draft)
    assert names(target.parent) == ([target.name] if is_there else [])
    assert not is_there or target.read_bytes() == OLD


def test_a_full_disk_is_an_error_that_names_the_target_and_leaves_it(target: Path) -> None:
    """A limit on the size of files is met like a full disk."""
    target.write_bytes(OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))
    try:
        told = rf"audit\.html could not be written .*{os.strerror(errno.EFBIG)}"
        with pytest.raises(OutputError, match=told), drafted(target, replace=True) as draft:
            draft.file.write(NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == OLD
    assert names(target.parent) == [target.name]


def test_a_name_of_any_length_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("ö" * 125 + ".html")
    with drafted(target) as draft:
        draft.file.write(NEW)
    assert target.read_bytes() == NEW


# ---- Who may read it ----------------------------------------------------------------------------------


def test_while_it_is_written_only_its_owner_may_read_it_and_then_whoever_the_umask_says(
    target: Path, umask: int
) -> None:
    with drafted(target) as draft:
        assert mode(draft.path) == 0o600
    assert mode(target) == 0o666 & ~umask


def test_a_private_file_is_its_owners_alone(target: Path, umask: int) -> None:
    with drafted(target, private=True) as draft:
        assert mode(draft.path) == 0o600
    assert mode(target) == 0o600


def test_a_file_that_is_replaced_keeps_its_permissions(target: Path, umask: int) -> None:
    target.write_bytes(OLD)
    target.chmod(0o604)
    with drafted(target, replace=True) as draft:
        assert mode(draft.path) == 0o600
    assert mode(target) == 0o604


# ---- What must not be written to ------------------------------------------------------------------------


def refused(target: Path, *, replace: bool = True) -> str:
    """Why a name is refused; nothing in its folder has changed then."""
    before = {path.name: path.lstat() for path in target.parent.iterdir()}
    with pytest.raises(OutputError) as found:
        Draft(target, replace=replace)
    after = {path.name: path.lstat() for path in target.parent.iterdir()}
    assert {name: at.st_mtime_ns for name, at in after.items()} == {name: at.st_mtime_ns for name, at in before.items()}
    return str(found.value)


def test_a_file_that_is_there_is_replaced_only_on_purpose(target: Path) -> None:
    target.write_bytes(OLD)
    assert "exists already" in refused(target, replace=False)


def test_a_link_is_never_followed_nor_replaced(tmp_path: Path, target: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(OLD)
    for leads_to in ("elsewhere", "nowhere"):
        target.symlink_to(leads_to)
        assert f"is a symbolic link, to {leads_to}" in refused(target)
        target.unlink()


def test_a_folder_that_is_a_link_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with drafted(tmp_path / "link" / "a.csv") as draft:
        draft.file.write(NEW)
    assert names(tmp_path / "real") == ["a.csv"]


def test_a_folder_a_device_and_a_socket_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "is a folder" in refused(tmp_path / "folder")
    with pytest.raises(OutputError, match="is a device"):
        Draft(Path("/dev/null"), replace=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert "is a device or a socket" in refused(tmp_path / "socket")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*missing\."):
        Draft(tmp_path / "missing" / "a.csv")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Not a directory"):
        Draft(tmp_path / "file" / "a.csv")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_store_is_never_written_to_nor_what_lies_beside_it(journal: str, tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "any.csv"))
    db.execute(f"PRAGMA journal_mode = {journal}").fetchall()
    db.execute("CREATE TABLE t (x)")
    for beside in ("", "-wal", "-shm", "-journal", "-lock"):  # whether it is there or not
        assert "is a store, or a part of one" in refused(tmp_path / f"any.csv{beside}"), beside
    (tmp_path / "twin.csv").hardlink_to(tmp_path / "any.csv")
    assert "is a store" in refused(tmp_path / "twin.csv")
    db.close()


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    read = list[bytes]()
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with drafted(pipe) as draft:
        draft.file.write(NEW)
    reader.join(30)
    assert read == [NEW]
    assert names(tmp_path) == [pipe.name]


def test_the_pipe_of_a_shell_is_written_to_by_its_number(tmp_path: Path) -> None:
    out, into = os.pipe()
    with drafted(Path(f"/dev/fd/{into}")) as draft:
        draft.file.write(b"through it")
    os.close(into)
    assert os.read(out, 99) == b"through it"
    os.close(out)


# ---- Several at once ------------------------------------------------------------------------------------


def test_of_two_runs_that_replace_one_file_the_last_wins_and_nothing_is_mixed(target: Path) -> None:
    with Draft(target, replace=True) as one, Draft(target, replace=True) as other:
        one.file.write(b"one" * 50_000)
        other.file.write(b"other" * 50_000)
        other.commit()
        assert target.read_bytes() == b"other" * 50_000
        one.commit()
    assert target.read_bytes() == b"one" * 50_000
    assert names(target.parent) == [target.name]


def test_a_file_that_appeared_meanwhile_is_not_replaced_unless_on_purpose(target: Path) -> None:
    with pytest.raises(OutputExists, match="was made by somebody else meanwhile"), drafted(target):
        target.write_bytes(OLD)
    assert target.read_bytes() == OLD
    assert names(target.parent) == [target.name]


def test_a_store_that_appeared_meanwhile_is_not_replaced_even_on_purpose(target: Path) -> None:
    with pytest.raises(OutputError, match="is a store"), drafted(target, replace=True):
        apsw.Connection(str(target)).execute("CREATE TABLE t (x)").fetchall()
    assert target.read_bytes().startswith(b"SQLite format 3")


def test_many_threads_that_replace_one_file_leave_one_whole_file(target: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            with drafted(target, replace=True) as draft:
                draft.file.write(bytes([number]) * 100_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    content = target.read_bytes()
    assert (len(content), len(set(content))) == (100_000, 1)
    assert names(target.parent) == [target.name]


# ---- What a killed run leaves -----------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from account_lifecycle.outputs.drafts import Draft
with Draft(Path(sys.argv[1]), replace=True) as draft:
    draft.file.write(b"half of it")
    draft.file.flush()
    print(draft.path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(target: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is writing to the target, until it is killed."""
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_what_a_killed_run_leaves_is_removed_by_the_next_to_the_same_target(
    target: Path, writer: "subprocess.Popen[str]"
) -> None:
    target.write_bytes(OLD)
    assert writer.stdout is not None
    left = Path(writer.stdout.readline().strip())
    writer.send_signal(signal.SIGKILL)
    writer.wait(30)
    assert re.fullmatch(r"\.audit\.html\.[0-9a-f]{8}\.part", left.name)
    assert (target.read_bytes(), mode(left)) == (OLD, 0o600)
    left.with_name(f"{left.name}-journal").touch()  # as SQLite leaves it
    with drafted(target.with_name("another.html")):
        assert left.exists()
    with drafted(target, replace=True):
        assert not left.exists()
    assert names(target.parent) == ["another.html", target.name]


def test_what_another_run_is_writing_is_left_alone(target: Path, writer: "subprocess.Popen[str]") -> None:
    assert writer.stdout is not None
    in_use = Path(writer.stdout.readline().strip())
    with drafted(target) as draft:
        draft.file.write(NEW)
    assert in_use.read_bytes() == b"half of it"
    assert target.read_bytes() == NEW


def test_a_file_that_only_looks_like_a_draft_is_left_alone(target: Path) -> None:
    others = [f".{target.name}.part", f".{target.name}.12345678.parts", f".{target.name}.1234567x.part"]
    (target.parent / f".{target.name}.00000000.part").symlink_to("elsewhere")
    for name in others:
        target.with_name(name).touch()
    with drafted(target):
        pass
    assert names(target.parent) == sorted([*others, f".{target.name}.00000000.part", target.name])
