"""The sketch of a fleet's traffic: how often each way was gone, and what was held.

Knows counts, and the arrows of the life cycle that they belong to; it must never judge an event: what was
illegal, its kind says.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import log10
from typing import NamedTuple

from ..lifecycle.status import Status
from ..lifecycle.wording import shown
from .life_cycle import sketch_lifecycle
from .moves import Pair, illegal_kinds
from .sketch import GROUP, GROUP_NAME, Arrow, Look, Sketch, State

_ILLEGAL_ARROWS, _KINDS = 5, 4
"""How many illegal ways are drawn, and how many kinds in one state are told: the most frequent."""
_THINNEST, _BY_POWER = 0.8, 1.1
"""An arrow's width in points: for one event, and more for each power of ten."""
_COUNTED_ONCE = "Every move is counted once: at its own arrow if it has one, or else at that of the many states."


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
    """The life cycle with a count on every arrow, the illegal ways and the holds among them."""
    base = sketch_lifecycle()
    lawful, illegal = _sorted_out(counts, {pair for arrow in base.arrows for pair in arrow.covers})
    arrows = list(_counted(base.arrows, lawful, base.group))
    drawn, too_rare = _illegal(illegal, base.group)
    held = _held(counts)
    return base._replace(
        title="The traffic of a fleet",
        subtitle=_summary(counts),
        states=tuple(_state(state, counts) for state in base.states),
        arrows=(*arrows, *drawn, *(_loop(status, kinds.total()) for status, kinds in held.items())),
        hubs=tuple(hub for hub in base.hubs if any(arrow.tail == hub.key for arrow in arrows)),
        key=(
            (Look.MAIN, "the main chain, the wider the more (by powers of ten)"),
            (Look.LAWFUL, "also lawful"),
            (Look.SHARED, "lawful from many states"),
            (Look.ILLEGAL, "an anomaly: the state moved all the same or, with a loop, stayed"),
        ),
        notes=(_COUNTED_ONCE, *too_rare, *_held_note(held)),
    )


def _sorted_out(counts: Mapping[Crossing, int], known: set[Pair]) -> tuple[Counter[Pair], Counter[Crossing]]:
    """The moves that were lawful, whatever rode along, and those that were not or are not ``known``."""
    lawful: Counter[Pair] = Counter()
    illegal: Counter[Crossing] = Counter()
    for crossing, count in counts.items():
        pair = crossing.before, crossing.after
        if not crossing.moved:
            continue
        if crossing.kind in illegal_kinds() or pair not in known:
            illegal[crossing] += count
        else:
            lawful[pair] += count
    return lawful, illegal


def _counted(arrows: Iterable[Arrow], lawful: Counter[Pair], group: tuple[Status, ...]) -> Iterable[Arrow]:
    """The arrows with their counts; a move that several arrows stand for is counted on the first."""
    left = Counter(lawful)
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


def _illegal(illegal: Counter[Crossing], group: tuple[Status, ...]) -> tuple[list[Arrow], list[str]]:
    """The most frequent illegal ways as arrows, the others in words."""
    ways: dict[tuple[Status, str], Counter[str]] = {}
    covers: dict[tuple[Status, str], dict[Pair, None]] = {}
    for crossing, count in illegal.items():
        way = crossing.before, GROUP if crossing.after in group and crossing.before not in group else crossing.after
        ways.setdefault(way, Counter())[shown(crossing.kind or "illegal")[1:-1]] += count
        covers.setdefault(way, {})[crossing.before, crossing.after] = None
    ranked = sorted(ways, key=lambda way: (-ways[way].total(), way))
    arrows = [
        Arrow(
            *way,
            Look.ILLEGAL,
            "\n".join(_told(ways[way])),
            width=_width(ways[way].total()),
            covers=tuple(covers[way]),
        )
        for way in ranked[:_ILLEGAL_ARROWS]
    ]
    rest = ", ".join(
        f"{tail} → {_spoken(head)} {ways[tail, head].total():,}" for tail, head in ranked[_ILLEGAL_ARROWS:]
    )
    return arrows, [f"Too rare to be drawn, but illegal as well: {rest}."] if rest else []


def _held(counts: Mapping[Crossing, int]) -> dict[Status, Counter[str]]:
    """What was held, or stayed with an anomaly: how often of which kind in which state."""
    held: dict[Status, Counter[str]] = {status: Counter() for status in Status}
    for crossing, count in counts.items():
        if not crossing.moved and crossing.kind is not None:
            held[crossing.after][shown(crossing.kind)[1:-1]] += count
    return {status: kinds for status, kinds in held.items() if kinds}


def _held_note(held: Mapping[Status, Counter[str]]) -> Iterable[str]:
    told = (f"{status} ({', '.join(_told(kinds))})" for status, kinds in held.items())
    if held:
        yield f"Stayed with an anomaly: {'; '.join(told)}."


def _loop(status: Status, count: int) -> Arrow:
    return Arrow(status, status, Look.ILLEGAL, f"{count:,}", width=_width(count))


def _told(kinds: Counter[str]) -> list[str]:
    """The most frequent kinds, and how many others there were."""
    ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{kind} {count:,}" for kind, count in ranked[:_KINDS]]
    rest = sum(count for _, count in ranked[_KINDS:])
    return [*told, f"others {rest:,}"] if rest else told


def _state(state: State, counts: Mapping[Crossing, int]) -> State:
    entered = sum(count for crossing, count in counts.items() if crossing.moved and crossing.after is state.status)
    met = any(state.status in (crossing.before, crossing.after) for crossing, count in counts.items() if count)
    return state._replace(caption=f"entered {entered:,} ×" if entered else "", faint=not met)


def _width(count: int) -> float:
    return _THINNEST + _BY_POWER * log10(max(count, 1))


def _spoken(key: str) -> str:
    return GROUP_NAME if key == GROUP else key


def _summary(counts: Mapping[Crossing, int]) -> str:
    moved = sum(count for crossing, count in counts.items() if crossing.moved)
    odd = sum(count for crossing, count in counts.items() if crossing.kind is not None)
    return f"{sum(counts.values()):,} events, {moved:,} moves, {odd:,} with an anomaly"
