"""``worker``: run hooks in threads until a signal comes."""

import importlib
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from socket import socket, socketpair
from traceback import extract_tb
from types import FrameType, ModuleType

import click

from ..engine.core import MAX_THREADS, Engine
from ..records import DeliveryState
from ..report.words import counted
from .commands import BadSetting, Command, Failed
from .opening import open_to_write, read_settings
from .options import LENGTH, json_option, store_option
from .output import say, write_document
from .progress import STOP_SIGNALS

REGISTER = "register"
"""The function that registers the hooks by default."""
_OUTCOMES = {
    DeliveryState.DONE: "done",
    DeliveryState.WAITING: "to be retried",
    DeliveryState.DEAD: "dead-lettered",
    DeliveryState.HALTED: "dead-lettered, with their lanes waiting for a redrive",
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
    metavar="MODULE[:FUNCTION]",
    help="FUNCTION(engine) in MODULE registers your hooks.  [default: register]",
)
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=4, show_default=True, metavar="COUNT",
              help="Call up to this many hooks at a time.")  # fmt: skip
@click.option("--poll", type=LENGTH, default="1s", show_default=True, metavar="LENGTH",
              help="Look for what is due this often.")  # fmt: skip
@click.option("--once", is_flag=True, help="Run what is due now, each delivery once, and end.")
@json_option
@store_option
def worker(spec: str, threads: int, poll: timedelta, once: bool, as_json: bool, store: str | None) -> None:
    """Run your hooks in threads, until Ctrl-C or SIGTERM; calls that are running are waited for.

    Deadlines that have passed are looked for every minute, and hooks called for them; with --once they are not.

    Start as many workers as you like, on one machine or, with a server for a store, on several: each
    call is made by one of them, and the calls for one account and hook come in the order of the events.
    MODULE may be in the working directory.
    """
    with open_to_write(read_settings(store=store)) as engine:
        find_register(spec)(engine)
        if not engine.subscriptions:
            raise BadSetting(f"--hooks {spec}: it registered no hook. Write: engine.on_recovered(backfill)")
        if once:
            counts: Mapping[str, int] = Counter(str(outcome.state) for outcome in engine.run_hooks())
        else:
            counts = _run_until_stopped(engine, threads, poll)
    if as_json:
        write_document({str(state): counts.get(state, 0) for state in _OUTCOMES})
        return
    ended = [f"{counts[state]:,} {outcome}" for state, outcome in _OUTCOMES.items() if counts.get(state)]
    calls = f"{counted(sum(counts.values()), 'call')} made: {', '.join(ended)}" if ended else "nothing was due"
    say(calls if once else f"stopped: {calls}")


def find_register(spec: str) -> Callable[[Engine], object]:
    """Return the function that MODULE[:FUNCTION] names, or raise ``BadSetting``. It raises ``Failed`` if it fails."""
    name, _, path = spec.partition(":")
    if not all(word.isidentifier() for word in name.split(".")):
        raise BadSetting(f"--hooks {spec}: expected MODULE or MODULE:FUNCTION, such as hooks:{REGISTER}")
    found: object = _import(spec, name)
    for word in (path or REGISTER).split("."):
        found = getattr(found, word, None)
    if not callable(found):
        raise BadSetting(f"--hooks {spec}: there is no function {path or REGISTER!r} in {name}")
    function: Callable[[Engine], object] = found

    def register(engine: Engine) -> None:
        try:
            function(engine)
        except Exception as error:
            raise _failed(f"--hooks {spec}: {path or REGISTER}() failed", error) from error

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


_HERE = str(Path(__file__).parents[1])
"""Where this package is: an error that it raises is an error of the line that called it."""


def _failed(what: str, error: Exception) -> Failed:
    """Return an error of the user's code as one line that says where it was raised."""
    frames = extract_tb(error.__traceback__)
    frame = next((each for each in reversed(frames) if not each.filename.startswith(_HERE)), frames[-1])
    place = "" if frame.filename.startswith("<") else f" ({frame.filename}, line {frame.lineno})"
    return Failed(f"{what}: {type(error).__name__}: {error}{place}")


def _run_until_stopped(engine: Engine, threads: int, poll: timedelta) -> Mapping[str, int]:
    with _stoppable() as wait_for_stop:
        running = engine.start_runner(threads=threads, poll_s=poll.total_seconds())
        say(f"running {counted(len(engine.subscriptions), 'hook')} in {counted(threads, 'thread')}; stop with Ctrl-C")
        wait_for_stop()
        running.stop()
        return running.counts


@contextmanager
def _stoppable() -> Iterator[Callable[[], None]]:
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
