"""The house: who may import whom, and that nothing imports in a circle. Lazy imports count."""

import ast
from pathlib import Path

import account_lifecycle

PACKAGE = Path(account_lifecycle.__file__).parent

LAYERS = (
    ("errors", "urls"),
    ("lifecycle",),
    ("records",),
    ("intake", "outputs"),
    ("stores", "hooks", "verify"),
    ("webhooks",),
    ("report", "drawing", "simulate"),
    ("engine",),
    ("replay", "spark", "vendor"),
    ("testing",),
    ("server",),
    ("cli",),
)
"""The parts in the order of their imports: each may import from those above it, and from a neighbour in its row."""
HEIGHT = {part: height for height, row in enumerate(LAYERS) for part in row}
LIFECYCLE_MAY_USE = {"transitions", "graphviz"}  # graphviz for the type of a picture only


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name within it."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts
        found[".".join(name)] = path
    return found


def imports_of(name: str, path: Path) -> set[str]:
    """What a module imports: names within the package start with a dot, others are top-level packages."""
    is_package = path.name == "__init__.py"
    base = [] if name == "__init__" else name.split(".")
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            found.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            keep = len(base) - node.level + (1 if is_package and name != "__init__" else 0)
            prefix = ".".join([*base[: max(keep, 0)], *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                inner = f"{prefix}.{alias.name}".strip(".")
                found.add("." + (inner if inner in MODULES else prefix or "__init__"))
    return found


MODULES = modules()
IMPORTS = {name: imports_of(name, path) for name, path in MODULES.items()}


def test_imports_go_down_and_never_up() -> None:
    upward = [
        f"{name} imports {other[1:]}"
        for name, found in IMPORTS.items()
        for other in found
        if name != "__init__" and other.startswith(".")
        if HEIGHT[name.split(".")[0]] < HEIGHT.get(other[1:].split(".")[0], len(LAYERS))
    ]
    assert upward == []


def test_only_errors_urls_and_records_stand_beside_the_parts() -> None:
    beside = {name for name, path in MODULES.items() if path.parent == PACKAGE}
    assert beside == {"__init__", "errors", "records", "urls"}


def test_the_life_cycle_knows_only_the_standard_library_and_transitions() -> None:
    import sys

    foreign = {
        other
        for name, found in IMPORTS.items()
        if name.startswith("lifecycle")
        for other in found
        if not other.startswith(".") and other not in sys.stdlib_module_names | LIFECYCLE_MAY_USE
    }
    assert foreign == set()


def test_pydantic_models_live_in_payloads_and_settings_only() -> None:
    users = {name for name, found in IMPORTS.items() if {"pydantic", "pydantic_settings"} & found}
    assert users <= {"intake.payloads", "cli.settings"}


def test_nothing_imports_the_command_line() -> None:
    assert [
        n for n, found in IMPORTS.items() if any(o.startswith(".cli") for o in found) and not n.startswith("cli")
    ] == []


def test_nothing_imports_in_a_circle() -> None:
    graph = {name: {o[1:] for o in found if o.startswith(".")} - {name} for name, found in IMPORTS.items()}
    packages = {name for name in MODULES if any(other.startswith(f"{name}.") for other in MODULES)}

    def walk(name: str, trail: tuple[str, ...]) -> list[tuple[str, ...]]:
        if name in trail:
            return [(*trail[trail.index(name) :], name)]
        if name in done:
            return []
        found = [circle for other in sorted(graph.get(name, set())) for circle in walk(other, (*trail, name))]
        done.add(name)
        return found

    done: set[str] = set()
    circles = [circle for name in sorted(graph) for circle in walk(name, ())]
    assert circles == [], f"{circles} (packages: {packages})"


def test_only_the_life_cycle_and_the_payloads_name_a_status() -> None:
    """So that another vendor's life cycle is another definition and not a fork."""
    named = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        if not name.startswith("lifecycle") and name != "intake.payloads"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Status"
        if node.attr.isupper()
    ]
    assert named == []


def test_no_code_asks_which_provider_it_has_before_it() -> None:
    asked = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for side in [node.left, *node.comparators]
        if isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name) and side.value.id == "Provider"
    ]
    assert asked == []
