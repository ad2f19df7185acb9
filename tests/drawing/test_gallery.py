"""The gallery: what lies in diagrams/ is what the machine is, down to the byte."""

import re
from pathlib import Path

import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing import gallery
from account_lifecycle.drawing.gallery import (
    COMMAND,
    GALLERY_SUFFIXES,
    INDEX,
    pictures,
    renderer_versions,
    write_gallery,
)
from account_lifecycle.lifecycle.providers import Provider

COMMITTED = Path(__file__).parents[2] / "diagrams"
VERSIONS = re.compile(r"Rendered by .*")
TEXTS = (".dot", ".mmd")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery as the machine would draw it now."""
    folder = tmp_path_factory.mktemp("gallery")
    write_gallery(folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_no_picture_is_missing_and_none_is_left_over(fresh: Path) -> None:
    there, wanted = set(files(COMMITTED)), set(files(fresh))
    assert wanted - there == set(), f"missing in {COMMITTED.name}/: run {COMMAND}"
    assert there - wanted == set(), f"left over in {COMMITTED.name}/: delete what the machine no longer draws"


def test_no_text_of_a_picture_has_drifted_from_the_machine(fresh: Path) -> None:
    there, wanted = files(COMMITTED), files(fresh)
    drifted = [name for name in wanted if name.endswith(TEXTS) and there.get(name) != wanted[name]]
    assert drifted == [], f"{COMMITTED.name}/ has drifted from the machine: run {COMMAND}"
    index, page = ((folder / INDEX).read_text("utf-8") for folder in (COMMITTED, fresh))
    assert VERSIONS.sub("", index) == VERSIONS.sub("", page), f"{INDEX} has drifted: run {COMMAND}"


def test_no_rendered_picture_has_drifted_from_the_machine(fresh: Path) -> None:
    if renderer_versions() not in (COMMITTED / INDEX).read_text("utf-8"):
        pytest.skip("rendered by other versions than are installed here: only the texts can be compared")
    there, wanted = files(COMMITTED), files(fresh)
    drifted = [name for name in wanted if not name.endswith((*TEXTS, INDEX)) and there.get(name) != wanted[name]]
    assert drifted == [], f"{COMMITTED.name}/ has drifted from the machine: run {COMMAND}"


def test_there_is_a_picture_of_the_whole_and_one_of_every_provider() -> None:
    names = [name for name, _ in pictures()]
    assert names[:2] == ["lifecycle", "lifecycle-deviations"]
    assert set(names[2:]) == {provider.lower() for provider in Provider} | {"unknown-provider"}


def test_every_picture_is_there_in_every_format_and_shown_in_the_index(fresh: Path) -> None:
    index = (fresh / INDEX).read_text("utf-8")
    for name, picture in pictures():
        assert all((fresh / f"{name}{suffix}").exists() for suffix in GALLERY_SUFFIXES)
        assert f"![{picture.sketch.title}]({name}.svg)" in index


def test_the_command_writes_into_the_folder_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "pictures", lambda: [("path", drawing.path([]))])
    folder = tmp_path / "new" / "folder"
    assert gallery.run_command([str(folder)]) == 0
    assert set(files(folder)) == {"path.dot", "path.mmd", "path.svg", "path.png", INDEX}
    assert capsys.readouterr().out == f"Written: 5 files in {folder}\n"
