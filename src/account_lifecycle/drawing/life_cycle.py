"""Sketches of what is lawful: the whole life cycle, one provider's, and one with a situation marked.

Knows how to tell the table's story; every arrow is read from the table, and it must never add one.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from ..lifecycle.definition import FINISHES_SYNC, Guard
from ..lifecycle.machine import Situation
from ..lifecycle.providers import ALIASES, PROFILES, ProviderProfile, profile_of
from ..lifecycle.status import Status
from ..lifecycle.wording import lasting, one_of, shown
from .chain import arrow_of, healths_met, key_of, main_arrows, states_of
from .folds import Bundle, fold
from .legend import spoken
from .lettering import balance
from .moves import Move, lawful_moves, stays, words
from .places import CAPTION_SIZE
from .roles import Roles, healths_of, roles_of
from .sketch import Arrow, Hub, Look, Sketch, State

_GUARD_MEANINGS = {
    Guard.EXISTS: "the vendor is known to hold the account",
    Guard.LOST: "its connection was lost and is not yet back",
    Guard.ANNOUNCES_SYNC: f"its provider announces {FINISHES_SYNC}",
}
_HUB_WIDTH = 64.0


def sketch_lifecycle(announces_sync: bool | None = None) -> Sketch:
    """Everything that is lawful; None for both kinds of provider in one picture."""
    roles = roles_of(announces_sync is not False)
    moves = lawful_moves(announces_sync)
    bundles = fold(moves, roles.statuses, roles.lost)
    return Sketch(
        title="The life cycle of an account",
        subtitle="" if announces_sync is None else f"whose provider {_about_sync(announces_sync)}",
        roles=roles,
        states=states_of(roles),
        arrows=_arrows(moves, bundles, roles),
        hubs=tuple(_hub(bundle, roles.statuses) for bundle in bundles if bundle.shared),
        key=(
            (Look.MAIN, "the main chain"),
            (Look.LAWFUL, "also lawful"),
            (Look.SHARED, "lawful from many states"),
        ),
        healths=healths_met(roles),
        notes=(_reading(announces_sync), *guard_notes(moves), *_later_healths(roles), _BEYOND),
    )


def sketch_provider(provider: str | None) -> Sketch:
    """One provider's life cycle and what is known of it; the permissive one for a word that is not known."""
    family = ALIASES.get(provider or "", provider)
    profile = profile_of(family)
    sketch = sketch_lifecycle(profile.announces_sync)
    return sketch._replace(
        title=f"The life cycle of {_accounts_of(family)}",
        subtitle=" · ".join(_provider_facts(family, profile)),
        states=tuple(_with_deadline(state, profile.deadlines) for state in sketch.states),
        notes=(*sketch.notes, *_provider_notes(profile)),
    )


def sketch_situation(situation: Situation) -> Sketch:
    """The whole life cycle, with one situation marked as the present one."""
    sketch = sketch_lifecycle()
    facts = [words(guard) for guard in (Guard.EXISTS, Guard.LOST) if getattr(situation, guard)]
    return sketch._replace(
        subtitle=f"now {situation.status}" + (f" ({', '.join(facts)})" if facts else ""),
        states=tuple(mark(state, situation.status) for state in sketch.states),
    )


def mark(state: State, status: Status) -> State:
    """The same box, flagged if it is where the account stands now."""
    return state._replace(tag="now") if state.status is status else state


def guard_notes(moves: Iterable[Move]) -> Iterable[str]:
    """What the guards on these moves mean."""
    labels = " ".join(move.guard for move in moves)
    met = [f"{words(guard)}: {meaning}" for guard, meaning in _GUARD_MEANINGS.items() if words(guard) in labels]
    if met:
        yield "; ".join(met) + "."


# ---- Arrows ---------------------------------------------------------------------------------------


def _arrows(moves: tuple[Move, ...], bundles: tuple[Bundle, ...], roles: Roles) -> tuple[Arrow, ...]:
    main = main_arrows(moves, roles)
    drawn = {pair for arrow in main for pair in arrow.covers}
    others = (bundle for bundle in bundles if not bundle.shared and not drawn.issuperset(bundle.covers))
    shared = (arrow_of(bundle, Look.SHARED)._replace(tail=_hub_key(bundle)) for bundle in bundles if bundle.shared)
    return (*main, *(arrow_of(bundle, Look.LAWFUL) for bundle in others), *shared)


def _hub(bundle: Bundle, statuses: tuple[Status, ...]) -> Hub:
    missing = tuple(s for s in statuses if s not in bundle.tails and bundle.heads != (s,))
    text = f"any state but {', '.join(missing)}" if missing else "any state"
    return Hub(_hub_key(bundle), balance(text, CAPTION_SIZE, least=_HUB_WIDTH), key_of(bundle.heads))


def _hub_key(bundle: Bundle) -> str:
    return f"ANY_TO_{key_of(bundle.heads)}"


# ---- Words ----------------------------------------------------------------------------------------

_BEYOND = "Any other announcement is an anomaly: see the picture of the deviations."


def _about_sync(announces_sync: bool) -> str:
    return f"{'announces' if announces_sync else 'never announces'} {FINISHES_SYNC}"


def _reading(announces_sync: bool | None) -> str:
    others = "".join(f"; so does {s.status} at {s.announced}" for s in stays(announces_sync is not False))
    return f"An arrow is the announcement of the state that it leads to. Announced again, a state stays{others}."


def _later_healths(roles: Roles) -> Iterable[str]:
    rows = ((status, healths_of(status)[1:]) for status in roles.statuses)
    later = tuple(f"{status} can also mean {one_of(tuple(map(spoken, more)))}" for status, more in rows if more)
    if later:
        yield f"The colour is what a state means at first; later {one_of(later, 'and')}."


def _with_deadline(state: State, deadlines: Mapping[Status, timedelta]) -> State:
    if state.status not in deadlines:
        return state
    return state._replace(caption=f"{state.caption}, ≤ {lasting(deadlines[state.status])}")


def _accounts_of(family: str | None) -> str:
    if family in PROFILES:
        return f"{family} accounts"
    return "accounts of an unknown provider" + (f" ({shown(family)})" if family else "")


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


def _provider_notes(profile: ProviderProfile) -> Iterable[str]:
    yield "A state with a time in it (≤) counts as stuck when it lasts longer."
    if profile.causes:
        yield f"Why the user may have to reconnect: {'; '.join(profile.causes)}."
