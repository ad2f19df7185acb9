"""Effects: what each decision asks to be done, and what it must not ask for."""

from collections.abc import Iterator

import pytest

from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.effects import Effect, EffectKind
from lifecycle.expected_table import WAYS, WORDS, Spot, named
from lifecycle_builders import DAY, Life, effects_of

each_way = pytest.mark.parametrize("way", WAYS, ids=named)


def decisions_after(way: tuple[Spot, bool]) -> Iterator[Decision]:
    """What every announcement leads to after one life, with and without a product."""
    for word in WORDS:
        for product in ("", "classic"):
            yield Life(*WAYS[way], provider="LINKEDIN").hears(word, product=product)


def asks_for(decision: Decision, effect: str) -> bool:
    return effect in effects_of(decision)


# ---- Rule by rule, everywhere ---------------------------------------------------------------------


@each_way
def test_a_move_is_left_and_entered_and_a_stay_is_neither(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        before, after = decision.before.status, decision.after.status
        edges = [e for e in effects_of(decision) if e.startswith(("entered", "left")) and e != "left UNSEEN"]
        left = [] if before == "UNSEEN" else [f"left {before}"]
        assert edges == ([*left, f"entered {after}"] if before != after else [])


@each_way
def test_connected_is_the_first_time_live(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        first = decision.before.last_ok_at is None and decision.after.health == "LIVE"
        assert asks_for(decision, "connected") is first


@each_way
def test_interrupted_is_live_to_interrupted(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        change = (decision.before.health, decision.after.health)
        assert asks_for(decision, "interrupted") is (change == ("LIVE", "INTERRUPTED"))


@each_way
@pytest.mark.parametrize(
    ("effect", "health"), [("action_required", "ACTION_REQUIRED"), ("creation_failed", "FAILED"), ("deleted", "GONE")]
)
def test_a_health_that_needs_somebody_says_so_when_it_begins(way: tuple[Spot, bool], effect: str, health: str) -> None:
    for decision in decisions_after(way):
        begins = decision.before.health != health == decision.after.health
        assert asks_for(decision, effect) is begins


@each_way
def test_recovered_is_live_again_with_its_window(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        window = decision.before.blind_window
        again = window is not None and decision.after.health == "LIVE"
        assert [e.blind_window for e in decision.effects if e.kind == "recovered"] == [decision.blind_window] * again


@each_way
def test_sync_completed_is_every_sync_that_counts(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        counts = decision.verdict == "APPLIED" and decision.event.status == "SYNC_SUCCESS"
        completed = [e.subject for e in decision.effects if e.kind == "sync_completed"]
        assert completed == ([decision.after.last_product] if counts else [])


@each_way
def test_what_is_held_or_repeated_asks_for_its_anomalies_alone(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        if decision.verdict != "APPLIED":
            assert effects_of(decision) == []


@each_way
def test_each_anomaly_has_its_effect_and_blocks_no_other(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        told = [e.subject for e in decision.effects if e.kind == "anomaly"]
        assert told == [anomaly.kind for anomaly in decision.anomalies]


@each_way
def test_no_two_effects_of_an_event_share_a_key(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        keys = [effect.key("acc", decision.sequence) for effect in decision.effects]
        assert len(set(keys)) == len(keys)


@each_way
def test_only_a_recovery_carries_a_window(way: tuple[Spot, bool]) -> None:
    for decision in decisions_after(way):
        assert all((e.blind_window is not None) is (e.kind == "recovered") for e in decision.effects)


# ---- Told as stories --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "effects"),
    [
        ("CONNECTING", "entered CONNECTING"),
        ("CREATION_SUCCESS SYNC_SUCCESS", "left CREATION_SUCCESS, entered SYNC_SUCCESS, sync_completed"),
        ("CREATION_SUCCESS OK", "left CREATION_SUCCESS, entered OK, connected"),
        ("CREATION_SUCCESS OK SYNC_SUCCESS", "sync_completed"),
        ("OK CONNECTING", "left OK, entered CONNECTING, interrupted"),
        ("OK ERROR", "left OK, entered ERROR, interrupted"),
        ("OK STOPPED", "left OK, entered STOPPED, interrupted"),
        ("OK CREDENTIALS", "left OK, entered CREDENTIALS, action_required"),
        ("OK PERMISSIONS", "left OK, entered PERMISSIONS, action_required"),
        ("OK CREDENTIALS PERMISSIONS", "left CREDENTIALS, entered PERMISSIONS"),
        ("OK ERROR CREDENTIALS", "left ERROR, entered CREDENTIALS, action_required"),
        ("OK CREDENTIALS ERROR", "left CREDENTIALS, entered ERROR"),
        ("OK CREDENTIALS RECONNECTED", "left CREDENTIALS, entered RECONNECTED"),
        ("OK CREDENTIALS RECONNECTED OK", "left RECONNECTED, entered OK, recovered"),
        ("CREATION_SUCCESS CREDENTIALS OK", "left CREDENTIALS, entered OK, connected"),
        ("CREATION_SUCCESS ERROR", "left CREATION_SUCCESS, entered ERROR"),
        ("CONNECTING CREATION_FAIL", "left CONNECTING, entered CREATION_FAIL, creation_failed"),
        ("OK DELETED", "left OK, entered DELETED, deleted"),
    ],
)
def test_the_last_word_of_a_life_asks_for(words: str, effects: str) -> None:
    assert sorted(effects_of(Life(*words.split()).decisions[-1])) == sorted(effects.split(", "))


def test_an_account_is_connected_once_however_often_it_comes_back() -> None:
    life = Life("CREATION_SUCCESS", "OK", "ERROR", "OK", "CREDENTIALS", "RECONNECTED", "OK", "SYNC_SUCCESS", "OK")
    asked = [effect for decision in life.decisions for effect in effects_of(decision)]

    assert (asked.count("connected"), asked.count("recovered")) == (1, 2)


def test_an_account_adopted_in_trouble_has_all_of_it_to_backfill_once_it_is_live() -> None:
    recovered = [e for e in Life("CREDENTIALS", "OK").decisions[-1].effects if e.kind == "recovered"]

    assert len(recovered) == 1
    assert recovered[0].blind_window is not None
    assert recovered[0].blind_window.last_ok_at is None


def test_a_sync_of_each_product_is_told_apart() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert "sync_completed classic" in effects_of(life.hears("SYNC_SUCCESS", product="classic"))
    assert effects_of(life.hears("SYNC_SUCCESS", product="recruiter")) == ["sync_completed recruiter"]


def test_a_deadline_asks_for_its_anomaly_alone() -> None:
    decision = Life("CONNECTING").outlives_its_deadline()

    assert [(e.kind, e.subject) for e in decision.effects] == [("anomaly", "STUCK")]


def test_a_stale_repeat_asks_for_its_anomaly_alone() -> None:
    decision = Life("OK").hears("OK", after=DAY)

    assert [(e.kind, e.subject) for e in decision.effects] == [("anomaly", "STALE_REPEAT")]


# ---- Idempotency keys -------------------------------------------------------------------------------


def test_a_key_is_the_same_for_every_attempt() -> None:
    effect = Life("OK").decisions[0].effects[0]

    assert effect.key("acc", 1) == Effect(effect.kind, effect.subject).key("acc", 1)


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
