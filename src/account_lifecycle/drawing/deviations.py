"""The sketch of what is not lawful: the moves that are followed all the same, and what is held.

Knows the table's deviations; every arrow is read from the table, and it must never add one.
"""

from collections.abc import Callable, Hashable, Iterable

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.wording import one_of
from .chain import healths_met, key_of, skeleton, states_of
from .folds import Bundle, fold
from .lettering import balance
from .life_cycle import guard_notes
from .moves import Hold, deviant_moves, holds
from .places import CAPTION_SIZE
from .roles import Roles, roles_of
from .sketch import Arrow, Hub, Look, Sketch


def sketch_deviations() -> Sketch:
    """Every unlawful move, folded by its kind, and every hold."""
    roles = roles_of()
    hubs, arrows = _fold_kinds(fold(deviant_moves(), roles.statuses, roles.lost, share=False), roles)
    return Sketch(
        title="Deviations from the life cycle",
        subtitle="what an unlawful announcement does, and the kind of anomaly that it is",
        roles=roles,
        states=states_of(roles),
        arrows=(*skeleton(roles), *arrows, *_loops(roles)),
        hubs=tuple(hubs),
        key=(
            (Look.ILLEGAL, "an anomaly: the state moves all the same or, with a loop, is held"),
            (Look.FAINT, "the main chain, for orientation"),
        ),
        healths=healths_met(roles),
        notes=("Also held, so that the state stays:", *_hold_notes(roles), *guard_notes(deviant_moves())),
    )


_Fan = list[Bundle]
"""Bundles of one kind that begin or end together."""


def _fold_kinds(bundles: Iterable[Bundle], roles: Roles) -> tuple[list[Hub], list[Arrow]]:
    """What begins together, or else what ends together, shares a hub that names the kind."""
    hubs: list[Hub] = []
    arrows: list[Arrow] = []
    leaving, rest = _fans(bundles, lambda b: (b.kind, b.guard, b.tails))
    for fan in leaving:
        hub, arrow = _leaving(fan, roles)
        hubs.append(hub)
        arrows.append(arrow)
    meeting, rest = _fans(rest, lambda b: (b.kind, b.heads))
    for fan in meeting:
        hub = _hub(fan[0], "", "TO", key_of(fan[0].heads))
        hubs.append(hub)
        arrows += [_illegal(key_of(bundle.tails), hub.key, bundle, bundle.guard) for bundle in fan]
        arrows.append(Arrow(hub.key, hub.beside, Look.ILLEGAL))
    arrows += [_illegal(key_of(b.tails), key_of(b.heads), b, _with_guard(b.kind, b.guard)) for b in rest]
    return hubs, arrows


def _leaving(fan: _Fan, roles: Roles) -> tuple[Hub, Arrow]:
    """From one place to many: the hub lists them, or those that are not among them if they are fewer."""
    tail = key_of(fan[0].tails)
    covers = tuple(pair for bundle in fan for pair in bundle.covers)
    heads = tuple(dict.fromkeys(head for _, head in covers))
    missing = tuple(status for status in roles.statuses if status not in heads and status != tail)
    listed = one_of(heads) if len(heads) <= len(missing) else f"any state but {one_of(missing, 'and')}"
    hub = _hub(fan[0], fan[0].guard, "FROM", tail)
    text = f"{hub.text}\n{balance(f'to {listed}', CAPTION_SIZE)}"
    return hub._replace(text=text, after=True), Arrow(tail, hub.key, Look.ILLEGAL, covers=covers)


def _fans(bundles: Iterable[Bundle], alike: Callable[[Bundle], Hashable]) -> tuple[list[_Fan], _Fan]:
    """The bundles that are alike in that way; and those that are alone."""
    fans: dict[Hashable, _Fan] = {}
    for bundle in bundles:
        fans.setdefault(alike(bundle), []).append(bundle)
    return [f for f in fans.values() if len(f) > 1], [b for f in fans.values() for b in f if len(f) == 1]


def _hub(bundle: Bundle, guard: str, direction: str, beside: str) -> Hub:
    return Hub(f"{bundle.kind}_{direction}_{beside}", _with_guard(bundle.kind, guard), beside, Look.ILLEGAL)


def _illegal(tail: str, head: str, bundle: Bundle, label: str = "") -> Arrow:
    return Arrow(tail, head, Look.ILLEGAL, label, covers=bundle.covers)


def _with_guard(kind: AnomalyKind | None, guard: str) -> str:
    return f"{kind}\n({guard})" if guard else f"{kind}"


# ---- Holds ----------------------------------------------------------------------------------------


def _loops(roles: Roles) -> Iterable[Arrow]:
    """The holds of one state, or of the group."""
    for hold in holds():
        if _is_local(hold, roles):
            place = key_of(hold.states)
            yield Arrow(place, place, Look.ILLEGAL, f"{hold.kind}\n({_announced(hold)})")


def _hold_notes(roles: Roles) -> Iterable[str]:
    """The holds of many states."""
    for hold in holds():
        if not _is_local(hold, roles):
            missing = tuple(status for status in roles.statuses if status not in hold.states)
            guard = f" ({hold.guard})" if hold.guard else ""
            yield f"·  {hold.kind}: {_announced(hold)} in any state but {one_of(missing, 'and')}{guard}."


def _is_local(hold: Hold, roles: Roles) -> bool:
    return len(hold.states) == 1 or hold.states == roles.lost


def _announced(hold: Hold) -> str:
    return one_of(hold.announced) if len(hold.announced) < 3 else "any other announcement"
