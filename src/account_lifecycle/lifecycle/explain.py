"""Anomalies, explained: what happened, what could be expected, what is likely, what to do next."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from . import definition
from .anomalies import AnomalyKind, NextStep, Severity
from .evidence import MOVING, Facts, facts_from
from .machine import Situation
from .status import Health
from .stories import Story, awaited_by, stories_of, told
from .wording import JsonObject, event_place, lasting, moment, one_of, plain, printable, shown, time_text


class Anomaly(Facts):
    """A deviation that was found: its facts for programs, its explanation for people."""

    __slots__ = ()

    @classmethod
    def from_evidence(
        cls,
        kind: AnomalyKind,
        account_id: str,
        sequence: int,
        at: datetime,
        announced: str,
        situation: Situation,
        evidence: Mapping[str, Any],
    ) -> "Anomaly":
        """Return the anomaly of an event on record, with the facts that ``evidence()`` returned."""
        return cls(kind, account_id, sequence, at, announced, situation, **facts_from(dict(evidence)))

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return self.kind.severity

    @property
    def meaning(self) -> str:
        """What its kind means, in a few words."""
        return self.kind.meaning

    @property
    def stories(self) -> tuple[Story, ...]:
        """What can have happened, the likeliest first, as the evidence has it."""
        return stories_of(self)

    @property
    def next_step(self) -> NextStep:
        """The one thing to do."""
        matters = (self.moved and self.kind in _FOLLOWED) or self.kind in _AS_ITS_HEALTH
        return _NEXT_STEP_AT.get(self.health, self.kind.next_step) if matters else self.kind.next_step

    @property
    def story(self) -> str:
        """What was found and what is likely, in a few sentences, without what to do."""
        whose = "Its sources" if self.kind in _OF_THE_LIST else "The vendor's reason"
        reason = f"{whose}: {shown(self.reason, 80)}." if self.reason else ""
        parts = (_FACTS.get(self.kind, _announced)(self), reason, told(self.stories), _outcome(self))
        return " ".join(part for part in parts if part)

    @property
    def explanation(self) -> str:
        """The story for a person, then what to do."""
        return f"{self.story} {ADVICE[self.next_step]}"

    def __str__(self) -> str:
        what = f"{printable(self.announced)} while {self.situation.status}"
        place = event_place(self.account_id, self.sequence)
        return f"{place}: {self.kind} ({self.severity}), {what}: {self.meaning}; next step: {self.next_step}"

    def to_dict(self) -> JsonObject:
        """Return the anomaly as a JSON object: its facts, and its explanation for a person."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "meaning": self.meaning,
            "account_id": self.account_id,
            "sequence": self.sequence,
            "at": time_text(self.at),
            "announced": plain(self.announced),
            "status_before": self.situation.status.value,
            "provider": plain(self.provider),
            "expected": [status.value for status in self.expected],
            "likely_path": [status.value for status in self.likely_path],
            "stories": [
                {"story": each.kind.value, "likelihood": each.likelihood, "sentence": each.sentence}
                for each in self.stories
            ],
            "reason": self.reason,
            "next_step": self.next_step.value,
            "explanation": self.explanation,
            "detail": self.detail,
        }


_OF_THE_LIST = (AnomalyKind.DRIFT, AnomalyKind.NOT_DELETED, AnomalyKind.SYNC_MISSING)
"""Kinds of observations, whose reason is what each source said."""
_FOLLOWED = MOVING | {AnomalyKind.DRIFT}
_AS_ITS_HEALTH = (AnomalyKind.MISSED_RECOVERY, AnomalyKind.RECONNECT_FAILED)
"""Kinds of events that do not move the account, after which its health matters most all the same."""

_NEXT_STEP_AT: dict[Health, NextStep] = {
    Health.ACTION_REQUIRED: NextStep.ASK_RECONNECT,
    Health.INTERRUPTED: NextStep.CHECK_PLAN,
}
"""What matters more than the anomaly: the state that the account is in now."""

ADVICE = {
    NextStep.NOTHING: "Nothing to do.",
    NextStep.WATCH: "Watch whether it happens again.",
    NextStep.RECONCILE: "Reconcile with the vendor: what its list of accounts says settles it.",
    NextStep.ASK_RECONNECT: "Ask the user to reconnect the account.",
    NextStep.CHECK_PLAN: "Wait or restart the account, and check its plan with the vendor; the user need not sign in.",
    NextStep.REPORT: "Report it to the vendor.",
}
"""What to do, as a sentence."""


