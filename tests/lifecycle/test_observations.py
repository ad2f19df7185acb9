"""What the vendor's list says: when it is heeded, confirmed, followed; and accounts that it lacks."""

from datetime import timedelta

import pytest

from lifecycle_builders import (
    DAY,
    HOUR,
    LOSSES,
    MICROSECOND,
    MINUTE,
    Life,
    kinds_of,
    outcome,
    recovered_windows,
    without,
)

SETTLING = 2 * MINUTE
STATUSES = ("OK", "CONNECTING", *LOSSES)


def test_a_list_older_than_the_newest_event_says_nothing() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    before = life.account
    decision = life.observes("ERROR", after=-MICROSECOND, provider="X", owner="user-1")

    assert outcome(decision) == ("HELD", [], [])
    assert (decision.after.status, decision.after.provider, decision.after.owner) == ("OK", None, None)
    assert decision.after.newest_at == before.newest_at


def test_within_the_settling_of_a_status_an_announcement_may_be_under_way() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    assert outcome(life.observes("ERROR", after=SETTLING - MICROSECOND)) == ("HELD", [], [])
    assert outcome(life.observes("ERROR", after=MICROSECOND)) == ("APPLIED", ["DRIFT"], ["interrupted"])


def test_a_deadline_that_passed_is_judged_before_what_the_list_says() -> None:
    life = Life("CONNECTING")
    life.observes("OK", after=3 * HOUR)

    assert life.anomalies == ["STUCK", "DRIFT"]


# ---- Confirmed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
def test_the_same_status_is_confirmed(status: str) -> None:
    life = Life("CREATION_SUCCESS", status)

    assert outcome(life.observes(status, after=5 * MINUTE)) == ("CONFIRMED", [], [])


@pytest.mark.parametrize("words", ["CREATION_SUCCESS", "CREATION_SUCCESS SYNC_SUCCESS", "ERROR RECONNECTED"])
def test_connecting_is_no_news_of_an_account_on_its_way(words: str) -> None:
    life = Life(*words.split())

    assert outcome(life.observes("CONNECTING", after=5 * MINUTE)) == ("CONFIRMED", [], [])
    assert life.account.last_live_at is None


@pytest.mark.parametrize("words", ["CREATION_SUCCESS", "CREATION_SUCCESS SYNC_SUCCESS", "CREDENTIALS RECONNECTED"])
@pytest.mark.parametrize("status", LOSSES)
def test_a_loss_is_news_of_an_account_on_its_way(words: str, status: str) -> None:
    decision = Life(*words.split()).observes(status, after=5 * MINUTE)

    assert (decision.verdict, kinds_of(decision), decision.after.status) == ("APPLIED", ["DRIFT"], status)


def test_a_confirmed_ok_is_a_proof_of_life() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.observes("OK", after=DAY)

    assert life.account.last_live_at == life.now
    assert outcome(life.hears("OK", after=9 * MINUTE)) == ("REPEATED", [], [])


def test_what_is_confirmed_is_in_doubt_no_longer() -> None:
    life = Life("OK", "CREDENTIALS", "RECONNECTED", "OK", "CREDENTIALS")
    assert life.account.doubtful

    assert outcome(life.observes("CREDENTIALS")) == ("CONFIRMED", [], [])
    assert not life.account.doubtful


def test_provider_and_owner_are_learned_from_the_list() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    decision = life.observes("OK", provider="GOOGLE", owner="user-1")

    assert outcome(decision) == ("CONFIRMED", [], ["claimed user-1"])
    assert (life.account.provider, life.account.owner) == ("GOOGLE", "user-1")


def test_when_its_user_signed_in_is_learned_from_the_list_if_that_is_newer() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    born_at = life.account.signed_in_at
    assert born_at is not None
    life.observes("OK", signed_in_at=born_at - DAY)
    assert life.account.signed_in_at == born_at

    life.observes("OK", signed_in_at=born_at + MINUTE)
    assert life.account.signed_in_at == born_at + MINUTE


# ---- Never heard of --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
def test_an_account_that_was_never_heard_of_is_taken_as_it_is(status: str) -> None:
    decision = Life().observes(status)

    assert (decision.verdict, kinds_of(decision)) == ("APPLIED", [])
    assert (decision.after.status, decision.after.born) == (status, False)


def test_an_account_first_seen_live_is_connected_as_adopted() -> None:
    assert outcome(Life().observes("OK")) == ("APPLIED", [], ["connected adopted"])


