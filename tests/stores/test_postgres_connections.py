"""Connections that break: whatever is lost on the way, an event is kept once, and its caller is told the truth."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from account_lifecycle.errors import StoreBusy, StoreError, StoreFull
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import Event as LifeEvent
from account_lifecycle.records import AccountFilter, DeliveryState, Refused
from account_lifecycle.stores.postgres import PostgresStore, connection, transactions
from builders import T0, announced, as_it_is, at
from postgres_server import PostgresServer, PrivateServer, private_server
from stores.cutting import Cut, Wire, wire_to
from stores.hooks import claim, claim_one, completed, feed, hook, planned, records, states

pytest_plugins = ("postgres_server",)


SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'account-lifecycle'"


@pytest.fixture
def store(database: str, emptied: Callable[[], str]) -> Iterator[PostgresStore]:
    store = PostgresStore(database)
    emptied()
    yield store
    store.close()


@contextmanager
def raw(url: str) -> Iterator[psycopg.Connection]:
    """Somebody else's connection, whose transaction is rolled back in the end."""
    with psycopg.connect(url) as connection:
        yield connection
        connection.rollback()


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def end_all_sessions(url: str) -> int:
    """As an administrator would: every session of the store's."""
    return len(ask(url, f"SELECT pg_terminate_backend(pid) {SESSIONS}"))


def test_reading_logs_nothing(store: PostgresStore, caplog: pytest.LogCaptureFixture) -> None:
    store.advance([announced("a", "OK"), announced("b", "OK")], as_it_is)
    assert len(store.recent(limit=1)) == 1
    assert len(list(store.accounts(AccountFilter()))) == 2
    store.check_schema()
    assert caplog.messages == []


# ---- Transactions that rest ----------------------------------------------------------------------


