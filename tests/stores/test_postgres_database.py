"""The database: how it is opened, made ready and refused, what words it takes, and how many processes share it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest

from account_lifecycle.errors import ConfigurationError, StoreError
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.rules import Rules
from account_lifecycle.records import AccountFilter, AuditFilter, DeliveryFilter, Refused
from account_lifecycle.stores.postgres import PostgresStore, connection
from account_lifecycle.stores.postgres.connection import SCHEMA_VERSION, encoded, nul_escaped, nul_unescaped
from builders import T0, announced, as_it_is, at
from postgres_server import PostgresServer, PrivateServer
from stores.hooks import claim, complete, feed, hook, planned, records, states
from stores.scenarios import events_with_every_anomaly, events_with_every_window
from verify.forging import OF

pytest_plugins = ("postgres_server",)

TESTS = Path(__file__).parents[1]


@pytest.fixture
def store(database: str, emptied: Callable[[], str]) -> Iterator[PostgresStore]:
    store = PostgresStore(database)
    emptied()
    yield store
    store.close()


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


def change(url: str, statement: str) -> None:
    """As an administrator would, behind the store's back."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


# ---- Opening -------------------------------------------------------------------------------------


def test_a_store_that_is_opened_again_holds_what_it_held(database: str, store: PostgresStore) -> None:
    decisions = store.advance(events_with_every_anomaly(), as_it_is)
    store.close()
    again = PostgresStore(database)
    assert [entry.event for entry in again.ledger()] == [decision.event for decision in decisions]
    again.close()


def refusal_of(url: str) -> str:
    """Why a database cannot be opened, in one line that never tells the password."""
    with pytest.raises(StoreError) as caught:
        PostgresStore(url)
    told = str(caught.value)
    assert "\n" not in told
    assert "s3cret" not in told
    return told


def test_a_database_that_is_not_there_is_told_with_the_command_that_makes_it(postgres_server: PostgresServer) -> None:
    assert "createdb" in refusal_of(postgres_server.url_of("no_such_database", password="s3cret"))


def test_a_server_that_is_not_there_is_told() -> None:
    told = refusal_of("postgresql://me:s3cret@127.0.0.1:1/lifecycle")
    assert "the server cannot be reached" in told
    assert "127.0.0.1:1/lifecycle" in told


def test_a_wrong_password_is_told(postgres_server: PostgresServer, database: str) -> None:
    if not isinstance(postgres_server, PrivateServer):
        pytest.skip("whether this server asks for passwords is not known")
    change(database, "CREATE USER guarded PASSWORD 'right'")
    try:
        assert "the password is wrong" in refusal_of(database.replace("postgres@", "guarded:s3cret@"))
        assert "a password is needed" in refusal_of(database.replace("postgres@", "guarded@"))
    finally:
        change(database, "DROP USER guarded")


def test_a_url_that_cannot_be_read_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigurationError, match="libpq") as caught:
        PostgresStore("postgresql://me:s3cret@host/lifecycle?no_such_parameter=1")
    assert "s3cret" not in str(caught.value)


def test_a_database_that_cannot_hold_every_word_is_refused(postgres_server: PostgresServer) -> None:
    name = "lifecycle_latin"
    postgres_server.ask(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        assert "createdb -E UTF8" in refusal_of(postgres_server.url_of(name))
    finally:
        postgres_server.ask(f"DROP DATABASE {name}")


def test_tables_of_another_program_are_left_alone_and_told(new_database: str) -> None:
    change(new_database, "CREATE TABLE account (balance integer)")
    assert "schema of its own" in refusal_of(new_database)
    change(new_database, "SELECT balance FROM account")


def test_a_schema_of_its_own_keeps_it_apart_from_others(new_database: str) -> None:
    change(new_database, "CREATE TABLE account (balance integer); CREATE SCHEMA lifecycle")
    store = PostgresStore(f"{new_database}?options=-csearch_path%3Dlifecycle")
    assert feed(store, "a", "OK")[0].sequence == 1
    planned(store, hook())
    change(new_database, "SELECT balance FROM public.account; SELECT digest FROM lifecycle.account")
    store.close()


def test_a_schema_that_is_not_there_is_told(new_database: str) -> None:
    assert "CREATE SCHEMA" in refusal_of(f"{new_database}?options=-csearch_path%3Dnowhere")


def test_commits_are_synced_even_where_the_server_is_told_not_to(database: str) -> None:
    """What is acknowledged is kept: nobody loses that by a setting of the server."""
    store = PostgresStore(f"{database}?options=-csynchronous_commit%3Doff")
    with store._connections.lent() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
    store.close()


# ---- The schema ----------------------------------------------------------------------------------


def test_many_may_make_a_database_ready_at_once(new_database: str) -> None:
    start = Barrier(4)

    def opened(_: int) -> None:
        start.wait()
        PostgresStore(new_database).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(opened, range(4)))
    store = PostgresStore(new_database)
    assert feed(store, "a", "OK")[0].sequence == 1
    store.close()


