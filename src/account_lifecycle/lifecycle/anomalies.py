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
        "LATE_EVENT", Severity.INFO, "overtaken by newer announcements, or the other channel's twin", NextStep.NOTHING)
    OUT_OF_ORDER = (
        "OUT_OF_ORDER", Severity.WARNING, "fed after events that arrived later", NextStep.WATCH)
    POSSIBLY_STALE = (
        "POSSIBLY_STALE", Severity.INFO, "it moved the account, but may be a late redelivery", NextStep.RECONCILE)
    STALE_REPEAT = (
        "STALE_REPEAT", Severity.INFO, "the same announcement again, too late for a quick retry", NextStep.NOTHING)
    MISSED_OUTAGE = (
        "MISSED_OUTAGE", Severity.INFO, "OK again: an outage in between went unheard", NextStep.NOTHING)
    MISSED_RECOVERY = (
        "MISSED_RECOVERY", Severity.WARNING, "lost again: a recovery in between went unheard", NextStep.WATCH)
    UNEXPECTED_RECONNECT = (
        "UNEXPECTED_RECONNECT", Severity.WARNING, "reconnected, yet no loss was ever announced", NextStep.WATCH)
    RECONNECT_FAILED = (
        "RECONNECT_FAILED", Severity.INFO, "an attempt to sign in again failed", NextStep.NOTHING)
    SYNC_WHILE_LOST = (
        "SYNC_WHILE_LOST", Severity.WARNING, "a sync finished on an account whose connection is lost",
        NextStep.RECONCILE)
    CONTRADICTED_CREATION = (
        "CONTRADICTED_CREATION", Severity.WARNING, "creation failed on an account that exists", NextStep.RECONCILE)
    RECREATED = (
        "RECREATED", Severity.WARNING, "created again, long after it was known", NextStep.RECONCILE)
    AFTER_DELETION = (
        "AFTER_DELETION", Severity.ERROR, "an event for an account deleted long ago", NextStep.RECONCILE)
    UNSUPPORTED_STATUS = (
        "UNSUPPORTED_STATUS", Severity.WARNING, "this provider never announces this status", NextStep.REPORT)
    UNEXPECTED_PRODUCT = (
        "UNEXPECTED_PRODUCT", Severity.INFO, "a product where none belongs", NextStep.NOTHING)
    PROVIDER_CHANGED = (
        "PROVIDER_CHANGED", Severity.ERROR, "the account type changed in mid-life", NextStep.REPORT)
    OWNER_CHANGED = (
        "OWNER_CHANGED", Severity.WARNING, "the owner's name changed in mid-life", NextStep.RECONCILE)
    UNKNOWN_PROVIDER = (
        "UNKNOWN_PROVIDER", Severity.WARNING, "an account type that this version does not know", NextStep.WATCH)
    UNKNOWN_STATUS = (
        "UNKNOWN_STATUS", Severity.WARNING, "a status that this version does not know", NextStep.RECONCILE)
    STUCK = (
        "STUCK", Severity.WARNING, "a transient status has outlived its deadline", NextStep.RECONCILE)
    SYNC_MISSING = (
        "SYNC_MISSING", Severity.WARNING, "a premium account has synced less than it has products", NextStep.REPORT)
    DRIFT = (
        "DRIFT", Severity.WARNING, "the vendor's list says otherwise", NextStep.WATCH)
    VANISHED = (
        "VANISHED", Severity.WARNING, "the vendor's list has it no more", NextStep.WATCH)
    NOT_DELETED = (
        "NOT_DELETED", Severity.ERROR, "deleted, yet the vendor's list still has it", NextStep.REPORT)

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
