"""The order in which one announcement is judged: provider, word, product, repeat, support, table."""

from dataclasses import replace
from datetime import timedelta

import pytest

from account_lifecycle.lifecycle.policy import Policy
from lifecycle_builders import (
    DAY,
    FAMILIES,
    MICROSECOND,
    MINUTE,
    REDELIVERY_WINDOW,
    STRANGER,
    SYNC_ANNOUNCING,
    SYNC_SILENT,
    Life,
    kinds_of,
)

# ---- The provider ---------------------------------------------------------------------------------


def test_a_provider_that_is_never_told_is_no_anomaly() -> None:
    life = Life("CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED", "OK")

    assert life.anomalies == []
    assert life.account.provider is None


@pytest.mark.parametrize("provider", FAMILIES)
def test_a_provider_told_late_is_remembered_and_no_anomaly(provider: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")

    assert kinds_of(life.hears("CREDENTIALS", provider=provider)) == []
    assert life.hears("OK").account.provider == provider


def test_an_unknown_provider_is_flagged_once() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "SYNC_SUCCESS", "ERROR", "OK", provider=STRANGER)

    assert life.anomalies == ["UNKNOWN_PROVIDER"]
    assert life.account.provider == STRANGER


def test_another_family_is_flagged_every_time_and_the_first_stays_in_force() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert kinds_of(life.hears("OK", provider="GOOGLE")) == ["PROVIDER_CHANGED"]
    assert kinds_of(life.hears("ERROR", provider="GOOGLE")) == ["PROVIDER_CHANGED"]
    assert kinds_of(life.hears("OK", provider="LINKEDIN")) == []
    assert life.account.provider == "LINKEDIN"


def test_the_first_provider_goes_on_judging_after_another_was_told() -> None:
    linkedin, google = Life("CREATION_SUCCESS", provider="LINKEDIN"), Life("CREATION_SUCCESS", provider="GOOGLE")

    assert linkedin.hears("SYNC_SUCCESS", provider="GOOGLE").verdict == "APPLIED"
    assert google.hears("SYNC_SUCCESS", provider="LINKEDIN").verdict == "HELD"


def test_an_unknown_provider_stays_in_force_against_a_known_one() -> None:
    life = Life("CREATION_SUCCESS", provider=STRANGER)

    assert kinds_of(life.hears("OK", provider="X")) == ["PROVIDER_CHANGED"]
    assert life.account.provider == STRANGER


@pytest.mark.parametrize("word", ["FROZEN", "OK"])
def test_the_provider_of_a_held_event_is_remembered_too(word: str) -> None:
    life = Life("DELETED")

    assert life.hears(word, provider="WHATSAPP").verdict == "HELD"
    assert life.account.provider == "WHATSAPP"


def test_the_provider_of_a_repeat_is_remembered_too() -> None:
    life = Life("CREATION_SUCCESS")

    assert life.hears("CREATION_SUCCESS", provider="WHATSAPP").verdict == "REPEATED"
    assert life.account.provider == "WHATSAPP"


# ---- The word -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["FROZEN", "UNSEEN", "OKAY", "SYNC SUCCESS"])
def test_an_account_first_seen_with_an_unknown_word_is_tracked_as_unseen(word: str) -> None:
    decision = Life().hears(word)

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["UNKNOWN_STATUS"])
    assert (decision.after.status, decision.after.health, decision.sequence) == ("UNSEEN", "UNKNOWN", 1)


def test_an_account_first_seen_with_an_unknown_word_can_still_be_born() -> None:
    life = Life("FROZEN")

    assert kinds_of(life.hears("CREATION_SUCCESS")) == []


@pytest.mark.parametrize("words", [("OK",), ("CREDENTIALS",), ("DELETED",)])
def test_an_unknown_word_is_held_wherever_it_comes(words: tuple[str, ...]) -> None:
    life = Life(*words)
    decision = life.hears("FROZEN")

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["UNKNOWN_STATUS"])
    assert decision.after.situation == decision.before.situation


def test_a_product_is_not_looked_at_when_the_word_is_unknown() -> None:
    assert kinds_of(Life("OK").hears("FROZEN", product="classic")) == ["UNKNOWN_STATUS"]


# ---- The product ----------------------------------------------------------------------------------


def test_linkedin_may_name_the_product_that_was_synced() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert kinds_of(life.hears("SYNC_SUCCESS", provider="LINKEDIN", product="recruiter")) == []


