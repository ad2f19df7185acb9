"""Sketches of what happened: one account's own path, and the traffic of a fleet.

Nothing is judged here: what was unexpected, a step's or a crossing's kinds say.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import log10
from typing import NamedTuple

from ..lifecycle.account import Account
from ..lifecycle.definition import INITIAL
from ..lifecycle.providers import ALIASES, profile_of
from ..lifecycle.status import Health, Status, Verdict
from ..lifecycle.wording import moment, printable, shown
from .life_cycle import healths_met, mark, skeleton, sketch_lifecycle, states_of
from .sketch import GROUP, GROUP_NAME, SEVERITIES, Arrow, Look, Sketch, health_name, look_of
from .table import Pair, deviant_kinds, status_roles

_WAYS, _EVENTS, _LABEL_LENGTH = 20, 40, 12
"""How many ways of a path are drawn, how many events are listed, how long its numbers may be: the latest, each."""
_PATH_WIDTH = 2.0
_ANOMALOUS_WAYS, _KINDS = 5, 4
"""How many anomalous ways of a fleet are drawn, and how many kinds in one state are named: the most frequent."""
_THINNEST, _BY_POWER = 0.8, 1.1
"""The width of a fleet's arrow in points: for one event, and more for each power of ten."""
_ANOMALY = "Dashed in colour is an anomaly: the state moved all the same or, with a loop, stayed."
_COUNTED_ONCE = "Every move is counted once: at its own arrow if it has one, or else at that of the many states."


# ---- The path of one account ----------------------------------------------------------------------


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


def sketch_path(
    steps: Iterable[PathStep], account_id: str = "", provider: str | None = None, now: Account | None = None
) -> Sketch:
    """Sketch the path on the provider's map, or on the whole one where it went beyond that.

    ``now`` is the account as it stands: its own name, provider, health and blind window are shown then.
    """
    path = list(enumerate(steps, 1))
    present = now.status if now else path[-1][1].after if path else INITIAL
    if now:
        account_id, provider = now.account_id, now.provider
    visited = {INITIAL, present} | {status for _, step in path for status in (step.before, step.after)}
    profile = profile_of(ALIASES.get(provider or "", provider))
    announces_sync = profile.announces_sync or not visited <= {*status_roles(False).statuses}
    roles = status_roles(announces_sync)
    states = tuple(state._replace(faint=state.status not in visited) for state in states_of(roles))
    ways, holds = _walked(path)
    arrows = [
        *(_walked_arrow(*way, numbers) for way, numbers in ways[-_WAYS:]),
        *(_loop(status, held) for status, held in holds.items()),
    ]
    walked = {pair for arrow in arrows for pair in arrow.covers}
    faint = (arrow for arrow in skeleton(roles, announces_sync) if walked.isdisjoint(arrow.covers))
    left = ways[:-_WAYS]
    others = f"{_count(len(left), 'other way')} that it last went before event" if left else ""
    met = {arrow.look for arrow in arrows} | {look_of(step.anomalies) for _, step in path if step.anomalies}
    healths = dict.fromkeys((*healths_met(roles), *([now.health] if now else [])))
    return Sketch(
        title=f"The path of account {shown(account_id)}" if account_id else "The path of an account",
        subtitle=_path_summary([step for _, step in path], present, now),
        roles=roles,
        states=tuple(mark(s, present, *((now.health, health_caption(now)) if now else ())) for s in states),
        arrows=(*faint, *arrows),
        key=(
            (Look.MAIN, "a move, with its number among the events"),
            *((look, meaning) for look, meaning in SEVERITIES if look in met),
            (Look.FAINT, "the main chain, for orientation"),
        ),
        healths=tuple(health for health in Health if health in healths),
        notes=(
            *([_ANOMALY] if not met <= {Look.MAIN} else []),
            *([f"{others} {left[-1][1][-1] + 1:,} are not drawn."] if left else []),
        ),
        log=tuple(_log(path)),
    )


def health_caption(account: Account) -> str:
    """Return an account's own health in few words: that it is stuck, or live by presumption only."""
    name = health_name(account.health)
    return f"stuck, {name}" if account.stuck else f"presumed {name}" if account.presumed else name


_Way = tuple[Status, Status, Look]