# ---- Drift -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [s for s in STATUSES if s != "OK"])
def test_a_difference_is_told_once_and_the_state_follows(status: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")
    decision = life.observes(status)

    assert (decision.verdict, kinds_of(decision), decision.after.status) == ("APPLIED", ["DRIFT"], status)
    assert life.observes(status, after=5 * MINUTE).verdict == "CONFIRMED"


def test_drift_back_to_life_recovers() -> None:
    life = Life("CREATION_SUCCESS", "OK", "CREDENTIALS")
    decision = life.observes("OK")

    assert outcome(decision) == ("APPLIED", ["DRIFT"], ["action_resolved", "recovered"])
    assert recovered_windows([decision])[0].duration() == HOUR


def test_ok_is_no_drift_where_it_is_not_subscribed() -> None:
    life = Life("CREATION_SUCCESS", "CREDENTIALS", policy=without("OK"))

    assert outcome(life.observes("OK")) == ("APPLIED", [], ["action_resolved", "connected"])


# ---- Absent ------------------------------------------------------------------------------------------------


def test_an_account_that_the_list_lacks_twice_ten_minutes_apart_has_vanished() -> None:
    life = Life("CREATION_SUCCESS", "OK")

    assert outcome(life.observes("ABSENT")) == ("HELD", [], [])
    assert outcome(life.observes("ABSENT", after=10 * MINUTE - MICROSECOND)) == ("HELD", [], [])
    assert outcome(life.observes("ABSENT", after=MICROSECOND)) == ("APPLIED", ["VANISHED"], ["deleted"])
    assert (life.account.status, life.account.health) == ("DELETED", "GONE")


@pytest.mark.parametrize("seen", ["observed", "announced"])
def test_an_account_that_shows_itself_in_between_has_not_vanished(seen: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.observes("ABSENT")
    if seen == "observed":
        life.observes("OK")
    else:
        life.hears("ERROR")

    assert outcome(life.observes("ABSENT")) == ("HELD", [], [])


def test_an_account_that_was_never_heard_of_cannot_vanish() -> None:
    life = Life()
    life.observes("ABSENT")

    assert outcome(life.observes("ABSENT")) == ("HELD", [], [])
    assert life.account.status == "UNSEEN"


def test_a_deleted_account_that_the_list_lacks_is_confirmed() -> None:
    assert Life("OK", "DELETED").observes("ABSENT").verdict == "CONFIRMED"


def test_a_deleted_account_that_the_list_still_has_after_an_hour_is_told_once() -> None:
    life = Life("OK", "DELETED")

    assert outcome(life.observes("OK", after=HOUR - MICROSECOND)) == ("HELD", [], [])
    assert outcome(life.observes("OK", after=MICROSECOND)) == ("HELD", ["NOT_DELETED"], [])
    assert outcome(life.observes("OK", after=DAY)) == ("HELD", [], [])
    assert life.account.status == "DELETED"


# ---- Syncs of premium accounts --------------------------------------------------------------------------------


def test_a_premium_account_of_which_one_sync_is_missing_six_hours_after_its_sign_in_is_told_once() -> None:
    life = Life("CREATION_SUCCESS")
    life.hears("SYNC_SUCCESS", product="classic", provider="LINKEDIN", after=timedelta(0))
    life.hears("OK", after=timedelta(0))

    assert outcome(life.observes("OK", after=6 * HOUR, product="recruiter")) == ("CONFIRMED", [], [])
    told = life.observes("OK", after=MICROSECOND, product="recruiter")
    assert outcome(told) == ("CONFIRMED", ["SYNC_MISSING"], [])
    assert "premium option 'recruiter'" in told.explanation
    assert outcome(life.observes("OK", after=DAY, product="recruiter")) == ("CONFIRMED", [], [])


def test_a_new_sign_in_begins_the_count_of_syncs_anew() -> None:
    life = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN")
    assert kinds_of(life.observes("OK", after=DAY, product="sales_navigator")) == ["SYNC_MISSING"]
    for word in ("CREDENTIALS", "RECONNECTED", "OK"):
        life.hears(word)

    assert kinds_of(life.observes("OK", after=2 * HOUR, product="sales_navigator")) == []
    assert kinds_of(life.observes("OK", after=DAY, product="sales_navigator")) == ["SYNC_MISSING"]


@pytest.mark.parametrize(
    ("words", "provider", "product"),
    [
        ("CREATION_SUCCESS SYNC_SUCCESS/classic SYNC_SUCCESS/recruiter OK", "LINKEDIN", "recruiter"),
        ("CREATION_SUCCESS SYNC_SUCCESS/classic OK", "LINKEDIN", ""),
        ("CREATION_SUCCESS OK", "WHATSAPP", "recruiter"),
        ("OK", "LINKEDIN", "recruiter"),
        ("CREATION_SUCCESS SYNC_SUCCESS/classic OK CREDENTIALS", "LINKEDIN", "recruiter"),
        ("CREATION_SUCCESS SYNC_SUCCESS/classic OK STOPPED", "LINKEDIN", "recruiter"),
    ],
    ids=["all synced", "not premium", "another provider", "sign-in never heard of", "lost", "stopped"],
)
def test_no_sync_is_missing_where_none_can_be_expected(words: str, provider: str, product: str) -> None:
    life = Life()
    for each in words.split():
        word, _, named = each.partition("/")
        life.hears(word, product=named, after=MINUTE, provider=provider)

    status = life.account.status.value
    assert outcome(life.observes(status, after=DAY, product=product)) == ("CONFIRMED", [], [])


def test_what_each_source_said_is_in_the_explanation_of_a_drift() -> None:
    drift = Life("CREATION_SUCCESS", "OK").observes("CREDENTIALS", reason="MAILS OK, CALENDAR CREDENTIALS")

    assert "Its sources: 'MAILS OK, CALENDAR CREDENTIALS'." in drift.explanation


# ---- Equal text is the same, whichever object holds it ------------------------------------------------------


def built(text: str) -> str:
    """The same text in an object of its own, as a parser makes one."""
    return "".join(list(text))


def test_an_owner_who_is_announced_again_in_other_memory_is_the_same_owner() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.observes("OK", after=5 * MINUTE, owner="user-1")
    assert outcome(life.observes("OK", after=5 * MINUTE, owner=built("user-1"))) == ("CONFIRMED", [], [])
    assert kinds_of(life.hears("CREDENTIALS", owner=built("user-1"))) == []


def test_absence_is_the_word_and_not_the_object() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.observes(built("ABSENT"), after=DAY)
    assert kinds_of(life.observes(built("ABSENT"), after=DAY)) == ["VANISHED"]
