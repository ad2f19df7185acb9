"""Files that commands write: every option and argument that names one, by itself, whatever is at that name already."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from account_lifecycle import Engine
from account_lifecycle.cli.outputs import OutputFile, OutputFolder
from account_lifecycle.cli.program import program
from cli.shell import Ran, Run, invoke

REST = {
    "audit --output": [],
    "diagram --output": [],
    "simulate FILE": ["--accounts", "3"],
    "replay --report": ["log.jsonl"],
    "replay --anomalies": ["log.jsonl"],
    "replay --accounts": ["log.jsonl"],
    "replay --windows": ["log.jsonl"],
    "replay --refused": ["log.jsonl"],
    "db backup FILE": [],
    "db prune --archive": ["--before", "2026-05-03", "--yes"],
    "replay --output-folder": ["log.jsonl", "--spark", "local[1]"],
    "demo --keep": [],
}
"""Every option and argument that names what is written, and what else its command needs to be given."""
NEEDS_LINES = {".jsonl": ["--full"]}
"""What ``audit`` needs for an ending to be right."""


class Place(NamedTuple):
    """Where a command is told what to write."""

    command: str
    param: click.Parameter

    @property
    def name(self) -> str:
        return f"{self.command} {self.option or self.param.make_metavar(click.Context(program))}"

    @property
    def option(self) -> str:
        return self.param.opts[0] if isinstance(self.param, click.Option) else ""

    @property
    def type(self) -> OutputFile:
        assert isinstance(self.param.type, OutputFile)
        return self.param.type

    @property
    def file(self) -> str:
        """A name with an ending that is known."""
        return f"new{next(iter(self.type.endings))}"

    def run(self, path: str, *more: str) -> Ran:
        words = [self.option, path] if self.option else [path]
        if self.command == "audit":
            words += NEEDS_LINES.get(Path(path).suffix.lower(), [])
        return invoke(*self.command.split(), *REST[self.name], *words, *more)


def params(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[Place]:
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from params(sub, (*path, name))
    else:
        yield from (Place(" ".join(path), param) for param in command.params)


ALL = list(params(program))
FILES = [place for place in ALL if isinstance(place.param.type, OutputFile)]
FOLDERS = [place for place in ALL if isinstance(place.param.type, OutputFolder)]
every_file = pytest.mark.parametrize("place", FILES, ids=lambda place: place.name)
every_folder = pytest.mark.parametrize("place", FOLDERS, ids=lambda place: place.name)


@pytest.fixture(autouse=True)
def _there(log: Path, store: Path) -> None:
    """What commands read."""


def test_the_list_of_what_is_written_is_whole() -> None:
    assert {place.name for place in (*FILES, *FOLDERS)} == set(REST)


def test_whatever_names_a_file_is_either_there_already_or_checked_before_it_is_written() -> None:
    unchecked = [
        place.name for place in ALL if isinstance(place.param.type, click.Path) and not place.param.type.exists
    ]
    assert unchecked == []


def test_what_may_be_replaced_can_be_and_nothing_else_has_the_option() -> None:
    may_be = {place.command for place in FILES if place.type.replaceable}
    assert {place.command for place in ALL if "--force" in place.param.opts} == may_be


def everything(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every file of a folder: its mode, and what is in it or where it leads."""
    return {
        path.name: (path.lstat().st_mode, str(path.readlink()) if path.is_symlink() else path.read_bytes())
        for path in folder.iterdir()
        if not path.is_dir() and not path.name.startswith("fed.db-")
    }


def refused(place: Place, path: str, folder: Path) -> str:
    """What is said, with --force as without; nothing has changed in the folder then."""
    before = everything(folder)
    forced = ["--force"] if isinstance(place.param.type, OutputFile) and place.type.replaceable else []
    ran = [place.run(path), place.run(path, *forced)]
    assert [each.code for each in ran] == [2, 2], ran
    assert all(each.out == "" for each in ran)
    assert all(f"Invalid value for '{place.option or place.name.split()[-1]}'" in each.err for each in ran)
    assert everything(folder) == before
    return " ".join(ran[1].err.split())


# ---- What is refused ----------------------------------------------------------------------------------


@every_file
def test_a_store_is_never_written_to(place: Place, tmp_path: Path) -> None:
    shutil.copy("fed.db", place.file)
    assert "is a store" in refused(place, place.file, tmp_path)


@every_file
def test_a_link_is_never_written_through(place: Place, tmp_path: Path) -> None:
    Path("elsewhere").write_text("mine")
    Path(place.file).symlink_to("elsewhere")
    assert "is a symbolic link, to elsewhere" in refused(place, place.file, tmp_path)
    Path("elsewhere").unlink()
    assert "is a symbolic link, to elsewhere" in refused(place, place.file, tmp_path)


@every_file
def test_a_folder_is_not_a_file_and_one_that_is_missing_is_named(place: Place, tmp_path: Path) -> None:
    Path(place.file).mkdir()
    assert "is a folder. Name a file in it." in refused(place, place.file, tmp_path)
    assert "there is no folder missing" in refused(place, f"missing/{place.file}", tmp_path)


@every_file
def test_an_unknown_ending_is_refused_with_the_known_ones(place: Place, tmp_path: Path) -> None:
    for name in ("new.pdf", "new", f"{place.file}.zip"):
        told = refused(place, name, tmp_path)
        assert all(ending in told for ending in place.type.endings)