def test_another_schema_is_refused(new_database: str) -> None:
    PostgresStore(new_database).close()
    newer = SCHEMA_VERSION + 1
    change(new_database, f"INSERT INTO account_lifecycle_version VALUES ({newer})")
    told = refusal_of(new_database)
    assert f"schema version {newer}" in told
    assert "Install the version that made it" in told


# ---- Words ---------------------------------------------------------------------------------------

ODD_WORDS = [
    "\0",
    "\x01",
    "\x01u0000",
    "\x01u",
    "a\0b",
    "\x010",
    "\x011",
    "\0\x01\0",
    "\\",
    "\\0",
    "'",
    '"',
    "{}",
    "%s",
    "NULL",
    "",
    "\ufeff",
]


@pytest.mark.parametrize("word", [*ODD_WORDS, "\ud800", "\x01\udfff\0"])
def test_an_escaped_word_has_no_nul_and_can_be_told_apart(word: str) -> None:
    assert b"\0" not in encoded(word)
    assert nul_unescaped(encoded(word).decode()) == word


def test_escaping_keeps_words_apart_and_in_order() -> None:
    words = [*ODD_WORDS, *map(chr, range(4)), "\x02", "a", "a\x01", "a\0"]
    assert sorted(set(words), key=nul_escaped) == sorted(set(words))


@pytest.mark.parametrize("word", [word for word in ODD_WORDS if word])
def test_an_odd_word_comes_back_and_can_be_asked_for(store: PostgresStore, word: str) -> None:
    event = announced("a", "OK", provider=f"?{word}", product=word, name=word)
    store.advance([event, announced("b", f"?{word}")], as_it_is)
    assert next(store.ledger()).event == event
    assert [account.owner for account in store.accounts(AccountFilter(provider=f"?{word}"))] == [word]
    assert {anomaly.detail for anomaly in store.audit(AuditFilter(provider=f"?{word}"))} == {"", f"?{word}", word}
    assert list(store.faults()) == []


def test_an_odd_product_finds_the_hook_that_wants_it(store: PostgresStore) -> None:
    product = "a\0b"
    planned(store, hook("odd\0", EffectKind.SYNC_COMPLETED, product), hook("other", EffectKind.SYNC_COMPLETED, "a"))
    store.advance([announced("a", "SYNC_SUCCESS", product=product)], as_it_is)
    planned(store)
    (delivery,) = claim(store)
    assert (delivery.hook.name, delivery.row.effect.subject) == ("odd\0", product)
    assert [record.subject for record in store.deliveries(DeliveryFilter(hook="odd\0"))] == [product]


def test_half_a_character_is_kept_as_well(store: PostgresStore) -> None:
    event = announced("a\ud800", "OK", provider="?\udfff\0", name="\x01u")
    store.advance([event], as_it_is)
    assert [entry.event for entry in store.history("a\ud800")] == [event]
    assert [account.account_id for account in store.accounts(AccountFilter(provider="?\udfff\0"))] == ["a\ud800"]
    assert list(store.faults()) == []


# ---- Many at once --------------------------------------------------------------------------------


