"""Mutants: one small change at a time to the code, each of which a test has to notice.

The modules where a silent mistake costs most are mutated by cosmic-ray: a comparison turned round, a number one off, a
condition dropped. A seeded sample is tried, of each module as many as its share of all mutants, each in a copy of the
project, against the tests that ``TESTS`` names for its module. A mutant that no test notices has survived: it is listed
with its change, and with the reason why it may live, if ``REASONS`` has one (the change makes no difference, or only a
slower one). Mutants of type annotations are left out: nothing runs them.

Tests that take too long have noticed nothing yet, for the machine may be busy: such a mutant is tried again, alone and
with more time, and has been noticed if its tests do not end then either.
"""

import argparse
import ast
import contextlib
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from campaigns.report import Report, conclude

ROOT = Path(__file__).resolve().parent.parent
LEAST_KILLED = 0.9
SLOWEST = 3
"""Tests that take so many times as long as they took unchanged are ended, and run again when nothing else runs."""
ALONE = 3
"""How many times as long they may then take until they are known never to end."""

MEMORY = 4 << 30
"""How much memory the tests may take, in bytes; unchanged they take a tenth of it."""

FILE = ("-k", "not TestTemporaryStore", "tests/stores/test_sqlite.py")
"""A store in a file, which the temporary one is as well."""
TESTS: dict[str, tuple[str, ...]] = {
    "lifecycle/decide.py": (
        "tests/lifecycle/test_judging.py",
        "tests/lifecycle/test_blind_windows.py",
        "tests/lifecycle/test_effects.py",
        "tests/lifecycle/test_deadlines.py",
        "tests/lifecycle/test_observations.py",
        "tests/lifecycle/test_table.py",
        "tests/lifecycle/test_stories.py",
        "tests/lifecycle/test_health.py",
        "tests/lifecycle/test_printed.py",
        "tests/lifecycle/test_explanations.py",
        "tests/lifecycle/test_rules.py",
        "tests/lifecycle/test_applied.py",
        "tests/lifecycle/test_policy.py",
        "tests/lifecycle/test_reading.py",
        "tests/lifecycle/test_properties.py",
    ),
    "hooks/leases.py": ("tests/hooks/test_leases.py", "tests/hooks/test_worker.py", "tests/hooks/test_processes.py"),
    "hooks/delivery.py": (
        "tests/hooks/test_backoff.py",
        "tests/hooks/test_outcomes.py",
        "tests/hooks/test_lanes.py",
        "tests/hooks/test_awaited.py",
        "tests/hooks/test_timeouts.py",
        "tests/hooks/test_leases.py",
        "tests/hooks/test_confirm.py",
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
    "if deviations or step.verdict == _APPLIED:": "the longer way to the same decision",
    "if type(event) == StatusAnnounced:": "a class equals itself alone",
    "if event.kind == DeadlineKind.SESSION:": "an enum's member equals itself",
    "if deviations or step.verdict < _APPLIED:": "what is not accepted deviates, in every cell",
    "other_channel = before.sequence != 0 and (names_type or names_owner)": "a sequence is never negative",
    "if event.account_id > NOBODY:": "NOBODY is blank, and any other text is greater",
    "if after.health == _LIVE and account.last_live_at is None:": "an enum's member equals itself",
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
    "self._wakes_s = -1.0": "it is set when the thread is started",
    "is_halting = delivery.hook.on_dead == OnDead.HALT and delivery.hook.is_ordered": "an enum's member equals itself",
    "return longest * (0.5 + int.from_bytes(digest[:6]) / (2**48 - 0) / 2)": "a wait that differs by nothing",
    "is_more = len(expired) == OUTBOX_PAGE or any(taken)": "one more look, which finds nothing",
    "if self._wakes_s != now_s:": "a time that has passed is waited for by nothing",
    'if (begin := data.find(b"\\x1f\\x8b")) != 0 and (unpacked := _unpacked(data[begin:], 31)):': "once too often",
    "last = min(self._cut, first + RETENTION_PAGE - 1, *([] if unfinished is None else [unfinished ^ 1]))": (
        "the cut is before what is unfinished already"
    ),
    "_MOVING = itemgetter(2, 3, 6, 7, 8)": "what moves a deadline is among the facts",
    "_MOVING = itemgetter( 3, 3, 6, 7, 9)": "a status changes with its since",
    "if _MOVING(known.row) is not _MOVING(row):": "a row is written in full, which is slower",
    "return int(found[-1][-1]) if found else 1": "one more page, which is empty",
    "REMEMBERED_CHARACTERS = 16 << 21": "a bound of another size",
    "if first is None or first > self._cut or (unfinished is not None and unfinished is first):": (
        "the same as long as pages end before what is unfinished"
    ),
    "return rows.account_from(known[ -1][:-1]) if known else Account(account_id)": "there is one row",
    'self.changed.wait(None if self._wakes_s >= float("inf") else self._wakes_s - now_s)': "no time is beyond never",
    "if self._wakes_s >= now_s:": "it waits for no time at all",
    "return len(found), 0 if is_last else found[- 0][1]": "what is erased by now is not looked at again",
    'if (begin := data.find(b"\\x1f\\x8b")) >= 0 and (unpacked := _unpacked(data[begin:], 31)):': "once too often",
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    by_module = {module: mutants_of(module) for module in TESTS}
    chosen = sample(by_module, options.mutants, options.seed)
    if options.only:
        chosen = [mutant for mutant in chosen if mutant.module == options.only]
    began_s = time.monotonic()
    results = Trials(options.jobs).run(chosen)
    return conclude(report(results, sum(map(len, by_module.values())), time.monotonic() - began_s))


def sample(by_module: Mapping[str, Sequence[Mutant]], size: int, seed: int) -> list[Mutant]:
    """Choose of each module as many mutants as its share of all of them; no module's choice depends on another's."""
    everything = sum(map(len, by_module.values()))
    chosen = []
    for module, mutants in by_module.items():
        share = min(len(mutants), max(1, round(size * len(mutants) / everything)))
        chosen += random.Random(f"{seed} {module}").sample(mutants, share)
    return chosen


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


class Trials:
    """Tries mutants, so many at a time, each in a copy of the project."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._limits_s: dict[str, float] = {}
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()

    def run(self, mutants: Sequence[Mutant]) -> list[Result]:
        """Try every mutant, saying what came of each; return it in the order of the mutants."""
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            try:
                self._prepare(Path(folder), sorted({mutant.module for mutant in mutants}))
                with ThreadPoolExecutor(self._jobs) as pool:
                    futures = {pool.submit(self._try, mutant): mutant for mutant in mutants}
                    try:
                        for number, future in enumerate(as_completed(futures), 1):
                            say(f"{number} of {len(mutants)}", future.result())
                    except BaseException:
                        self._stopped.set()
                        pool.shutdown(wait=False, cancel_futures=True)
                        for process in tuple(self._running):
                            end(process)
                        raise
                return [self._once_more(future.result()) for future in futures]
            finally:
                for process in tuple(self._running):
                    end(process)

    def _prepare(self, folder: Path, modules: Sequence[str]) -> None:
        """Make the copies, and see how long the tests take unchanged; raise ``RuntimeError`` if they fail."""
        first = copied(folder / "0")
        for module in modules:
            began_s = time.monotonic()
            if self._tests(first, module, None, keep_bytecode=True) != 0:
                raise RuntimeError(f"the tests of {module} fail without a mutant: mend them first")
            self._limits_s[module] = 15 + SLOWEST * (time.monotonic() - began_s)
        self._free.put(first)
        for number in range(1, self._jobs):
            self._free.put(Path(shutil.copytree(first, folder / str(number))))

    def _try(self, mutant: Mutant, times: int = 1) -> Result:
        """Put a mutant in its place, run the tests, and put things right again."""
        from cosmic_ray.mutating import mutate_code
        from cosmic_ray.plugins import get_operator

        copy = self._free.get()
        path = copy / "src/account_lifecycle" / mutant.module
        before = path.read_text()
        after = mutate_code(before, get_operator(mutant.operator)(), mutant.occurrence)
        assert after is not None, mutant
        differing = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        change = tuple(line for line in differing if line[:1] in "+-" and line[:3] not in ("+++", "---"))
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()  # it is taken for the mutant's if that is as long, and written within the same second
        path.write_text(after)
        try:
            ended = self._tests(copy, mutant.module, times * self._limits_s[mutant.module])
        finally:
            path.write_text(before)
            self._free.put(copy)
        outcome = "hung" if ended is None else "survived" if ended == 0 else "killed"
        return Result(mutant, outcome, change)

    def _once_more(self, result: Result) -> Result:
        if result.outcome != "hung":
            return result
        again = self._try(result.mutant, ALONE)
        say("again, alone", again)
        return again

    def _tests(self, copy: Path, module: str, limit_s: float | None, *, keep_bytecode: bool = False) -> int | None:
        """Run a module's tests up to the first that fails; return pytest's exit code, or None if that took too long."""
        plugins = ("no:cacheprovider", "_hypothesis_pytestplugin", "campaigns.mutants")
        command = [sys.executable, "-m", "pytest", "-x", "-q", *(word for name in plugins for word in ("-p", name))]
        # Without the plugins that no test of these needs: to import them takes longer than most of the tests.
        environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        if not keep_bytecode:
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        if self._stopped.is_set():
            raise KeyboardInterrupt
        with subprocess.Popen(
            [*command, *TESTS[module]],
            cwd=copy,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            self._running.add(process)
            try:
                return process.wait(limit_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                end(process)
                self._running.discard(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the tests, and what they have started and left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def say(where: str, result: Result) -> None:
    """Say on standard error what came of a mutant."""
    mutant = result.mutant
    print(f"{where}: {result.outcome:8} {mutant.module}:{mutant.line} {mutant.operator}", file=sys.stderr, flush=True)


def copied(target: Path) -> Path:
    """Copy what the tests need, and return where it is."""
    leave = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
    for name in ("src", "tests", "campaigns", "docs", "benchmarks", "diagrams"):
        shutil.copytree(ROOT / name, target / name, ignore=leave)
    for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md"), ROOT / "dev.py"):
        shutil.copy(path, target)
    return target


def pytest_configure() -> None:
    """Let random tests try the same on every mutant, and not look for a shorter example of what they noticed; a mutant
    that never ends must not take the machine's memory.

    pytest calls this when this module is its plugin.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    from hypothesis import Phase, settings

    settings.register_profile("mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
    settings.load_profile("mutants")
