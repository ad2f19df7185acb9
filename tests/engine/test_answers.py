"""Questions about many accounts: filters, pages, and whose account it is."""

import pytest

from account_lifecycle import ConfigurationError, Engine
from account_lifecycle.stores.fleet import AccountOrder
from builders import at, notification, webhook


@pytest.fixture
def fleet() -> Engine:
    engine = Engine.open("memory:", observers=())
    for number, name in enumerate(("ann", "bob", "ann", "cleo")):
        engine.feed_event(notification(f"acc_{number}", "CREATION_SUCCESS", name), received_at=at(number))
        engine.feed_event(webhook(f"acc_{number}", "OK"), received_at=at(10 + number))
    engine.feed_event(webhook("acc_3", "CREDENTIALS"), received_at=at(20))
    engine.feed_event(webhook("acc_1", "ERROR"), received_at=at(30))
    engine.feed_event(webhook("other", "CONNECTING", "GOOGLE"), received_at=at(40))
    return engine


def ids(found: object) -> list[str]:
    return [each.account_id for each in found]  # type: ignore[attr-defined]


def test_accounts_are_those_of_an_owner_of_a_prefix_down_or_stuck(fleet: Engine) -> None:
    assert ids(fleet.accounts(owner="ann")) == ["acc_0", "acc_2"]
    assert ids(fleet.accounts(prefix="acc_", down=True)) == ["acc_1", "acc_3"] == ids(fleet.iter_accounts(down=True))
    assert ids(fleet.accounts(down=False, provider="google")) == ["other"]
    assert ids(fleet.accounts(stuck=True)) == []


def test_pages_of_those_that_are_down_for_the_longest_time(fleet: Engine) -> None:
    (first,) = fleet.accounts(down=True, order="since", limit=1)
    assert first.account_id == "acc_3"
    place = AccountOrder.SINCE.place(first)
    assert ids(fleet.accounts(down=True, order="since", after=place, limit=5)) == ["acc_1"]
    assert ids(fleet.accounts(order="since")) == ["acc_0", "acc_2", "acc_3", "acc_1", "other"]
    with pytest.raises(ConfigurationError, match="order"):
        fleet.accounts(order="age")
    with pytest.raises(ConfigurationError, match="after"):
        fleet.accounts(order="since", after="acc_3", limit=5)


def test_a_text_stands_for_an_id_before_an_owner_and_for_an_owner_before_a_beginning(fleet: Engine) -> None:
    assert ids(fleet.find_accounts(" acc_1 ")) == ["acc_1"]
    assert ids(fleet.find_accounts("ann")) == ["acc_0", "acc_2"]
    assert ids(fleet.find_accounts("acc")) == ["acc_0", "acc_1", "acc_2", "acc_3"]
    assert ids(fleet.find_accounts("acc", limit=2)) == ["acc_0", "acc_1"]
    fleet.feed_event(notification("mine", "CREATION_SUCCESS", "acc_1"))
    assert ids(fleet.find_accounts("acc_1")) == ["acc_1"]
    fleet.feed_event(notification("acc_4", "CREATION_SUCCESS", "ac"))
    assert ids(fleet.find_accounts("ac")) == ["acc_4"]
    for nothing in ("", "  ", "nobody", "a\0b", "%"):
        assert fleet.find_accounts(nothing) == []


def test_events_come_in_pages(fleet: Engine) -> None:
    everything = fleet.events()
    assert len(everything) == 11
    page = fleet.events(limit=4)
    assert page + fleet.events(after=page[-1]) == everything
    assert [each.entry.status for each in fleet.events(since=at(20), until=at(40))] == ["CREDENTIALS", "ERROR"]
    assert ids(each.entry for each in fleet.events(provider="GOOGLE")) == ["other"]
    assert ids(each.entry for each in fleet.iter_events(status="ERROR", moved=True)) == ["acc_1"]
    with pytest.raises(ConfigurationError, match="status"):
        fleet.events(status="SLEEPY")
    with pytest.raises(ConfigurationError, match="since"):
        fleet.events(since=at(0).replace(tzinfo=None))


def test_a_history_can_be_read_from_its_end(fleet: Engine) -> None:
    fleet.feed_event(webhook("acc_1", "OK"), received_at=at(50))
    assert [each.sequence for each in fleet.history("acc_1", newest_first=True, limit=2)] == [4, 3]
    assert [each.sequence for each in fleet.history("acc_1", before=3)] == [1, 2]
    assert list(fleet.iter_history("acc_1", before=1)) == []