def test_who_reads_slowly_is_not_cut_off(store: PostgresStore, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``verify`` reads several streams in turn, and one of them may rest for long."""
    monkeypatch.setattr(connection, "ABANDONED_AFTER_MS", 200)
    monkeypatch.setattr(transactions, "PAGE", 2)
    feed(store, "a", *["OK", "ERROR"] * 5)
    reader = PostgresStore(database)
    entries = reader.history("a")
    first = next(entries)
    time.sleep(1)
    feed(store, "a", "OK")
    assert [first.sequence, *(entry.sequence for entry in entries)] == list(range(1, 11))
    reader.close()


# ---- A COMMIT whose answer is lost ---------------------------------------------------------------


@pytest.fixture
def wire(database: str, store: PostgresStore) -> Iterator[Wire]:
    parts = conninfo_to_dict(database)
    with wire_to(str(parts["host"]), int(str(parts["port"]))) as wire:
        yield wire


@pytest.fixture
def wired(database: str, wire: Wire) -> Iterator[PostgresStore]:
    """A store at the other end of the wire."""
    parts = conninfo_to_dict(database)
    store = PostgresStore(f"postgresql://{parts['user']}@127.0.0.1:{wire.port}/{parts['dbname']}")
    yield store
    store.close()


@pytest.mark.parametrize("cut", Cut)
def test_an_event_whose_commit_was_cut_off_is_kept_once(wired: PostgresStore, wire: Wire, cut: Cut) -> None:
    wired.advance([announced("a", "CREATION_SUCCESS")], as_it_is)
    wire.cut = cut
    (decision,) = wired.advance([announced("a", "OK", 1)], as_it_is)
    assert wire.cuts == 1
    assert decision.sequence == 2
    assert [entry.sequence for entry in wired.history("a")] == [1, 2]
    assert wired.account("a") == decision.after
    assert list(wired.faults()) == []


@pytest.mark.parametrize("cut", Cut)
def test_a_batch_of_new_accounts_whose_commit_was_cut_off_is_kept_once(
    wired: PostgresStore, wire: Wire, cut: Cut
) -> None:
    wired.subscribe([hook()], T0)
    wire.cut = cut
    decisions = wired.advance([announced(account_id, "OK") for account_id in "cabbac"], as_it_is)
    assert [decision.sequence for decision in decisions] == [1, 1, 1, 2, 2, 2]
    assert [entry.account_id for entry in wired.ledger()] == list("cabbac")
    assert sum(bool(each.effects) for each in wired.evidence()) == 3
    assert [record.account_id for record in records(wired)] == list("cab")


@pytest.mark.parametrize("cut", Cut)
def test_completing_and_claiming_whose_commit_was_cut_off_completes_and_takes_over_nothing(
    wired: PostgresStore, store: PostgresStore, wire: Wire, cut: Cut
) -> None:
    """What may have been claimed by the attempt that was cut off comes back when its lease runs out."""
    for account_id in "ab":
        feed(store, account_id, "OK")
    planned(store, hook())
    first, second = claim(store)
    assert store.complete([completed(second, DeliveryState.WAITING)]) == [True]
    wire.cut = cut
    held, taken = wired.complete_and_claim([completed(first)], ["mail"], at(1), at(5), 9)
    assert (held, wire.cuts) == ([True], 1)
    assert sorted(states(wired)) == ["done", "running"]
    assert [delivery.delivery_id for delivery in taken] in ([second.delivery_id], [])
    assert len(wired.expired(at(5), 9)) == 1


def test_the_same_event_of_another_is_not_taken_for_one_s_own(
    wired: PostgresStore, store: PostgresStore, wire: Wire
) -> None:
    """Two that feed the same log: equal events of equal accounts have equal digests."""
    same = announced("a", "OK", 1)
    wire.cut, wire.meanwhile = Cut.BEFORE, lambda: store.advance([same], as_it_is)
    assert wired.advance([same], as_it_is)[0].sequence == 2
    assert [entry.sequence for entry in store.history("a")] == [1, 2]


@pytest.mark.parametrize("cut", Cut)
def test_a_quarantined_payload_whose_commit_was_cut_off_is_kept_once(
    wired: PostgresStore, wire: Wire, cut: Cut
) -> None:
    wire.cut = cut
    numbers = wired.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 2)
    assert wire.cuts == 1
    assert [kept.quarantine_id for kept in wired.quarantined()] == numbers


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("state", [DeliveryState.DONE, DeliveryState.WAITING])
def test_a_completement_whose_commit_was_cut_off_was_accepted(
    wired: PostgresStore, wire: Wire, cut: Cut, state: DeliveryState
) -> None:
    feed(wired, "a", "OK")
    planned(wired, hook())
    delivery = claim_one(wired)
    wire.cut = cut
    assert wired.complete([completed(delivery, state)]) == [True]
    assert wire.cuts == 1
    assert states(wired) == [state.value]
    assert wired.complete([completed(delivery, state)]) == [False]


@pytest.mark.parametrize("cut", Cut)
def test_effects_whose_planning_was_cut_off_are_planned_once(wired: PostgresStore, wire: Wire, cut: Cut) -> None:
    feed(wired, "a", "OK", "ERROR")
    wired.subscribe([hook()], T0)
    wire.cut = cut
    while wired.plan(T0, 1):
        pass
    assert wire.cuts == 1
    assert [record.sequence for record in records(wired)] == [1, 2]


@pytest.mark.parametrize("cut", Cut)
def test_a_redrive_whose_commit_was_cut_off_is_made_once(wired: PostgresStore, wire: Wire, cut: Cut) -> None:
    feed(wired, "a", "OK")
    planned(wired, hook())
    delivery = claim_one(wired)
    wired.complete([completed(delivery, DeliveryState.DEAD)])
    wire.cut = cut
    (number,) = wired.redrive([delivery.delivery_id], at(1))
    assert [record.delivery_id for record in records(wired, state=DeliveryState.WAITING)] == [number]


@pytest.mark.parametrize("cut", Cut)
def test_an_erasure_whose_commit_was_cut_off_tells_what_it_erased(wired: PostgresStore, wire: Wire, cut: Cut) -> None:
    feed(wired, "a", "OK", "ERROR")
    wire.cut = cut
    assert wired.erase("a", at(9)) == 2
    assert [entry.is_erased for entry in wired.history("a")] == [True, True]


def test_an_outcome_that_cannot_be_found_out_is_told(
    wired: PostgresStore, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "PATIENCE_S", 0.1)
    wired.advance([announced("a", "OK")], as_it_is)

    def gone(account: Account, event: LifeEvent) -> Decision:
        wire.cut = Cut.AFTER
        wire.refuse()
        return [decide(account, event)]

    with pytest.raises(StoreError, match="whether it did cannot be found out") as caught:
        wired.advance([announced("a", "ERROR")], gone)
    assert not isinstance(caught.value, StoreBusy | StoreFull)


# ---- Sessions that are ended ---------------------------------------------------------------------


def test_a_session_that_is_ended_between_two_events_is_replaced(store: PostgresStore, database: str) -> None:
    for minute, word in enumerate(["OK", "ERROR", "OK"]):
        assert store.advance([announced("a", word, minute)], as_it_is)[0].sequence == minute + 1
        assert store.account("a") is not None
        assert end_all_sessions(database) > 0
    assert [entry.sequence for entry in store.history("a")] == [1, 2, 3]


def test_a_session_that_is_ended_while_judging_keeps_nothing_and_all_is_judged_anew(
    store: PostgresStore, database: str
) -> None:
    seen: list[int] = []

    def ended(account: Account, event: LifeEvent) -> Decision:
        seen.append(account.sequence)
        if len(seen) == 2:
            end_all_sessions(database)
        return [decide(account, event)]

    decisions = store.advance([announced("a", "OK"), announced("a", "ERROR", 1)], ended)
    assert seen == [0, 1, 0, 1]
    assert [decision.sequence for decision in decisions] == [1, 2]
    assert len(list(store.ledger())) == 2


def test_threads_whose_sessions_are_ended_again_and_again_lose_nothing_and_keep_nothing_twice(
    store: PostgresStore, database: str
) -> None:
    over = Event()

    def strike() -> None:
        while not over.wait(0.05):
            end_all_sessions(database)

    def go_on(thread: int) -> list[int]:
        words = ["OK", "CREDENTIALS"] * 5
        return [store.advance([announced("a", word, thread)], as_it_is)[0].sequence for word in words]

    striker = Thread(target=strike)
    striker.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            sequences = [number for numbers in pool.map(go_on, range(4)) for number in numbers]
    finally:
        over.set()
        striker.join()
    assert sorted(sequences) == list(range(1, 41))
    assert [entry.sequence for entry in store.history("a")] == list(range(1, 41))
    assert list(store.faults()) == []


def test_a_stream_that_is_cut_off_says_so(store: PostgresStore, database: str) -> None:
    store.advance([announced(str(n), "OK") for n in range(2000)], as_it_is)
    rows = store.ledger()
    next(rows)
    end_all_sessions(database)
    with pytest.raises(StoreError):
        list(rows)
    assert len(list(store.ledger())) == 2000


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    """A server that may be stopped."""
    with private_server() as server:
        yield server


def test_a_server_that_crashes_and_comes_back_is_used_again(own_server: PrivateServer) -> None:
    with own_server.database() as url:
        store = PostgresStore(url)
        store.advance([announced("a", "OK")], as_it_is)
        rows = store.ledger()
        next(rows)
        own_server.stop("immediate")
        back = Thread(target=own_server.start)
        back.start()
        assert store.advance([announced("a", "ERROR", 1)], as_it_is)[0].sequence == 2
        back.join()
        rows.close()
        assert [entry.sequence for entry in store.history("a")] == [1, 2]
        assert list(store.faults()) == []
        store.close()


def test_a_server_that_stays_away_is_told(own_server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "PATIENCE_S", 0.1)
    with own_server.database() as url:
        store = PostgresStore(url)
        own_server.stop("immediate")
        with pytest.raises(StoreError, match="cannot be reached"):
            store.advance([announced("a", "OK")], as_it_is)
        with pytest.raises(StoreError, match="cannot be reached"):
            store.account("a")
        own_server.start()
        assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1
        store.close()


# ---- Others in the way ---------------------------------------------------------------------------


def test_one_who_holds_an_account_for_too_long_is_told_of_and_nothing_is_kept(
    database: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.advance([announced("a", "OK")], as_it_is)
    monkeypatch.setattr(connection, "LOCK_TIMEOUT_MS", 50)
    hasty = PostgresStore(database)
    with raw(database) as other:
        other.execute("SELECT FROM account FOR UPDATE")
        with pytest.raises(StoreBusy, match="others have been writing"):
            hasty.advance([announced("b", "OK"), announced("a", "ERROR", 1)], as_it_is)
        assert hasty.advance([announced("c", "OK")], as_it_is)[0].sequence == 1
    assert [entry.account_id for entry in store.ledger()] == ["a", "c"]
    assert hasty.account("b") is None
    hasty.close()


def test_a_deadlock_is_resolved_and_the_event_is_kept(database: str, store: PostgresStore) -> None:
    """Whoever looks first for a deadlock gives way: the store, after a second, because the other is told to wait."""
    feed(store, "a", "OK")
    feed(store, "b", "OK")
    with raw(database) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '60s'")
        other.execute("SELECT FROM account WHERE account_id = 'b' FOR UPDATE")
        feeding = pool.submit(store.advance, [announced("a", "ERROR", 1), announced("b", "ERROR", 1)], as_it_is)
        wait_for_a_lock(database)
        other.execute("SELECT FROM account WHERE account_id = 'a' FOR UPDATE")
        other.commit()
        assert [decision.sequence for decision in feeding.result()] == [2, 2]


RAISING = """
CREATE SEQUENCE tries;
CREATE FUNCTION stumble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {times} THEN RAISE EXCEPTION 'stumbled' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stumbling BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION stumble()
"""
NOT_RAISING = "DROP TRIGGER stumbling ON event; DROP FUNCTION stumble; DROP SEQUENCE tries"


@contextmanager
def stumbling(url: str, code: str, times: int) -> Iterator[None]:
    """The server fails at the first events with an error of that code."""
    ask(url, RAISING.format(code=code, times=times))
    try:
        yield
    finally:
        ask(url, NOT_RAISING)


@pytest.mark.parametrize("code", ["40001", "40P01", "23505"])
def test_a_race_that_is_lost_is_judged_anew(database: str, store: PostgresStore, code: str) -> None:
    judged: list[LifeEvent] = []

    def counting(account: Account, event: LifeEvent) -> Decision:
        judged.append(event)
        return [decide(account, event)]

    with stumbling(database, code, 3):
        assert store.advance([announced("a", "OK")], counting)[0].sequence == 1
    assert len(judged) == 4
    assert len(list(store.ledger())) == 1


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("40001", StoreBusy, "race after race"),
        ("57014", StoreBusy, "longer than the server allows"),
        ("53100", StoreFull, "disk is full"),
        ("25006", StoreError, "Name the primary"),
    ],
)
def test_trouble_that_stays_is_told_and_nothing_is_kept(
    database: str, store: PostgresStore, code: str, kind: type[StoreError], told: str
) -> None:
    with stumbling(database, code, 1000), pytest.raises(kind, match=told) as caught:
        store.advance([announced("a", "OK")], as_it_is)
    assert type(caught.value) is kind
    assert list(store.accounts(AccountFilter())) == list(store.ledger()) == []
    assert store.advance([announced("a", "OK")], as_it_is)[0].sequence == 1


def test_two_claimers_that_race_for_one_lane_do_not_both_win_and_nobody_fails(
    database: str, store: PostgresStore
) -> None:
    """Somebody's claim in the same lane that cannot be seen yet: the index makes the other wait, and give way."""
    feed(store, "a", "OK")
    planned(store, hook())
    with raw(database) as other, ThreadPoolExecutor(1) as pool:
        other.execute(
            "INSERT INTO delivery SELECT 99, effect_id, account_id, hook, 1, 'running', 1, 1, 0, 0, 0 FROM delivery"
        )
        claiming = pool.submit(claim, store)
        wait_for_a_lock(database)
        other.commit()
        assert claiming.result() == []
    assert states(store) == ["waiting", "running"]


def wait_for_a_lock(url: str) -> None:
    """Until somebody waits for somebody else."""
    wait_until(
        url, "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )


def wait_until(url: str, condition: str) -> None:
    """Until something is so; it never takes long."""
    ends = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(f"SELECT {condition}".encode()).fetchall() != [(True,)]:
            assert time.monotonic() < ends, condition


# ---- Forks ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_fork_uses_connections_of_its_own_and_leaves_the_parent_s_alone(
    store: PostgresStore, postgres_server: PostgresServer
) -> None:
    store.advance([announced("a", "OK")], as_it_is)
    rows = store.ledger()
    seen = [next(rows)]
    child = os.fork()
    if not child:
        ended = 1
        try:
            store.advance([announced("a", "ERROR", 1)], as_it_is)
            store.close()
            ended = 0
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert seen + list(rows) == list(store.ledger())[:1]
    assert store.advance([announced("a", "OK", 2)], as_it_is)[0].sequence == 3


# ---- Closing -------------------------------------------------------------------------------------


def test_a_closed_store_says_so(store: PostgresStore) -> None:
    store.close()
    for call in (
        lambda: store.advance([announced("a", "OK")], as_it_is),
        lambda: store.account("a"),
        lambda: list(store.ledger()),
        lambda: store.plan(T0, 1),
    ):
        with pytest.raises(StoreError, match="the store is closed"):
            call()


def test_a_closed_store_leaves_no_session_behind(database: str) -> None:
    store = PostgresStore(database)
    store.advance([announced("a", "OK")], as_it_is)
    rows = store.ledger()
    next(rows)
    store.close()
    rows.close()
    wait_until(database, f"NOT EXISTS (SELECT {SESSIONS})")
