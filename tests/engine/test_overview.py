"""The fleet at a glance: what is unusual comes first, and every number is the one that reading everything gives."""

from collections import Counter
from datetime import timedelta

import pytest

from account_lifecycle import Engine, PayloadError
from account_lifecycle.engine.overview import NOTHING_UNUSUAL
from account_lifecycle.intake.logs import Received
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.testing import Clock
from builders import at, webhook

DAY = 1440


@pytest.fixture
def clock() -> Clock:
    return Clock(at(15 * DAY))


@pytest.fixture
def fleet(clock: Clock) -> Engine:
    """1,429 LinkedIn accounts and a few others, live for two weeks, of which one says something each ten minutes."""
    engine = Engine.open("memory:", clock=clock, observers=())
    born = [webhook(f"li_{n:04}", "OK") for n in range(1429)] + [webhook(f"go_{n}", "OK", "GOOGLE") for n in range(20)]
    list(engine.feed_events(Received(each, at(0)) for each in born))
    list(engine.feed_events(Received(webhook(f"li_{n % 1429:04}", "OK"), at(10 * n)) for n in range(1, 15 * 144 + 1)))
    return engine


def lost(count: int, minutes: float, within: float) -> list[Received]:
    return [Received(webhook(f"li_{n:04}", "CREDENTIALS"), at(minutes + within * n / count)) for n in range(count)]


def test_a_quiet_fleet_says_so_first(fleet: Engine) -> None:
    found = fleet.overview()
    assert found.headlines() == (NOTHING_UNUSUAL,)
    assert (found.bursts, found.silence) == ((), None)
    assert found.to_dict()["headlines"] == [NOTHING_UNUSUAL]


def test_an_incident_is_the_first_line_within_a_minute_of_its_beginning(fleet: Engine, clock: Clock) -> None:
    begin = 15 * DAY
    everything = lost(1286, begin, 8)
    list(fleet.feed_events(each for each in everything if each.received_at <= at(begin + 1)))
    clock.now = at(begin + 1)
    assert (
        fleet.overview()
        .headlines()[0]
        .endswith("LINKEDIN accounts went CREDENTIALS within a minute, from 12:00 UTC on")
    )
    list(fleet.feed_events(each for each in everything if each.received_at > at(begin + 1)))
    clock.now = at(begin + 30)
    found = fleet.overview()
    assert found.headlines() == ("1,286 LINKEDIN accounts went CREDENTIALS within 8 min, from 12:00 UTC on",)
    (burst,) = found.bursts
    assert (burst.accounts, burst.began_at, burst.usual) == (1286, at(begin), 1.0)
    linkedin = found.providers[0]
    assert linkedin.provider == "LINKEDIN"
    assert linkedin.by_health == {Health.LIVE: 143, Health.ACTION_REQUIRED: 1286}
    assert linkedin.change_1h == linkedin.change_24h == {Health.LIVE: -1286, Health.ACTION_REQUIRED: 1286}


def test_what_was_unusual_at_a_moment_of_the_past_is_found_from_there(fleet: Engine, clock: Clock) -> None:
    begin = 15 * DAY
    list(fleet.feed_events(lost(40, begin, 5)))
    clock.now = at(begin + DAY)
    assert fleet.overview().bursts == ()
    (burst,) = fleet.overview(at=at(begin + 10)).bursts
    assert burst.accounts == 40
    assert fleet.overview(at=at(begin - 1)).headlines() == (NOTHING_UNUSUAL,)


def test_what_happens_every_day_is_not_unusual(fleet: Engine, clock: Clock) -> None:
    for day in range(1, 16):
        for minutes, word in ((20, "CREDENTIALS"), (40, "OK")):
            news = [webhook(f"wa_{n:04}", word, "WHATSAPP") for n in range(30)]
            list(fleet.feed_events(Received(each, at(day * DAY - 60 + minutes)) for each in news))
    assert fleet.overview().bursts == ()
    news = [webhook(f"go_{n}", "CREDENTIALS", "GOOGLE") for n in range(20)]
    clock.now = at(15 * DAY + 5)
    list(fleet.feed_events(Received(each, at(15 * DAY + 1)) for each in news))
    assert [each.provider for each in fleet.overview().bursts] == ["GOOGLE"]


def test_a_silence_is_the_first_line(fleet: Engine, clock: Clock) -> None:
    clock.now = at(15 * DAY + 60)
    assert fleet.overview().silence is None
    clock.now = at(15 * DAY + 75)
    found = fleet.overview()
    assert found.headlines() == ("No announcement for 1 h 15 min: the last one came 12:00 UTC",)
    assert found.silence is not None
    assert (found.silence.since, found.silence.allowed) == (at(15 * DAY), timedelta(hours=1))
    clock.now = at(60 * DAY)
    assert fleet.overview().headlines()[0].startswith("No announcement for 45 d")
    then = fleet.overview(at=at(15 * DAY + 75)).silence
    assert then == found.silence


def test_changes_are_those_between_the_moments(fleet: Engine, clock: Clock) -> None:
    list(fleet.feed_events(lost(9, 15 * DAY - 300, 1)))
    list(fleet.feed_events(Received(webhook(f"li_{n:04}", "OK"), at(15 * DAY - 20)) for n in range(4)))
    list(fleet.feed_events([Received(webhook("new", "CREATION_SUCCESS"), at(15 * DAY - 10))]))
    found = fleet.overview()
    for each in found.providers:
        for ago, change in ((1, each.change_1h), (24, each.change_24h)):
            then = fleet.overview(at=at(15 * DAY - 60 * ago))
            before = Counter(next((p.by_health for p in then.providers if p.provider == each.provider), {}))
            after = Counter(each.by_health)
            assert change == {h: after[h] - before[h] for h in Health if after[h] != before[h]}, (each, ago)


def test_a_machine_that_stands_still_is_told(fleet: Engine) -> None:
    with pytest.raises(PayloadError):
        fleet.feed_event(b"not JSON")
    machinery = fleet.overview().machinery
    assert machinery is not None
    assert machinery.quarantined == 1
