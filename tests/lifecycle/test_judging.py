"""The order in which one announcement is judged, row by row; each test names what its row promises."""

from dataclasses import replace

import pytest

from account_lifecycle.lifecycle.policy import Policy
from lifecycle_builders import (
    DAY,
    FAMILIES,
    HOUR,
    LOSSES,
    MICROSECOND,
    MINUTE,
    REDELIVERY_WINDOW,
    RETRY_HORIZON,
    STRANGER,
    SYNC_ANNOUNCING,
    SYNC_SILENT,
    Life,
    kinds_of,
    outcome,
    recovered_windows,
    without,
)

JUST_WITHIN = RETRY_HORIZON - MICROSECOND

# ---- Row 0: out of order ------------------------------------------------------------------------------


def test_what_is_fed_after_later_news_is_held_and_nothing_is_learned_from_it() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    before = life.account
    decision = life.hears("CREDENTIALS", after=-MICROSECOND, provider="X", owner="user-1", product="classic")

    assert outcome(decision) == ("HELD", ["OUT_OF_ORDER"], [])
    assert decision.after == replace(before, sequence=before.sequence + 1)


def test_what_comes_at_the_very_moment_of_the_newest_event_is_in_order() -> None:
    assert kinds_of(Life("OK").hears("CREDENTIALS", after=0 * MINUTE)) == []


def test_an_announcement_older_than_what_the_vendors_list_said_is_late() -> None:
    life = Life("OK")
    life.observes("OK")

    assert kinds_of(life.hears("CREDENTIALS", after=-MINUTE)) == ["OUT_OF_ORDER"]


def test_a_list_that_was_read_too_early_to_be_relied_on_makes_older_announcements_late_as_well() -> None:
    life = Life("OK")
    assert life.observes("ERROR", after=MINUTE).verdict == "HELD"

    assert kinds_of(life.hears("CREDENTIALS", after=-MICROSECOND)) == ["OUT_OF_ORDER"]


def test_a_clocks_event_makes_no_announcement_late() -> None:
    life = Life("CONNECTING")
    life.waits(DAY)

    assert kinds_of(life.hears("OK", after=-HOUR)) == ["ADOPTED"]


def test_no_deadline_is_looked_at_because_of_a_late_announcement() -> None:
    life = Life("CREATION_SUCCESS")
    life.hears("FROZEN", after=90 * MINUTE, provider="X")  # its deadline, half an hour, is over now

    assert life.anomalies == ["UNKNOWN_STATUS"]
    life.hears("OK", after=-MINUTE)
    assert life.anomalies == ["UNKNOWN_STATUS", "OUT_OF_ORDER"]
    life.hears("MELTED", after=MINUTE)
    assert life.anomalies == ["UNKNOWN_STATUS", "OUT_OF_ORDER", "STUCK", "UNKNOWN_STATUS"]


# ---- Row 1: the provider ------------------------------------------------------------------------------


