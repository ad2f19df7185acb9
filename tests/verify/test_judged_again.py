"""Judged again: a record that does not follow from the ledger is found even where every digest is right.

Whoever can compute digests can make a chain that holds; what follows from the events he cannot change. The store
here tells the truth about everything but one row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from typing_extensions import override

from account_lifecycle import AnomalyKind, BlindWindow, EffectKind, Health, Status, Verdict
from account_lifecycle.lifecycle.account import Account, Heard, Memory
from account_lifecycle.lifecycle.machine import situation_of
from account_lifecycle.records import AuditFilter, Evidence, Fault
from account_lifecycle.stores.sqlite import TemporaryStore
from account_lifecycle.verify.record import MAX_FAULTS, verify
from builders import announced, at
from verify.fleets import OLD_RULES, everything, feed

Change = Callable[[Any], Any]
ELSEWHERE = situation_of(Status("ERROR"), True, True, False)


class Forger(TemporaryStore):
    """A store in which some rows were changed."""

    def __init__(self) -> None:
        super().__init__()
        self.event: tuple[str, int] = ("", 0)
        self.forge: dict[str, Change] = {}

    @override
    def evidence(self, account_id: str | None = None) -> Iterator[Evidence]:
        for each in super().evidence(account_id):
            is_meant = (each.entry.account_id, each.entry.sequence) == self.event
            forged = self._forged("evidence", each) if is_meant else each
            if forged is not None:
                yield forged

    @override
    def stored_accounts(self) -> Iterator[Account]:
        found = (self._forged("account", each) for each in super().stored_accounts())
        return (each for each in found if each is not None)

    @override
    def accounts_by_id(self, account_ids: Sequence[str]) -> dict[str, Account]:
        found = {key: self._forged("account", each) for key, each in super().accounts_by_id(account_ids).items()}
        return {account_id: account for account_id, account in found.items() if account is not None}

    @override
    def windows_by_account(self) -> Iterator[BlindWindow]:
        found = (self._forged("window", each) for each in super().windows_by_account())
        return (each for each in found if each is not None)

    @override
    def blind_windows(self, account_id: str | None, *, open_only: bool) -> Iterator[BlindWindow]:
        found = (self._forged("window", each) for each in super().blind_windows(account_id, open_only=open_only))
        return (each for each in found if each is not None)

    def _forged(self, what: str, record: Any) -> Any:
        is_meant = what == "evidence" or record.account_id == self.event[0]
        return self.forge[what](record) if what in self.forge and is_meant else record


@pytest.fixture
def store() -> Forger:
    store = Forger()
    feed(store, everything())
    return store


def the_fault(store: Forger) -> Fault:
    """The only one there is."""
    found = verify(store)
    assert not found.is_intact
    assert found.fault_count == 1, found.faults
    assert found.first == found.faults[0]
    return found.faults[0]


# ---- Events -----------------------------------------------------------------------------------------


def entry_with(**columns: Any) -> Change:
    return lambda evidence: evidence._replace(entry=evidence.entry._replace(**columns))


def anomaly_with(**columns: Any) -> Change:
    return lambda evidence: entry_with(anomalies=(evidence.entry.anomalies[0]._replace(**columns),))(evidence)


EVENTS: dict[str, tuple[str, Change, str]] = {
    "verdict": ("lost", entry_with(verdict=Verdict.HELD), "the verdict: HELD is stored, APPLIED follows"),
    "before": ("lost", entry_with(before=ELSEWHERE), "ERROR (exists, lost) is stored, OK (exists, not lost) follows"),
    "after": ("skipped", entry_with(after=ELSEWHERE), "the situation after it: ERROR (exists, lost) is stored"),
    "an anomaly less": ("late", entry_with(anomalies=()), "LATE_EVENT is not stored, but follows"),
    "kind": ("late", anomaly_with(kind=AnomalyKind.STUCK), "kind: STUCK is stored, LATE_EVENT follows"),
    "health": ("late", anomaly_with(health=Health.GONE), "health: GONE is stored, LIVE follows"),
    "provider": ("late", anomaly_with(provider=None), "provider: nothing is stored, IMAP follows"),
    "since": ("late", anomaly_with(since=at(1)), "since: 2026"),
    "last_announced": ("late", anomaly_with(last_announced=None), "last_announced: nothing is stored, OK follows"),
    "last_heard_at": ("late", anomaly_with(last_heard_at=None), "last_heard_at: nothing is stored"),
    "detail": ("late", anomaly_with(detail="x"), "detail: 'x' is stored, '' follows"),
    "an effect less": (
        "lost",
        lambda e: e._replace(effects=e.effects[1:]),
        "from the ledger follow left OK, entered ERROR, health",
    ),
    "a doubt": (
        "lost",
        lambda e: e._replace(effects=((*e.effects[0][:2], True), *e.effects[1:])),
        "stored are left OK (doubtful), entered ERROR",
    ),
    "an effect more": (
        "late",
        lambda e: e._replace(effects=(*e.effects, (EffectKind.DELETED, "", False))),
        "stored are anomaly LATE_EVENT, deleted; from the ledger follow anomaly LATE_EVENT",
    ),
}


@pytest.mark.parametrize("column", EVENTS)
def test_whatever_was_decided_about_an_event_has_to_follow(store: Forger, column: str) -> None:
    account_id, forge, finding = EVENTS[column]
    store.event, store.forge = (account_id, 2), {"evidence": forge}
    found = verify(store)
    fault = found.first
    assert fault is not None
    assert f"event {store.event[1]} of account {account_id}" in fault.place
    assert {each.place for each in found.faults} <= {fault.place, f"account {account_id}"}
    assert finding in fault.finding
    assert (fault.account_id, fault.sequence) == store.event


def test_an_anomaly_that_was_added_is_found(store: Forger) -> None:
    (added,) = [anomaly for anomaly in store.audit(AuditFilter()) if anomaly.account_id == "late"][:1]
    store.event, store.forge = ("named", 3), {"evidence": entry_with(anomalies=(added,))}
    fault = the_fault(store)
    assert fault.place == "anomaly 1 of event 3 of account named"
    assert fault.finding == "ADOPTED is stored, but does not follow from the ledger"


def test_what_an_event_says_and_what_became_of_it_have_to_fit(store: Forger) -> None:
    """Another word, with everything that was decided left as it was."""
    store.event = ("lost", 2)
    store.forge = {"evidence": lambda e: e._replace(entry=e.entry._replace(event=announced("lost", "STOPPED", 8)))}
    found = verify(store)
    assert found.first is not None
    assert found.first.place == "event 2 of account lost"


def test_an_event_that_is_missing_is_found(store: Forger) -> None:
    store.event, store.forge = ("recovered", 2), {"evidence": lambda each: None}
    found = verify(store)
    assert found.first is not None
    assert found.first.place == "event 3 of account recovered"
    assert found.first.finding == "number 2 of this account should come here"


def test_an_event_of_rules_that_are_not_at_hand_has_to_begin_where_the_last_one_ended() -> None:
    store = Forger()
    feed(store, [announced("a", word, minute) for minute, word in enumerate(["OK", "ERROR", "OK"])], rules=OLD_RULES)
    store.event, store.forge = ("a", 2), {"evidence": entry_with(after=situation_of(Status("OK"), True, False, False))}
    assert the_fault(store).place == "event 3 of account a"
    store.forge = {"evidence": entry_with(verdict=Verdict.HELD)}
    assert "its verdict is HELD, and yet it moves OK" in the_fault(store).finding


# ---- What stands beside the ledger --------------------------------------------------------------------


ACCOUNT: dict[str, Any] = {
    "situation": situation_of(Status("ERROR"), False, True, False),
    "sequence": 9,
    "health": Health.GONE,
    "provider": "X",
    "owner": None,
    "since": at(1),
    "stuck": True,
    "presumed": True,
    "heard": (),
    "held": (Heard("OK", "", at(1)),),
    "newest_at": None,
    "last_live_at": at(1),
    "synced_products": frozenset({"recruiter"}),
    "blind_window": BlindWindow("named", 1, at(0), None),
    "signed_in_at": at(1),
    "down_since": at(1),
    "memory": Memory(),
}


def test_every_field_of_an_account_is_forged_below() -> None:
    assert ["account_id", *ACCOUNT] == [field.name for field in fields(Account)]


@pytest.mark.parametrize("field", ACCOUNT)
def test_an_account_has_to_follow_from_its_events(store: Forger, field: str) -> None:
    store.event = ("named", 0)
    store.forge = {"account": lambda account: replace(account, **{field: ACCOUNT[field]})}
    fault = the_fault(store)
    assert fault.place == "account named"
    assert fault.finding.startswith(f"{field}: ")


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_an_account_that_forgot_its_last_events_is_found(store: Forger, sequence: int) -> None:
    """Even if it is then exactly as it once was."""
    once = {entry.sequence: entry for entry in store.history("named")}
    before = Account("named")
    for number in range(1, min(sequence, 3) + 1):
        before = replace(before, sequence=number, situation=once[number].after)
    store.event, store.forge = ("named", 0), {"account": lambda _: replace(before, sequence=sequence)}
    assert the_fault(store).place == "account named"


def test_an_account_that_is_not_there_is_found(store: Forger) -> None:
    store.event, store.forge = ("named", 0), {"account": lambda account: None}
    assert "it is not stored, although the ledger has events of it" in the_fault(store).finding


def test_an_account_that_nothing_was_fed_for_is_found(store: Forger) -> None:
    store.event, store.forge = ("silent", 1), {"evidence": lambda each: None}
    fault = the_fault_about("account silent", store)
    assert fault.finding == "it is stored, but the ledger has none of its events"


def the_fault_about(place: str, store: Forger) -> Fault:
    """The only one at this place."""
    (fault,) = [fault for fault in verify(store).faults if fault.place == place]
    return fault


WINDOW: dict[str, Any] = {
    "opened_at": at(1),
    "backfill_from": None,
    "closed_at": None,
    "recovered": False,
    "estimated": True,
    "causes": (),
}


@pytest.mark.parametrize("field", WINDOW)
def test_a_blind_window_has_to_follow_from_its_events(store: Forger, field: str) -> None:
    store.event = ("recovered", 0)
    first = lambda w: w._replace(**{field: WINDOW[field]}) if w.sequence == 3 else w  # noqa: E731
    store.forge = {"window": first}
    fault = the_fault(store)
    assert fault.place == "blind window 3 of account recovered"
    assert fault.finding.startswith(f"{field}: ")


def test_a_blind_window_that_is_missing_is_found(store: Forger) -> None:
    store.event, store.forge = ("recovered", 0), {"window": lambda w: None if w.sequence == 3 else w}
    assert the_fault(store).finding == "it is not stored, but follows from the ledger"


def test_a_blind_window_too_many_is_found(store: Forger) -> None:
    store.event, store.forge = ("recovered", 0), {"window": lambda w: w._replace(sequence=4) if w.sequence == 3 else w}
    assert {fault.place for fault in verify(store).faults} == {
        "blind window 3 of account recovered",
        "blind window 4 of account recovered",
    }


# ---- How it is shown -------------------------------------------------------------------------------------


def test_the_first_that_is_named_is_the_first_that_was_fed(store: Forger) -> None:
    """Accounts are verified in the order of their ids, but the ledger has another."""
    store.event = ("late", 2)
    original = store.evidence
    forge = entry_with(verdict=Verdict.REPEATED)
    meant = {("adopted", 1), ("late", 2), ("again", 1)}
    store.evidence = lambda account_id=None: (  # type: ignore[method-assign]
        forge(each) if (each.entry.account_id, each.entry.sequence) in meant else each for each in original(account_id)
    )
    found = verify(store)
    assert [fault.account_id for fault in found.faults] == ["adopted", "again", "late"]
    assert found.first == found.faults[0]
    meant.remove(("adopted", 1))
    found = verify(store)
    assert [fault.account_id for fault in found.faults] == ["again", "late"]
    assert found.first == found.faults[1]


def test_a_hundred_faults_are_told_and_all_are_counted() -> None:
    store = Forger()
    feed(store, [announced(f"a_{number:03}", "OK", number) for number in range(MAX_FAULTS + 20)])
    original, by_id = store.stored_accounts, store.accounts_by_id
    store.stored_accounts = lambda: (replace(each, stuck=True) for each in original())  # type: ignore[method-assign]
    store.accounts_by_id = lambda ids: {a: replace(each, stuck=True) for a, each in by_id(ids).items()}  # type: ignore[method-assign]
    found = verify(store)
    assert (len(found.faults), found.fault_count) == (MAX_FAULTS, MAX_FAULTS + 20)


def test_a_store_that_reads_in_another_order_is_no_store(store: Forger) -> None:
    evidence = sorted(store.evidence(), key=lambda each: each.entry.account_id, reverse=True)
    store.evidence = lambda account_id=None: iter(evidence)  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="order of account ids"):
        verify(store)
