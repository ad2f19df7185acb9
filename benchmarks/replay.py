"""Measure the replay beside its peers, in one run on one machine, and say which targets are met.

    python benchmarks/replay.py [--events N] [--rounds N] [--only PART]... [--quick]
                                [--json FILE] [--chart FILE.svg] [--data DIR]

Every contender runs in a process of its own, in turn, three rounds; CPU time is that of all threads and children.
Logs are made once and kept in ``--data``: 4 GB for ten million events. Those of the part "scaling" are made, measured
and removed one after the other; the largest takes 10 GB while it is there. All of it takes
some twenty minutes on two cores that are free.

A contender whose package is missing says so in its row. The exit code is 0 whether or not targets are met: times are
no test. It is another one if contenders count differently, or a benchmark breaks.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from replay_chart import draw
from replay_logs import Logs
from replay_parts import PARTS, Effort, Found, Point, Stage, full, quick
from replay_racing import Disagreement
from replay_rows import Row, table

PACKAGES = ("numba", "numpy", "pyarrow", "duckdb", "polars", "msgspec", "orjson", "pysimdjson", "transitions")
NEEDS_BYTES = 14_000_000_000
"""How much of the disk the largest log of the part "scaling" needs, with what is kept beside it."""


def main() -> int:
    """Measure what is asked for and print the table; the exit code."""
    options = _options()
    effort = quick(options.events) if options.quick else full(options.events, options.rounds)
    print(_setting(), flush=True)
    if options.quick:
        print("A quick look: far too short to tell whether a target is met.")
    stage = Stage(Logs(options.data), effort)
    parts = options.only or [part for part in PARTS if part != "compiling" or not options.quick]
    _check_disk(stage, parts, options.quick)
    found: list[Found] = []
    try:
        for one in _measured(stage, parts):
            found.append(one)
            _write(options, effort, found)  # each time: an hour of figures is not to be lost
    except Disagreement as error:
        print(f"The contenders disagree: {error}", file=sys.stderr)
        return 1
    print("\n" + "\n".join(table([one for one in found if isinstance(one, Row)])))
    points = [one for one in found if isinstance(one, Point)]
    if options.chart and points:
        draw(points, options.chart)
    print(f"\nThe logs in {options.data} take {stage.logs.size() / 1e9:.1f} GB; they may be deleted.")
    return 0


def _measured(stage: Stage, parts: Iterable[str]) -> Iterator[Found]:
    for part in parts:
        print(f"measuring {part} ...", flush=True)
        yield from PARTS[part](stage)


def _write(options: argparse.Namespace, effort: Effort, found: Sequence[Found]) -> None:
    if not options.json:
        return
    document: dict[str, Any] = {
        "setting": _setting(),
        "quick": options.quick,
        "events": effort.events,
        "rounds": effort.rounds,
        "rows": [one._asdict() for one in found if isinstance(one, Row)],
        "scaling": [one._asdict() for one in found if isinstance(one, Point)],
    }
    options.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000, metavar="N", help="in the log (%(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="in which contenders take turns (%(default)s)"
    )
    parser.add_argument("--only", action="append", choices=list(PARTS), help="one part; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one round, small logs: to see that all of it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file as well")
    parser.add_argument("--chart", type=Path, metavar="FILE.svg", help="draw the part scaling; a PNG is put beside it")
    parser.add_argument("--data", type=Path, default=_cache(), metavar="DIR", help="where logs are kept (%(default)s)")
    options = parser.parse_args()
    if options.quick:
        options.events = min(options.events, 200_000)
    return options


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "account-lifecycle" / "replay"


def _check_disk(stage: Stage, parts: Iterable[str], is_quick: bool) -> None:
    free = stage.logs.free()
    if not is_quick and "scaling" in parts and free < NEEDS_BYTES:
        sys.exit(
            f"{stage.logs.folder} has {free / 1e9:.0f} GB left, and the largest log needs {NEEDS_BYTES / 1e9:.0f}. "
            "Name another folder with --data, or leave the part out with --only."
        )


def _setting() -> str:
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n{versions}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "–"


if __name__ == "__main__":
    sys.exit(main())
