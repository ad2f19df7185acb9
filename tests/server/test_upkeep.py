"""Anomalies, hooks and the quarantine; and that nobody changes anything who may not."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from account_lifecycle import Disable, Engine, PayloadError
from account_lifecycle.server import Receiver
from account_lifecycle.server.guard import Access
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.serving import Application
from account_lifecycle.testing import Clock
from builders import webhook
from server.driving import Answer, Ask, over_asgi
from server.test_fleet import words_of

TOKEN, OTHER = "a-token-for-administrators", "a-token-for-readers"
AS_ADMIN = {"Authorization": f"Bearer {TOKEN}"}
HTML = {"Accept": "text/html"}


@pytest.fixture
def engine(clock: Clock) -> Iterator[Engine]:
    """An engine with dead letters, a disabled hook and a quarantine."""
    with Engine.open("memory:", clock=clock, observers=()) as engine:
        engine.on_entered("ERROR", _fail, name="fails", attempts=1)
        engine.on_entered("CREDENTIALS", lambda _: Disable("the mail server is gone"), name="mail")
        for number in range(3):
            engine.feed_event(webhook(f"a{number}", "OK"))
            engine.feed_event(webhook(f"a{number}", "ERROR"))
            engine.feed_event(webhook(f"a{number}", "CREDENTIALS"))
            for body in (b"{", b'{"AccountStatus": {"message": "OK"}}'):
                with pytest.raises(PayloadError):
                    engine.feed_event(body)
        clock.now += timedelta(minutes=1)
        yield engine


def _fail(_: object) -> None:
    raise RuntimeError("<b>no</b>")


@pytest.fixture
def ask(engine: Engine) -> Iterator[Ask]:
    access = Access(tokens=(OTHER,), admin_tokens=(TOKEN,))
    application = Application(engine, Receiver(engine), SiteOptions(access))
    yield over_asgi(application)
    application.close()


def post(ask: Ask, path: str, fields: dict[str, str], headers: dict[str, str]) -> Answer:
    return ask("POST", path, headers, urlencode(fields).encode())


def page(ask: Ask, path: str) -> str:
    answer = ask("GET", path, {**HTML, **AS_ADMIN}, b"")
    assert answer.status == 200, answer.body
    return answer.body.decode()


def forms_in(html: str) -> list[tuple[str, dict[str, str]]]:
    """Every form that is sent, with its fields."""
    forms = re.findall(r'<form[^>]* action="([^"]+)" method="post">(.*?)</form>', html, re.DOTALL)
    return [(path, dict(re.findall(r'name="(\w+)" value="([^"]*)"', inside))) for path, inside in forms]


# ---- What they show ------------------------------------------------------------------------------------------


def test_the_hooks_with_dead_letters_come_first_with_what_was_wrong(ask: Ask) -> None:
    words = words_of(page(ask, "/hooks"))
    assert words.index("entered:ERROR:fails") < words.index("entered:CREDENTIALS:mail")
    assert words.count("RuntimeError: <b>no</b>") == 3
    assert "disabled" in words
    assert "the mail server is gone" in words


def test_the_quarantine_is_grouped_by_what_is_wrong(ask: Ask, engine: Engine) -> None:
    words = words_of(page(ask, "/quarantine"))
    assert "6 payloads could not be read" in words
    for group in engine.quarantine_groups():
        assert f"{group.payloads} × {group.what}" in words
        assert group.to_do in words


def test_anomalies_can_be_narrowed_and_paged(ask: Ask, engine: Engine, clock: Clock) -> None:
    for number in range(5):
        clock.now += timedelta(minutes=1)
        engine.feed_event(webhook("a1", f"NOVEL{number}"))
    path, found = "/anomalies?kind=UNKNOWN_STATUS&limit=2", list[str]()
    while path:
        html = page(ask, path)
        found += re.findall(r"\(warning\) (NOVEL\d)", html)
        more = re.search(r'rel="next" href="([^"]+)"', html)
        path = more[1].replace("&amp;", "&") if more else ""
    assert found == [f"NOVEL{number}" for number in reversed(range(5))]


def test_who_cannot_change_anything_sees_no_button(ask: Ask) -> None:
    for path in ("/hooks", "/quarantine"):
        html = ask("GET", path, {**HTML, "Authorization": f"Bearer {OTHER}"}, b"").body.decode()
        assert forms_in(html) == []
        assert f'href="/sign-in?next=%2F{path[1:]}"' in html


# ---- What they do --------------------------------------------------------------------------------------------


def test_every_button_does_what_it_says_and_the_log_says_who_did_it(
    ask: Ask, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    html = page(ask, "/hooks") + page(ask, "/quarantine")
    forms = forms_in(html)
    assert {path for path, _ in forms} == {"/hooks/redrive", "/hooks/enable", "/hooks/skip", "/quarantine/dismiss"}

    def send(path: str, **wanted: str) -> str:
        fields = next(fields for to, fields in forms if to == path and wanted.items() <= fields.items())
        answer = post(ask, path, fields, AS_ADMIN)
        assert answer.status == 303, answer.body
        assert "127.0.0.1" in caplog.text.rpartition("changed from the pages")[2]
        return words_of(page(ask, answer.headers["location"]))

    mail = "entered:CREDENTIALS:mail"
    assert "3 skipped." in send("/hooks/skip", hook=mail)
    assert "1 enabled." in send("/hooks/enable", hook=mail)
    assert engine.subscribed_hooks()[0].disabled_at is None
    dead = engine.deliveries(state="dead")
    assert "1 tried again." in send("/hooks/redrive", delivery_id=str(dead[0].delivery_id))
    assert "2 tried again." in send("/hooks/redrive", hook="entered:ERROR:fails")
    assert "3 dismissed." in send("/quarantine/dismiss", like="1")
    assert sum(group.payloads for group in engine.quarantine_groups()) == 3
    assert caplog.text.count("changed from the pages") == 5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": f"Bearer {OTHER}"}, 403),
        ({**AS_ADMIN, "Origin": "https://evil.example"}, 403),
        ({**AS_ADMIN, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**AS_ADMIN, "Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/hooks/redrive", "/hooks/enable", "/hooks/skip", "/quarantine/dismiss"])
def test_nothing_is_changed_without_the_token_or_from_elsewhere(
    ask: Ask, engine: Engine, path: str, headers: dict[str, str], status: int
) -> None:
    before = state_of(engine)
    fields = {
        "hook": "entered:ERROR:fails",
        "like": "1",
        "until": "2999-01-01T00:00:00Z",
        "before": "2999-01-01T00:00Z",
    }
    assert post(ask, path, fields, headers).status == status
    assert state_of(engine) == before


def test_without_a_token_for_administrators_nobody_changes_anything(engine: Engine) -> None:
    application = Application(engine, Receiver(engine), SiteOptions())
    before = state_of(engine)
    answer = post(over_asgi(application), "/quarantine/dismiss", {"like": "1", "until": "2999-01-01T00:00:00Z"}, {})
    application.close()
    assert (answer.status, state_of(engine)) == (403, before)


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/hooks/redrive", {}, "hook"),
        ("/hooks/redrive", {"delivery_id": "-1"}, "delivery_id"),
        ("/hooks/redrive", {"delivery_id": "0" * 19 + "1" * 5_000}, "delivery_id"),
        ("/hooks/skip", {"hook": "entered:ERROR:fails", "before": "yesterday"}, "before"),
        ("/hooks/skip", {"hook": "entered:ERROR:fails", "before": "2026-01-01T00:00:00"}, "before"),
        ("/quarantine/dismiss", {"like": "99", "until": "2999-01-01T00:00:00Z"}, "like"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused_by_its_field(
    ask: Ask, engine: Engine, path: str, fields: dict[str, str], name: str
) -> None:
    before = state_of(engine)
    answer = post(ask, path, fields, AS_ADMIN)
    assert answer.status == 400
    assert f"{name}: found" in words_of(answer.body.decode())
    assert state_of(engine) == before


def test_signing_in_as_administrator_lasts_and_shows_no_token(ask: Ask) -> None:
    answer = post(ask, "/sign-in", {"token": TOKEN, "next": "/hooks"}, {})
    assert (answer.status, answer.headers["location"]) == (303, "/hooks")
    assert TOKEN not in str(answer.headers)
    assert "account_lifecycle_admin=" in answer.headers["set-cookie"]
    answer = post(ask, "/sign-in", {"token": OTHER, "next": "/hooks"}, {})
    assert "account_lifecycle_admin=" not in answer.headers["set-cookie"]


def state_of(engine: Engine) -> Any:
    """Everything that a form could have changed."""
    rows = (*engine.deliveries(), *engine.subscribed_hooks(), *engine.quarantine())
    return [row.to_dict() for row in rows]
