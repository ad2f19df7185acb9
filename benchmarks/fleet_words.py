"""Figures as people read them, in Markdown."""

from collections.abc import Sequence
from typing import Any

MICRO, MILLI = 1e6, 1e3


def us(seconds: float) -> str:
    """Microseconds."""
    return f"{seconds * MICRO:,.0f} µs"


def ms(seconds: float) -> str:
    """Milliseconds."""
    return f"{seconds * MILLI:.2f} ms"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, in columns for those who read it as text."""
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = ["| " + " | ".join(f"{c:{w}}" for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return [drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]]


def plain(value: Any) -> str:
    """Anything else."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(part)}" for name, part in value.items())
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}"