def _walked(
    path: list[tuple[int, PathStep]],
) -> tuple[list[tuple[_Way, list[int]]], dict[Status, list[tuple[int, PathStep]]]]:
    """Return the numbers of the events of each way, what was last gone last, and what stayed with an anomaly."""
    ways: dict[_Way, list[int]] = {}
    holds: dict[Status, list[tuple[int, PathStep]]] = {}
    for number, step in path:
        if step.before is not step.after:
            look = Look.MAIN if deviant_kinds().isdisjoint(step.anomalies) else look_of(step.anomalies)
            ways.setdefault((step.before, step.after, look), []).append(number)
        elif step.anomalies:
            holds.setdefault(step.after, []).append((number, step))
    return sorted(ways.items(), key=lambda item: item[1][-1]), holds


def _walked_arrow(before: Status, after: Status, look: Look, numbers: list[int]) -> Arrow:
    return Arrow(before, after, look, _latest(numbers), width=_PATH_WIDTH, covers=((before, after),))


def _loop(status: Status, held: list[tuple[int, PathStep]]) -> Arrow:
    look = look_of(kind for _, step in held for kind in step.anomalies)
    return Arrow(status, status, look, _latest([number for number, _ in held]), width=_PATH_WIDTH)


def _latest(numbers: list[int]) -> str:
    """Return the latest of these numbers, as many as a label takes."""
    label = str(numbers[-1])
    for number in numbers[-2::-1]:
        longer = f"{number}, {label}"
        if len(longer) > _LABEL_LENGTH:
            return f"… {label}"
        label = longer
    return label


def _path_summary(steps: list[PathStep], present: Status, now: Account | None) -> str:
    moves = [step for step in steps if step.before is not step.after]
    anomalous = sum(bool(step.anomalies) for step in steps)
    entered = now.since if now else moves[-1].at if moves else None
    since = f" since {moment(entered)}" if entered else ""
    window = now.blind_window if now else None
    blind = f", blind since {'about ' if window.estimated else ''}{moment(window.opened_at)}" if window else ""
    counts = f"{_count(len(steps), 'event')}, {_count(len(moves), 'move')}, {anomalous:,} with an anomaly"
    return f"{counts}; now {present}{since}{blind}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _log(path: list[tuple[int, PathStep]]) -> Iterable[tuple[Look, str]]:
    if len(path) > _EVENTS:
        yield Look.EXPECTED, f"… {_count(len(path) - _EVENTS, 'event')} before"
    for number, step in path[-_EVENTS:]:
        at = f" · {step.at:%Y-%m-%d %H:%M}" if step.at else ""
        kinds = f" ({', '.join(map(printable, step.anomalies))})" if step.anomalies else ""
        yield (
            look_of(step.anomalies) if kinds else Look.EXPECTED,
            f"{number}{at} · {printable(step.announced, 24)}{kinds}",
        )


# ---- The traffic of a fleet -----------------------------------------------------------------------


class Crossing(NamedTuple):
    """What happened to many accounts alike."""

    before: Status
    announced: str
    """The word that was announced; it need not be a status."""
    after: Status
    kind: str | None = None
    """The kind of anomaly that it was; None for none. An event counts once, under its first kind."""

    @property
    def moved(self) -> bool:
        """Whether the state changed."""
        return self.before is not self.after


