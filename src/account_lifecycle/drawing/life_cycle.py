"""Sketches of the machine: the whole life cycle, one provider's, one with a situation marked, and the deviations.

Every arrow is read from the compiled table. The main chain (birth, life, loss and the way back) is bold where
the table allows it; other moves are thin, and what most states share comes from one small box.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import timedelta
from itertools import pairwise

from ..lifecycle.anomalies import AnomalyKind
from ..lifecycle.compiled import health_of
from ..lifecycle.definition import BIRTH, FINISHES_SYNC, PRESUMED_LIVE, PROVES_LIFE, TERMINAL, Guard
from ..lifecycle.machine import FACTS, Situation
from ..lifecycle.providers import ALIASES, PROFILES, ProviderProfile, profile_of
from ..lifecycle.status import Health, Status
from ..lifecycle.wording import NOT_LIVE, lasting, one_of, shown
from .geometry import CAPTION_SIZE, LABEL_SIZE, balance, wrap
from .sketch import ANOMALOUS, GROUP, SEVERITIES, Arrow, Hub, Look, Sketch, State, health_name, look_of
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
    healths_drawn,
    need_user,
    status_roles,
)

_HUB_WIDTH, _LABEL_WIDTH = 64.0, 104.0
"""In points: a text that is narrower is not broken into lines."""
_UNHEARD = "expected only where OK is not subscribed"
_DEADLINES = "A state with a time in it (≤) is stuck when it lasts longer, and then means interrupted."
_NOT_LIVE = f"While an account is not live, {NOT_LIVE}."
_BEYOND = "Any other announcement is an anomaly: see the picture of the deviations."


def sketch_lifecycle(announces_sync: bool | None = None) -> Sketch:
    """Sketch everything that is expected; None for both kinds of provider in one picture."""
    roles = status_roles(announces_sync is not False)
    moves = expected_moves(announces_sync)
    bundles = fold(moves, roles)
    main = main_arrows(moves, roles)
    drawn = {pair for arrow in main for pair in arrow.covers}
    others = [_arrow(b, _look_of(b)) for b in bundles if not b.shared and not drawn.issuperset(b.covers)]
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
            *([(Look.UNHEARD, _UNHEARD)] if any(arrow.look is Look.UNHEARD for arrow in others) else []),
        ),
        healths=healths_met(roles),
        notes=(
            f"An arrow is the announcement of the state that it leads to. Announced again, a state stays{same}.",
            *_guard_notes(move.guard for move in moves),
            *_later_healths(roles),
            *_presumptions(roles),
            _NOT_LIVE,
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
        notes=(*sketch.notes, _DEADLINES, *causes),
    )


def sketch_situation(situation: Situation) -> Sketch:
    """Sketch the whole life cycle, with one situation marked as the present one."""
    sketch = sketch_lifecycle()
    facts = [words.holds for guard, words in GUARD_WORDS.items() if guard in FACTS and getattr(situation, guard)]
    return sketch._replace(
        subtitle=f"now {situation.status}" + (f" ({', '.join(facts)})" if facts else ""),
        states=tuple(mark(state, situation.status, health_of(situation)) for state in sketch.states),
    )


def mark(state: State, status: Status, health: Health | None = None, caption: str = "") -> State:
    """Return the same box, if it is where the account stands now flagged and with that health; None keeps its own."""
    if state.status is not status:
        return state
    health = health or state.health
    return state._replace(tag="now", health=health, caption=caption or health_name(health))


# ---- What every picture shares --------------------------------------------------------------------


def states_of(roles: Roles) -> tuple[State, ...]:
    """Return every status that plays a part, as a box in the colour of its first meaning."""
    healths = ((status, healths_drawn(status)[0]) for status in roles.statuses)
    return tuple(
        State(status, health, health_name(health), central=status is PROVES_LIFE, final=status is TERMINAL)
        for status, health in healths
    )


def healths_met(roles: Roles) -> tuple[Health, ...]:
    """Return everything that one of these states can mean."""
    met = {health for status in roles.statuses for health in healths_drawn(status)}
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


def _look_of(bundle: Bundle) -> Look:
    unheard = bundle.guard.endswith(GUARD_WORDS[Guard.OK_SUBSCRIBED].fails)
    return Look.UNHEARD if unheard else Look.EXPECTED


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


def _guard_notes(labels: Iterable[str]) -> Iterable[str]:
    """Say what the guards that these labels name mean."""
    named = " ".join(labels)
    for words in GUARD_WORDS.values():
        if words.meaning and (words.holds in named or words.fails in named):
            yield f"{words.holds[0].upper()}{words.holds[1:]}: {words.meaning}."


def _about_sync(announces_sync: bool) -> str:
    return f"{'announces' if announces_sync else 'never announces'} {FINISHES_SYNC}"


def _later_healths(roles: Roles) -> Iterable[str]:
    """Say what else than at first a state can mean, of itself and by what is known of the account."""
    rows = ((s, tuple(h for h in healths_drawn(s)[1:] if h is not Health.ACTION_REQUIRED)) for s in roles.statuses)
    later = tuple(f"{status} can also mean {one_of(tuple(map(health_name, more)))}" for status, more in rows if more)
    yield f"The colour is what a state means at first; later {one_of(later, 'and')}."
    yield _needy(roles)


def _needy(roles: Roles) -> str:
    """Say which states mean something else in an account that needs its user."""
    words, states = GUARD_WORDS[Guard.NEEDS_USER], tuple(s for s in roles.statuses if s in need_user())
    means = f"then {one_of(states, 'and')} mean {health_name(Health.ACTION_REQUIRED)}, too"
    return f"{words.holds[0].upper()}{words.holds[1:]}: {words.meaning}; {means}."


def _presumptions(roles: Roles) -> Iterable[str]:
    """Say what counts as live where OK is not announced."""
    proofs = one_of(tuple(status for status in roles.statuses if status in PRESUMED_LIVE), "and")
    yield (
        f"Without {PROVES_LIFE} subscribed, an account is presumed live in {proofs}, and past its deadline in {BIRTH} "
        "if no sync is to come."
    )


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
    """Sketch every unexpected move, folded by its kind, and every hold; below them, every kind of anomaly there is."""
    roles = status_roles()
    hubs, arrows = _by_kind(fold(deviant_moves(), roles, share=False), roles)
    holds = find_holds()
    loops, notes = _held(holds, roles)
    guards = [*(move.guard for move in deviant_moves()), *(f"{hold.guard} {dict(hold.exceptions)}" for hold in holds)]
    return Sketch(
        title="Deviations from the life cycle",
        subtitle="what an unexpected announcement does: the state moves all the same or, with a loop, is held",
        roles=roles,
        states=states_of(roles),
        arrows=(*skeleton(roles), *arrows, *loops),
        hubs=tuple(hubs),
        key=(*SEVERITIES, (Look.FAINT, "the main chain, for orientation")),
        healths=healths_met(roles),
        notes=(
            "Also held, so that the state stays:",
            *notes,
            *_guard_notes(guards),
            _needy(roles),
            "Every kind of anomaly there is:",
        ),
        log=tuple(
            (look, f"{kind} ({kind.severity}): {kind.meaning}")
            for look in reversed(ANOMALOUS)
            for kind in AnomalyKind
            if look_of((kind,)) is look
        ),
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
        hubs.append(Hub(f"{fan[0].kind}_{len(hubs)}_FROM_{tail}", text, tail, _anomaly(fan[0]), after=True))
        arrows.append(Arrow(tail, hubs[-1].key, hubs[-1].look, covers=covers))
    meeting, rest = _fans(rest, lambda bundle: (bundle.kind, bundle.heads))
    for fan in meeting:
        head = _key_of(fan[0].heads)
        hubs.append(Hub(f"{fan[0].kind}_TO_{head}", f"{fan[0].kind}", head, _anomaly(fan[0])))
        arrows += [_arrow(bundle, hubs[-1].look)._replace(head=hubs[-1].key) for bundle in fan]
        arrows.append(Arrow(hubs[-1].key, head, hubs[-1].look))
    return hubs, [*arrows, *(_arrow(bundle, _anomaly(bundle))._replace(label=_kind_words(bundle)) for bundle in rest)]


def _fans(bundles: Iterable[Bundle], alike: Callable[[Bundle], Hashable]) -> tuple[list[list[Bundle]], list[Bundle]]:
    """Return the bundles that are alike in that way, and those that are alone."""
    fans: dict[Hashable, list[Bundle]] = {}
    for bundle in bundles:
        fans.setdefault(alike(bundle), []).append(bundle)
    return [fan for fan in fans.values() if len(fan) > 1], [fan[0] for fan in fans.values() if len(fan) == 1]


def _anomaly(found: Bundle | Hold) -> Look:
    return look_of((found.kind,) if found.kind else ())


def _kind_words(bundle: Bundle) -> str:
    return f"{bundle.kind}\n({bundle.guard})" if bundle.guard else f"{bundle.kind}"


def _held(found: Iterable[Hold], roles: Roles) -> tuple[list[Arrow], list[str]]:
    """Return the holds of one state, or of the group, as loops, and those of many states as notes."""
    loops, notes = [], []
    for hold in found:
        words = one_of(hold.announced) if len(hold.announced) < 3 else "any other announcement"
        if len(hold.states) == 1 or hold.states == roles.lost:
            place = _key_of(hold.states)
            when = f"{words},\n{hold.guard}" if hold.guard else words
            loops.append(Arrow(place, place, _anomaly(hold), f"{hold.kind}\n({when})"))
            continue
        missing = tuple(status for status in roles.statuses if status not in hold.states)
        if len(hold.states) <= len(missing):
            own = dict(hold.exceptions)
            states = one_of(tuple(f"{s} ({own[s]})" if s in own else s.value for s in hold.states), "and")
        else:
            exceptions = "".join(f" ({status}: {own})" for status, own in hold.exceptions)
            states = f"any state but {one_of(missing, 'and')}{exceptions}"
        notes.append(f"·  {hold.kind}: {words}{f' ({hold.guard})' if hold.guard else ''} in {states}.")
    return loops, notes
