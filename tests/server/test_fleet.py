"""The fleet's page: the order of worry, and every number the one that the engine says."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from account_lifecycle import Engine
from account_lifecycle.server import Receiver
from account_lifecycle.server.fleet import find_groups, fold_events, segments_of
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.serving import Application
from account_lifecycle.server.snapshot import FleetSnapshots, read_snapshot
from account_lifecycle.testing import Clock, payload
from server.driving import over_asgi
from server.fleets import everything, feed, linkedin, lose
from server.showing import HOSTILE


def words_of(html: str) -> str:
    """What a reader sees of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def fleet_page(engine: Engine) -> str:
    application = Application(engine, Receiver(engine), SiteOptions())
    try:
        answer = over_asgi(application)("GET", "/", {}, b"")
    finally:
        application.close()
    assert answer.status == 200
    return answer.body.decode()


@pytest.fixture(scope="module")
def busy() -> Iterator[Engine]:
    """A fleet with everything in it."""
    clock = Clock()
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        everything(engine, clock.now)
        yield engine


def test_a_quiet_fleet_says_nothing_unusual_and_that_nobody_needs_anything(engine: Engine, clock: Clock) -> None:
    feed(engine, *(("OK", f"acc_{n}", "LINKEDIN") for n in range(20)), at=clock.now)
    words = words_of(fleet_page(engine))
    assert "Nothing unusual Nobody has to reconnect, nothing is past a deadline, and no messages are missing." in words
    assert "20 live 100.0 % of 20" in words
    assert "Every account is live." in words


def test_an_empty_store_says_where_webhooks_are_received(engine: Engine) -> None:
    assert "No account was heard of yet. Webhooks are received at /hooks ." in words_of(fleet_page(engine))


def test_an_incident_is_the_first_line_within_a_minute_of_its_beginning(clock: Clock) -> None:
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        linkedin(engine, clock.now)
        assert "<h1>Nothing unusual</h1>" in fleet_page(engine)
        begin = clock.now
        lose(engine, 160, begin, timedelta(minutes=1))
        clock.now = begin + timedelta(minutes=1)
        assert re.search(r"<h1[^>]*>160 LINKEDIN accounts went CREDENTIALS within a minute, from", fleet_page(engine))
        lose(engine, 1_286, clock.now, timedelta(minutes=7))
        clock.now = begin + timedelta(minutes=30)
        page = fleet_page(engine)
        assert re.search(r"<h1[^>]*>1,286 LINKEDIN accounts went CREDENTIALS within 8 min, from", page)
        assert "1,286 accounts need their user" in page


def test_what_is_worse_comes_first(busy: Engine) -> None:
    page = fleet_page(busy)
    order = ["<h1", 'data-live="needs"', 'data-live="numbers"', 'id="not-live"', 'id="events"', 'id="life-cycle"',
             'id="machinery"', 'id="anomalies"']  # fmt: skip
    places = [page.index(each) for each in order]
    assert places == sorted(places)


def test_the_numbers_are_those_of_the_engine(busy: Engine) -> None:
    overview, words = busy.overview(), words_of(fleet_page(busy))
    for status, count in overview.by_status.items():
        assert f"{status} {count:,}" in words  # in the drawing
    assert f"{overview.by_health['ACTION_REQUIRED']} accounts need their user" in words
    assert f"{overview.stuck} are past a deadline" in words
    assert overview.machinery is not None
    assert f"{overview.machinery.open_windows} may be missing messages right now." in words
    assert sum(segment.accounts for segment in segments_of(overview)) == overview.accounts - overview.by_health["GONE"]
    assert segments_of(overview)[-1].begin + segments_of(overview)[-1].width == pytest.approx(1000, abs=1)


def test_who_is_not_live_is_everybody_who_is_not_and_bursts_come_first(busy: Engine) -> None:
    snapshot = read_snapshot(busy)
    groups = find_groups(snapshot)
    away = {health: snapshot.overview.by_health.get(health, 0) for health in ("LIVE", "GONE")}
    assert sum(group.accounts for group in groups) == snapshot.overview.accounts - sum(away.values())
    first, *others = groups
    assert (first.provider, first.status, first.accounts, first.moves) == ("IMAP", "ERROR", 30, 30)
    assert first.burst is not None
    assert [group for group in others if group.burst] == []
    assert first.url == "/accounts?status=ERROR&provider=IMAP"
    (stuck,) = [group for group in groups if group.stuck and group.provider == "TELEGRAM"]
    assert stuck.to_do == "Reconcile with the vendor"


def test_a_run_of_events_that_say_the_same_is_one_row(busy: Engine) -> None:
    rows = list(fold_events(read_snapshot(busy).events))
    assert (rows[0].accounts, rows[0].entry.status, rows[0].words) == (30, "ERROR", "")
    assert sum(row.events for row in rows) == 200


def test_what_came_from_outside_is_text(busy: Engine) -> None:
    page = fleet_page(busy)
    assert "<script>window" not in page
    assert "<b>backfill" not in page
    assert "<i>Fax" not in page
    assert "49" not in words_of(page).split()
    assert "%3Cscript%3Ewindow.broken%20%3D%201%3C%2Fscript%3E" in page or HOSTILE[0] not in page


def test_a_snapshot_is_read_once_for_all_who_look_and_anew_two_seconds_later(engine: Engine, clock: Clock) -> None:
    now_s = 0.0
    snapshots = FleetSnapshots(engine, lambda: now_s)
    first = snapshots.newest()
    engine.feed_event(payload("OK", "acc_1"))
    assert snapshots.newest() is first
    assert snapshots.newest(at_most_s=0.0) is first  # no time has passed
    now_s = 2.1
    assert snapshots.newest().overview.accounts == 1
