"""The definition as a running ``transitions.Machine``, and one account bound to it.

Deviations are no part of it: an unexpected trigger raises ``MachineError``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from transitions import EventData, Machine

from . import definition
from .definition import Guard, Transition
from .status import Status

if TYPE_CHECKING:
    from graphviz import Digraph
    from transitions.core import TransitionConfigDict

FACTS = (Guard.EXISTS, Guard.LOST, Guard.NEEDS_USER)
"""The guards that are facts of a situation; the others are told of each event (``CIRCUMSTANCES``)."""
CIRCUMSTANCES = tuple(guard for guard in Guard if guard not in FACTS)
"""The guards that an event brings with it: the provider's and the subscription's, and those of time."""


class Situation:
    """Where an account stands: its status and the facts that serve as guards.

    There is one object for each (``situation_of``), so that situations are compared and hashed by identity.
    """

    __slots__ = ("exists", "key", "lost", "needs_user", "status")

    def __init__(self, status: Status, exists: bool, lost: bool, needs_user: bool) -> None:
        self.status = status
        self.exists = exists
        self.lost = lost
        self.needs_user = needs_user
        self.key = (status, exists, lost, needs_user)
        """The same as a tuple, as it is kept in stores."""

    def __repr__(self) -> str:
        return f"situation_of({self.status!r}, {self.exists}, {self.lost}, {self.needs_user})"

    def __str__(self) -> str:
        facts = ["exists" if self.exists else "not known to exist", "lost" if self.lost else "not lost"]
        return f"{self.status} ({', '.join([*facts, 'needs its user'] if self.needs_user else facts)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return situation_of, self.key

    def moved_to(self, status: Status) -> Situation:
        """Return the same facts in another status."""
        return situation_of(status, self.exists, self.lost, self.needs_user)

    def after(self, announced: Status) -> Situation:
        """Return the same status, with the facts that an accepted announcement leaves behind."""
        restored = announced in definition.RESTORES
        return situation_of(
            self.status,
            self.exists or announced in definition.PROVES_EXISTENCE,
            announced in definition.LOSSES or (self.lost and not restored),
            announced in definition.NEEDS_USER or (self.needs_user and not restored),
        )


@cache
def situation_of(status: Status, exists: bool, lost: bool, needs_user: bool) -> Situation:
    """Return the one object for a situation."""
    return Situation(status, exists, lost, needs_user)


@lru_cache(maxsize=256)
def situation_text(situation: Situation) -> str:
    """Return a situation as it is kept: its status, then those of exists, lost and needs_user that hold."""
    status, exists, lost, needs_user = situation.key
    return " ".join([status, *(["exists"] * exists), *(["lost"] * lost), *(["needs_user"] * needs_user)])


@lru_cache(maxsize=256)
def situation_from(text: str) -> Situation:
    """Return the situation of such a text; raise ``ValueError`` for any other."""
    status, *facts = text.split(" ")
    situation = situation_of(Status(status), "exists" in facts, "lost" in facts, "needs_user" in facts)
    if situation_text(situation) != text:
        raise ValueError(f"{text!r} is no situation")
    return situation


INITIAL_SITUATION = situation_of(definition.INITIAL, False, False, False)

USUAL = frozenset({Guard.ANNOUNCES_SYNC, Guard.OK_SUBSCRIBED})
"""The circumstances of an event that nothing is known against: no fact of time holds, every word is announced."""


class LifecycleModel:
    """An account bound to the shared machine, to ask and to try things on; no store is ever touched.

    ``model.may_OK()`` tells whether an announcement would be expected now and ``model.OK()`` makes it: it
    returns True, or raises ``transitions.MachineError`` (no such transition from here) or returns False
    (a guard said no). ``state``, ``exists``, ``lost`` and ``needs_user`` follow. ``circumstances`` are the guards
    that hold beside them.
    """

    def __init__(self, situation: Situation, circumstances: frozenset[Guard] = USUAL) -> None:
        self.situation = situation
        self.circumstances = circumstances

    @property
    def situation(self) -> Situation:
        """Where the model stands now."""
        return situation_of(self.state, self.exists, self.lost, self.needs_user)

    @situation.setter
    def situation(self, situation: Situation) -> None:
        self.state: Status = situation.status
        self.exists, self.lost, self.needs_user = situation.exists, situation.lost, situation.needs_user

    def holds(self, guard: Guard) -> bool:
        """Return whether a guard holds."""
        return bool(getattr(self, guard)) if guard in FACTS else guard in self.circumstances


class BoundModel(LifecycleModel):
    """A model with the machine's triggers (``OK()``), questions (``may_OK()``) and its picture."""

    def __init__(
        self,
        situation: Situation,
        draw: Callable[[Situation], Digraph],
        circumstances: frozenset[Guard] = USUAL,
    ) -> None:
        super().__init__(situation, circumstances)
        self._draw = draw
        # Registered only for the moment in which the machine adds its methods: the methods stay, and
        # the shared machine does not keep every model that was ever asked for.
        machine = build_machine()
        machine.add_model(self, initial=situation.status)
        machine.remove_model(self)

    if TYPE_CHECKING:  # the triggers are added by the machine

        def __getattr__(self, name: str) -> Callable[[], bool]: ...

    def expected(self) -> tuple[Status, ...]:
        """Return the announcements that would be expected now, in the definition's order."""
        return tuple(s for s in definition.ANNOUNCEMENTS if getattr(self, f"may_{s}")())

    def get_graph(self) -> Digraph:
        """Return the life cycle with the model's current state marked, as a ``graphviz.Digraph``."""
        return self._draw(self.situation)


