"""A diagnosis of every status of every provider: one screen, one piece of advice, nothing that contradicts it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from account_lifecycle.engine.diagnosis import Diagnosis, diagnosis_of
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import judge
from account_lifecycle.lifecycle.events import DeadlinePassed, StatusAnnounced
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.providers import Provider, profile_of
from account_lifecycle.lifecycle.status import Health, Status
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.lifecycle.wording import HEALTH_WORDS, NOT_LIVE
from account_lifecycle.records import LedgerEntry

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LIVES = {
    Status.UNSEEN: (),
    Status.CONNECTING: ("CREATION_SUCCESS", "OK", "CONNECTING"),
    Status.CREATION_SUCCESS: ("CREATION_SUCCESS",),
    Status.CREATION_FAIL: ("CREATION_FAIL",),
    Status.SYNC_SUCCESS: ("CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS"),
    Status.OK: ("CREATION_SUCCESS", "OK"),
    Status.CREDENTIALS: ("CREATION_SUCCESS", "OK", "CREDENTIALS"),
    Status.PERMISSIONS: ("CREATION_SUCCESS", "OK", "PERMISSIONS"),
    Status.ERROR: ("CREATION_SUCCESS", "OK", "ERROR"),
    Status.STOPPED: ("CREATION_SUCCESS", "OK", "STOPPED"),
    Status.RECONNECTED: ("CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED"),
    Status.DELETED: ("CREATION_SUCCESS", "OK", "DELETED"),
}


def diagnosed(
    *words: str,
    provider: str | None = "LINKEDIN",
    apart: timedelta = 25 * HOUR,
    later: timedelta = MINUTE,
    reason: str = "",
    policy: Policy = DEFAULT_POLICY,
) -> Diagnosis:
    """Return the diagnosis of a life of which a word is announced every ``apart``, some time ``later``."""
    account, now = Account("acc_1"), START
    entries: list[LedgerEntry] = []
    latest: BlindWindow | None = None
    events = [StatusAnnounced("acc_1", w, START + n * apart, provider, reason=reason) for n, w in enumerate(words)]
    now = START + max(0, len(words) - 1) * apart + later
    look = DeadlinePassed("acc_1", Status.UNSEEN, now, now, timedelta(0))
    for event in [*events, look]:
        for found in judge(account, event, policy):
            account = found.after
            latest = found.blind_window or latest
            entries.append(
                LedgerEntry(
                    found.event, found.sequence, found.verdict, found.before.situation, found.after.situation,
                    found.anomalies,
                )
            )  # fmt: skip
    return diagnosis_of(account, reversed(entries), latest, policy, now)


def every_diagnosis() -> Iterator[tuple[str, Diagnosis]]:
    for status, words in LIVES.items():
        for provider in (*Provider, None):
            if status is Status.SYNC_SUCCESS and not profile_of(provider).announces_sync:
                continue
            for title, later in (("at once", MINUTE), ("two days later", 2 * DAY)):
                name = f"{status}, {provider}, {title}"
                yield name, diagnosed(*words, provider=provider, later=later)
    for name, words in {
        "connecting while the user is needed": ("OK", "CREDENTIALS", "CONNECTING"),
        "connecting while new": ("CONNECTING",),
        "an error while the user is needed": ("OK", "CREDENTIALS", "ERROR"),
        "adopted down": ("CREDENTIALS",),
    }.items():
        yield name, diagnosed(*words)
    yield "doubtful", diagnosed("OK", "CREDENTIALS", "OK", "CREDENTIALS", apart=HOUR)
    yield "a reason", diagnosed("OK", "CREDENTIALS", reason="We suspect automated behavior")
    yield "a reason without a cause", diagnosed("OK", "ERROR", reason="Account moved")
    default = Policy(subscribed="default")
    yield "presumed live", diagnosed("CREATION_SUCCESS", "SYNC_SUCCESS", policy=default)
    yield "presumed live, Google", diagnosed("CREATION_SUCCESS", provider="GOOGLE", later=DAY, policy=default)
    yield "OK is not announced, as yet unknown", diagnosed("CREATION_SUCCESS", "SYNC_SUCCESS", apart=HOUR, later=DAY)
    yield "expired", diagnosed("CREATION_SUCCESS", "OK", "CREDENTIALS", apart=200 * DAY)


EVERY = dict(every_diagnosis())
each = pytest.mark.parametrize("name", EVERY)


def _flat(text: str) -> str:
    return " ".join(text.split())


@each
def test_a_screen_never_contradicts_itself(name: str) -> None:
    found = EVERY[name]
    text = _flat(str(found)).lower()
    asks = "ask the user to reconnect" in text
    assert not (asks and ("never ask" in text or "need not sign in" in text))
    assert asks == (found.account.health is Health.ACTION_REQUIRED)
    assert "nothing to do" not in text


@each
def test_whoever_reads_that_an_account_is_not_live_reads_what_that_means(name: str) -> None:
    found = EVERY[name]
    if found.account.health is not Health.LIVE:
        assert "data" in found.tells
        assert "message webhooks" in found.tells
    if found.account.health in (Health.INTERRUPTED, Health.ACTION_REQUIRED, Health.RECOVERING):
        assert NOT_LIVE in found.tells


@each
def test_every_cause_has_a_remedy(name: str) -> None:
    for cause in EVERY[name].causes:
        assert cause.text
        assert cause.remedy.endswith(".")


@each
def test_the_text_fits_a_terminal_and_is_printable(name: str) -> None:
    lines = str(EVERY[name]).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() and line == line.rstrip() for line in lines)


@each
def test_what_is_down_has_causes(name: str) -> None:
    found = EVERY[name]
    if found.account.health is Health.ACTION_REQUIRED:
        assert found.causes


def test_a_session_that_cannot_have_expired_is_no_cause() -> None:
    recent = diagnosed("CREATION_SUCCESS", "OK", "CREDENTIALS")
    old = diagnosed("CREATION_SUCCESS", "OK", "CREDENTIALS", apart=200 * DAY)

    assert not any("expired" in cause.text for cause in recent.causes)
    assert "expired" in old.causes[0].text


def test_what_a_sign_in_does_wrong_shows_soon_after_it() -> None:
    soon = diagnosed("CREATION_SUCCESS", "OK", "CREDENTIALS", apart=MINUTE)
    later = diagnosed("CREATION_SUCCESS", "OK", "CREDENTIALS", apart=30 * DAY)

    assert "user agent" in soon.causes[0].text
    assert not any("user agent" in cause.text for cause in later.causes)


def test_the_vendors_reason_is_the_first_cause_with_the_remedy_that_it_points_to() -> None:
    first = EVERY["a reason"].causes[0]

    assert first.is_vendors
    assert "'We suspect automated behavior'" in first.text
    assert "Slow down" in first.remedy
    assert sum("automation warning" in cause.text for cause in EVERY["a reason"].causes) == 1


def test_what_is_doubtful_says_what_would_settle_it() -> None:
    found = EVERY["doubtful"]

    assert found.account.doubtful
    assert "reconcile" in found.doubt
    assert found.what_to_do.startswith("Reconcile with the vendor before you act.")


def test_a_presumed_account_says_that_ok_is_not_announced() -> None:
    for name in ("presumed live", "presumed live, Google"):
        assert "presumed live: OK is not announced to you" in EVERY[name].tells
        assert "LIVE, presumed: OK is not announced to you" in _flat(str(EVERY[name]))


def test_a_stuck_account_names_the_subscription_where_ok_was_never_heard() -> None:
    text = _flat(str(EVERY["OK is not announced, as yet unknown"]))

    assert "default subscription leaves it out" in text
    assert "stuck since 2026-05-01 14:00:00 UTC" in text


def test_every_health_has_its_words() -> None:
    assert set(HEALTH_WORDS) == set(Health)