# ---- What was found -------------------------------------------------------------------------------------------


def _word(a: Facts) -> str:
    return printable(a.announced)


def _standing(a: Facts) -> str:
    """Where the account stood when the event came."""
    if a.situation.status is definition.INITIAL:
        return "an account that was never heard of" if a.sequence == 1 else "an account that nothing had moved yet"
    held_for = "" if a.since is None or a.since >= a.at else f", for {lasting(a.at - a.since)}"
    return f"an account that was {a.situation.status} (since {moment(a.since)}{held_for})"


def _expected(a: Facts, limit: int = 3) -> str:
    """What could have come instead, the first few of it."""
    others: tuple[str, ...] = tuple(s for s in a.expected if s is not a.situation.status)
    if not others:
        return "nothing more"
    left_out = len(others) - limit
    return one_of(others if left_out <= 1 else (*others[:limit], f"{left_out} others"))


def _newest(a: Facts) -> str:
    """The newest news, which overtook a held event, and when it was heard."""
    status = f"{a.situation.status} (since {moment(a.since)})"
    if a.last_announced in (None, a.situation.status):
        return status
    return f"{status} and {a.last_announced} (heard {moment(a.last_heard_at)})"


def _announced(a: Facts) -> str:
    return f"{_word(a)} was announced at {moment(a.at)} for {_standing(a)}."


def _adopted(a: Facts) -> str:
    first = "the first news of this account" if a.sequence == 1 else "the first news that moves this account"
    if a.situation.status is not definition.INITIAL:
        first = f"the first news of this account but {a.situation.status}"
    return f"{a.announced} is {first}, and nothing was heard of its creation."


def _skipped(a: Facts) -> str:
    return f"{_announced(a)[:-1]}, where only {_expected(a)} can follow."


def _late(a: Facts) -> str:
    return f"{_word(a)} was announced at {moment(a.at)}, when {_newest(a)} had overtaken it."


def _out_of_order(a: Facts) -> str:
    newer = moment(a.newest_at or a.last_heard_at)
    return f"{_word(a)} is dated {moment(a.at)}, before the newest event of the account ({newer})."


def _possibly_stale(a: Facts) -> str:
    if a.heard_at is None:
        return _announced(a)
    return f"{_announced(a)[:-1]}; the same was heard at {moment(a.heard_at)}, before newer news."


def _again(a: Facts) -> str:
    """Of an announcement that was the last one already."""
    heard_at = a.last_heard_at if a.heard_at is None else a.heard_at
    later = "" if heard_at is None else f", {lasting(a.at - heard_at)} after it was last heard ({moment(heard_at)})"
    since = f", and the account was {a.situation.status} all the while" if a.announced != a.situation.status else ""
    return f"{_word(a)} was announced again at {moment(a.at)}{later}{since}."


def _reconnected(a: Facts) -> str:
    return f"{_announced(a)[:-1]}, when no loss was open."


def _held(a: Facts) -> str:
    return f"{_word(a)} was announced at {moment(a.at)}, while the account was {_newest(a)}."


def _after_deletion(a: Facts) -> str:
    later = "" if a.since is None or a.since >= a.at else f", {lasting(a.at - a.since)} later"
    return f"The account is {a.situation.status} (since {moment(a.since)}), but {_word(a)} was announced{later}."


def _unsupported(a: Facts) -> str:
    return f"{_announced(a)[:-1]}, but it is never announced for {a.provider} accounts; {_expected(a)} could follow."


def _unexpected_product(a: Facts) -> str:
    whose = f"this {printable(a.provider)} account" if a.provider else "this account, whose provider is not known,"
    return (
        f"{_word(a)} for {whose} named the product {shown(a.detail)}, but only a finished sync of a provider with "
        "several products names one."
    )


def _provider_changed(a: Facts) -> str:
    known = shown(a.provider or "")
    return f"{_word(a)} came with the account type {shown(a.detail)}, but the account is on record as {known}."


def _owner_changed(a: Facts) -> str:
    return f"{_word(a)} came at {moment(a.at)} with the name {shown(a.detail)}, but the account has another owner."


