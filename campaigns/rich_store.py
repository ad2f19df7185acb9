"""A store with every kind of row: what the bit-rot campaign spoils.

Knows the public side of the engine only, and does without what the engine cannot do yet.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from account_lifecycle import Engine, HookCall
from account_lifecycle.testing import Clock

from .webhooks import LATER, T0, feed_on, names, webhooks

ATTEMPTS = 12
"""After so many runs, days apart, a hook that always fails is given up."""
LARGE = 12_000
"""The padding of webhooks that do not fit on a page, in bytes."""


def make_rich_store(path: Path, events: int, seed: int) -> None:
    """A checkpointed and closed file: about so many events, with all that may come of them."""
    clock = Clock()
    url = f"sqlite:///{path}"
    accounts = names("account", max(4, events // 40))
    with Engine.open(url, clock=clock, observers=()) as engine:
        feed_on(engine, webhooks(seed, events * 7 // 10, accounts, padding=200))
        feed_on(engine, webhooks(seed + 1, events // 20, accounts, padding=LARGE))
        _run_hooks(engine, clock)
        engine.check_deadlines(LATER)
        _call(engine, "erase_account", accounts[0])
        _call(engine, "prune", T0 + timedelta(minutes=events // 10), path.with_name("archive.jsonl.gz"))
    with Engine.open(url, clock=clock, observers=()) as engine:  # without hooks: what comes of it waits
        feed_on(engine, webhooks(seed + 2, events // 4, accounts, padding=200))


def _run_hooks(engine: Engine, clock: Clock) -> None:
    """Deliveries that are done, that failed, and that were given up."""
    engine.on_connected(_succeed)
    engine.on_recovered(_succeed)
    engine.on_creation_failed(_fail)
    for _ in range(ATTEMPTS):
        clock.now += timedelta(days=1)
        engine.run_hooks()


def _succeed(call: HookCall) -> None:
    del call


def _fail(call: HookCall) -> None:
    raise ConnectionError(f"nobody listens to {call.key}")


def _call(engine: Engine, name: str, *arguments: object) -> None:
    """Do what the engine may not be able to do yet."""
    method: Callable[..., Any] | None = getattr(engine, name, None)
    if method is not None:
        method(*arguments)
