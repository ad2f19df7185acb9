"""Explanations: what every anomaly, wherever it arises, tells a person and a program."""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.decide import Decision
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.providers import ALIASES
from lifecycle.expected_table import CELLS, WAYS, WORDS, Spot, after, cell, expected, named
from lifecycle_builders import DAY, HOUR, MINUTE, STRANGER, SYNC_SILENT, Life, kinds_of

ADVICE = {
    "nothing": "nothing",
    "watch": "watch",
    "reconcile with the vendor": "vendor",
    "ask the user to reconnect": "reconnect",
    "check the plan": "plan",
    "report to the vendor": "vendor",
}
HOSTILE = "EVIL\r\n\x1b[31m\u202e\x00" + "W" * 5_000
"""A foreign word that would break a log line, and fill it."""


def every_decision() -> Iterator[Decision]:
    """Each odd thing after each life: every word, late and at once, of every sort of provider."""
    for words in WAYS.values():
        for told_before, told in ((None, None), (None, "GOOGLE"), (None, STRANGER), ("LINKEDIN", "X")):
            for word in (*WORDS, "FROZEN"):
                for product, pause in (("", MINUTE), ("", DAY), ("classic", MINUTE)):
                    life = Life(*words, provider=told_before)
                    yield life.hears(word, provider=told, product=product, after=pause)
        if words:
            yield Life(*words).outlives_its_deadline()


@cache
def anomalies() -> dict[str, list[Anomaly]]:
    """Every anomaly that can be found, by kind."""
    found: defaultdict[str, list[Anomaly]] = defaultdict(list)
    for decision in every_decision():
        for anomaly in decision.anomalies:
            found[anomaly.kind].append(anomaly)
    return found


each_kind = pytest.mark.parametrize("kind", AnomalyKind)


def announces_sync(anomaly: Anomaly) -> bool:
    return anomaly.provider not in SYNC_SILENT


# ---- Of every anomaly -----------------------------------------------------------------------------


