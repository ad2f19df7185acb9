"""Lists that can be long: each has a stream beside it, and can be taken in pages that miss nothing."""

from collections.abc import Callable, Iterator
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
}
"""The lists that have a key of their own: what it is, and a filter."""
LISTS = {**{name: filters for name, (_, filters) in KEYS.items()}, "audit": {}, "blind_windows": {}}


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
