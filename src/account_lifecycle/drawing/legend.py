"""The words around a picture: its title above, and below it what the colours and lines mean.

Knows how to set text; it must never know what the picture is about.
"""

from typing import NamedTuple

from ..lifecycle.status import Health
from .geometry import Box, Point, around
from .lettering import LINE_HEIGHT, text_height, text_width, wrap
from .palette import INK, PENS, SOFT_INK
from .sketch import Look, Sketch

TITLE_SIZE, SUBTITLE_SIZE, TEXT_SIZE = 22.0, 13.0, 11.0
_SWATCH_HEIGHT, _SWATCH_GAP, _SAMPLE_LENGTH, _LINE_GAP, _ITEM_GAP = 20.0, 6.0, 40.0, 12.0, 22.0
_MOST_COLUMNS = 4


class Text(NamedTuple):
    """Lines of text, ranged left in a box."""

    words: str
    box: Box
    size: float
    bold: bool = False
    colour: str = INK


class Swatch(NamedTuple):
    """A sample of a colour, with its name on it."""

    health: Health
    box: Box


class Sample(NamedTuple):
    """A sample of a line."""

    look: Look
    start: Point
    end: Point


class Legend(NamedTuple):
    """Everything around a picture."""

    texts: tuple[Text, ...]
    swatches: tuple[Swatch, ...]
    samples: tuple[Sample, ...]

    @property
    def extent(self) -> Box:
        """The room that it takes."""
        return around([*(text.box for text in self.texts), *(swatch.box for swatch in self.swatches)])


def title_of(sketch: Sketch, left: float, top: float) -> tuple[Text, ...]:
    """The title and the line below it, their upper left corner given."""
    title = _text(sketch.title, left, top, TITLE_SIZE, bold=True)
    if not sketch.subtitle:
        return (title,)
    return (title, _text(sketch.subtitle, left, title.box.bottom - 4, SUBTITLE_SIZE, colour=SOFT_INK))


def legend_of(sketch: Sketch, left: float, top: float, width: float) -> Legend:
    """The swatches, the lines and the notes, one below the other, no wider than ``width``."""
    swatches = _swatches(sketch.healths, left, top)
    y = top - (_SWATCH_HEIGHT + _LINE_GAP if swatches else 0)
    samples, texts = _samples(sketch.key, left, y, width)
    y = texts[-1].box.bottom - _LINE_GAP if texts else y
    if sketch.notes:
        notes = wrap("\n".join(sketch.notes), width, TEXT_SIZE)
        texts = (*texts, _text(notes, left, y, TEXT_SIZE, colour=SOFT_INK))
        y = texts[-1].box.bottom - _LINE_GAP
    return Legend((*texts, *_log(sketch.log, left, y, width)), swatches, samples)


def _swatches(healths: tuple[Health, ...], left: float, top: float) -> tuple[Swatch, ...]:
    swatches = []
    for health in healths:
        width = text_width(spoken(health), TEXT_SIZE) + 20
        swatches.append(Swatch(health, Box(left + width / 2, top - _SWATCH_HEIGHT / 2, width, _SWATCH_HEIGHT)))
        left += width + _SWATCH_GAP
    return tuple(swatches)


def _samples(
    key: tuple[tuple[Look, str], ...], left: float, top: float, width: float
) -> tuple[tuple[Sample, ...], tuple[Text, ...]]:
    """The lines with their meanings, side by side as far as they fit."""
    samples: list[Sample] = []
    texts: list[Text] = []
    x = left
    for look, meaning in key:
        if texts and x + _SAMPLE_LENGTH + text_width(meaning, TEXT_SIZE) > left + width:
            x, top = left, top - TEXT_SIZE - _LINE_GAP
        middle = top - TEXT_SIZE * 0.6
        samples.append(Sample(look, (x, middle), (x + _SAMPLE_LENGTH, middle)))
        texts.append(_text(meaning, x + _SAMPLE_LENGTH + 6, top, TEXT_SIZE))
        x = texts[-1].box.right + _ITEM_GAP
    return tuple(samples), tuple(texts)


def _log(log: tuple[tuple[Look, str], ...], left: float, top: float, width: float) -> tuple[Text, ...]:
    """The lines in columns, read downwards."""
    if not log:
        return ()
    column = max(text_width(line, TEXT_SIZE) for _, line in log) + _ITEM_GAP
    columns = max(1, min(_MOST_COLUMNS, int(width / column)))
    rows = -(-len(log) // columns)
    step = TEXT_SIZE * LINE_HEIGHT
    spots = ((left + column * (i // rows), top - step * (i % rows)) for i in range(len(log)))
    return tuple(
        _text(line, x, y, TEXT_SIZE, colour=PENS[look].colour) for (look, line), (x, y) in zip(log, spots, strict=True)
    )


def spoken(health: Health) -> str:
    """A health's name for people."""
    return health.value.replace("_", " ").lower()


def _text(words: str, left: float, top: float, size: float, *, bold: bool = False, colour: str = INK) -> Text:
    width, height = text_width(words, size, bold=bold) + 2, text_height(words, size)
    return Text(words, Box(left + width / 2, top - height / 2, width, height), size, bold, colour)
