"""Your own code: the hooks that MODULE[:NAME] names, as a function that registers them or an engine that has them."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from ..engine.core import Engine
from .commands import BadSetting, Failed

REGISTER, ENGINE = "register", "engine"
"""The function that registers hooks, and the engine that has them, unless they are named."""
_HERE = str(Path(__file__).parents[1])
"""Where this package is: an error that it raises is an error of the line that called it."""

Register = Callable[[Engine], object]


def find_hooks(spec: str) -> Engine | Register:
    """Return the engine or the function that MODULE[:NAME] names; without a name, the one of both that MODULE has.

    Raise ``BadSetting`` if there is none, or both, and ``Failed`` if the module cannot be imported.
    """
    name, _, path = spec.partition(":")
    if not all(word.isidentifier() for word in name.split(".")):
        raise BadSetting(f"--hooks {spec}: expected MODULE or MODULE:NAME, such as hooks:{REGISTER}")
    module = _import(spec, name)
    if path:
        found = _within(module, path)
        if found is None:
            raise BadSetting(f"--hooks {spec}: there is no function and no engine {path!r} in {name}")
        return found if isinstance(found, Engine) else _guarded(spec, path, found)
    register, engine = _within(module, REGISTER), _within(module, ENGINE)
    if isinstance(engine, Engine):
        if register is not None:
            raise BadSetting(
                f"--hooks {spec}: {name} has {REGISTER}(), which registers hooks with the engine of the worker, and an"
                f" engine of its own. Say which: --hooks {name}:{REGISTER} or --hooks {name}:{ENGINE}"
            )
        return engine
    if register is None or isinstance(register, Engine):
        raise BadSetting(
            f"--hooks {spec}: there is no function {REGISTER!r} and no engine {ENGINE!r} in {name}."
            f" Write: def {REGISTER}(engine): engine.on_recovered(backfill)"
        )
    return _guarded(spec, REGISTER, register)


def find_register(spec: str) -> Register:
    """Return the function that MODULE[:FUNCTION] names, as ``find_hooks`` does; raise ``BadSetting`` for an engine."""
    found = find_hooks(spec)
    if isinstance(found, Engine):
        raise BadSetting(
            f"--hooks {spec}: found an engine, which was opened already; expected a function: {REGISTER}(engine)"
        )
    return found


def _within(module: ModuleType, path: str) -> Engine | Register | None:
    """Return the engine or what can be called at a dotted path; None if there is neither."""
    found: object = module
    for word in path.split("."):
        found = getattr(found, word, None)
    return found if isinstance(found, Engine) or callable(found) else None


def _guarded(spec: str, path: str, function: Register) -> Register:
    """Return the function, whose errors are one line that says where in the user's code."""

    def register(engine: Engine) -> None:
        try:
            function(engine)
        except Exception as error:
            raise _failed(f"--hooks {spec}: {path}() failed", error) from error

    return register


def _import(spec: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise BadSetting(f"--hooks {spec}: no module {missing!r} is in {here} or installed") from error
        raise Failed(f"--hooks {spec}: {name} imports {missing!r}, which is not installed") from error
    except Exception as error:
        raise _failed(f"--hooks {spec}: {name} could not be imported", error) from error


def _failed(what: str, error: Exception) -> Failed:
    """Return an error of the user's code as one line that says where it was raised."""
    frames = extract_tb(error.__traceback__)
    frame = next((each for each in reversed(frames) if not each.filename.startswith(_HERE)), frames[-1])
    place = "" if frame.filename.startswith("<") else f" ({frame.filename}, line {frame.lineno})"
    return Failed(f"{what}: {type(error).__name__}: {error}{place}")
