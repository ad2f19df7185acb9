"""What the hooks of an engine were called with, and what became of that: recorded, run to the end, and asserted.

A hook that fails is tried again and the feed goes on, by design; so a test in which one fails would pass. ``drain`` and
``assert_called`` raise what the hook raised, with its own traceback.
"""

from collections.abc import Callable
from typing import Any

from ..engine.core import Engine
from ..hooks.calls import HookCall
from ..hooks.registry import HookOutcome
from ..intake import arguments
from ..lifecycle.effects import EffectKind
from ..lifecycle.wording import one_of

MAX_ROUNDS = 100
"""How often ``drain`` runs what hooks have caused themselves, until it takes them for endless."""
MAX_LINES = 20
"""How many calls are shown by an assertion that fails: the latest."""


class HookRecord:
    """Every call of an engine's hooks since they are recorded, in the order in which the calls ended."""

    def __init__(self) -> None:
        self.outcomes: list[HookOutcome] = []
        self._raised = 0

    def __call__(self, outcome: HookOutcome) -> None:
        """Record what became of a call."""
        self.outcomes.append(outcome)

    def failures(self) -> list[HookOutcome]:
        """Return the calls that raised something since this was asked last."""
        latest = self.outcomes[self._raised :]
        self._raised += len(latest)
        return [outcome for outcome in latest if outcome.exception is not None]

    def raise_failures(self) -> None:
        """Raise what the first of ``failures`` raised; its notes name its call, and the others that failed."""
        failures = self.failures()
        if failures and (error := failures[0].exception) is not None:
            error.add_note(f"raised by the hook {failures[0]}")
            for other in failures[1:MAX_LINES]:
                error.add_note(f"besides failed {other}")
            raise error


def record_hooks(engine: Engine) -> HookRecord:
    """Record the calls of an engine's hooks from now on; return the record, which is the same one each time.

    The fixture ``account_engine`` does it. With an engine of your own, do it as soon as that is open.
    """
    record = _record_of(engine)
    if record is None:
        record = HookRecord()
        engine.watchers.append(record)
    return record


def drain(engine: Engine, *, raise_errors: bool = True) -> list[HookOutcome]:
    """Run every hook that is due, and what hooks cause themselves, until nothing is; return what happened, in order.

    What waits for a later time stays: move the clock. Raise the first exception of a hook since the last ``drain``,
    also if that was while events were fed, and if another attempt went well. ``raise_errors=False`` raises none, for
    tests of just that.
    """
    record, outcomes = record_hooks(engine), list[HookOutcome]()
    for _ in range(MAX_ROUNDS):
        latest = engine.run_hooks()
        outcomes += latest
        if not latest:
            break
    else:
        raise AssertionError(f"after {MAX_ROUNDS} rounds hooks are still due. The latest:\n{_listed(outcomes)}")
    if raise_errors:
        record.raise_failures()
    record.failures()
    return outcomes


def assert_called(
    engine: Engine,
    hook: Callable[..., Any] | str | None = None,
    *,
    times: int | None = None,
    account_id: str | None = None,
    kind: EffectKind | str | None = None,
    subject: str | None = None,
) -> list[HookCall]:
    """Assert that hooks were called, so many ``times`` or at least once; return the calls that fit, in order.

    ``hook`` is the function that was registered, or its name; ``account_id``, ``kind`` and ``subject`` are what the
    calls were about. ``times=0`` means never. Each attempt is a call. Raise ``AssertionError`` with the calls that
    there were, or what a hook has raised, if ``drain`` has not raised that before.
    """
    given = {
        "account_id": arguments.maybe(arguments.account_id, "account_id", account_id),
        "kind": None if kind is None else arguments.word("kind", kind, EffectKind),
        "subject": arguments.maybe(arguments.text, "subject", subject),
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    if times is not None:
        arguments.count("times", times, least=0)
    record = _record_of(engine)
    if record is None:
        raise AssertionError("the hooks of this engine are not recorded: call record_hooks(engine) once it is open")
    names = None if hook is None else _names(engine, hook)
    record.raise_failures()
    calls = [
        outcome.call
        for outcome in record.outcomes
        if names is None or outcome.hook in names
        if all(getattr(outcome.call, name) == value for name, value in wanted.items())
    ]
    if len(calls) == times or (times is None and calls):
        return calls
    which = ", ".join([one_of(tuple(names or ["a hook"])), *(f"{name} {value}" for name, value in wanted.items())])
    expected = "calls" if times is None else f"{times:,} calls" if times != 1 else "1 call"
    was_called = _listed(record.outcomes)
    raise AssertionError(f"expected {expected} of {which}; found {len(calls):,}. What was called:\n{was_called}")


def _record_of(engine: Engine) -> HookRecord | None:
    return next((watcher for watcher in engine.watchers if isinstance(watcher, HookRecord)), None)


def _names(engine: Engine, hook: Callable[..., Any] | str) -> list[str]:
    """Return the names under which a hook is registered. Raise ``AssertionError`` if it is not."""
    known = engine.subscriptions
    if isinstance(hook, str):
        names = [each.name for each in known if each.name == hook or each.name.endswith((f":{hook}", f".{hook}"))]
    else:
        names = [each.name for each in known if each.hook == hook]
    if not names:
        registered = "\n".join(f"  {each.name}" for each in known) or "  none"
        raise AssertionError(f"no such hook is registered: {arguments.in_short(hook)}. There are:\n{registered}")
    return names


def _listed(outcomes: list[HookOutcome]) -> str:
    lines = [f"  {outcome}" for outcome in outcomes[-MAX_LINES:]]
    more = len(outcomes) - len(lines)
    return "\n".join([*([f"  … {more:,} before these"] if more else []), *lines]) or "  nothing"
