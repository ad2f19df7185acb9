"""A store as a log: its own ledger, deadlines included, replays to the accounts that it has."""

import json
from collections.abc import Iterator
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
from account_lifecycle.replay.audit import replay_sources
from account_lifecycle.replay.sources import AnySource, LedgerSource, open_sources
from account_lifecycle.stores.opening import open_store
from account_lifecycle.stores.protocol import Store
from replay.samples import STAMP, START, simulated

LINES = [line.encode() for line in simulated()]
MIDDLE = START + timedelta(days=8)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One whose engine lived through a log, and checked the deadlines every day."""
    with Engine.open(f"sqlite:///{tmp_path / 'accounts.db'}", observers=()) as engine:
        for day, lines in groupby(read_log(LINES), lambda line: (line.received_at - START).days):  # type: ignore[operator]
            engine.check_deadlines(START + timedelta(days=day))
            list(engine.feed_events(lines))
        engine.check_deadlines(max(entry.received_at for entry in engine.store.ledger()))
        yield engine.store


def accounts_in(store: Store) -> dict[str, Account]:
    return {account.account_id: account for account in store.accounts(AccountFilter())}


def lived(source: AnySource, **options: object) -> dict[str, Account]:
    """The accounts at the end of a source."""
    with replay_sources([source], **options) as audit:  # type: ignore[arg-type]
        return {account.account_id: account for account in audit.accounts()}


def test_a_ledger_with_deadlines_replays_to_the_accounts_of_its_store(store: Store) -> None:
    ledger = LedgerSource("ledger", store)
    assert any(isinstance(entry.event, DeadlinePassed) for entry in store.ledger())
    assert lived(ledger) == accounts_in(store)


def test_deadlines_that_a_store_has_not_looked_for_are_found_up_to_any_end(store: Store) -> None:
    with Engine(store, observers=()) as engine:
        later = lived(LedgerSource("ledger", store), until=STAMP)
        engine.check_deadlines(STAMP)
        assert later == accounts_in(store)


def test_an_anomaly_of_a_ledger_stands_where_its_event_was_fed(store: Store) -> None:
    entries = [*store.ledger()]
    with replay_sources([LedgerSource("ledger", store)]) as audit:
        assert audit.events == len(entries)
        found = [(anomaly, place) for anomaly, _, place in audit.placed_anomalies()]
    assert found == [(anomaly, n) for n, entry in enumerate(entries, 1) for anomaly in entry.anomalies]


def test_a_ledger_that_was_pruned_goes_on_from_the_accounts_as_they_were(store: Store, tmp_path: Path) -> None:
    before = accounts_in(store)
    segment = store.prune(MIDDLE, tmp_path / "archive.jsonl.gz", STAMP)
    assert segment is not None
    ledger = LedgerSource("ledger", store)
    assert len([*ledger.beginnings()]) > 0
    assert lived(ledger) == accounts_in(store) == before


def test_a_ledger_that_is_pruned_between_beginnings_and_events_is_not_replayed(store: Store, tmp_path: Path) -> None:
    ledger = LedgerSource("ledger", store)
    events = ledger.events()
    list(ledger.beginnings())
    store.prune(MIDDLE, tmp_path / "archive.jsonl.gz", STAMP)
    with pytest.raises(StoreError, match="was pruned while its replay began"):
        next(events)


def test_what_was_erased_is_replayed_without_its_names(store: Store) -> None:
    erased = next(account for account in accounts_in(store).values() if account.owner)
    store.erase(erased.account_id, STAMP)
    replayed = lived(LedgerSource("ledger", store))
    assert replayed == accounts_in(store)
    assert replayed[erased.account_id].owner is None


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


def test_the_password_of_a_store_is_not_shown() -> None:
    with open_sources(["postgresql://me:secret@host/db"], open_store=lambda _: open_store("memory:")) as [source]:
        assert source.name == "postgresql://…@host/db"


def test_an_empty_ledger_has_no_events() -> None:
    with open_sources(["memory:"], open_store=open_store) as [source]:
        assert lived(source) == {}
