"""The door of the pages: hosts, tokens, what may be sent from where, and what every answer forbids a browser."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from account_lifecycle import Engine
from account_lifecycle.server import Receiver
from account_lifecycle.server.guard import Access
from account_lifecycle.server.pages import SiteOptions
from account_lifecycle.server.serving import Application
from server.driving import OK, Answer, over_asgi

TOKEN, NEXT_TOKEN = "a-token-for-the-pages", "the-next-token-for-the-pages"


class Reader:
    """The pages of an engine for whoever has access."""

    def __init__(self, engine: Engine, access: Access = Access(), page_port: int | None = None) -> None:  # noqa: B008
        self.application = Application(engine, Receiver(engine), SiteOptions(access), page_port)
        self._ask = over_asgi(self.application)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, b"", **headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        return self.ask("POST", path, urlencode(fields).encode(), **headers)

    def ask(self, method: str, path: str, body: bytes, **headers: str) -> Answer:
        return self._ask(method, path, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.fixture
def pages(engine: Engine) -> Iterator[Reader]:
    made = Reader(engine)
    yield made
    made.application.close()


@pytest.fixture
def locked(engine: Engine) -> Iterator[Reader]:
    made = Reader(engine, Access(("fleet.example.org", "localhost"), (NEXT_TOKEN, TOKEN)))
    yield made
    made.application.close()


def test_a_page_is_shown_to_this_machine_by_its_own_names_alone(pages: Reader) -> None:
    for name in ("localhost", "localhost:8787", "127.0.0.1:1", "[::1]:8787"):
        assert pages.get("/", Host=name).status == 200
    for name in ("evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example:8787"):
        assert pages.get("/", Host=name).status == 421


def test_every_answer_forbids_whatever_no_page_of_ours_needs(pages: Reader) -> None:
    for path in ("/", "/no-such-page", "/static/no-such-file"):
        headers = pages.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_static_files_have_their_digest_in_their_names_and_are_kept(pages: Reader) -> None:
    page = pages.get("/").body.decode()
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    style = pages.get(path)
    assert (style.status, style.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    font = style.body.decode().partition('src: url("')[2].partition('"')[0]
    assert pages.get(font).headers["content-type"] == "font/woff2"
    assert pages.get(path.replace(".css", "0.css")).status == 404


def test_with_a_token_nothing_is_shown_without_it(locked: Reader) -> None:
    for path in ("/", "/accounts", "/live"):
        refused = locked.get(path)
        assert refused.status == 401
        assert b"need a token" in refused.body
    assert locked.get("/", Authorization="Bearer wrong").status == 401
    assert locked.get("/", Authorization=f"Bearer {TOKEN}").status == 200
    assert locked.get("/", Host="fleet.example.org", Authorization=f"Bearer {NEXT_TOKEN}").status == 200


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_other_sites_do_not_get(locked: Reader) -> None:
    wrong = locked.post("/sign-in", {"token": "wrong", "next": "/accounts"})
    assert (wrong.status, "set-cookie" in wrong.headers) == (401, False)
    assert b'value="/accounts"' in wrong.body
    right = locked.post("/sign-in", {"token": TOKEN, "next": "/accounts"})
    assert (right.status, right.headers["location"]) == (303, "/accounts")
    cookie, *terms = right.headers["set-cookie"].split("; ")
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= set(terms)
    assert locked.get("/", Cookie=cookie).status == 200
    assert locked.get("/", Cookie=f"{cookie}0").status == 401


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x()"])
def test_signing_in_leads_to_no_other_site(locked: Reader, target: str) -> None:
    assert locked.post("/sign-in", {"token": TOKEN, "next": target}).headers["location"] == "/"


def test_nothing_is_taken_that_another_site_sends(locked: Reader) -> None:
    form = {"token": TOKEN}
    assert locked.post("/sign-in", form, Origin="https://evil.example").status == 403
    assert locked.post("/sign-in", form, Sec_Fetch_Site="cross-site").status == 403
    assert locked.post("/sign-in", form, Origin="http://localhost", Sec_Fetch_Site="same-origin").status == 303


def test_where_others_could_ask_and_there_is_no_token_no_page_is_shown(engine: Engine) -> None:
    closed = Reader(engine, Access(is_closed=True))
    assert [closed.get(path).status for path in ("/", "/metrics", "/live")] == [403] * 3
    assert closed.get("/readyz", Host="10.0.0.7:8787").status == 200
    assert closed.ask("POST", "/hooks", OK).status == 200
    closed.application.close()


def test_the_path_of_the_receiver_has_a_page_for_readers_of_html(pages: Reader) -> None:
    assert pages.get("/hooks").body == b"ready"
    assert pages.get("/hooks", Accept="text/html,*/*").headers["content-type"].startswith("text/html")
    assert pages.ask("POST", "/hooks", OK, Accept="text/html").document == {"verdict": "APPLIED", "events": 1}


def test_with_a_port_of_their_own_pages_are_shown_there_alone(engine: Engine) -> None:
    elsewhere, here = Reader(engine, page_port=8788), Reader(engine, page_port=80)  # the client asks at port 80
    assert elsewhere.get("/").body == b"Not Found"
    assert elsewhere.ask("POST", "/hooks", OK).status == 200
    assert here.get("/").status == 200
    assert here.ask("POST", "/hooks", OK).status != 200
    for each in (elsewhere, here):
        each.application.close()
