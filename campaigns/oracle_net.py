"""The vendor's expected life cycle as a Petri net, drawn by hand, and its alignments by pm4py.

Nothing of the package is imported here: the net is what the package is compared with. It has the words on the wire and
where an account can be after each of them; what an unexpected announcement does is not in it, because a net only knows
what may happen.

An account is one token. What the rules keep as two facts beside the status (is it known to exist, is its connection
lost) is unfolded into places, and only CONNECTING needs more than one. From every place a silent transition leads to
the end, because a log may stop in the middle of any life.

pm4py is imported when the first ``Aligner`` is made.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

START, END = "before the first word", "end"

LOSSES = {"CREDENTIALS": "signed out", "PERMISSIONS": "short of scopes", "ERROR": "broken", "STOPPED": "halted"}
"""Words that announce a lost connection, and the place where each leaves the account."""
WORDS = ("CONNECTING", "CREATION_SUCCESS", "CREATION_FAIL", "SYNC_SUCCESS", "OK", *LOSSES, "RECONNECTED", "DELETED")

SILENT_TYPES = frozenset(
    ("MESSENGER", "X", "TWITTER", "GOOGLE", "GOOGLE_OAUTH", "GOOGLE_CALENDAR", "MICROSOFT", "OUTLOOK", "EXCHANGE")
)
"""Account types of which a finished sync is never announced; of any other, known or not, it may be."""

_Exits = dict[str, str]
_ANY_DAY: _Exits = {**LOSSES, "DELETED": "gone"}
"""What can happen to an account at any time, once it has begun to connect and until it is gone."""

_BIRTH: dict[str, _Exits] = {
    START: {"CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused"},
    "first connecting": {
        "CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused", **_ANY_DAY,
    },
    "refused": {
        "CONNECTING": "first connecting", "CREATION_SUCCESS": "created", "CREATION_FAIL": "refused", "DELETED": "gone",
    },
    "created": {
        "CREATION_SUCCESS": "created", "CONNECTING": "connecting",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
}  # fmt: skip
_WORK: dict[str, _Exits] = {
    "synced": {"SYNC_SUCCESS": "synced", "OK": "working", "CONNECTING": "connecting", **_ANY_DAY},
    "working": {"OK": "working", "SYNC_SUCCESS": "working", "CONNECTING": "connecting", **_ANY_DAY},
    "connecting": {"CONNECTING": "connecting", "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY},
}
_LOSS: dict[str, _Exits] = {
    place: {"OK": "working", "RECONNECTED": "signed in again", "CONNECTING": "connecting after a loss", **_ANY_DAY}
    for place in LOSSES.values()
}
_RETURN: dict[str, _Exits] = {
    "connecting after a loss": {
        "CONNECTING": "connecting after a loss", "RECONNECTED": "signed in again",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
    "signed in again": {
        "RECONNECTED": "signed in again", "CONNECTING": "connecting",
        "SYNC_SUCCESS": "synced", "OK": "working", **_ANY_DAY,
    },
}  # fmt: skip
_LIFE = {**_BIRTH, **_WORK, **_LOSS, **_RETURN, "gone": {"DELETED": "gone"}}


class Arc(NamedTuple):
    """An expected announcement: a transition of the net, with the place before it and the place after it."""

    source: str
    word: str
    target: str


class Net(NamedTuple):
    """A life cycle as places and the labelled transitions between them."""

    arcs: tuple[Arc, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Every place that a token can be in, except the end."""
        return tuple(dict.fromkeys((START, *(arc.source for arc in self.arcs), *(arc.target for arc in self.arcs))))

    def without(self, lost: Arc) -> "Net":
        """Return the net with one transition less."""
        return Net(tuple(arc for arc in self.arcs if arc != lost))

    def with_another(self, arc: Arc) -> "Net":
        """Return the net with one transition more."""
        return Net((*self.arcs, arc))

    def way_to(self, place: str) -> tuple[str, ...]:
        """Return a shortest series of words after which the token is in a place."""
        ways: dict[str, tuple[str, ...]] = {START: ()}
        for here in (queue := [START]):
            for arc in self.arcs:
                if arc.source == here and arc.target not in ways:
                    ways[arc.target] = (*ways[here], arc.word)
                    queue.append(arc.target)
        return ways[place]


