"""Each part of the benchmark: which contenders meet over which log, and what is aimed at."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from replay_contract import Log
from replay_logs import Logs, Shape
from replay_racing import Outcome, Runs, check_agreement, middle, race, run
from replay_rows import Row, as_fast, costs, events_a_second, told


class Effort(NamedTuple):
    """How much is measured."""

    events: int
    rounds: int
    at_once: int
    """How many contenders run at the same time; more than one for a quick look only."""
    loop_events: int
    """For loops that make objects of every event: ten million would not fit into memory."""
    largest: Shape
    """The log whose audit may take two gigabytes at most."""
    scaling: tuple[Shape, ...]
    timeout_s: float


class Point(NamedTuple):
    """What one log cost, by number of events and accounts."""

    contender: str
    events: int
    accounts: int
    cpu_ns: float
    peak_mb: float
    odd: float
    """The share of anomalies, deadlines left out."""


Found = Row | Point
MAIN_SHARE = 20
"""How many events an account has in the log that most are measured on."""
MEMORY_MB = 2_000


def full(events: int, rounds: int = 3) -> Effort:
    """Minutes."""
    shapes = [Shape(n, a) for n in (1_000_000, 10_000_000, 50_000_000) for a in (10_000, 100_000, 1_000_000)]
    scaling = tuple(shape for shape in shapes if shape.events >= 5 * shape.accounts)
    return Effort(events, rounds, 1, min(events, 1_000_000), Shape(50_000_000, 1_000_000), scaling, 900)


def quick(events: int) -> Effort:
    """Seconds, to see that all of it runs."""
    scaling = (Shape(events // 2, events // 20), Shape(events, events // 20), Shape(events, events // 5))
    return Effort(events, 1, 2, min(events, 20_000), Shape(events, events // 20), scaling, 60)


class Stage:
    """Where the parts run."""

    def __init__(self, logs: Logs, effort: Effort) -> None:
        self.logs = logs
        self.effort = effort
        self._runs: dict[Log, Runs] = {}

    def log(self, events: int, *, garbage: bool = False) -> Log:
        """The usual log of that size."""
        formats = ("jsonl",) if garbage else ("jsonl", "parquet")
        return self.logs.log(Shape(events, events // MAIN_SHARE), formats=formats, garbage=garbage)

    def race(self, contenders: Sequence[str], log: Log) -> Runs:
        """Let contenders read the same log in turn. Raises ``Disagreement``, with those of earlier parts as well."""
        runs = race(contenders, log, self.effort.rounds, self.effort.timeout_s, self.effort.at_once)
        check_agreement(self._runs.setdefault(log, {}) | runs)
        self._runs[log] |= runs
        return runs


# ---- Judging alone -------------------------------------------------------------------------------------


def kernel(stage: Stage) -> Iterator[Found]:
    """Columns in memory to findings, and the same events through loops."""
    ours, floor, in_numpy, in_dict = ("ours.kernel", "ours.lookup_loop", "ours.lookup_numpy", "ours.lookup_dict")
    pure, models = "judges.decide_loop", "judges.transitions_models"
    runs = stage.race([ours, floor, in_numpy, in_dict, pure, models], stage.log(stage.effort.events))
    yield events_a_second("judging alone: columns in memory to findings, one thread", runs[ours], 100e6)
    yield costs("… / bare table lookup, compiled: the floor", runs, ours, floor, None)
    yield costs("… / bare table lookup in numpy", runs, ours, in_numpy, None)
    yield costs("… / bare table lookup, a dict in a Python loop", runs, ours, in_dict, None)
    yield as_fast("… / decide in a loop, events parsed before", runs, ours, pure, 20)
    yield as_fast("… / transitions, add_model, bare step, parsed before", runs, ours, models, 100)


# ---- Reading and judging -------------------------------------------------------------------------------


def parquet(stage: Stage) -> Iterator[Found]:
    """Parquet to an audit, beside pyarrow that codes the same columns, and beside queries."""
    ours = "ours.audit_parquet"
    readers = {
        "readers.arrow_batches": "pyarrow iter_batches, dictionary-coded by batch",
        "readers.arrow_by_group": "pyarrow read_row_group, dictionary-coded by group",
        "readers.arrow_whole": "pyarrow read_table, dictionary-coded as one",
    }
    queries = {
        "judges.duckdb_window": "DuckDB lag() over accounts: answers less",
        "judges.polars_window": "polars shift().over(): answers less",
    }
    runs = stage.race([ours, *readers, *queries], stage.log(stage.effort.events))
    yield from _beside_fastest("Parquet to audit", runs, ours, readers)
    for peer, name in queries.items():
        yield costs(f"Parquet to audit / {name}", runs, ours, peer, None)


def json_lines(stage: Stage) -> Iterator[Found]:
    """JSON Lines to an audit, beside whatever parses them into columns."""
    ours = "ours.audit_json_lines"
    readers = {
        "readers.duckdb_json": "DuckDB read_json into Arrow",
        "readers.pyarrow_json": "pyarrow.json",
        "readers.polars_read": "polars read_ndjson",
        "readers.polars_scan": "polars scan_ndjson, streaming",
    }
    runs = stage.race([ours, *readers], stage.log(stage.effort.events))
    yield from _beside_fastest("JSON Lines to audit", runs, ours, readers)


def loops(stage: Stage) -> Iterator[Found]:
    """JSON Lines to an audit, beside loops that make objects of each line."""
    ours = "ours.audit_json_lines"
    readers = {
        "readers.msgspec_loop": "msgspec structs in a loop",
        "readers.orjson_loop": "orjson in a loop",
        "readers.simdjson_loop": "pysimdjson in a loop",
    }
    runs = stage.race([ours, *readers, "judges.parse_and_decide_loop"], stage.log(stage.effort.loop_events))
    for peer, name in readers.items():
        yield costs(f"JSON Lines to audit / {name}", runs, ours, peer, None)
    yield as_fast(
        "JSON Lines to audit / read, parse, decide in a loop", runs, ours, "judges.parse_and_decide_loop", None
    )


def _beside_fastest(what: str, runs: Runs, ours: str, peers: dict[str, str]) -> Iterator[Found]:
    """A row a peer; what is aimed at is held against the one that takes least CPU time."""
    done = {peer: middle(runs[peer]).cpu_ns for peer in peers if not runs[peer][0].error}
    fastest = min(done, key=done.__getitem__, default=None)
    for peer, name in peers.items():
        if peer == fastest:
            yield costs(f"{what} / {name} (least CPU)", runs, ours, peer, 1.5)
        else:
            yield costs(f"{what} / {name}", runs, ours, peer, None)


# ---- Memory, garbage, size -----------------------------------------------------------------------------


def garbage(stage: Stage) -> Iterator[Found]:
    """A log in which one line in a thousand is no event: all of them must be told, and the rest judged alike."""
    ours = "ours.audit_json_lines"
    log, clean = stage.log(stage.effort.events, garbage=True), stage.log(stage.effort.events)
    outcome, other = (run(ours, each, stage.effort.timeout_s) for each in (log, clean))
    expected = {**other.counts, "refused": log.garbage}
    row = Row(f"{log.garbage:,} unreadable lines in {log.events:,}: told, and all others judged", target="all")
    if outcome.error:
        yield row._replace(ours=outcome.error, met=False)
    else:
        told_of = f"{outcome.counts['refused']:,} in {told(outcome)}"
        yield row._replace(ours=told_of, memory=f"{outcome.peak_mb:,.0f}", met=outcome.counts == expected)
    for peer in ("readers.duckdb_json", "readers.pyarrow_json", "readers.polars_read"):
        found = run(peer, log, stage.effort.timeout_s)
        name = peer.removeprefix("readers.").replace("_", " ")
        yield Row(f"… {name}", peer=found.error[:50] if found.error else f"{found.events:,} events")


def scaling(stage: Stage) -> Iterator[Found]:
    """What an event costs in logs of many sizes; each log is made, measured and removed."""
    for shape in sorted({*stage.effort.scaling, stage.effort.largest}):
        with stage.logs.passing(shape) as log:
            runs = race(("ours.audit_json_lines", "ours.audit_parquet"), log, 1, stage.effort.timeout_s)
        for contender, (outcome,) in runs.items():
            yield from _points(shape, contender, outcome)
            if shape == stage.effort.largest and not outcome.error:
                yield _largest(contender, outcome)


def _points(shape: Shape, contender: str, outcome: Outcome) -> Iterator[Found]:
    if outcome.error:
        yield Row(f"{shape.events:,} events of {shape.accounts:,} accounts, {contender}", outcome.error)
        return
    counts = outcome.counts
    odd = counts["anomalies but STUCK"] / outcome.events
    yield Point(contender, outcome.events, counts["accounts"], outcome.cpu_ns, outcome.peak_mb, odd)


def _largest(contender: str, outcome: Outcome) -> Row:
    what = "JSON Lines" if contender.endswith("json_lines") else "Parquet"
    return Row(
        f"peak memory: {outcome.events:,} events, {outcome.counts['accounts']:,} accounts, {what}",
        told(outcome), memory=f"{outcome.peak_mb:,.0f}", target="< 2,000 MB", met=outcome.peak_mb < MEMORY_MB,
    )  # fmt: skip


def compiling(stage: Stage) -> Iterator[Found]:
    """What the compiler costs at the first replay of an installation; it is in no other figure."""
    with tempfile.TemporaryDirectory() as cache:
        outcome = run("ours.compiling", stage.log(stage.effort.events), 600, {"NUMBA_CACHE_DIR": cache})
    figures = outcome.error or f"{outcome.cpu_s:.0f} s CPU"
    yield Row("compiling, at the first replay of an installation", figures, memory=f"{outcome.peak_mb:,.0f}")


PARTS: dict[str, Callable[[Stage], Iterator[Found]]] = {
    "kernel": kernel,
    "parquet": parquet,
    "json-lines": json_lines,
    "loops": loops,
    "garbage": garbage,
    "scaling": scaling,
    "compiling": compiling,
}
"""By the name that ``--only`` takes."""