@pytest.mark.parametrize("provider", [p for p in SYNC_ANNOUNCING if p != "LINKEDIN"])
def test_nobody_else_may_name_a_product_but_the_sync_counts(provider: str) -> None:
    life = Life("CREATION_SUCCESS", provider=provider)
    decision = life.hears("SYNC_SUCCESS", product="recruiter")

    assert (decision.verdict, kinds_of(decision)) == ("APPLIED", ["UNEXPECTED_PRODUCT"])
    assert decision.after.status == "SYNC_SUCCESS"


@pytest.mark.parametrize("word", ["CONNECTING", "OK", "CREDENTIALS", "DELETED"])
def test_a_product_belongs_to_nothing_but_a_sync(word: str) -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")
    decision = life.hears(word, product="classic")

    assert (decision.verdict, kinds_of(decision)) == ("APPLIED", ["UNEXPECTED_PRODUCT"])


# ---- Repeats --------------------------------------------------------------------------------------

ALL_WORDS = [
    ("CONNECTING",),
    ("CREATION_SUCCESS",),
    ("CREATION_FAIL",),
    ("CREATION_SUCCESS", "SYNC_SUCCESS"),
    ("OK",),
    ("CREDENTIALS",),
    ("PERMISSIONS",),
    ("ERROR",),
    ("STOPPED",),
    ("RECONNECTED",),
    ("DELETED",),
]
every_last_word = pytest.mark.parametrize("words", ALL_WORDS, ids=lambda words: words[-1])


@every_last_word
def test_the_last_accepted_announcement_again_is_a_repeat_and_nothing_else(words: tuple[str, ...]) -> None:
    decision = Life(*words).hears(words[-1])

    assert (decision.verdict, decision.anomalies, decision.effects) == ("REPEATED", (), ())


@every_last_word
def test_a_repeat_at_the_very_edge_of_the_window_is_a_redelivery(words: tuple[str, ...]) -> None:
    assert kinds_of(Life(*words).hears(words[-1], after=REDELIVERY_WINDOW)) == []


@every_last_word
def test_a_repeat_past_the_edge_of_the_window_is_stale(words: tuple[str, ...]) -> None:
    decision = Life(*words).hears(words[-1], after=REDELIVERY_WINDOW + MICROSECOND)

    assert (decision.verdict, kinds_of(decision)) == ("REPEATED", ["STALE_REPEAT"])


def test_the_redelivery_window_can_be_set() -> None:
    life = Life("OK", policy=Policy(redelivery_window=MINUTE))

    assert kinds_of(life.hears("OK", after=MINUTE)) == []
    assert kinds_of(life.hears("OK", after=MINUTE + MICROSECOND)) == ["STALE_REPEAT"]


def test_each_repeat_refreshes_when_it_was_last_heard() -> None:
    life = Life("CREDENTIALS")
    for _ in range(5):
        assert kinds_of(life.hears("CREDENTIALS", after=REDELIVERY_WINDOW)) == []

    assert life.account.last_heard_at == life.now


def test_a_stale_repeat_refreshes_it_as_well() -> None:
    life = Life("CREDENTIALS")
    life.hears("CREDENTIALS", after=DAY)

    assert kinds_of(life.hears("CREDENTIALS")) == []


def test_a_repeat_changes_nothing_but_what_was_heard_when() -> None:
    decision = Life("OK", "CREDENTIALS").hears("CREDENTIALS")
    before, now = decision.before, decision.event.received_at

    assert decision.after == replace(before, sequence=before.sequence + 1, last_heard_at=now)


def test_another_product_is_no_repeat() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert life.hears("SYNC_SUCCESS", product="classic").verdict == "APPLIED"
    assert life.hears("SYNC_SUCCESS", product="recruiter").verdict == "APPLIED"
    assert life.hears("SYNC_SUCCESS").verdict == "APPLIED"
    assert life.hears("SYNC_SUCCESS").verdict == "REPEATED"


def test_the_same_word_after_another_accepted_one_is_no_repeat() -> None:
    assert Life("OK", "SYNC_SUCCESS").hears("OK").verdict == "APPLIED"


@pytest.mark.parametrize("held", ["RECONNECTED", "CREATION_SUCCESS", "FROZEN"])
def test_a_held_announcement_does_not_come_between_a_repeat_and_its_first(held: str) -> None:
    life = Life("CREATION_SUCCESS", "OK", held)

    assert life.decisions[-1].verdict == "HELD"
    assert life.hears("OK").verdict == "REPEATED"


