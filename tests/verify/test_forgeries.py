"""Forgeries: one change at a time in the files of both stores. Each is named, or said to be not proved; none holds."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle import Engine
from cli.shell import invoke
from verify.forging import FORGERIES, Files, Forgery, Scene, fill

pytest_plugins = ("postgres_server",)

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[Path, str]]:
    """The file of a store before it is forged, and its head: of one that was pruned, and of one that was not."""
    found = {}
    for is_pruned in (False, True):
        folder = tmp_path_factory.mktemp("original")
        with Engine.open(f"sqlite:///{folder}/accounts.db", observers=()) as engine:
            fill(engine, folder / "all.jsonl.gz" if is_pruned else None)
            found[is_pruned] = folder, engine.verify().head
    return found


def verified(scene: Scene, url: str, forgery: Forgery) -> tuple[int, Any]:
    """What ``verify`` ends with and reports."""
    ran = invoke("verify", "--json", "--store", url, *forgery.options(scene))
    return ran.code, ran.document


def check(scene: Scene, url: str, forgery: Forgery, code: int) -> None:
    """A store holds before it is forged, and after that it does not."""
    assert invoke("verify", "--store", url, "--expect-head", scene.head).code == 0
    forgery.change(scene)
    found, report = verified(scene, url, forgery)
    assert (found, report["proved"]) == (code, False), report["faults"]
    assert report["intact"] is (code == 7)
    if code == 1 and forgery.named:
        faults = [f"{fault['place']}: {fault['finding']}" for fault in report["faults"]]
        assert any(forgery.named in fault for fault in faults), faults
        assert report["first"]


@pytest.mark.parametrize("kind", FORGERIES)
def test_no_forgery_of_a_file_holds(originals: dict[bool, tuple[Path, str]], tmp_path: Path, kind: str) -> None:
    forgery = FORGERIES[kind]
    original, head = originals[forgery.is_pruned]
    for path in original.iterdir():
        shutil.copy(path, tmp_path)
    url = f"sqlite:///{tmp_path}/accounts.db"
    check(Scene(Files(url), head, tmp_path / "all.jsonl.gz"), url, forgery, forgery.code)


@pytest.mark.parametrize("kind", FORGERIES)
def test_no_forgery_on_a_server_holds(emptied: Callable[[], str], tmp_path: Path, kind: str) -> None:
    forgery = FORGERIES[kind]
    url, archive = emptied(), tmp_path / "all.jsonl.gz"
    with Engine.open(url, observers=()) as engine:
        fill(engine, archive if forgery.is_pruned else None)
        head = engine.verify().head
    check(Scene(Files(url), head, archive), url, forgery, forgery.on_server or forgery.code)


def test_at_least_twenty_four_kinds_are_tried() -> None:
    assert len(FORGERIES) >= 24


def test_the_page_lists_every_kind_and_what_is_said() -> None:
    """One line for each, in the same order: what was changed, and how ``verify`` ends with a file and on a server."""
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (\d) \| (\d) \|$", page, flags=re.MULTILINE)
    assert rows == [(kind, str(each.code), str(each.on_server or each.code)) for kind, each in FORGERIES.items()]
