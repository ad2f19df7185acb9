"""``worker``: your hooks, run in threads until somebody says stop.

Knows how hooks are found in a module, signals, and what to say at the end; running them is the library's.
"""

import importlib
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from socket import socket, socketpair
from traceback import extract_tb
from types import FrameType, ModuleType

import click

from ..engine.core import Engine
from ..records import DeliveryState
from ..report.words import counted
from .commands import BadSetting, Command, Failed
from .opening import open_to_write, read_settings
from .options import LENGTH, json_option, store_option
from .output import say, write_json

REGISTER = "register"
"""The function that is called for the hooks unless another is named."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FATES = {
    DeliveryState.DONE: "done",
    DeliveryState.WAITING: "to be called again",
    DeliveryState.DEAD: "given up",
    DeliveryState.HALTED: "given up, with their lanes waiting for a redrive",
    DeliveryState.RUNNING: "taken over by others",
}


@click.command(
    cls=Command,
    short_help="Run your hooks, until it is stopped",
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
@click.option("--threads", type=click.IntRange(1, 1_000), default=4, show_default=True, metavar="COUNT",
              help="Call so many hooks at a time.")  # fmt: skip
@click.option("--poll", type=LENGTH, default="1s", show_default=True, metavar="LENGTH",
              help="Look for what is due this often.")  # fmt: skip
@click.option("--once", is_flag=True, help="Run what is due by now, each delivery once, and end.")
@json_option
@store_option
def worker(spec: str, threads: int, poll: timedelta, once: bool, as_json: bool, store: str | None) -> None:
    """Run your hooks in threads, until Ctrl-C or SIGTERM; calls that are running are waited for.

    Start as many workers as you like, on one machine or, with a server for a store, on several: each
    call is made by one of them, and the calls for one account and hook come in the order of the events.
    MODULE is looked for in the working directory too.
    """
    with open_to_write(read_settings(store=store)) as engine:
        find_register(spec)(engine)
        if not engine.subscriptions:
            raise BadSetting(f"--hooks {spec}: it has registered no hook. Write: engine.on_recovered(backfill)")
        ended = _run_once(engine) if once else _run_on(engine, threads, poll)
    if as_json:
        write_json({str(state): ended.get(state, 0) for state in _FATES})
    else:
        say(f"stopped: {_told(ended)}" if not once else _told(ended))


def find_register(spec: str) -> Callable[[Engine], object]:
    """The function that a MODULE[:FUNCTION] names. Raises ``BadSetting`` if there is none, ``Failed`` if it fails."""
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
            told = f"there is no module {missing!r}, neither in {here} nor among those that are installed"
            raise BadSetting(f"--hooks {spec}: {told}") from error
        raise Failed(f"--hooks {spec}: {name} imports {missing!r}, which is not installed") from error
    except Exception as error:
        raise _failed(f"--hooks {spec}: {name} could not be imported", error) from error


def _failed(what: str, error: Exception) -> Failed:
    """Whatever goes wrong in somebody else's code, in one line that says where."""
    frame = extract_tb(error.__traceback__)[-1]
    place = "" if frame.filename.startswith("<") else f" ({frame.filename}, line {frame.lineno})"
    return Failed(f"{what}: {type(error).__name__}: {error}{place}")


def _run_once(engine: Engine) -> Mapping[str, int]:
    return Counter(str(outcome.state) for outcome in engine.run_hooks())


def _run_on(engine: Engine, threads: int, poll: timedelta) -> Mapping[str, int]:
    with _stoppable() as wait_for_stop:
        running = engine.start_runner(threads=threads, poll_s=poll.total_seconds())
        say(f"running {counted(len(engine.subscriptions), 'hook')} in {counted(threads, 'thread')}; stop with Ctrl-C")
        wait_for_stop()
        running.stop()
        return running.counts


@contextmanager
def _stoppable() -> Iterator[Callable[[], None]]:
    """Gives a way to wait for Ctrl-C or SIGTERM. A second one kills: what was running then is called again later.

    A signal may reach any thread, and a lock on which the main one waits would not hear of that: a socket does,
    into which the interpreter writes the signal's number, whichever thread it is on.
    """

    def kill_next_time(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    reader, writer = socketpair()
    with reader, writer:
        writer.setblocking(False)
        previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, kill_next_time) for number in _SIGNALS}
        try:
            yield lambda: _read_until_one_of(_SIGNALS, reader)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)


def _read_until_one_of(numbers: Collection[int], reader: socket) -> None:
    while reader.recv(1)[0] not in numbers:
        pass


def _told(ended: Mapping[str, int]) -> str:
    calls = counted(sum(ended.values()), "call")
    fates = [f"{ended[state]:,} {fate}" for state, fate in _FATES.items() if ended.get(state)]
    return f"{calls} made: {', '.join(fates)}" if fates else "nothing was due"
