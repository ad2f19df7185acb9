"""Outcomes as rows of one table: ours, the peer's, how they compare, what was aimed at, whether it is met.

Times are of one event, CPU first and elapsed second, medians of the rounds. A ratio is the median of the rounds'
ratios of CPU time, the lowest and the highest behind it; targets are held against it.
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from replay_racing import Outcome, Runs, middle

HEADINGS = ("measurement", "ours", "peer", "ratio, CPU", "elapsed", "peak MB", "target", "")
_VERDICT = {True: "met", False: "NOT met", None: ""}


class Row(NamedTuple):
    """One line of the table."""

    measurement: str
    ours: str = ""
    peer: str = ""
    ratio: str = ""
    elapsed: str = ""
    """The ratio of elapsed times."""
    memory: str = ""
    """Ours, and the peer's."""
    target: str = "for information"
    met: bool | None = None
    """None: there is no target."""
    value: float | None = None
    """What the target is about, as a number."""


def events_a_second(what: str, outcomes: Sequence[Outcome], at_least: float) -> Row:
    """A row about a rate of our own, on one thread."""
    target = f"≥ {at_least / 1e6:,.0f} M events/s"
    if outcomes[0].error:
        return Row(what, outcomes[0].error, target=target, met=False)
    rates = [1e9 / outcome.cpu_ns for outcome in outcomes]
    rate = statistics.median(rates)
    ours = f"{told(middle(outcomes))}: {rate / 1e6:.1f} M/s ({min(rates) / 1e6:.1f}–{max(rates) / 1e6:.1f})"
    return Row(what, ours, target=target, met=rate >= at_least, memory=_mb(outcomes), value=rate)


def costs(what: str, runs: Runs, ours: str, peer: str, at_most: float | None) -> Row:
    """A row about how much dearer we are."""
    row, ratios = _compared(what, runs[ours], runs[peer])
    if ratios:
        ratio = statistics.median(ratios)
        row = row._replace(ratio=f"{_spread(ratios)} × the cost", value=ratio)
    if at_most is None:
        return row
    return row._replace(target=f"≤ {at_most:g} × the cost", met=bool(ratios) and ratio <= at_most)


def as_fast(what: str, runs: Runs, ours: str, peer: str, at_least: float | None) -> Row:
    """A row about how much faster we are."""
    row, ratios = _compared(what, runs[ours], runs[peer])
    if ratios:
        ratios = [1 / ratio for ratio in ratios]
        ratio = statistics.median(ratios)
        row = row._replace(ratio=f"{_spread(ratios)} × as fast", value=ratio)
    if at_least is None:
        return row
    return row._replace(target=f"≥ {at_least:g} × as fast", met=bool(ratios) and ratio >= at_least)


def told(outcome: Outcome) -> str:
    """What an event took, CPU and elapsed."""
    return outcome.error or f"{_ns(outcome.cpu_ns)} / {_ns(outcome.wall_ns)} ns"


def table(rows: Sequence[Row]) -> list[str]:
    """A Markdown table, in columns for those who read it as text."""
    lines = [HEADINGS, *((*row[:7], _VERDICT[row.met]) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    drawn = [
        "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return [drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]]


def _compared(what: str, ours: Sequence[Outcome], peer: Sequence[Outcome]) -> tuple[Row, list[float]]:
    one, other = middle(ours), middle(peer)
    row = Row(what, told(one), told(other), memory=_mb(ours, peer))
    if one.error or other.error:
        return row, []
    elapsed = statistics.median(a.wall_ns / b.wall_ns for a, b in zip(ours, peer, strict=True))
    return row._replace(elapsed=f"{elapsed:.2f}"), [a.cpu_ns / b.cpu_ns for a, b in zip(ours, peer, strict=True)]


def _spread(ratios: Sequence[float]) -> str:
    median = _figure(statistics.median(ratios))
    return median if len(ratios) == 1 else f"{median} ({_figure(min(ratios))}–{_figure(max(ratios))})"


def _figure(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 20 else f"{ratio:.2f}"


def _ns(nanoseconds: float) -> str:
    return f"{nanoseconds:,.0f}" if nanoseconds >= 100 else f"{nanoseconds:.1f}"


def _mb(*runs: Sequence[Outcome]) -> str:
    return " / ".join(f"{middle(outcomes).peak_mb:,.0f}" if not outcomes[0].error else "–" for outcomes in runs)
