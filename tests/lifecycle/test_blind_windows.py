"""Blind windows: when they open, what they remember, how they end, and those that are only estimated."""

from datetime import datetime

import pytest

from account_lifecycle.lifecycle.policy import Policy
from account_lifecycle.lifecycle.windows import BlindWindow
from lifecycle_builders import (
    DAY,
    HOUR,
    LOSSES,
    MARGIN,
    MINUTE,
    NOON,
    SECOND,
    Life,
    kinds_of,
    recovered_windows,
    without,
)


def the_window(life: Life) -> BlindWindow:
    """The window that is open."""
    window = life.account.blind_window
    assert window is not None
    assert window.is_open
    return window


def the_last_change(life: Life) -> BlindWindow:
    """The window that the last event opened, changed or closed."""
    window = life.decisions[-1].blind_window
    assert window is not None
    return window


# ---- Opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["CONNECTING", *LOSSES])
def test_leaving_live_opens_a_window_a_margin_before(word: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.hears(word, after=30 * DAY)

    assert (the_window(life).opened_at, the_window(life).backfill_from) == (life.now, life.now - MARGIN)
    assert (the_window(life).causes, the_window(life).estimated) == ((word,), False)
    assert the_last_change(life) == the_window(life)


def test_the_margin_reaches_no_further_back_than_the_status_that_was_left() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    ok_at = life.now
    life.hears("OK", after=5 * MINUTE)
    life.hears("ERROR", after=5 * MINUTE)

    assert the_window(life).backfill_from == ok_at


def test_the_margin_can_be_set() -> None:
    life = Life("CREATION_SUCCESS", "OK", policy=Policy(delivery_margin=DAY))
    life.hears("ERROR", after=30 * DAY)

    assert the_window(life).backfill_from == life.now - DAY


def test_months_of_health_are_no_blind_window() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.hears("CREDENTIALS", after=90 * DAY)
    life.hears("OK", after=HOUR)
    [window] = recovered_windows(life.decisions)

    assert window.duration() == HOUR
    assert window.closed_at - window.backfill_from == HOUR + MARGIN


def test_a_sync_of_a_working_account_opens_no_window() -> None:
    assert Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS").account.blind_window is None


@pytest.mark.parametrize(
    "words",
    [
        "CONNECTING CREATION_SUCCESS SYNC_SUCCESS OK",
        "CREATION_SUCCESS CONNECTING OK",
        "CREATION_FAIL CREATION_SUCCESS OK",
        "CREATION_SUCCESS CREDENTIALS RECONNECTED OK",
    ],
)
def test_a_birth_has_no_window_however_hard_it_was(words: str) -> None:
    life = Life(*words.split())

    assert [decision.blind_window for decision in life.decisions] == [None] * len(life.decisions)
    assert life.effects.count("connected") == 1


@pytest.mark.parametrize("word", [*LOSSES, "SYNC_SUCCESS", "RECONNECTED"])
def test_an_account_adopted_while_not_live_has_a_window_with_an_unknown_start(word: str) -> None:
    life = Life(word)

    assert (the_window(life).opened_at, the_window(life).backfill_from) == (life.now, None)
    assert the_window(life).causes == ((word,) if word in LOSSES else ())
    assert not the_window(life).estimated


@pytest.mark.parametrize("word", ["SYNC_SUCCESS", "RECONNECTED"])
def test_an_account_adopted_after_it_was_seen_connecting_has_a_window_as_well(word: str) -> None:
    life = Life("CONNECTING", word)

    assert (the_window(life).opened_at, the_window(life).backfill_from) == (life.now, None)


@pytest.mark.parametrize("word", ["OK", "DELETED"])
def test_an_account_adopted_live_or_deleted_has_no_window(word: str) -> None:
    assert Life(word).account.blind_window is None
    assert Life(word).decisions[-1].blind_window is None


# ---- Growing --------------------------------------------------------------------------------------


def test_each_new_loss_is_one_more_cause_in_the_order_heard() -> None:
    life = Life("OK", "CONNECTING", "ERROR", "CREDENTIALS", "RECONNECTED", "ERROR", "STOPPED", "PERMISSIONS")

    assert the_window(life).causes == ("CONNECTING", "ERROR", "CREDENTIALS", "STOPPED", "PERMISSIONS")


def test_what_is_no_loss_is_no_further_cause() -> None:
    assert the_window(Life("OK", "ERROR", "CONNECTING", "RECONNECTED")).causes == ("ERROR",)


def test_the_start_of_a_window_never_changes_while_it_grows() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CONNECTING")
    opened = the_window(life)
    for word in ("CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "ERROR", "ERROR", "CREATION_SUCCESS", "FROZEN"):
        life.hears(word)
        assert the_window(life)._replace(causes=opened.causes) == opened


@pytest.mark.parametrize("word", ["RECONNECTED", "CONNECTING"])
def test_being_reconnected_is_not_yet_being_live(word: str) -> None:
    assert the_window(Life("OK", "CREDENTIALS", word)).is_open


def test_an_account_lost_again_unheard_keeps_its_window() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS")
    opened = the_window(life)

    assert kinds_of(life.hears("CREDENTIALS", after=10 * DAY)) == ["MISSED_RECOVERY"]
    assert the_window(life) == opened


def test_a_held_announcement_touches_no_window() -> None:
    life = Life("OK", "CREDENTIALS")
    before = the_window(life)

    assert life.hears("SYNC_SUCCESS").blind_window is None
    assert the_window(life) == before


# ---- Closing --------------------------------------------------------------------------------------


def test_live_again_closes_the_window_and_hands_it_over() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED")
    opened = the_window(life)
    life.hears("OK", after=30 * MINUTE)

    assert the_last_change(life) == opened._replace(closed_at=life.now, recovered=True)
    assert recovered_windows(life.decisions) == [the_last_change(life)]
    assert life.account.blind_window is None


def test_a_deletion_ends_the_window_unrecovered_and_without_an_effect_of_its_own() -> None:
    life = Life("OK", "CREDENTIALS")
    opened = the_window(life)
    life.hears("DELETED")

    assert the_last_change(life) == opened._replace(closed_at=life.now, recovered=False)
    assert recovered_windows(life.decisions) == []
    assert life.account.blind_window is None


def test_a_deletion_in_good_health_has_no_window_to_end() -> None:
    assert Life("OK", "DELETED").decisions[-1].blind_window is None


def test_a_second_trouble_is_a_second_window() -> None:
    life = Life("OK", "ERROR")
    first = the_window(life)
    life.hears("OK")
    life.hears("CREDENTIALS")

    assert the_window(life).sequence != first.sequence
    assert the_window(life).causes == ("CREDENTIALS",)


def test_nothing_reopens_the_window_of_a_deleted_account() -> None:
    life = Life("OK", "ERROR", "DELETED", "ERROR", "OK", "CREDENTIALS")

    assert [decision.blind_window for decision in life.decisions[3:]] == [None, None, None]


# ---- Estimated ------------------------------------------------------------------------------------


def test_the_first_life_of_an_account_that_was_not_born_is_estimated_from_its_first_news() -> None:
    life = Life("FROZEN", "CONNECTING")
    life.hears("OK", after=20 * MINUTE)
    [window] = recovered_windows(life.decisions)

    known_since = NOON + MINUTE
    assert (window.opened_at, window.backfill_from, window.closed_at) == (known_since, known_since - MARGIN, life.now)
    assert window.estimated
    assert "connected adopted" in life.effects


def test_an_account_whose_first_news_is_life_has_nothing_to_backfill() -> None:
    life = Life("OK")

    assert recovered_windows(life.decisions) == []
    assert "connected adopted" in life.effects


def test_an_account_that_was_adopted_in_trouble_has_its_own_window_and_no_estimated_one() -> None:
    life = Life("CREDENTIALS", "OK")
    [window] = recovered_windows(life.decisions)

    assert (window.backfill_from, window.estimated) == (None, False)


def test_a_repeated_ok_estimates_a_window_from_the_last_proof_of_life() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.hears("OK", after=5 * MINUTE)
    proof = life.now
    life.hears("OK", after=2 * DAY)
    [window] = recovered_windows(life.decisions)

    assert (window.opened_at, window.backfill_from, window.closed_at) == (proof, proof, life.now)
    assert (window.estimated, window.recovered) == (True, True)


def test_drift_estimates_a_window_from_the_last_proof_of_life() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.observes("OK", after=DAY)
    proof = life.now
    life.observes("ERROR", after=DAY)

    assert (the_window(life).opened_at, the_window(life).backfill_from) == (proof, proof)
    assert (the_window(life).estimated, the_window(life).causes) == (True, ("ERROR",))


def test_where_ok_is_not_subscribed_a_window_lasts_from_the_loss_to_the_reconnect() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", policy=without("OK", "CONNECTING", "STOPPED"))
    life.hears("CREDENTIALS", after=20 * DAY)
    life.hears("RECONNECTED", after=DAY)
    [window] = recovered_windows(life.decisions)

    assert (window.duration(), window.estimated) == (DAY, False)


# ---- Length ---------------------------------------------------------------------------------------


def a_window(opened_at: datetime) -> BlindWindow:
    return BlindWindow("acc", sequence=1, opened_at=opened_at, backfill_from=opened_at)


def test_an_open_window_lasts_until_now() -> None:
    window = a_window(opened_at=NOON + HOUR)

    assert window.duration(NOON + DAY) == DAY - HOUR
    assert window.duration() is None


def test_a_closed_window_lasts_no_longer_however_late_it_is() -> None:
    window = a_window(opened_at=NOON + MINUTE).closed(NOON + HOUR, recovered=True)

    assert window.duration(NOON + DAY) == HOUR - MINUTE
    assert not window.is_open


def test_a_clock_that_ran_backwards_gives_no_negative_length() -> None:
    window = a_window(opened_at=NOON).closed(NOON - SECOND, recovered=True)

    assert window.duration() == 0 * HOUR
    assert a_window(opened_at=NOON).duration(NOON - SECOND) == 0 * HOUR
