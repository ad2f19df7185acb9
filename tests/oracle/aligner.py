"""Alignments by pm4py: how far a series of words is from the nearest run of a net.

The only module that imports pm4py; who imports it is skipped where that is not installed. Knows nets and
words; it must never know the package, nor search for anything itself.
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from oracle.net import END, START, Arc, Net

_WHY = "pm4py is not installed: the development dependencies have it"
# importorskip keeps the warnings of what pm4py imports to itself
_alignments = pytest.importorskip("pm4py.algo.conformance.alignments.petri_net.algorithm", reason=_WHY)
_nets = pytest.importorskip("pm4py.objects.petri_net.obj", reason=_WHY)
_arcs = pytest.importorskip("pm4py.objects.petri_net.utils.petri_utils", reason=_WHY)
_logs = pytest.importorskip("pm4py.objects.log.obj", reason=_WHY)

DIJKSTRA = _alignments.Variants.VERSION_DIJKSTRA_LESS_MEMORY
"""Optimal; the quickest for nets as small as these."""
STATE_EQUATION = _alignments.Variants.VERSION_STATE_EQUATION_A_STAR
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

    def __init__(self, net: Net, algorithm: Any = DIJKSTRA) -> None:
        self._algorithm = algorithm
        self._net = _nets.PetriNet("account life cycle")
        self._places = {name: _nets.PetriNet.Place(name) for name in (*net.places, END)}
        self._net.places.update(self._places.values())
        self._meant: dict[str, Arc] = {}
        for number, arc in enumerate(net.arcs):
            self._meant[self._join(f"{number}", arc.source, arc.target, arc.word)] = arc
        for place in net.places:
            self._join(f"cut short {place}", place, END, None)  # whatever is reached may be the last that is told

    def align(
        self, words: Sequence[str], *, start: str = START, unheard_costs: int = 1, unfollowed_costs: int = 1
    ) -> Alignment:
        """The optimal alignment from a place on.

        ``unheard_costs`` is the price of a transition that no word of the series fires, ``unfollowed_costs``
        that of a word that the net cannot follow.
        """
        labelled = {transition: int(transition.label is not None) for transition in self._net.transitions}
        costs = {
            "model_cost_function": {each: unheard_costs * visible for each, visible in labelled.items()},
            "sync_cost_function": {each: 0 for each, visible in labelled.items() if visible},
            "trace_cost_function": [unfollowed_costs] * len(words),
        }
        found = self._run(words, start, costs)
        fired = (names[1] for names, _ in found["alignment"] if _SKIPPED not in names)
        return Alignment(round(found["cost"]), frozenset(self._meant[name] for name in fired))

    def _run(self, words: Sequence[str], start: str, costs: dict[str, Any]) -> Mapping[str, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)  # the linear programs use numpy.matrix
            found: Mapping[str, Any] = _alignments.apply(
                _logs.Trace([_logs.Event({"concept:name": word}) for word in words]),
                self._net,
                _nets.Marking({self._places[start]: 1}),
                _nets.Marking({self._places[END]: 1}),
                parameters={**costs, "ret_tuple_as_trans_desc": True, "enable_best_worst_cost": False},
                variant=self._algorithm,
            )
        return found

    def _join(self, name: str, source: str, target: str, label: str | None) -> str:
        transition = _nets.PetriNet.Transition(name, label)
        self._net.transitions.add(transition)
        _arcs.add_arc_from_to(self._places[source], transition, self._net)
        _arcs.add_arc_from_to(transition, self._places[target], self._net)
        return name
