"""The report of a campaign: its figures, and every promise that it found broken."""

import logging
from collections.abc import Sequence
from typing import NamedTuple


class Report(NamedTuple):
    """The outcome of a campaign."""

    title: str
    figures: dict[str, object]
    """What was counted, by name, in the order in which it is printed."""
    broken: tuple[str, ...] = ()
    """Every promise that was found broken, in words."""
    details: tuple[str, ...] = ()
    """Lines for those who want to know more: tables, what was not found."""
    skipped: str = ""
    """Why the campaign could not run here; blank if it ran."""


SHOWN = 40
"""How many broken promises are printed one by one."""


def conclude(report: Report) -> int:
    """Print a report; the exit code: 1 if a promise was broken, 0 otherwise."""
    print(report.title)
    if report.skipped:
        print(f"  skipped: {report.skipped}")
        return 0
    width = max(map(len, report.figures), default=0)
    print("\n".join(f"  {name:{width}}  {_shown(value)}" for name, value in report.figures.items()))
    for line in report.details:
        print(f"  {line}")
    _print_broken(report.broken)
    return 1 if report.broken else 0


def silence_logs() -> None:
    """Silence what hooks that fail on purpose and connections that are cut would log."""
    for name in ("account_lifecycle", "psycopg"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _print_broken(broken: Sequence[str]) -> None:
    print(f"  BROKEN: {len(broken)}" if broken else "  every promise was kept")
    for line in broken[:SHOWN]:
        print(f"    {line}")
    if len(broken) > SHOWN:
        print(f"    and {len(broken) - SHOWN} more")


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
