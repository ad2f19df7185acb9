"""What a store promises about writing: all or nothing, and everything comes back exactly as it went in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from threading import Barrier, Thread
from time import sleep

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from account_lifecycle.errors import StoreError
from account_lifecycle.lifecycle.account import Account, Heard, Memory
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.compiled import compiled
from account_lifecycle.lifecycle.decide import Decision, decide, judge
from account_lifecycle.lifecycle.events import (
    ABSENT,
    NOBODY,
    DeadlineKind,
    DeadlinePassed,
    Event,
    StatusAnnounced,
    StatusObserved,
)
from account_lifecycle.lifecycle.machine import Situation
from account_lifecycle.lifecycle.providers import Provider
from account_lifecycle.lifecycle.rules import Rules
from account_lifecycle.lifecycle.status import Health, Status, Verdict
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.records import (
    AccountFilter,
    AuditFilter,
    DeliveryFilter,
    Judge,
    LedgerEntry,
    Quarantined,
    Refused,
)
from account_lifecycle.stores.protocol import Store
from builders import T0, announced, as_it_is, at, deadline_of, judged
from stores.exactness import shape
from stores.scenarios import events_to, events_with_every_anomaly, events_with_every_window

on_one_store = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
"""For properties whose examples share a store, each with an account of its own; every subclass has another store."""

statuses_of_the_list = ("OK", "CONNECTING", "CREDENTIALS", "PERMISSIONS", "ERROR", "STOPPED")
new_ids = map("account-{}".format, count()).__next__

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any text that Unicode allows, NUL included."""
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
statuses = st.sampled_from(Status)
products = st.none() | words
owners = st.none() | words.filter(bool)
heard = st.lists(st.builds(Heard, words, products, moments), max_size=4).map(tuple)
lengths = st.timedeltas(timedelta(0), timedelta(days=1000))
windows = st.builds(
    BlindWindow,
    st.just(""),
    st.integers(1, 10**6),
    moments,
    st.none() | moments,
    st.none(),
    st.just(False),
    st.booleans(),
    st.lists(statuses, unique=True).map(tuple),
)
memories = st.builds(
    Memory,
    st.none() | moments,
    st.booleans(),
    words,
    st.booleans(),
    st.none() | st.sampled_from(Provider) | words.map("?{}".format),
    st.none() | moments,
    lengths,
    st.booleans(),
    st.none() | moments,
    st.booleans(),
)
accounts = st.builds(
    Account,
    st.just(""),
    st.sampled_from(compiled().situations),
    st.integers(1, 2**40),
    st.sampled_from(Health),
    st.none() | st.sampled_from(Provider) | st.just("MYSPACE") | words.map("?{}".format),
    st.none() | words,
    st.none() | moments,
    st.booleans(),
    st.booleans(),
    heard,
    heard,
    st.none() | moments,
    st.none() | moments,
    st.frozensets(words, max_size=4),
    st.none() | windows,
    st.none() | moments,
    st.none() | moments,
    memories,
)


def everything_in(store: Store) -> list[object]:
    """All that a store would show anybody."""
    return [
        list(store.accounts(AccountFilter())),
        list(store.ledger()),
        list(store.audit(AuditFilter())),
        list(store.quarantined()),
        list(store.blind_windows(None, open_only=False)),
        list(store.due(at(10_000_000))),
        list(store.stored_accounts()),
        list(store.evidence()),
        list(store.baselines()),
        list(store.windows_by_account()),
        store.segments(),
        store.head(),
        store.subscribed(),
        list(store.deliveries(DeliveryFilter())),
        store.waiting_effects(),
    ]


def breaking_at(place: int, error: BaseException) -> Judge:
    """The pure step, until it breaks at the given event of a batch."""
    steps = count()

    def step(account: Account, event: Event) -> list[Decision]:
        if next(steps) == place:
            raise error
        return [decide(account, event)]

    return step


def becoming(account: Account) -> Judge:
    """A step that makes any account at will, to see what a store makes of it."""
    return lambda before, event: [Decision(account, before, event, Verdict.HELD, blind_window=account.blind_window)]


class LedgerContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    # ---- Judging ---------------------------------------------------------------------------------

    def test_a_batch_gives_the_decisions_of_the_pure_step_in_order(self, store: Store) -> None:
        log = events_with_every_anomaly()
        assert store.advance(log, as_it_is) == judged(log)

    def test_a_batch_and_single_events_come_to_the_same(self, store: Store) -> None:
        log = events_with_every_anomaly()
        assert [store.advance([event], as_it_is)[0] for event in log] == judged(log)

    def test_an_empty_batch_changes_nothing(self, store: Store) -> None:
        before = everything_in(store)
        assert store.advance([], as_it_is) == []
        assert everything_in(store) == before

    @pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()], ids=["error", "interrupt"])
    @pytest.mark.parametrize("place", range(15))
    def test_a_batch_that_breaks_in_the_middle_leaves_nothing(
        self, store: Store, place: int, error: BaseException
    ) -> None:
        empty = everything_in(store)
        with pytest.raises(type(error)):
            store.advance(events_with_every_window(), breaking_at(place, error))
        assert everything_in(store) == empty

    @pytest.mark.parametrize("size", [1, 2, 6])
    def test_a_batch_that_breaks_leaves_what_was_there_before_as_it_was(self, store: Store, size: int) -> None:
        log = events_with_every_window()
        store.advance(log[:9], as_it_is)
        before = everything_in(store)
        with pytest.raises(ValueError, match="broken"):
            store.advance(log[9 : 9 + size], breaking_at(size - 1, ValueError("broken")))
        assert everything_in(store) == before
        assert store.advance(log[9:], as_it_is) == judged(log)[9:]

    @pytest.mark.parametrize("ask", [lambda s: s.account("a"), lambda s: list(s.accounts(AccountFilter()))])
    def test_nobody_sees_a_batch_before_it_is_kept(self, store: Store, ask: Callable[[Store], object]) -> None:
        seen: list[object] = []
        witness = Thread(target=lambda: seen.append(ask(store)))

        def step(account: Account, event: Event) -> list[Decision]:
            if event.status == "BREAK":
                witness.start()
                witness.join(0.1)  # a store may as well have it wait until the batch is over
                raise ValueError("broken")
            return [decide(account, event)]

        with pytest.raises(ValueError, match="broken"):
            store.advance([announced("a", "OK"), announced("a", "BREAK")], step)
        witness.join()
        assert seen in ([None], [[]])

    def test_threads_share_a_store_and_no_event_is_lost_or_judged_twice(self, store: Store) -> None:
        start = Barrier(4)

        def slow_step(account: Account, event: Event) -> list[Decision]:
            sleep(0.001)  # gives way to the other threads in the middle of its transaction
            return [decide(account, event)]

        def feed(thread: int) -> list[int]:
            start.wait()
            words = ["OK", "CREDENTIALS"] * 10
            return [store.advance([announced("shared", word, thread)], slow_step)[0].sequence for word in words]

        with ThreadPoolExecutor(4) as pool:
            sequences = [number for numbers in pool.map(feed, range(4)) for number in numbers]
        assert sorted(sequences) == list(range(1, 81))
        history = list(store.history("shared"))
        assert [entry.sequence for entry in history] == list(range(1, 81))
        assert all(later.before == earlier.after for earlier, later in pairwise(history))

    # ---- Coming back exactly -----------------------------------------------------------------------

    @pytest.mark.parametrize("situation", compiled().situations, ids=lambda s: f"{s.status}-{s.exists}-{s.lost}")
    def test_an_account_comes_back_exactly_from_every_situation(self, store: Store, situation: Situation) -> None:
        decision = store.advance(events_to(situation, "a"), as_it_is)[-1]
        assert decision.after.situation == situation
        assert shape(store.account("a")) == shape(decision.after)

    @on_one_store
    @given(accounts)
    def test_an_account_comes_back_exactly_with_whatever_it_holds(self, store: Store, account: Account) -> None:
        account_id = new_ids()
        window = account.blind_window and account.blind_window._replace(account_id=account_id)
        account = replace(account, account_id=account_id, blind_window=window)
        store.advance([announced(account_id, "OK")], becoming(account))
        assert shape(store.account(account_id)) == shape(account)

    def test_an_account_is_judged_the_same_after_it_came_back(self, store: Store) -> None:
        """A status that came back as mere text would no longer be known as the last announcement."""
        first, second = (store.advance([announced("a", "OK", minute)], as_it_is)[0] for minute in (0, 1))
        assert (first.verdict, second.verdict) == (Verdict.APPLIED, Verdict.REPEATED)

    def test_an_account_that_nothing_was_fed_for_is_none(self, store: Store) -> None:
        store.advance([announced("a", "OK")], as_it_is)
        assert store.account("A") is None

    def test_every_entry_of_the_ledger_comes_back_exactly(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        entries = list(store.ledger())
        assert {type(entry.event) for entry in entries} == {StatusAnnounced, StatusObserved, DeadlinePassed}
        assert [shape(entry[:5]) for entry in entries] == [shape(entry_of(decision)[:5]) for decision in decisions]

    def test_every_anomaly_comes_back_with_its_explanation(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        expected = [anomaly for decision in decisions for anomaly in decision.anomalies]
        for found in ([a for e in store.ledger() for a in e.anomalies], list(store.audit(AuditFilter()))):
            assert found == expected
            assert [a.explanation for a in found] == [a.explanation for a in expected]
            assert {a.at.tzinfo for a in found} == {UTC}

    @pytest.mark.parametrize(
        "payload",
        [
            b"\xef\xbb\xbf{}",
            b"\x00\x01{\x00}",
            "\udce9 \ud800 \ufffe \u2028".encode(errors="surrogatepass"),
            bytes(range(256)),
            b"",
            b"x" * 65_536,
        ],
        ids=["byte order mark", "NUL", "lone odd characters", "every byte", "nothing", "64 KiB"],
    )
    def test_a_payload_comes_back_byte_for_byte(self, store: Store, payload: bytes) -> None:
        store.advance([announced("a", "OK", payload=payload)], as_it_is)
        store.quarantine([Refused(T0, payload, len(payload), "payload", "because")])
        assert [entry.payload for entry in store.history("a")] == [payload]
        assert [kept.payload for kept in store.quarantined()] == [payload]

    @on_one_store
    @given(words, words.map("?{}".format), words, owners, words, st.binary(max_size=50), moments)
    def test_an_announcement_comes_back_with_whatever_it_holds(
        self,
        store: Store,
        word: str,
        provider: str,
        product: str,
        owner: str | None,
        reason: str,
        payload: bytes,
        when: datetime,
    ) -> None:
        event = StatusAnnounced(new_ids(), word, when, provider, product, owner, reason, payload)
        (decision,) = store.advance([event], as_it_is)
        (entry,) = store.history(event.account_id)
        assert shape(entry[:5]) == shape(entry_of(decision)[:5])
        assert entry.anomalies == decision.anomalies

    @on_one_store
    @given(lengths, st.integers(0, 10**12), st.sampled_from(DeadlineKind))
    def test_a_passed_deadline_comes_back_to_the_microsecond(
        self, store: Store, allowed: timedelta, late_us: int, kind: DeadlineKind
    ) -> None:
        account = store.advance([announced(new_ids(), "CONNECTING")], as_it_is)[0].after
        passed_at = T0 + timedelta(microseconds=late_us)
        event = replace(deadline_of(account, 0, allowed), received_at=passed_at, kind=kind)
        store.advance([event], as_it_is)
        entry = list(store.history(account.account_id))[-1]
        assert shape(entry.event) == shape(event)
        assert entry.payload == b""

    @on_one_store
    @given(
        st.sampled_from([*statuses_of_the_list, ABSENT]),
        st.none() | st.sampled_from(Provider),
        st.none() | words.filter(bool),
        st.none() | moments,
        moments,
    )
    def test_an_observation_comes_back_with_whatever_it_holds(
        self,
        store: Store,
        word: str,
        provider: str | None,
        owner: str | None,
        signed_in_at: datetime | None,
        when: datetime,
    ) -> None:
        event = StatusObserved(new_ids(), word, when, provider, owner, signed_in_at)
        (decision,) = store.advance([event], as_it_is)
        (entry,) = store.history(event.account_id)
        assert shape(entry[:5]) == shape(entry_of(decision)[:5])
        assert entry.payload == b""

    # ---- Deadlines, and nobody ---------------------------------------------------------------------

    def test_a_deadline_that_passed_before_an_event_is_an_event_of_its_own_at_its_moment(self, store: Store) -> None:
        decisions = store.advance([announced("a", "CONNECTING"), announced("a", "OK", 100)], judge)
        assert [decision.event.received_at for decision in decisions] == [T0, at(30) + timedelta.resolution, at(100)]
        assert [entry.event for entry in store.history("a")] == [decision.event for decision in decisions]
        assert [entry.sequence for entry in store.history("a")] == [1, 2, 3]
        assert [anomaly.kind for anomaly in store.audit(AuditFilter())] == [AnomalyKind.STUCK, AnomalyKind.ADOPTED]
        assert store.account("a") == decisions[-1].after

    def test_many_events_of_one_batch_may_have_deadlines_before_them(self, store: Store) -> None:
        log = [announced(str(n), word, minute) for n in range(40) for minute, word in ((0, "CONNECTING"), (99, "OK"))]
        decisions = store.advance(log, judge)
        assert len(decisions) == 120
        assert [entry.event for entry in store.ledger()] == [decision.event for decision in decisions]
        assert list(store.faults()) == []

    def test_a_look_at_the_clock_that_finds_nothing_leaves_nothing(self, store: Store) -> None:
        decision = store.advance([announced("a", "CONNECTING")], judge)[0]
        before = everything_in(store)
        assert store.advance([deadline_of(decision.after, 30), deadline_of(Account("b", since=T0), 30)], judge) == []
        assert everything_in(store) == before
        (found,) = store.advance([deadline_of(decision.after, 31)], judge)
        assert found.event.received_at == at(30) + timedelta.resolution, "and not when somebody looked"
        assert store.advance([deadline_of(decision.after, 31)], judge) == []

    def test_what_is_about_nobody_has_a_history_and_is_no_account(self, store: Store) -> None:
        log = [announced(NOBODY, "CREATION_FAIL", minute, None, name="user-17") for minute in (0, 1)]
        first, again = store.advance(log, judge)
        assert (first.account, again.verdict) == (None, Verdict.REPEATED)
        assert [entry.event for entry in store.history(NOBODY)] == [entry.event for entry in store.ledger()] == log
        assert store.account(NOBODY) is None
        assert list(store.accounts(AccountFilter())) == []
        assert [account.account_id for account in store.stored_accounts()] == [NOBODY]
        store.advance([announced("a", "OK")], judge)
        assert [account.account_id for account in store.accounts(AccountFilter())] == ["a"]
        assert list(store.faults()) == []

    def test_a_synced_product_that_looks_like_code_is_just_a_product(self, store: Store) -> None:
        products = ['"]', "a,b", "'; DROP TABLE account; --", "\x00", "ß", ""]
        for minute, product in enumerate(products):
            store.advance([announced("a", "SYNC_SUCCESS", minute, product=product)], as_it_is)
        account = store.account("a")
        assert account is not None
        assert account.synced_products == frozenset(products)

    # ---- The quarantine ----------------------------------------------------------------------------

    def test_the_quarantine_numbers_payloads_in_the_order_in_which_they_came(self, store: Store) -> None:
        refused = [Refused(at(-n), bytes([n]), 70_000 + n, f"field {n}", f"reason\0 {n}") for n in range(3)]
        refused.append(Refused(at(-3), b"", 800, "payload", "a message webhook", "a message webhook", "a", "ab" * 32))
        assert store.quarantine(refused[:3]) == [1, 2, 3]
        assert store.quarantine([]) == []
        assert store.quarantine(refused[3:]) == [4]
        expected = [Quarantined(number, *row[:5], None, False, *row[5:]) for number, row in enumerate(refused, 1)]
        assert [shape(kept) for kept in store.quarantined()] == [shape(kept) for kept in expected]

    def test_what_comes_from_the_quarantine_is_marked_with_it(self, store: Store) -> None:
        first, second, third = store.quarantine([Refused(T0, bytes([n]), 1, "payload", "because") for n in range(3)])
        (decision,) = store.advance([announced("a", "OK")], as_it_is, Rules("rules"), releasing=[second])
        assert decision == judged([announced("a", "OK")])[0]
        kept = {each.quarantine_id: each for each in store.quarantined()}
        assert [kept[number].released_at is None for number in (first, second, third)] == [True, False, True]
        assert kept[second].payload == b"\x01", "it is kept all the same"
        released_at = kept[second].released_at
        assert released_at is not None
        assert released_at.tzinfo is UTC

    def test_several_can_be_released_together(self, store: Store) -> None:
        numbers = store.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 3)
        store.advance([announced("a", "OK"), announced("b", "OK")], as_it_is, releasing=numbers[1:])
        assert [kept.released_at is not None for kept in store.quarantined()] == [False, True, True]

    @pytest.mark.parametrize("also", [(), (2,)], ids=["alone", "with another"])
    def test_what_was_released_is_not_released_again_and_nothing_is_kept(
        self, store: Store, also: tuple[int, ...]
    ) -> None:
        number, _ = store.quarantine([Refused(T0, b"x", 1, "payload", "because")] * 2)
        store.advance([announced("a", "OK")], as_it_is, releasing=[number])
        before = everything_in(store)
        with pytest.raises(StoreError):
            store.advance([announced("a", "ERROR", 1), announced("b", "OK", 1)], as_it_is, releasing=[*also, number])
        assert everything_in(store) == before

    def test_a_number_that_is_not_in_the_quarantine_cannot_be_released(self, store: Store) -> None:
        store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        before = everything_in(store)
        with pytest.raises(StoreError):
            store.advance([announced("a", "OK")], as_it_is, releasing=[2])
        assert everything_in(store) == before

    def test_a_step_that_breaks_releases_nothing(self, store: Store) -> None:
        (number,) = store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        before = everything_in(store)
        with pytest.raises(ValueError, match="broken"):
            store.advance([announced("a", "OK")], breaking_at(0, ValueError("broken")), releasing=[number])
        assert everything_in(store) == before
        store.advance([announced("a", "OK")], as_it_is, releasing=[number])

    def test_what_is_dismissed_is_marked_once_and_kept(self, store: Store) -> None:
        first, second, third = store.quarantine([Refused(T0, bytes([n]), 1, "payload", "because") for n in range(3)])
        assert store.dismiss([second, first, second], at(5)) == 2
        assert store.dismiss([first, third], at(6)) == 1
        assert [kept.dismissed_at for kept in store.quarantined()] == [at(5), at(5), at(6)]
        assert [kept.payload for kept in store.quarantined()] == [b"\x00", b"\x01", b"\x02"]
        assert list(store.faults()) == []

    def test_what_was_fed_or_is_not_there_is_not_dismissed(self, store: Store) -> None:
        (number,) = store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        store.advance([announced("a", "OK")], as_it_is, releasing=[number])
        before = everything_in(store)
        assert (store.dismiss([number, number + 1], at(5)), store.dismiss([], at(5))) == (0, 0)
        assert everything_in(store) == before

    def test_what_was_dismissed_can_be_released_and_erased(self, store: Store) -> None:
        number, other = store.quarantine([Refused(T0, b'{"account_id": "a"}', 19, "payload", "because")] * 2)
        store.dismiss([number, other], at(5))
        store.advance([announced("b", "OK")], as_it_is, releasing=[number])
        store.erase("a", at(6))
        kept = list(store.quarantined())
        assert [(each.dismissed_at, each.released_at is None, each.is_erased) for each in kept] == [
            (at(5), False, True),
            (at(5), True, True),
        ]
        assert list(store.faults()) == []

    def test_of_several_threads_that_release_the_same_one_feeds_it(self, store: Store) -> None:
        (number,) = store.quarantine([Refused(T0, b"x", 1, "payload", "because")])
        start = Barrier(4)

        def release(_: int) -> bool:
            start.wait()
            try:
                store.advance([announced("a", "OK")], as_it_is, releasing=[number])
            except StoreError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(release, range(4))) == [False, False, False, True]
        assert [entry.sequence for entry in store.history("a")] == [1]

    # ---- Closing ------------------------------------------------------------------------------------

    def test_closing_twice_is_harmless(self, store: Store) -> None:
        store.close()
        store.close()


def entry_of(decision: Decision) -> LedgerEntry:
    """What the ledger is to keep of a decision."""
    before, after = decision.before.situation, decision.after.situation
    return LedgerEntry(decision.event, decision.sequence, decision.verdict, before, after, decision.anomalies)
