"""Lettering: the typeface of every picture, and how much room a text takes in it.

Knows characters only; it must never know what a text is about.
"""

import unicodedata

FONT = "Helvetica"
BOLD_FONT = "Helvetica-Bold"
LINE_HEIGHT = 1.2
"""Of a line of text, in font sizes."""

# The widths of the printable ASCII characters, in thousandths of the font size (Adobe's font metrics).
_WIDTHS = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD_FACTOR = 1.08
_WIDE, _OTHER = 1000, 667


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of the longest line, in points; a close upper bound beyond ASCII."""
    widest = max(sum(_width(c) for c in line) for line in text.split("\n"))
    return widest * size / 1000 * (_BOLD_FACTOR if bold else 1)


def text_height(text: str, size: float) -> float:
    """The height of all lines, in points."""
    return (text.count("\n") + 1) * size * LINE_HEIGHT


def wrap(text: str, width: float, size: float) -> str:
    """The text with line breaks between words, so that no line is wider than ``width`` unless a word is."""
    return "\n".join(_wrap_line(line, width, size) for line in text.split("\n"))


def balance(text: str, size: float, lines: int = 2, least: float = 0.0) -> str:
    """The text on about that many lines of like width, unless it is narrower than ``least`` anyway."""
    return wrap(text, max(least, text_width(text, size) / lines * 1.08), size)


def _wrap_line(text: str, width: float, size: float) -> str:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and text_width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _width(char: str) -> int:
    if " " <= char <= "~":
        return _WIDTHS[ord(char) - 32]
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER
