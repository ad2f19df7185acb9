"""What an event costs in logs of many sizes, and what memory they take: drawn as SVG and PNG.

The same figures always give the same bytes.
"""

# mypy: disable-error-code="import-untyped"

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replay_parts import Point

INK, MUTED, GRID = "#1f2933", "#5f6b7a", "#e3e7ec"
HUES = ("#1b6ca8", "#d17a00", "#3f8f4f", "#a33b6f")
"""From few accounts to many."""
FORMATS: dict[str, tuple[str, Any, str]] = {
    "ours.audit_json_lines": ("JSON Lines", "-", "o"),
    "ours.audit_parquet": ("Parquet", (0, (4, 2)), "s"),
}
SIZE = (9.0, 4.2)
"""Inches; at 100 dots each, 900 pixels wide."""


def draw(points: Sequence[Point], path: Path) -> None:
    """Draw the chart: an SVG at ``path``, a PNG beside it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    settings: Any = {
        "svg.hashsalt": "replay", "svg.fonttype": "path", "font.family": "DejaVu Sans", "font.size": 9.5,
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED,
    }  # fmt: skip
    with mpl.rc_context(settings):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=SIZE)
        _panel(left, points, "cpu_ns", "CPU time of an event, ns")
        _panel(right, points, "peak_mb", "Peak memory of the process, MB")
        _legend(figure, points)
        figure.subplots_adjust(left=0.055, right=0.985, top=0.81, bottom=0.13, wspace=0.16)
        for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Software": None})):
            figure.savefig(path.with_suffix(suffix), dpi=100, metadata=metadata)
        pyplot.close(figure)


def _panel(axes: Any, points: Sequence[Point], figure: str, title: str) -> None:
    for (contender, magnitude), line in _lines(points).items():
        _, dashes, marker = FORMATS[contender]
        events = [point.events for point in line]
        values = [getattr(point, figure) for point in line]
        hue = _hues(points)[magnitude]
        axes.plot(events, values, color=hue, linestyle=dashes, marker=marker, markersize=4.5, linewidth=1.7)
    axes.set_xscale("log")
    axes.set_ylim(0, max(getattr(point, figure) for point in points) * 1.08)
    ticks = sorted({_rounded(point.events) for point in points})
    axes.set_xticks(ticks, [_short(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(ticks[0] * 0.8, ticks[-1] * 1.25)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title(title, loc="left", fontsize=10.5, color=INK, pad=8)
    axes.set_xlabel("events in the log")
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)


def _legend(figure: Any, points: Sequence[Point]) -> None:
    """One for the formats, one for the numbers of accounts, each a line of its own."""
    from matplotlib.lines import Line2D

    formats = [
        Line2D([], [], color=MUTED, linestyle=dashes, marker=marker, markersize=4.5, label=name)
        for name, dashes, marker in FORMATS.values()
    ]
    hues = [
        Line2D([], [], color=hue, linewidth=3, label=f"{_short(accounts)} accounts")
        for accounts, hue in _hues(points).items()
    ]
    for handles, left in ((hues, 0.045), (formats, 0.62)):
        figure.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(left, 0.995), ncols=len(handles), frameon=False,
            handlelength=2.2, columnspacing=1.6, fontsize=9.5,
        )  # fmt: skip


def _lines(points: Sequence[Point]) -> dict[tuple[str, int], list[Point]]:
    found: dict[tuple[str, int], list[Point]] = {}
    for point in sorted(points):
        found.setdefault((point.contender, _rounded(point.accounts)), []).append(point)
    return found


def _hues(points: Sequence[Point]) -> dict[int, str]:
    return dict(zip(sorted({_rounded(point.accounts) for point in points}), HUES, strict=False))


def _rounded(number: int) -> int:
    """To one figure: a log may fall a little short of what was asked for."""
    unit: int = 10 ** (len(str(number)) - 1)
    return round(number / unit) * unit


def _short(number: int) -> str:
    for size, letter in ((1_000_000, " M"), (1_000, " k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return str(number)
