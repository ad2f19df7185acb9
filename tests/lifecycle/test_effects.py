"""Effects: what each decision asks to be done, and what it must not ask for."""

from collections.abc import Iterator

import pytest

from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, judge
from account_lifecycle.lifecycle.effects import Effect, EffectKind
from account_lifecycle.lifecycle.events import NOBODY, StatusAnnounced
from lifecycle.expected_table import WAYS, WORDS, Spot, named
from lifecycle_builders import (
    DAY,
    HOUR,
    MICROSECOND,
    MINUTE,
    NOON,
    RETRY_HORIZON,
    Life,
    effects_of,
    kinds_of,
    outcome,
)

each_way = pytest.mark.parametrize("way", WAYS, ids=named)


def decisions_after(way: tuple[Spot, bool]) -> Iterator[Decision]:
    """What every announcement leads to after one life, soon and two days later."""
    for word in WORDS:
        for after in (MINUTE, 2 * DAY):
            for product in ("", "classic"):
                yield Life(*WAYS[way], provider="LINKEDIN").hears(word, product=product, after=after)


def asks_for(decision: Decision, effect: str) -> bool:
    return effect in [told.rstrip("?") for told in effects_of(decision)]


# ---- Rule by rule, everywhere ---------------------------------------------------------------------


@each_way
def test_a_move_is_left_and_entered_and_a_stay_is_neither(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        before, after = decision.before.status, decision.after.status
        edges = [(e.kind.value, e.subject) for e in decision.effects if e.kind in ("left", "entered")]
        left = [] if before == "UNSEEN" else [("left", before)]
        assert edges == ([*left, ("entered", after)] if before != after else [])


@each_way
def test_a_change_of_health_is_told_with_the_new_one(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        told = [e.subject for e in decision.effects if e.kind == "health_changed"]
        changed = decision.before.health != decision.after.health
        assert told == ([decision.after.health] if changed else [])


@each_way
def test_connected_is_the_first_time_live(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        first = decision.before.last_live_at is None and decision.after.health == "LIVE"
        told = [e.subject for e in decision.effects if e.kind == "connected"]
        assert told == (["" if decision.after.born else "adopted"] if first else [])


@each_way
@pytest.mark.parametrize(
    ("effect", "health"),
    [
        ("interrupted", "INTERRUPTED"),
        ("action_required", "ACTION_REQUIRED"),
        ("creation_failed", "FAILED"),
        ("deleted", "GONE"),
    ],
)
def test_a_health_that_needs_somebody_says_so_when_it_begins(way: tuple[Spot, bool], effect: str, health: str) -> None:
    for decision in decisions_after(way):
        begins = decision.before.health != health == decision.after.health
        again = "MISSED_RECOVERY" in kinds_of(decision) and decision.after.health == health
        assert asks_for(decision, effect) is (begins or again)


@each_way
def test_the_user_is_told_when_there_is_nothing_to_do_any_more_but_not_of_a_deletion(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        before, after = decision.before.health, decision.after.health
        resolved = before == "ACTION_REQUIRED" and after not in ("ACTION_REQUIRED", "GONE")
        assert asks_for(decision, "action_resolved") is resolved


@each_way
def test_sync_completed_is_every_sync_that_counts(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        event = decision.event
        assert isinstance(event, StatusAnnounced)
        counts = decision.verdict == "APPLIED" and event.status == "SYNC_SUCCESS"
        assert [e.subject for e in decision.effects if e.kind == "sync_completed"] == [event.product] * counts


@each_way
def test_what_is_held_or_repeated_asks_for_what_its_row_says_alone(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        if decision.verdict != "APPLIED":
            allowed = {"RECONNECT_FAILED": ["reconnect_failed"], "MISSED_OUTAGE": ["recovered"]}
            expected = [effect for kind in kinds_of(decision) for effect in allowed.get(kind, [])]
            assert effects_of(decision) == expected


# ---- Told as stories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "effects"),
    [
        ("CONNECTING", "entered CONNECTING, health_changed STARTING"),
        ("CREATION_SUCCESS SYNC_SUCCESS", "left CREATION_SUCCESS, entered SYNC_SUCCESS, sync_completed"),
        ("CREATION_SUCCESS OK", "left CREATION_SUCCESS, entered OK, health_changed LIVE, connected"),
        ("OK", "entered OK, health_changed LIVE, connected adopted"),
        ("CREATION_SUCCESS OK SYNC_SUCCESS", "sync_completed"),
        ("OK CONNECTING", "left OK, entered CONNECTING, health_changed INTERRUPTED, interrupted"),
        ("OK ERROR", "left OK, entered ERROR, health_changed INTERRUPTED, interrupted"),
        ("CREATION_SUCCESS ERROR", "left CREATION_SUCCESS, entered ERROR, health_changed INTERRUPTED, interrupted"),
        ("OK CREDENTIALS", "left OK, entered CREDENTIALS, health_changed ACTION_REQUIRED, action_required"),
        ("OK CREDENTIALS PERMISSIONS", "left CREDENTIALS, entered PERMISSIONS"),
        ("OK CREDENTIALS ERROR", "left CREDENTIALS, entered ERROR"),
        ("OK CREDENTIALS CONNECTING", "left CREDENTIALS, entered CONNECTING"),
        ("OK ERROR CREDENTIALS", "left ERROR, entered CREDENTIALS, health_changed ACTION_REQUIRED, action_required"),
        (
            "OK CREDENTIALS RECONNECTED",
            "left CREDENTIALS, entered RECONNECTED, health_changed RECOVERING, action_resolved",
        ),
        ("ERROR RECONNECTED OK", "left RECONNECTED, entered OK, health_changed LIVE, connected adopted, recovered"),
        ("CONNECTING CREATION_FAIL", "left CONNECTING, entered CREATION_FAIL, health_changed FAILED, creation_failed"),
        ("OK DELETED", "left OK, entered DELETED, health_changed GONE, deleted"),
        ("CREDENTIALS DELETED", "left CREDENTIALS, entered DELETED, health_changed GONE, deleted"),
    ],
)
def test_the_last_word_of_a_life_asks_for(words: str, effects: str) -> None:
    assert sorted(effects_of(Life(*words.split()).decisions[-1])) == sorted(effects.split(", "))


def test_an_account_is_connected_once_however_often_it_comes_back() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR", "OK", "CREDENTIALS", "RECONNECTED", "OK", "SYNC_SUCCESS", "OK")
    told = [effect.rstrip("?") for effect in life.effects]

    assert (told.count("connected"), told.count("recovered")) == (1, 2)


def test_bad_credentials_are_not_forgotten_because_the_vendor_tries_again() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS", "CONNECTING", "ERROR", "CREDENTIALS")

    assert [e.rstrip("?") for e in life.effects if "action" in e] == ["action_required"]


def test_a_sync_of_each_product_is_told_apart() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert "sync_completed classic" in effects_of(life.hears("SYNC_SUCCESS", product="classic"))
    assert effects_of(life.hears("SYNC_SUCCESS", product="recruiter")) == ["sync_completed recruiter"]
    assert life.account.synced_products == {"classic", "recruiter"}


def test_what_was_synced_counts_until_the_next_sign_in() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "ERROR", provider="LINKEDIN")
    assert life.account.synced_products == {""}

    life.hears("RECONNECTED")
    assert life.account.synced_products == frozenset()


# ---- A creation that failed before there was an account ------------------------------------------------


def failed(owner: str | None, after: object = 0 * MINUTE) -> StatusAnnounced:
    return StatusAnnounced(NOBODY, "CREATION_FAIL", NOON + after, owner=owner)  # type: ignore[operator]


def test_a_failed_creation_without_an_account_is_told_with_its_owner() -> None:
    [decision] = judge(Account(NOBODY), failed("user-1"))

    assert outcome(decision) == ("APPLIED", [], ["creation_failed user-1"])
    assert decision.account is None


@pytest.mark.parametrize("owner", ["user-1", None])
def test_the_same_owner_within_the_horizon_is_repeated(owner: str | None) -> None:
    [first] = judge(Account(NOBODY), failed(owner))
    [again] = judge(first.after, failed(owner, RETRY_HORIZON - MICROSECOND))
    [later] = judge(again.after, failed(owner, 3 * RETRY_HORIZON))

    assert [d.verdict for d in (first, again, later)] == ["APPLIED", "REPEATED", "APPLIED"]
    assert outcome(again) == ("REPEATED", [], [])


def test_owners_are_told_apart() -> None:
    [first] = judge(Account(NOBODY), failed("user-1"))
    [other] = judge(first.after, failed("user-2", HOUR))
    [again] = judge(other.after, failed("user-1", 2 * HOUR))

    assert [d.verdict for d in (first, other, again)] == ["APPLIED", "APPLIED", "REPEATED"]


# ---- Idempotency keys -------------------------------------------------------------------------------


def test_a_key_is_the_same_for_every_attempt() -> None:
    effect = Life("OK").decisions[0].effects[0]

    assert effect.key("acc", 1) == Effect(effect.kind, effect.subject, doubtful=True).key("acc", 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", 1, EffectKind.DELETED, ""), ("b", 1, EffectKind.DELETED, "")),
        (("a", 1, EffectKind.DELETED, ""), ("a", 2, EffectKind.DELETED, "")),
        (("a", 1, EffectKind.ENTERED, "OK"), ("a", 1, EffectKind.LEFT, "OK")),
        (("a", 1, EffectKind.SYNC_COMPLETED, ""), ("a", 1, EffectKind.SYNC_COMPLETED, "classic")),
        (("a", 1, EffectKind.DELETED, ""), ("a/1", 1, EffectKind.DELETED, "")),
        (
            ("a", 1, EffectKind.SYNC_COMPLETED, "p/2/sync_completed/q"),
            ("a/1/sync_completed/p", 2, EffectKind.SYNC_COMPLETED, "q"),
        ),
    ],
)
def test_different_effects_never_share_a_key(
    one: tuple[str, int, EffectKind, str], other: tuple[str, int, EffectKind, str]
) -> None:
    def key(account_id: str, sequence: int, kind: EffectKind, subject: str) -> str:
        return Effect(kind, subject).key(account_id, sequence)

    assert key(*one) != key(*other)
