"""What a store promises about runs over the vendor's list: one at a time, one row each; a crash holds nothing up."""

from datetime import timedelta

import pytest

from account_lifecycle.errors import StoreBusy
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.status import Status
from account_lifecycle.stores.protocol import Store
from account_lifecycle.stores.reconciliations import BROKEN_OFF, Listing, Reconciliation
from builders import announced, as_it_is, at, observed

LEASE = timedelta(minutes=10)


def ended(number: int, minute: float, **facts: object) -> Reconciliation:
    return Reconciliation(number, at(minute), at(minute + 1), **facts)  # type: ignore[arg-type]


class ReconcilingContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    def test_no_run_begins_while_another_one_is_running(self, store: Store) -> None:
        number = store.begin_reconciliation(at(0), at(0) + LEASE)
        with pytest.raises(StoreBusy, match="Another reconciliation is running"):
            store.begin_reconciliation(at(9), at(9) + LEASE)

        assert store.end_reconciliation(ended(number, 0))
        assert store.begin_reconciliation(at(9), at(9) + LEASE) == number + 1

    def test_a_run_that_crashed_is_closed_by_the_next_one_and_can_keep_nothing_any_more(self, store: Store) -> None:
        crashed = store.begin_reconciliation(at(0), at(0) + LEASE)
        assert store.renew_reconciliation(crashed, at(5) + LEASE)
        next_one = store.begin_reconciliation(at(15), at(15) + LEASE)

        assert not store.renew_reconciliation(crashed, at(40))
        assert not store.end_reconciliation(ended(crashed, 15))
        running, broken_off = store.reconciliations(10)
        assert (running.number, running.is_running) == (next_one, True)
        assert (broken_off.number, broken_off.problem, broken_off.ended_at) == (crashed, BROKEN_OFF, at(15))

    def test_runs_are_read_as_they_were_written_newest_first(self, store: Store) -> None:
        runs = []
        for minute in (0, 15, 30):
            number = store.begin_reconciliation(at(minute), at(minute) + LEASE)
            drift, anomalies, skipped = {"OK → ERROR": 2}, {AnomalyKind.VANISHED.value: 1}, {"SLACK": minute}
            facts = {"listed": 7, "equal": 4, "is_whole": True, "drift": drift, "anomalies": anomalies}
            runs.append(ended(number, minute, skipped=skipped, **facts))
            assert store.end_reconciliation(runs[-1])

        assert store.reconciliations(10) == runs[::-1]
        assert store.reconciliations(1, before=runs[1].number) == [runs[0]]
        assert list(store.faults()) == []

    def test_ids_are_read_in_pages_of_the_accounts_that_the_list_must_have(self, store: Store) -> None:
        words = {"a": "OK", "b": "DELETED", "c": "ERROR", "d": "CREATION_FAIL", "e": "OK"}
        store.advance([announced(account_id, word, 0) for account_id, word in words.items()], as_it_is)
        wanted = [status for status in Status if status not in (Status.DELETED, Status.CREATION_FAIL)]

        assert store.account_ids(wanted, limit=2) == ["a", "c"]
        assert store.account_ids(wanted, after="c", limit=2) == ["e"]

    def test_accounts_differ_that_stand_otherwise_are_not_there_or_have_something_to_settle(self, store: Store) -> None:
        words = ("CREDENTIALS", "OK", "CREDENTIALS")
        store.advance([announced("doubtful", word, minute) for minute, word in enumerate(words)], as_it_is)
        store.advance([announced("calm", "OK", 0), announced("lost", "OK", 0), observed("lost", "ABSENT", 9)], as_it_is)
        store.advance([announced("disputed", "OK", 0), announced("disputed", "ERROR", 9, "X")], as_it_is)
        store.advance([announced("unnamed", "ERROR", 0, provider=None)], as_it_is)
        listed = {"calm": "OK", "doubtful": "CREDENTIALS", "lost": "OK", "disputed": "ERROR", "unnamed": "ERROR"}

        alike = [Listing(account_id, status, "LINKEDIN") for account_id, status in listed.items()]
        assert store.differing(alike) == ["doubtful", "lost", "disputed", "unnamed"]
        other = [Listing("calm", "ERROR", "LINKEDIN"), Listing("calm", "OK", "X"), Listing("never", "OK", "LINKEDIN")]
        assert store.differing(other) == ["calm", "calm", "never"]
        assert store.differing([]) == []
