"""The picture of the deviations: every unexpected announcement's fate, and nothing that is expected."""

import re

from account_lifecycle import drawing
from account_lifecycle.drawing.table import find_holds
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.definition import DEVIATIONS
from account_lifecycle.lifecycle.status import Status
from drawing.reading import NAMES, Drawn, Pair, listed, members, read, rows

Deviant = tuple[Status, Status, AnomalyKind]


def deviant_moves() -> set[Deviant]:
    return {(s.before.status, s.after.status, s.deviation) for s in rows() if s.moved and s.deviation}


def drawn_moves(drawn: Drawn) -> set[Deviant]:
    """What a reader sees: from a state to a box that names the kind and lists where to, or by way of one."""
    found: set[Deviant] = set()
    for edge in drawn.edges:
        if not edge.is_dashed_red or edge.tail == edge.head or edge.tail not in NAMES:
            continue
        kind, heads = fate(edge.head, drawn)
        found |= {(tail, head, kind) for tail in members(edge.tail, drawn) for head in heads if tail is not head}
    return found


def fate(box: str, drawn: Drawn) -> tuple[AnomalyKind, set[Status]]:
    """The kind that a box names, and the states that it lists or leads to."""
    kind, _, words = drawn.nodes[box]["label"].partition("\\n")
    onward = [edge.head for edge in drawn.edges if edge.tail == box]
    return AnomalyKind(kind), members(onward[0], drawn) if onward else listed(words, drawn)


def test_every_unexpected_move_is_drawn_with_its_kind_and_no_other() -> None:
    assert drawn_moves(read(drawing.deviations())) == deviant_moves()


def test_what_an_arrow_says_that_it_stands_for_is_what_a_reader_sees() -> None:
    dashed = [a for a in drawing.deviations().sketch.arrows if a.look == "anomaly"]
    covered: set[Pair] = {pair for arrow in dashed for pair in arrow.covers}
    assert covered == {(before, after) for before, after, _ in deviant_moves()}


def test_every_hold_is_shown_with_its_kind() -> None:
    shown = {(h.kind, announced, state) for h in find_holds() for announced in h.announced for state in h.states}
    table = {
        (step.deviation, step.announced, step.before.status)
        for sync in (True, False)
        for step in rows(announces_sync=sync)
        if step.deviation and not step.accepted
    }
    # What only a provider that never announces it can cause is listed once.
    assert shown == table


def test_a_hold_of_one_state_or_of_the_group_is_a_dashed_red_loop() -> None:
    drawn = read(drawing.deviations())
    loops = {edge.head: edge.label.split("\\n")[0] for edge in drawn.edges if edge.tail == edge.head}
    assert loops == {"OK": "UNEXPECTED_RECONNECT", "GROUP": "SYNC_WHILE_LOST", "DELETED": "AFTER_DELETION"}


def test_every_other_hold_is_listed_below() -> None:
    notes = "\n".join(drawing.deviations().sketch.notes)
    for kind, announced in (("LATE_EVENT", "CREATION_SUCCESS"), ("CONTRADICTED_CREATION", "CREATION_FAIL")):
        line = next(line for line in notes.splitlines() if kind in line)
        assert re.search(f"{announced} in any state but UNSEEN", line)
        assert "CONNECTING: known account" in line


def test_every_kind_of_the_definition_is_named() -> None:
    words = read(drawing.deviations()).words()
    assert {row.kind for row in DEVIATIONS} <= {kind for kind in AnomalyKind if kind in words}


def test_what_is_expected_is_there_for_orientation_only() -> None:
    drawn = read(drawing.deviations())
    assert {edge.attributes["color"] for edge in drawn.edges if not edge.is_dashed_red} == {"#d1d5db"}
    assert drawn.statuses == set(Status)
