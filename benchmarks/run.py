"""Measure the library beside its peers, in one run on one machine, and say which targets are met.

    python benchmarks/run.py [--only NAME]... [--quick] [--json FILE]

The exit code is 0 whether or not targets are met: times are no test. It is another one only if a benchmark breaks.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import apsw
from measurements import FULL, MEASUREMENTS, QUICK, Row

PACKAGES = ("account-lifecycle", "pydantic", "Automat", "transitions", "python-statemachine", "apsw")
HEADINGS = ("measurement", "ours", "peer", "ratio", "overall", "target", "")


def main() -> None:
    """Measure what is asked for and print the table."""
    options = _options()
    effort = QUICK if options.quick else FULL
    print(_setting(), flush=True)
    if options.quick:
        print("A quick look: far too short to tell whether a target is met.")
    rows: list[Row] = []
    for name in options.only or MEASUREMENTS:
        print(f"measuring {name} ...", flush=True)
        rows += MEASUREMENTS[name](effort)
    print()
    print("\n".join(_table(rows)))
    if options.json:
        document = {"setting": _setting(), "quick": options.quick, "rows": [row._asdict() for row in rows]}
        options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="one measurement; may be repeated")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, to see that all of it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to a file as well")
    return parser.parse_args()


def _setting() -> str:
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, {platform.machine()}\n{versions}"


def _table(rows: Sequence[Row]) -> list[str]:
    """A Markdown table, in columns for those who read it as text."""
    lines = [HEADINGS, *((r.measurement, r.ours, r.peer, r.ratio, r.overall, r.target, _VERDICT[r.met]) for r in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    drawn = [
        "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return [drawn[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *drawn[1:]]


_VERDICT = {True: "met", False: "NOT met", None: ""}

if __name__ == "__main__":
    main()