def sketch_traffic(counts: Mapping[Crossing, int]) -> Sketch:
    """Sketch the life cycle with a count on every arrow, the anomalous ways and the holds among them."""
    base = sketch_lifecycle()
    known = {pair for arrow in base.arrows for pair in arrow.covers}
    expected: Counter[Pair] = Counter()
    anomalous: Counter[Crossing] = Counter()
    held: dict[Status, Counter[str]] = {}
    entered: Counter[Status] = Counter()
    for crossing, count in counts.items():
        pair = crossing.before, crossing.after
        if not crossing.moved:
            if crossing.kind is not None:
                held.setdefault(crossing.after, Counter())[printable(crossing.kind)] += count
            continue
        entered[crossing.after] += count
        if crossing.kind in deviant_kinds() or pair not in known:
            anomalous[crossing] += count
        else:
            expected[pair] += count
    met = {status for crossing, count in counts.items() if count for status in (crossing.before, crossing.after)}
    arrows = list(_counted(base.arrows, expected, base.group))
    ways, rare = _anomalous_ways(anomalous, base.group)
    loops = tuple(
        Arrow(s, s, look_of(held[s]), f"{held[s].total():,}", width=_width(held[s].total()))
        for s in Status
        if s in held
    )
    looks = {arrow.look for arrow in (*arrows, *ways, *loops)}
    stayed = "; ".join(f"{s} ({', '.join(_ranked(held[s]))})" for s in Status if s in held)
    total = sum(counts.values())
    with_anomaly = sum(count for crossing, count in counts.items() if crossing.kind is not None)
    return base._replace(
        title="The traffic of a fleet",
        subtitle=f"{total:,} events, {entered.total():,} moves, {with_anomaly:,} with an anomaly",
        states=tuple(
            state._replace(
                caption=f"entered {entered[state.status]:,} ×" if entered[state.status] else "",
                faint=state.status not in met,
            )
            for state in base.states
        ),
        arrows=(*arrows, *ways, *loops),
        hubs=tuple(hub for hub in base.hubs if any(arrow.tail == hub.key for arrow in arrows)),
        key=(
            (Look.MAIN, "the main chain, the wider the more (by powers of ten)"),
            (Look.EXPECTED, "also expected"),
            (Look.SHARED, "expected from many states"),
            *((look, meaning) for look, meaning in base.key if look is Look.UNHEARD and look in looks),
            *((look, meaning) for look, meaning in SEVERITIES if look in looks),
        ),
        notes=(
            _COUNTED_ONCE,
            *([_ANOMALY] if ways or loops else []),
            *rare,
            *([f"Stayed with an anomaly: {stayed}."] if stayed else []),
        ),
    )


def _counted(arrows: Iterable[Arrow], expected: Counter[Pair], group: tuple[Status, ...]) -> Iterable[Arrow]:
    """Return the arrows with their counts; a move that several arrows stand for is counted on the first."""
    left = Counter(expected)
    for arrow in (way for both in arrows for way in _one_way(both, group)):
        count = sum(left.pop(pair, 0) for pair in arrow.covers)
        if count:
            yield arrow._replace(label=f"{count:,}", width=_width(count))
        elif arrow.look is Look.MAIN:
            yield arrow._replace(look=Look.FAINT, label="")


def _one_way(arrow: Arrow, group: tuple[Status, ...]) -> Iterable[Arrow]:
    if not arrow.two_way:
        return [arrow]
    tails = group if arrow.tail == GROUP else (arrow.tail,)
    there = tuple(pair for pair in arrow.covers if pair[0] in tails)
    back = tuple(pair for pair in arrow.covers if pair[0] not in tails)
    single = arrow._replace(two_way=False)
    return [single._replace(covers=there), single._replace(tail=arrow.head, head=arrow.tail, covers=back)]


def _anomalous_ways(anomalous: Counter[Crossing], group: tuple[Status, ...]) -> tuple[list[Arrow], list[str]]:
    """Return the most frequent anomalous ways as arrows, and the others in words."""
    ways: dict[tuple[Status, str], Counter[str]] = {}
    covers: dict[tuple[Status, str], dict[Pair, None]] = {}
    for crossing, count in anomalous.items():
        way = crossing.before, GROUP if crossing.after in group and crossing.before not in group else crossing.after
        ways.setdefault(way, Counter())[printable(crossing.kind or "unexpected")] += count
        covers.setdefault(way, {})[crossing.before, crossing.after] = None
    ranked = sorted(ways, key=lambda way: (-ways[way].total(), way))
    arrows = [
        Arrow(
            *way,
            look_of(ways[way]),
            "\n".join(_ranked(ways[way])),
            width=_width(ways[way].total()),
            covers=(*covers[way],),
        )
        for way in ranked[:_ANOMALOUS_WAYS]
    ]
    rest = ", ".join(
        f"{tail} → {GROUP_NAME if head == GROUP else head} {ways[tail, head].total():,}"
        for tail, head in ranked[_ANOMALOUS_WAYS:]
    )
    return arrows, [f"Too rare to be drawn, but anomalies as well: {rest}."] if rest else []


def _ranked(kinds: Counter[str]) -> list[str]:
    """Return the most frequent kinds with their numbers, and how many others there were."""
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[_KINDS:])
    return [*(f"{kind} {count:,}" for kind, count in ranked[:_KINDS]), *([f"others {rest:,}"] if rest else [])]


def _width(count: int) -> float:
    return _THINNEST + _BY_POWER * log10(max(count, 1))
