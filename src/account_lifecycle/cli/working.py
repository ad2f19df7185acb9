"""``worker``: run hooks in threads until a signal comes."""

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from socket import socket, socketpair
from types import FrameType

import click

from ..engine.core import MAX_THREADS, Engine, utc_now
from ..engine.diagnosis import age
from ..engine.waiting import OLD, WaitingCalls
from ..hooks.calling import RunningCall
from ..hooks.confirming import AskVendor
from ..hooks.worker import Worker
from ..lifecycle.wording import JsonObject, lasting, moment, time_text
from ..records import DeliveryFilter, DeliveryState
from ..report.words import counted
from ..stores.opening import is_same_store
from ..urls import public_url
from .commands import BadSetting, Command
from .loading import Register, find_hooks
from .opening import asking_for, open_to_write, read_settings
from .options import LENGTH, json_option, store_option
from .output import say, write_document
from .progress import STOP_SIGNALS

_OUTCOMES = {
    DeliveryState.DONE: "done",
    DeliveryState.WAITING: "to be retried",
    DeliveryState.DEAD: "dead-lettered",
    DeliveryState.HALTED: "dead-lettered, with their lanes waiting for a redrive",
    DeliveryState.WITHDRAWN: "withdrawn as over",
    DeliveryState.RUNNING: "lost to another worker",
}


@click.command(
    cls=Command,
    short_help="Run your hooks until stopped",
    examples=[
        ("Run the hooks that register(engine) in hooks.py registers", "account-lifecycle worker --hooks hooks"),
        ("Eight at a time, from a package of yours", "account-lifecycle worker --hooks shop.crm:hooks --threads 8"),
        ("From cron: run what is due, and end", "account-lifecycle worker --hooks hooks --once"),
    ],
)
@click.option(
    "--hooks",
    "spec",
    required=True,
    metavar="MODULE[:NAME]",
    help="NAME in MODULE: a function(engine) that registers your hooks, or an engine.  [default: register or engine]",
)
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=4, show_default=True, metavar="COUNT",
              help="Call up to this many hooks at a time.")  # fmt: skip
@click.option("--poll", type=LENGTH, default="1s", show_default=True, metavar="LENGTH",
              help="Look for what is due this often.")  # fmt: skip
@click.option("--stop-timeout", type=LENGTH, default="30s", show_default=True, metavar="LENGTH",
              help="When stopped, wait this long for calls that are running.")  # fmt: skip
@click.option("--once", is_flag=True, help="Run what is due now, each delivery once, and end.")
@click.option("--dry-run", is_flag=True, help="Say what would be called, call nothing, and end.")
@click.option("--catch-up", is_flag=True, help="Call also what has been due for more than an hour.")
@json_option
@store_option
def worker(
    spec: str,
    threads: int,
    poll: timedelta,
    stop_timeout: timedelta,
    once: bool,
    dry_run: bool,
    catch_up: bool,
    as_json: bool,
    store: str | None,
) -> None:
    """Run your hooks in threads, until Ctrl-C or SIGTERM.

    Then calls that are running are waited for, as long as --stop-timeout says; those that are left are
    made again later, by any worker. A second signal ends it at once.

    Deadlines that have passed are looked for every minute, and hooks called for them; with --once they are not.
    Before hooks with confirm=True the vendor is asked, with the URL and the key of the settings.

    Start as many workers as you like, on one machine or, with a server for a store, on several: each
    call is made by one of them, and the calls for one account and hook come in the order of the events.
    What has been due for more than an hour is old news, perhaps to people: with any of it, a worker starts only
    with --catch-up, or once it was left out by `hooks skip`. See it by --dry-run.

    MODULE may be in the working directory. An engine of its own has to be on the store that --store
    names, if that is given.
    """
    engine, left = _engine_of(find_hooks(spec), spec, store), list[RunningCall]()
    try:
        if not engine.subscriptions:
            raise BadSetting(f"--hooks {spec}: it registered no hook. Write: engine.on_recovered(backfill)")
        if dry_run:
            _say_waiting(engine.waiting_calls(), as_json)
            return
        if not catch_up:
            _check_age(engine.waiting_calls())
        unregistered, ask = _say_unregistered(engine), asking_for(engine, read_settings(store=store))
        if once:
            counts: Mapping[str, int] = Counter(str(outcome.state) for outcome in engine.run_hooks(ask=ask))
        else:
            running = _run_until_stopped(engine, ask, threads, poll, stop_timeout)
            counts, left = running.counts, running.running_calls
    finally:
        engine.close(timeout_s=0)  # whatever runs was waited for already
    for call in left:
        how = "timed out, and runs on" if call.is_stuck else "left running; it is made again"
        say(f"{call.hook} for {call.account_id or 'no account'} since {moment(call.since)}: {how}")
    if as_json:
        ended = {str(state): counts.get(state, 0) for state in _OUTCOMES}
        write_document(ended | {"left": [call.to_dict() for call in left], "unregistered": unregistered})
        return
    ends = [f"{counts[state]:,} {outcome}" for state, outcome in _OUTCOMES.items() if counts.get(state)]
    calls = f"{counted(sum(counts.values()), 'call')} made: {', '.join(ends)}" if ends else "nothing was due"
    say(calls if once else f"stopped: {calls}")


def _engine_of(found: Engine | Register, spec: str, store: str | None) -> Engine:
    """Return the engine with the hooks: the one that was found, or one on the store of the settings.

    Raise ``BadSetting`` if the engine that was found is on another store than the settings name, or on none that lasts.
    """
    settings = read_settings(store=store)
    if not isinstance(found, Engine):
        engine = open_to_write(settings)
        try:
            found(engine)
        except BaseException:
            engine.close()
            raise
        return engine
    if not found.store.is_lasting:
        raise BadSetting(f"--hooks {spec}: found an engine on memory:, which no other process can feed")
    if "store" in settings.model_fields_set and not (found.url and is_same_store(found.url, settings.store)):
        own = "a store that was handed in" if found.url is None else public_url(found.url)
        raise BadSetting(f"--hooks {spec}: found an engine on {own}; expected the store {public_url(settings.store)}")
    return found


def _say_waiting(waiting: Sequence[WaitingCalls], as_json: bool) -> None:
    """Say what a worker would call."""
    if as_json:
        write_document({"would_call": [each.to_dict() for each in waiting]})
        return
    for each in waiting:
        due = counted(each.due, "delivery", "deliveries")
        parts = [f"{due} due"]
        if each.oldest_due is not None:
            parts.append(f"the oldest for {age(each.oldest_due, utc_now())}")
        if each.later:
            parts.append(f"{each.later:,} later")
        if each.events:
            parts.append(f"{counted(each.events, 'event')} to be looked through")
        say(f"{each.hook}: {', '.join(parts)}{' (the store does not know it yet)' if each.is_new else ''}")


def _check_age(waiting: Sequence[WaitingCalls]) -> None:
    """Refuse to begin with what is old news."""
    old = [each for each in waiting if each.is_old]
    if not old:
        return
    _say_waiting(old, as_json=False)
    name = old[0].hook
    leave = "register it without since=" if old[0].is_new else f"account-lifecycle hooks skip {name} --before 1h"
    raise BadSetting(
        f"{name}: found calls older than {lasting(OLD)}. To make them: --catch-up. To leave them out: {leave}"
    )


def _say_unregistered(engine: Engine) -> JsonObject:
    """Say which hooks the store knows that are not registered here, and return what waits for each."""
    registered, now = {subscription.name for subscription in engine.subscriptions}, utc_now()
    found: JsonObject = {}
    for hook in engine.subscribed_hooks():
        if hook.name in registered:
            continue
        waiting, oldest = 0, None
        for record in engine.store.deliveries(DeliveryFilter(DeliveryState.WAITING, hook.name)):
            waiting, oldest = waiting + 1, min(record.due_at, oldest or record.due_at)
        found[hook.name] = {"waiting": waiting, "oldest_due_at": time_text(oldest)}
        since = f", the oldest due {age(oldest, now)} ago" if oldest is not None and oldest <= now else ""
        waits = f"{counted(waiting, 'delivery', 'deliveries')} {'waits' if waiting == 1 else 'wait'}{since}"
        say(f"not registered here: {hook.name}; {waits if waiting else 'nothing waits for it'}")
    if found:
        say("  Run a worker with these hooks, or if they are gone for good: account-lifecycle hooks forget NAME")
    return found


def _run_until_stopped(
    engine: Engine, ask: AskVendor | None, threads: int, poll: timedelta, longest: timedelta
) -> Worker:
    with stoppable() as wait_for_stop:
        running = engine.start_runner(threads=threads, poll_s=poll.total_seconds(), ask=ask)
        say(f"running {counted(len(engine.subscriptions), 'hook')} in {counted(threads, 'thread')}; stop with Ctrl-C")
        wait_for_stop()
        if calls := running.running_calls:
            say(f"stopping: waiting for {counted(len(calls), 'call')}, {lasting(longest)} at most; again to kill")
        running.stop(longest.total_seconds())
        return running


@contextmanager
def stoppable() -> Iterator[Callable[[], None]]:
    """Yield a function that waits for Ctrl-C or SIGTERM. A second one kills: running calls are repeated later.

    A signal may reach any thread, and does not wake the main one if that waits for a lock. A socket does: the
    interpreter writes the signal's number into it, whichever thread it runs on.
    """

    def kill_next_time(_number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    reader, writer = socketpair()
    with reader, writer:
        writer.setblocking(False)
        previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, kill_next_time) for number in STOP_SIGNALS}
        try:
            yield lambda: _wait_for_signal(reader)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)


def _wait_for_signal(reader: socket) -> None:
    while reader.recv(1)[0] not in STOP_SIGNALS:
        pass
