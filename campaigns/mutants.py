"""Mutants: one small change at a time to the code, each of which a test has to notice.

The modules where a silent mistake costs most are mutated by cosmic-ray: a comparison turned round, a number one off, a
condition dropped. A seeded sample of all its mutants is tried, each in a copy of the project, against the tests that
``TESTS`` names for its module. A mutant that no test notices has survived: it is listed with its change, and with the
reason why it may live, if ``REASONS`` has one (the change makes no difference, or only a slower one). Mutants of type
annotations are left out: nothing runs them.
"""

import argparse
import ast
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from campaigns.report import Report, conclude

ROOT = Path(__file__).resolve().parent.parent
LEAST_KILLED = 0.9
SLOWEST = 3
"""A mutant whose tests take so many times as long as they took unchanged runs for ever: it is noticed, too."""

FILE = ("-k", "not TestTemporaryStore", "tests/stores/test_sqlite.py")
"""A store in a file, which the temporary one is as well."""
TESTS: dict[str, tuple[str, ...]] = {
    "lifecycle/decide.py": ("tests/lifecycle",),
    "hooks/leases.py": ("tests/hooks/test_leases.py", "tests/hooks/test_worker.py", "tests/hooks/test_processes.py"),
    "hooks/delivery.py": (
        "tests/hooks/test_backoff.py",
        "tests/hooks/test_outcomes.py",
        "tests/hooks/test_lanes.py",
        "tests/hooks/test_awaited.py",
        "tests/hooks/test_timeouts.py",
        "tests/hooks/test_leases.py",
        "tests/engine/test_hooks.py",
        "tests/engine/test_hook_delivery.py",
        "tests/hooks/test_worker.py",
    ),
    "stores/mentions.py": ("tests/stores/test_mentions.py",),
    "stores/sqlite/retention.py": (*FILE, "tests/stores/test_sqlite_keeping.py", "tests/stores/test_sqlite_file.py"),
    "stores/sqlite/ledger.py": (*FILE, "tests/stores/test_sqlite_sharing.py", "tests/stores/test_sqlite_proving.py"),
}
"""By module, the tests that are to notice its mutants: the quickest that hold it to account first."""

REASONS = {
    "if step is not None and step.finishes_sync and type(event) == StatusAnnounced:": "a class equals itself alone",
    "if after.health != account.health or after.situation is not account.situation:": "an enum's member equals itself",
    "if after.health <= account.health or after.situation is not account.situation:": "nothing changed: no effects",
    "other_channel = before.sequence != 0 and (names_type or names_owner)": "a sequence is never negative",
    "if event.account_id > NOBODY:": "NOBODY is blank, and any other text is greater",
    "if after.health >= _LIVE:": "the healths that a deadline leads to sort before LIVE",
    "if heard_at is not None or word >= account.situation.status:": "what is no repeat is sent back by _judge_repeat",
    "return longest * (0.5 + int.from_bytes(digest[:6]) / (2**48 ** 1) / 2)": "a wait that differs by nothing",
    "return longest * (0.5 + int.from_bytes(digest[:6]) / (2<<48 - 1) / 2)": "a wait that differs by nothing",
    "if attempt < 1:": "the wait after the first failure comes to nothing either way",
    "if len(subscriptions) >= len(self._hooks):": "known hooks are made known again, which changes nothing",
    "if delivery.attempts is delivery.hook.attempts_limit:": "no delivery has more attempts than its limit",
    "if delivery.attempts == delivery.hook.attempts_limit:": "no delivery has more attempts than its limit",
    "is_more = len(expired) <= OUTBOX_PAGE and any(taken)": "one more look, which finds nothing",
    "OUTBOX_PAGE = 101": "a page of another size",
    "OUTBOX_PAGE = 99": "a page of another size",
    "if completion.state == DeliveryState.DONE:": "an enum's member equals itself",
}
"""Why a survivor may live, by the line that it came to: the change makes no difference."""
_CACHE = "@lru_cache("


class Mutant(NamedTuple):
    """One change of one module."""

    module: str
    operator: str
    occurrence: int
    line: int


