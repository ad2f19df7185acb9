"""First the commit, then everything else; and whoever comes late, or from outside, loses nothing by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import apsw
import pytest

from account_lifecycle import Decision, Engine, HookCall, StoreError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import Event
from account_lifecycle.records import BEGINNING, DeliveryFilter, SubscribedHook
from account_lifecycle.stores.sqlite import SQLiteStore
from builders import T0, announced, as_it_is, webhook

pytest_plugins = ("postgres_server",)

PATIENCE_S = 20


@contextmanager
def commits_that_can_fail() -> Iterator[Signal]:
    """Every commit of a SQLite connection that is opened meanwhile fails while the signal is set."""
    failing = Signal()

    def install(connection: apsw.Connection) -> None:
        connection.set_commit_hook(failing.is_set)

    apsw.connection_hooks.append(install)
    try:
        yield failing
    finally:
        apsw.connection_hooks.remove(install)


def test_no_hook_hears_of_an_event_that_could_not_be_committed(tmp_path: Path) -> None:
    heard: list[HookCall] = []
    with commits_that_can_fail() as failing, Engine.open(f"sqlite:///{tmp_path}/a.db", observers=()) as engine:
        engine.on_connected(heard.append, name="heard")
        failing.set()
        with pytest.raises(StoreError):
            engine.feed_event(webhook("a", "OK"))
        assert (heard, engine.history("a")) == ([], [])
        failing.clear()
        engine.feed_event(webhook("a", "OK"))
        assert [call.sequence for call in heard] == [1]


def test_a_feed_waits_for_a_foreign_writer_before_it_reads(tmp_path: Path) -> None:
    """One that knows no lock but SQLite's: what is read before its commit could not be written after it."""
    store, foreign = SQLiteStore(tmp_path / "a.db"), apsw.Connection(str(tmp_path / "a.db"))
    ((version,),) = foreign.execute("PRAGMA user_version")
    foreign.execute(f"BEGIN IMMEDIATE; PRAGMA user_version = {version}").fetchall()
    is_judging = Signal()

    def judge(account: Account, event: Event) -> list[Decision]:
        is_judging.set()
        assert foreign_is_done.wait(PATIENCE_S)
        return [decide(account, event)]

    def finish() -> None:
        is_judging.wait(0.3)
        foreign.execute("COMMIT")
        foreign_is_done.set()

    foreign_is_done, thread = Signal(), Thread(target=finish)
    thread.start()
    try:
        assert store.advance([announced("a", "OK")], judge)[0].sequence == 1
    finally:
        thread.join()
        foreign.close()
        store.close()


@pytest.mark.parametrize(("since", "called_for"), [(None, ["after"]), (BEGINNING, ["after", "before"])])
def test_a_hook_that_becomes_known_during_a_feed_misses_nothing(
    database: str, since: datetime | None, called_for: list[str]
) -> None:
    """It waits for the feeds that are under way: each of them is before it, and whatever comes then knows it."""
    from account_lifecycle.stores.postgres import PostgresStore

    feeder, other = PostgresStore(database), PostgresStore(database)
    for known in other.subscribed():
        other.unsubscribe(known.name)
    is_judging, may_go_on = Signal(), Signal()

    def judge(account: Account, event: Event) -> list[Decision]:
        is_judging.set()
        assert may_go_on.wait(PATIENCE_S)
        return [decide(account, event)]

    hook = SubscribedHook(f"mail {since}", EffectKind.ENTERED, since=since)
    feeding = Thread(target=feeder.advance, args=([announced(f"before {since}", "OK")], judge))
    registering = Thread(target=other.subscribe, args=([hook], T0))
    feeding.start()
    try:
        assert is_judging.wait(PATIENCE_S)
        registering.start()
        registering.join(0.3)
        assert registering.is_alive()
    finally:
        may_go_on.set()
        feeding.join()
        registering.join()
    feeder.advance([announced(f"after {since}", "OK")], as_it_is)
    while other.plan(T0, 100):
        pass
    expected = [f"{word} {since}" for word in called_for]
    found = [record.account_id for record in other.deliveries(DeliveryFilter(hook=hook.name))]
    assert [account_id for account_id in found if account_id.endswith(str(since))] == expected
    feeder.close()
    other.close()


def test_the_digest_of_an_event_stands_for_everything_before_it(tmp_path: Path) -> None:
    heads = []
    for number, payload in enumerate((b"{}", b'{"x": 1}')):
        store = SQLiteStore(tmp_path / f"{number}.db")
        store.advance([announced("a", "OK", payload=payload), announced("a", "ERROR", 1)], as_it_is)
        heads.append(store.head())
        store.close()
    assert heads[0] != heads[1]
