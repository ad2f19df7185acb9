"""How hooks are registered, and what types say about it."""

import re
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from account_lifecycle import AnomalyKind, Health, Status
from account_lifecycle.hooks.calls import CALL_TYPES, HookCall
from account_lifecycle.hooks.registry import HookRegistry
from account_lifecycle.lifecycle.effects import EffectKind

HERE = Path(__file__).parent
MINUTE = timedelta(minutes=1)
README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")


def hook(call: HookCall) -> None: ...


def terms(registry: HookRegistry) -> list[tuple[str, str | None]]:
    return [(each.terms.kind, each.terms.subject) for each in registry.subscriptions]


@pytest.mark.parametrize("kind", EffectKind)
def test_every_kind_of_effect_has_its_method_with_the_right_kind_of_call(kind: EffectKind) -> None:
    registry = HookRegistry()
    assert getattr(registry, f"on_{kind}")(hook) is hook
    assert terms(registry) == [(kind, None)]
    method = vars(HookRegistry)[f"on_{kind}"]
    assert get_args(get_type_hints(method.fget)["return"]) == (CALL_TYPES[kind],)
    assert method.__doc__.startswith("Call the hook when ")


@pytest.mark.parametrize("kind", EffectKind)
def test_every_method_takes_the_same_options_called_or_as_a_decorator(kind: EffectKind) -> None:
    registry = HookRegistry()
    options: dict[str, Any] = {"timeout": MINUTE, "attempts": 3, "ordering": "none", "on_dead": "skip"}
    assert getattr(registry, f"on_{kind}")(hook, name="one", **options) is hook
    assert getattr(registry, f"on_{kind}")(name="two", **options)(hook) is hook
    one, two = [each.terms for each in registry.subscriptions]
    assert (one.name, one.attempts_limit, one.is_ordered) == (f"{kind}:*:one", 3, False)
    assert one._replace(name=two.name) == two
    assert [each.timeout for each in registry.subscriptions] == [MINUTE, MINUTE]


def test_a_hook_may_be_for_one_word_only() -> None:
    registry = HookRegistry()
    registry.on_entered(Status.CREDENTIALS)(hook)
    registry.on_left("OK", hook)
    registry.on_health_changed(Health.LIVE, hook)
    registry.on_anomaly("STUCK")(hook)
    registry.on_anomaly(None)(hook)
    assert terms(registry) == [
        ("entered", Status.CREDENTIALS),
        ("left", Status.OK),
        ("health_changed", Health.LIVE),
        ("anomaly", AnomalyKind.STUCK),
        ("anomaly", None),
    ]


@pytest.mark.parametrize("kind", ["entered", "left", "health_changed", "anomaly"])
def test_a_word_that_there_is_not_is_refused_at_once(kind: str) -> None:
    with pytest.raises(ValueError, match="subject: found 'NO_SUCH_WORD'; expected "):
        getattr(HookRegistry(), f"on_{kind}")("NO_SUCH_WORD")


@pytest.mark.parametrize("kind", EffectKind)
@pytest.mark.parametrize("option", ["during_incident", "atempts"])
def test_an_option_that_there_is_not_is_refused_at_once_by_name(kind: EffectKind, option: str) -> None:
    with pytest.raises(
        TypeError, match=f"on_{kind}: found {option}; expected name, timeout, ordering, attempts, on_dead"
    ):
        getattr(HookRegistry(), f"on_{kind}")(**{option: None})


def generator(call: HookCall) -> Iterator[None]:
    yield


async def async_generator(call: HookCall) -> AsyncIterator[None]:
    yield


async def coroutine(call: HookCall) -> None: ...


class Crm:
    def __call__(self, call: HookCall) -> Iterator[None]:
        yield

    def send(self) -> None: ...


def keyword_only(*, call: HookCall) -> None: ...


NO_HOOKS: dict[str, tuple[object, str]] = {
    "a text": ("crm", "found 'crm'; expected something that can be called"),
    "a number": (17, "found 17; expected something that can be called"),
    "what a call returned": (hook(None), "found None; .*: pass the function itself, do not call it"),  # type: ignore[arg-type, func-returns-value]
    "a class": (Crm, r"found the class Crm, of which a call only makes an instance; expected .* Crm\(\.\.\.\)"),
    "a generator": (generator, r"found generator\(\), a generator, of which a call does nothing"),
    "an async generator": (async_generator, r"found async_generator\(\), a generator, of which a call does nothing"),
    "an instance that generates": (Crm(), r"found crm\(\), a generator, of which a call does nothing"),
    "a partial that generates": (partial(generator), r"found generator\(\), a generator, of which a call does nothing"),
    "no argument": (Crm().send, r"found send\(\) .*, which cannot be called with one argument: too many positional"),
    "two arguments": (
        lambda call, more: None,
        "cannot be called with one argument: missing a required argument: 'more'",
    ),
    "a keyword": (keyword_only, "cannot be called with one argument: too many positional arguments"),
    "a full partial": (partial(hook, None), "cannot be called with one argument"),
}


