"""The sketch of one account's own path: where it went, in which order, and where it stands now.

Knows steps that were taken; it must never judge one: what was illegal, the step says.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..lifecycle.definition import INITIAL
from ..lifecycle.providers import ALIASES, profile_of
from ..lifecycle.status import Status, Verdict
from ..lifecycle.wording import moment, shown
from .chain import healths_met, skeleton, states_of
from .life_cycle import mark
from .moves import illegal_kinds
from .roles import roles_of
from .sketch import Arrow, Look, Sketch

_WAYS, _EVENTS, _LABEL_LENGTH = 20, 40, 12
"""How many ways are drawn, how many events are listed, how long an arrow's numbers may be: the latest, each."""
_WIDTH = 2.0


class PathStep(NamedTuple):
    """One event of an account, as its history has it."""

    before: Status
    announced: str
    """The word that was announced; it need not be a status."""
    after: Status
    verdict: Verdict = Verdict.APPLIED
    anomalies: tuple[str, ...] = ()
    """The kinds that it was found to be."""
    at: datetime | None = None
    """When it arrived."""


class _Numbered(NamedTuple):
    number: int
    step: PathStep


def sketch_path(steps: Iterable[PathStep], account_id: str = "", provider: str | None = None) -> Sketch:
    """The path on the provider's map; on the whole one where it went beyond that."""
    path = [_Numbered(i, step) for i, step in enumerate(steps, 1)]
    now = path[-1].step.after if path else INITIAL
    visited = {INITIAL, now} | {status for _, step in path for status in (step.before, step.after)}
    profile = profile_of(ALIASES.get(provider or "", provider))
    announces_sync = profile.announces_sync or not visited <= {*roles_of(False).statuses}
    roles = roles_of(announces_sync)
    ways = sorted(_ways(path).items(), key=lambda item: item[1][-1])
    drawn = [_arrow(*way, numbers) for way, numbers in ways[-_WAYS:]]
    arrows = (*drawn, *_holds(path))
    walked = {pair for arrow in arrows for pair in arrow.covers}
    faint = (arrow for arrow in skeleton(roles, announces_sync) if walked.isdisjoint(arrow.covers))
    return Sketch(
        title=f"The path of account {shown(account_id)}" if account_id else "The path of an account",
        subtitle=_summary(path, now),
        roles=roles,
        states=tuple(mark(state._replace(faint=state.status not in visited), now) for state in states_of(roles)),
        arrows=(*faint, *arrows),
        key=(
            (Look.MAIN, "a move, with its number among the events"),
            (Look.ILLEGAL, "an anomaly: the state moved all the same or, with a loop, stayed"),
            (Look.FAINT, "the main chain, for orientation"),
        ),
        healths=healths_met(roles),
        notes=tuple(_undrawn(ways[:-_WAYS])),
        log=tuple(_log(path)),
    )


_Way = tuple[Status, Status, Look]


def _ways(path: Sequence[_Numbered]) -> dict[_Way, list[int]]:
    """The numbers of the events that made each move, lawful and illegal ones apart."""
    found: dict[_Way, list[int]] = {}
    for number, step in path:
        if step.before is not step.after:
            found.setdefault((step.before, step.after, _look(step)), []).append(number)
    return found


def _arrow(before: Status, after: Status, look: Look, numbers: list[int]) -> Arrow:
    return Arrow(before, after, look, _listed(numbers), width=_WIDTH, covers=((before, after),))


def _undrawn(ways: Sequence[tuple[_Way, list[int]]]) -> Iterable[str]:
    if ways:
        yield f"{_count(len(ways), 'other way')} that it last went before event {ways[-1][1][-1] + 1:,} are not drawn."


def _holds(path: Sequence[_Numbered]) -> Iterable[Arrow]:
    """One loop for each state in which something was held, or stayed with an anomaly."""
    found: dict[Status, list[int]] = {}
    for number, step in path:
        if step.before is step.after and (step.anomalies or step.verdict is Verdict.HELD):
            found.setdefault(step.after, []).append(number)
    for status, numbers in found.items():
        yield Arrow(status, status, Look.ILLEGAL, _listed(numbers), width=_WIDTH)


def _look(step: PathStep) -> Look:
    return Look.MAIN if illegal_kinds().isdisjoint(step.anomalies) else Look.ILLEGAL


def _listed(numbers: list[int]) -> str:
    """The latest of these numbers, as many as a label takes."""
    label = str(numbers[-1])
    for number in numbers[-2::-1]:
        longer = f"{number}, {label}"
        if len(longer) > _LABEL_LENGTH:
            return f"… {label}"
        label = longer
    return label


# ---- Words ----------------------------------------------------------------------------------------


def _summary(path: Sequence[_Numbered], now: Status) -> str:
    moved = [step for _, step in path if step.before is not step.after]
    odd = sum(bool(step.anomalies) for _, step in path)
    since = f" since {moment(moved[-1].at)}" if moved and moved[-1].at else ""
    return f"{_count(len(path), 'event')}, {_count(len(moved), 'move')}, {odd:,} with an anomaly; now {now}{since}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _log(path: Sequence[_Numbered]) -> Iterable[tuple[Look, str]]:
    if len(path) > _EVENTS:
        yield Look.LAWFUL, f"… {_count(len(path) - _EVENTS, 'event')} before"
    for number, step in path[-_EVENTS:]:
        at = f" · {step.at:%Y-%m-%d %H:%M}" if step.at else ""
        odd = f" ({', '.join(shown(kind)[1:-1] for kind in step.anomalies)})" if step.anomalies else ""
        look = Look.ILLEGAL if step.anomalies else Look.LAWFUL
        yield look, f"{number}{at} · {shown(step.announced, 24)[1:-1]}{odd}"
