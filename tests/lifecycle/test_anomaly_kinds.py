"""The kinds of anomaly: how severe each is, and that each says what it means and what to do."""

import pytest

from account_lifecycle.lifecycle.anomalies import AnomalyKind, NextStep, Severity

SEVERITIES = {
    "ADOPTED": "info",
    "SKIPPED_STEP": "warning",
    "LATE_EVENT": "info",
    "OUT_OF_ORDER": "warning",
    "POSSIBLY_STALE": "info",
    "STALE_REPEAT": "info",
    "MISSED_OUTAGE": "info",
    "MISSED_RECOVERY": "warning",
    "UNEXPECTED_RECONNECT": "warning",
    "RECONNECT_FAILED": "info",
    "SYNC_WHILE_LOST": "warning",
    "CONTRADICTED_CREATION": "warning",
    "RECREATED": "warning",
    "AFTER_DELETION": "error",
    "UNSUPPORTED_STATUS": "warning",
    "UNEXPECTED_PRODUCT": "info",
    "PROVIDER_CHANGED": "error",
    "OWNER_CHANGED": "warning",
    "UNKNOWN_PROVIDER": "warning",
    "UNKNOWN_STATUS": "warning",
    "STUCK": "warning",
    "SYNC_MISSING": "warning",
    "DRIFT": "warning",
    "VANISHED": "warning",
    "NOT_DELETED": "error",
}
NEXT_STEPS = {
    "nothing",
    "watch",
    "reconcile with the vendor",
    "ask the user to reconnect",
    "check the plan",
    "report to the vendor",
}
each_kind = pytest.mark.parametrize("kind", AnomalyKind)


def test_the_kinds_are_exactly_these() -> None:
    assert {kind.value for kind in AnomalyKind} == set(SEVERITIES)


@each_kind
def test_each_kind_has_its_severity(kind: AnomalyKind) -> None:
    assert kind.severity == SEVERITIES[kind]


@each_kind
def test_each_kind_says_what_it_means_in_a_few_words(kind: AnomalyKind) -> None:
    assert 0 < len(kind.meaning) < 80
    assert kind.meaning.isprintable()


def test_the_next_steps_are_exactly_these() -> None:
    assert set(NextStep) == NEXT_STEPS


def test_severities_come_mildest_first() -> None:
    assert list(Severity) == ["info", "warning", "error"]
