"""The vocabulary of deviations: the kinds of anomaly, how severe each is and what to do about it."""

from enum import StrEnum


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


# fmt: off
class AnomalyKind(StrEnum):
    """Every way in which an event can deviate from the life cycle, one row each: its severity, what it means,
    and what to do about it. How each is explained to a person is in ``explain``.
    """

    ADOPTED = (
        "ADOPTED", Severity.INFO, "first heard of in mid-life", NextStep.NOTHING)
    SKIPPED_STEP = (
        "SKIPPED_STEP", Severity.WARNING, "a step that must come first was never announced", NextStep.WATCH)
    LATE_EVENT = (
        "LATE_EVENT", Severity.INFO, "an announcement that newer ones have overtaken", NextStep.NOTHING)
    UNEXPECTED_RECONNECT = (
        "UNEXPECTED_RECONNECT", Severity.WARNING, "reconnected while no loss was open", NextStep.WATCH)
    SYNC_WHILE_LOST = (
        "SYNC_WHILE_LOST", Severity.WARNING, "a sync finished on an account whose connection is lost",
        NextStep.RECONCILE)
    CONTRADICTED_CREATION = (
        "CONTRADICTED_CREATION", Severity.ERROR, "creation failed on an account that exists", NextStep.RECONCILE)
    AFTER_DELETION = (
        "AFTER_DELETION", Severity.ERROR, "an event for a deleted account", NextStep.RECONCILE)
    UNSUPPORTED_STATUS = (
        "UNSUPPORTED_STATUS", Severity.WARNING, "this provider never announces this status", NextStep.REPORT)
    UNEXPECTED_PRODUCT = (
        "UNEXPECTED_PRODUCT", Severity.INFO, "a product where none belongs", NextStep.NOTHING)
    PROVIDER_CHANGED = (
        "PROVIDER_CHANGED", Severity.ERROR, "the account type changed in mid-life", NextStep.REPORT)
    UNKNOWN_PROVIDER = (
        "UNKNOWN_PROVIDER", Severity.WARNING, "an account type that this version does not know", NextStep.WATCH)
    UNKNOWN_STATUS = (
        "UNKNOWN_STATUS", Severity.WARNING, "a status that this version does not know", NextStep.RECONCILE)
    STALE_REPEAT = (
        "STALE_REPEAT", Severity.INFO, "the same announcement again, too late for a redelivery", NextStep.RECONCILE)
    STUCK = (
        "STUCK", Severity.WARNING, "a transient status has outlived its deadline", NextStep.RECONCILE)

    severity: Severity
    meaning: str
    next_step: NextStep

    def __new__(
        cls, word: str, severity: Severity = Severity.INFO, meaning: str = "", next_step: NextStep = NextStep.NOTHING
    ) -> "AnomalyKind":
        """Make a member from its row; the defaults are for looking a member up by its word."""
        kind = str.__new__(cls, word)
        kind._value_ = word
        kind.severity, kind.meaning, kind.next_step = severity, meaning, next_step
        return kind
# fmt: on

for _kind in AnomalyKind:
    if not _kind.meaning:
        raise TypeError(f"AnomalyKind.{_kind.name} needs a row: its word, severity, meaning and next step")
