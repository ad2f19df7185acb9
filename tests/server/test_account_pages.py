"""The list of accounts and the page of one: what they say is what the engine says, whatever an id looks like."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from account_lifecycle import Engine
from account_lifecycle.lifecycle.status import Health
from account_lifecycle.server import Receiver
from account_lifecycle.server.accounts import HISTORY_SHOWN
from account_lifecycle.server.band import BAND_LENGTH, BAND_WIDTH, NARROWEST, band_of
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.rendering import account_url
from account_lifecycle.server.serving import Application
from account_lifecycle.stores.fleet import HealthSpan
from account_lifecycle.testing import START, Clock
from server.driving import Answer, Ask, over_asgi
from server.fleets import everything, feed
from server.showing import HOSTILE
from server.test_fleet import words_of

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def engine(clock: Clock) -> Iterator[Engine]:
    """A fleet with everything in it, and an account that has lived long."""
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        engine.on_entered("ERROR", print, name="errors", attempts=1)
        everything(engine, clock.now)
        news = (("CONNECTING" if n % 2 else "OK", "busy", "IMAP") for n in range(130))
        feed(engine, *news, at=clock.now - timedelta(days=60), within=timedelta(days=50))
        yield engine


@pytest.fixture(scope="module")
def ask(engine: Engine) -> Iterator[Ask]:
    application = Application(engine, Receiver(engine), SiteOptions())
    yield over_asgi(application)
    application.close()


def page(ask: Ask, path: str) -> str:
    answer = ask("GET", path, HTML, b"")
    assert answer.status == 200, answer.body
    return answer.body.decode()


def ids_in(html: str) -> list[str]:
    return re.findall(r'<th scope="row" class="id"><a href="/accounts/([^"]+)"', html)


# ---- The list ------------------------------------------------------------------------------------------------


def test_a_list_has_those_that_fit_the_longest_in_their_status_first(ask: Ask, engine: Engine) -> None:
    html = page(ask, "/accounts?status=ERROR&provider=imap")
    assert "30 accounts" in words_of(html)
    expected = engine.accounts(status="ERROR", provider="IMAP", order="since")
    assert ids_in(html) == [each.account_id for each in expected]


def test_a_facet_counts_under_the_other_filters_and_leads_to_what_it_counts(ask: Ask, engine: Engine) -> None:
    html = page(ask, "/accounts?health=INTERRUPTED&provider=LINKEDIN")
    facets = engine.facets(health="INTERRUPTED", provider="LINKEDIN")
    assert facets.health[Health.LIVE] > facets.accounts
    for target, count in re.findall(
        r'<a href="(/accounts\?[^"]+)">.*?</a>\s*<span class="number">([\d,]+)</span>', html
    ):
        assert words_of(page(ask, target.replace("&amp;", "&"))).count(f"{count} account")


def test_pages_of_a_list_have_every_account_once(ask: Ask, engine: Engine) -> None:
    path, found = "/accounts?limit=40", list[str]()
    while path:
        html = page(ask, path)
        found += ids_in(html)
        more = re.search(r'rel="next" href="([^"]+)"', html)
        path = more[1].replace("&amp;", "&") if more else ""
    assert len(found) == len(set(found)) == len(engine.accounts())


def test_a_search_leads_to_the_only_account_that_is_meant(ask: Ask, engine: Engine) -> None:
    engine.feed_event({"account_id": "owned", "status": "CREATION_SUCCESS", "name": "user 17/3"})

    def found(text: str) -> Answer:
        return ask("GET", f"/accounts?q={text}", HTML, b"")

    assert found("imap_01").status == 200
    assert len(ids_in(found("imap_01").body.decode())) == 10
    for text in ("imap_017", "user+17%2F3", "owned", "owne"):
        assert found(text).status == 303, text
        assert found(text).headers["location"] == ("/accounts/imap_017" if "imap" in text else "/accounts/owned")
    assert "No account fits: none has this id" in words_of(found("nobody").body.decode())


def test_the_same_list_is_a_table_and_a_document(ask: Ask) -> None:
    html = page(ask, "/accounts?status=ERROR")
    (csv,) = re.findall(r'href="(/accounts\.csv[^"]+)"', html)
    (json,) = re.findall(r'href="(/accounts\.json[^"]+)"', html)
    table = ask("GET", csv.replace("&amp;", "&"), {}, b"").body.decode().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == ids_in(html)
    assert ask("GET", json.replace("&amp;", "&"), {}, b"").status == 200


def test_what_cannot_be_asked_is_said(ask: Ask) -> None:
    answer = ask("GET", "/accounts?status=NOPE", HTML, b"")
    assert answer.status == 400
    assert "status: found 'NOPE'; expected UNSEEN, CONNECTING" in words_of(answer.body.decode())


# ---- One account ---------------------------------------------------------------------------------------------


def test_an_account_says_what_it_is_and_what_to_do(ask: Ask, engine: Engine) -> None:
    words = words_of(page(ask, account_url("imap_000")))
    diagnosis = engine.explain("imap_000")
    assert "IMAP account, its synchronization stands still. ERROR since" in words.replace(" ,", ",")
    for sentence in (diagnosis.what_to_do, diagnosis.missed, diagnosis.due, diagnosis.causes[0].remedy):
        assert " ".join(sentence.split()) in words
    assert "account-lifecycle account explain -- imap_000" in words
    assert "errors done" in words


@pytest.mark.parametrize("account_id", HOSTILE)
def test_an_id_is_an_id_whatever_it_looks_like(ask: Ask, account_id: str) -> None:
    html = page(ask, account_url(account_id))
    assert words_of(html.partition("<h1")[2].partition(">")[2].partition("</h1>")[0]) == f"{account_id} CREDENTIALS"
    assert "<script>window" not in html


def test_an_account_that_nobody_heard_of_is_not_found(ask: Ask) -> None:
    answer = ask("GET", "/accounts/nobody", HTML, b"")
    assert answer.status == 404
    assert "Nothing was ever received for an account of this id." in words_of(answer.body.decode())


def test_a_long_history_is_read_page_by_page(ask: Ask, engine: Engine) -> None:
    path, found = account_url("busy"), list[int]()
    while path:
        html = page(ask, path)
        numbers = [int(number) for number in re.findall(r'<li id="event-(\d+)"', html)]
        assert len(numbers) <= HISTORY_SHOWN
        found += numbers
        older = re.search(r'rel="next" href="([^"]+)"', html)
        path = older[1] if older else ""
    assert found == list(range(engine.explain("busy").account.sequence, 0, -1))


def test_every_anomaly_is_explained_where_it_happened(ask: Ask, engine: Engine) -> None:
    (anomaly, *_) = engine.audit(kind="UNEXPECTED_RECONNECT")
    html = page(ask, account_url(anomaly.account_id))
    event = html.partition(f'<li id="event-{anomaly.sequence}">')[2].partition("</li>")[0]
    assert " ".join(anomaly.explanation.split()) in words_of(event)


# ---- The band ------------------------------------------------------------------------------------------------


def test_a_band_is_hatched_from_where_a_window_opened_and_not_from_the_last_ok(engine: Engine, clock: Clock) -> None:
    windows = engine.blind_windows(account_id="imap_000")
    band = band_of(engine.health_spans("imap_000", since=clock.now - BAND_LENGTH), windows, clock.now)
    (blind,) = band.blind
    assert blind.width == NARROWEST  # forty minutes of ninety days, where the last OK was weeks ago
    assert band.words.endswith("in 1 blind window")
    assert band.stripes[0].health is Health.LIVE


def test_what_is_short_is_drawn_all_the_same_and_nothing_beyond_the_band() -> None:
    spans = [
        HealthSpan(Health.LIVE, START - timedelta(days=40), START - timedelta(minutes=1)),
        HealthSpan(Health.INTERRUPTED, START - timedelta(minutes=1), START),
    ]
    band = band_of(spans, [], START)
    live, interrupted = band.stripes
    assert (live.health, live.x) == (Health.LIVE, 500.0)
    assert (interrupted.x, interrupted.width) == (BAND_WIDTH - NARROWEST, NARROWEST)
    assert band.words == "live for 100.0 % of the time; never down"


def test_an_account_that_nothing_is_known_of_has_a_blank_band() -> None:
    assert band_of([], [], START).words == "nothing is known of its health; never down"
