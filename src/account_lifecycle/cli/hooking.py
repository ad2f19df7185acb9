"""``hooks``: list hooks and their deliveries, redrive, enable and forget."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import NamedTuple

import click

from ..engine.core import Engine
from ..engine.diagnosis import age
from ..engine.known_hooks import DEAD_LETTERED
from ..errors import ConfigurationError
from ..lifecycle.wording import JsonObject, moment, time_text
from ..records import DeliveryFilter, DeliveryRecord, DeliveryState, SubscribedHook
from ..report.tables import Column
from ..report.words import counted
from .accounts import id_of
from .commands import CommandGroup, NotFound
from .opening import open_to_read
from .options import MOMENT, NUMBER, Keyword, json_option, limit_option, now_option, store_option
from .output import Sheet, clock, say, write_document, write_record

_OPEN = (DeliveryState.WAITING, DeliveryState.RUNNING, *DEAD_LETTERED)
_STYLES: dict[str, str] = {
    DeliveryState.WAITING: "",
    DeliveryState.RUNNING: "cyan",
    DeliveryState.DONE: "green",
    DeliveryState.DEAD: "bold red",
    DeliveryState.HALTED: "bold red",
    DeliveryState.WITHDRAWN: "dim",
}

state_option = click.option(
    "--state", type=Keyword(DeliveryState), metavar="STATE", help="Only deliveries in this state."
)
hook_option = click.option("--hook", metavar="NAME", help="Only deliveries of this hook.")
account_option = click.option("--account", "account_id", metavar="ID", help="Only deliveries for this account.")


class Standing(NamedTuple):
    """A hook, and how its deliveries stand."""

    hook: SubscribedHook
    counts: dict[DeliveryState, int]
    oldest_due: datetime | None

    def to_dict(self) -> JsonObject:
        """Return the JSON shape."""
        return self.hook.to_dict() | {
            **{state.value: self.counts[state] for state in _OPEN},
            "oldest_due_at": time_text(self.oldest_due),
        }


@click.group(
    cls=CommandGroup,
    short_help="Hooks, their deliveries, and redrives of dead letters",
    examples=[
        ("How do the hooks stand?", "account-lifecycle hooks list"),
        ("Which deliveries are dead-lettered, and why?", "account-lifecycle hooks deliveries --state dead"),
    ],
)
def hooks() -> None:
    """Hooks as the store knows them, and their deliveries."""


@hooks.command(
    "list",
    short_help="List hooks, with their open and dead deliveries",
    examples=[
        ("How every hook stands", "account-lifecycle hooks list"),
        ("The same for a program", "account-lifecycle hooks list --json"),
    ],
)
@now_option
@json_option
@store_option
def list_hooks(now: datetime, as_json: bool, store: str | None) -> None:
    """List hooks by name, each with how many of its deliveries wait, run and are dead-lettered.

    A hook is known from the first time that a process with it has run hooks, until it is forgotten.
    """
    with open_to_read(store) as engine:
        found, unplanned = _standings(engine), engine.store.waiting_effects()
    if as_json:
        for each in found:
            write_record(each.to_dict())
        return
    _write_standings(found, now)
    say(counted(len(found), "hook"))
    if unplanned:
        say(f"{counted(unplanned, 'event')} to be looked through for hooks that became known later")


@hooks.command(
    short_help="List deliveries, each with why it failed",
    examples=[
        ("Which deliveries are dead-lettered, and why", "account-lifecycle hooks deliveries --state dead"),
        ("Everything about one account, for a program", "account-lifecycle hooks deliveries --account acc_1 --json"),
    ],
)
@state_option
@hook_option
@account_option
@click.option("--after", type=NUMBER, metavar="NUMBER", default=None, help="Only deliveries after this one.")
@limit_option
@json_option
@store_option
def deliveries(
    state: str | None,
    hook: str | None,
    account_id: str | None,
    after: int | None,
    limit: int | None,
    as_json: bool,
    store: str | None,
) -> None:
    """List deliveries in the order in which they were made: one for each effect and each hook that wants it."""
    with open_to_read(store) as engine:
        if hook is not None:
            _find(engine, hook)
        which = DeliveryFilter(_state(state), hook, id_of(engine, account_id))
        found = islice(engine.store.deliveries(which, after or 0), limit)
        if as_json:
            for each in found:
                write_record(each.to_dict())
        else:
            say(counted(_write_deliveries(found), "delivery", "deliveries"))


@hooks.command(
    short_help="Try dead-lettered deliveries again",
    examples=[
        ("One, by its number", "account-lifecycle hooks redrive 17"),
        ("Everything of one hook", "account-lifecycle hooks redrive --hook connected:*:crm"),
        ("Everything that is dead-lettered", "account-lifecycle hooks redrive --all"),
    ],
)
@click.argument("numbers", metavar="[NUMBER]...", nargs=-1, type=NUMBER)
@click.option("--all", "is_all", is_flag=True, help="Everything that is dead-lettered.")
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
    """Try deliveries again: by number, or all that fit; without --state only those that are dead-lettered.

    Each becomes a new delivery under the same idempotency key, with all its attempts before it, and takes
    its old place among those of its account and hook. A worker, or run_hooks(), then calls the hook.
    """
    is_filtered = any((state, hook, account_id))
    if bool(numbers) + (is_all or is_filtered) != 1 or (is_all and is_filtered):
        raise ConfigurationError("redrive", "no choice, or two", "numbers, or --all, or --state, --hook and --account")
    with open_to_read(store) as engine:
        if hook is not None:
            _find(engine, hook)
        account_id = id_of(engine, account_id)
        made = _redrive(engine, numbers) if numbers else engine.redrive(state=state, hook=hook, account_id=account_id)
    if as_json:
        write_document({"redriven": len(made), "deliveries": made})
    else:
        say(f"{counted(len(made), 'delivery', 'deliveries')} to be tried again")


@hooks.command(
    short_help="Let a disabled hook go on",
    examples=[("After its receiver was repaired", "account-lifecycle hooks enable connected:*:crm")],
)
@click.argument("name")
@json_option
@store_option
def enable(name: str, as_json: bool, store: str | None) -> None:
    """Let a disabled hook go on with everything that waits for it; nothing was lost meanwhile."""
    with open_to_read(store) as engine:
        was = _find(engine, name)
        engine.enable_hook(name)
    if as_json:
        write_document({"hook": name, "was_disabled": was.disabled_at is not None})
    else:
        say(f"{name} is enabled" if was.disabled_at else f"{name} was enabled already")


@hooks.command(
    short_help="Leave out what has waited for too long",
    examples=[
        ("Nobody is to hear of what is older than a day", "account-lifecycle hooks skip connected:*:crm --before 1d")
    ],
)
@click.argument("name")
@click.option("--before", required=True, type=MOMENT, metavar="TIME", help="What waits of events received before then.")
@json_option
@store_option
def skip(name: str, before: datetime, as_json: bool, store: str | None) -> None:
    """Withdraw what waits for a hook of events received before a time; it is never called for it.

    This counts for events as well that are still to be looked through for a hook that became known later.
    """
    with open_to_read(store) as engine:
        _find(engine, name)
        count = engine.skip(name, before=before)
    if as_json:
        write_document({"hook": name, "withdrawn": count})
    else:
        say(f"{counted(count, 'delivery', 'deliveries')} withdrawn")


@hooks.command(
    short_help="Let a hook be known by another name",
    examples=[
        ("After its name was changed in the code", "account-lifecycle hooks rename connected:*:app.hooks.greet greet")
    ],
)
@click.argument("old")
@click.argument("new")
@json_option
@store_option
def rename(old: str, new: str, as_json: bool, store: str | None) -> None:
    """Let a hook be known by another name, with everything that waits for it.

    NEW is what the code says in name=. Whether a process with the new name has run already or not, nothing is
    called twice. Stop the workers that have the old one first.
    """
    with open_to_read(store) as engine:
        if not engine.rename_hook(old, new):
            _find(engine, old)
    if as_json:
        write_document({"hook": old, "renamed_to": new})
    else:
        say(f"{old} is {new} from now on")


@hooks.command(
    short_help="Forget a hook that nobody registers any more",
    examples=[("After it was taken out of the code", "account-lifecycle hooks forget connected:*:crm")],
)
@click.argument("name")
@json_option
@store_option
def forget(name: str, as_json: bool, store: str | None) -> None:
    """Forget a hook, and drop what waits for it. What is done or dead-lettered stays on record.

    A process that still registers it makes it known again when it starts.
    """
    with open_to_read(store) as engine:
        _find(engine, name)
        dropped = sum(_count(engine, name, state) for state in (DeliveryState.WAITING, DeliveryState.RUNNING))
        dropped += _count(engine, name, DeliveryState.HALTED)
        engine.forget_hook(name)
    if as_json:
        write_document({"hook": name, "dropped": dropped})
    else:
        say(f"{name} is forgotten, and with it {counted(dropped, 'delivery', 'deliveries')} that waited")


# ---- Finding -------------------------------------------------------------------------------------------


def _find(engine: Engine, name: str) -> SubscribedHook:
    found = next((hook for hook in engine.subscribed_hooks() if hook.name == name), None)
    if found is None:
        raise NotFound(f"there is no hook {name!r}. See: account-lifecycle hooks list")
    return found


def _redrive(engine: Engine, numbers: Sequence[int]) -> list[int]:
    """Redrive each by its number, and say which cannot be. Raise ``NotFound`` before any if one is not there."""
    for number in numbers:
        if next(iter(engine.store.deliveries(DeliveryFilter(delivery_id=number))), None) is None:
            raise NotFound(f"there is no delivery {number}. See: account-lifecycle hooks deliveries")
    made: list[int] = []
    for number in numbers:
        new = engine.redrive(number)
        made += new
        if not new:
            say(f"{number} is skipped: it is not finished, was redriven already, or its hook was forgotten")
    return made


def _standings(engine: Engine) -> list[Standing]:
    found = {
        hook.name: Standing(hook, dict.fromkeys(_OPEN, 0), None) for hook in engine.subscribed_hooks()
    }  # those that are done are not counted: there may be millions
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
    sheet = Sheet(
        *(Column(state.value, right=True, style=partial(_count_style, state)) for state in _OPEN),
        Column("oldest due", 10),
        Column("hook", 20),
    )
    for hook, counts, oldest_due in found:
        due = "" if oldest_due is None else "later" if oldest_due > now else f"{age(oldest_due, now)} ago"
        sheet.row(*(f"{counts[state]:,}" for state in _OPEN), due, hook.name)
        if hook.disabled_at:
            why = f"disabled since {moment(hook.disabled_at)}: {hook.disabled_reason}"
            sheet.note("      ! ", why, "disabled", "yellow")


def _count_style(state: DeliveryState, count: str) -> str:
    return "dim" if count == "0" else _STYLES[state]


def _write_deliveries(found: Iterable[DeliveryRecord]) -> int:
    """Write deliveries, one a line, each with its error below it, and return how many there were."""
    sheet = Sheet(
        Column("number", 6, right=True),
        Column("state", 7, style=lambda state: _STYLES.get(state, "")),
        Column("tries", 5, right=True),
        Column("due (UTC)", 19),
        Column("account", 22),
        Column("hook", 12),
    )
    for each in found:
        due = clock(each.due_at) if each.state is DeliveryState.WAITING else ""
        sheet.row(str(each.delivery_id), each.state, str(each.attempts), due, each.account_id, each.hook)
        if each.error:
            sheet.note("        ! ", each.error)
    return sheet.row_count