@pytest.mark.parametrize(("given", "message"), NO_HOOKS.values(), ids=NO_HOOKS)
def test_what_would_do_nothing_when_it_is_called_is_refused_at_once(given: object, message: str) -> None:
    registry = HookRegistry()
    register: Any = registry.on_recovered
    with pytest.raises(TypeError, match=message):
        register(given)
    with pytest.raises(TypeError, match=message):
        register(name="crm")(given)
    with pytest.raises(TypeError, match=message):
        registry.on_entered("OK", given)  # type: ignore[arg-type]
    assert registry.subscriptions == []


def test_a_coroutine_in_place_of_its_function_is_refused_and_closed() -> None:
    register: Any = HookRegistry().on_recovered
    with pytest.raises(
        TypeError, match=r"found <coroutine object coroutine .*: pass the function itself, do not call it"
    ):
        register(coroutine(None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [print, [].append, coroutine, partial(print, "call:"), lambda call, more=None: None, lambda *calls: None, min],
    ids=["a builtin", "a method", "a coroutine function", "a partial", "a default", "any number", "no signature"],
)
def test_whatever_takes_one_argument_is_a_hook(given: Any) -> None:
    registry = HookRegistry()
    assert registry.on_recovered(given) is given
    assert len(registry.subscriptions) == 1


@pytest.mark.parametrize(
    ("timeout", "error", "message"),
    [
        (30, TypeError, r"timeout: found 30; expected a length, such as timedelta\(seconds=30\), or None"),
        (timedelta(0), ValueError, "timeout: found 0:00:00; expected more than nothing and at most 1:00:00"),
        (timedelta(hours=2), ValueError, "timeout: found 2:00:00; expected more than nothing and at most 1:00:00"),
    ],
)
def test_a_timeout_is_a_length_of_at_most_an_hour(timeout: Any, error: type[Exception], message: str) -> None:
    registry = HookRegistry()
    with pytest.raises(error, match=message):
        registry.on_recovered(hook, timeout=timeout)
    assert registry.subscriptions == []


@pytest.mark.parametrize(
    ("name", "error"), [(17, TypeError), ("", ValueError), (" ", ValueError), ("a\nb", ValueError)]
)
def test_a_name_is_a_text_that_can_be_printed(name: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"name: found .*; expected a text"):
        HookRegistry().on_recovered(hook, name=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ordering": "global"}, "ordering: found 'global'"),
        ({"attempts": 0}, "attempts: found 0; expected a whole number from 1 to "),
        ({"attempts": "many"}, "attempts: found 'many'"),
        ({"on_dead": "panic"}, "panic"),
        ({"on_dead": "halt", "ordering": "none"}, "nothing waits"),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
    registry = HookRegistry()
    with pytest.raises(ValueError, match=message):
        registry.on_connected(hook, **options)
    assert registry.subscriptions == []


def test_a_name_may_serve_several_effects_but_only_one_hook_of_each() -> None:
    registry = HookRegistry()
    registry.on_entered("OK", hook, name="mine")
    registry.on_entered("ERROR", hook, name="mine")
    registry.on_left("OK", hook, name="mine")
    registry.on_anomaly(hook, name="mine")
    registry.on_anomaly("STUCK", hook, name="mine")
    for register in (registry.on_entered("OK", name="mine"), registry.on_anomaly("STUCK", name="mine")):
        with pytest.raises(ValueError, match=r"'mine' is registered for .* already: give another name"):
            register(hook)


# ---- Types -----------------------------------------------------------------------------------------------


def checked(*paths: Path) -> str:
    """What mypy says about files, judged as strictly as it can."""
    from mypy import api

    where = f"--python-executable={sys.executable}"
    options = ["--strict", "--no-error-summary", "--no-pretty", "--config-file=", where]
    out, errors, _ = api.run([*options, *map(str, paths)])
    return out + errors


def test_hooks_of_every_kind_pass_mypy_and_so_do_those_of_the_readme(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    readme = tmp_path / "readme.py"
    readme.write_text("\n".join(blocks))
    assert checked(HERE / "typed_hooks.py", readme) == ""


WRONG = """
from account_lifecycle import HookCall, RecoveredCall
from account_lifecycle.hooks.registry import HookRegistry

engine = HookRegistry()
engine.on_recovered(lambda call: print(call.blind_window.last_ok))
engine.on_action_required(lambda call: print(call.blind_window.opened_at))
engine.on_creation_failed(lambda call: print(call.account.status))
engine.on_deleted(attempts="many")

@engine.on_action_required
def backfill(call: RecoveredCall) -> None: ...

@engine.on_recovered(name="no call")
def nothing() -> None: ...

@engine.on_entered("OK")
def enter(call: RecoveredCall) -> None: ...
"""


def test_hooks_that_ask_a_call_for_what_it_does_not_have_fail(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(WRONG)
    lines = [int(line.split(":")[1]) for line in checked(path).splitlines() if " error: " in line]
    assert sorted(set(lines)) == [6, 7, 8, 9, 11, 14, 17]
