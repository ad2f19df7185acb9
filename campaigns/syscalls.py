"""Every system call of an operation as the last one of its process, or as one that fails.

Afterwards the store must be as it was before the operation or as it is after it, what was reported must be there,
nothing may contradict itself, feeding must go on, and what hooks wait for must have been done or be done now. A call
that fails once is followed by another attempt in the same process, as a caller would make it.
"""

import argparse
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import HookCall, StoreError
from account_lifecycle.testing import Clock

from .aftermath import Known, judge, reported, run_hooks_later, state_of
from .operations import CONTROL, OPERATIONS, Operation, Scene, open_engine
from .processes import Board, fork, kill, scratch_folder
from .recording import imposed
from .report import Report, conclude, silence_logs
from .tracing import FAULTS, Point, count_calls, let_be_traced, traced, why_not

PATIENCE_S = 30
"""How long an operation may take before it counts as stuck."""
ATTEMPTS = 2


class Plan(NamedTuple):
    """How much is done: one of so many points of each operation."""

    every: int = 1
    operations: tuple[str, ...] = ()
    """By name; blank for all."""
    seed: int = 1


SHORT = Plan(every=20)


class Trial(NamedTuple):
    """What became of one point."""

    outcome: str
    broken: tuple[str, ...]
    is_refused_yet_kept: bool = False
    """It was reported as failed, and yet it is there."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns syscalls", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--every", type=int, help="try one of so many points (default 1)")
    parser.add_argument("--seed", type=int, help="for other points, if not all are tried")
    parser.add_argument(
        "--operation",
        action="append",
        choices=[operation.name for operation in OPERATIONS],
        help="this operation only; may be given several times",
    )
    options = parser.parse_args(arguments)
    chosen = {name: value for name in ("every", "seed") if (value := getattr(options, name)) is not None}
    if options.operation:
        chosen["operations"] = tuple(options.operation)
    silence_logs()
    return conclude(run((SHORT if options.short else Plan())._replace(**chosen)))


def run(plan: Plan) -> Report:
    """Try every operation."""
    title = "system calls of SQLite as crash points"
    if reason := why_not():
        return Report(title, {}, skipped=reason)
    figures: dict[str, object] = {}
    broken: list[str] = []
    total: Counter[str] = Counter()
    for operation in OPERATIONS:
        if plan.operations and operation.name not in plan.operations:
            continue
        counts, found = _try_operation(operation, plan)
        figures[operation.name] = ", ".join(f"{number} {word}" for word, number in counts.items())
        total["points"] += counts["points"]
        broken += found
    if not (losses := _try_operation(CONTROL, plan)[1]):
        broken.append("a feed that was acknowledged too early was not noticed")
    figures["control: a feed that is acknowledged too early"] = f"{len(losses)} losses noticed"
    return Report(title, {**figures, **total, "failures": len(broken)}, tuple(broken))


# ---- One operation ---------------------------------------------------------------------------------


def _try_operation(operation: Operation, plan: Plan) -> tuple[Counter[str], list[str]]:
    """Try an operation at its points: the counts, and the promises broken."""
    with scratch_folder() as folder, imposed(wal_autocheckpoint=operation.checkpoint_pages):
        (folder / "template").mkdir()
        operation.prepare(folder / "template")
        known = _learn(operation, folder)
        points = _points(known.calls, plan)
        counts: Counter[str] = Counter(calls=sum(known.calls.values()), points=len(points))
        broken = []
        for point in points:
            trial = _try_point(operation, point, known, folder)
            counts[trial.outcome] += 1
            counts["reported as failed yet kept"] += trial.is_refused_yet_kept
            broken += [f"{operation.name}, {point}: {what}" for what in trial.broken]
    return counts, broken


def _learn(operation: Operation, folder: Path) -> Known:
    """Do the operation undisturbed."""
    with _copied(folder) as store:
        before = state_of(store)
    with _copied(folder) as store:
        board = Board()
        _perform(operation, store, board, None, folder / "calls")
        assert board.notes(), f"{operation.name} reported nothing, undisturbed"
        assert not any(note[0] in ("refused", "crashed") for note in board.notes()), board.notes()
        after = state_of(store)
        called = run_hooks_later(store) if operation.has_hooks else set()
        wanted = called | reported(board, "called")
    return Known(before, after, count_calls(folder / "calls"), frozenset(wanted))


def _points(calls: Counter[str], plan: Plan) -> list[Point]:
    """The points to try: every call with every fault that can happen there, or some of them."""
    every = [
        Point(call, number, fault)
        for call, most in sorted(calls.items())
        for fault in FAULTS
        if fault.applies_to(call)
        for number in range(1, most + 1)
    ]
    return every[Random(plan.seed).randrange(plan.every) :: plan.every]


@contextmanager
def _copied(folder: Path) -> Iterator[Path]:
    """A copy of the prepared store, for one trial."""
    copy = folder / "copy"
    shutil.copytree(folder / "template", copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


# ---- One point -------------------------------------------------------------------------------------


def _try_point(operation: Operation, point: Point, known: Known, folder: Path) -> Trial:
    """Do the operation with a fault at one point, and judge what is left."""
    board = Board()
    with _copied(folder) as store:
        ending = _perform(operation, store, board, point, folder / "calls")
        broken = [f"{note[1]}: {note[2]}" for note in board.notes() if note[0] == "crashed"]
        if ending == "stuck" or (ending == "ended" and point.fault.is_end and not board.notes()):
            broken.append(f"the process {ending}")
        try:
            outcome, found = judge(operation, known, board, store)
        except Exception as error:  # any error of a reader is a flaw of what it reads
            outcome, found = "unreadable", [f"{type(error).__name__}: {error}"]
    refused = [note for note in board.notes() if note[0] == "refused"]
    has_reported = any(note[0] in ("fed", "opened", "backed up", "erased", "pruned") for note in board.notes())
    return Trial(outcome, (*broken, *found), bool(refused) and not has_reported and outcome == "new")


def _perform(operation: Operation, store: Path, board: Board, point: Point | None, output: Path) -> str:
    """Let a process do the operation while it is traced; how it ended."""
    ready, tell_ready = os.pipe()
    wait_for_go, go = os.pipe()
    process = fork(_live, operation, Scene(store, board), tell_ready, wait_for_go)
    try:
        os.read(ready, 1)
        with traced(process.pid or 0, point, output):
            os.write(go, b"!")
            process.join(PATIENCE_S)
    finally:
        for descriptor in (ready, tell_ready, wait_for_go, go):
            os.close(descriptor)
        if is_stuck := process.is_alive():
            kill(process)
    return "stuck" if is_stuck else "killed" if process.exitcode else "ended"


def _live(operation: Operation, scene: Scene, tell_ready: int, wait_for_go: int) -> None:
    """The process that does the operation; it ends without tidying up."""
    silence_logs()
    let_be_traced()
    if not operation.is_opening:
        scene.engine = open_engine(scene.folder, Clock(), _telling(scene.board) if operation.has_hooks else None)
    os.write(tell_ready, b"!")
    os.read(wait_for_go, 1)
    for _ in range(ATTEMPTS):
        if _attempt(operation, scene):
            break
    os._exit(0)


def _attempt(operation: Operation, scene: Scene) -> bool:
    """Do the operation once; whether there is no sense in doing it again."""
    try:
        operation.act(scene)
    except StoreError as error:
        scene.board.post("refused", str(error))
        return False
    except BaseException as error:
        scene.board.post("crashed", type(error).__name__, str(error))
    return True


def _telling(board: Board) -> Callable[[HookCall], object]:
    """A hook that puts up what it is called for."""
    return lambda call: board.post("called", call.key)
