"""Every announcement in every situation, for every provider: the decision is total, and as the rules are read."""

from collections.abc import Iterator

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.decide import Decision
from lifecycle.expected_table import WAYS, WORDS, Spot, named
from lifecycle.reading import Reading
from lifecycle_builders import DAY, FAMILIES, MINUTE, STRANGER, Life, kinds_of

TOLD = [*FAMILIES, STRANGER, None]
each_way = pytest.mark.parametrize("way", WAYS, ids=named)


def every_decision(way: tuple[Spot, bool]) -> Iterator[tuple[Decision, tuple[str, list[str]], Reading]]:
    """What each provider's each word does after one life, and what the rules make of it."""
    for provider in TOLD:
        for word in (*WORDS, "FROZEN"):
            for product in ("", "classic"):
                for pause in (MINUTE, DAY):
                    life, reading = Life(*WAYS[way]), Reading()
                    for decision in life.decisions:
                        reading.judge(decision.event)  # type: ignore[arg-type]  # announcements only
                    decision = life.hears(word, provider=provider, product=product, after=pause)
                    yield decision, reading.judge(decision.event), reading  # type: ignore[arg-type]


@each_way
def test_every_decision_is_as_the_rules_are_read(way: tuple[Spot, bool]) -> None:
    for decision, (verdict, kinds), reading in every_decision(way):
        assert (decision.verdict, kinds_of(decision)) == (verdict, kinds), decision.event
        assert decision.after.situation.key == reading.spot, decision.event


@each_way
def test_every_decision_is_consistent_in_itself(way: tuple[Spot, bool]) -> None:
    for decision, _, _ in every_decision(way):
        assert decision.sequence == decision.before.sequence + 1
        assert decision.verdict == "APPLIED" or decision.after.situation == decision.before.situation
        assert all(anomaly.sequence == decision.sequence for anomaly in decision.anomalies)
        assert all(anomaly.situation == decision.before.situation for anomaly in decision.anomalies)
        assert len(set(kinds_of(decision))) == len(decision.anomalies)


def test_every_kind_of_anomaly_is_found_somewhere() -> None:
    found = {kind for way in WAYS for decision, _, _ in every_decision(way) for kind in kinds_of(decision)}
    # The other two need a second provider, and a deadline.
    assert found == {kind.value for kind in AnomalyKind} - {"PROVIDER_CHANGED", "STUCK"}
