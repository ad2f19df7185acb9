"""What can be a hook, and the name that it is known by unless it is given one.

A hook is refused when it is registered, rather than recorded as done without having done anything.

Its name has to be the same in every process that registers it, for a delivery that one process has left is taken up
under that name by another. A name that cannot last (``why_not_lasting``), or that two module paths give to one function
(``twin_of``), is refused where the store lasts.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..lifecycle.wording import printable

MAIN = ("__main__", "__mp_main__")
"""What a program's own module is called while it runs, whatever its file is called."""


def check_hook(hook: object) -> None:
    """Raise ``TypeError`` unless calling ``hook`` with one argument does something."""
    if not callable(hook):
        if inspect.iscoroutine(hook):
            hook.close()
        hint = ": pass the function itself, do not call it" if hook is None or inspect.isawaitable(hook) else ""
        raise TypeError(f"hook: found {printable(repr(hook), 80)}; expected something that can be called{hint}")
    if isinstance(hook, type):
        raise TypeError(
            f"hook: found the class {hook.__name__}, of which a call only makes an instance; expected a function, or an"
            f" instance: {hook.__name__}(...)"
        )
    if any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in _layers(hook)):
        raise TypeError(
            f"hook: found {short_name(hook)}(), a generator, of which a call does nothing; expected one without yield"
        )
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):  # it does not say
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise TypeError(
            f"hook: found {short_name(hook)}{signature}, which cannot be called with one argument: {error};"
            f" expected {short_name(hook)}(call)"
        ) from None


def is_async(hook: object) -> bool:
    """Return whether a call of ``hook`` only makes a coroutine."""
    return any(map(inspect.iscoroutinefunction, _layers(hook)))


def name_of(hook: object) -> str:
    """Return what a hook is known by unless it is given a name: its module and qualified name."""
    return ".".join(filter(None, _path(hook)))


def short_name(hook: object) -> str:
    """Return what a hook may be called where it is written: its own name, its class, or ``hook``."""
    while isinstance(hook, partial):
        hook = hook.func
    name = str(getattr(hook, "__name__", type(hook).__name__.lower()))
    return name if name.isidentifier() else "hook"


def why_not_lasting(hook: object) -> str | None:
    """Return why another process may know the hook by another name, or another hook by this one; None if neither."""
    module, qualified_name = _path(hook)
    if isinstance(hook, partial):
        return "a partial has no name of its own"
    if not hasattr(hook, "__qualname__"):
        return f"an instance of {type(hook).__name__} has no name of its own"
    if "<lambda>" in qualified_name:
        return "a lambda has no name"
    if not module:
        return "it belongs to no module"
    if module in MAIN:
        return "it is in the program that runs, which other processes know by another name than __main__"
    return None


def twin_of(hook: object, others: Iterable[str]) -> str | None:
    """Return the name among ``others`` that the same function has under another module path; None if there is none.

    ``app.hooks.backfill`` and ``hooks.backfill`` are one function if both paths lead to one file.
    """
    module, qualified_name = _path(hook)
    for other in others:
        path, found, rest = other.partition(f".{qualified_name}")
        if found and not rest and path != module and _is_same_file(module, path):
            return other
    return None


def _is_same_file(module: str, path: str) -> bool:
    """Return whether ``path`` is, or would be in another process, another way to import the file of a module."""
    file, other = (getattr(sys.modules.get(name), "__file__", None) for name in (module, path))
    if file is None:
        return False
    if other is not None:
        return Path(file).resolve() == Path(other).resolve()
    here = Path(file).resolve().with_suffix("")
    parts = here.parent.parts if here.name == "__init__" else here.parts
    return parts[-len(path.split(".")) :] == tuple(path.split("."))


def _path(hook: object) -> tuple[str, str]:
    """Return a hook's module, blank if it has none, and its qualified name within that."""
    function: Any = hook if hasattr(hook, "__qualname__") else type(hook)
    return getattr(function, "__module__", None) or "", function.__qualname__


def _layers(hook: object) -> Iterator[object]:
    """Yield a hook, what it is a partial of, and what an instance does when it is called."""
    yield hook
    while isinstance(hook, partial):
        hook = hook.func
        yield hook
    if callable(hook):
        yield hook.__call__
