"""The facts of a deviation, and the ways by which the life cycle could have led to it.

Everything that is said of an anomaly is derived from these facts and from the compiled machine; a likely path is
searched, never written by hand.
"""

from collections import deque
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from . import definition
from .anomalies import AnomalyKind
from .compiled import Step, compiled
from .definition import Guard
from .machine import USUAL, Situation
from .providers import profile_of
from .status import Health, Status
from .wording import JsonObject, plain, time_from, time_text


class Facts(NamedTuple):
    """What was known when a deviation was found. All times are aware, in UTC."""

    kind: AnomalyKind
    account_id: str
    sequence: int
    """The account's sequence at the event that deviates."""
    at: datetime
    """When that event was received."""
    announced: str
    """The status word that was announced or listed, or the status that is stuck."""
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
    heard: tuple[str, ...] = ()
    """What was accepted within the retry horizon before the event, in the order of acceptance."""
    newest_at: datetime | None = None
    """When the newest event before it had arrived."""
    other_channel: bool = False
    """Whether the event was the first to name the account's type or owner, which only one of the channels does."""
    doubtful: bool = False
    """Whether the move before may have been a late redelivery."""
    signed_in_at: datetime | None = None
    """When the user had last signed in, as far as that is known."""

    @property
    def circumstances(self) -> frozenset[Guard]:
        """The guards of its provider and of the subscription, which hold for long."""
        return circumstances_of(self.provider, definition.PROVES_LIFE not in self.unsubscribed)

    @property
    def expected(self) -> tuple[Status, ...]:
        """The announcements that would have been expected."""
        return expected_from(self.situation, self.circumstances)

    @property
    def likely_path(self) -> tuple[Status, ...]:
        """The shortest expected way to what was announced; all but its last step were probably missed.

        Empty where nothing was missed: the event was overtaken, or its words make no sense here.
        """
        if self.kind not in MISSING:
            return ()
        return shortest_path(self.situation, Status(self.announced), self.circumstances)

    def evidence(self) -> JsonObject:
        """Return the facts that the event's own record does not have as a JSON object; ``evidence_from`` reads it.

        What is not known, or usual, is left out.
        """
        facts: JsonObject = {}
        for name, usual in _KEPT.items():
            value = getattr(self, name)
            if value != usual:
                facts[name] = _plain_fact(value)
        return facts


_KEPT = {name: Facts._field_defaults[name] for name in Facts._fields[6:]}
"""The facts that are kept as JSON, each with its usual value; the six before are those of the event's own record."""
_TIMES = ("since", "last_heard_at", "heard_at", "known_since", "last_live_at", "newest_at", "signed_in_at")


def _plain_fact(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, timedelta):
        return value // timedelta.resolution
    if isinstance(value, tuple):
        return [str(word) for word in value]
    return plain(value) if isinstance(value, str) else value


def facts_from(evidence: JsonObject) -> dict[str, Any]:
    """Return the facts in what ``evidence()`` returned, as keyword arguments."""
    facts = dict(evidence)
    for name in _TIMES:
        if name in facts:
            facts[name] = time_from(facts[name])
    if "last_announced" in facts:
        facts["last_announced"] = Status(facts["last_announced"])
    if "horizon" in facts:
        facts["horizon"] = facts["horizon"] * timedelta.resolution
    if "health" in facts:
        facts["health"] = Health(facts["health"])
    for name in ("held", "heard"):
        if name in facts:
            facts[name] = tuple(facts[name])
    if "unsubscribed" in facts:
        facts["unsubscribed"] = tuple(map(Status, facts["unsubscribed"]))
    return facts


# ---- Ways through the life cycle ----------------------------------------------------------------------------

MOVING = frozenset(row.kind for row in definition.DEVIATIONS if row.moves)
MISSING = MOVING | {AnomalyKind.UNEXPECTED_RECONNECT, AnomalyKind.STALE_REPEAT, AnomalyKind.MISSED_RECOVERY}
"""The kinds that may mean that something was missed: a search can tell what."""


def circumstances_of(provider: str | None, ok_subscribed: bool = True) -> frozenset[Guard]:
    """Return the guards that hold for accounts of a provider, as long as no guard of time does."""
    sync = [Guard.ANNOUNCES_SYNC] if profile_of(provider).announces_sync else []
    return frozenset([*sync, Guard.OK_SUBSCRIBED] if ok_subscribed else sync)


@lru_cache(maxsize=256)
def expected_from(situation: Situation, circumstances: frozenset[Guard] = USUAL) -> tuple[Status, ...]:
    """Return the announcements that are expected in a situation, in the definition's order."""
    steps = (compiled().step(situation, announced, circumstances) for announced in definition.ANNOUNCEMENTS)
    return tuple(step.announced for step in steps if step.expected)


@lru_cache(maxsize=1024)
def shortest_path(
    situation: Situation, announced: Status, circumstances: frozenset[Guard] = USUAL
) -> tuple[Status, ...]:
    """Return the shortest series of expected announcements from a situation that ends with ``announced``.

    At least one other announcement comes before it. Ties go to news that proves that the account exists,
    as long as nothing else has, and then to the definition's order. Empty when there is no such way.
    """
    table = compiled()
    trails = deque([(situation, ())])  # type: deque[tuple[Situation, tuple[Status, ...]]]
    seen = {situation}
    while trails:
        here, trail = trails.popleft()
        steps = (table.step(here, word, circumstances) for word in definition.ANNOUNCEMENTS)
        for step in sorted(steps, key=_proves_nothing):
            if not step.expected:
                continue
            if trail and step.announced is announced:
                return (*trail, announced)
            if step.moved and step.after not in seen:
                seen.add(step.after)
                trails.append((step.after, (*trail, step.announced)))
    return ()


def _proves_nothing(step: Step) -> bool:
    return not step.before.exists and step.announced not in definition.PROVES_EXISTENCE
