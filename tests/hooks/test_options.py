"""A wrong option of a hook is refused by its name when the hook is registered, and nothing is.

The stories are made from ``HookOptions``: an option of a type that ``WRONG`` has no row for is red.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, get_type_hints

import pytest

from account_lifecycle import EffectKind, Engine, HookCall, OnDead
from account_lifecycle.hooks.options import HookOptions, Ordering, Since
from account_lifecycle.hooks.registry import OnSubject

WRONG: dict[Any, Sequence[object]] = {
    bool: (),
    str | None: (7, b"a", ["a"], "", " ", "a\nb"),
    int: ("1", 0, -1, 1.5, True, None, 2**63),
    Ordering: ("none such", 7, None, []),
    Since: ("none such", 7, None, [], datetime(2026, 5, 1)),
    OnDead | Literal["skip", "halt"]: ("none such", 7, None, []),
    timedelta | None: (5, "5s", timedelta(0), timedelta(-1), timedelta(days=10_000)),
}
"""Values that an option of a type may not have."""


def wrong_options() -> Iterator[Any]:
    for name, hint in get_type_hints(HookOptions).items():
        for number, value in enumerate(WRONG.get(hint, [WRONG])):
            yield pytest.param(name, value, id=f"{name}-{number}")


def hook(call: HookCall) -> None:
    pytest.fail("it was called")


@pytest.mark.parametrize(("name", "value"), [*wrong_options()])
def test_a_wrong_option_is_refused_by_its_name_and_the_hook_is_not_registered(
    name: str, value: object, account_engine: Engine
) -> None:
    assert value is not WRONG, f"which values are wrong for {name}? Its type needs a row of WRONG"
    options: dict[str, Any] = {name: value}
    for register in (account_engine.on_connected(**options), account_engine.on_entered("OK", **options)):
        with pytest.raises((TypeError, ValueError), match=rf"^{name}: found .*; expected "):
            register(hook)
    assert account_engine.subscriptions == []


@pytest.mark.parametrize("kind", EffectKind)
@pytest.mark.parametrize("wrong", ["LIV", 7, b"OK", None, object()])
def test_a_hook_that_cannot_be_called_or_a_word_that_there_is_not_is_refused(
    kind: EffectKind, wrong: Any, account_engine: Engine
) -> None:
    on: Callable[..., Any] = getattr(account_engine, f"on_{kind}")
    is_word = isinstance(on, OnSubject) and isinstance(wrong, str)
    with pytest.raises(
        (TypeError, ValueError), match="^subject: found 'LIV'; expected " if is_word else "^hook: found "
    ):
        on(None, wrong) if isinstance(on, OnSubject) and wrong is None else on(wrong)
    assert account_engine.subscriptions == []
