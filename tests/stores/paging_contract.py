"""What a store promises about long work: it is done page by page, others write in between, and it may end anywhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.rules import rules_of
from account_lifecycle.records import AccountFilter, Refused
from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.sqlite import SQLiteStore
from account_lifecycle.verify.record import verify
from builders import T0, announced, as_it_is, at
from stores.hooks import claim, feed, hook, planned, records, run_all
from stores.retention_contract import archived

WORDS = ("CREATION_SUCCESS", "SYNC_SUCCESS", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "ERROR", "OK", "STOPPED")
ACCOUNTS = ("a", "b", "c")
EVENTS = len(WORDS) * len(ACCOUNTS)
PAGE = 5


def lives(store: Store) -> None:
    """Some accounts that take turns, whose events name owners and reasons, judged by rules that can be judged again."""
    rules = rules_of(DEFAULT_POLICY)
    for minute, word in enumerate(WORDS):
        for account_id in ACCOUNTS:
            told = announced(account_id, word, 60 * minute, name=f"user-{account_id}", reason=f"because of {word}")
            store.advance([told], as_it_is, rules)


class Interrupted(BaseException):
    """As when a process is killed: nothing of ours tidies up."""


class PagingContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    @pytest.fixture
    def small_pages(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
        """The store, fed with lives, with pages of a few events."""
        name = "sqlite" if isinstance(store, SQLiteStore) else "postgres"
        monkeypatch.setattr(f"account_lifecycle.stores.{name}.retention.RETENTION_PAGE", PAGE)
        lives(store)
        return store

    @contextmanager
    def between_pages(self, store: Store, act: Callable[[int], object]) -> Iterator[None]:
        """Do something after each transaction of what is done within; it is given the number of the transaction."""
        writer: Any = store if isinstance(store, SQLiteStore) else store._transactions  # type: ignore[attr-defined]
        name = "_write" if isinstance(store, SQLiteStore) else "run"
        write, count = getattr(writer, name), 0

        def writing(work: Any) -> Any:
            nonlocal count
            outcome = write(work)
            count += 1
            setattr(writer, name, write)  # what is done in between is not counted
            try:
                act(count)
            finally:
                setattr(writer, name, writing)
            return outcome

        setattr(writer, name, writing)
        try:
            yield
        finally:
            delattr(writer, name)

    # ---- Pruning -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("pages", range(1, EVENTS // PAGE + 2))
    def test_a_prune_that_is_killed_after_any_page_leaves_a_ledger_that_holds(
        self, small_pages: Store, tmp_path: Path, pages: int
    ) -> None:
        store = small_pages
        before = list(store.ledger())

        def stop(page: int) -> None:
            if page == pages:
                raise Interrupted

        with self.between_pages(store, stop), suppress(Interrupted):
            store.prune(at(999), tmp_path / "first.jsonl.gz", at(999))
        assert verify(store).is_proved
        left = list(store.ledger())
        (segment,) = store.segments()
        assert (segment.events, left) == (min(pages * PAGE, EVENTS), before[pages * PAGE :])
        assert len(archived(segment.path)) == EVENTS
        if left:
            rest = store.prune(at(999), tmp_path / "second.jsonl.gz", at(999))
            assert rest is not None
            assert rest.events == len(left) == len(archived(rest.path))
        assert list(store.ledger()) == []
        assert verify(store).is_proved

    def test_others_feed_between_the_pages_of_a_prune(self, small_pages: Store, tmp_path: Path) -> None:
        store = small_pages
        fed: list[int] = []

        def feed_one(page: int) -> None:
            fed.append(feed(store, "a", "OK", minute=1000 + page)[-1].sequence)
            assert verify(store).is_intact

        with self.between_pages(store, feed_one):
            segment = store.prune(at(999), tmp_path / "archive.jsonl.gz", at(999))
        assert segment is not None
        assert segment.events == EVENTS
        assert [entry.sequence for entry in store.ledger()] == fed
        assert verify(store).is_intact

    def test_what_a_hook_waits_for_again_meanwhile_stays(self, small_pages: Store, tmp_path: Path) -> None:
        store = small_pages
        planned(store, hook(subject="STOPPED"))
        run_all(store)
        finished = records(store, account_id="b")[0]

        def redrive(page: int) -> None:
            if page == 1:
                assert len(store.redrive([finished.delivery_id], at(999))) == 1

        with self.between_pages(store, redrive):
            segment = store.prune(at(999), tmp_path / "archive.jsonl.gz", at(999))
        assert segment is not None
        assert [entry.sequence for entry in store.history("b")][-1:] == [finished.sequence]
        assert len(archived(segment.path)) == EVENTS > segment.events
        assert verify(store).is_proved
        assert [delivery.row.sequence for delivery in claim(store, now=at(999))] == [finished.sequence]

    def test_of_two_that_prune_at_the_same_time_one_is_refused(self, small_pages: Store, tmp_path: Path) -> None:
        store = small_pages

        def prune_too(page: int) -> None:
            if page == 1:
                store.prune(at(999), tmp_path / "second.jsonl.gz", at(999))

        with self.between_pages(store, prune_too), pytest.raises(StoreError, match="pruned at the same time"):
            store.prune(at(999), tmp_path / "first.jsonl.gz", at(999))
        assert [segment.events for segment in store.segments()] == [PAGE, EVENTS - PAGE]
        assert verify(store).is_proved

    def test_an_account_that_is_erased_between_pages_has_no_person_in_its_baseline(
        self, small_pages: Store, tmp_path: Path
    ) -> None:
        store = small_pages

        def erase(page: int) -> None:
            if page == 2:
                store.erase("a", at(999))

        with self.between_pages(store, erase):
            store.prune(at(999), tmp_path / "archive.jsonl.gz", at(999))
        owners = {account.account_id: account.owner for account in store.baselines()}
        assert owners == {"a": None, "b": "user-b", "c": "user-c"}
        assert verify(store).is_proved

    # ---- Erasing -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("pages", range(1, 4))
    def test_an_erasure_that_is_killed_after_any_page_is_finished_by_the_next(
        self, small_pages: Store, tmp_path: Path, pages: int
    ) -> None:
        store = small_pages
        store.prune(at(60), tmp_path / "archive.jsonl.gz", at(999))  # a baseline with a person
        numbers = [Refused(T0, b'{"account_id": "a"', 18, "payload", "why")] * (PAGE + 1)
        store.quarantine(numbers)

        def stop(page: int) -> None:
            if page == pages:
                raise Interrupted

        with self.between_pages(store, stop), suppress(Interrupted):
            store.erase("a", at(999))
        assert verify(store).is_proved
        feed(store, "a", "OK", minute=1001)
        assert verify(store).is_intact
        store.erase("a", at(1002))
        assert store.erase("a", at(1003)) == 0
        assert all(entry.is_erased for entry in store.history("a"))
        assert all(quarantined.is_erased for quarantined in store.quarantined())
        persons = [*store.baselines(), *store.accounts(AccountFilter())]
        assert {account.owner for account in persons if account.account_id == "a"} == {None}
        assert verify(store).is_intact

    def test_others_feed_between_the_pages_of_an_erasure(self, small_pages: Store) -> None:
        """What comes meanwhile is no longer what was asked to be erased, and follows from what is left."""
        store = small_pages
        rules = rules_of(DEFAULT_POLICY)

        def feed_one(page: int) -> None:
            store.advance([announced("a", "OK", 1000 + page, name="somebody new")], as_it_is, rules)
            assert verify(store).is_proved

        with self.between_pages(store, feed_one):
            assert store.erase("a", at(999)) == len(WORDS)
        account = store.account("a")
        assert account is not None
        assert account.owner == "somebody new"
        assert [entry.is_erased for entry in store.history("a")][: len(WORDS)] == [True] * len(WORDS)
        assert verify(store).is_proved
