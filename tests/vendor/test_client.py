"""The client: what it makes of answers, and what it says when there is none that can be used."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from account_lifecycle.errors import ConfigurationError, VendorRefused, VendorUnavailable
from account_lifecycle.vendor import Patience, VendorClient, key_from
from vendor.scripted import Scripted, ScriptedServer, page, scripted_server

KEY = "a-key-that-nobody-may-read"
QUICK = Patience(answer_s=5, attempts=3, total_s=10, pause_s=0, longest_pause_s=0)
HTML = b"<!doctype html><h1>Welcome</h1>"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as started:
        yield started


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[VendorClient]:
    with VendorClient(server.url, KEY, patience=QUICK) as opened:
        yield opened


# ---- What comes back ----------------------------------------------------------------------------------------


def test_a_list_is_read_page_by_page_to_its_end(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(page("a", "b", cursor="c/1+"), page("c", cursor=""))
    assert [account.id for account in client.accounts()] == ["a", "b", "c"]
    asked = [request for request, _, _ in server.requests]
    assert asked == ["GET /api/v1/accounts?limit=250", "GET /api/v1/accounts?limit=250&cursor=c%2F1%2B"]
    assert {headers["X-API-KEY"] for _, headers, _ in server.requests} == {KEY}


def test_an_account_keeps_its_sources_and_premium_features_and_nothing_else_of_its_parameters(
    server: ScriptedServer, client: VendorClient
) -> None:
    params = {"im": {"premiumFeatures": ["recruiter"], "username": "anna@example.com", "proxy": {"password": "hidden"}}}
    item = {
        "object": "Account",
        "type": "LINKEDIN",
        "id": "a1",
        "name": "Anna",
        "created_at": "2026-05-01T12:00:00.000Z",
        "connection_params": params,
        "sources": [{"id": "a1_MESSAGING", "status": "OK"}, {"id": "a1_X", "status": "credentials"}],
        "groups": [],
    }
    server.answers(Scripted(body=json.dumps(item).encode()))
    account = client.account("a1")
    assert account is not None
    assert (account.provider, account.name, account.statuses) == ("LINKEDIN", "Anna", ("OK", "CREDENTIALS"))
    assert account.created_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert account.premium == ("recruiter",)
    assert "hidden" not in repr(account)
    assert "anna@" not in repr(account)


@pytest.mark.parametrize(
    "params", [None, 7, [], "x", {"im": 7}, {"im": {"premiumFeatures": "recruiter"}}, {"im": None}]
)
def test_parameters_in_another_shape_name_no_premium_feature(
    server: ScriptedServer, client: VendorClient, params: object
) -> None:
    server.answers(page("a", type="LINKEDIN", connection_params=params, created_at="yesterday", sources=None))
    (account,) = client.accounts()
    assert (account.premium, account.created_at, account.sources) == ((), None, ())


def test_an_entry_that_is_not_as_it_should_be_does_not_cost_the_others(
    server: ScriptedServer, client: VendorClient
) -> None:
    items = [
        {"id": "a", "type": "MAIL", "sources": [{"id": "a_1", "status": "OK"}]},
        {"id": "b", "type": None, "sources": [None]},
        {"id": "c", "type": 7, "sources": {"status": "OK"}},
    ]
    server.answers(Scripted(body=json.dumps({"items": items}).encode()))
    assert [(account.id, account.statuses) for account in client.accounts()] == [("a", ("OK",)), ("b", ()), ("c", ())]
    server.answers(Scripted(body=json.dumps({"items": [*items, {"type": "MAIL"}]}).encode()))
    with pytest.raises(VendorUnavailable, match=r"missing required field `id`"):
        list(client.accounts())


def test_types_become_providers_and_two_are_not_followed(server: ScriptedServer, client: VendorClient) -> None:
    types = ("GOOGLE_CALENDAR", "twitter", "ICLOUD", "SLACK", "MOBILE", "NEWER")
    items = [{"id": kind, "type": kind} for kind in types]
    server.answers(Scripted(body=json.dumps({"items": items}).encode()))
    found = {account.id: (account.provider, account.is_followed) for account in client.accounts()}
    assert [found[kind] for kind in types] == [
        ("GOOGLE", True), ("X", True), ("IMAP", True), ("SLACK", False), ("MOBILE", False), ("NEWER", True),
    ]  # fmt: skip


def test_an_account_that_the_vendor_has_no_more_is_none(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(404, b'{"status": 404, "type": "errors/resource_not_found"}'))
    assert client.account("a 1/..") is None
    assert server.requests[0][0] == "GET /api/v1/accounts/a%201%2F.."


def test_a_404_of_another_server_makes_no_account_absent(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(404, HTML))
    with pytest.raises(VendorRefused, match=r"404 Not Found \(HTML\)\. This does not look like the vendor's API"):
        client.account("a1")


def test_many_threads_ask_at_once(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(body=b'{"id": "a", "type": "MAIL", "sources": [{"status": "OK"}]}', after_s=0.05))
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(client.account, map(str, range(32)))]
    assert [account.statuses for account in found if account] == [("OK",)] * 32


# ---- What may pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passing",
    [
        Scripted(500),
        Scripted(503, HTML),
        Scripted(504, b""),
        Scripted(429),
        Scripted(200, HTML),
        Scripted(200, b'{"items": [{"id": "a"'),
        Scripted(200, b'{"items": [{"id": ""}]}'),
        Scripted(200, b'{"error": "try later"}'),
        Scripted(200, b"\xff"),
        Scripted(200, b'{"items": ' + b"[" * 100_000),
        Scripted(200, b'{"items": [{"id": "\\ud800"}]}', (("Date", "Fri, 31 Dec 9999 23:59:59 -2300"),)),
        Scripted(200, b'{"items": []}' * 100, cut=True),
        Scripted(200, b"no gzip", (("Content-Encoding", "gzip"),)),
    ],
)
def test_what_may_pass_is_tried_again(server: ScriptedServer, client: VendorClient, passing: Scripted) -> None:
    server.answers(passing, passing, page("a"))
    assert [account.id for account in client.accounts()] == ["a"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Scripted(429, b'{"title": "Slow down"}'),
            r"it answered 429 Too Many Requests \(.*Slow.*\) \(tried 3 times\)",
        ),
        (Scripted(503, HTML), r"503 Service Unavailable \(HTML\) \(tried 3 times\)\. Nothing was concluded from it"),
        (Scripted(200, HTML), "HTML in place of JSON.* proxy on the way answers in its place"),
        (
            Scripted(200, b'{"items": [{"id": "a"'),
            r"answer of 21 bytes is no whole JSON \(Input data was truncated\)",
        ),
        (Scripted(200, b'{"items": 7}'), r"its JSON is not what it should be \(Expected `array`, got `int`"),
        (Scripted(200, b"{}" * 100, cut=True), "the connection broke before the answer was whole"),
    ],
)
def test_what_does_not_pass_is_said_in_words(
    server: ScriptedServer, client: VendorClient, answer: Scripted, words: str
) -> None:
    server.answers(answer)
    with pytest.raises(VendorUnavailable, match=words) as raised:
        list(client.accounts())
    assert raised.value.call == f"GET /api/v1/accounts of {server.url}"
    assert len(server.requests) == 3
    assert KEY not in str(raised.value)


def test_a_list_that_breaks_in_the_middle_ends_in_an_error(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(page("a", cursor="2"), Scripted(502))
    accounts = client.accounts()
    assert next(accounts).id == "a"
    with pytest.raises(VendorUnavailable):
        next(accounts)


def test_a_cursor_that_loops_ends_in_an_error(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(page("a", cursor="2"), page("b", cursor="3"), page("c", cursor="2"))
    accounts = client.accounts()
    assert [next(accounts).id for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(VendorUnavailable, match="page 3 has the cursor of an earlier one, so the list has no end"):
        next(accounts)


def test_retry_after_is_honoured(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(429, headers=(("Retry-After", "1"),)), page("a"))
    start = datetime.now(UTC)
    assert len([*client.accounts()]) == 1
    assert (datetime.now(UTC) - start).total_seconds() >= 0.99


def test_a_retry_after_that_does_not_fit_ends_the_call_and_is_handed_on(
    server: ScriptedServer, client: VendorClient
) -> None:
    server.answers(Scripted(429, headers=(("Retry-After", "3600"),)))
    with pytest.raises(VendorUnavailable) as raised:
        client.account("a")
    assert len(server.requests) == 1
    assert raised.value.retry_after_s == pytest.approx(3600, abs=5)


def test_an_answer_that_is_late_is_not_waited_for(server: ScriptedServer) -> None:
    server.answers(Scripted(after_s=10))
    with (
        VendorClient(server.url, KEY, patience=Patience(0.1, 2, 10, 0, 0)) as client,
        pytest.raises(VendorUnavailable, match=r"it did not answer within 0\.1 s \(tried 2 times\)"),
    ):
        client.account("a")
    server.answers(Scripted(body=b" " * 1_000, drip_s=0.01))
    with (
        VendorClient(server.url, KEY, patience=Patience(0.1, 1, 10, 0, 0)) as client,
        pytest.raises(VendorUnavailable, match=r"it did not answer to the end within 0\.1 s\. .* proxies"),
    ):
        client.account("a")


def test_an_answer_without_end_is_not_read_to_it(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("account_lifecycle.vendor.calling.MAX_ANSWER_BYTES", 1 << 20)
    server.answers(Scripted(body=b" " * (2 << 20)))
    with (
        VendorClient(server.url, KEY, patience=QUICK) as client,
        pytest.raises(VendorUnavailable, match="its answer is longer than 1 MiB"),
    ):
        client.account("a")


def test_nobody_at_the_address_is_said_with_what_to_check() -> None:
    with (
        VendorClient("http://127.0.0.1:9", KEY, patience=QUICK) as client,
        pytest.raises(VendorUnavailable, match=r"no connection \(.*refused\) \(tried 3 times\)\. Check the URL"),
    ):
        client.account("a")


# ---- What is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Scripted(401), "401 Unauthorized.* The key is not accepted: it was changed or revoked"),
        (Scripted(403, b'{"title": "No"}'), "403 Forbidden .*your plan includes"),
        (Scripted(400, f"bad key {KEY}".encode()), r"400 Bad Request \(bad key …\)"),
        (
            Scripted(302, headers=(("Location", "https://x.example/login?token=t"),)),
            r"a redirect to https://x\.example/…",
        ),
    ],
)
def test_what_is_refused_is_not_tried_again(
    server: ScriptedServer, client: VendorClient, answer: Scripted, words: str
) -> None:
    server.answers(answer)
    with pytest.raises(VendorRefused, match=words):
        list(client.accounts())
    assert len(server.requests) == 1


def test_a_key_that_was_rotated_in_its_file_is_read_again(server: ScriptedServer, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old-key\n")
    with VendorClient(server.url, key_from("VENDOR_KEY", f"file:{path}"), patience=QUICK) as client:
        server.answers(Scripted(401))
        with pytest.raises(VendorRefused):
            client.account("a")
        path.write_text("")  # as it is for a moment, while it is written
        with pytest.raises(VendorRefused, match=r"401 Unauthorized, and there is no other key .* without a secret"):
            client.account("a")
        path.write_text("new-key\n")
        server.answers(Scripted(401), page("a"))
        assert len([*client.accounts()]) == 1
    assert [headers["X-API-KEY"] for _, headers, _ in server.requests] == ["old-key", "new-key"]


# ---- What changes something ----------------------------------------------------------------------------------


def test_a_webhook_is_registered_with_all_eleven_words(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(201, b'{"object": "WebhookCreated", "webhook_id": "wh_1"}'))
    assert client.register_webhook("https://me.example/hooks", headers={"X-Webhook-Secret": "s"}) == "wh_1"
    request, _, body = server.requests[0]
    sent = json.loads(body)
    assert request == "POST /api/v1/webhooks"
    assert sorted(sent["events"]) == [
        "connecting", "creation_fail", "creation_success", "credentials", "deleted", "error", "ok", "permissions",
        "reconnected", "stopped", "sync_success",
    ]  # fmt: skip
    assert (sent["source"], sent["format"], sent["enabled"]) == ("account_status", "json", True)
    assert sent["headers"] == [{"key": "X-Webhook-Secret", "value": "s"}]


def test_a_registration_of_which_nobody_knows_is_not_repeated(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(502))
    with pytest.raises(VendorUnavailable, match="Whether it was done all the same is not known: look before"):
        client.register_webhook("https://me.example/hooks")
    assert len(server.requests) == 1
    server.answers(Scripted(429), Scripted(201, b'{"webhook_id": "wh_2"}'))
    assert client.register_webhook("https://me.example/hooks") == "wh_2"


def test_webhooks_are_listed_with_the_words_that_they_announce(server: ScriptedServer, client: VendorClient) -> None:
    items = [
        {"id": "1", "request_url": "https://me.example/hooks/token", "source": "account_status",
         "headers": [{"key": "X-Webhook-Secret", "value": "s3cret"}]},
        {"id": "2", "request_url": "https://me.example/m", "source": "messaging", "events": ["message_received"]},
        {"id": "3", "request_url": "u", "source": "account_status", "events": ["ok", "new_one"], "enabled": False,
         "account_ids": ["a"], "format": "form"},
    ]  # fmt: skip
    server.answers(Scripted(body=json.dumps({"object": "WebhookList", "items": items, "cursor": None}).encode()))
    by_default, other, narrow = client.webhooks()
    assert by_default.missing_words == ("CONNECTING", "OK", "STOPPED")
    assert by_default.headers == (("X-Webhook-Secret", "s3cret"),)
    assert "s3cret" not in repr(by_default) + json.dumps(by_default.to_dict())
    assert "token" not in repr(by_default) + json.dumps(by_default.to_dict())
    assert (other.source, other.words) == ("messaging", frozenset())
    assert (narrow.words, narrow.is_enabled, narrow.account_ids, narrow.format) == (
        frozenset({"OK"}),
        False,
        ("a",),
        "form",
    )


def test_deletions_and_restarts_say_whether_there_was_something(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(200), Scripted(404, b'{"status": 404}'))
    assert client.delete_webhook("wh_1")
    assert not client.delete_webhook("wh_1")
    server.answers(Scripted(200))
    assert client.restart("a1")
    assert server.requests[0][0] == "POST /api/v1/accounts/a1/restart"


def test_a_link_of_hosted_auth_ends_at_a_time_with_milliseconds(server: ScriptedServer, client: VendorClient) -> None:
    server.answers(Scripted(201, b'{"object": "HostedAuthUrl", "url": "https://auth.example/x"}'))
    until = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert client.hosted_link(expires_at=until, reconnect="a1", name="user-7") == "https://auth.example/x"
    assert json.loads(server.requests[0][2]) == {
        "type": "reconnect", "reconnect_account": "a1", "providers": "*", "api_url": server.url,
        "expiresOn": "2026-11-30T12:00:00.000Z", "name": "user-7",
    }  # fmt: skip


# ---- Settings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", "api1.example.com", "ftp://api1.example.com", "https://", "https://u:p@a.example", "https://a.example?x=1"],
)
def test_what_is_no_url_of_an_api_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"vendor_url: found .* expected the https URL of the vendor's API"):
        VendorClient(url, KEY)


def test_a_key_is_never_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(ConfigurationError, match="anybody on the way can read the key"):
        VendorClient("http://api1.example.com", KEY)


def test_a_url_may_have_the_path_of_the_api_already() -> None:
    with VendorClient("https://api1.example.com:13111/api/v1/", KEY) as client:
        assert repr(client) == "<VendorClient of https://api1.example.com:13111>"


@pytest.mark.parametrize("key", ["", "  ", "one\ntwo", "ключ"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="vendor_key: found") as raised:
        VendorClient("https://api1.example.com", key)
    assert not key.strip() or key not in str(raised.value)


def test_one_key_is_expected_of_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("one\ntwo\n")
    for text in (f"file:{path}", "one,two", ""):
        with pytest.raises(ConfigurationError, match=r"VENDOR_KEY: found .* keys; expected the vendor's API key"):
            key_from("VENDOR_KEY", text)


@pytest.mark.parametrize(
    "wrong", [Patience(answer_s=0), Patience(attempts=0), Patience(total_s=float("inf")), Patience(pause_s=-1)]
)
def test_a_patience_without_bounds_is_refused(wrong: Patience) -> None:
    with pytest.raises(ConfigurationError):
        VendorClient("https://api1.example.com", KEY, patience=wrong)
