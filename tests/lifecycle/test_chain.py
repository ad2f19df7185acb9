"""The life that every account is meant to live, fed as the vendor's payloads, provider by provider."""

from typing import Any

import pytest

from account_lifecycle.intake.payloads import parse
from lifecycle_builders import DAY, FAMILIES, MINUTE, SYNC_ANNOUNCING, Life, effects_of

ACCOUNT_TYPES = {
    "LINKEDIN": ["LINKEDIN"],
    "WHATSAPP": ["WHATSAPP"],
    "INSTAGRAM": ["INSTAGRAM"],
    "MESSENGER": ["MESSENGER"],
    "TELEGRAM": ["TELEGRAM"],
    "X": ["X", "TWITTER"],
    "GOOGLE": ["GOOGLE", "GOOGLE_OAUTH", "GOOGLE_CALENDAR"],
    "MICROSOFT": ["MICROSOFT", "OUTLOOK", "EXCHANGE"],
    "IMAP": ["IMAP", "MAIL", "ICLOUD"],
}
SPELLINGS = [word for words in ACCOUNT_TYPES.values() for word in words]
each_provider = pytest.mark.parametrize("provider", FAMILIES)


class Wire:
    """An account that is told of by payloads alone."""

    def __init__(self, account_type: str) -> None:
        self.life = Life()
        self.account_type = account_type

    def webhook(self, *words: str, **more: Any) -> None:
        for word in words:
            self._feed(
                {"AccountStatus": {"account_id": "acc", "account_type": self.account_type, "message": word, **more}}
            )

    def notification(self, word: str) -> None:
        self._feed({"status": word, "account_id": "acc", "name": "user-7"})

    def _feed(self, payload: dict[str, Any]) -> None:
        self.life.now += MINUTE
        self.life.meets(parse(payload, self.life.now))


def sync_of(provider: str) -> list[str]:
    return ["SYNC_SUCCESS"] if provider in SYNC_ANNOUNCING else []


def test_the_families_are_those_of_the_vendors_page() -> None:
    assert set(ACCOUNT_TYPES) == set(FAMILIES)


@each_provider
@pytest.mark.parametrize("loss", ["CREDENTIALS", "ERROR", "STOPPED", "PERMISSIONS"])
def test_the_whole_chain_is_expected(provider: str, loss: str) -> None:
    wire = Wire(ACCOUNT_TYPES[provider][-1])
    wire.webhook("CONNECTING", "CREATION_SUCCESS", *sync_of(provider), "OK")
    wire.life.now += 2 * DAY
    wire.webhook(loss, "RECONNECTED", *sync_of(provider), "OK", "DELETED")

    assert wire.life.anomalies == []
    assert {decision.verdict for decision in wire.life.decisions} == {"APPLIED"}
    assert (wire.life.account.status, wire.life.account.provider) == ("DELETED", provider)


@each_provider
def test_a_loss_that_heals_by_itself_needs_no_reconnect(provider: str) -> None:
    wire = Wire(ACCOUNT_TYPES[provider][0])
    wire.webhook("CONNECTING", "CREATION_SUCCESS", "OK")
    for loss in ("CREDENTIALS", "ERROR", "STOPPED"):
        wire.life.now += 2 * DAY
        wire.webhook(loss, "OK")

    assert wire.life.anomalies == []
    assert wire.life.account.health == "LIVE"


@each_provider
def test_ok_and_the_sync_may_come_in_either_order(provider: str) -> None:
    wire = Wire(ACCOUNT_TYPES[provider][0])
    wire.webhook("CREATION_SUCCESS", "OK", *sync_of(provider))

    assert wire.life.anomalies == []
    assert wire.life.account.status == "OK"


@each_provider
def test_the_same_fact_by_both_channels_is_a_repeat(provider: str) -> None:
    wire = Wire(ACCOUNT_TYPES[provider][0])
    wire.notification("CREATION_SUCCESS")
    wire.webhook("CREATION_SUCCESS", "OK")
    wire.life.now += 2 * DAY
    wire.webhook("CREDENTIALS")
    wire.notification("RECONNECTED")
    wire.webhook("RECONNECTED", "OK")

    assert sum(decision.verdict == "REPEATED" for decision in wire.life.decisions) == 2
    assert wire.life.anomalies == []
    assert (wire.life.account.provider, wire.life.account.owner) == (provider, "user-7")


@each_provider
def test_aliases_of_one_family_may_alternate(provider: str) -> None:
    wire = Wire("")
    wire.webhook("CREATION_SUCCESS")
    for spelling in ACCOUNT_TYPES[provider]:
        wire.account_type = spelling
        wire.webhook("OK", "ERROR")
        wire.life.now += 2 * DAY

    assert wire.life.anomalies == []
    assert wire.life.account.provider == provider


def test_premium_linkedin_syncs_twice() -> None:
    wire = Wire("LINKEDIN")
    wire.webhook("CONNECTING", "CREATION_SUCCESS")
    wire.webhook("SYNC_SUCCESS", product="classic")
    wire.webhook("SYNC_SUCCESS", product="recruiter")
    wire.webhook("OK")

    assert wire.life.anomalies == []
    assert wire.life.account.synced_products == {"classic", "recruiter"}
    asked = [effect for decision in wire.life.decisions for effect in effects_of(decision)]
    assert [effect for effect in asked if effect.startswith("sync")] == [
        "sync_completed classic",
        "sync_completed recruiter",
    ]


def test_premium_linkedin_may_sync_once_more_when_it_works_already() -> None:
    wire = Wire("LINKEDIN")
    wire.webhook("CREATION_SUCCESS")
    wire.webhook("SYNC_SUCCESS", product="classic")
    wire.webhook("OK")
    wire.webhook("SYNC_SUCCESS", product="sales_navigator")

    assert wire.life.anomalies == []
    assert wire.life.account.status == "OK"


@pytest.mark.parametrize("spelling", ["Recruiter", " recruiter ", "RECRUITER"])
def test_a_product_is_the_same_however_it_is_spelled(spelling: str) -> None:
    wire = Wire("LINKEDIN")
    wire.webhook("CREATION_SUCCESS")
    wire.webhook("SYNC_SUCCESS", product="recruiter")
    wire.webhook("SYNC_SUCCESS", product=spelling)

    assert wire.life.decisions[-1].verdict == "REPEATED"


def test_a_creation_that_fails_can_be_tried_again() -> None:
    wire = Wire("INSTAGRAM")
    wire.webhook("CONNECTING")
    wire.notification("CREATION_FAIL")
    wire.life.now += 2 * DAY
    wire.webhook("CONNECTING", "CREATION_SUCCESS", "OK")

    assert wire.life.anomalies == []


def test_a_late_creation_never_throws_a_working_account_back() -> None:
    wire = Wire("LINKEDIN")
    wire.webhook("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")
    wire.notification("CREATION_SUCCESS")

    assert wire.life.anomalies == ["LATE_EVENT"]
    assert (wire.life.account.status, wire.life.account.health) == ("OK", "LIVE")


@pytest.mark.parametrize("word", ["OK", "RECONNECTED", "SYNC_SUCCESS", "CREATION_SUCCESS", "CREDENTIALS"])
def test_a_late_event_never_revives_a_deleted_account(word: str) -> None:
    wire = Wire("LINKEDIN")
    wire.webhook("CREATION_SUCCESS", "OK", "DELETED", word)

    assert wire.life.anomalies == ["LATE_EVENT"]
    assert (wire.life.account.status, wire.life.account.health) == ("DELETED", "GONE")