class Rival:
    """Another process that does as it is told."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("postgres_rival.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    def __enter__(self) -> "Rival":
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.communicate()

    def order(self, url: str, events: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"url": url, "events": events}).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self) -> list[int]:
        assert self.process.stdout is not None
        sequences: list[int] = json.loads(self.process.stdout.readline())["sequences"]
        return sequences


def test_processes_and_threads_may_feed_one_account_of_a_new_database_at_once(new_database: str) -> None:
    with ExitStack() as stack:
        rivals = [stack.enter_context(Rival()) for _ in range(2)]
        for rival in rivals:
            rival.order(new_database, events=40)
        store = PostgresStore(new_database)

        def go_on(_: int) -> list[int]:
            return [feed(store, "shared", word)[0].sequence for word in ["OK", "CREDENTIALS"] * 10]

        with ThreadPoolExecutor(4) as pool:
            sequences = [number for numbers in pool.map(go_on, range(4)) for number in numbers]
        sequences += [number for rival in rivals for number in rival.answer()]
    assert sorted(sequences) == list(range(1, 161))
    history = list(store.history("shared"))
    assert [entry.sequence for entry in history] == list(range(1, 161))
    assert all(later.before == earlier.after for earlier, later in pairwise(history))
    assert list(store.faults()) == []
    store.close()


def test_batches_of_the_same_accounts_in_any_order_do_not_get_stuck(database: str, store: PostgresStore) -> None:
    stores = [store, *(PostgresStore(database) for _ in range(3))]
    ids = [f"account-{n}" for n in range(30)]

    def go_on(place: int) -> None:
        for turn in range(5):
            order = ids[::-1] if (place + turn) % 2 else ids
            stores[place].advance([announced(account_id, "OK", turn) for account_id in order], as_it_is)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go_on, range(4)))
    assert all(account.sequence == 20 for account in store.accounts(AccountFilter()))
    assert len(list(store.ledger())) == 600
    for other in stores[1:]:
        other.close()


def test_claims_of_many_never_overlap_and_each_lane_runs_in_order(database: str, store: PostgresStore) -> None:
    for minute, word in enumerate(["OK", "ERROR", "STOPPED"]):
        store.advance([announced(f"account-{n}", word, minute) for n in range(20)], as_it_is)
    planned(store, hook("mail"), hook("page"))
    stores = [store, PostgresStore(database)]
    done: list[tuple[str, str, int]] = []

    def work(place: int) -> None:
        idle = 0
        while idle < 20:
            batch = claim(stores[place % 2], "mail", "page", limit=3)
            done.extend((delivery.hook.name, delivery.row.account_id, delivery.row.sequence) for delivery in batch)
            assert all(complete(stores[place % 2], *batch))
            idle = 0 if batch else idle + 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(done) == len(set(done)) == 120
    assert set(states(store)) == {"done"}
    for name in ("mail", "page"):
        for n in range(20):
            assert [s for h, account_id, s in done if (h, account_id) == (name, f"account-{n}")] == [1, 2, 3]
    stores[1].close()


# ---- Proof ---------------------------------------------------------------------------------------

TAMPERINGS = {
    "UPDATE event SET word = 'DELETED' WHERE event_id = 5": "event 5",
    "UPDATE event SET received_at = received_at + 1 WHERE event_id = 5": "event 5",
    "UPDATE event SET payload = '\\x00' WHERE event_id = 5": "event 5",
    "UPDATE event SET owner = 'Mallory' WHERE event_id = 5": "event 5",
    "UPDATE event SET rules = 'others' WHERE event_id = 5": "event 5",
    "UPDATE event SET decided = replace(decided, 'OK', 'ERROR') WHERE event_id = 5": "event 5",
    "UPDATE event SET digest = sha256('x') WHERE event_id = 1": "event 6",
    "UPDATE event SET account_no = 99 WHERE event_id = 15": "account recovered",
    "DELETE FROM event WHERE event_id = 15": "account recovered",
    "DELETE FROM event WHERE event_id = 5": "event 9",
    f"DELETE FROM event WHERE {OF.format('adopted')}": "account adopted",
    "UPDATE account SET digest = sha256('x') WHERE account_id = 'open'": "account open",
    "UPDATE account SET sequence = 9 WHERE account_id = 'open'": "account open",
    "DELETE FROM account WHERE account_id = 'open'": "event 1",
    "DELETE FROM anomaly WHERE event_id = 8": "event 8",
    "UPDATE anomaly SET kind = 'STUCK' WHERE event_id = 8": "event 8",
    "INSERT INTO anomaly VALUES (99, 0, 'STUCK', NULL, '{}')": "anomaly of event 99",
    "UPDATE event SET status = 'DELETED' WHERE event_id = 8": "event 8",
    "UPDATE event SET is_quiet = 1 WHERE event_id = 8": "event 8",
    "UPDATE delivery SET account_id = 'gone' WHERE delivery_id = 1": "delivery 1",
    "UPDATE delivery SET effect_id = 9999 WHERE delivery_id = 1": "delivery 1",
    "UPDATE delivery SET effect_id = effect_id + 15 WHERE delivery_id = 1": "delivery 1",
    "UPDATE quarantine SET payload = 'y'": "quarantine 1",
    "UPDATE quarantine SET reason = 'none'": "quarantine 1",
    "UPDATE quarantine SET released_at = 1": "quarantine 1",
}


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_whatever_is_changed_behind_the_store_s_back_is_found(
    store: PostgresStore, database: str, statement: str
) -> None:
    for event in events_with_every_window():
        store.advance([event], as_it_is, Rules("rules"))
    store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
    planned(store, hook())
    assert list(store.faults()) == []
    change(database, statement)
    assert TAMPERINGS[statement] in {fault.place for fault in store.faults()}


def test_an_account_that_was_pruned_still_proves_where_it_goes_on(
    store: PostgresStore, database: str, tmp_path: Path
) -> None:
    store.advance(events_with_every_window(), as_it_is)
    store.prune(at(8), tmp_path / "archive.jsonl.gz", at(99))
    assert list(store.faults()) == []
    change(database, "UPDATE baseline SET digest = sha256('x') WHERE account_id IN ('grown', 'adopted')")
    assert {fault.account_id for fault in store.faults()} == {"grown", "adopted"}


@pytest.mark.parametrize("call", ["erase", "prune"])
def test_what_is_let_go_while_others_feed_breaks_no_chain(store: PostgresStore, tmp_path: Path, call: str) -> None:
    calls: dict[str, Callable[[int], object]] = {
        "erase": lambda n: store.erase("a", at(n)),
        "prune": lambda n: store.prune(at(n), tmp_path / f"{n}.jsonl.gz", at(n)),
    }

    def go_on(thread: int) -> None:
        for minute in range(10):
            feed(store, "a", ["OK", "ERROR"][thread], minute=minute)

    with ThreadPoolExecutor(2) as pool:
        feeding = [pool.submit(go_on, thread) for thread in range(2)]
        for n in range(10):
            calls[call](n)
        for each in feeding:
            each.result()
    assert list(store.faults()) == []
    account = store.account("a")
    assert account is not None
    assert account.sequence == 20


def test_what_was_erased_is_in_no_table_any_more_and_in_no_file_once_the_tables_are_written_anew(
    postgres_server: PostgresServer, database: str, store: PostgresStore
) -> None:
    if not isinstance(postgres_server, PrivateServer):
        pytest.skip("the files of this server are on another machine")
    secret = b"Ada 0123456789 xqzjk"
    for account_id in ("a", "b"):
        for minute in range(30):
            word = ("OK", "ERROR")[minute % 2]
            said = secret if account_id == "a" else b"nothing"
            store.advance([announced(account_id, word, minute, name=said.decode(), payload=said)], as_it_is)
    change(database, "ANALYZE")  # as the server does by itself now and then: its statistics hold samples
    store.erase("a", T0)
    assert secret.decode() not in repr([*store.evidence(), *store.stored_accounts()])
    change(database, "VACUUM (FULL, ANALYZE) event, account, baseline, quarantine, delivery")
    change(database, "VACUUM FULL pg_statistic")
    change(database, "CHECKPOINT")
    files = [path for path in postgres_server.tables.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [path for path in files if secret in path.read_bytes()] == []
    assert list(store.faults()) == []


# ---- How much is asked -----------------------------------------------------------------------------


def test_a_single_event_takes_two_statements_whatever_it_leaves(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One locks and reads its account, and one writes the event with all that comes of it; a new account takes two
    more."""
    store.subscribe([hook("entered"), hook("left", EffectKind.LEFT)], T0)
    feed(store, "a", "OK")
    asked: list[str] = []
    execute = connection.Connection.execute

    def spy(self: connection.Connection, query: bytes, *args: Any, **options: Any) -> Any:
        asked.append(query.decode().split()[0])
        return execute(self, query, *args, **options)

    monkeypatch.setattr(connection.Connection, "execute", spy)
    feed(store, "a", "ERROR", minute=1)
    assert len(asked) == 4, asked
    assert (asked[0], asked[-1]) == ("BEGIN", "COMMIT")
    asked.clear()
    feed(store, "b", "OK", minute=2)
    assert len(asked) == 6, asked
    assert [(record.account_id, record.sequence) for record in records(store)] == [
        ("a", 1),
        ("a", 2),
        ("a", 2),
        ("b", 1),
    ]
