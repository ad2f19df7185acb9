"""Explanations: what every anomaly, wherever it arises, tells a person and a program."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.events import ABSENT
from account_lifecycle.lifecycle.explain import ADVICE, Anomaly
from account_lifecycle.lifecycle.policy import ALL, DEFAULT_POLICY, Policy
from account_lifecycle.lifecycle.providers import ALIASES
from account_lifecycle.lifecycle.stories import CLOSE
from lifecycle.expected_table import WAYS, WORDS, Spot, after, cell, expected
from lifecycle_builders import DAY, HOUR, MICROSECOND, MINUTE, NOON, RETRY_HORIZON, SECOND, Life

HOSTILE = "EVIL\r\n\x1b[31m\u202e\x00" + "W" * 5_000
"""A foreign word that would break a log line, and fill it."""
DEFAULT_SUBSCRIPTION = Policy(subscribed="default")


def the_anomalies(decisions: Iterable[Decision]) -> list[Anomaly]:
    return [anomaly for decision in decisions for anomaly in decision.anomalies]


def the_anomaly(decision: Decision, kind: str) -> Anomaly:
    found = {anomaly.kind.value: anomaly for anomaly in decision.anomalies}
    assert kind in found, decision.event
    return found[kind]


def every_anomaly() -> Iterator[Anomaly]:
    """Each deviation after each life: every word, late and at once, of every sort of provider and subscription."""
    for policy in (DEFAULT_POLICY, DEFAULT_SUBSCRIPTION):
        for words in WAYS.values():
            for before, then in ((None, None), (None, "GOOGLE"), ("LINKEDIN", "X"), (None, "SLACK")):
                for word in (*WORDS, "FROZEN"):
                    for product, pause in (("", MINUTE), ("", 3 * HOUR), ("", 3 * DAY), ("classic", MINUTE)):
                        life = Life(*words, provider=before, policy=policy)
                        yield from life.hears(
                            word, provider=then, product=product, after=pause, reason="Disconnected"
                        ).anomalies
            yield from the_anomalies(Life(*words, policy=policy).waits(DAY))
            for word in ("OK", "CREDENTIALS", "CONNECTING"):
                yield from Life(*words, policy=policy).observes(word, after=3 * HOUR).anomalies
            life = Life(*words, policy=policy)
            life.observes(ABSENT)
            yield from life.observes(ABSENT).anomalies
            life = Life(*words, policy=policy)
            yield from life.hears("OK", after=-HOUR).anomalies
            life.hears("OK", owner="user-1")
            yield from life.hears("CREDENTIALS", owner="user-2").anomalies
    premium = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN")
    yield from premium.observes("OK", after=DAY, product="recruiter").anomalies


@cache
def anomalies() -> dict[str, list[Anomaly]]:
    """Every anomaly that can be found, by kind."""
    found: defaultdict[str, list[Anomaly]] = defaultdict(list)
    for anomaly in every_anomaly():
        found[anomaly.kind].append(anomaly)
    return found


each_kind = pytest.mark.parametrize("kind", AnomalyKind)

# ---- Of every anomaly -----------------------------------------------------------------------------


@each_kind
def test_every_kind_arises_and_is_one_printable_line(kind: AnomalyKind) -> None:
    assert anomalies()[kind]
    for anomaly in anomalies()[kind]:
        assert anomaly.explanation.isprintable()
        assert anomaly.explanation == " ".join(anomaly.explanation.split())
        assert 40 < len(anomaly.explanation) < 900


@each_kind
def test_an_explanation_ends_with_what_to_do(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        assert anomaly.explanation.endswith(f" {ADVICE[anomaly.next_step]}")


@each_kind
def test_an_explanation_is_for_people(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        for artefact in ("None", "Status.", "Kind.", "<", ">", "datetime", "()", "( ", "''", "  ", " ,", " ."):
            assert artefact not in anomaly.explanation


@each_kind
def test_an_explanation_names_the_word_that_deviates(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        word = anomaly.detail if kind in ("PROVIDER_CHANGED", "UNKNOWN_PROVIDER") else anomaly.announced
        assert word in anomaly.explanation or anomaly.announced == ABSENT


@each_kind
def test_stories_come_in_the_order_of_their_likelihood_and_add_up(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        likelihoods = [story.likelihood for story in anomaly.stories]
        assert likelihoods == sorted(likelihoods, reverse=True)
        assert abs(sum(likelihoods) - 1) < 0.01
        assert len({story.kind for story in anomaly.stories}) == len(likelihoods)
        assert all(story.sentence.endswith(".") and story.clause for story in anomaly.stories)


@each_kind
def test_a_second_story_is_told_where_it_is_close_and_only_there(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        first, *others = anomaly.stories
        is_close = bool(others) and others[0].likelihood >= CLOSE * first.likelihood
        assert first.clause in anomaly.explanation
        assert (f"Either {first.clause}, or {others[0].clause}." if is_close else f"Most likely {first.clause}.") in (
            anomaly.explanation
        )


@each_kind
def test_the_facts_go_to_json_and_back(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        kept = json.loads(json.dumps(anomaly.evidence()))
        assert Anomaly.from_evidence(*anomaly[:6], kept) == anomaly


@each_kind
def test_nothing_not_subscribed_to_is_blamed_on_the_subscription_by_name(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        for word in re.findall(r"([A-Z_]+) is never announced to you", anomaly.explanation):
            assert word in anomaly.unsubscribed


def test_a_reason_of_the_vendor_is_named_before_any_story() -> None:
    for found in anomalies().values():
        for anomaly in found:
            if anomaly.reason:
                reason = anomaly.explanation.index("The vendor's reason: 'Disconnected'.")
                assert reason < anomaly.explanation.index(anomaly.stories[0].clause)


def test_an_anomaly_expected_what_the_table_expects() -> None:
    for found in anomalies().values():
        for anomaly in found:
            circumstances = frozenset(guard.value for guard in anomaly.circumstances)
            assert set(anomaly.expected) == expected(anomaly.situation.key, circumstances)


# ---- The shortest expected path -----------------------------------------------------------------------


def fewest_steps(spot: Spot, word: str, circumstances: frozenset[str]) -> int:
    """How many expected announcements lead to ``word``, at least one move before it; 0 if none do. Tries them all."""
    reached = {spot}
    for count in range(1, 6):
        steps = {(here, w) for here in reached for w in expected(here, circumstances)}
        if count > 1 and any(w == word for _, w in steps):
            return count
        reached = {after(here, w, circumstances) for here, w in steps if cell(here, w, circumstances).mark == ">"}
    return 0


@pytest.mark.parametrize("kind", ["ADOPTED", "SKIPPED_STEP", "UNEXPECTED_RECONNECT", "STALE_REPEAT", "MISSED_RECOVERY"])
def test_the_likely_path_is_a_shortest_expected_one(kind: str) -> None:
    for anomaly in anomalies()[kind]:
        circumstances = frozenset(guard.value for guard in anomaly.circumstances)
        spot, path = anomaly.situation.key, anomaly.likely_path
        assert len(path) == fewest_steps(spot, anomaly.announced, circumstances)
        for word in path:
            assert word in expected(spot, circumstances)
            spot = after(spot, word, circumstances)
        assert not path or path[-1] == anomaly.announced


@pytest.mark.parametrize("kind", ["LATE_EVENT", "SYNC_WHILE_LOST", "CONTRADICTED_CREATION", "AFTER_DELETION"])
def test_what_was_overtaken_missed_nothing(kind: str) -> None:
    assert {anomaly.likely_path for anomaly in anomalies()[kind]} == {()}


@pytest.mark.parametrize(
    "kind", ["LATE_EVENT", "RECREATED", "RECONNECT_FAILED", "CONTRADICTED_CREATION", "SYNC_WHILE_LOST"]
)
def test_what_is_held_says_where_the_account_stays_and_since_when(kind: str) -> None:
    for anomaly in anomalies()[kind]:
        assert anomaly.since is not None
        assert f"{anomaly.situation.status} (since {anomaly.since:%Y-%m-%d %H:%M}" in anomaly.explanation
        assert f"stays {anomaly.situation.status}" in anomaly.explanation


# ---- Evidence chooses the story ------------------------------------------------------------------------


def first_story(decision: Decision, kind: str) -> str:
    return the_anomaly(decision, kind).stories[0].kind


def test_the_other_channels_twin_comes_within_minutes_or_names_what_was_not_named() -> None:
    reconnected = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")
    assert first_story(reconnected.hears("RECONNECTED", after=10 * SECOND), "LATE_EVENT") == "OTHER_CHANNEL"
    born = Life("CREATION_SUCCESS", "OK")
    later = born.hears("CREATION_SUCCESS", after=5 * HOUR, provider="LINKEDIN")
    assert first_story(later, "LATE_EVENT") == "OTHER_CHANNEL"


def test_the_same_hours_later_is_a_late_redelivery() -> None:
    life = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN")
    assert first_story(life.hears("CREATION_SUCCESS", after=5 * HOUR), "LATE_EVENT") == "LATE_REDELIVERY"


def test_a_birth_after_the_first_news_was_overtaken() -> None:
    assert first_story(Life("OK").hears("CREATION_SUCCESS"), "LATE_EVENT") == "OVERTAKEN"


def test_a_loss_heard_hours_before_newer_news_is_a_late_redelivery_but_may_be_news() -> None:
    found = the_anomaly(
        Life("OK", "CREDENTIALS", "RECONNECTED", "OK").hears("CREDENTIALS", after=HOUR), "POSSIBLY_STALE"
    )
    assert [story.kind for story in found.stories] == ["LATE_REDELIVERY", "FRESH_NEWS"]
    assert found.next_step == "reconcile with the vendor"


def test_what_the_account_was_waiting_for_is_news_more_often() -> None:
    decision = Life("OK", "CONNECTING").hears("OK", after=5 * MINUTE)
    assert first_story(decision, "POSSIBLY_STALE") == "FRESH_NEWS"


def test_a_loss_whose_reconnect_came_first_was_overtaken() -> None:
    life = Life("CREATION_SUCCESS", "OK", "RECONNECTED")
    assert first_story(life.hears("CREDENTIALS"), "POSSIBLY_STALE") == "OVERTAKEN"


def test_an_old_ok_again_is_an_unheard_outage_and_a_recent_one_may_be_a_redelivery() -> None:
    assert first_story(Life("OK").hears("OK", after=3 * DAY), "MISSED_OUTAGE") == "OUTAGE_UNHEARD"
    assert first_story(Life("OK").hears("OK", after=3 * HOUR), "MISSED_OUTAGE") == "LATE_REDELIVERY"
    assert first_story(Life("OK", "RECONNECTED").hears("OK", after=3 * HOUR), "MISSED_OUTAGE") == "OUTAGE_UNHEARD"


def test_a_recovery_that_nobody_subscribed_to_went_unheard_for_that() -> None:
    bad_news = Policy(subscribed={"CREATION_SUCCESS", "CREATION_FAIL", "ERROR", "CREDENTIALS", "PERMISSIONS"})
    for policy, kind in ((bad_news, "NOT_SUBSCRIBED"), (DEFAULT_POLICY, "RECOVERY_UNHEARD")):
        life = Life("CREATION_SUCCESS", "CREDENTIALS", policy=policy)
        decision = life.hears("CREDENTIALS", after=5 * DAY)
        assert first_story(decision, "MISSED_RECOVERY") == kind
        assert the_anomaly(decision, "MISSED_RECOVERY").next_step == "ask the user to reconnect"


def test_a_reconnect_out_of_nowhere_was_needless_or_a_loss_was_missed() -> None:
    found = the_anomaly(Life("CREATION_SUCCESS", "OK").hears("RECONNECTED", after=DAY), "UNEXPECTED_RECONNECT")
    assert {story.kind for story in found.stories} == {"NEEDLESS_SIGN_IN", "MISSED_NEWS"}
    assert "a loss such as CREDENTIALS was missed" in found.explanation


def test_a_reconnect_right_after_the_ok_that_it_led_to_was_overtaken() -> None:
    life = Life("OK", "CREDENTIALS", "OK")
    assert first_story(life.hears("RECONNECTED", after=5 * SECOND), "UNEXPECTED_RECONNECT") == "OVERTAKEN"


def test_a_reconnect_when_the_session_has_run_out_missed_its_end() -> None:
    life = Life("CREATION_SUCCESS", "OK", provider="LINKEDIN")
    assert first_story(life.hears("RECONNECTED", after=366 * DAY), "UNEXPECTED_RECONNECT") == "MISSED_NEWS"


def test_a_sync_soon_after_the_loss_was_under_way_and_days_later_the_account_is_back() -> None:
    assert first_story(Life("OK", "ERROR").hears("SYNC_SUCCESS"), "SYNC_WHILE_LOST") == "LATE_SYNC"
    late = Life("OK", "ERROR").hears("SYNC_SUCCESS", after=3 * DAY)
    assert first_story(late, "SYNC_WHILE_LOST") == "RECOVERY_UNHEARD"
    again = Life("OK", "SYNC_SUCCESS", "ERROR").hears("SYNC_SUCCESS", after=30 * MINUTE)
    assert "LATE_REDELIVERY" in [story.kind for story in the_anomaly(again, "SYNC_WHILE_LOST").stories]


def test_times_a_little_apart_are_clocks_and_far_apart_a_wrong_order() -> None:
    for lead, kind in ((-5 * SECOND, "CLOCK"), (-5 * HOUR, "FED_OUT_OF_ORDER")):
        assert first_story(Life("OK").hears("CONNECTING", after=lead), "OUT_OF_ORDER") == kind


def test_a_stuck_account_that_never_said_ok_may_not_be_subscribed_to_it() -> None:
    (found,) = the_anomalies(Life("CREATION_SUCCESS", "SYNC_SUCCESS").waits(2 * HOUR))
    assert found.stories[0].kind == "NOT_SUBSCRIBED"
    assert "default subscription leaves it out" in found.explanation

    (found,) = the_anomalies(Life("CREATION_SUCCESS", "OK", "CONNECTING", "SYNC_SUCCESS").waits(2 * HOUR))
    assert "NOT_SUBSCRIBED" not in [story.kind for story in found.stories]


def test_a_stuck_account_says_since_when_and_what_should_have_followed() -> None:
    (found,) = the_anomalies(Life("CONNECTING").waits(HOUR))
    assert f"since {NOON + MINUTE:%Y-%m-%d %H:%M}" in found.explanation
    assert "30 min" in found.explanation
    assert "CREATION_SUCCESS should have followed" in found.explanation


def test_a_list_that_differs_settles_what_was_in_doubt_or_was_not_subscribed_to() -> None:
    doubtful = Life("OK", "CREDENTIALS", "RECONNECTED", "OK")
    doubtful.hears("CREDENTIALS", after=HOUR)
    assert first_story(doubtful.observes("ERROR"), "DRIFT") == "LATE_REDELIVERY"
    default = Life("OK", policy=Policy(subscribed=ALL - {"STOPPED"}))
    assert first_story(default.observes("STOPPED"), "DRIFT") == "NOT_SUBSCRIBED"
    assert first_story(Life("OK").observes("ERROR"), "DRIFT") == "MISSED_NEWS"


# ---- What to do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("CREDENTIALS",), ("PERMISSIONS",), ("CREATION_FAIL", "CREDENTIALS")])
def test_an_account_found_without_credentials_needs_its_user(words: tuple[str, ...]) -> None:
    assert Life(*words).decisions[-1].anomalies[0].next_step == "ask the user to reconnect"


@each_kind
def test_a_user_is_never_asked_to_reconnect_an_account_that_does_not_need_it(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        if "sk the user to reconnect" in anomaly.explanation:
            assert anomaly.health == "ACTION_REQUIRED"


# ---- Foreign words ----------------------------------------------------------------------------------


def hostile_decisions() -> Iterator[Decision]:
    yield Life().hears(HOSTILE)
    yield Life("DELETED").hears(HOSTILE)
    yield Life("OK", provider="LINKEDIN").hears("ERROR", provider=HOSTILE)
    yield Life("OK", provider=HOSTILE).hears("ERROR", provider="LINKEDIN")
    yield Life("OK", provider="IMAP").hears("ERROR", product=HOSTILE)
    yield Life().hears("OK", provider=HOSTILE, product=HOSTILE, reason=HOSTILE)
    yield Life("CREATION_SUCCESS", provider=HOSTILE).hears("CREATION_FAIL", product=HOSTILE)


@pytest.mark.parametrize("number", range(7))
def test_a_foreign_word_is_escaped_and_shortened_for_people_and_whole_for_programs(number: int) -> None:
    decision = [*hostile_decisions()][number]
    assert decision.anomalies
    for anomaly in decision.anomalies:
        assert anomaly.explanation.isprintable()
        assert len(anomaly.explanation) < 900
        assert "W" * 100 not in anomaly.explanation
    assert r"EVIL\r\n\x1b[31m\u202e\x00WWW" in Life().hears(HOSTILE).explanation
    assert Life().hears(HOSTILE).anomalies[0].announced == HOSTILE
    assert Life().hears("OK", provider=HOSTILE).anomalies[0].detail == HOSTILE


@pytest.mark.parametrize("alias", ALIASES)
def test_a_known_account_type_is_never_called_unknown(alias: str) -> None:
    decision = Life().hears("CREATION_SUCCESS", provider=ALIASES[alias])
    assert decision.anomalies == ()


@pytest.mark.parametrize(("beyond", "remembered"), [(-MICROSECOND, ("OK",)), (timedelta(0), ()), (MICROSECOND, ())])
def test_what_was_heard_counts_as_evidence_up_to_the_retry_horizon(
    beyond: timedelta, remembered: tuple[str, ...]
) -> None:
    (anomaly,) = Life("CREATION_SUCCESS", "OK").hears("RECONNECTED", after=RETRY_HORIZON + beyond).anomalies
    assert anomaly.heard == remembered
