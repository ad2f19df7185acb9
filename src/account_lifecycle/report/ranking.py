"""Kinds of anomaly in the order in which they are told, each with its largest groups.

Knows what comes first; it must never know how it is shown.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind, Severity
from .audit import AuditReport
from .grouping import Group


class KindTold(NamedTuple):
    """One kind of anomaly."""

    kind: AnomalyKind
    groups: Sequence[Group]
    """Its largest groups, which are told."""
    rest: Sequence[Group]
    """Its other groups, which are only counted."""

    @property
    def total(self) -> int:
        """How many anomalies of this kind there are."""
        return sum(group.count for group in (*self.groups, *self.rest))


def told_by_kind(report: AuditReport, most_groups: int) -> list[KindTold]:
    """Kind by kind, the most severe first, then the most frequent."""
    kinds: dict[AnomalyKind, list[Group]] = {}
    for group in report.groups:
        kinds.setdefault(group.kind, []).append(group)
    told = [KindTold(kind, groups[:most_groups], groups[most_groups:]) for kind, groups in kinds.items()]
    return sorted(told, key=lambda each: (-list(Severity).index(each.kind.severity), -each.total))
