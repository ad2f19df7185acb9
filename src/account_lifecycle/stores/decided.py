"""What was decided about an event, as one text: kept in one column, and hashed as it is kept.

It is a JSON array without spaces: the verdict, the situations before and after the event, and the effects. A situation
is one text (``machine.situation_text``). An effect is [kind, subject], with 1 as a third if it is doubtful, and null
for a subject that is the owner whom the event names: whatever names a person is in the event's own columns, where it
can be erased. So there are a few hundred such texts however many events there are; both directions are remembered.
"""

import json
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.decide import Decision
from ..lifecycle.effects import Effect, EffectKind
from ..lifecycle.machine import Situation, situation_from, situation_text
from ..lifecycle.status import Health, Status, Verdict

PlainEffects = tuple[tuple[EffectKind, str | None, bool], ...]
"""Effects without the blind window that one of them may be about; None for a subject that is the event's owner."""

OF_OWNER = (EffectKind.CLAIMED, EffectKind.CREATION_FAILED)
"""Effects whose subject may be the owner."""

_STATUS = {status.value: status for status in Status}
_VERDICT = {verdict.value: verdict for verdict in Verdict}
_WITHOUT_WINDOW = itemgetter(0, 1, 2)
_json = json.JSONEncoder(separators=(",", ":")).encode


class Decided(NamedTuple):
    """What was decided about an event."""

    verdict: Verdict
    before: Situation
    after: Situation
    effects: tuple[Effect, ...]
    """Without the blind window that one of them may be about."""

    @property
    def is_move(self) -> bool:
        """Whether it changed the account's status."""
        return self.before.status is not self.after.status


def text_of(decision: Decision) -> str:
    """Return what was decided as it is kept."""
    effects = decision.effects and plain_effects(decision.effects, getattr(decision.event, "owner", None))
    return decided_text(decision.verdict, decision.before.situation, decision.after.situation, effects)


def plain_effects(effects: tuple[Effect, ...], owner: str | None) -> PlainEffects:
    """Return the effects of an event that names this owner as they are kept."""
    if owner:
        return tuple([(k, None if k in OF_OWNER and s == owner else s, doubtful) for k, s, doubtful, *_ in effects])
    return tuple(map(_WITHOUT_WINDOW, effects))


@lru_cache(maxsize=4096)
def decided_text(verdict: Verdict, before: Situation, after: Situation, effects: PlainEffects) -> str:
    """Return the same of its parts."""
    listed = [(kind, subject, 1) if doubtful else (kind, subject) for kind, subject, doubtful in effects]
    return _json([verdict, situation_text(before), situation_text(after), listed])


def decided_from(text: str, owner: str | None = None) -> Decided:
    """Return what was decided about an event that names this owner; raise ``ValueError`` for what is no such text."""
    decided, of_owner = _read(text)
    if not of_owner or not owner:
        return decided
    effects = [e._replace(subject=owner) if place in of_owner else e for place, e in enumerate(decided.effects)]
    return decided._replace(effects=tuple(effects))


def effects_from(text: str, owner: str | None = None) -> tuple[Effect, ...]:
    """Return the effects alone."""
    return decided_from(text, owner).effects


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Decided, frozenset[int]]:
    """Return what was decided, with a blank for the owner, whom no cache may have, and the effects of which it is."""
    verdict, before, after, listed = json.loads(text)
    effects = [(EffectKind(kind), subject, doubtful == [1]) for kind, subject, *doubtful in listed]
    of_owner = frozenset([place for place, (_, subject, _) in enumerate(effects) if subject is None])
    known = [Effect(kind, _subject_from(kind, subject or ""), doubtful) for kind, subject, doubtful in effects]
    return Decided(_VERDICT[verdict], situation_from(before), situation_from(after), tuple(known)), of_owner


def _subject_from(kind: EffectKind, subject: str) -> str:
    """Return an effect's subject as the member of an enum that it was, where it was one."""
    if kind is EffectKind.ANOMALY:
        return AnomalyKind(subject)
    if kind is EffectKind.HEALTH_CHANGED:
        return Health(subject)
    return _STATUS.get(subject, subject) if kind in (EffectKind.ENTERED, EffectKind.LEFT) else subject
