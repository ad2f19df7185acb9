"""Sketches of the machine: the whole life cycle, one provider's, one with a situation marked, and the deviations.

Every arrow is read from the compiled table. The main chain (birth, life, loss and the way back) is bold where
the table allows it; other moves are thin, and what most states share comes from one small box.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import timedelta
from itertools import pairwise

from ..lifecycle.definition import FINISHES_SYNC, PROVES_LIFE, TERMINAL
from ..lifecycle.machine import Situation
from ..lifecycle.providers import ALIASES, PROFILES, ProviderProfile, profile_of
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import lasting, one_of, shown
from .geometry import CAPTION_SIZE, LABEL_SIZE, balance, wrap
from .sketch import GROUP, Arrow, Hub, Look, Sketch, State, health_words
from .table import (
    GUARD_WORDS,
    Bundle,
    Hold,
    Move,
    Roles,
    Unit,
    deviant_moves,
    expected_moves,
    find_holds,
    find_stays,
    fold,
    healths_of,
    status_roles,
)

_HUB_WIDTH, _LABEL_WIDTH = 64.0, 96.0
"""In points: a text that is narrower is not broken into lines."""
_BEYOND = "Any other announcement is an anomaly: see the picture of the deviations."


def sketch_lifecycle(announces_sync: bool | None = None) -> Sketch:
    """Sketch everything that is expected; None for both kinds of provider in one picture."""
    roles = status_roles(announces_sync is not False)
    moves = expected_moves(announces_sync)
    bundles = fold(moves, roles)
    main = main_arrows(moves, roles)
    drawn = {pair for arrow in main for pair in arrow.covers}
    others = [_arrow(b, Look.EXPECTED) for b in bundles if not b.shared and not drawn.issuperset(b.covers)]
    hubs = {_hub(bundle, roles): bundle for bundle in bundles if bundle.shared}
    shared = [_arrow(bundle, Look.SHARED)._replace(tail=hub.key) for hub, bundle in hubs.items()]
    same = "".join(f"; so does {status} at {word}" for status, word in find_stays(announces_sync is not False))
    return Sketch(
        title="The life cycle of an account",
        subtitle="" if announces_sync is None else f"whose provider {_about_sync(announces_sync)}",
        roles=roles,
        states=states_of(roles),
        arrows=(*main, *others, *shared),
        hubs=tuple(hubs),
        key=(
            (Look.MAIN, "the main chain"),
            (Look.EXPECTED, "also expected"),
            (Look.SHARED, "expected from many states"),
        ),
        healths=healths_met(roles),
        notes=(
            f"An arrow is the announcement of the state that it leads to. Announced again, a state stays{same}.",
            *_guard_notes(moves),
            *_later_healths(roles),
            _BEYOND,
        ),
    )


def sketch_provider(provider: str | None) -> Sketch:
    """Sketch one provider's life cycle and what is known of it; an unknown one may announce anything."""
    family = ALIASES.get(provider or "", provider)
    profile = profile_of(family)
    sketch = sketch_lifecycle(profile.announces_sync)
    whose = "accounts of an unknown provider" + (f" ({shown(family)})" if family else "")
    causes = (
        [f"Why the user may have to reconnect: {'; '.join(cause.text for cause in profile.causes)}."]
        if profile.causes
        else []
    )
    return sketch._replace(
        title=f"The life cycle of {f'{family} accounts' if family in PROFILES else whose}",
        subtitle=" · ".join(_provider_facts(family, profile)),
        states=tuple(_with_deadline(state, profile.deadlines) for state in sketch.states),
        notes=(*sketch.notes, "A state with a time in it (≤) counts as stuck when it lasts longer.", *causes),
    )


def sketch_situation(situation: Situation) -> Sketch:
    """Sketch the whole life cycle, with one situation marked as the present one."""
    sketch = sketch_lifecycle()
    facts = [words.holds for guard, words in GUARD_WORDS.items() if getattr(situation, guard, False)]
    return sketch._replace(
        subtitle=f"now {situation.status}" + (f" ({', '.join(facts)})" if facts else ""),
        states=tuple(mark(state, situation.status) for state in sketch.states),
    )


def mark(state: State, status: Status) -> State:
    """Return the same box, flagged if it is where the account stands now."""
    return state._replace(tag="now") if state.status is status else state


# ---- What every picture shares --------------------------------------------------------------------


