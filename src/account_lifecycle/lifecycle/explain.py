"""Anomalies, explained: what happened, what could be expected, the likely story, what to do next.

Everything here is derived from the facts an anomaly carries and from the compiled machine; the likely
path is searched, never written by hand. It must never know the clock or the store.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from . import definition
from .anomalies import KINDS, AnomalyKind, NextStep, Severity
from .compiled import compiled, health_of
from .machine import Situation
from .providers import profile_of
from .status import Health, Status


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
    """The odd word: the product, the account type; the deadline in seconds of a stuck status."""

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return KINDS[self.kind].severity

    @property
    def meaning(self) -> str:
        """What its kind means, in a few words."""
        return KINDS[self.kind].meaning

    @property
    def expected(self) -> tuple[Status, ...]:
        """The announcements that would have been lawful."""
        return lawful_from(self.situation, profile_of(self.provider).announces_sync)

    @property
    def likely_path(self) -> tuple[Status, ...]:
        """The shortest lawful way to what was announced; all but its last step were probably missed.

        Empty where nothing was missed: the event was overtaken, or its words make no sense here.
        """
        if self.kind not in _MISSED:
            return ()
        return shortest_path(self.situation, Status(self.announced), profile_of(self.provider).announces_sync)

    @property
    def next_step(self) -> NextStep:
        """The one thing to do."""
        return _NEXT_STEP_AFTER_MOVE.get(self._health_after, KINDS[self.kind].next_step)

    @property
    def explanation(self) -> str:
        """One or two sentences for a person, then what to do."""
        return f"{_STORIES[self.kind](self)} {_ADVICE[self.next_step]}"

    @property
    def _health_after(self) -> Health | None:
        """The health that a tolerated move led to; None when nothing moved."""
        if self.kind not in _MOVING or self.announced not in definition.ANNOUNCEMENTS:
            return None
        step = compiled().step(self.situation, Status(self.announced))
        return health_of(step.after, ok_heard=False) if step.moved else None


@lru_cache(maxsize=256)
def lawful_from(situation: Situation, announces_sync: bool) -> tuple[Status, ...]:
    """The announcements that are lawful in a situation, in the definition's order."""
    steps = compiled().steps[announces_sync][False][situation].values()
    return tuple(step.announced for step in steps if step.lawful)


@lru_cache(maxsize=1024)
def shortest_path(situation: Situation, announced: Status, announces_sync: bool = True) -> tuple[Status, ...]:
    """The shortest series of lawful announcements from a situation that ends with ``announced``.

    At least one other announcement comes before it. Ties go to the definition's order. Empty when there
    is no such way.
    """
    table = compiled().steps[announces_sync][False]
    trails = deque([(situation, ())])  # type: deque[tuple[Situation, tuple[Status, ...]]]
    seen = {situation}
    while trails:
        here, trail = trails.popleft()
        for step in table[here].values():
            if not step.lawful:
                continue
            if trail and step.announced is announced:
                return (*trail, announced)
            if step.moved and step.after not in seen:
                seen.add(step.after)
                trails.append((step.after, (*trail, step.announced)))
    return ()


def moment(at: datetime | None) -> str:
    """A time for people, to the second."""
    return "an unknown time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S UTC")


