"""Anomalies in groups: those that deviate in the same way are counted together, with the latest as an example.

A stream of anomalies is read once and only its groups are kept, however long the stream is and whatever words
strangers send: words that this version does not know fold into one group from some number on.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..lifecycle import definition
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.providers import PROFILES
from ..lifecycle.status import Status
from ..lifecycle.wording import JsonObject, plain, time_text

OTHER_WORDS = "other words"
"""Stands for the unknown words that got no group of their own."""
MAX_FOREIGN_GROUPS = 50
"""How many groups may be about words that this version does not know; the rest are folded together."""


class Group(NamedTuple):
    """Anomalies of one kind, found in one status, about one announcement and one provider."""

    kind: AnomalyKind
    before: Status
    """The account's status before the event."""
    announced: str
    """The word that was announced, or ``OTHER_WORDS``."""
    provider: str | None
    """The provider in force, the unknown word, ``OTHER_WORDS``, or None where none was announced."""
    count: int  # type: ignore[assignment]  # the plain word is worth hiding tuple.count
    first_seen: datetime
    last_seen: datetime
    example: Anomaly
    """The latest of them."""
    still_affected: int | None = None
    """How many accounts have one and are neither live again nor deleted; None where that is not known."""

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return self.kind.severity

    def to_dict(self) -> JsonObject:
        """Return the group as a JSON object: what its anomalies share, how many there are, and the example."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "meaning": self.kind.meaning,
            "status_before": self.before.value,
            "announced": plain(self.announced),
            "provider": plain(self.provider),
            "count": self.count,
            "still_affected": self.still_affected,
            "first_seen": time_text(self.first_seen),
            "last_seen": time_text(self.last_seen),
            "next_step": self.example.next_step.value,
            "example": self.example.to_dict(),
        }


class KindGroups(NamedTuple):
    """The groups of one kind, the largest first."""

    kind: AnomalyKind
    largest: Sequence[Group]
    rest: Sequence[Group]
    """The smaller ones, where only so many are shown."""

    @property
    def total(self) -> int:
        """How many anomalies of this kind there are."""
        return sum(group.count for group in (*self.largest, *self.rest))


def by_kind(groups: Iterable[Group], most: int) -> list[KindGroups]:
    """Return ranked groups by kind, at most ``most`` of each apart: the most severe first, then the most frequent."""
    kinds: dict[AnomalyKind, list[Group]] = {}
    for group in groups:
        kinds.setdefault(group.kind, []).append(group)
    found = [KindGroups(kind, ranked[:most], ranked[most:]) for kind, ranked in kinds.items()]
    return sorted(found, key=lambda each: (_SEVERITY[each.kind.severity], -each.total))


def group(anomalies: Iterable[Anomaly]) -> list[Group]:
    """Return the groups of a stream of anomalies: the most severe first, then the most frequent.

    Equal ones come in the order of their kind, status, announcement and provider.
    """
    groups = Groups()
    for anomaly in anomalies:
        groups.add(anomaly)
    return groups.ranked()


_Key = tuple[AnomalyKind, Status, str, str | None]


class Groups:
    """Groups that grow one anomaly at a time, for a stream that is read for something else too."""

    def __init__(self) -> None:
        self._groups: dict[_Key, Group] = {}
        self._open: dict[_Key, set[str]] = {}
        self._foreign = 0

    def add(self, anomaly: Anomaly, *, is_open: bool = False) -> None:
        """Count one anomaly; ``is_open`` tells that its account is neither live again nor deleted."""
        at, before = anomaly.at, anomaly.situation.status
        key = self.merge(Group(anomaly.kind, before, anomaly.announced, anomaly.provider, 1, at, at, anomaly))
        if is_open:
            self._open.setdefault(key, set()).add(anomaly.account_id)

    def merge(self, more: Group) -> "_Key":
        """Count anomalies that were grouped already, and came later than those before; return where."""
        key = self._key((more.kind, more.before, more.announced, more.provider))
        known = self._groups.get(key)
        if known is None:
            self._groups[key] = more._replace(announced=key[2], provider=key[3])
            return key
        self._groups[key] = known._replace(
            count=known.count + more.count,
            first_seen=min(known.first_seen, more.first_seen),
            last_seen=max(known.last_seen, more.last_seen),
            example=more.example if more.last_seen >= known.last_seen else known.example,
        )
        return key

    def ranked_open(self) -> list[Group]:
        """Return the groups so far with how many accounts they still affect, in the order of ``group``."""
        return [each._replace(still_affected=len(self._open.get(each[:4], ()))) for each in self.ranked()]

    def open_by_kind(self) -> dict[AnomalyKind, int]:
        """Return how many accounts each kind still affects."""
        kinds: dict[AnomalyKind, set[str]] = {}
        for (kind, *_), account_ids in self._open.items():
            kinds.setdefault(kind, set()).update(account_ids)
        return {kind: len(account_ids) for kind, account_ids in kinds.items()}

    def ranked(self) -> list[Group]:
        """Return the groups so far, in the order of ``group``."""
        return sorted(self._groups.values(), key=_rank)

    def _key(self, key: _Key) -> _Key:
        """Return the key of the group to count in, with unknown words folded once there are too many of them."""
        if key in self._groups:
            return key
        kind, before, announced, provider = key
        is_known = announced in definition.ANNOUNCEMENTS
        is_known_provider = provider is None or provider in PROFILES
        if is_known and is_known_provider:
            return key
        if self._foreign < MAX_FOREIGN_GROUPS:
            self._foreign += 1
            return key
        return kind, before, announced if is_known else OTHER_WORDS, provider if is_known_provider else OTHER_WORDS


_SEVERITY = {severity: -place for place, severity in enumerate(Severity)}
_KIND = {kind: place for place, kind in enumerate(AnomalyKind)}
_STATUS = {status: place for place, status in enumerate(Status)}


def _rank(group: Group) -> tuple[int, int, int, int, str, str]:
    facts = (_SEVERITY[group.severity], -group.count, _KIND[group.kind], _STATUS[group.before])
    return (*facts, group.announced, group.provider or "")