@each_kind
def test_a_story_is_one_printable_line(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        assert anomaly.explanation.isprintable()
        assert anomaly.explanation == " ".join(anomaly.explanation.split())
        assert 40 < len(anomaly.explanation) < 700


@each_kind
def test_a_story_ends_with_what_to_do(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        advice = re.split(r"(?<=\.) ", anomaly.explanation)[-1]
        assert advice.endswith(".")
        assert ADVICE[anomaly.next_step] in advice.lower()


@each_kind
def test_a_story_is_for_people(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        for artefact in ("None", "Status.", "Kind.", "<", ">", "datetime", "()", "( ", "''", "  ", " ,", " ."):
            assert artefact not in anomaly.explanation


@each_kind
def test_a_story_names_the_word_that_was_odd(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        odd_word = anomaly.detail if kind in ("PROVIDER_CHANGED", "UNKNOWN_PROVIDER") else anomaly.announced
        assert odd_word in anomaly.explanation


@each_kind
def test_an_anomaly_expected_what_would_have_been_lawful(kind: AnomalyKind) -> None:
    for anomaly in anomalies()[kind]:
        assert set(anomaly.expected) == expected(anomaly.situation.key, announces_sync=announces_sync(anomaly))


def test_an_anomaly_carries_its_facts() -> None:
    for decision in every_decision():
        for anomaly in decision.anomalies:
            assert anomaly.account_id == decision.after.account_id
            assert (anomaly.sequence, anomaly.at) == (decision.sequence, decision.event.received_at)
            assert (anomaly.announced, anomaly.situation) == (decision.event.status, decision.before.situation)
            assert (anomaly.provider, anomaly.since) == (decision.after.provider, decision.before.since)
            assert (anomaly.severity, anomaly.meaning) == (anomaly.kind.severity, anomaly.kind.meaning)


def test_a_decision_tells_the_stories_of_all_its_anomalies() -> None:
    decision = Life().hears("SYNC_SUCCESS", provider=STRANGER, product="classic")

    assert decision.explanation.splitlines() == [anomaly.explanation for anomaly in decision.anomalies]


# ---- The shortest expected path -----------------------------------------------------------------------


def fewest_steps(spot: Spot, word: str, *, announces_sync: bool) -> int:
    """How many expected announcements lead to ``word``, at least one move before it; 0 if none do. Tries them all."""
    reached = {spot}
    for count in range(1, 6):
        steps = {(here, w) for here in reached for w in expected(here, announces_sync=announces_sync)}
        if count > 1 and any(w == word for _, w in steps):
            return count
        reached = {after(here, w) for here, w in steps if cell(here, w).mark == ">"}
    return 0


def is_lawful_all_the_way(spot: Spot, path: tuple[str, ...], *, announces_sync: bool) -> bool:
    for word in path:
        if word not in expected(spot, announces_sync=announces_sync):
            return False
        spot = after(spot, word, announces_sync=announces_sync)
    return True


@pytest.mark.parametrize("kind", ["ADOPTED", "SKIPPED_STEP", "UNEXPECTED_RECONNECT"])
def test_the_likely_path_of_a_forbidden_move_is_a_shortest_lawful_one(kind: str) -> None:
    for anomaly in anomalies()[kind]:
        sync = announces_sync(anomaly)
        path = anomaly.likely_path
        assert path[-1] == anomaly.announced
        assert is_lawful_all_the_way(anomaly.situation.key, path, announces_sync=sync)
        assert len(path) == fewest_steps(anomaly.situation.key, anomaly.announced, announces_sync=sync)


@pytest.mark.parametrize("kind", ["SKIPPED_STEP", "UNEXPECTED_RECONNECT"])
def test_the_story_of_a_forbidden_move_names_every_step_that_was_missed(kind: str) -> None:
    for anomaly in anomalies()[kind]:
        missed = anomaly.likely_path[:-1]
        told = re.search(
            r"\b([A-Z_]+(?:(?:, | and | then )[A-Z_]+)*) (?:was|were) (?:probably )?missed", anomaly.explanation
        )
        assert told is not None
        assert tuple(re.findall(r"[A-Z_]+", told[1])) == missed


@pytest.mark.parametrize("kind", ["LATE_EVENT", "SYNC_WHILE_LOST", "CONTRADICTED_CREATION", "AFTER_DELETION"])
def test_what_was_overtaken_missed_nothing(kind: str) -> None:
    assert {anomaly.likely_path for anomaly in anomalies()[kind]} == {()}


@pytest.mark.parametrize("provider", [None, "LINKEDIN", "GOOGLE"])
def test_after_a_failed_creation_ok_says_that_the_creation_was_missed(provider: str | None) -> None:
    anomaly = Life("CREATION_FAIL", provider=provider).hears("OK").anomalies[0]

    assert anomaly.kind == "SKIPPED_STEP"
    assert anomaly.likely_path == ("CREATION_SUCCESS", "OK")
    assert "CREATION_SUCCESS was probably missed" in anomaly.explanation


def test_a_reconnect_out_of_nowhere_says_that_a_loss_was_missed() -> None:
    anomaly = Life("CREATION_SUCCESS", "OK").hears("RECONNECTED").anomalies[0]

    assert anomaly.likely_path == ("CREDENTIALS", "RECONNECTED")
    assert "a loss such as CREDENTIALS was missed" in anomaly.explanation


@pytest.mark.parametrize("words", [*WAYS.values()], ids=" ".join)
def test_a_stale_repeat_names_what_can_lawfully_have_come_between(words: tuple[str, ...]) -> None:
    if not words:
        return
    anomaly = Life(*words).hears(words[-1], after=DAY).anomalies[0]

    assert anomaly.kind == "STALE_REPEAT"
    assert len(anomaly.likely_path) == fewest_steps(anomaly.situation.key, words[-1], announces_sync=True)
    assert is_lawful_all_the_way(anomaly.situation.key, anomaly.likely_path, announces_sync=True)


@pytest.mark.parametrize(
    ("words", "provider"),
    [(("DELETED",), None), (("CREATION_SUCCESS",), None), (("CREATION_SUCCESS", "SYNC_SUCCESS"), "GOOGLE")],
)
def test_a_stale_repeat_never_says_that_nothing_was_missed(words: tuple[str, ...], provider: str | None) -> None:
    """None of these can lawfully be announced twice, so no expected story leads from one to the other."""
    explanation = Life(*words).hears(words[-1], after=DAY, provider=provider).explanation

    assert "such as nothing" not in explanation


# ---- What was overtaken -----------------------------------------------------------------------------


def minute(anomaly: Anomaly) -> str:
    assert anomaly.since is not None
    return anomaly.since.strftime("%Y-%m-%d %H:%M")


HELD_BY_TABLE = [(spot, word) for spot, word in CELLS if not cell(spot, word).accepted]


@pytest.mark.parametrize(("spot", "word"), HELD_BY_TABLE, ids=named)
def test_a_held_event_says_what_overtook_it_and_when(spot: Spot, word: str) -> None:
    words = WAYS.get((spot, True)) or WAYS[spot, False]
    anomaly = Life(*words).hears(word, after=HOUR).anomalies[0]

    assert re.search(rf"{spot[0]}\b.*{minute(anomaly)}|{minute(anomaly)}.*\b{spot[0]}\b", anomaly.explanation)
    assert f"stays {spot[0]}" in anomaly.explanation


def test_a_late_event_names_the_newest_news_as_well() -> None:
    life = Life("CREATION_SUCCESS", "OK")
    life.hears("SYNC_SUCCESS", after=HOUR)
    explanation = life.hears("CREATION_SUCCESS").explanation

    assert "SYNC_SUCCESS" in explanation
    assert "2026-05-01 13:02" in explanation


def test_an_attempt_to_connect_is_never_said_to_prove_that_the_account_exists() -> None:
    explanation = Life("CREATION_SUCCESS", "CONNECTING").hears("CREATION_FAIL").explanation

    assert "although CONNECTING" not in explanation


def test_a_late_birth_is_only_called_known_when_it_is() -> None:
    assert "already known" not in Life("OK").hears("CREATION_SUCCESS").explanation


@pytest.mark.parametrize("words", [("CREDENTIALS", "OK"), ("CREDENTIALS", "RECONNECTED", "OK")], ids=" ".join)
def test_a_reconnect_after_a_loss_never_says_that_no_loss_was_announced(words: tuple[str, ...]) -> None:
    """OK overtook the reconnect, or the other channel has told of it already."""
    decision = Life("CREATION_SUCCESS", "OK", *words).hears("RECONNECTED")

    assert kinds_of(decision) == ["UNEXPECTED_RECONNECT"]
    assert "no loss had been announced" not in decision.explanation


def test_an_account_is_only_said_to_be_unheard_of_when_it_is() -> None:
    life = Life("FROZEN")

    assert "never heard of" in life.decisions[-1].explanation
    assert "never heard of" not in life.hears("FROZEN").explanation


def test_an_adopted_account_is_only_said_to_be_unheard_of_when_it_is() -> None:
    assert "first news of this account" in Life("OK").decisions[-1].explanation
    assert "first news of this account" not in Life("FROZEN", "OK").decisions[-1].explanation


# ---- What to do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("CREDENTIALS",), ("PERMISSIONS",), ("CREATION_FAIL", "CREDENTIALS")])
def test_an_account_found_without_credentials_needs_its_user(words: tuple[str, ...]) -> None:
    assert Life(*words).decisions[-1].anomalies[0].next_step == "ask the user to reconnect"


@pytest.mark.parametrize("word", ["ERROR", "STOPPED"])
def test_an_account_found_interrupted_never_asks_for_a_reconnect(word: str) -> None:
    assert Life(word).decisions[-1].anomalies[0].next_step != "ask the user to reconnect"


def test_a_stuck_account_says_since_when_and_what_should_have_followed() -> None:
    life = Life("CONNECTING")
    explanation = life.outlives_its_deadline(after=DAY).explanation

    assert "2026-05-01 12:01" in explanation
    assert "1 h" in explanation
    assert "CREATION_SUCCESS" in explanation


def test_a_silent_providers_sync_names_the_provider() -> None:
    assert "GOOGLE" in Life("CREATION_SUCCESS", provider="GOOGLE").hears("SYNC_SUCCESS").explanation


def test_a_changed_provider_names_both() -> None:
    explanation = Life("OK", provider="LINKEDIN").hears("ERROR", provider="TELEGRAM").explanation

    assert "LINKEDIN" in explanation
    assert "TELEGRAM" in explanation


def test_an_unexpected_product_is_named() -> None:
    assert "recruiter" in Life("CREATION_SUCCESS", provider="IMAP").hears("OK", product="recruiter").explanation


# ---- Foreign words ----------------------------------------------------------------------------------


def hostile_decisions() -> Iterator[Decision]:
    yield Life().hears(HOSTILE)
    yield Life("DELETED").hears(HOSTILE)
    yield Life("OK", provider="LINKEDIN").hears("ERROR", provider=HOSTILE)
    yield Life("OK", provider=HOSTILE).hears("ERROR", provider="LINKEDIN")
    yield Life("OK", provider="IMAP").hears("ERROR", product=HOSTILE)
    yield Life().hears("OK", provider=HOSTILE)
    yield Life().hears("OK", provider=HOSTILE, product=HOSTILE)
    yield Life("CREATION_SUCCESS", provider=HOSTILE).hears("CREATION_FAIL", product=HOSTILE)


@pytest.mark.parametrize("decision", [*hostile_decisions()], ids=lambda d: "+".join(kinds_of(d)))
def test_a_foreign_word_is_escaped_and_shortened(decision: Decision) -> None:
    for anomaly in decision.anomalies:
        assert anomaly.explanation.isprintable()
        assert len(anomaly.explanation) < 700
        assert "W" * 100 not in anomaly.explanation


def test_a_foreign_word_can_still_be_recognized() -> None:
    explanation = Life().hears(HOSTILE).explanation

    assert r"EVIL\r\n\x1b[31m\u202e\x00WWW" in explanation


def test_a_foreign_word_is_kept_whole_for_programs() -> None:
    assert Life().hears(HOSTILE).anomalies[0].announced == HOSTILE
    assert Life().hears("OK", provider=HOSTILE).anomalies[0].detail == HOSTILE


@pytest.mark.parametrize("alias", ALIASES)
def test_a_known_account_type_is_never_called_unknown(alias: str) -> None:
    assert kinds_of(Life().hears("CONNECTING", provider=ALIASES[alias])) == []