def states_of(roles: Roles) -> tuple[State, ...]:
    """Return every status that plays a part, as a box in the colour of its first meaning."""
    healths = ((status, healths_of(status)[0]) for status in roles.statuses)
    return tuple(
        State(status, health, health_words(health), central=status is PROVES_LIFE, final=status is TERMINAL)
        for status, health in healths
    )


def healths_met(roles: Roles) -> tuple[Health, ...]:
    """Return everything that one of these states can mean."""
    met = {health for status in roles.statuses for health in healths_of(status)}
    return tuple(health for health in Health if health in met)


def main_arrows(moves: Iterable[Move], roles: Roles) -> tuple[Arrow, ...]:
    """Return the main chain, as far as these moves allow it; ways back and forth are one arrow with two heads."""
    guards = {(move.before, move.after): move.guard for move in moves}
    life = (roles.life,)
    links: list[tuple[Unit, Unit]] = [
        *(((before,), (after,)) for before, after in pairwise((*roles.birth, roles.life))),
        (life, roles.lost),
        (roles.lost, life),
        *((roles.lost, (status,)) for status in roles.back),
        *(((status,), life) for status in roles.back),
    ]
    arrows: dict[tuple[str, str], Arrow] = {}
    for tails, heads in links:
        bundle = Bundle(tails, heads)
        labels = {guards.get(pair) for pair in bundle.covers}
        label = labels.pop() if len(labels) == 1 else None
        if label is not None:
            arrow = _arrow(bundle._replace(guard=label), Look.MAIN)
            opposite = arrows.get((arrow.head, arrow.tail))
            if opposite and opposite.label == arrow.label:
                both = opposite._replace(two_way=True, covers=(*opposite.covers, *arrow.covers))
                arrows[arrow.head, arrow.tail] = both
            else:
                arrows[arrow.tail, arrow.head] = arrow
    return tuple(arrows.values())


def skeleton(roles: Roles, announces_sync: bool = True) -> tuple[Arrow, ...]:
    """Return the main chain without a word, for orientation."""
    arrows = main_arrows(expected_moves(announces_sync), roles)
    return tuple(arrow._replace(look=Look.FAINT, label="") for arrow in arrows)


def _arrow(bundle: Bundle, look: Look) -> Arrow:
    label = wrap(bundle.guard.replace(", ", ",\n"), _LABEL_WIDTH, LABEL_SIZE)
    return Arrow(_key_of(bundle.tails), _key_of(bundle.heads), look, label, covers=bundle.covers)


def _key_of(unit: Unit) -> str:
    """Return where an arrow to or from this status, or the whole group, ends or begins."""
    return GROUP if len(unit) > 1 else unit[0]


def _hub(bundle: Bundle, roles: Roles) -> Hub:
    missing = tuple(s for s in roles.statuses if s not in bundle.tails and bundle.heads != (s,))
    text = f"any state but {', '.join(missing)}" if missing else "any state"
    heads = _key_of(bundle.heads)
    return Hub(f"ANY_TO_{heads}", balance(text, CAPTION_SIZE, least=_HUB_WIDTH), heads)


# ---- Words ----------------------------------------------------------------------------------------


def _guard_notes(moves: Iterable[Move]) -> Iterable[str]:
    """Say what the guards on these moves mean."""
    labels = " ".join(move.guard for move in moves)
    for words in GUARD_WORDS.values():
        if words.meaning and (words.holds in labels or words.fails in labels):
            yield f"{words.holds.capitalize()}: {words.meaning}."


def _about_sync(announces_sync: bool) -> str:
    return f"{'announces' if announces_sync else 'never announces'} {FINISHES_SYNC}"


def _later_healths(roles: Roles) -> Iterable[str]:
    rows = ((status, healths_of(status)[1:]) for status in roles.statuses)
    later = tuple(f"{status} can also mean {one_of(tuple(map(health_words, more)))}" for status, more in rows if more)
    if later:
        yield f"The colour is what a state means at first; later {one_of(later, 'and')}."


def _with_deadline(state: State, deadlines: Mapping[Status, timedelta]) -> State:
    if state.status not in deadlines:
        return state
    return state._replace(caption=f"{state.caption}, ≤ {lasting(deadlines[state.status])}")


def _provider_facts(family: str | None, profile: ProviderProfile) -> Iterable[str]:
    if family not in PROFILES:
        yield "anything may be announced"
        return
    names = tuple(alias for alias, provider in ALIASES.items() if provider == family)
    if len(names) > 1:
        yield f"account types {one_of(names, 'and')}"
    yield _about_sync(profile.announces_sync) + (", one for each product" if profile.has_products else "")
    if profile.session_length:
        yield f"sessions end after {profile.session_length.days} days"


