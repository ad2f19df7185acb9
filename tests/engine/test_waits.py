"""Nobody waits for ever: every public call of an engine comes back while threads feed it without pause.

The bound is generous, because the machine may be busy; without an order among those who write, calls came back only
when the feeding ended.
"""

import asyncio
import inspect
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from account_lifecycle import Engine, HookCall, StoreError
from account_lifecycle.engine.observations import Observation
from account_lifecycle.lifecycle.effects import EffectKind
from builders import webhook

FEEDERS = 4
LONGEST_S = 10.0
"""How long a call may take, in seconds."""
WORDS = ("OK", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "ODD")


def hear(call: HookCall) -> None:
    """A hook that does nothing."""


Act = Callable[[Engine, Path], object]

CALLS: dict[str, Act] = {
    "account": lambda engine, _: engine.account("a-0"),
    "accounts": lambda engine, _: engine.accounts(),
    "afeed_body": lambda engine, _: asyncio.run(
        engine.afeed_body(b'{"AccountStatus": {"account_id": "b", "message": "OK"}}')
    ),
    "afeed_event": lambda engine, _: asyncio.run(engine.afeed_event(webhook("b", "OK"))),
    "audit": lambda engine, _: engine.audit(),
    "blind_windows": lambda engine, _: engine.blind_windows(),
    "check_deadlines": lambda engine, _: engine.check_deadlines(),
    "close": lambda engine, _: engine.close(),
    "deliveries": lambda engine, _: engine.deliveries(),
    "dismiss_quarantined": lambda engine, _: engine.dismiss_quarantined([1]),
    "enable_hook": lambda engine, _: engine.enable_hook("heard"),
    "erase_account": lambda engine, _: engine.erase_account("a-0"),
    "events": lambda engine, _: engine.events(limit=10),
    "explain": lambda engine, _: engine.explain("a-0"),
    "facets": lambda engine, _: engine.facets(),
    "feed_body": lambda engine, _: engine.feed_body(b'{"AccountStatus": {"account_id": "b", "message": "OK"}}'),
    "feed_event": lambda engine, _: engine.feed_event(webhook("b", "OK")),
    "feed_events": lambda engine, _: list(engine.feed_events([webhook("b", "OK")])),
    "find_accounts": lambda engine, _: engine.find_accounts("a-"),
    "forget_hook": lambda engine, _: engine.forget_hook("nobody's"),
    "health_spans": lambda engine, _: engine.health_spans("a-0", since=datetime.now(UTC) - timedelta(days=1)),
    "history": lambda engine, _: engine.history("a-0"),
    "iter_accounts": lambda engine, _: list(engine.iter_accounts()),
    "iter_audit": lambda engine, _: list(engine.iter_audit()),
    "iter_blind_windows": lambda engine, _: list(engine.iter_blind_windows()),
    "iter_deliveries": lambda engine, _: list(engine.iter_deliveries()),
    "iter_events": lambda engine, _: list(engine.iter_events()),
    "iter_history": lambda engine, _: list(engine.iter_history("a-0")),
    "iter_quarantine": lambda engine, _: list(engine.iter_quarantine()),
    "last_reconciliation": lambda engine, _: engine.last_reconciliation(),
    "machine_for": lambda engine, _: engine.machine_for("a-0"),
    "now": lambda engine, _: engine.now(),
    "observe": lambda engine, _: engine.observe("b", "OK"),
    "observe_all": lambda engine, _: engine.observe_all([Observation("b", "OK")]),
    "open": lambda engine, folder: Engine.open(f"sqlite:///{folder}/accounts.db", observers=()).close(),
    "overview": lambda engine, _: engine.overview(),
    "prune": lambda engine, folder: engine.prune(datetime.now(UTC) + timedelta(hours=1), folder / "old.jsonl.gz"),
    "quarantine": lambda engine, _: engine.quarantine(),
    "quarantine_groups": lambda engine, _: engine.quarantine_groups(),
    "reconciliations": lambda engine, _: engine.reconciliations(),
    "redrive": lambda engine, _: engine.redrive(),
    "rename_hook": lambda engine, _: engine.rename_hook("anomaly:*:unknown", "known"),
    "replay_quarantine": lambda engine, _: engine.replay_quarantine(),
    "run_hooks": lambda engine, _: engine.run_hooks(),
    "skip": lambda engine, _: engine.skip("anomaly:*:heard", before=datetime.now(UTC) - timedelta(minutes=1)),
    "start_runner": lambda engine, _: engine.start_runner(),
    "stop_runner": lambda engine, _: (engine.start_runner(), engine.stop_runner()),
    "subscribe": lambda engine, _: engine.subscribe(EffectKind.ANOMALY, None, hear, "again"),
    "subscribed_hooks": lambda engine, _: engine.subscribed_hooks(),
    "unpruned": lambda engine, _: engine.unpruned(datetime.now(UTC)),
    "verify": lambda engine, _: engine.verify(),
    "verify_against_definition": lambda engine, _: engine.verify_against_definition(),
    "waiting_calls": lambda engine, _: engine.waiting_calls(),
}
"""One call of each public method; those that register a hook are alike."""

