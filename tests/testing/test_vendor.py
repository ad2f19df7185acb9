"""The simulated vendor: accounts that live, an API that breaks on command, and webhooks as the vendor sends them."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from account_lifecycle import Engine
from account_lifecycle.errors import ConfigurationError, VendorRefused, VendorUnavailable
from account_lifecycle.server import Receiver, SharedHeader
from account_lifecycle.testing import START, Clock
from account_lifecycle.testing.vendor import ApiFault, SimulatedVendor
from account_lifecycle.vendor import Patience, VendorClient
from vendor.scripted import Scripted, scripted_server

ONCE = Patience(attempts=1, pause_s=0, longest_pause_s=0)


class Answer(NamedTuple):
    status: int


class Mailbox:
    """A receiver that notes what comes, and when, and answers as it is told."""

    def __init__(self, clock: Clock, status: int = 200) -> None:
        self.clock, self.status = clock, status
        self.mails: list[tuple[datetime, str]] = []

    def __call__(self, method: str, headers: Mapping[str, str], query: str, body: bytes) -> Answer:
        self.mails.append((self.clock.now, body.decode()))
        return Answer(self.status)

    @property
    def words(self) -> list[str]:
        said = [json.loads(body) for _, body in self.mails]
        return [each.get("status") or each["AccountStatus"]["message"] for each in said]


@pytest.fixture
def mailbox(account_clock: Clock, account_vendor: SimulatedVendor) -> Mailbox:
    found = Mailbox(account_clock)
    account_vendor.connect("https://me.example", found)
    account_vendor.register("https://me.example/all", words=["CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS", "OK",
                            "CREDENTIALS", "ERROR", "STOPPED", "RECONNECTED", "DELETED"])  # fmt: skip
    return found


# ---- Accounts and what is announced of them ---------------------------------------------------------------------


def test_an_engine_that_is_fed_by_the_default_sees_the_account_live(
    account_vendor: SimulatedVendor, account_clock: Clock
) -> None:
    from account_lifecycle import Policy

    with Engine.open("memory:", clock=account_clock, policy=Policy(subscribed="default"), observers=()) as engine:
        account_vendor.feed(engine)
        anna = account_vendor.create("LINKEDIN", owner="user-7")
        account_vendor.advance(minutes=10)
        account = engine.account(anna)
        assert (account.health, account.presumed) == ("LIVE", True)
        assert account_vendor.accounts[anna].status == "OK"
        assert [entry.event.to_dict()["announced"] for entry in engine.history(anna)] == [
            "CREATION_SUCCESS",
            "SYNC_SUCCESS",
        ]


def test_a_life_is_announced_word_by_word(account_vendor: SimulatedVendor, mailbox: Mailbox) -> None:
    anna = account_vendor.create("GOOGLE_OAUTH")
    account_vendor.advance(minutes=5)
    account_vendor.lose(anna, "CREDENTIALS", reason="Disconnected")
    account_vendor.advance(minutes=5)
    account_vendor.reconnect(anna)
    account_vendor.advance(minutes=5)
    account_vendor.delete(anna)
    account_vendor.run()
    assert mailbox.words == ["CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "OK", "DELETED"]
    assert '"reason": "Disconnected"' in mailbox.mails[2][1]
    assert [moved.status for moved in account_vendor.accounts[anna].truth] == [
        "CONNECTING", "OK", "CREDENTIALS", "CONNECTING", "OK", "ABSENT",
    ]  # fmt: skip
    assert account_vendor.accounts[anna].status_at(START + timedelta(minutes=6)) == "CREDENTIALS"


def test_a_premium_account_of_linkedin_announces_two_syncs(account_vendor: SimulatedVendor, mailbox: Mailbox) -> None:
    account_vendor.create("LINKEDIN", premium=["premium", "recruiter"])
    account_vendor.advance(minutes=5)
    products = [json.loads(body)["AccountStatus"].get("product") for _, body in mailbox.mails]
    assert products == [None, "classic", "recruiter", None]
    (listed,) = account_vendor.client().accounts()
    assert listed.premium == ("premium", "recruiter")


def test_the_worst_of_several_sources_is_announced(account_vendor: SimulatedVendor, mailbox: Mailbox) -> None:
    bob = account_vendor.create("OUTLOOK", sources=3, quiet=True)
    account_vendor.lose(bob, "ERROR", source=1)
    account_vendor.lose(bob, "STOPPED", source=2)  # ERROR is worse: no news
    account_vendor.run()
    assert mailbox.words == ["ERROR"]
    found = account_vendor.client().account(bob)
    assert found is not None
    assert found.statuses == ("OK", "ERROR", "STOPPED")


def test_a_link_of_hosted_auth_announces_by_both_channels(
    account_vendor: SimulatedVendor, mailbox: Mailbox, account_clock: Clock
) -> None:
    notified = Mailbox(account_clock)
    account_vendor.connect("https://notify.example", notified)
    client = account_vendor.client()
    until = account_clock.now + timedelta(hours=1)
    link = client.hosted_link(expires_at=until, name="user-7", notify_url="https://notify.example/n?secret=s")
    anna = account_vendor.visit(link)
    assert anna is not None
    account_vendor.run()
    assert notified.words == mailbox.words == ["CREATION_SUCCESS"]
    assert json.loads(notified.mails[0][1])["name"] == "user-7"
    assert account_vendor.visit(link) is None
    again = client.hosted_link(expires_at=until, reconnect=anna)
    account_vendor.daily_restart()
    assert account_vendor.visit(again) is None
    again = client.hosted_link(expires_at=until, reconnect=anna)
    assert account_vendor.visit(again) == anna


def test_a_creation_that_fails_is_notified_without_an_account(
    account_vendor: SimulatedVendor, account_clock: Clock
) -> None:
    notified = Mailbox(account_clock)
    account_vendor.connect("https://notify.example", notified)
    account_vendor.fail_creation("user-7", "https://notify.example/n")
    account_vendor.advance(minutes=1)
    assert notified.words == ["CREATION_FAIL"]
    with Engine.open("memory:", clock=account_clock, observers=()) as engine:
        decision = engine.feed_event(notified.mails[0][1])
        assert decision.account is None
        assert (decision.event.status, decision.event.owner) == ("CREATION_FAIL", "user-7")
    assert not account_vendor.accounts


def test_an_outage_takes_down_one_type_and_heals(account_vendor: SimulatedVendor) -> None:
    slack = [account_vendor.create("WHATSAPP", quiet=True) for _ in range(3)]
    other = account_vendor.create("MAIL", quiet=True)
    assert account_vendor.outage("WHATSAPP", lasts=timedelta(hours=2)) == slack
    account_vendor.advance(hours=1)
    assert {account_vendor.accounts[each].status for each in slack} == {"ERROR"}
    assert account_vendor.accounts[other].status == "OK"
    account_vendor.advance(hours=1)
    assert {account_vendor.accounts[each].status for each in slack} == {"OK"}


def test_a_restart_heals_what_stopped_and_says_nothing_of_the_healthy(
    account_vendor: SimulatedVendor, mailbox: Mailbox
) -> None:
    client = account_vendor.client()
    anna = account_vendor.create("MESSENGER", quiet=True)
    assert client.restart(anna)
    account_vendor.lose(anna, "STOPPED")
    assert client.restart(anna)
    account_vendor.advance(minutes=5)
    assert mailbox.words == ["STOPPED", "CONNECTING", "OK"]
    assert not client.restart("nobody")


def test_what_was_planned_for_an_account_is_not_done_once_something_else_happened(
    account_vendor: SimulatedVendor, mailbox: Mailbox
) -> None:
    anna = account_vendor.create("X")
    account_vendor.delete(anna)
    account_vendor.advance(hours=1)
    assert mailbox.words == ["CREATION_SUCCESS", "DELETED"]
    with pytest.raises(ConfigurationError, match="an account that the vendor has"):
        account_vendor.lose(anna)


# ---- Webhooks ---------------------------------------------------------------------------------------------------


def test_a_webhook_is_sent_again_by_growing_delays_and_given_up(
    account_vendor: SimulatedVendor, mailbox: Mailbox
) -> None:
    mailbox.status = 503
    anna = account_vendor.create("MAIL", quiet=True)
    account_vendor.lose(anna)
    account_vendor.advance(days=2)
    times = [at for at, _ in mailbox.mails]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 6
    assert gaps == sorted(gaps)
    assert account_vendor.counts == {"failed": 6, "given up": 1}


def test_one_that_is_answered_after_all_is_sent_no_more(account_vendor: SimulatedVendor, mailbox: Mailbox) -> None:
    mailbox.status = 500
    account_vendor.create("MAIL", "m", quiet=True)
    account_vendor.lose("m")
    account_vendor.advance(minutes=1, seconds=-1)
    mailbox.status = 200
    account_vendor.advance(days=1)
    assert account_vendor.counts == {"failed": 1, "sent": 1}


def test_messages_are_lost_and_repeated_as_often_as_is_said(account_clock: Clock) -> None:
    vendor = SimulatedVendor(clock=account_clock, lost_share=0.25, repeated_share=0.5, seed=1)
    mailbox = Mailbox(account_clock)
    vendor.connect("https://me.example", mailbox)
    vendor.register("https://me.example", words=["ERROR", "OK"])
    anna = vendor.create("MAIL", quiet=True)
    for _ in range(200):
        vendor.lose(anna, "ERROR")
        vendor.heal(anna)
    vendor.advance(days=1)
    assert 60 < vendor.counts["lost"] < 140
    assert 100 < vendor.counts["sent"] - (400 - vendor.counts["lost"]) < 200


def test_a_form_and_a_narrow_webhook_are_sent_as_they_are_registered(
    account_vendor: SimulatedVendor, account_engine: Engine, account_clock: Clock
) -> None:
    class Feeding(Mailbox):
        def __call__(self, method: str, headers: Mapping[str, str], query: str, body: bytes) -> Answer:
            account_engine.feed_body(body, headers)
            return super().__call__(method, headers, query, body)

    account_vendor.connect("https://me.example", feeding := Feeding(account_clock))
    anna, bob = (account_vendor.create("MAIL", quiet=True) for _ in range(2))
    account_vendor.register("https://me.example/f", words=["ERROR"], format="form", account_ids=[anna])
    account_vendor.register("https://me.example/off", words=["ERROR"], is_enabled=False)
    account_vendor.lose(bob, "ERROR")
    account_vendor.lose(anna, "ERROR")
    account_vendor.run()
    assert len(feeding.mails) == 1
    assert feeding.mails[0][1].startswith("AccountStatus%5Baccount_id%5D=")
    assert account_engine.account(anna).status == "ERROR"


# ---- The API ------------------------------------------------------------------------------------------------------


def test_a_list_of_three_pages_loses_none_when_one_is_deleted_between_them(account_vendor: SimulatedVendor) -> None:
    ids = [account_vendor.create("MAIL", quiet=True) for _ in range(600)]
    accounts = account_vendor.client().accounts()
    seen = [next(accounts).id for _ in range(250)]
    account_vendor.delete(ids[10], announced=False)
    seen += [account.id for account in accounts]
    assert seen == ids
    assert account_vendor.requests["GET /accounts"] == 3
    assert account_vendor.client().account(ids[10]) is None


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (ApiFault.TOO_MANY, VendorUnavailable, "429 Too Many Requests"),
        (ApiFault.UNAVAILABLE, VendorUnavailable, r"503 Service Unavailable \(HTML\)"),
        (ApiFault.HTML, VendorUnavailable, "HTML in place of JSON"),
        (ApiFault.CUT, VendorUnavailable, "no whole JSON"),
        (ApiFault.SLOW, VendorUnavailable, "it did not answer within 20 s"),
        (ApiFault.LOOP, VendorUnavailable, "has the cursor of an earlier one"),
        (ApiFault.FORBIDDEN, VendorRefused, "403 Forbidden"),
    ],
)
def test_each_fault_is_met_by_the_client_and_is_over_when_it_recovers(
    account_vendor: SimulatedVendor, kind: ApiFault, error: type[Exception], words: str
) -> None:
    account_vendor.create("MAIL", quiet=True)
    account_vendor.fault(kind, after_s=25, within="/accounts")
    client = account_vendor.client(patience=ONCE)
    assert client.webhooks() == []
    with pytest.raises(error, match=words):
        list(client.accounts())
    account_vendor.recover()
    assert len([*client.accounts()]) == 1


def test_a_fault_of_two_requests_is_over_after_two(account_vendor: SimulatedVendor) -> None:
    account_vendor.create("MAIL", "m", quiet=True)
    account_vendor.fault(ApiFault.TOO_MANY, times=2)
    assert account_vendor.client().account("m") is not None
    assert account_vendor.requests["GET /accounts/{id}"] == 3
    account_vendor.fault(ApiFault.SLOW, times=1, after_s=10)
    assert account_vendor.client().account("m") is not None


def test_a_rotated_key_is_refused(account_vendor: SimulatedVendor) -> None:
    client = account_vendor.client()
    account_vendor.key = "another-key"
    with pytest.raises(VendorRefused, match=r"401 Unauthorized.* The key is not accepted"):
        client.account("m")


def test_webhooks_are_registered_by_the_api_and_listed_as_they_are(account_vendor: SimulatedVendor) -> None:
    client = account_vendor.client()
    ours = client.register_webhook("https://me.example/hooks", headers={"X-Webhook-Secret": "s"}, name="ours")
    account_vendor.register("https://me.example/other")
    found, by_default = client.webhooks()
    assert (found.id, found.missing_words, found.headers) == (ours, (), (("X-Webhook-Secret", "s"),))
    assert by_default.missing_words == ("CONNECTING", "OK", "STOPPED")
    assert client.delete_webhook(ours)
    assert not client.delete_webhook(ours)


# ---- As a server --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[SimulatedVendor, str]]:
    vendor = SimulatedVendor(sync=timedelta(milliseconds=100))
    with vendor.serve() as url:
        yield vendor, url


def test_a_server_on_loopback_answers_and_sends(served: tuple[SimulatedVendor, str], tmp_path: Path) -> None:
    import time

    vendor, url = served
    with (
        scripted_server() as receiver,
        VendorClient(url, vendor.key) as client,
        Engine.open(f"sqlite:///{tmp_path}/a.db", observers=()) as engine,
    ):
        receiver.answers(Scripted())
        ours = Receiver(engine, [SharedHeader("X-Webhook-Secret", "0123456789abcdef")])
        vendor.connect("https://me.example/hooks", ours.handle)
        client.register_webhook("https://me.example/hooks", headers={"X-Webhook-Secret": "0123456789abcdef"})
        over_http = client.register_webhook(f"{receiver.url}/hooks?t=1", headers={"X-Webhook-Secret": "s3cret"})
        anna = vendor.create("MAIL", owner="user-7")
        end = time.monotonic() + 30
        while len(receiver.requests) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        assert [request for request, _, _ in receiver.requests] == ["POST /hooks?t=1"] * 3
        assert {headers["X-Webhook-Secret"] for _, headers, _ in receiver.requests} == {"s3cret"}
        assert "Content-Type" not in receiver.requests[0][1]
        assert engine.account(anna).health == "LIVE"
        assert [account.id for account in client.accounts()] == [anna]
        client.delete_webhook(over_http)


def test_the_client_on_the_page_about_the_vendor_does_what_it_shows(
    served: tuple[SimulatedVendor, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    vendor, url = served
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vendor-key").write_text(vendor.key)
    vendor.create("WHATSAPP", "h_EKCy2lRLef5NzHp0iw4A", quiet=True)
    page = (Path(__file__).parents[2] / "docs" / "vendor.md").read_text()
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0].replace("https://api1.example.com:13111", url), names)
    assert "h_EKCy2lRLef5NzHp0iw4A WHATSAPP ('OK',)" in capsys.readouterr().out
    assert names["one"].statuses == ("OK",)


def test_a_clock_that_cannot_be_moved_is_not_advanced(served: tuple[SimulatedVendor, str]) -> None:
    with pytest.raises(ConfigurationError, match="a clock that can be moved"):
        served[0].advance(hours=1)
