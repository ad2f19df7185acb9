"""Names that last: on a store that outlives the process, a hook is known by the same name in every process."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from account_lifecycle import Engine, HookCall
from account_lifecycle.stores.postgres import PostgresStore


def hook(call: HookCall) -> None: ...


def make() -> Callable[[HookCall], None]:
    def made(call: HookCall) -> None: ...

    return made


class Crm:
    def __call__(self, call: HookCall) -> None: ...

    def send(self, call: HookCall) -> None: ...

    @staticmethod
    def post(call: HookCall) -> None: ...


in_program: dict[str, Callable[[HookCall], None]] = {"__name__": "__main__"}  # type: ignore[dict-item]
exec("def of_the_program(call): ...", in_program)

LINE = r"expected a name of your own\. Write: "


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[Engine]:
    with Engine.open(f"sqlite:///{tmp_path}/accounts.db", observers=()) as engine:
        yield engine


def names(engine: Engine) -> list[str]:
    return [subscription.name for subscription in engine.subscriptions]


UNNAMED: dict[str, tuple[Callable[[HookCall], object], str]] = {
    "a lambda": (lambda call: None, rf"a lambda has no name; {LINE}engine.on_recovered\(hook, name=\"hook\"\)"),
    "a partial": (
        partial(hook),
        rf"a partial has no name of its own; {LINE}engine.on_recovered\(hook, name=\"hook\"\)",
    ),
    "an instance": (
        Crm(),
        rf"an instance of Crm has no name of its own; {LINE}engine.on_recovered\(crm, name=\"crm\"\)",
    ),
    "a function of the program": (
        in_program["of_the_program"],
        rf"in the program that runs, .* __main__; {LINE}engine.on_recovered\(of_the_program, name=\"of_the_program\"\)",
    ),
    "a method of a list": (
        [].append,
        rf"it belongs to no module; {LINE}engine.on_recovered\(append, name=\"append\"\)",
    ),
}


@pytest.mark.parametrize(("unnamed", "message"), UNNAMED.values(), ids=UNNAMED)
def test_a_hook_whose_name_cannot_last_is_refused_with_the_line_to_write(
    lasting: Engine, unnamed: Callable[[HookCall], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        lasting.on_recovered(unnamed)
    assert lasting.subscriptions == []
    lasting.on_recovered(unnamed, name="mine")
    assert names(lasting) == ["recovered:*:mine"]


@pytest.mark.parametrize("unnamed", [each for each, _ in UNNAMED.values()], ids=UNNAMED)
def test_in_memory_any_hook_may_go_without_a_name(engine: Engine, unnamed: Callable[[HookCall], object]) -> None:
    engine.on_recovered(unnamed)
    engine.on_recovered(unnamed)
    assert names(engine)[1] == f"{names(engine)[0]}#2"


def test_the_line_to_write_has_the_word_that_the_hook_is_for(lasting: Engine) -> None:
    with pytest.raises(ValueError, match=r'Write: engine.on_entered\("OK", hook, name="hook"\)'):
        lasting.on_entered("OK", lambda call: None)


@pytest.mark.parametrize(
    ("named", "name"),
    [
        (hook, "hook"),
        (make(), "make.<locals>.made"),
        (Crm().send, "Crm.send"),
        (Crm.post, "Crm.post"),
    ],
)
def test_a_qualified_name_is_a_name(lasting: Engine, named: Callable[[HookCall], object], name: str) -> None:
    lasting.on_recovered(named)
    assert names(lasting) == [f"recovered:*:{__name__}.{name}"]


@pytest.mark.parametrize("again", [hook, make()], ids=["a function", "a closure"])
def test_a_second_hook_of_a_name_is_refused_as_which_is_which_depends_on_their_order(
    lasting: Engine, again: Callable[[HookCall], object]
) -> None:
    lasting.on_recovered(again)
    with pytest.raises(ValueError, match="another hook of this name is registered already"):
        lasting.on_recovered(again)
    lasting.on_deleted(again)


def test_a_store_says_whether_it_lasts(lasting: Engine, engine: Engine) -> None:
    assert (lasting.store.is_lasting, engine.store.is_lasting, PostgresStore.is_lasting) == (True, False, True)


# ---- One function under two module paths -------------------------------------------------------------------

HOOKS = "def backfill(call):\n    pass\n"

PROGRAM = """
import importlib, sys
from account_lifecycle import Engine
with Engine.open(sys.argv[1], observers=()) as engine:
    try:
        for module in sys.argv[2:]:
            engine.on_recovered(importlib.import_module(module).backfill)
        engine.run_hooks()
    except ValueError as error:
        print(error)
    else:
        print("registered")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "shop" / "crm"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text(HOOKS)
        (folder / "hooks.py").write_text(HOOKS)
    return tmp_path


def register(project: Path, folder: str, *modules: str) -> str:
    """What registering the hook of some modules comes to, in a process that runs in a folder of the project."""
    command = [sys.executable, "-c", PROGRAM, f"sqlite:///{project}/accounts.db", *modules]
    paths = [str(project), *sys.path]  # and the folder that it runs in
    ran = subprocess.run(
        command, cwd=project / folder, env={"PYTHONPATH": ":".join(paths)}, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("", "shop.hooks"), ("shop", "hooks")),
        (("shop", "hooks"), ("", "shop.hooks")),
        (("", "shop.crm"), ("shop", "crm")),
        (("shop/crm", "hooks"), ("", "shop.crm.hooks")),
    ],
    ids=["long, then short", "short, then long", "a package", "two folders up"],
)
def test_one_function_under_two_module_paths_in_two_processes_is_refused(
    project: Path, first: tuple[str, str], second: tuple[str, str]
) -> None:
    assert register(project, *first) == "registered"
    refused = register(project, *second)
    assert f"it is known as {first[1]}.backfill, too: the same file under another module path" in refused
    assert refused.endswith('Write: engine.on_recovered(backfill, name="backfill")')
    assert register(project, *first) == "registered"


def test_one_function_under_two_module_paths_in_one_process_is_refused(project: Path) -> None:
    refused = register(project, "shop", "shop.crm.hooks", "crm.hooks")
    assert "it is known as shop.crm.hooks.backfill, too" in refused


def test_functions_of_one_name_in_two_files_are_two_hooks(project: Path) -> None:
    assert register(project, "", "shop.hooks", "shop.crm.hooks", "shop", "shop.crm") == "registered"
    assert register(project, "", "shop.crm.hooks", "shop.hooks") == "registered"
