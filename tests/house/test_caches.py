"""Whatever is remembered for good is bounded: by how many entries there can be, and by how long they can be.

What comes from outside is never the key of a cache without a limit. A cache without one is listed here, with the
reason why its keys are few; one with a limit is keyed by fields that ``intake`` has measured (``MAX_CHARACTERS``).
"""

import ast
from collections.abc import Iterator

import pytest

from house.test_shape import TREES

ENTRIES = 4096
"""The most that a cache may have."""

FEW = {
    "errors.py:_standard": "no arguments",
    "stores/__init__.py:schema_script": "two stores",
    "stores/__init__.py:statements": "two stores",
    "stores/postgres/connection.py:statement": "the names of statements, and clauses that this package is written with",
    "stores/sqlite/connection.py:schema": "no arguments",
    "simulate/lives.py:traits_of": "members of Provider",
    "report/tables.py:_codes": "styles that this package is written with",
    "report/as_html.py:_templates": "no arguments",
    "drawing/picture.py:_dark_scheme": "no arguments",
    "drawing/picture.py:_font_face": "the faces that the package ships",
    "drawing/routes.py:cache(_disturbance)": "lives as long as one call",
    "drawing/table.py:deviant_kinds": "no arguments",
    "drawing/table.py:_cases": "a truth or None",
    "drawing/table.py:_facts_of": "a truth or None",
    "drawing/table.py:status_roles": "a truth",
    "replay/findings.py:schemas": "no arguments",
    "server/api.py:read_document": "no arguments",
    "server/rendering.py:status_class": "members of Status",
    "webhooks/exchange.py:user_agent": "no arguments",
    "lifecycle/compiled.py:compiled": "no arguments",
    "lifecycle/compiled.py:healths_of": "situations of the compiled machine",
    "lifecycle/effects.py:effects_of": "members of Status and Health",
    "lifecycle/machine.py:situation_of": "a member of Status and three truths",
    "lifecycle/machine.py:build_machine": "no arguments",
}
"""The caches without a limit, and why they need none."""

GROWING = {
    "stores/postgres/connection.py:_INHERITED": "one connection for each fork in the middle of a transaction",
    "stores/sqlite/transactions.py:_INHERITED": "one connection for each fork in the middle of a transaction",
}
"""What a module keeps and changes later, and why that stays small."""

MAKERS = {"dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque", "ChainMap"}
CHANGES = {"add", "append", "appendleft", "extend", "insert", "setdefault", "update"}


def caches_without_a_limit(tree: ast.AST) -> Iterator[str]:
    """The functions that a cache without a limit, or with a large one, is put around."""
    decorators = {
        id(decorator): node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in node.decorator_list
    }
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        function, is_bounded = node, False
        if isinstance(node, ast.Call):
            function = node.func
            size = next((k.value for k in node.keywords if k.arg == "maxsize"), node.args[0] if node.args else None)
            is_bounded = isinstance(size, ast.Constant) and type(size.value) is int and size.value <= ENTRIES
        elif id(node) in calls or id(node) not in decorators:
            continue
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "cache" or (name == "lru_cache" and not is_bounded):
            yield decorators.get(id(node)) or ast.unparse(node)
        if name == "intern":
            yield ast.unparse(node)


def growing(tree: ast.Module) -> Iterator[str]:
    """The containers of a module, or of a class, that functions put something into."""
    owners = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    containers = set()
    for owner in owners:
        for node in owner.body:
            value = getattr(node, "value", None)
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            called = value.func if isinstance(value, ast.Call) else None
            maker = ast.unparse(called).split("[")[0].rpartition(".")[2] if called is not None else ""
            if maker in MAKERS or isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp):
                containers |= {target.id for target in targets if isinstance(target, ast.Name)}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        own = {name.id for name in ast.walk(function) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        own |= {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
        own -= {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
        for node in ast.walk(function):
            changed = None
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                changed = node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
                changed = node.func.value
            elif isinstance(node, ast.AugAssign):
                changed = node.target
            while isinstance(changed, ast.Subscript):  # what is in a container grows
                changed = changed.value
            name = changed.attr if isinstance(changed, ast.Attribute) else getattr(changed, "id", "")
            is_module_level = isinstance(changed, ast.Name) and name not in own
            is_of_class = isinstance(changed, ast.Attribute) and ast.unparse(changed.value) in ("cls", "type(self)")
            if name in containers and (is_module_level or is_of_class):
                yield name


def test_every_cache_has_a_limit_or_few_keys() -> None:
    found = {f"{file}:{name}" for file, tree in TREES.items() for name in caches_without_a_limit(tree)}
    assert found == FEW.keys()


def test_nothing_that_a_module_keeps_grows() -> None:
    found = {f"{file}:{name}" for file, tree in TREES.items() for name in growing(tree)}
    assert found == GROWING.keys()


@pytest.mark.parametrize(
    "code",
    [
        "@cache\ndef f(word): ...",
        "@functools.cache\ndef f(word): ...",
        "@lru_cache\ndef f(word): ...",
        "@lru_cache(None)\ndef f(word): ...",
        "@lru_cache(maxsize=None)\ndef f(word): ...",
        "@lru_cache(maxsize=1_000_000)\ndef f(word): ...",
        "@lru_cache(SIZE)\ndef f(word): ...",
        "f = cache(g)",
        "def f(word): return sys.intern(word)",
    ],
)
def test_a_new_cache_without_a_limit_would_be_found(code: str) -> None:
    assert [*caches_without_a_limit(ast.parse(code))]


@pytest.mark.parametrize(
    "code",
    [
        "seen = {}\ndef f(word): seen[word] = 1",
        "seen: dict[str, int] = {}\ndef f(word): return seen.setdefault(word, 1)",
        "seen = defaultdict(list)\ndef f(word): seen[word].append(1)",
        "seen = set[str]()\nasync def f(word): seen.add(word)",
        "seen = []\ndef f(word):\n    global seen\n    seen += [word]",
        "class A:\n    seen = {}\n    @classmethod\n    def f(cls, word): cls.seen[word] = 1",
    ],
)
def test_a_new_container_that_grows_would_be_found(code: str) -> None:
    assert [*growing(ast.parse(code))]
