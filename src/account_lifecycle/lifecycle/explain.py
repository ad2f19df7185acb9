"""Anomalies, explained: what happened, what could be expected, the likely story, what to do next.

Everything here is derived from the facts that an anomaly carries and from the compiled machine; the likely
path is searched, never written by hand.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from . import definition
from .anomalies import AnomalyKind, NextStep, Severity
from .compiled import Step, compiled
from .definition import Guard
from .machine import USUAL, Situation
from .providers import profile_of
from .status import Health, Status
from .wording import JsonObject, lasting, moment, one_of, plain, printable, shown, time_text


class Anomaly(NamedTuple):
    """A deviation that was found: its facts for programs, its explanation for people."""

    kind: AnomalyKind
    account_id: str
    sequence: int
    """The account's sequence at the event that deviates."""
    at: datetime
    """When that event was received: aware, UTC."""
    announced: str
    """The status word that was announced, or the status that is stuck."""
    situation: Situation
    """Where the account stood before the event."""
    provider: str | None = None
    """The provider in force."""
    since: datetime | None = None
    """When the status of ``situation`` was entered."""
    last_announced: Status | None = None
    """The last announcement that had been accepted before ..."""
    last_heard_at: datetime | None = None
    """... and when it was last heard."""
    detail: str = ""
    """The word that it is about: the product, the account type, the owner; of a stuck status the deadline in seconds,
    of a drift what the list says."""
    product: str = ""
    """The product that the announcement named."""
    reason: str = ""
    """Why, in the vendor's own words; blank when it gave none."""
    heard_at: datetime | None = None
    """When the same word and product was heard before, as far as that is remembered."""
    known_since: datetime | None = None
    """When the account's first event arrived."""
    last_live_at: datetime | None = None
    """The last proof of life before the event."""
    held: tuple[str, ...] = ()
    """What was held within the retry horizon, since the last acceptance."""
    unsubscribed: tuple[Status, ...] = ()
    """The words that are never announced because nobody asked for them."""
    horizon: timedelta = timedelta(hours=20)
    """How long the vendor may go on retrying a delivery."""
    health: Health = Health.UNKNOWN
    """The account's health after the event."""
    moved: bool = False
    """Whether the event moved the account."""

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return self.kind.severity

    @property
    def meaning(self) -> str:
        """What its kind means, in a few words."""
        return self.kind.meaning

    @property
    def expected(self) -> tuple[Status, ...]:
        """The announcements that would have been expected."""
        return expected_from(self.situation, self.circumstances)

    @property
    def likely_path(self) -> tuple[Status, ...]:
        """The shortest expected way to what was announced; all but its last step were probably missed.

        Empty where nothing was missed: the event was overtaken, or its words make no sense here.
        """
        if self.kind not in _MISSED:
            return ()
        return shortest_path(self.situation, Status(self.announced), self.circumstances)

    @property
    def next_step(self) -> NextStep:
        """The one thing to do."""
        health = self.health if self.moved and self.kind in _MOVING else None
        return _NEXT_STEP_AFTER_MOVE.get(health, self.kind.next_step)

    @property
    def explanation(self) -> str:
        """One or two sentences for a person, then what to do."""
        return f"{_STORIES[self.kind](self)} {_ADVICE[self.next_step]}"

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
            "next_step": self.next_step.value,
            "explanation": self.explanation,
            "detail": self.detail,
        }

    @property
    def circumstances(self) -> frozenset[Guard]:
        """What holds for the account for long: the guards of its provider and of the subscription."""
        return circumstances_of(self.provider, definition.PROVES_LIFE not in self.unsubscribed)


def circumstances_of(provider: str | None, ok_subscribed: bool = True) -> frozenset[Guard]:
    """Return the guards that hold for accounts of a provider, as long as no guard of time does."""
    sync = [Guard.ANNOUNCES_SYNC] if profile_of(provider).announces_sync else []
    return frozenset([*sync, Guard.OK_SUBSCRIBED] if ok_subscribed else sync)


@lru_cache(maxsize=256)
def expected_from(situation: Situation, circumstances: frozenset[Guard] = USUAL) -> tuple[Status, ...]:
    """The announcements that are expected in a situation, in the definition's order."""
    steps = (compiled().step(situation, announced, circumstances) for announced in definition.ANNOUNCEMENTS)
    return tuple(step.announced for step in steps if step.expected)


@lru_cache(maxsize=1024)
def shortest_path(
    situation: Situation, announced: Status, circumstances: frozenset[Guard] = USUAL
) -> tuple[Status, ...]:
    """The shortest series of expected announcements from a situation that ends with ``announced``.

    At least one other announcement comes before it. Ties go to news that proves that the account exists,
    as long as nothing else has, and then to the definition's order. Empty when there is no such way.
    """
    table = compiled()
    trails = deque([(situation, ())])  # type: deque[tuple[Situation, tuple[Status, ...]]]
    seen = {situation}
    while trails:
        here, trail = trails.popleft()
        steps = (table.step(here, word, circumstances) for word in definition.ANNOUNCEMENTS)
        for step in sorted(steps, key=_telling):
            if not step.expected:
                continue
            if trail and step.announced is announced:
                return (*trail, announced)
            if step.moved and step.after not in seen:
                seen.add(step.after)
                trails.append((step.after, (*trail, step.announced)))
    return ()