def test_a_held_announcement_that_comes_twice_is_held_twice() -> None:
    life = Life("CREATION_SUCCESS", "OK", "RECONNECTED", "RECONNECTED")

    assert [decision.verdict for decision in life.decisions[-2:]] == ["HELD", "HELD"]


def test_a_clock_that_runs_backwards_makes_no_repeat_stale() -> None:
    assert kinds_of(Life("OK").hears("OK", after=timedelta(days=-1))) == []


# ---- Support --------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", SYNC_SILENT)
def test_a_provider_that_never_announces_a_sync_has_it_held(provider: str) -> None:
    life = Life("CREATION_SUCCESS", provider=provider)
    decision = life.hears("SYNC_SUCCESS")

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["UNSUPPORTED_STATUS"])
    assert decision.after.status == "CREATION_SUCCESS"


@pytest.mark.parametrize("provider", SYNC_SILENT)
def test_after_a_deletion_the_deletion_is_what_matters(provider: str) -> None:
    life = Life("CREATION_SUCCESS", "DELETED", provider=provider)

    assert kinds_of(life.hears("SYNC_SUCCESS")) == ["AFTER_DELETION"]


@pytest.mark.parametrize("provider", [*SYNC_ANNOUNCING, STRANGER, None])
def test_everybody_else_may_announce_a_sync(provider: str | None) -> None:
    life = Life("CREATION_SUCCESS", provider=provider)

    assert life.hears("SYNC_SUCCESS").verdict == "APPLIED"


def test_a_repeat_is_recognized_before_support_is_asked_for() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS")

    assert life.hears("SYNC_SUCCESS", provider="GOOGLE").verdict == "REPEATED"


# ---- Several at once ------------------------------------------------------------------------------


def test_an_unknown_provider_with_an_unknown_word_is_odd_twice() -> None:
    assert kinds_of(Life().hears("FROZEN", provider=STRANGER)) == ["UNKNOWN_PROVIDER", "UNKNOWN_STATUS"]


def test_an_unknown_provider_with_a_product_in_mid_life_is_odd_three_times() -> None:
    decision = Life().hears("SYNC_SUCCESS", provider=STRANGER, product="classic")

    assert decision.verdict == "APPLIED"
    assert kinds_of(decision) == ["UNKNOWN_PROVIDER", "UNEXPECTED_PRODUCT", "ADOPTED"]


def test_a_changed_provider_with_a_sync_that_the_first_never_announces_is_odd_three_times() -> None:
    life = Life("CREATION_SUCCESS", provider="GOOGLE")
    decision = life.hears("SYNC_SUCCESS", provider="LINKEDIN", product="classic")

    assert decision.verdict == "HELD"
    assert kinds_of(decision) == ["PROVIDER_CHANGED", "UNEXPECTED_PRODUCT", "UNSUPPORTED_STATUS"]


def test_a_stale_repeat_of_another_provider_with_a_product_is_odd_three_times() -> None:
    life = Life("CREATION_SUCCESS", provider="X")
    life.hears("OK", product="classic")
    decision = life.hears("OK", product="classic", provider="LINKEDIN", after=DAY)

    assert decision.verdict == "REPEATED"
    assert kinds_of(decision) == ["PROVIDER_CHANGED", "UNEXPECTED_PRODUCT", "STALE_REPEAT"]


# ---- What else is remembered ------------------------------------------------------------------------


def test_your_own_user_id_is_kept_once_hosted_auth_hands_it_back() -> None:
    life = Life("CONNECTING")
    life.hears("CREATION_SUCCESS", name="user-7")

    assert life.hears("OK").account.name == "user-7"
    assert life.hears("OK", name="user-8").account.name == "user-8"


def test_every_event_counts_whatever_becomes_of_it() -> None:
    life = Life("OK", "OK", "RECONNECTED", "FROZEN", "CONNECTING")
    life.outlives_its_deadline()

    assert [decision.sequence for decision in life.decisions] == [1, 2, 3, 4, 5, 6]
    assert " ".join(decision.verdict for decision in life.decisions) == "APPLIED REPEATED HELD HELD APPLIED HELD"


def test_a_stay_keeps_the_time_at_which_the_status_was_entered() -> None:
    life = Life("OK", "SYNC_SUCCESS")

    assert life.account.since == life.decisions[0].event.received_at