def lasting(length: timedelta) -> str:
    """A length of time for people, in its two largest units: ``3 h 20 min``."""
    seconds = int(abs(length.total_seconds()))
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def one_of(words: tuple[str, ...], conjunction: str = "or") -> str:
    """``A``, ``A or B``, ``A, B or C``; "nothing" for none."""
    if len(words) < 2:
        return "".join(words) or "nothing"
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def shown(text: str, limit: int = 40) -> str:
    """Somebody else's word, made safe to print: shortened, its unprintable characters escaped."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text[:limit])
    return f"'{escaped}{'…' if len(text) > limit else ''}'"


def _word(a: Anomaly) -> str:
    return shown(a.announced)[1:-1]


def _where(a: Anomaly) -> str:
    if a.situation.status is definition.INITIAL:
        return "for an account that was never heard of"
    return f"while the account was {a.situation.status} (since {moment(a.since)}{_ago(a.since, a.at)})"


def _ago(then: datetime | None, now: datetime) -> str:
    return "" if then is None or then >= now else f", for {lasting(now - then)}"


def _missed(a: Anomaly) -> str:
    missing = a.likely_path[:-1]
    if not missing:
        return "No lawful way leads there"
    return f"{one_of(missing, 'and')} {'was' if len(missing) == 1 else 'were'} probably missed"


def _adopted(a: Anomaly) -> str:
    return (
        f"{a.announced} is the first thing ever heard of this account, where {one_of(a.expected)} begins a life: "
        f"it is older than this record, or its birth was missed. It is tracked from {moment(a.at)} on."
    )


def _skipped(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced {_where(a)}, where only {one_of(a.expected)} can follow. "
        f"{_missed(a)} before {moment(a.at)}; the account now counts as {a.announced}."
    )


def _unexpected_reconnect(a: Anomaly) -> str:
    stays = not compiled().step(a.situation, Status(a.announced)).moved
    ending = f"the account stays {a.situation.status}" if stays else f"the account now counts as {a.announced}"
    return (
        f"{a.announced} was announced {_where(a)}, yet no loss had been announced. Either the user signed in again "
        f"without need, or {_missed(a)} after {moment(a.last_heard_at)}; {ending}."
    )


def _late(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced {_where(a)}: {_overtaker(a)} had overtaken it. "
        f"It is the late twin of news already known; the account stays {a.situation.status}."
    )


def _overtaker(a: Anomaly) -> str:
    """What stands in the way of a held event, and when it was heard."""
    if a.last_announced in (None, a.situation.status):
        return f"{a.situation.status}, last heard {moment(a.last_heard_at)},"
    return f"{a.situation.status} (since {moment(a.since)}) and {a.last_announced} (heard {moment(a.last_heard_at)})"


def _sync_while_lost(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced {_where(a)}: a sync that ended before the connection was lost, told late. "
        f"{_overtaker(a)} had overtaken it; until {one_of(_ways_back(a))} is announced the account stays "
        f"{a.situation.status}."
    )


def _ways_back(a: Anomaly) -> tuple[str, ...]:
    return tuple(s for s in a.expected if s in definition.RESTORES and s is not definition.TERMINAL)


def _contradicted(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced {_where(a)}, although {_overtaker(a)} had proved that the account exists. "
        f"It may tell of a second, failed attempt to add the same account; the account stays {a.situation.status}."
    )


def _after_deletion(a: Anomaly) -> str:
    return (
        f"{_word(a)} was announced {moment(a.at)}, but the account was deleted {moment(a.since)}. "
        f"{a.situation.status} overtook it: nothing revives a deleted account, so it stays {a.situation.status}."
    )


def _unsupported(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced {_where(a)}, but {a.provider} accounts never announce it; {one_of(a.expected)} "
        f"could be expected. It was probably sent for another account; the account stays {a.situation.status}."
    )


def _unexpected_product(a: Anomaly) -> str:
    owner = a.provider or "an account whose provider was never told"
    return (
        f"The product {shown(a.detail)} came with {_word(a)} of {owner}, where no product belongs: "
        "only a finished sync of a provider with several products names one. The announcement itself counts as usual."
    )


def _provider_changed(a: Anomaly) -> str:
    return (
        f"The account type became {shown(a.detail)} {_where(a)}, but it was first announced as "
        f"{shown(a.provider or '')}. One account id was probably used for two accounts; the first provider stays in "
        "force."
    )


def _unknown_provider(a: Anomaly) -> str:
    return (
        f"The account type {shown(a.detail)} is not one that this version knows, so the account may announce "
        "anything. The vendor has probably added a provider: look for a newer version of this library."
    )


def _unknown_status(a: Anomaly) -> str:
    return (
        f"The status {shown(a.announced)} was announced {_where(a)}, and this version does not know it; "
        f"{one_of(a.expected)} could be expected. The vendor has probably added a status; the account stays "
        f"{a.situation.status}."
    )


def _stale_repeat(a: Anomaly) -> str:
    return (
        f"{a.announced} was announced again {lasting(a.at - (a.last_heard_at or a.at))} after it was last heard "
        f"({moment(a.last_heard_at)}), too late for a redelivery. Only changes are announced, so one was missed in "
        f"between, such as {one_of(a.likely_path[:-1], 'then')}; the account stays {a.situation.status}."
    )


def _stuck(a: Anomaly) -> str:
    allowed = lasting(timedelta(seconds=int(a.detail)))
    return (
        f"The account has been {a.situation.status} since {moment(a.since)}{_ago(a.since, a.at)}, although that status "
        f"passes within {allowed}. {one_of(tuple(s for s in a.expected if s is not a.situation.status))} should have "
        "followed: it was missed, or the vendor is stuck."
    )


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
}

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