def test_a_provider_that_is_never_announced_is_no_anomaly() -> None:
    life = Life("CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "CREDENTIALS", "RECONNECTED")

    assert life.anomalies == []
    assert life.account.provider is None


@pytest.mark.parametrize("provider", FAMILIES)
def test_a_provider_announced_late_is_remembered_and_no_anomaly(provider: str) -> None:
    life = Life("CREATION_SUCCESS", "OK")

    assert kinds_of(life.hears("CREDENTIALS", provider=provider)) == []
    assert life.hears("OK").account.provider == provider  # type: ignore[union-attr]


def test_an_unknown_provider_is_flagged_once() -> None:
    life = Life("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "ERROR", provider=STRANGER)

    assert life.anomalies == ["UNKNOWN_PROVIDER"]
    assert life.account.provider == STRANGER


def test_another_family_is_flagged_and_the_first_stays_in_force() -> None:
    life = Life("CREATION_SUCCESS", provider="GOOGLE")
    decision = life.hears("SYNC_SUCCESS", provider="LINKEDIN")

    assert outcome(decision) == ("HELD", ["PROVIDER_CHANGED", "UNSUPPORTED_STATUS"], [])
    assert life.account.provider == "GOOGLE"


def test_another_family_announced_twice_takes_over_and_this_event_is_judged_with_it() -> None:
    life = Life("CREATION_SUCCESS", provider="GOOGLE")
    life.hears("ERROR", provider="LINKEDIN")
    life.hears("OK")
    decision = life.hears("SYNC_SUCCESS", provider="LINKEDIN")

    assert (decision.verdict, kinds_of(decision)) == ("APPLIED", [])
    assert life.account.provider == "LINKEDIN"


@pytest.mark.parametrize("between", ["GOOGLE", "X"])
def test_the_first_family_or_a_third_in_between_begins_the_dispute_anew(between: str) -> None:
    life = Life("CREATION_SUCCESS", provider="GOOGLE")
    life.hears("OK", provider="LINKEDIN")
    life.hears("ERROR", provider=between)

    assert kinds_of(life.hears("STOPPED", provider="LINKEDIN")) == ["PROVIDER_CHANGED"]
    assert life.account.provider == "GOOGLE"


def test_an_unknown_word_takes_over_like_any_family() -> None:
    life = Life("CREATION_SUCCESS", provider="X")

    assert kinds_of(life.hears("OK", provider=STRANGER)) == ["PROVIDER_CHANGED"]
    assert kinds_of(life.hears("ERROR", provider=STRANGER)) == []
    assert kinds_of(life.hears("SYNC_SUCCESS")) == ["SYNC_WHILE_LOST"]


@pytest.mark.parametrize("provider", SYNC_SILENT)
def test_a_provider_that_never_announces_a_sync_has_it_held(provider: str) -> None:
    life = Life("CREATION_SUCCESS", provider=provider)

    assert outcome(life.hears("SYNC_SUCCESS")) == ("HELD", ["UNSUPPORTED_STATUS"], [])


@pytest.mark.parametrize("provider", [*SYNC_ANNOUNCING, STRANGER, None])
def test_everybody_else_may_announce_a_sync(provider: str | None) -> None:
    assert Life("CREATION_SUCCESS", provider=provider).hears("SYNC_SUCCESS").verdict == "APPLIED"


@pytest.mark.parametrize(("words", "word"), [("DELETED", "FROZEN"), ("DELETED", "OK"), ("CREDENTIALS", "CREDENTIALS")])
def test_provider_and_owner_are_learned_whatever_the_verdict(words: str, word: str) -> None:
    life = Life(words)
    decision = life.hears(word, provider="WHATSAPP", owner="user-1")

    assert decision.verdict != "APPLIED"
    assert (life.account.provider, life.account.owner) == ("WHATSAPP", "user-1")
    assert outcome(decision)[2] == ["claimed user-1"]


# ---- Row 2: the owner ----------------------------------------------------------------------------------


def test_another_owner_is_flagged_each_time_and_the_first_stays() -> None:
    life = Life()
    assert outcome(life.hears("CREATION_SUCCESS", owner="user-1")) == ("APPLIED", [], ["claimed user-1"])

    assert outcome(life.hears("CREATION_SUCCESS", owner="user-2")) == ("REPEATED", ["OWNER_CHANGED"], [])
    assert outcome(life.hears("OK", owner="user-2")) == ("APPLIED", ["OWNER_CHANGED"], ["connected"])
    assert outcome(life.hears("OK", owner="user-1")) == ("REPEATED", [], [])
    assert life.account.owner == "user-1"


# ---- Row 3: the product ---------------------------------------------------------------------------------


def test_linkedin_may_name_the_product_that_was_synced() -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert kinds_of(life.hears("SYNC_SUCCESS", product="recruiter")) == []


@pytest.mark.parametrize("provider", [*(p for p in SYNC_ANNOUNCING if p != "LINKEDIN"), STRANGER, None])
def test_nobody_else_may_name_a_product_but_the_sync_counts(provider: str | None) -> None:
    life = Life("CREATION_SUCCESS", provider=provider)
    decision = life.hears("SYNC_SUCCESS", product="recruiter")

    assert outcome(decision) == ("APPLIED", ["UNEXPECTED_PRODUCT"], ["sync_completed recruiter"])


@pytest.mark.parametrize("word", ["CONNECTING", "OK", "CREDENTIALS", "DELETED", "FROZEN"])
def test_a_product_belongs_to_nothing_but_a_sync(word: str) -> None:
    life = Life("CREATION_SUCCESS", provider="LINKEDIN")

    assert "UNEXPECTED_PRODUCT" in kinds_of(life.hears(word, product="classic"))


def test_a_product_where_none_belongs_is_part_of_what_is_compared() -> None:
    life = Life("OK", "CREDENTIALS")

    assert outcome(life.hears("CREDENTIALS", product="classic"))[:2] == ("APPLIED", ["UNEXPECTED_PRODUCT"])
    assert outcome(life.hears("CREDENTIALS", product="classic"))[:2] == ("REPEATED", ["UNEXPECTED_PRODUCT"])


# ---- Row 4: held before ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["OK FROZEN", "OK RECONNECTED", "OK CREDENTIALS SYNC_SUCCESS", "OK CREDENTIALS CREATION_FAIL", "OK DELETED OK"],
)
def test_what_was_held_is_repeated_when_it_comes_again(words: str) -> None:
    life = Life(*words.split())

    assert life.decisions[-1].verdict == "HELD"
    assert outcome(life.hears(words.split()[-1], after=JUST_WITHIN)) == ("REPEATED", [], [])


def test_what_was_held_longer_ago_than_the_horizon_is_held_again() -> None:
    life = Life("OK", "FROZEN")

    assert outcome(life.hears("FROZEN", after=RETRY_HORIZON)) == ("HELD", ["UNKNOWN_STATUS"], [])


def test_each_repeat_of_what_was_held_refreshes_it_and_makes_it_the_newest() -> None:
    life = Life("OK", "FROZEN", "MELTED")
    life.hears("FROZEN", after=15 * HOUR)

    assert [entry.status for entry in life.account.held] == ["MELTED", "FROZEN"]
    assert life.hears("FROZEN", after=15 * HOUR).verdict == "REPEATED"


def test_what_was_held_is_forgotten_with_the_next_acceptance() -> None:
    life = Life("OK", "FROZEN", "ERROR")

    assert life.hears("FROZEN").verdict == "HELD"


def test_of_what_was_held_the_eight_newest_are_remembered() -> None:
    life = Life("OK", *(f"WORD_{n}" for n in range(9)))

    assert [entry.status for entry in life.account.held] == [f"WORD_{n}" for n in range(1, 9)]
    assert life.hears("WORD_0").verdict == "HELD"


# ---- Row 5: the word -----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["FROZEN", "UNSEEN", "OKAY", "SYNC SUCCESS", "ABSENT"])
def test_an_account_first_seen_with_an_unknown_word_is_tracked_as_unseen(word: str) -> None:
    decision = Life().hears(word)

    assert (decision.verdict, kinds_of(decision)) == ("HELD", ["UNKNOWN_STATUS"])
    assert (decision.after.status, decision.after.health, decision.sequence) == ("UNSEEN", "UNKNOWN", 1)


def test_an_account_first_seen_with_an_unknown_word_can_still_be_born() -> None:
    assert kinds_of(Life("FROZEN").hears("CREATION_SUCCESS")) == []


# ---- Row 6: OK while OK ----------------------------------------------------------------------------------


def test_ok_again_within_the_redelivery_window_of_the_last_proof_of_life_is_a_repeat() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    decision = life.hears("OK", after=REDELIVERY_WINDOW - MICROSECOND)

    assert outcome(decision) == ("REPEATED", [], [])
    assert life.account.last_live_at == life.now


@pytest.mark.parametrize("after", [REDELIVERY_WINDOW, 30 * DAY])
def test_ok_again_later_tells_of_an_outage_that_went_unheard(after: object) -> None:
    life = Life("CREATION_SUCCESS", "OK")
    ok_at = life.now
    decision = life.hears("OK", after=after)  # type: ignore[arg-type]
    [window] = recovered_windows([decision])

    assert outcome(decision) == ("REPEATED", ["MISSED_OUTAGE"], ["recovered"])
    assert (window.opened_at, window.backfill_from, window.closed_at) == (ok_at, ok_at, life.now)
    assert window.estimated
    assert life.account.blind_window is None


def test_each_ok_again_is_a_proof_of_life_from_which_the_next_is_counted() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    for _ in range(5):
        assert outcome(life.hears("OK", after=9 * MINUTE)) == ("REPEATED", [], [])


def test_whatever_was_accepted_in_between_ok_again_is_ok_again() -> None:
    life = Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS")

    assert outcome(life.hears("OK")) == ("REPEATED", [], [])
    assert outcome(life.hears("OK", after=DAY)) == ("REPEATED", ["MISSED_OUTAGE"], ["recovered"])


def test_where_outages_are_not_announced_one_that_went_unheard_is_no_anomaly_but_has_its_effect() -> None:
    life = Life("CREATION_SUCCESS", "OK", policy=without("CONNECTING"))

    assert outcome(life.hears("OK", after=DAY)) == ("REPEATED", [], ["recovered"])


def test_reconnected_serves_as_ok_where_ok_is_not_subscribed() -> None:
    life = Life("CREATION_SUCCESS", "CREDENTIALS", "RECONNECTED", policy=without("OK"))

    assert outcome(life.hears("RECONNECTED", after=9 * MINUTE)) == ("REPEATED", [], [])
    assert outcome(life.hears("RECONNECTED", after=9 * MINUTE)) == ("REPEATED", [], [])
    assert outcome(life.hears("RECONNECTED", after=10 * MINUTE)) == ("REPEATED", ["MISSED_OUTAGE"], ["recovered"])
    assert life.account.last_live_at == life.now


def test_reconnected_after_something_else_does_not_serve_as_ok() -> None:
    life = Life("CREATION_SUCCESS", "CREDENTIALS", "RECONNECTED", policy=without("OK"))
    life.hears("RECONNECTED", product="classic")

    assert outcome(life.hears("RECONNECTED", after=DAY)) == ("APPLIED", [], [])


# ---- Row 7: the last accepted again ------------------------------------------------------------------------

LAST_WORDS = {
    "CONNECTING": ("CONNECTING",),
    "CREATION_SUCCESS": ("CREATION_SUCCESS",),
    "CREATION_FAIL": ("CREATION_FAIL",),
    "RECONNECTED": ("CREATION_SUCCESS", "ERROR", "RECONNECTED"),
    "DELETED": ("DELETED",),
}
SYNC = ("CREATION_SUCCESS", "SYNC_SUCCESS")


def settled(*words: str) -> Life:
    """A life without deadlines, reminders or notices in the way."""
    return Life(*words, policy=Policy(reminders=()))


@pytest.mark.parametrize("words", [*LAST_WORDS.values(), SYNC, *(("OK", loss) for loss in LOSSES)])
def test_the_last_accepted_again_within_the_window_is_a_repeat_and_nothing_else(words: tuple[str, ...]) -> None:
    life = Life(*words)
    before = life.account
    decision = life.hears(words[-1], after=REDELIVERY_WINDOW - MICROSECOND)

    assert (decision.verdict, decision.anomalies, decision.effects) == ("REPEATED", (), ())
    refreshed = (*before.heard[:-1], before.heard[-1]._replace(at=life.now))
    assert decision.after == replace(before, sequence=before.sequence + 1, heard=refreshed, newest_at=life.now)


@pytest.mark.parametrize("words", LAST_WORDS.values(), ids=LAST_WORDS)
@pytest.mark.parametrize("after", [REDELIVERY_WINDOW, RETRY_HORIZON, 30 * DAY], ids=str)
def test_later_it_is_stale(words: tuple[str, ...], after: object) -> None:
    decision = settled(*words).hears(words[-1], after=after)  # type: ignore[arg-type]

    assert outcome(decision) == ("REPEATED", ["STALE_REPEAT"], [])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("after", [REDELIVERY_WINDOW, JUST_WITHIN], ids=str)
def test_a_loss_within_the_horizon_is_stale_too(loss: str, after: object) -> None:
    decision = settled("OK", loss).hears(loss, after=after)  # type: ignore[arg-type]

    assert outcome(decision) == ("REPEATED", ["STALE_REPEAT"], [])


@pytest.mark.parametrize(
    ("loss", "again"),
    [("CREDENTIALS", "action_required"), ("PERMISSIONS", "action_required"), ("ERROR", "interrupted")],
)
def test_a_loss_beyond_the_horizon_was_back_in_between_and_is_lost_again(loss: str, again: str) -> None:
    life = settled("CREATION_SUCCESS", "OK", loss, "FROZEN")
    window = life.account.blind_window
    decision = life.hears(loss, after=RETRY_HORIZON)

    assert outcome(decision) == ("APPLIED", ["MISSED_RECOVERY"], [again])
    assert decision.after.since == life.now
    assert decision.after.held == ()
    assert decision.after.blind_window == window


def test_an_error_again_of_an_account_whose_user_must_act_asks_for_the_user_again() -> None:
    decision = settled("OK", "CREDENTIALS", "ERROR").hears("ERROR", after=DAY)

    assert outcome(decision) == ("APPLIED", ["MISSED_RECOVERY"], ["action_required"])


def test_a_sync_within_the_horizon_is_a_repeat_and_beyond_it_a_new_sync() -> None:
    life = Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS")

    assert outcome(life.hears("SYNC_SUCCESS", after=JUST_WITHIN)) == ("REPEATED", [], [])
    assert outcome(life.hears("SYNC_SUCCESS", after=RETRY_HORIZON)) == ("APPLIED", [], ["sync_completed"])


def test_each_repeat_refreshes_when_it_was_last_heard() -> None:
    life = settled("CREDENTIALS")
    for _ in range(5):
        assert kinds_of(life.hears("CREDENTIALS", after=9 * MINUTE)) == []
    life.hears("CREDENTIALS", after=HOUR)

    assert kinds_of(life.hears("CREDENTIALS", after=9 * MINUTE)) == []


@pytest.mark.parametrize("held", ["RECONNECTED", "CREATION_SUCCESS", "FROZEN"])
def test_what_was_held_does_not_come_between_a_repeat_and_its_first(held: str) -> None:
    life = Life("CREATION_SUCCESS", "OK", "SYNC_SUCCESS", held)

    assert life.decisions[-1].verdict == "HELD"
    assert life.hears("SYNC_SUCCESS").verdict == "REPEATED"


def test_what_the_vendors_list_said_comes_between() -> None:
    life = Life("OK", "CREDENTIALS")
    life.observes("OK", after=5 * MINUTE)

    assert outcome(life.hears("CREDENTIALS", after=MINUTE))[:2] == ("APPLIED", ["POSSIBLY_STALE"])


# ---- Row 8: a sync that was heard --------------------------------------------------------------------------


def linkedin(*words: str) -> Life:
    return Life(*words, provider="LINKEDIN")


def test_two_products_redelivered_are_two_repeats() -> None:
    life = linkedin("CREATION_SUCCESS", "OK")
    life.hears("SYNC_SUCCESS", product="classic")
    life.hears("SYNC_SUCCESS", product="recruiter")

    assert outcome(life.hears("SYNC_SUCCESS", product="classic", after=19 * HOUR)) == ("REPEATED", [], [])
    assert outcome(life.hears("SYNC_SUCCESS", product="recruiter", after=0 * MINUTE)) == ("REPEATED", [], [])


def test_a_sync_overtaken_by_ok_is_a_repeat_as_well() -> None:
    life = linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")

    assert outcome(life.hears("SYNC_SUCCESS", after=HOUR)) == ("REPEATED", [], [])


def test_a_sync_heard_before_trouble_may_be_a_new_one() -> None:
    life = linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK", "ERROR", "OK")

    assert outcome(life.hears("SYNC_SUCCESS")) == ("APPLIED", ["POSSIBLY_STALE"], ["sync_completed?"])


def test_a_sync_beyond_the_horizon_is_a_new_one() -> None:
    life = linkedin("CREATION_SUCCESS", "SYNC_SUCCESS", "OK")

    assert outcome(life.hears("SYNC_SUCCESS", after=RETRY_HORIZON)) == ("APPLIED", [], ["sync_completed"])


# ---- Row 9: the guards of time ------------------------------------------------------------------------------


def test_a_creation_again_is_late_while_the_account_is_young_or_it_was_heard_recently() -> None:
    life = Life("OK")
    assert kinds_of(life.hears("CREATION_SUCCESS", after=JUST_WITHIN)) == ["LATE_EVENT"]

    life = Life("CREATION_SUCCESS", "OK")
    life.hears("CREATION_SUCCESS", after=19 * HOUR)
    life.hears("ERROR", after=10 * HOUR)
    assert kinds_of(life.hears("CREATION_SUCCESS", after=5 * HOUR)) == ["LATE_EVENT"]


def test_a_creation_again_long_after_the_account_was_known_asks_for_an_audit() -> None:
    life = Life("OK")

    assert outcome(life.hears("CREATION_SUCCESS", after=RETRY_HORIZON)) == ("HELD", ["RECREATED"], [])


def test_a_failed_creation_of_an_account_that_exists_is_a_contradiction_unless_it_was_just_heard() -> None:
    assert kinds_of(Life("CREATION_SUCCESS", "OK").hears("CREATION_FAIL")) == ["CONTRADICTED_CREATION"]
    assert kinds_of(Life("CREATION_FAIL", "CREATION_SUCCESS").hears("CREATION_FAIL")) == ["LATE_EVENT"]


@pytest.mark.parametrize("words", ["OK CREDENTIALS", "OK ERROR", "OK ERROR CONNECTING", "OK CREDENTIALS CONNECTING"])
def test_a_failed_sign_in_of_a_lost_account_is_no_contradiction(words: str) -> None:
    decision = Life(*words.split()).hears("CREATION_FAIL")

    assert outcome(decision) == ("HELD", ["RECONNECT_FAILED"], ["reconnect_failed"])


def test_the_second_channels_reconnected_is_late() -> None:
    life = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")

    assert outcome(life.hears("RECONNECTED", after=19 * HOUR)) == ("HELD", ["LATE_EVENT"], [])


def test_a_reconnect_that_nothing_explains_is_unexpected_and_signs_in() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    decision = life.hears("RECONNECTED", after=30 * DAY)

    assert outcome(decision) == ("HELD", ["UNEXPECTED_RECONNECT"], [])
    assert life.account.signed_in_at == life.now
    assert [entry.status for entry in life.account.heard][-2:] == ["RECONNECTED", "OK"]


@pytest.mark.parametrize("status", ["CONNECTING", "CREATION_SUCCESS", "SYNC_SUCCESS"])
def test_a_reconnect_that_nothing_explains_moves_an_account_that_is_on_its_way(status: str) -> None:
    life = Life("CREATION_SUCCESS", *([] if status == "CREATION_SUCCESS" else [status]))

    assert outcome(life.hears("RECONNECTED"))[:2] == ("APPLIED", ["UNEXPECTED_RECONNECT"])


def test_stragglers_after_a_deletion_are_late_and_a_day_later_an_error() -> None:
    life = Life("OK", "DELETED")

    assert kinds_of(life.hears("ERROR", after=JUST_WITHIN)) == ["LATE_EVENT"]
    assert kinds_of(life.hears("OK", after=MICROSECOND)) == ["AFTER_DELETION"]


@pytest.mark.parametrize("word", ["SYNC_SUCCESS", "OK", "RECONNECTED"])
def test_connecting_as_first_news_proves_no_birth(word: str) -> None:
    assert kinds_of(Life("CONNECTING").hears(word)) == ["ADOPTED"]


# ---- Row 10: what may be old news ------------------------------------------------------------------------------


def test_a_move_by_what_was_heard_within_the_horizon_may_be_stale_and_its_effects_are_doubtful() -> None:
    life = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")
    decision = life.hears("CREDENTIALS", after=HOUR, owner="user-1")

    assert outcome(decision) == ("APPLIED", ["POSSIBLY_STALE"], ["action_required?", "claimed user-1?"])
    assert all(effect.doubtful for effect in decision.effects)
    assert life.account.doubtful


def test_beyond_the_horizon_it_is_news() -> None:
    life = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")

    assert outcome(life.hears("CREDENTIALS", after=RETRY_HORIZON)) == ("APPLIED", [], ["action_required"])


def test_what_only_stays_is_not_doubtful() -> None:
    life = Life("OK", "CONNECTING")
    life.hears("CONNECTING", product="classic")

    assert outcome(life.hears("CONNECTING"))[:2] == ("APPLIED", [])


def test_a_loss_whose_answer_came_first_may_be_stale() -> None:
    life = Life("CREATION_SUCCESS", "OK", "RECONNECTED")

    assert outcome(life.hears("CREDENTIALS", after=HOUR)) == ("APPLIED", ["POSSIBLY_STALE"], ["action_required?"])


@pytest.mark.parametrize("word", ["CONNECTING", "DELETED"])
def test_what_is_no_loss_is_not_doubted_because_of_a_reconnect(word: str) -> None:
    life = Life("CREATION_SUCCESS", "OK", "RECONNECTED")

    assert kinds_of(life.hears(word)) == []


def test_a_reconnect_held_beyond_the_horizon_answers_no_loss() -> None:
    life = Life("CREATION_SUCCESS", "OK", "RECONNECTED")

    assert kinds_of(life.hears("CREDENTIALS", after=RETRY_HORIZON)) == []


# ---- Several at once ------------------------------------------------------------------------------------------


def test_anomalies_are_found_in_the_order_of_the_rows() -> None:
    life = Life()
    life.hears("CREATION_SUCCESS", provider="GOOGLE", owner="user-1")
    decision = life.hears("SYNC_SUCCESS", provider="LINKEDIN", owner="user-2", product="classic")

    assert kinds_of(decision) == ["PROVIDER_CHANGED", "OWNER_CHANGED", "UNEXPECTED_PRODUCT", "UNSUPPORTED_STATUS"]


def test_every_event_counts_whatever_becomes_of_it() -> None:
    life = Life("OK", "OK", "RECONNECTED", "FROZEN", "CONNECTING")
    life.outlives_its_deadline(after=HOUR)

    assert [decision.sequence for decision in life.decisions] == [1, 2, 3, 4, 5, 6]
    assert " ".join(decision.verdict for decision in life.decisions) == "APPLIED REPEATED HELD HELD APPLIED HELD"


# ---- What was heard ---------------------------------------------------------------------------------------------


def test_what_was_accepted_is_remembered_in_order_and_forgotten_after_the_horizon() -> None:
    life = Life("OK", "ERROR")
    life.hears("OK", after=RETRY_HORIZON - MINUTE)
    life.hears("CONNECTING", after=MINUTE)

    assert [entry.status for entry in life.account.heard] == ["OK", "CONNECTING"]


def test_the_last_accepted_is_never_forgotten() -> None:
    life = Life("OK", "CREDENTIALS")
    life.hears("FROZEN", after=30 * DAY)

    assert [entry.status for entry in life.account.heard] == ["OK", "CREDENTIALS"]


def test_of_what_was_accepted_the_sixteen_newest_are_remembered() -> None:
    life = linkedin("CREATION_SUCCESS", "OK")
    for number in range(16):
        life.hears("SYNC_SUCCESS", product=f"p{number}")

    assert [entry.product for entry in life.account.heard] == [f"p{number}" for number in range(16)]


def test_a_late_twin_refreshes_what_was_heard_so_that_the_next_is_late_too() -> None:
    life = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")
    life.hears("RECONNECTED", after=15 * HOUR)
    life.hears("SYNC_SUCCESS", after=MINUTE)

    assert kinds_of(life.hears("RECONNECTED", after=15 * HOUR)) == ["LATE_EVENT"]