@cache
def build_machine() -> Machine:
    """Return the one shared machine, built from the definition after checking it.

    Raise ``ValueError`` for a definition that ``transitions`` would accept, but that is ambiguous or has no end.
    """
    check_transitions(definition.TRANSITIONS)
    rows = [_row(t) for t in definition.TRANSITIONS]
    return Machine(
        model=None,
        states=Status,
        initial=definition.INITIAL,
        transitions=rows,
        auto_transitions=False,
        send_event=True,
        after_state_change=_remember_facts,
        name="account life cycle",
    )


def check_transitions(rows: tuple[Transition, ...]) -> None:
    """Refuse a definition with an ambiguous or an unreachable row, or one that leaves the terminal state."""
    seen: set[tuple[Status, Status, tuple[Guard, ...], tuple[Guard, ...]]] = set()
    for row in rows:
        if not row.source:
            raise ValueError(f"{row.trigger}: a transition needs a source")
        for source in row.source:
            key = (row.trigger, source, row.conditions, row.unless)
            unguarded = (row.trigger, source, (), ())
            if key in seen or unguarded in seen:
                raise ValueError(f"{row.trigger} from {source} is defined twice")
            if source is definition.TERMINAL and row.dest not in (None, definition.TERMINAL):
                raise ValueError(f"{row.trigger} would leave the terminal state {source}")
            seen.add(key)


def _row(transition: Transition) -> TransitionConfigDict:
    return {
        "trigger": transition.trigger.value,
        "source": list(transition.source),
        "dest": transition.dest,
        "conditions": [_GUARDS[g] for g in transition.conditions],
        "unless": [_GUARDS[g] for g in transition.unless],
    }


def _guard(guard: Guard) -> Callable[[EventData], bool]:
    def holds(event: EventData) -> bool:
        return cast(LifecycleModel, event.model).holds(guard)

    holds.__name__ = guard.value
    return holds


_GUARDS = {guard: _guard(guard) for guard in Guard}


def _remember_facts(event: EventData) -> None:
    model = cast(LifecycleModel, event.model)
    cast(Any, event).model.situation = model.situation.after(Status(event.event.name))