REGISTERING = [name for name in dir(Engine) if name.startswith("on_")]
SUBJECTS = {"on_entered": ("OK",), "on_left": ("OK",)}


def register(name: str) -> Act:
    return lambda engine, _: getattr(engine, name)(*SUBJECTS.get(name, ()))(hear)


@contextmanager
def fed(folder: Path, hook: Callable[[HookCall], None] = hear) -> Iterator[Engine]:
    """An engine with a hook that threads feed without pause."""
    is_over, has_begun = Event(), Event()
    engine = Engine.open(f"sqlite:///{folder}/accounts.db", observers=())
    engine.on_anomaly(hook, name="heard")

    def feed(number: int) -> None:
        count = 0
        while not is_over.is_set():
            try:
                engine.feed_event(webhook(f"a-{number * 10 + count % 10}", WORDS[count // 10 % len(WORDS)]))
            except StoreError:  # it was closed
                return
            count += 1
            if count == 20:
                has_begun.set()

    threads = [Thread(target=feed, args=(number,), daemon=True) for number in range(FEEDERS)]
    for thread in threads:
        thread.start()
    assert has_begun.wait(30)
    try:
        yield engine
    finally:
        is_over.set()
        for thread in threads:
            thread.join(30)
        engine.close()


def test_every_public_call_is_tried() -> None:
    public = {name for name, _ in inspect.getmembers_static(Engine) if not name.startswith("_")}
    assert CALLS.keys() | set(REGISTERING) == public


@pytest.mark.parametrize("name", [*CALLS, *REGISTERING])
def test_a_call_comes_back_while_threads_feed(name: str, tmp_path: Path) -> None:
    act, outcome = CALLS.get(name) or register(name), list[BaseException | None]()

    def call() -> None:
        try:
            act(engine, tmp_path)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)

    with fed(tmp_path) as engine:
        caller = Thread(target=call, daemon=True)
        caller.start()
        caller.join(LONGEST_S)
        is_back = not caller.is_alive()
    assert is_back, f"{name} took longer than {LONGEST_S:g} s"
    assert outcome == [None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are those of POSIX")
def test_a_fork_comes_back_while_threads_feed(tmp_path: Path) -> None:
    with fed(tmp_path):
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert time.monotonic() - began < LONGEST_S


def test_the_runner_calls_hooks_while_threads_feed(tmp_path: Path) -> None:
    called = [Event() for _ in range(20)]

    def hook(call: HookCall) -> None:
        next((event for event in called if not event.is_set()), called[0]).set()

    with fed(tmp_path, hook) as engine:
        engine.start_runner()
        ends = time.monotonic() + LONGEST_S
        assert all(event.wait(max(0.0, ends - time.monotonic())) for event in called)
