"""Blind windows: when they open, what they remember, how they end."""

from datetime import datetime

import pytest

from account_lifecycle.lifecycle.windows import BlindWindow
from lifecycle_builders import DAY, HOUR, LOSSES, MINUTE, NOON, Life


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
def test_leaving_ok_opens_a_window(word: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")
    ok_at = life.now
    life.hears(word, after=HOUR)

    assert (the_window(life).last_ok_at, the_window(life).opened_at) == (ok_at, life.now)
    assert the_last_change(life) == the_window(life)


@pytest.mark.parametrize("word", LOSSES)
def test_the_loss_that_opens_a_window_is_its_first_cause(word: str) -> None:
    assert the_window(Life("CREATION_SUCCESS", "OK", word)).causes == (word,)


def test_the_last_proof_of_life_is_the_last_repeat_of_ok() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.hears("OK", after=HOUR)
    repeated_at = life.now
    life.hears("ERROR", after=HOUR)

    assert the_window(life).last_ok_at == repeated_at


def test_an_ok_confirmed_after_a_sync_is_a_proof_of_life_too() -> None:
    life = Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS", "OK")
    confirmed_at = life.now
    life.hears("ERROR")

    assert the_window(life).last_ok_at == confirmed_at


def test_a_sync_of_a_working_account_opens_no_window() -> None:
    assert Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS").account.blind_window is None


@pytest.mark.parametrize(
    "words",
    [
        "CONNECTING CREATION_SUCCESS SYNC_SUCCESS OK",
        "CREATION_SUCCESS CONNECTING OK",
        "CREATION_FAIL CREATION_SUCCESS OK",
        "CREATION_SUCCESS CREDENTIALS RECONNECTED OK",
        "CONNECTING ERROR OK",
        "CONNECTING OK",
    ],
)
def test_a_birth_has_no_window_however_hard_it_was(words: str) -> None:
    life = Life(*words.split())

    assert [decision.blind_window for decision in life.decisions] == [None] * len(life.decisions)


@pytest.mark.parametrize("word", [*LOSSES, "SYNC_SUCCESS", "RECONNECTED"])
def test_an_account_adopted_while_not_ok_has_a_window_with_an_unknown_start(word: str) -> None:
    life = Life(word)

    assert (the_window(life).last_ok_at, the_window(life).opened_at) == (None, life.now)
    assert the_window(life).duration(life.now + DAY) is None


@pytest.mark.parametrize("word", LOSSES)
def test_the_loss_with_which_an_account_is_adopted_is_a_cause(word: str) -> None:
    assert the_window(Life(word)).causes == (word,)


@pytest.mark.parametrize("word", ["SYNC_SUCCESS", "RECONNECTED"])
def test_good_news_with_which_an_account_is_adopted_is_no_cause(word: str) -> None:
    assert the_window(Life(word)).causes == ()


@pytest.mark.parametrize("word", ["OK", "DELETED"])
def test_an_account_adopted_live_or_deleted_has_no_window(word: str) -> None:
    assert Life(word).account.blind_window is None
    assert Life(word).decisions[-1].blind_window is None


def test_an_account_adopted_after_an_unknown_word_has_a_window_too() -> None:
    assert the_window(Life("FROZEN", "ERROR")).last_ok_at is None


# ---- Growing --------------------------------------------------------------------------------------


def test_each_new_loss_is_one_more_cause_in_the_order_heard() -> None:
    life = Life("OK", "ERROR", "CREDENTIALS", "RECONNECTED", "ERROR", "STOPPED", "PERMISSIONS")

    assert the_window(life).causes == ("ERROR", "CREDENTIALS", "STOPPED", "PERMISSIONS")


def test_the_start_of_a_window_never_changes_while_it_grows() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CONNECTING")
    opened = the_window(life)
    for word in ("CREDENTIALS", "RECONNECTED", "SYNC_SUCCESS", "ERROR", "ERROR", "CREATION_SUCCESS", "FROZEN"):
        life.hears(word)
        assert the_window(life)._replace(causes=opened.causes) == opened


@pytest.mark.parametrize("word", ["RECONNECTED", "CONNECTING"])
def test_being_reconnected_is_not_yet_being_ok(word: str) -> None:
    assert the_window(Life("OK", "CREDENTIALS", word)).is_open


def test_a_held_announcement_touches_no_window() -> None:
    life = Life("OK", "CREDENTIALS")
    before = the_window(life)

    assert life.hears("SYNC_SUCCESS").blind_window is None
    assert the_window(life) == before


# ---- Closing --------------------------------------------------------------------------------------


def test_ok_closes_the_window_and_hands_over_exactly_the_interval() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED")
    opened = the_window(life)
    life.hears("OK", after=HOUR)

    assert the_last_change(life) == opened._replace(closed_at=life.now, recovered=True)
    assert the_last_change(life).duration() == HOUR + 2 * MINUTE
    assert life.account.blind_window is None


def test_a_deletion_ends_the_window_unrecovered() -> None:
    life = Life("OK", "CREDENTIALS")
    opened = the_window(life)
    life.hears("DELETED")

    assert the_last_change(life) == opened._replace(closed_at=life.now, recovered=False)
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


# ---- Length ---------------------------------------------------------------------------------------


def a_window(opened_at: datetime) -> BlindWindow:
    return BlindWindow("acc", sequence=1, last_ok_at=NOON, opened_at=opened_at)


def test_an_open_window_lasts_until_now() -> None:
    window = a_window(opened_at=NOON + HOUR)

    assert window.duration(NOON + DAY) == DAY
    assert window.duration() is None


def test_a_closed_window_lasts_no_longer_however_late_it_is() -> None:
    window = a_window(opened_at=NOON + MINUTE).closed(NOON + HOUR, recovered=True)

    assert window.duration(NOON + DAY) == HOUR
    assert not window.is_open


def test_a_clock_that_ran_backwards_gives_no_negative_length() -> None:
    window = a_window(opened_at=NOON).closed(NOON - HOUR, recovered=True)

    assert window.duration() is not None
    assert window.duration() == 0 * HOUR
