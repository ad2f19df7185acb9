"""Legibility: nothing overlaps, nothing is cut, everything can be read."""

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from account_lifecycle import drawing
from account_lifecycle.drawing import Crossing, PathStep, Picture
from account_lifecycle.drawing.dot import digraph
from account_lifecycle.drawing.gallery import pictures
from account_lifecycle.drawing.geometry import NAME_SIZE, Box, around, text_width
from account_lifecycle.drawing.placement import Placement
from account_lifecycle.drawing.sketch import (
    DARK_GROUNDS,
    DARK_INKS,
    FRAME_PAINT,
    GROUP,
    GROUP_NAME,
    HEALTH_PAINT,
    PENS,
    WHITE,
    Look,
)
from account_lifecycle.lifecycle.anomalies import AnomalyKind
from account_lifecycle.lifecycle.status import Health, Status, Verdict

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_path() -> Picture:
    way = [Status.UNSEEN, Status.CONNECTING, Status.OK, Status.ERROR, Status.STOPPED, Status.RECONNECTED, Status.OK]
    steps = [PathStep(a, b, b, at=AT) for a, b in pairwise(way)]
    held = PathStep(Status.OK, "CREATION_SUCCESS", Status.OK, Verdict.HELD, (AnomalyKind.LATE_EVENT,), AT)
    return drawing.path([*steps, held], "acc_1")


def a_traffic() -> Picture:
    sketch = drawing.lifecycle().sketch
    counts = {Crossing(a, b, b): 10 * n + 1 for arrow in sketch.arrows for n, (a, b) in enumerate(arrow.covers)}
    counts[Crossing(Status.OK, "CREATION_SUCCESS", Status.OK, AnomalyKind.LATE_EVENT)] = 70
    return drawing.traffic(counts)


PICTURES = {**dict(pictures()), "path": a_path(), "traffic": a_traffic()}
every_picture = pytest.mark.parametrize(
    "placement", [pytest.param(p.placement, id=name) for name, p in PICTURES.items()]
)


def solid(placement: Placement) -> dict[str, Box]:
    """Everything that covers what lies below it; not the group's frame, which holds others."""
    labels = {f"label {i}": label for i, label in enumerate(placement.labels) if label}
    words = {text.words: text.box for text in (*placement.title, *placement.legend.texts)}
    swatches = dict(placement.legend.swatches)
    return {**{k: box for k, box in placement.boxes.items() if k != GROUP}, **labels, **words, **swatches}


@every_picture
def test_no_two_things_overlap(placement: Placement) -> None:
    things = list(solid(placement).items())
    overlaps = [(a, b) for i, (a, x) in enumerate(things) for b, y in things[:i] if x.grown(-0.1).overlaps(y)]
    assert overlaps == []


@every_picture
def test_no_arrow_runs_through_a_box_or_under_a_label_of_another(placement: Placement) -> None:
    for arrow, route in zip(placement.sketch.arrows, placement.routes, strict=True):
        ends = {arrow.tail, arrow.head}
        own = ends | set(placement.sketch.group) | {GROUP_NAME} if GROUP in ends else ends
        if ends & set(placement.sketch.group):
            own = own | {GROUP}
        others = [key for key, box in placement.boxes.items() if key not in own]
        assert [key for key in others if any(piece.meets(placement.boxes[key]) for piece in route.pieces)] == []


@every_picture
def test_no_label_lies_on_the_arrow_of_another(placement: Placement) -> None:
    labels = [(i, box) for i, box in enumerate(placement.labels) if box]
    drawn = enumerate(placement.routes)
    crossed = [(i, j) for j, way in drawn for i, box in labels if i != j and any(p.meets(box) for p in way.pieces)]
    assert crossed == []


@every_picture
def test_the_group_stands_in_its_frame(placement: Placement) -> None:
    frame = placement.boxes[GROUP]
    inner = around([placement.boxes[status] for status in (*placement.sketch.group, GROUP_NAME)])
    assert frame.left < inner.left < inner.right < frame.right
    assert frame.bottom < inner.bottom < inner.top < frame.top


@every_picture
def test_every_name_fits_into_its_box(placement: Placement) -> None:
    for state in placement.sketch.states:
        assert text_width(state.status, NAME_SIZE) < placement.boxes[state.status].width


@every_picture
def test_a_picture_is_no_larger_than_a_screen(placement: Placement) -> None:
    extent = around(list(solid(placement).values()))
    assert extent.width < 1400
    assert extent.height < 900


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("health", Health)
def test_every_name_can_be_read_on_its_colour(health: Health) -> None:
    paint = HEALTH_PAINT[health]
    assert contrast(paint.fill, paint.text) >= 4.5
    assert contrast(paint.line, WHITE) >= 3


@pytest.mark.parametrize("look", [look for look in Look if look is not Look.FAINT])
def test_every_arrow_and_its_label_can_be_told_from_the_ground(look: Look) -> None:
    assert min(contrast(PENS[look].colour, ground) for ground in (WHITE, FRAME_PAINT.fill)) >= 4.5


@pytest.mark.parametrize("health", Health)
def test_every_name_can_be_read_on_its_colour_in_a_dark_scheme(health: Health) -> None:
    paint = HEALTH_PAINT[health]
    fill, text, line = DARK_GROUNDS.get(paint.fill, paint.fill), DARK_INKS.get(paint.text, WHITE), DARK_INKS[paint.line]
    assert contrast(fill, text) >= 4.5
    assert contrast(line, DARK_GROUNDS[WHITE]) >= 3


@pytest.mark.parametrize("look", [look for look in Look if look is not Look.FAINT])
def test_every_arrow_and_its_label_can_be_told_from_a_dark_ground(look: Look) -> None:
    grounds = DARK_GROUNDS[WHITE], DARK_GROUNDS[FRAME_PAINT.fill]
    assert min(contrast(DARK_INKS[PENS[look].colour], ground) for ground in grounds) >= 4.5


@every_picture
def test_a_dark_scheme_has_an_answer_to_every_colour_of_a_picture(placement: Placement) -> None:
    source = str(digraph(placement).source)
    stay = {WHITE, HEALTH_PAINT[Health.LIVE].fill, HEALTH_PAINT[Health.GONE].fill}
    assert {*re.findall(r"#[0-9a-f]{6}", source)} <= {*DARK_GROUNDS, *DARK_INKS} | stay


@pytest.mark.parametrize("look", Look)
def test_every_look_is_drawn_in_its_own_way(look: Look) -> None:
    assert [other for other in Look if PENS[other] == PENS[look]] == [look]


@every_picture
def test_every_look_that_is_drawn_is_explained(placement: Placement) -> None:
    explained = {look for look, _ in placement.sketch.key}
    assert {arrow.look for arrow in placement.sketch.arrows} - explained <= {Look.FAINT}
    assert {state.health for state in placement.sketch.states} <= set(placement.sketch.healths)