def _telling(step: Step) -> bool:
    return not step.before.exists and step.announced not in definition.PROVES_EXISTENCE


def _word(a: Anomaly) -> str:
    return printable(a.announced)


def _owner(a: Anomaly) -> str:
    return f"this {printable(a.provider)} account" if a.provider else "this account, whose provider was never told,"


def _standing(a: Anomaly) -> str:
    """Where the account stood when the event came."""
    if a.situation.status is definition.INITIAL:
        return "an account that was never heard of" if a.sequence == 1 else "an account that nothing had moved yet"
    held_for = "" if a.since is None or a.since >= a.at else f", for {lasting(a.at - a.since)}"
    return f"an account that was {a.situation.status} (since {moment(a.since)}{held_for})"


def _staying(a: Anomaly) -> str:
    is_unseen = a.situation.status is definition.INITIAL
    return "nothing is known of the account yet" if is_unseen else f"the account stays {a.situation.status}"


def _expected(a: Anomaly, limit: int = 3) -> str:
    """What could have come instead, the first few of it."""
    others: tuple[str, ...] = tuple(s for s in a.expected if s is not a.situation.status)
    if not others:
        return "nothing more"
    left_out = len(others) - limit
    return one_of(others if left_out <= 1 else (*others[:limit], f"{left_out} others"))


def _newest(a: Anomaly) -> str:
    """The newest news, which overtook a held event, and when it was heard."""
    status = f"{a.situation.status} (since {moment(a.since)})"
    if a.last_announced in (None, a.situation.status):
        return status
    return f"{status} and {a.last_announced} (heard {moment(a.last_heard_at)})"


def _adopted(a: Anomaly) -> str:
    first = "the first news of this account" if a.sequence == 1 else "the first news that moves this account"
    return (
        f"{a.announced} is {first}, but a life begins with {one_of(a.expected)}. Either the account is older than this "
        f"record, or its beginning was missed; it is tracked from {moment(a.at)} on."
    )


def _skipped(a: Anomaly) -> str:
    missing = a.likely_path[:-1]
    return (
        f"{a.announced} was announced at {moment(a.at)} for {_standing(a)}, where only {_expected(a)} can follow. "
        f"{one_of(missing, 'and')} {'was' if len(missing) == 1 else 'were'} probably missed in between; the account "
        f"now counts as {a.announced}."
    )


def _unexpected_reconnect(a: Anomaly) -> str:
    moved = a.moved
    return (
        f"{a.announced} was announced at {moment(a.at)} for {_standing(a)}, when no loss was open. The user signed in "
        f"again without need, or a loss such as {one_of(a.likely_path[:-1], 'then')} was missed after "
        f"{moment(a.last_heard_at)}, or this is old news; "
        f"{f'the account now counts as {a.announced}' if moved else _staying(a)}."
    )


def _late(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced at {moment(a.at)}, but {_newest(a)} had overtaken it. It was delivered late or "
        f"twice; the account has moved on, and stays {a.situation.status}."
    )


def _sync_while_lost(a: Anomaly) -> str:
    ways_back = tuple(s for s in a.expected if s in definition.RESTORES and s is not definition.TERMINAL)
    return (
        f"{a.announced} was announced at {moment(a.at)}, but {_newest(a)} had overtaken it: the sync probably finished "
        f"before the connection was lost. Until {one_of(ways_back)} is announced, {_staying(a)}."
    )


def _contradicted(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced at {moment(a.at)}, but the account is known to exist and is {_newest(a)}. "
        f"Probably a second attempt to add the same account failed, or the two came in the wrong order; {_staying(a)}."
    )


def _after_deletion(a: Anomaly) -> str:
    later = "" if a.since is None or a.since >= a.at else f", {lasting(a.at - a.since)} later"
    return (
        f"The account is {a.situation.status} (since {moment(a.since)}), but {_word(a)} was announced at "
        f"{moment(a.at)}{later}. It was delivered late, or the id is in use again; nothing revives a deleted account, "
        f"so it stays {a.situation.status}."
    )


def _unsupported(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced at {moment(a.at)} for {_standing(a)}, but it is never announced for "
        f"{a.provider} accounts; {_expected(a)} could be expected. It was probably meant for another account; "
        f"{_staying(a)}."
    )


def _unexpected_product(a: Anomaly) -> str:
    return (
        f"{_word(a)} for {_owner(a)} named the product {shown(a.detail)}, but only a finished sync of a provider with "
        "several products names one. The product is on record; the announcement counts as usual."
    )