def net_for(account_type: str | None) -> Net:
    """Return the net of an account type's provider; None stands for one that was never announced."""
    return QUIET if (account_type or "").strip().upper() in SILENT_TYPES else TALKATIVE


def _arcs() -> Iterator[Arc]:
    for source, exits in _LIFE.items():
        for word, target in exits.items():
            yield Arc(source, word, target)


TALKATIVE = Net(tuple(_arcs()))
"""Of providers that announce a finished sync."""
QUIET = Net(tuple(arc for arc in TALKATIVE.arcs if arc.word != "SYNC_SUCCESS" and arc.source != "synced"))
"""Of those that never do: without the word, nothing leads to the place where it leaves an account."""


# ---- Alignments by pm4py ---------------------------------------------------------------------------

DIJKSTRA = "VERSION_DIJKSTRA_LESS_MEMORY"
"""Optimal; the quickest for nets as small as these."""
STATE_EQUATION = "VERSION_STATE_EQUATION_A_STAR"
"""Optimal too, and found another way: it solves a linear program for every marking it meets."""
_SKIPPED = ">>"


class Alignment(NamedTuple):
    """The cheapest way to read a series of words as a run of a net."""

    cost: int
    """How many words the net cannot follow, plus how many it would have needed in between; 0: none."""
    followed: frozenset[Arc]
    """The transitions that were fired by a word of the series."""


class Aligner:
    """One net, ready to be aligned with."""

    def __init__(self, net: Net, algorithm: str = DIJKSTRA) -> None:
        from pm4py.algo.conformance.alignments.petri_net import algorithm as alignments
        from pm4py.objects.log import obj as logs
        from pm4py.objects.petri_net import obj as nets
        from pm4py.objects.petri_net.utils import petri_utils as arcs

        self._alignments, self._logs, self._nets, self._arcs = alignments, logs, nets, arcs
        self._algorithm = alignments.Variants[algorithm]
        self._net = nets.PetriNet("account life cycle")
        self._places = {name: nets.PetriNet.Place(name) for name in (*net.places, END)}
        self._net.places.update(self._places.values())
        self._meant: dict[str, Arc] = {}
        for number, arc in enumerate(net.arcs):
            self._meant[self._join(f"{number}", arc.source, arc.target, arc.word)] = arc
        for place in net.places:
            self._join(f"cut short {place}", place, END, None)  # a log may end anywhere

    def align(
        self, words: Sequence[str], *, start: str = START, missed_cost: int = 1, unfollowed_cost: int = 1
    ) -> Alignment:
        """Return the optimal alignment from the place ``start`` on.

        ``missed_cost`` is the cost of a transition that no word of the series fires, ``unfollowed_cost`` that of a
        word that the net cannot follow.
        """
        labelled = {transition: int(transition.label is not None) for transition in self._net.transitions}
        costs = {
            "model_cost_function": {each: missed_cost * visible for each, visible in labelled.items()},
            "sync_cost_function": {each: 0 for each, visible in labelled.items() if visible},
            "trace_cost_function": [unfollowed_cost] * len(words),
        }
        found = self._run(words, start, costs)
        fired = (names[1] for names, _ in found["alignment"] if _SKIPPED not in names)
        return Alignment(round(found["cost"]), frozenset(self._meant[name] for name in fired))

    def _run(self, words: Sequence[str], start: str, costs: dict[str, Any]) -> Mapping[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # the linear programs use numpy.matrix
            found: Mapping[str, Any] = self._alignments.apply(
                self._logs.Trace([self._logs.Event({"concept:name": word}) for word in words]),
                self._net,
                self._nets.Marking({self._places[start]: 1}),
                self._nets.Marking({self._places[END]: 1}),
                parameters={**costs, "ret_tuple_as_trans_desc": True, "enable_best_worst_cost": False},
                variant=self._algorithm,
            )
        return found

    def _join(self, name: str, source: str, target: str, label: str | None) -> str:
        transition = self._nets.PetriNet.Transition(name, label)
        self._net.transitions.add(transition)
        self._arcs.add_arc_from_to(self._places[source], transition, self._net)
        self._arcs.add_arc_from_to(transition, self._places[target], self._net)
        return name
