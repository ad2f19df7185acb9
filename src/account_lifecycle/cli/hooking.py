"""Asking about hooks: ``hooks list``, ``deliveries``, ``redrive``, ``enable`` and ``forget``.

Knows how hooks and their deliveries are shown and named; what becomes of a delivery, the library knows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import click

from ..engine.core import DEAD_LETTERED, Engine
from ..engine.diagnosis import age
from ..errors import ConfigurationError
from ..lifecycle.wording import JsonObject, moment, time_text
from ..records import DeliveryFilter, DeliveryRecord, DeliveryState, SubscribedHook
from ..report.words import counted
from .commands import Group, NotFound
from .opening import open_to_read
from .options import Words, json_option, now_option, store_option
from .output import Column, Sheet, clock, joined, say, screen, styled, write_json, write_json_line, write_paragraph

_OPEN = (DeliveryState.WAITING, DeliveryState.RUNNING, *DEAD_LETTERED)
_STYLES = {
    DeliveryState.WAITING: "",
    DeliveryState.RUNNING: "cyan",
    DeliveryState.DONE: "green",
    DeliveryState.DEAD: "bold red",
    DeliveryState.HALTED: "bold red",
}

state_option = click.option(
    "--state", type=Words(DeliveryState), metavar="STATE", help="Only deliveries in this state."
)
hook_option = click.option("--hook", metavar="NAME", help="Only deliveries of this hook.")
account_option = click.option("--account", "account_id", metavar="ID", help="Only deliveries for this account.")


class Standing(NamedTuple):
    """A hook, and how its deliveries stand."""

    hook: SubscribedHook
    counts: dict[DeliveryState, int]
    oldest_due: datetime | None

    def to_dict(self) -> JsonObject:
        """The same for programs."""
        return self.hook.to_dict() | {
            **{state.value: self.counts[state] for state in _OPEN},
            "oldest_due_at": time_text(self.oldest_due),
        }


@click.group(
    cls=Group,
    short_help="Hooks, their deliveries, and another try for what failed",
    examples=[
        ("How do the hooks stand?", "account-lifecycle hooks list"),
        ("What was given up, and why?", "account-lifecycle hooks deliveries --state dead"),
    ],
)
def hooks() -> None:
    """Hooks as the store knows them, and what becomes of their deliveries."""


@hooks.command(
    "list",
    short_help="List hooks, with what waits, runs and was given up",
    examples=[
        ("How every hook stands", "account-lifecycle hooks list"),
        ("The same for a program", "account-lifecycle hooks list --json"),
    ],
)
@now_option
@json_option
@store_option
def list_hooks(now: datetime, as_json: bool, store: str | None) -> None:
    """List hooks by name, each with how many of its deliveries wait, run and were given up.

    A hook is known from the first time that a process with it has run hooks, until it is forgotten.
    """
    with open_to_read(store) as engine:
        found, unplanned = _standings(engine), engine.store.waiting_effects()
    if as_json:
        for each in found:
            write_json_line(each.to_dict())
        return
    _write_standings(found, now)
    say(counted(len(found), "hook"))
    if unplanned:
        say(f"{counted(unplanned, 'event')} with effects that no hook was called for yet")


@hooks.command(
    short_help="List deliveries, each with why it failed",
    examples=[
        ("What was given up, and why", "account-lifecycle hooks deliveries --state dead"),
        ("Everything about one account, for a program", "account-lifecycle hooks deliveries --account acc_1 --json"),
    ],
)
@state_option
@hook_option
@account_option
@json_option
@store_option
def deliveries(state: str | None, hook: str | None, account_id: str | None, as_json: bool, store: str | None) -> None:
    """List deliveries in the order in which they were made: one for each effect and each hook that wants it."""
    with open_to_read(store) as engine:
        if hook is not None:
            _find(engine, hook)
        found = engine.store.deliveries(DeliveryFilter(_state(state), hook, account_id))
        if as_json:
            for each in found:
                write_json_line(each.to_dict())
        else:
            say(counted(_write_deliveries(found), "delivery", "deliveries"))


@hooks.command(
    short_help="Try again what was given up",
    examples=[
        ("One, by its number", "account-lifecycle hooks redrive 17"),
        ("Everything of one hook", "account-lifecycle hooks redrive --hook connected:*:crm"),
        ("Everything that was given up", "account-lifecycle hooks redrive --all"),
    ],
)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=click.IntRange(min=1))
@click.option("--all", "is_all", is_flag=True, help="Everything that was given up.")
@state_option
@hook_option
@account_option
@json_option
@store_option
def redrive(
    numbers: tuple[int, ...],
    is_all: bool,
    state: str | None,
    hook: str | None,
    account_id: str | None,
    as_json: bool,
    store: str | None,
) -> None:
    """Try deliveries again: by number, or all that fit, which without --state means what was given up.

    Each becomes a new delivery under the same idempotency key, with all its attempts before it, and takes
    its old place among those of its account and hook. A worker, or run_hooks(), then calls the hook.
    """
    is_filtered = any((state, hook, account_id))
    if bool(numbers) + (is_all or is_filtered) != 1 or (is_all and is_filtered):
        raise ConfigurationError("redrive", "no choice, or two", "numbers, or --all, or --state, --hook and --account")
    with open_to_read(store) as engine:
        if hook is not None:
            _find(engine, hook)
        made = _redrive(engine, numbers) if numbers else engine.redrive(state=state, hook=hook, account_id=account_id)
    if as_json:
        write_json({"redriven": len(made), "deliveries": made})
    else:
        say(f"{counted(len(made), 'delivery', 'deliveries')} to be tried again")


@hooks.command(
    short_help="Let a disabled hook go on",
    examples=[("After its receiver was mended", "account-lifecycle hooks enable connected:*:crm")],
)
@click.argument("name")
@json_option
@store_option
def enable(name: str, as_json: bool, store: str | None) -> None:
    """Let a hook that was disabled go on with everything that waits for it; nothing of it was lost."""
    with open_to_read(store) as engine:
        was = _find(engine, name)
        engine.enable_hook(name)
    if as_json:
        write_json({"hook": name, "was_disabled": was.disabled_at is not None})
    else:
        say(f"{name} is enabled" if was.disabled_at else f"{name} was enabled already")


@hooks.command(
    short_help="Forget a hook that nobody registers any more",
    examples=[("After it was taken out of the code", "account-lifecycle hooks forget connected:*:crm")],
)
@click.argument("name")
@json_option
@store_option
def forget(name: str, as_json: bool, store: str | None) -> None:
    """Forget a hook, and drop what waits for it. What it has done or given up stays on record.

    A process that still registers it makes it known again when it starts.
    """
    with open_to_read(store) as engine:
        _find(engine, name)
        dropped = sum(_count(engine, name, state) for state in (DeliveryState.WAITING, DeliveryState.RUNNING))
        dropped += _count(engine, name, DeliveryState.HALTED)
        engine.forget_hook(name)
    if as_json:
        write_json({"hook": name, "dropped": dropped})
    else:
        say(f"{name} is forgotten, and with it {counted(dropped, 'delivery', 'deliveries')} that waited")


# ---- Finding -------------------------------------------------------------------------------------------


def _find(engine: Engine, name: str) -> SubscribedHook:
    found = next((hook for hook in engine.subscribed_hooks() if hook.name == name), None)
    if found is None:
        raise NotFound(f"there is no hook {name!r}. See: account-lifecycle hooks list")
    return found


def _redrive(engine: Engine, numbers: Sequence[int]) -> list[int]:
    """Each by its number; one that cannot be redriven is told, one that is not there ends it before it begins."""
    for number in numbers:
        if next(iter(engine.store.deliveries(DeliveryFilter(delivery_id=number))), None) is None:
            raise NotFound(f"there is no delivery {number}. See: account-lifecycle hooks deliveries")
    made: list[int] = []
    for number in numbers:
        new = engine.redrive(number)
        made += new
        if not new:
            say(f"{number} is passed over: it is not finished, was redriven already, or its hook was forgotten")
    return made


def _standings(engine: Engine) -> list[Standing]:
    found = {
        hook.name: Standing(hook, dict.fromkeys(_OPEN, 0), None) for hook in engine.subscribed_hooks()
    }  # what is done may be millions, so nobody counts it
    for state in _OPEN:
        for record in engine.store.deliveries(DeliveryFilter(state)):
            if standing := found.get(record.hook):
                standing.counts[state] += 1
                if state is DeliveryState.WAITING:
                    oldest = min(record.due_at, standing.oldest_due or record.due_at)
                    found[record.hook] = standing._replace(oldest_due=oldest)
    return list(found.values())


def _count(engine: Engine, hook: str, state: DeliveryState) -> int:
    return sum(1 for _ in engine.store.deliveries(DeliveryFilter(state, hook)))


def _state(word: str | None) -> DeliveryState | None:
    return None if word is None else DeliveryState(word)


# ---- Showing -------------------------------------------------------------------------------------------


def _write_standings(found: Iterable[Standing], now: datetime) -> None:
    console = screen()
    sheet = Sheet(
        console,
        *(Column(state.value, right=True) for state in _OPEN),
        Column("oldest due", 10),
        Column("hook", 20),
    )
    for hook, counts, oldest_due in found:
        due = "" if oldest_due is None else "later" if oldest_due > now else f"{age(oldest_due, now)} ago"
        sheet.row(*(_number(counts[state], state) for state in _OPEN), due, hook.name)
        if hook.disabled_at:
            why = f"disabled since {moment(hook.disabled_at)}: {hook.disabled_reason}"
            write_paragraph(console, joined(styled(why, "yellow")), 8, first="      ! ")


def _number(count: int, state: DeliveryState) -> Any:
    return styled(f"{count:,}", _STYLES[state] if count else "dim")


def _write_deliveries(found: Iterable[DeliveryRecord]) -> int:
    console = screen()
    sheet = Sheet(
        console,
        Column("number", 6, right=True),
        Column("state", 7),
        Column("tries", 5, right=True),
        Column("due (UTC)", 19),
        Column("account", 22),
        Column("hook", 12),
    )
    count = 0
    for each in found:
        count += 1
        due = clock(each.due_at) if each.state is DeliveryState.WAITING else ""
        state = styled(each.state, _STYLES[each.state])
        sheet.row(str(each.delivery_id), state, str(each.attempts), due, each.account_id, each.hook)
        if each.error:
            write_paragraph(console, each.error, 10, first="        ! ")
    return count
