"""A fleet that lives as you watch: its history, its calm, and its incidents."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from random import Random

import pytest

from account_lifecycle import Provider, Status
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.incidents import StatusMove, Watch
from account_lifecycle.simulate.living import Calm, NewsItem, endless_news, fleet_news, incident

START = datetime(2026, 5, 1, tzinfo=UTC)
GAP = timedelta(seconds=4)


@pytest.fixture(scope="module")
def news() -> list[NewsItem]:
    """Five weeks of a small fleet."""
    return list(fleet_news(300, 1, START, 35))


def test_news_of_every_provider_comes_in_the_order_of_its_times_but_for_clocks_that_are_wrong(
    news: list[NewsItem],
) -> None:
    assert {item.provider for item in news} == set(Provider)
    backwards = sum(later.at < earlier.at for earlier, later in pairwise(news))
    assert backwards < len(news) / 100


def test_no_account_belongs_to_two_providers(news: list[NewsItem]) -> None:
    providers = defaultdict[str, set[Provider]](set)
    for item in news:
        providers[item.account_id].add(item.provider)
    assert [account_id for account_id, found in providers.items() if account_id and len(found) > 1] == []


def test_the_same_arguments_give_the_same_news(news: list[NewsItem]) -> None:
    assert list(islice(fleet_news(300, 1, START, 35), 200)) == news[:200]


def test_a_fleet_that_has_come_to_its_end_is_followed_by_another() -> None:
    first = {item.account_id for item in fleet_news(9, 1, START, 2)}
    later = {item.account_id for item in islice(endless_news(9, 1, START, 2), 300)}
    assert later > first


def test_an_hour_of_calm_news_has_no_burst_and_keeps_the_order_of_each_account() -> None:
    given = list(islice(fleet_news(1_000, 1, START, 60), 6_000))[3_000:]  # where lives go up and down
    calm, watch, now = Calm(iter(given)), Watch(), START
    taken, of_account = list[NewsItem](), defaultdict[str, list[NewsItem]](list)
    for _ in range(timedelta(hours=1) // GAP):
        now += GAP
        if (item := calm.take(now)) is not None:
            taken.append(item)
            of_account[item.account_id].append(item)
            if item.status in {*Status}:
                watch.moved(StatusMove(now, item.provider, Status(item.status), item.account_id))
    assert watch.bursts(now) == ()
    assert len(taken) > 0.95 * (timedelta(hours=1) // GAP)
    for account_id, items in of_account.items():
        assert items == [item for item in given if item.account_id == account_id][: len(items)]


def test_an_incident_is_one_and_nearly_all_of_its_accounts_come_back() -> None:
    ids = [f"acc_{number}" for number in range(60)]
    deliveries = incident(ids, Provider.IMAP, Status("ERROR"), Random(1))
    watch, words = Watch(), Counter[str]()
    for each in deliveries:
        event = parse(each.body, START + timedelta(seconds=each.after_s))
        assert event.provider == Provider.IMAP
        words[event.status] += 1
        watch.moved(StatusMove(event.received_at, event.provider, Status(event.status), event.account_id))
    [burst] = watch.bursts(START + timedelta(minutes=20))
    assert (burst.accounts, burst.status) == (60, "ERROR")
    assert burst.lasted < timedelta(minutes=2)
    assert 48 <= words["OK"] < 60
