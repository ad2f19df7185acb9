"""Anomalies of a kind, told once: what deviates in the same way becomes one group with one example.

Knows what makes two anomalies alike. It reads a stream and keeps its groups only, however long the stream
and whatever words strangers send.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ..lifecycle import definition
from ..lifecycle.anomalies import AnomalyKind, Severity
from ..lifecycle.explain import Anomaly
from ..lifecycle.providers import PROFILES
from ..lifecycle.status import Status

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
    """The provider in force, the unknown word, ``OTHER_WORDS``, or None where none was told."""
    count: int  # type: ignore[assignment]  # the plain word is worth hiding tuple.count
    first_seen: datetime
    last_seen: datetime
    example: Anomaly
    """The latest of them."""

    @property
    def severity(self) -> Severity:
        """How much it should worry you."""
        return self.kind.severity


def group(anomalies: Iterable[Anomaly]) -> list[Group]:
    """Fold a stream of anomalies into groups: the most severe first, then the most frequent.

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
        self._foreign = 0

    def add(self, anomaly: Anomaly) -> None:
        """Count one anomaly."""
        at = anomaly.at
        self.merge(
            Group(
                anomaly.kind, anomaly.situation.status, anomaly.announced, anomaly.provider, 1, at, at, anomaly
            )
        )  # fmt: skip

    def merge(self, more: Group) -> None:
        """Count anomalies that were grouped already, and came later than those before."""
        key = self._key((more.kind, more.before, more.announced, more.provider))
        known = self._groups.get(key)
        if known is None:
            self._groups[key] = Group(*key, *more[4:])
            return
        self._groups[key] = known._replace(
            count=known.count + more.count,
            first_seen=min(known.first_seen, more.first_seen),
            last_seen=max(known.last_seen, more.last_seen),
            example=more.example if more.last_seen >= known.last_seen else known.example,
        )

    def ranked(self) -> list[Group]:
        """The groups so far, in the order of ``group``."""
        return sorted(self._groups.values(), key=_rank)

    def _key(self, key: _Key) -> _Key:
        if key in self._groups or not _is_foreign(key):
            return key
        if self._foreign < MAX_FOREIGN_GROUPS:
            self._foreign += 1
            return key
        return _folded(key)


def _is_foreign(key: _Key) -> bool:
    return key != _folded(key)


def _folded(key: _Key) -> _Key:
    """The same key with unknown words replaced, of which there are as many as strangers care to send."""
    kind, before, announced, provider = key
    return (
        kind,
        before,
        announced if announced in definition.ANNOUNCEMENTS else OTHER_WORDS,
        provider if provider is None or provider in PROFILES else OTHER_WORDS,
    )


def _rank(group: Group) -> tuple[int, int, int, int, str, str]:
    return (
        -list(Severity).index(group.severity),
        -group.count,
        list(AnomalyKind).index(group.kind),
        list(Status).index(group.before),
        group.announced,
        group.provider or "",
    )
