"""The vocabulary of deviations: the kinds of anomaly, how severe each is and what to do about it.

Knows words and rows; it must never know when an anomaly arises (``definition``, ``decide``) nor how
one is told to a person (``explain``).
"""

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How much an anomaly should worry you, mildest first."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class NextStep(StrEnum):
    """The one thing to do about an anomaly."""

    NOTHING = "nothing"
    WATCH = "watch"
    RECONCILE = "reconcile with the vendor"
    ASK_RECONNECT = "ask the user to reconnect"
    CHECK_PLAN = "check the plan"
    REPORT = "report to the vendor"


class AnomalyKind(StrEnum):
    """Every way in which an event can deviate from the life cycle."""

    ADOPTED = "ADOPTED"
    SKIPPED_STEP = "SKIPPED_STEP"
    LATE_EVENT = "LATE_EVENT"
    UNEXPECTED_RECONNECT = "UNEXPECTED_RECONNECT"
    SYNC_WHILE_LOST = "SYNC_WHILE_LOST"
    CONTRADICTED_CREATION = "CONTRADICTED_CREATION"
    AFTER_DELETION = "AFTER_DELETION"
    UNSUPPORTED_STATUS = "UNSUPPORTED_STATUS"
    UNEXPECTED_PRODUCT = "UNEXPECTED_PRODUCT"
    PROVIDER_CHANGED = "PROVIDER_CHANGED"
    UNKNOWN_PROVIDER = "UNKNOWN_PROVIDER"
    UNKNOWN_STATUS = "UNKNOWN_STATUS"
    STALE_REPEAT = "STALE_REPEAT"
    STUCK = "STUCK"

    @property
    def meaning(self) -> str:
        """What the kind means, in a few words."""
        return KINDS[self].meaning

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return KINDS[self].severity


class KindRow(NamedTuple):
    """One row of the table of kinds."""

    severity: Severity
    meaning: str
    next_step: NextStep


# fmt: off
KINDS: dict[AnomalyKind, KindRow] = {
    AnomalyKind.ADOPTED: KindRow(
        Severity.INFO, "first heard of in mid-life", NextStep.NOTHING),
    AnomalyKind.SKIPPED_STEP: KindRow(
        Severity.WARNING, "a step that must come first was never announced", NextStep.WATCH),
    AnomalyKind.LATE_EVENT: KindRow(
        Severity.INFO, "an announcement that newer ones have overtaken", NextStep.NOTHING),
    AnomalyKind.UNEXPECTED_RECONNECT: KindRow(
        Severity.WARNING, "reconnected while no loss was open", NextStep.WATCH),
    AnomalyKind.SYNC_WHILE_LOST: KindRow(
        Severity.WARNING, "a sync finished on an account whose connection is lost", NextStep.RECONCILE),
    AnomalyKind.CONTRADICTED_CREATION: KindRow(
        Severity.ERROR, "creation failed on an account that exists", NextStep.RECONCILE),
    AnomalyKind.AFTER_DELETION: KindRow(
        Severity.ERROR, "an event for a deleted account", NextStep.RECONCILE),
    AnomalyKind.UNSUPPORTED_STATUS: KindRow(
        Severity.WARNING, "this provider never announces this status", NextStep.REPORT),
    AnomalyKind.UNEXPECTED_PRODUCT: KindRow(
        Severity.INFO, "a product where none belongs", NextStep.NOTHING),
    AnomalyKind.PROVIDER_CHANGED: KindRow(
        Severity.ERROR, "the account type changed in mid-life", NextStep.REPORT),
    AnomalyKind.UNKNOWN_PROVIDER: KindRow(
        Severity.WARNING, "an account type that this version does not know", NextStep.WATCH),
    AnomalyKind.UNKNOWN_STATUS: KindRow(
        Severity.WARNING, "a status that this version does not know", NextStep.RECONCILE),
    AnomalyKind.STALE_REPEAT: KindRow(
        Severity.INFO, "the same announcement again, too late for a redelivery", NextStep.RECONCILE),
    AnomalyKind.STUCK: KindRow(
        Severity.WARNING, "a transient status has outlived its deadline", NextStep.RECONCILE),
}
# fmt: on
