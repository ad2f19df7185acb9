"""The house: there is one way to write a file (``outputs``), and no other part opens one for writing."""

import ast
from collections.abc import Iterator
from pathlib import Path

from house.test_imports import MODULES

HERE = Path(__file__).parents[2]
OWN_FILES = {
    "replay.findings": "rows that go with the replay's temporary folder",
    "stores.sqlite.connection": "the store itself",
    "stores.sqlite.file_lock": "the store's lock",
    "stores.postgres.connection": "the null device",
    "cli.commands": "the null device",
}
"""What opens files for writing that are nobody's output."""


def writes_in(tree: ast.AST) -> Iterator[str]:
    """Yield each call that opens a file for writing, or gives one a name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        flags = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
        opens = called in ("open", "fdopen") and any(
            isinstance(word, str) and word.strip("bt+") in ("w", "a", "x") for word in words
        )
        if (
            opens
            or flags & {"O_WRONLY", "O_RDWR", "O_CREAT"}
            or called in ("write_text", "write_bytes", "touch")
            or (
                called in ("mkstemp", "NamedTemporaryFile", "copyfile", "copy2", "rename", "replace")
                and _is_of_files(node)
            )
        ):
            yield f"{called} in line {node.lineno}"


def _is_of_files(node: ast.Call) -> bool:
    """``replace`` and ``rename`` are also what text, values and columns have: those of files take one path."""
    named = ast.unparse(node.func)
    return (len(node.args) == 1 and not node.keywords) or named.startswith(("os.", "shutil.", "tempfile."))


def test_only_outputs_open_files_for_writing() -> None:
    found = {
        name: list(writes_in(ast.parse(path.read_text())))
        for name, path in MODULES.items()
        if not name.startswith("outputs")
    }
    assert {name: calls for name, calls in found.items() if calls and name not in OWN_FILES} == {}
    assert {name for name in OWN_FILES if not found[name]} == set()


def test_the_generator_of_the_docs_writes_them_the_same_way() -> None:
    assert list(writes_in(ast.parse((HERE / "docs" / "generate.py").read_text()))) == []
