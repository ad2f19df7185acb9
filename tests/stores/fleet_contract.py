"""What a store promises about the whole fleet: counts, pages and events, always those that reading everything gives."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise, product
from random import Random

import pytest

from account_lifecycle.errors import ConfigurationError
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.definition import DOWN
from account_lifecycle.lifecycle.effects import EffectKind
from account_lifecycle.lifecycle.events import NOBODY, Event, StatusAnnounced, StatusObserved
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.rules import rules_of
from account_lifecycle.lifecycle.status import Health, Status
from account_lifecycle.records import AccountFilter, DeliveryState, Refused
from account_lifecycle.stores.fleet import AccountOrder, EventFilter, HookStanding, facets_of
from account_lifecycle.stores.protocol import Store
from account_lifecycle.verify.past import accounts_as_of
from builders import T0, announced, as_it_is, at, observed
from stores.hooks import claim, complete, feed, hook, planned
from stores.scenarios import events_with_every_anomaly

WORDS = ("CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "ERROR", "RECONNECTED", "DELETED")
PROVIDERS = ("LINKEDIN", "GOOGLE", "IMAP", None)


def busy_hours(seed: int, events: int = 200) -> list[Event]:
    """Announcements and observations of thirty accounts over ten hours, a few of them dated back."""
    random, log = Random(seed), list[Event]()
    for number in range(events):
        account_id = f"acc_{random.randrange(30):02}"
        provider = PROVIDERS[hash_of(account_id) % 4]
        minutes = number * 3 - (random.randrange(40) if random.random() < 0.1 else 0)
        word = random.choice(WORDS)
        if random.random() < 0.15:
            log.append(observed(account_id, random.choice(("OK", "CREDENTIALS", "ERROR")), minutes, provider=provider))
        else:
            log.append(announced(account_id, word, minutes, provider, name=f"user-{random.randrange(12)}"))
    return log


def hash_of(text: str) -> int:
    return sum(text.encode())


def judged(account: Account, event: Event) -> list[Decision]:
    return judge(account, event, DEFAULT_POLICY)


def fed(store: Store, seed: int) -> Store:
    for event in busy_hours(seed):
        store.advance([event], judged, rules_of(DEFAULT_POLICY))
    return store


class FleetContract:
    """A subclass has a fixture ``store``: a new, empty one."""

    def test_an_empty_fleet_has_nothing_to_count(self, store: Store) -> None:
        assert store.tally() == []
        assert store.tally(T0) == []
        assert store.page(AccountFilter()) == []
        assert store.recent() == []
        assert list(store.events(EventFilter())) == []
        assert list(store.traffic(T0)) == []
        assert list(store.hourly_moves(T0)) == []
        assert store.anomalies_by_kind(T0) == []
        standing = store.standing()
        assert (standing.last_event, standing.quarantined, standing.open_windows, standing.hooks) == (0, 0, 0, ())
        assert standing.last_announced_at is None

    # ---- AccountTally ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(3))
    def test_a_tally_is_what_counting_every_account_gives(self, store: Store, seed: int) -> None:
        store.advance([announced(NOBODY, "CREATION_FAIL")], as_it_is)
        accounts = list(fed(store, seed).accounts(AccountFilter()))
        counts = Counter((each.status, each.health, each.provider) for each in accounts)
        found = store.tally()
        assert {each[:3]: each.accounts for each in found} == counts
        for each in found:
            alike = [a for a in accounts if (a.status, a.health, a.provider) == each[:3]]
            assert each.oldest == min((a.since for a in alike if a.since), default=None)
            assert each.stuck == sum(a.stuck for a in alike)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_tally_of_the_past_is_what_judging_everything_again_until_then_gives(
        self, store: Store, seed: int
    ) -> None:
        fed(store, seed)
        now = {each.account_id: each.provider for each in store.accounts(AccountFilter())}
        for minutes in range(-5, 620, 25):
            then = at(minutes)
            accounts = accounts_as_of(store, then)
            expected = Counter((each.status, each.health, now[each.account_id]) for each in accounts)
            assert {each[:3]: each.accounts for each in store.tally(then)} == expected, minutes

    @pytest.mark.parametrize("seed", range(3))
    def test_changes_of_health_are_the_difference_of_two_tallies(self, store: Store, seed: int) -> None:
        fed(store, seed)
        store.advance([announced(f"strange {n}", "SLEEPING", 300 + n, "GOOGLE") for n in range(3)], judged)
        now = Counter[object]()
        for each in store.tally():
            now[each.provider, each.health] += each.accounts
        for minutes in range(-5, 620, 25):
            change = Counter(now)
            for each in store.tally(at(minutes)):
                change[each.provider, each.health] -= each.accounts
            found = store.health_changes(at(minutes))
            flat = {(provider, health): count for provider, counts in found.items() for health, count in counts.items()}
            assert flat == {key: count for key, count in change.items() if count}, minutes

    def test_a_tally_of_some_is_what_counting_those_that_fit_gives(self, store: Store) -> None:
        fed(store, 2)
        owner = next(each.owner for each in store.accounts(AccountFilter()) if each.owner)
        for wanted in (AccountFilter(owner=owner), AccountFilter(prefix="acc_1"), AccountFilter(stuck=True, down=True)):
            counts = Counter((each.status, each.health, each.provider) for each in store.accounts(wanted))
            assert {each[:3]: each.accounts for each in store.tally_of(wanted)} == counts, wanted

    def test_each_facet_counts_under_all_the_other_filters(self, store: Store) -> None:
        everything = list(fed(store, 1).accounts(AccountFilter()))
        assert {each.stuck for each in everything} == {False, True}
        tallies = store.tally()
        values = (
            (None, Status.OK, Status.ERROR),
            (None, Health.LIVE, Health.GONE),
            (None, "GOOGLE"),
            (None, True, False),
        )
        for status, health, provider, stuck in product(*values):
            wanted = AccountFilter(status, health, provider, stuck=stuck)

            def fits(account: Account, but: str, wanted: AccountFilter = wanted) -> bool:
                asked = {name: value for name, value in wanted._asdict().items() if value is not None and name != but}
                return all(getattr(account, name) == value for name, value in asked.items())

            found = facets_of(tallies, wanted)
            for facet in ("status", "health", "provider"):
                counts = Counter(getattr(each, facet) for each in everything if fits(each, facet))
                assert getattr(found, facet) == counts, (wanted, facet)
            assert found.accounts == sum(fits(each, "") for each in everything)

    def test_the_healths_of_an_account_are_what_judging_it_again_gives(self, store: Store) -> None:
        for event in busy_hours(3):
            store.advance([event], judged, rules_of(DEFAULT_POLICY))
        for account in list(store.accounts(AccountFilter())):
            found = list(store.healths(account.account_id))
            replayed, before = list[tuple[datetime, Health]](), Health.UNKNOWN
            again = Account(account.account_id)
            for entry in store.history(account.account_id):
                again = entry.applied_to(again, DEFAULT_POLICY)
                if again.health is not before:
                    replayed.append((entry.received_at, again.health))
                    before = again.health
            assert found == replayed[::-1]

    # ---- Pages ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("order", AccountOrder)
    def test_pages_hold_each_account_once_in_their_order(self, store: Store, order: AccountOrder) -> None:
        fed(store, 1)
        store.advance([announced("unmoved", "SLEEPING", 1)], judged)
        everything = list(store.accounts(AccountFilter()))
        if order is AccountOrder.SINCE:
            everything.sort(key=lambda each: (each.since is None, each.since or T0, each.account_id))
        pages, after = list[Account](), ""
        while page := store.page(AccountFilter(), after, 7, order):
            assert len(page) <= 7
            pages += page
            after = order.place(page[-1])
        assert pages == everything

    @pytest.mark.parametrize("place", ["acc_1", "~", "x~y", "1.5~a", "9" * 40 + "~a"])
    def test_a_place_that_is_none_is_refused(self, store: Store, place: str) -> None:
        with pytest.raises(ConfigurationError, match="after"):
            store.page(AccountFilter(), place, 1, AccountOrder.SINCE)

    def test_every_combination_of_the_filters_of_a_page_finds_what_fits(self, store: Store) -> None:
        fed(store, 2)
        everything = list(store.accounts(AccountFilter()))
        owner = next(each.owner for each in everything if each.owner)
        values = (None, owner), (None, "acc_1", "acc_11", "none"), (None, True, False), (None, True, False)
        for owned, prefix, stuck, down in product(*values):
            wanted = AccountFilter(owner=owned, prefix=prefix, stuck=stuck, down=down)
            expected = [
                each
                for each in everything
                if owned in (None, each.owner)
                and each.account_id.startswith(prefix or "")
                and stuck in (None, each.stuck)
                and down in (None, each.health in DOWN)
            ]
            assert store.page(wanted, limit=1000) == expected == list(store.accounts(wanted)), wanted

    def test_a_prefix_is_characters_and_no_pattern(self, store: Store) -> None:
        ids = ["a%b", "a_b", "aXb", "a", "b", "😀", "😀2", "é"]
        store.advance([announced(account_id, "OK") for account_id in ids], as_it_is)
        for prefix in ids:
            found = store.page(AccountFilter(prefix=prefix))
            assert [each.account_id for each in found] == sorted(each for each in ids if each.startswith(prefix))

    # ---- Events --------------------------------------------------------------------------------------

    def test_events_come_in_the_order_of_their_times_whatever_the_order_of_feeding(self, store: Store) -> None:
        fed(store, 4)
        found = list(store.events(EventFilter()))
        assert sorted(each.event_id for each in found) == sorted(each.event_id for each in store.recent(limit=10**6))
        assert all(
            (earlier.entry.received_at, earlier.event_id) < (later.entry.received_at, later.event_id)
            for earlier, later in pairwise(found)
        )
        by_event = {(each.entry.account_id, each.entry.sequence): each.entry for each in found}
        assert by_event == {(entry.account_id, entry.sequence): entry for entry in store.ledger()}
        now = {each.account_id: each.provider for each in store.accounts(AccountFilter())}
        assert all(each.provider == now[each.entry.account_id] for each in found)

    def test_every_combination_of_event_filters_finds_what_fits(self, store: Store) -> None:
        everything = list(fed(store, 5).events(EventFilter()))
        times = (None, at(100), at(300))
        for values in product(times, times, (None, "GOOGLE"), (None, Status.OK, Status.ERROR), (False, True)):
            since, until, provider, status, moved = values
            assert list(store.events(EventFilter(*values))) == [
                each
                for each in everything
                if (since is None or each.entry.received_at >= since)
                and (until is None or each.entry.received_at < until)
                and provider in (None, each.provider)
                and status in (None, each.entry.status)
                and (not moved or each.entry.before.status is not each.entry.after.status)
            ], values

    def test_events_go_on_after_one_of_several_at_the_same_time(self, store: Store) -> None:
        store.advance([announced(f"a{n}", "OK", n // 4) for n in range(10)], as_it_is)
        everything = list(store.events(EventFilter()))
        for number, each in enumerate(everything):
            place = each.entry.received_at, each.event_id
            assert list(store.events(EventFilter(), place)) == everything[number + 1 :]

    def test_an_event_of_nobodys_account_is_among_them(self, store: Store) -> None:
        store.advance([announced(NOBODY, "CREATION_FAIL")], as_it_is)
        assert [each.entry.account_id for each in store.events(EventFilter())] == [NOBODY]

    def test_recent_events_are_the_newest_or_the_first_after_a_number(self, store: Store) -> None:
        fed(store, 6)
        numbers = [each.event_id for each in store.recent(limit=10**6)]
        assert numbers == sorted(numbers)
        assert [each.event_id for each in store.recent(limit=5)] == numbers[-5:]
        assert [each.event_id for each in store.recent(numbers[9], 5)] == numbers[10:15]
        assert store.recent(numbers[-1], 5) == []

    def test_a_history_has_a_beginning_an_end_and_two_directions(self, store: Store) -> None:
        fed(store, 7)
        whole = list(store.history("acc_05"))
        assert list(store.history("acc_05", newest_first=True)) == whole[::-1]
        assert list(store.history("acc_05", 1, before=4)) == whole[1:3]
        assert list(store.history("acc_05", before=3, newest_first=True)) == [whole[1], whole[0]]

    # ---- Counts of a period --------------------------------------------------------------------------

    def test_traffic_is_what_counting_the_events_of_each_minute_gives(self, store: Store) -> None:
        everything = list(fed(store, 8).events(EventFilter(since=at(60), until=at(400))))
        events, announcements, moves = Counter[object](), Counter[object](), Counter[object]()
        for each in everything:
            entry = each.entry
            key = minute_of(entry.received_at), each.provider, entry.status
            events[key] += 1
            announcements[key] += isinstance(entry.event, StatusAnnounced)
            is_adopted = isinstance(entry.event, StatusObserved) and entry.before.status is Status.UNSEEN
            moves[key] += each.is_move and not is_adopted
        found = list(store.traffic(at(60), at(400)))
        assert {each[:3]: each.events for each in found} == events
        assert {each[:3]: each.announced for each in found} == announcements
        assert {each[:3]: each.moved for each in found} == moves
        assert [each.minute for each in found] == sorted(each.minute for each in found)

    def test_moves_of_each_hour_are_those_of_its_minutes(self, store: Store) -> None:
        fed(store, 8)
        moves = Counter[object]()
        for each in store.traffic(at(70)):
            moves[each.minute.replace(minute=0), each.provider, each.status] += each.moved
        found = list(store.hourly_moves(at(70)))
        assert {each[:3]: each.moved for each in found} == +moves
        assert [each.hour for each in found] == sorted(each.hour for each in found)

    def test_accounts_that_are_adopted_from_a_list_have_moved_nowhere(self, store: Store) -> None:
        store.advance([observed(f"a{n}", "CREDENTIALS", n) for n in range(12)], judged)
        assert sum(each.moved for each in store.traffic(T0)) == 0
        assert list(store.hourly_moves(T0)) == []
        store.advance([announced(f"b{n}", "CREDENTIALS", n) for n in range(12)], judged)
        assert sum(each.moved for each in store.traffic(T0)) == 12
        assert sum(each.moved for each in store.hourly_moves(T0)) == 12

    def test_anomalies_are_counted_by_kind_with_their_accounts_the_worst_first(self, store: Store) -> None:
        decisions = store.advance(events_with_every_anomaly(), as_it_is)
        found = store.anomalies_by_kind(at(13))
        anomalies = [each for d in decisions for each in d.anomalies if each.at >= at(13)]
        assert {each.kind: each.anomalies for each in found} == Counter(each.kind for each in anomalies)
        for each in found:
            alike = [a for a in anomalies if a.kind is each.kind]
            assert each.accounts == len({a.account_id for a in alike})
            assert each.last_at == max(a.at for a in alike)
        severities = [each.kind.severity for each in found]
        assert severities == sorted(severities, key=["error", "warning", "info"].index)

    # ---- The machinery -------------------------------------------------------------------------------

    def test_standing_counts_what_waits_for_a_person(self, store: Store) -> None:
        fed(store, 9)
        numbers = store.quarantine([Refused(at(n), b"x", 1, "payload", "because") for n in (5, 3, 4, 1)])
        store.dismiss(numbers[3:], at(9))
        standing = store.standing()
        assert (standing.quarantined, standing.quarantined_since) == (3, at(3))
        assert standing.open_windows == len(list(store.blind_windows(None, open_only=True)))
        assert standing.doubtful == sum(each.doubtful for each in store.accounts(AccountFilter()))
        assert standing.last_event == store.recent(limit=1)[0].event_id
        announcements = [e.received_at for e in store.ledger() if isinstance(e.event, StatusAnnounced)]
        assert standing.last_announced_at == max(announcements)

    def test_standing_counts_the_deliveries_of_each_hook_that_are_not_done(self, store: Store) -> None:
        for number in range(6):
            feed(store, f"a{number}", "OK", now=at(number))
        planned(store, hook("mail", EffectKind.ENTERED), hook("sms", EffectKind.ENTERED, since=None), now=at(7))
        states = (DeliveryState.DEAD, DeliveryState.DEAD, DeliveryState.HALTED, DeliveryState.DONE)
        claimed = claim(store, "mail", now=at(8), limit=5)
        for delivery, state in zip(claimed, states, strict=False):
            complete(store, delivery, state=state)
        dead = claimed[0].delivery_id
        store.redrive([dead], at(9))
        store.disable("sms", at(9), "asked for")
        mail, sms = store.standing().hooks
        assert mail == HookStanding("mail", waiting=2, running=1, halted=1, dead=1, oldest_due=at(7))
        assert mail.behind == 4
        assert sms == HookStanding("sms", is_disabled=1)
        standing = store.standing()
        assert (standing.dead, standing.slowest, standing.most_overdue) == (2, mail, mail)

    def test_standing_counts_the_events_that_a_hook_is_still_to_be_planned_for(self, store: Store) -> None:
        for number in range(6):
            feed(store, f"a{number}", "OK")
        store.subscribe([hook("late")], at(7))
        (late,) = store.standing().hooks
        assert (late.to_plan, late.waiting, late.behind) == (6, 0, 6)
        store.plan(at(8), 2)
        (late,) = store.standing().hooks
        assert late.to_plan + late.waiting == 6
        while store.plan(at(8), 2):
            pass
        assert store.standing().hooks == (HookStanding("late", waiting=6, oldest_due=at(8)),)


def minute_of(time: datetime) -> datetime:
    return time - timedelta(seconds=time.second, microseconds=time.microsecond)
