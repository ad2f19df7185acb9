"""Power loss: crash images are made from a recorded workload, and the store must find its way out of each.

What was reported as fed, quarantined or done before the crash must be there; nothing may contradict itself; every
effect that a hook waits for must have been done before or be done now; and feeding must go on. The same harness on
stores that sync less must find losses, or else it proves nothing.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from account_lifecycle import Engine, HookCall
from account_lifecycle.testing import Clock

from .crash_images import Disk, crash_points, write_image
from .invariants import flaws, missing, not_quarantined
from .power_workload import Called, Completed, Fed, Quarantined, Record, record, subscribe
from .processes import scratch_folder
from .recording import Sync, Write
from .report import Report, conclude, silence_logs
from .webhooks import LATER, feed_on, names, run_hooks_for_days, webhooks

CONTROLS = ("NORMAL", "OFF")
"""Ways to sync less, each of which must be found out."""
STORE = "accounts.db"


class Plan(NamedTuple):
    """The size of a run."""

    images: int = 3000
    control_images: int = 300
    recordings: int = 6
    events: int = 200
    seed: int = 1


SHORT = Plan(images=150, control_images=20, recordings=1, events=60)


class Finding(NamedTuple):
    """What is wrong with one image."""

    place: str
    lost: tuple[str, ...]
    """What was reported and is not there."""
    corrupt: tuple[str, ...]
    """What contradicts itself, or cannot be read or written."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns power", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--images", type=int, help=f"how many crash images (default {Plan().images})")
    parser.add_argument("--seed", type=int, help="for other crashes than usual")
    options = parser.parse_args(arguments)
    chosen = {name: value for name in ("images", "seed") if (value := getattr(options, name)) is not None}
    silence_logs()
    return conclude(run((SHORT if options.short else Plan())._replace(**chosen)))


def run(plan: Plan) -> Report:
    """Record, crash, open, judge."""
    counts: Counter[str] = Counter()
    findings: list[Finding] = []
    for number in range(plan.recordings):
        images = plan.images // plan.recordings + (number < plan.images % plan.recordings)
        findings += _crash(plan, number, images, "", counts)
    controls = {mode: _crash(plan, 0, plan.control_images, mode, Counter()) for mode in CONTROLS}
    figures: dict[str, object] = {
        **counts,
        "images with lost events": sum(bool(finding.lost) for finding in findings),
        "corrupt images": sum(bool(finding.corrupt) for finding in findings),
        **{f"control: synchronous={mode}": _told(found, plan) for mode, found in controls.items()},
    }
    broken = [f"{f.place}: {what}" for f in findings for what in (*f.lost, *f.corrupt)]
    broken += [f"synchronous={mode} was not noticed" for mode in CONTROLS if not any(f.lost for f in controls[mode])]
    return Report("power loss on SQLite", figures, tuple(broken))


def _told(found: Sequence[Finding], plan: Plan) -> str:
    lost = sum(len(finding.lost) for finding in found)
    return (
        f"{sum(bool(f.lost) for f in found)} of {plan.control_images} images lost something, {lost:,} losses; "
        f"{sum(bool(f.corrupt) for f in found)} corrupt"
    )


def _crash(plan: Plan, number: int, images: int, synchronous: str, counts: Counter[str]) -> list[Finding]:
    """Record one workload and judge crash images of it; those that are not as promised."""
    random = Random(plan.seed * 1000 + number)
    with scratch_folder() as folder:
        pages = 0 if number % 2 or synchronous else 40  # the store's own checkpoints, or many of them
        recorded = record(plan.seed + number, plan.events, folder, synchronous=synchronous, checkpoint_pages=pages)
    counts["recorded calls"] += len(recorded.log)
    counts["writes"] += sum(isinstance(call, Write) for call in recorded.log)
    syncs = [call.name for call in recorded.log if isinstance(call, Sync)]
    counts["syncs"] += len(syncs)
    counts["syncs of the database itself"] += syncs.count(STORE)
    counts["crash images"] += images
    disk, found = Disk(), []
    for point in crash_points(recorded.log, images, random):
        disk.advance(recorded.log, point)
        counts["promises checked"] += len(disk.promises)
        place = f"seed {plan.seed}, recording {number}, after call {point} of {len(recorded.log)}"
        found.append(_judged(place, disk.after_crash(random), disk.promises, recorded))
    return [finding for finding in found if finding.lost or finding.corrupt]


def _judged(place: str, files: dict[str, bytes], promises: Sequence[object], recorded: Record) -> Finding:
    """Open an image as a process would that starts after the crash."""
    with scratch_folder() as folder:
        write_image(folder, files)
        try:
            lost, corrupt = _opened(folder / STORE, promises, recorded)
        except Exception as error:  # a store with any other error is corrupt
            lost, corrupt = (), (f"{type(error).__name__}: {error}",)
    return Finding(place, lost, corrupt)


def _opened(path: Path, promises: Sequence[object], recorded: Record) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is lost and what is corrupt in a store that is opened, fed and run after a crash."""
    called: set[str] = set()

    def hook(call: HookCall) -> None:
        called.add(call.key)

    clock = Clock(LATER)
    with Engine.open(f"sqlite:///{path}", clock=clock, observers=()) as engine:
        subscribe(engine, hook)
        lost = missing(engine, recorded.sent, [promise.payload for promise in promises if isinstance(promise, Fed)])
        lost += not_quarantined(engine, [promise.payload for promise in promises if isinstance(promise, Quarantined)])
        feed_on(engine, webhooks(0, 6, names("after", 2)))
        run_hooks_for_days(engine, clock)
        lost += _hook_flaws(promises, called)
        return tuple(lost), tuple(flaws(engine, path))


def _hook_flaws(promises: Sequence[object], called: set[str]) -> list[str]:
    """Effects that were never done, and those that were reported as done and are done again."""
    before = {promise.key for promise in promises if isinstance(promise, Called)}
    wanted = {key for promise in promises if isinstance(promise, Fed) for key in promise.wanted}
    completed = {promise.key for promise in promises if isinstance(promise, Completed)}
    return [
        *(f"never done, before the crash or after it: {key}" for key in sorted(wanted - before - called)),
        *(f"done again although reported as done: {key}" for key in sorted(completed & called)),
    ]