@every_file
def test_a_file_that_is_there_is_replaced_only_on_purpose(place: Place, tmp_path: Path) -> None:
    Path(place.file).write_text("mine")
    before = everything(tmp_path)
    ran = place.run(place.file)
    assert ran.code == 2
    assert "exists already and is not overwritten" in ran.err
    assert everything(tmp_path) == before
    assert ("--force" in ran.err) == place.type.replaceable
    if place.type.replaceable:
        assert place.run(place.file, "--force").code == 0
        assert Path(place.file).read_bytes() != b"mine"


def test_the_truth_about_a_simulated_log_is_not_overwritten_either(run: Run) -> None:
    Path("fleet.truth.jsonl").write_text("mine")
    ran = run("simulate", "fleet.jsonl", "--accounts", "1")
    assert ran.code == 2
    assert "fleet.truth.jsonl exists already" in ran.err
    assert not Path("fleet.jsonl").exists()
    assert run("simulate", "fleet.jsonl", "--accounts", "1", "--force").code == 0


def test_an_archive_cannot_be_written_into_the_store_that_is_pruned(run: Run, tmp_path: Path) -> None:
    Path("fed.db").rename("fed.jsonl.gz")
    url = f"sqlite:///{tmp_path / 'fed.jsonl.gz'}"
    events = run("verify", "--json", "--store", url).document["events"]
    words = ["db", "prune", "--before", "2026-05-03", "--yes", "--store", url, "--archive"]
    for beside in ("", "-wal", "-shm", "-lock"):
        assert run(*words, f"fed.jsonl.gz{beside}").code == 2
    assert run("verify", "--json", "--store", url).document["events"] == events


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("audit", "--format", "html", "--output", "a.csv"), "--format html contradicts the ending of a.csv"),
        (("audit", "--json", "--output", "a.html"), "--format json contradicts the ending of a.html"),
        (("diagram", "--format", "dot", "--output", "a.svg"), "--format dot contradicts the ending of a.svg"),
    ],
)
def test_a_format_and_an_ending_that_contradict_are_refused(words: tuple[str, ...], said: str, run: Run) -> None:
    ran = run(*words)
    assert ran.code == 2
    assert said in ran.err
    assert not Path(words[-1]).exists()


# ---- What is written -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "ending"),
    [(place, ending) for place in FILES for ending in place.type.endings],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_every_ending_can_be_written_in_any_case(place: Place, ending: str, tmp_path: Path) -> None:
    name = f"new{ending.upper()}"
    before = set(everything(tmp_path))
    assert place.run(name).code == 0
    made = set(everything(tmp_path)) - before
    if place.name != "replay --refused":  # which is the same file
        made -= {"refused-log.jsonl"}
    assert made == {name} | ({"new.truth.jsonl"} if place.command == "simulate" else set())
    is_private = place.command.startswith("db ")
    umask = os.umask(0)
    os.umask(umask)
    assert Path(name).stat().st_mode & 0o777 == (0o600 if is_private else 0o666 & ~umask)


def test_standard_output_and_pipes_can_be_named_where_a_format_can(run: Run, tmp_path: Path) -> None:
    for command in ("audit", "diagram"):
        plain = run(command).out
        for name in ("-", "/dev/stdout"):
            assert run(command, "--output", name).out == plain
    assert not Path("-").exists()
    words = "account-lifecycle diagram --format mermaid --output >(cat > drawn.txt); wait $!"
    subprocess.run(["bash", "-c", words], check=True, timeout=120)
    assert Path("drawn.txt").read_text() == run("diagram", "--format", "mermaid").out


def test_a_new_store_is_its_owners_alone(run: Run, tmp_path: Path) -> None:
    """While it is in use, with what lies beside it; one that was opened to others stays so, its lock too."""
    umask = os.umask(0)
    try:
        with Engine.open(f"sqlite:///{tmp_path / 'new.db'}", observers=()) as engine:
            engine.feed_event({"AccountStatus": {"account_id": "a", "account_type": "X", "message": "OK"}})
            files = ["new.db", "new.db-lock", "new.db-shm", "new.db-wal"]
            assert sorted(path.name for path in tmp_path.glob("new*")) == files
            assert {oct(Path(name).stat().st_mode & 0o777) for name in files} == {"0o600"}
        assert run("replay", "log.jsonl", "--into", "sqlite:///seeded.db").code == 0
        assert Path("seeded.db").stat().st_mode & 0o777 == 0o600
        Path("new.db").chmod(0o660)
        Path("new.db-lock").unlink()
        Engine.open(f"sqlite:///{tmp_path / 'new.db'}", observers=()).close()
        assert Path("new.db-lock").stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(umask)


# ---- Folders ------------------------------------------------------------------------------------------------


@every_folder
def test_nothing_is_written_into_a_folder_of_something_else(place: Place, tmp_path: Path) -> None:
    Path("full").mkdir()
    shutil.copy("fed.db", "full/fleet.db")
    Path("link").symlink_to("full")
    Path("file").touch()
    assert "full is not empty" in refused(place, "full", tmp_path)
    assert "link is a symbolic link" in refused(place, "link", tmp_path)
    assert "file exists already" in refused(place, "file", tmp_path)
    assert "there is no folder missing" in refused(place, "missing/new", tmp_path)
    assert Path("full/fleet.db").read_bytes() == Path("fed.db").read_bytes()


def test_a_log_with_its_store_is_no_earlier_demo(run: Run) -> None:
    Path("mine").mkdir()
    run("simulate", "mine/fleet.jsonl", "--accounts", "3")
    run("feed", "mine/fleet.jsonl", "--store", "sqlite:///mine/fleet.db")
    assert run("demo", "--keep", "mine").code == 2
    assert run("account", "list", "--json", "--store", "sqlite:///mine/fleet.db").code == 0