# ---- Deviations -----------------------------------------------------------------------------------


def sketch_deviations() -> Sketch:
    """Sketch every unexpected move, folded by its kind, and every hold."""
    roles = status_roles()
    hubs, arrows = _by_kind(fold(deviant_moves(), roles, share=False), roles)
    loops, notes = _held(find_holds(), roles)
    return Sketch(
        title="Deviations from the life cycle",
        subtitle="what an unexpected announcement does, and the kind of anomaly that it is",
        roles=roles,
        states=states_of(roles),
        arrows=(*skeleton(roles), *arrows, *loops),
        hubs=tuple(hubs),
        key=(
            (Look.ANOMALY, "an anomaly: the state moves all the same or, with a loop, is held"),
            (Look.FAINT, "the main chain, for orientation"),
        ),
        healths=healths_met(roles),
        notes=("Also held, so that the state stays:", *notes, *_guard_notes(deviant_moves())),
    )


def _by_kind(bundles: Iterable[Bundle], roles: Roles) -> tuple[list[Hub], list[Arrow]]:
    """Fold what begins together, or else what ends together, at a hub that names the kind."""
    hubs: list[Hub] = []
    arrows: list[Arrow] = []
    leaving, rest = _fans(bundles, lambda bundle: (bundle.kind, bundle.guard, bundle.tails))
    for fan in leaving:
        tail, covers = _key_of(fan[0].tails), tuple(pair for bundle in fan for pair in bundle.covers)
        heads = tuple(dict.fromkeys(head for _, head in covers))
        missing = tuple(status for status in roles.statuses if status not in heads and status != tail)
        listed = one_of(heads) if len(heads) <= len(missing) else f"any state but {one_of(missing, 'and')}"
        text = f"{_kind_words(fan[0])}\n{balance(f'to {listed}', CAPTION_SIZE)}"
        hubs.append(Hub(f"{fan[0].kind}_{len(hubs)}_FROM_{tail}", text, tail, Look.ANOMALY, after=True))
        arrows.append(Arrow(tail, hubs[-1].key, Look.ANOMALY, covers=covers))
    meeting, rest = _fans(rest, lambda bundle: (bundle.kind, bundle.heads))
    for fan in meeting:
        head = _key_of(fan[0].heads)
        hubs.append(Hub(f"{fan[0].kind}_TO_{head}", f"{fan[0].kind}", head, Look.ANOMALY))
        arrows += [_arrow(bundle, Look.ANOMALY)._replace(head=hubs[-1].key) for bundle in fan]
        arrows.append(Arrow(hubs[-1].key, head, Look.ANOMALY))
    return hubs, [*arrows, *(_arrow(bundle, Look.ANOMALY)._replace(label=_kind_words(bundle)) for bundle in rest)]


def _fans(bundles: Iterable[Bundle], alike: Callable[[Bundle], Hashable]) -> tuple[list[list[Bundle]], list[Bundle]]:
    """Return the bundles that are alike in that way, and those that are alone."""
    fans: dict[Hashable, list[Bundle]] = {}
    for bundle in bundles:
        fans.setdefault(alike(bundle), []).append(bundle)
    return [fan for fan in fans.values() if len(fan) > 1], [fan[0] for fan in fans.values() if len(fan) == 1]


def _kind_words(bundle: Bundle) -> str:
    return f"{bundle.kind}\n({bundle.guard})" if bundle.guard else f"{bundle.kind}"


def _held(found: Iterable[Hold], roles: Roles) -> tuple[list[Arrow], list[str]]:
    """Return the holds of one state, or of the group, as loops, and those of many states as notes."""
    loops, notes = [], []
    for hold in found:
        words = one_of(hold.announced) if len(hold.announced) < 3 else "any other announcement"
        if len(hold.states) == 1 or hold.states == roles.lost:
            place = _key_of(hold.states)
            loops.append(Arrow(place, place, Look.ANOMALY, f"{hold.kind}\n({words})"))
        else:
            missing = tuple(status for status in roles.statuses if status not in hold.states)
            guard = f" ({hold.guard})" if hold.guard else ""
            notes.append(f"·  {hold.kind}: {words} in any state but {one_of(missing, 'and')}{guard}.")
    return loops, notes
