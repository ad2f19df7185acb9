"""What a store promises about reading: filters that fit, orders that hold, streams that are snapshots."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.anomalies import AnomalyKind, Severity
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.status import Health, Status
from account_lifecycle.records import AccountFilter, AuditFilter, Refused
from account_lifecycle.stores.protocol import Feed, Store
from builders import T0, announced, as_it_is, at
from stores.exactness import shape
from stores.scenarios import events_with_every_anomaly, events_with_every_window

STREAMS: dict[str, Callable[[Store], Iterator[Any]]] = {
    "accounts": lambda store: store.accounts(AccountFilter()),
    "history": lambda store: store.history("lost"),
    "ledger": lambda store: store.ledger(),
    "audit": lambda store: store.audit(AuditFilter()),
    "quarantined": lambda store: store.quarantined(),
    "blind_windows": lambda store: store.blind_windows(None, open_only=False),
    "evidence": lambda store: store.evidence(),
    "windows_by_account": lambda store: store.windows_by_account(),
}


WORSE = list(Severity)
"""Each severity after those that are milder: a filter means at least the one that it names."""


def fits(anomaly: Anomaly, wanted: AuditFilter) -> bool:
    """What a filter means, said once more."""
    return (
        (wanted.kind is None or anomaly.kind == wanted.kind)
        and (wanted.severity is None or WORSE.index(anomaly.kind.severity) >= WORSE.index(wanted.severity))
        and (wanted.account_id is None or anomaly.account_id == wanted.account_id)
        and (wanted.provider is None or anomaly.provider == wanted.provider)
        and (wanted.since is None or wanted.since <= anomaly.at)
        and (wanted.until is None or anomaly.at < wanted.until)
    )


class ReaderContract:
    def test_its_schema_is_as_it_should_be_until_it_is_closed(self, store: Store) -> None:
        store.check_schema()
        store.check_writable()
        store.close()
        with pytest.raises(StoreError):
            store.check_schema()

    """A subclass has a fixture ``store``: a new, empty one."""

    @pytest.mark.parametrize("stream", STREAMS)
    def test_an_empty_store_has_nothing_to_tell(self, store: Store, stream: str) -> None:
        assert list(STREAMS[stream](store)) == []

    # ---- Accounts ----------------------------------------------------------------------------------

    def test_accounts_come_in_the_order_of_their_ids(self, store: Store) -> None:
        ids = ["b", "a", "B", "é", "10", "9", "😀", "a b"]
        store.advance([announced(account_id, "OK") for account_id in ids], as_it_is)
        assert [account.account_id for account in store.accounts(AccountFilter())] == sorted(ids)

    def test_every_combination_of_account_filters_finds_what_fits(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        everything = list(store.accounts(AccountFilter()))
        assert {account.account_id: account for account in everything} == {
            d.after.account_id: d.after for d in decisions if d.account is not None
        }
        providers = sorted(account.provider for account in everything if account.provider)
        for status, health, provider in product((None, *Status), (None, *Health), (None, *providers)):
            found = list(store.accounts(AccountFilter(status, health, provider)))
            assert found == [
                account
                for account in everything
                if (status is None or account.status is status)
                and (health is None or account.health is health)
                and (provider is None or account.provider == provider)
            ]

    def test_accounts_are_due_once_their_next_deadline_has_passed_the_longest_passed_first(self, store: Store) -> None:
        log = [announced(a, w) for a, w in (("a", "OK"), ("b", "ERROR"), ("c", "CONNECTING"), ("d", "STOPPED"))]
        store.feed(Feed(log, judge, policy=Policy(reminders=(timedelta(days=1),))))
        assert list(store.due(at(30))) == []
        assert [account.account_id for account in store.due(at(31))] == ["c"], "it connects for half an hour at most"
        found = list(store.due(at(3 * 24 * 60)))
        assert [account.account_id for account in found] == ["c", "b", "d"]
        assert found == [store.account("c"), store.account("b"), store.account("d")]

    def test_accounts_are_dated_anew_once_the_terms_of_their_deadlines_are_others(self, store: Store) -> None:
        early, late = (Policy(reminders=(timedelta(days=days),)) for days in (1, 9))
        store.advance([announced(f"{n:03}", "ERROR", n) for n in range(600)], as_it_is)
        last, pages, days = 0, 0, 24 * 60
        assert list(store.due(at(99 * days))) == [], "nobody asked for their deadlines"
        while last := store.redate(late, at(700), last):
            pages += 1
        assert pages > 2
        assert store.redate(late, at(700)) == 0
        assert list(store.due(at(9 * days))) == []
        assert len(list(store.due(at(10 * days)))) == 600
        while last := store.redate(early, at(700), last):
            pass
        assert [account.account_id for account in store.due(at(days + 1))] == ["000"]

    def test_an_account_that_is_ahead_of_the_clock_is_due_when_as_much_time_has_passed_by_the_clock(
        self, store: Store
    ) -> None:
        days, now = 24 * 60, at(-400 * 24 * 60)
        store.feed(Feed([announced("a", "ERROR")], judge, now=now, policy=Policy(reminders=(timedelta(days=1),))))
        assert list(store.due(now + timedelta(days=1))) == []
        assert [account.account_id for account in store.due(now + timedelta(minutes=days + 1))] == ["a"]

    def test_several_accounts_are_read_at_once_and_those_unheard_of_are_missing(self, store: Store) -> None:
        store.advance(events_with_every_window(), as_it_is)
        found = store.accounts_by_id(["grown", "nobody", "open", "grown", "GROWN"])
        assert found.keys() == {"grown", "open"}
        assert [shape(found[account_id]) for account_id in found] == [shape(store.account(a)) for a in found]
        assert store.accounts_by_id([]) == {}

    def test_very_many_accounts_can_be_read_at_once(self, store: Store) -> None:
        """More than a statement takes parameters."""
        ids = [f"account {number}" for number in range(1500)]
        store.advance([announced(account_id, "OK") for account_id in ids[::2]], as_it_is)
        assert sorted(store.accounts_by_id(ids * 30)) == sorted(ids[::2])

    # ---- Pages -------------------------------------------------------------------------------------

    def test_a_page_begins_after_the_last_record_of_the_one_before(self, store: Store) -> None:
        log = [announced(a, w, m) for m, (a, w) in enumerate(product(("b", "a", "é", "c"), ("OK", "ERROR", "SNAFU")))]
        store.advance(log, as_it_is)
        store.quarantine([Refused(T0, b"?", 1, "payload", "why")] * 4)
        accounts, entries = list(store.accounts(AccountFilter())), list(store.history("a"))
        rows = list(store.quarantined())
        assert [len(each) for each in (accounts, entries, rows)] == [4, 3, 4]
        for n in range(1, 4):
            assert list(store.accounts(AccountFilter(), accounts[n - 1].account_id)) == accounts[n:]
            assert list(store.accounts(AccountFilter(Status.OK), accounts[n - 1].account_id)) == []
            assert list(store.history("a", entries[n - 1].sequence)) == entries[n:]
            assert list(store.quarantined(rows[n - 1].quarantine_id)) == rows[n:]
        assert list(store.accounts(AccountFilter(), "b a")) == accounts[2:], "the one before need not be there"

    # ---- Events ------------------------------------------------------------------------------------

    def test_a_history_is_one_account_and_the_ledger_is_all_in_the_order_of_feeding(self, store: Store) -> None:
        log = [
            announced(a, w, m) for a, w, m in (("b", "OK", 9), ("a", "OK", 5), ("b", "ERROR", 1), ("a", "STOPPED", 0))
        ]
        for event in log:
            store.advance([event], as_it_is)
        assert [entry.event for entry in store.ledger()] == log
        assert [entry.event for entry in store.history("a")] == [log[1], log[3]]
        assert [entry.sequence for entry in store.history("a")] == [1, 2]
        assert list(store.history("nobody")) == []

    def test_anomalies_come_in_the_order_of_feeding_whatever_their_times(self, store: Store) -> None:
        log = [announced("b", "OK", 9), announced("a", "SNAFU", 0, "MYSPACE", "p"), announced("b", "CREATION_FAIL", 3)]
        for event in log:
            store.advance([event], as_it_is)
        kinds = [(anomaly.account_id, anomaly.kind) for anomaly in store.audit(AuditFilter())]
        assert kinds == [
            ("b", AnomalyKind.ADOPTED),
            ("a", AnomalyKind.UNKNOWN_PROVIDER),
            ("a", AnomalyKind.UNEXPECTED_PRODUCT),
            ("a", AnomalyKind.UNKNOWN_STATUS),
            ("b", AnomalyKind.OUT_OF_ORDER),
        ]

    def test_the_audit_goes_back_from_its_end_or_from_an_event(self, store: Store) -> None:
        store.advance(events_with_every_anomaly(), as_it_is)
        everything = list(store.audit(AuditFilter()))
        events = list(dict.fromkeys((each.account_id, each.sequence) for each in everything))
        newest = list(store.audit(AuditFilter(), newest_first=True))
        assert list(dict.fromkeys((each.account_id, each.sequence) for each in newest)) == events[::-1]
        assert sorted(map(str, newest)) == sorted(map(str, everything))
        for number, place in enumerate(events):
            found = store.audit(AuditFilter(), before=place, newest_first=True)
            assert list(dict.fromkeys((each.account_id, each.sequence) for each in found)) == events[:number][::-1]
        assert list(store.audit(AuditFilter(), before=("nobody", 7))) == []

    def test_every_combination_of_audit_filters_finds_what_fits(self, store: Store) -> None:
        everything = [a for d in store.advance(events_with_every_anomaly(), as_it_is) for a in d.anomalies]
        values = [
            (None, AnomalyKind.ADOPTED, AnomalyKind.AFTER_DELETION),
            (None, *Severity),
            (None, "deleted", "odd"),
            (None, "LINKEDIN", "MYSPACE", "X"),
            (None, at(13), at(16)),
            (None, at(13), at(16)),
        ]
        for wanted in map(AuditFilter._make, product(*values)):
            assert list(store.audit(wanted)) == [anomaly for anomaly in everything if fits(anomaly, wanted)], wanted

    @pytest.mark.parametrize("kind", AnomalyKind)
    def test_every_kind_of_anomaly_can_be_asked_for(self, store: Store, kind: AnomalyKind) -> None:
        store.advance(events_with_every_anomaly(), as_it_is)
        assert {anomaly.kind for anomaly in store.audit(AuditFilter(kind=kind))} == {kind}

    def test_since_is_included_and_until_is_not(self, store: Store) -> None:
        store.advance([announced(str(minute), "OK", minute) for minute in range(4)], as_it_is)
        found = store.audit(AuditFilter(since=at(1), until=at(3)))
        assert [anomaly.at for anomaly in found] == [at(1), at(2)]

    # ---- Blind windows -----------------------------------------------------------------------------

    def test_windows_come_back_as_they_are_now_in_the_order_in_which_they_opened(self, store: Store) -> None:
        for event in events_with_every_window():
            store.advance([event], as_it_is)
        found = store.blind_windows(None, open_only=False)
        assert [(*w[:1], *w[2:]) for w in found] == [
            ("open", at(5), at(0), None, False, False, ("CONNECTING",)),
            ("grown", at(6), at(1), None, False, False, ("CREDENTIALS", "ERROR")),
            ("adopted", at(7), None, None, False, False, ("STOPPED",)),
            ("recovered", at(8), at(2), at(13), True, False, ("ERROR",)),
            ("gone", at(9), at(3), at(12), False, False, ("CREDENTIALS",)),
            ("recovered", at(14), at(13), None, False, False, ("PERMISSIONS",)),
            ("unheard", at(15), at(15), at(45), True, True, ()),
            ("unheard", at(45), at(45), None, False, True, ("ERROR",)),
            ("old", at(46), at(-14), at(47), True, True, ()),
        ]

    def test_windows_are_those_of_the_decisions(self, store: Store) -> None:
        decisions = store.advance(events_with_every_window(), as_it_is)
        last = {(w.account_id, w.sequence): w for d in decisions if (w := d.blind_window) is not None}
        found = {(w.account_id, w.sequence): w for w in store.blind_windows(None, open_only=False)}
        assert found == last
        open_now = {w.account_id: w for w in store.blind_windows(None, open_only=True)}
        accounts = store.accounts(AccountFilter())
        assert open_now == {a.account_id: a.blind_window for a in accounts if a.blind_window is not None}

    @pytest.mark.parametrize(
        ("account_id", "open_only", "opened"),
        [
            (None, True, [5, 6, 7, 14, 45]),
            ("recovered", False, [8, 14]),
            ("recovered", True, [14]),
            ("gone", True, []),
            ("nobody", False, []),
        ],
    )
    def test_windows_of_one_account_or_open_ones_only(
        self, store: Store, account_id: str | None, open_only: bool, opened: list[int]
    ) -> None:
        store.advance(events_with_every_window(), as_it_is)
        found = store.blind_windows(account_id, open_only=open_only)
        assert [window.opened_at for window in found] == [at(minute) for minute in opened]

    def test_windows_of_a_log_that_was_fed_out_of_order_come_in_the_order_of_their_times(self, store: Store) -> None:
        log = [announced(a, "CREDENTIALS", m) for a, m in (("b", 5), ("c", 5), ("a", 5), ("z", 1), ("y", 9))]
        for event in log:
            store.advance([event], as_it_is)
        windows = list(store.blind_windows(None, open_only=False))
        assert [w.account_id for w in windows] == ["z", "a", "b", "c", "y"]
        for number, w in enumerate(windows, start=1):
            place = (w.opened_at, w.account_id, w.sequence)
            assert list(store.blind_windows(None, open_only=True, after=place)) == windows[number:]

    # ---- Streams -----------------------------------------------------------------------------------

    @pytest.mark.parametrize("stream", STREAMS)
    def test_a_stream_is_a_snapshot_while_feeding_goes_on(self, store: Store, stream: str) -> None:
        self.fill(store)
        snapshot = list(STREAMS[stream](store))
        assert len(snapshot) >= 2
        rows = STREAMS[stream](store)
        seen = [next(rows)]
        self.go_on(store)
        assert seen + list(rows) == snapshot
        assert list(STREAMS[stream](store)) != snapshot

    @pytest.mark.parametrize("stream", STREAMS)
    def test_a_stream_may_be_left_early_and_nobody_waits_for_it(self, store: Store, stream: str) -> None:
        self.fill(store)
        rows = STREAMS[stream](store)
        next(rows)
        del rows
        self.go_on(store)
        assert len(list(store.ledger())) == len(events_with_every_anomaly()) + len(FURTHER)

    def fill(self, store: Store) -> None:
        store.advance(events_with_every_anomaly(), as_it_is)
        store.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 2)

    def go_on(self, store: Store) -> None:
        """Change what every stream would have told next, and add to its end."""
        for event in FURTHER:
            store.advance([event], as_it_is)
        store.quarantine([Refused(T0, b"y", 1, "payload", "because")])


FURTHER = [
    *(announced(a, "CREDENTIALS", 200) for a in ("adopted", "late", "lost", "reconnected", "silent", "skipped", "odd")),
    announced("zulu", "ERROR", 201),
    announced("lost", "DELETED", 202),
]