def _provider_changed(a: Anomaly) -> str:
    return (
        f"{_word(a)} came with the account type {shown(a.detail)}, but the account is on record as "
        f"{shown(a.provider or '')}. Probably one account id was used for two accounts; the first provider stays in "
        "force."
    )


def _unknown_provider(a: Anomaly) -> str:
    return (
        f"{_word(a)} came with the account type {shown(a.detail)}, which this version does not know, so the account "
        "may announce anything. Probably the vendor has added a provider, which a newer version of this library may "
        "know."
    )


def _unknown_status(a: Anomaly) -> str:
    return (
        f"The status {shown(a.announced)} was announced at {moment(a.at)} for {_standing(a)}, and this version does "
        f"not know it; {_expected(a)} could be expected. Probably the vendor has added a status, which a newer version "
        f"of this library may know; {_staying(a)}."
    )


def _stale_repeat(a: Anomaly) -> str:
    missed = a.likely_path[:-1]
    later = "" if a.last_heard_at is None else f"{lasting(a.at - a.last_heard_at)} after it was last heard "
    story = (
        f"Only changes are announced, so at least one was probably missed in between ({one_of(missed, 'then')}, for "
        "example)"
        if missed
        else "No expected change leads back to it, so it is most likely the old news, delivered very late"
    )
    return (
        f"{a.announced} was announced again {later}({moment(a.last_heard_at)}), too late for a redelivery. {story}; "
        f"{_staying(a)}."
    )


def _stuck(a: Anomaly) -> str:
    lasted = "" if a.since is None else f", for {lasting(a.at - a.since)}"
    return (
        f"The account has been {a.situation.status} since {moment(a.since)}{lasted}, although that should pass within "
        f"{lasting(timedelta(seconds=int(a.detail)))}. {_expected(a)} should have followed: either that news was "
        "missed, or the vendor has not finished."
    )


def _plain(a: Anomaly) -> str:
    return f"{_word(a)} at {moment(a.at)} for {_standing(a)}: {a.meaning}."


_STORIES: dict[AnomalyKind, Callable[[Anomaly], str]] = {
    AnomalyKind.ADOPTED: _adopted,
    AnomalyKind.SKIPPED_STEP: _skipped,
    AnomalyKind.LATE_EVENT: _late,
    AnomalyKind.UNEXPECTED_RECONNECT: _unexpected_reconnect,
    AnomalyKind.SYNC_WHILE_LOST: _sync_while_lost,
    AnomalyKind.CONTRADICTED_CREATION: _contradicted,
    AnomalyKind.AFTER_DELETION: _after_deletion,
    AnomalyKind.UNSUPPORTED_STATUS: _unsupported,
    AnomalyKind.UNEXPECTED_PRODUCT: _unexpected_product,
    AnomalyKind.PROVIDER_CHANGED: _provider_changed,
    AnomalyKind.UNKNOWN_PROVIDER: _unknown_provider,
    AnomalyKind.UNKNOWN_STATUS: _unknown_status,
    AnomalyKind.STALE_REPEAT: _stale_repeat,
    AnomalyKind.STUCK: _stuck,
    AnomalyKind.OUT_OF_ORDER: _plain,
    AnomalyKind.POSSIBLY_STALE: _plain,
    AnomalyKind.MISSED_OUTAGE: _plain,
    AnomalyKind.MISSED_RECOVERY: _plain,
    AnomalyKind.RECONNECT_FAILED: _plain,
    AnomalyKind.RECREATED: _plain,
    AnomalyKind.OWNER_CHANGED: _plain,
    AnomalyKind.DRIFT: _plain,
    AnomalyKind.VANISHED: _plain,
    AnomalyKind.NOT_DELETED: _plain,
}

if missing := set(AnomalyKind) - _STORIES.keys():
    raise TypeError(f"no story tells of {one_of(tuple(sorted(missing)), 'and')}: add a row to _STORIES")

_MOVING = frozenset(row.kind for row in definition.DEVIATIONS if row.moves)
_MISSED = _MOVING | {AnomalyKind.STALE_REPEAT}
"""The kinds whose likely story is that something was missed: a search can tell what."""

_NEXT_STEP_AFTER_MOVE: dict[Health | None, NextStep] = {
    Health.ACTION_REQUIRED: NextStep.ASK_RECONNECT,
    Health.INTERRUPTED: NextStep.CHECK_PLAN,
}
"""What matters more than the anomaly: the state that the account is in now."""

_ADVICE = {
    NextStep.NOTHING: "Nothing to do.",
    NextStep.WATCH: "Watch whether it happens again.",
    NextStep.RECONCILE: "Ask the vendor's API for the account's present status.",
    NextStep.ASK_RECONNECT: "Ask the user to reconnect the account.",
    NextStep.CHECK_PLAN: "Restart the account, and check its plan with the vendor.",
    NextStep.REPORT: "Report it to the vendor.",
}
