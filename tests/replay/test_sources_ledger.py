"""A store as a log: its own ledger, deadlines included, replays to the accounts that it has."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest

from account_lifecycle import Engine
from account_lifecycle.errors import StoreError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.events import DeadlinePassed
from account_lifecycle.records import AccountFilter
from account_lifecycle.replay.columns import DEADLINE
from account_lifecycle.replay.sources.ledger import Ledger
from account_lifecycle.replay.sources.opening import open_sources
from account_lifecycle.replay.vocabulary import Vocabulary
from account_lifecycle.stores.opening import open_store
from account_lifecycle.stores.protocol import Store
from replay.source_samples import STAMP, START, lived, simulated

LINES = [line.encode() for line in simulated()]
MIDDLE = START + timedelta(days=8)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """One whose engine lived through a log, and checked the deadlines every day."""
    url = f"sqlite:///{tmp_path / 'accounts.db'}" if request.param == "sqlite" else "memory:"
    with Engine.open(url, observers=()) as engine:
        for day, lines in groupby(read_log(LINES), lambda line: (line.received_at - START).days):
            engine.check_deadlines(START + timedelta(days=day))
            list(engine.feed_events(lines))
        yield engine.store


def accounts_in(store: Store) -> dict[str, Account]:
    return {account.account_id: account for account in store.accounts(AccountFilter())}


def test_a_ledger_with_deadlines_replays_to_the_accounts_of_its_store(store: Store) -> None:
    ledger = Ledger("ledger", store, events=100)
    assert any(isinstance(entry.event, DeadlinePassed) for entry in store.ledger())
    assert ledger.has_deadlines
    assert lived(ledger) == accounts_in(store)
    assert lived(ledger, until=STAMP) == accounts_in(store)  # no deadline is watched for


def test_every_event_is_told_in_the_order_of_feeding(store: Store) -> None:
    words = Vocabulary()
    entries = [*store.ledger()]
    told, lines, deadlines = [], [], 0
    for chunk in Ledger("ledger", store, events=64).chunks(words, STAMP):
        told += [words.accounts[code] for code in chunk.columns.account]
        lines += chunk.columns.line.tolist()
        deadlines += int((chunk.columns.word == DEADLINE).sum())
        assert len(chunk.columns.deadlines) == (chunk.columns.word == DEADLINE).sum()
        assert (chunk.refused, chunk.undated) == ((), 0)
    assert told == [entry.account_id for entry in entries]
    assert lines == list(range(1, len(entries) + 1))
    assert deadlines == sum(isinstance(entry.event, DeadlinePassed) for entry in entries) > 0


def test_a_ledger_that_was_pruned_goes_on_from_the_accounts_as_they_were(store: Store, tmp_path: Path) -> None:
    before = accounts_in(store)
    segment = store.prune(MIDDLE, tmp_path / "archive.jsonl.gz", STAMP)
    assert segment is not None
    ledger = Ledger("ledger", store)
    assert len([*ledger.beginnings()]) > 0
    assert lived(ledger) == accounts_in(store) == before


def test_a_ledger_that_is_pruned_between_beginnings_and_events_is_not_replayed(store: Store, tmp_path: Path) -> None:
    ledger = Ledger("ledger", store)
    list(ledger.beginnings())
    store.prune(MIDDLE, tmp_path / "archive.jsonl.gz", STAMP)
    with pytest.raises(StoreError, match="was pruned while its replay began"):
        next(ledger.chunks(Vocabulary(), STAMP))


def test_what_was_erased_is_replayed_without_its_names(store: Store) -> None:
    erased = next(account for account in accounts_in(store).values() if account.name)
    store.erase(erased.account_id, STAMP)
    replayed = lived(Ledger("ledger", store))
    assert replayed == accounts_in(store)
    assert replayed[erased.account_id].name is None


def test_a_store_is_opened_by_its_url_and_closed_in_the_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'accounts.db'}"
    with Engine.open(url, observers=()) as engine:
        list(engine.feed_events(json.loads(line)["payload"] for line in LINES[:50]))
        expected = accounts_in(engine.store)
    opened: list[Store] = []

    def opening(url: str) -> Store:
        opened.append(open_store(url))
        return opened[-1]

    with open_sources([url], open_store=opening) as [source]:
        assert (source.name, source.size) == (url, None)
        assert lived(source) == expected
    with pytest.raises(StoreError):
        list(opened[0].ledger())


def test_another_thread_may_read_a_ledger(store: Store) -> None:
    ledger = Ledger("ledger", store, events=50)
    chunks = ledger.chunks(Vocabulary(), STAMP)
    with ThreadPoolExecutor(1) as reader:
        read = 0
        while (chunk := reader.submit(next, chunks, None).result()) is not None:
            read += len(chunk.columns.at)
    assert read == sum(1 for _ in store.ledger())


def test_the_password_of_a_store_is_not_shown() -> None:
    with open_sources(["postgresql://me:secret@host/db"], open_store=lambda _: open_store("memory:")) as [source]:
        assert source.name == "postgresql://me:***@host/db"


def test_an_empty_ledger_has_no_events() -> None:
    with open_sources(["memory:"], open_store=open_store) as [source]:
        assert lived(source) == {}