def _unknown_provider(a: Facts) -> str:
    return f"{_word(a)} came with the account type {shown(a.detail)}, which this version does not know."


def _unknown_status(a: Facts) -> str:
    where = f"announced at {moment(a.at)} for {_standing(a)}"
    return f"The status {shown(a.announced)}, a word that is unknown here, was {where}."


def _stuck(a: Facts) -> str:
    allowed = lasting(timedelta(seconds=int(a.detail or 0)))
    return (
        f"The account has been {a.situation.status} since {moment(a.since)}, longer than the {allowed} within which "
        f"that should pass; {one_of(awaited_by(a))} should have followed."
    )


def _sync_missing(a: Facts) -> str:
    since = moment(a.signed_in_at)
    return (
        f"The vendor's list names the account's premium option {shown(a.detail)}, so that two syncs follow each "
        f"sign-in (one for Classic, one for the option); since the last sign-in, at {since}, fewer have finished."
    )


def _drift(a: Facts) -> str:
    return f"The vendor's list said {printable(a.detail)} at {moment(a.at)} of {_standing(a)}."


def _vanished(a: Facts) -> str:
    return f"The vendor's list did not have the account any more at {moment(a.at)}; it was {_newest(a)}."


def _not_deleted(a: Facts) -> str:
    return (
        f"The account is {a.situation.status} (since {moment(a.since)}), but the vendor's list still had it at "
        f"{moment(a.at)}, as {printable(a.detail)}."
    )


_FACTS: dict[AnomalyKind, Callable[[Facts], str]] = {
    AnomalyKind.ADOPTED: _adopted,
    AnomalyKind.SKIPPED_STEP: _skipped,
    AnomalyKind.LATE_EVENT: _late,
    AnomalyKind.OUT_OF_ORDER: _out_of_order,
    AnomalyKind.POSSIBLY_STALE: _possibly_stale,
    AnomalyKind.STALE_REPEAT: _again,
    AnomalyKind.MISSED_OUTAGE: _again,
    AnomalyKind.MISSED_RECOVERY: _again,
    AnomalyKind.UNEXPECTED_RECONNECT: _reconnected,
    AnomalyKind.RECONNECT_FAILED: _held,
    AnomalyKind.SYNC_WHILE_LOST: _held,
    AnomalyKind.CONTRADICTED_CREATION: _held,
    AnomalyKind.RECREATED: _held,
    AnomalyKind.AFTER_DELETION: _after_deletion,
    AnomalyKind.UNSUPPORTED_STATUS: _unsupported,
    AnomalyKind.UNEXPECTED_PRODUCT: _unexpected_product,
    AnomalyKind.PROVIDER_CHANGED: _provider_changed,
    AnomalyKind.OWNER_CHANGED: _owner_changed,
    AnomalyKind.UNKNOWN_PROVIDER: _unknown_provider,
    AnomalyKind.UNKNOWN_STATUS: _unknown_status,
    AnomalyKind.STUCK: _stuck,
    AnomalyKind.SYNC_MISSING: _sync_missing,
    AnomalyKind.DRIFT: _drift,
    AnomalyKind.VANISHED: _vanished,
    AnomalyKind.NOT_DELETED: _not_deleted,
}


def _outcome(a: Facts) -> str:
    """What it did to the account; blank where that is said or goes without saying."""
    if a.kind in _OUTCOMES:
        return _OUTCOMES[a.kind]
    if a.moved:
        return f"The account now counts as {_word(a)}."
    if a.situation.status is definition.INITIAL:
        return "Nothing is known of the account yet."
    return f"The account stays {a.situation.status}."


_OUTCOMES = {
    AnomalyKind.UNEXPECTED_PRODUCT: "The product is on record; the announcement counts as usual.",
    AnomalyKind.PROVIDER_CHANGED: "The first provider stays in force.",
    AnomalyKind.OWNER_CHANGED: "The first owner stays.",
    AnomalyKind.UNKNOWN_PROVIDER: "Anything may be announced for the account.",
    AnomalyKind.MISSED_OUTAGE: "The account stays OK, and the effect recovered says what to backfill.",
    AnomalyKind.STUCK: "",
    AnomalyKind.VANISHED: "The account now counts as DELETED.",
}