class Result(NamedTuple):
    """What came of a mutant."""

    mutant: Mutant
    outcome: str
    """``killed``, ``hung`` or ``survived``."""
    change: tuple[str, ...]
    """The lines that differ."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; its exit code."""
    parser = argparse.ArgumentParser(prog="campaigns mutants", description=__doc__)
    parser.add_argument("--mutants", type=int, default=300, help="how many are tried, of all modules together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=list(TESTS), help="mutate this module alone")
    options = parser.parse_args(arguments)
    modules = [options.only] if options.only else list(TESTS)
    everything = [mutant for module in modules for mutant in mutants_of(module)]
    sample = random.Random(options.seed).sample(everything, min(options.mutants, len(everything)))
    began_s = time.monotonic()
    results = list(try_all(sample, options.jobs))
    return conclude(report(results, len(everything), time.monotonic() - began_s))


def report(results: Sequence[Result], of: int, took_s: float) -> Report:
    """Return the figures, every survivor, and whether too many of them have no reason to live."""
    survivors = [result for result in results if result.outcome == "survived"]
    killed = len(results) - len(survivors)
    by_module = Counter(result.mutant.module for result in results)
    lived = Counter(result.mutant.module for result in survivors)
    details: list[str] = []
    for result in survivors:
        line = result.change[-1].lstrip("+").strip()
        reason = "a cache of another size" if line.startswith(_CACHE) else REASONS.get(line, "no reason known")
        details += [f"{result.mutant.module}:{result.mutant.line} {result.mutant.operator}: {reason}"]
        details += [f"    {line}" for line in result.change]
    share = killed / len(results)
    broken = [] if share >= LEAST_KILLED else [f"{share:.1%} of the mutants were noticed, not {LEAST_KILLED:.0%}"]
    figures: dict[str, object] = {
        "mutants of these modules": of,
        "tried": len(results),
        "noticed": f"{killed} ({share:.1%}), of which {sum(r.outcome == 'hung' for r in results)} by never ending",
        **{f"  {module}": f"{count - lived[module]} of {count}" for module, count in by_module.items()},
        "minutes": f"{took_s / 60:.0f}",
    }
    return Report("Mutants", figures, tuple(broken), tuple(details))


# ---- Which mutants there are ---------------------------------------------------------------------------


def mutants_of(module: str) -> list[Mutant]:
    """Return every mutant of a module in the order of the operators, without those of annotations."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    path = ROOT / "src/account_lifecycle" / module
    tree, unused = get_ast_from_path(path), annotations(path.read_text())
    found = []
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue  # needs to be set up for one purpose
        places = (place for node in ast_nodes(tree) for place in operator().mutation_positions(node))
        for occurrence, ((line, column), _) in enumerate(places):
            if not any(start <= (line, column) < end for start, end in unused):
                found.append(Mutant(module, name, occurrence, line))
    return found


Place = tuple[int, int]


def annotations(source: str) -> list[tuple[Place, Place]]:
    """Return where the annotations of a module begin and end."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if each is not None
    ]


# ---- Trying them ---------------------------------------------------------------------------------------


def try_all(mutants: Sequence[Mutant], jobs: int) -> Iterator[Result]:
    """Try every mutant, so many at a time, each in a copy of the project; yield what came of each."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copies.put(copied(Path(folder) / str(number)))
        limits = {module: unchanged_s(Path(folder) / "0", module) for module in {m.module for m in mutants}}

        def attempt(mutant: Mutant) -> Result:
            copy = copies.get()
            try:
                return tried(copy, mutant, limits[mutant.module])
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            for number, result in enumerate(pool.map(attempt, mutants), 1):
                print(f"\r{number} of {len(mutants)}", end="", file=sys.stderr, flush=True)
                yield result
        print(file=sys.stderr)


def copied(target: Path) -> Path:
    """Copy what the tests need, and return where it is."""
    leave = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
    for name in ("src", "tests", "campaigns", "docs", "benchmarks", "diagrams"):
        shutil.copytree(ROOT / name, target / name, ignore=leave)
    for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md"), ROOT / "dev.py"):
        shutil.copy(path, target)
    return target


def unchanged_s(copy: Path, module: str) -> float:
    """Return how long the tests of a module may take, in seconds; raise ``RuntimeError`` if they fail unchanged."""
    began_s = time.monotonic()
    ended = run_tests(copy, module, None)
    if ended != 0:
        raise RuntimeError(f"the tests of {module} fail without a mutant: mend them first")
    return 15 + SLOWEST * (time.monotonic() - began_s)


def tried(copy: Path, mutant: Mutant, limit_s: float) -> Result:
    """Put a mutant in its place, run the tests, and put things right again."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    path = copy / "src/account_lifecycle" / mutant.module
    before = path.read_text()
    after = mutate_code(before, get_operator(mutant.operator)(), mutant.occurrence)
    assert after is not None, mutant
    differing = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    change = tuple(line for line in differing if line[:1] in "+-" and line[:3] not in ("+++", "---"))
    path.write_text(after)
    try:
        ended = run_tests(copy, mutant.module, limit_s)
    finally:
        path.write_text(before)
    outcome = "hung" if ended is None else "survived" if ended == 0 else "killed"
    return Result(mutant, outcome, change)


def run_tests(copy: Path, module: str, limit_s: float | None) -> int | None:
    """Run a module's tests up to the first that fails; return pytest's exit code, or None if that took too long."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS[module]]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as running:
        try:
            return running.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, 9)
            return None
