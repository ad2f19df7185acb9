"""Lists that can be long: each has a stream beside it, and can be taken in pages that miss nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from account_lifecycle import ConfigurationError, Engine, PayloadError
from account_lifecycle.testing import Clock
from builders import webhook

KEYS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "accounts": (lambda account: account.account_id, {"provider": "LINKEDIN"}),
    "history": (lambda entry: entry.sequence, {"account_id": "a3"}),
    "quarantine": (lambda row: row.quarantine_id, {}),
    "deliveries": (lambda record: record.delivery_id, {}),
    "blind_windows": (lambda window: window, {}),
}
"""The lists that have a key of their own: what it is, and a filter."""
LISTS = {**{name: filters for name, (_, filters) in KEYS.items()}, "audit": {}}


@pytest.fixture
def fed(engine: Engine, clock: Clock) -> Engine:
    engine.on_entered("ERROR", lambda _: None, name="errors")
    for number in range(7):
        for word in ("OK", "ERROR", "SNAFU", "OK"):
            clock.now = clock.now.replace(microsecond=clock.now.microsecond + 1)
            engine.feed_event(webhook(f"a{number}", word))
        with pytest.raises(PayloadError):
            engine.feed_event(b"?")
    return engine


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_what_its_stream_yields_and_a_limit_is_its_beginning(fed: Engine, name: str) -> None:
    whole = getattr(fed, name)(**LISTS[name])
    assert len(whole) > 3
    assert list(getattr(fed, f"iter_{name}")(**LISTS[name])) == whole
    assert getattr(fed, name)(**LISTS[name], limit=2) == whole[:2]
    assert getattr(fed, name)(**LISTS[name], limit=10_000) == whole


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_one_after_the_other_are_the_whole(fed: Engine, name: str, size: int) -> None:
    key, filters = KEYS[name]
    found: list[Any] = []
    after: dict[str, Any] = {}
    while page := getattr(fed, name)(**filters, **after, limit=size):
        assert len(page) <= size
        found += page
        after = {"after": key(page[-1])}
    assert found == getattr(fed, name)(**filters)


@pytest.mark.parametrize("name", LISTS)
def test_a_stream_reads_what_there_was_at_its_first_record_however_long_that_takes(fed: Engine, name: str) -> None:
    whole = getattr(fed, name)(**LISTS[name])
    stream: Iterator[Any] = getattr(fed, f"iter_{name}")(**LISTS[name])
    begun = [next(stream)]
    fed.feed_event(webhook("a9", "ERROR"))
    fed.feed_event(webhook("a3", "SNAFU"))
    with pytest.raises(PayloadError):
        fed.feed_event(b"?")
    assert begun + list(stream) == whole


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("limit", [0, -1, True, "5", 1.5])
def test_a_limit_that_is_none_is_the_callers_fault(fed: Engine, name: str, limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        getattr(fed, name)(**LISTS[name], limit=limit)


@pytest.mark.parametrize(
    ("name", "after"), [("history", "a"), ("quarantine", -1), ("deliveries", "1"), ("accounts", 7)]
)
def test_a_place_that_is_none_is_the_callers_fault(fed: Engine, name: str, after: Any) -> None:
    with pytest.raises(ConfigurationError, match="after"):
        getattr(fed, f"iter_{name}")(**LISTS[name], after=after)


def test_a_list_is_narrowed_by_what_would_be_found_under_its_other_filters(fed: Engine, clock: Clock) -> None:
    fed.feed_event(webhook("b1", "ERROR", "GOOGLE"))
    found = fed.facets(status="ERROR", prefix="a")
    assert (found.accounts, found.status, found.provider) == (0, {"OK": 7}, {})
    found = fed.facets(provider="GOOGLE")
    assert (found.accounts, found.status, found.provider) == (1, {"ERROR": 1}, {"LINKEDIN": 7, "GOOGLE": 1})


def test_the_healths_of_an_account_fill_the_time_from_its_first_news_on(fed: Engine, clock: Clock) -> None:
    spans = fed.health_spans("a0", since=clock.now - timedelta(days=90), now=clock.now)
    assert [each.health for each in spans] == ["LIVE", "INTERRUPTED", "LIVE"]
    assert spans[0].began_at == fed.history("a0")[0].received_at
    assert spans[-1].ended_at == clock.now
    assert all(earlier.ended_at == later.began_at for earlier, later in pairwise(spans))
    (last,) = fed.health_spans("a0", since=clock.now, now=clock.now + timedelta(days=1))
    assert last == ("LIVE", clock.now, clock.now + timedelta(days=1))
    assert fed.health_spans("nobody", since=clock.now) == []


def test_the_quarantine_is_grouped_by_what_is_wrong_until_it_is_dealt_with(fed: Engine) -> None:
    (group,) = fed.quarantine_groups()
    assert (group.payloads, group.first_at, group.last_at) == (7, group.first.received_at, fed.quarantine()[-1][1])
    assert group.to_dict()["count"] == 7
    assert fed.quarantine_groups(since=group.last_at)[0].payloads == 1
    fed.dismiss_quarantined([each.quarantine_id for each in fed.quarantine()])
    assert fed.quarantine_groups() == []
