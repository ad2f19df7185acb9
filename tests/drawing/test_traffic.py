"""A fleet's traffic: every event is counted once, the busy ways are wide, the anomalous ones dashed red."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_lifecycle import drawing
from account_lifecycle.drawing import Crossing
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.definition import LOSSES
from account_lifecycle.lifecycle.status import Status
from drawing.reading import Drawn, read, rows

EVERYTHING = [Crossing(s.before.status, s.announced, s.after.status, s.deviation) for s in rows()]


def drawn(counts: dict[Crossing, int]) -> Drawn:
    return read(drawing.traffic(counts))


def move(before: Status, after: Status, kind: AnomalyKind | None = None) -> Crossing:
    return Crossing(before, after, after, kind)


def numbers(words: str) -> int:
    return sum(int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", words))


def test_a_move_of_the_main_chain_is_counted_on_its_own_arrow() -> None:
    picture = drawn({move(Status.UNSEEN, Status.CONNECTING): 12_345})
    assert [edge.label for edge in picture.between("UNSEEN", "CONNECTING")] == ["12,345"]


def test_moves_that_share_an_arrow_are_counted_together() -> None:
    picture = drawn({move(Status.OK, loss): 10 for loss in LOSSES} | {move(Status.ERROR, Status.OK): 7})
    assert [edge.label for edge in picture.between("OK", "GROUP")] == ["40"]
    assert [edge.label for edge in picture.between("GROUP", "OK")] == ["7"]
    assert picture.nodes["ERROR_caption"]["label"] == "entered 10 ×"


def test_a_busier_way_is_wider_by_powers_of_ten() -> None:
    counts = {move(Status.UNSEEN, Status.CONNECTING): 10, move(Status.CONNECTING, Status.CREATION_SUCCESS): 1_000}
    picture = drawn({**counts, move(Status.CREATION_SUCCESS, Status.SYNC_SUCCESS): 100_000})
    ends = [("UNSEEN", "CONNECTING"), ("CONNECTING", "CREATION_SUCCESS"), ("CREATION_SUCCESS", "SYNC_SUCCESS")]
    thin, middle, wide = (float(picture.between(*end)[0].attributes["penwidth"]) for end in ends)
    assert thin < middle < wide
    assert middle - thin == pytest.approx(wide - middle, abs=0.11)


def test_an_anomalous_move_is_anomalous_and_names_its_kind() -> None:
    picture = drawn({move(Status.UNSEEN, Status.OK, AnomalyKind.ADOPTED): 3})
    assert [(edge.label, edge.is_anomalous) for edge in picture.between("UNSEEN", "OK")] == [("ADOPTED 3", True)]


def test_what_only_rides_along_does_not_make_a_move_anomalous() -> None:
    crossing = move(Status.UNSEEN, Status.CONNECTING, AnomalyKind.UNKNOWN_PROVIDER)
    edges = drawn({crossing: 2, move(Status.UNSEEN, Status.CONNECTING): 5}).between("UNSEEN", "CONNECTING")
    assert [(edge.label, edge.is_anomalous) for edge in edges] == [("7", False)]


def test_a_move_that_no_arrow_stands_for_is_shown_as_anomalous() -> None:
    edges = drawn({move(Status.DELETED, Status.OK): 1}).between("DELETED", "OK")
    assert [edge.is_anomalous for edge in edges] == [True]


def test_holds_are_dashed_loops_and_their_kinds_are_named() -> None:
    late = Crossing(Status.OK, "CREATION_SUCCESS", Status.OK, AnomalyKind.LATE_EVENT)
    unknown = Crossing(Status.OK, "FAXED", Status.OK, AnomalyKind.UNKNOWN_STATUS)
    picture = drawn({late: 4, unknown: 6})
    assert [(edge.label, edge.is_anomalous) for edge in picture.between("OK", "OK")] == [("10", True)]
    assert "OK (UNKNOWN_STATUS 6, LATE_EVENT 4)" in picture.words()


def test_a_state_that_nobody_was_in_is_faint() -> None:
    picture = drawn({move(Status.UNSEEN, Status.CONNECTING): 1})
    faint = {status for status in Status if picture.nodes[status]["color"] == "#d1d5db"}
    assert set(Status) - faint == {Status.UNSEEN, Status.CONNECTING}


def test_a_fleet_without_traffic_is_an_empty_map() -> None:
    picture = drawn({})
    assert picture.statuses == set(Status)
    assert [edge.label for edge in picture.edges if edge.label] == []


@settings(max_examples=8, deadline=None)
@given(st.dictionaries(st.sampled_from(EVERYTHING), st.integers(1, 10**6), max_size=40))
def test_every_event_is_counted_exactly_once(counts: dict[Crossing, int]) -> None:
    sketch = drawing.traffic(counts).sketch
    rare = "".join(note.partition(":")[2] for note in sketch.notes if note.startswith("Too rare"))
    quiet = sum(n for c, n in counts.items() if c.before is c.after and c.kind is None)
    assert numbers(" ".join(arrow.label for arrow in sketch.arrows)) + numbers(rare) == sum(counts.values()) - quiet
