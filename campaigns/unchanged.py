"""Long logs with every fault at once, judged as they were before the modules were rearranged: nothing may differ.

The simulator of the starting commit makes the logs, in a temporary checkout, so that no later change can alter them.
The package of today reads and judges them; what becomes of every event is hashed, and the hashes that the starting
commit gave are kept beside this file. A control judges one log by another redelivery window: that must be seen.

To find out which event differs, let ``--keep`` write down the events under both codes (``PYTHONPATH`` may name the
``src`` of a checkout of the starting commit) and compare the files.
"""

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import account_lifecycle
from account_lifecycle import Account, Decision, PayloadError, Policy
from account_lifecycle.lifecycle.decide import decide
from account_lifecycle.lifecycle.events import DeadlinePassed

from .report import Report, conclude

ROOT = Path(__file__).resolve().parent.parent
COMMIT = "efe4afffa5a112d0cdd53d383672194b0280df8e"
"""The starting commit: its simulator makes the logs, and its code gave the hashes."""
KEPT = Path(__file__).with_suffix(".json")
"""What the starting commit's code came to, by seed."""
SEEDS, LINES = 20, 100_000
SIMULATION = ("--accounts", "16000", "--days", "60", "--faults", "0.02", "--start", "2026-01-01")
"""Comes to a few per cent more lines than are needed, with two in a hundred announcements for each of the faults."""
STAMP = datetime(2027, 1, 1, tzinfo=UTC)
"""When a line arrived that tells no time."""
DEFAULT_POLICY = Policy()
CONTROL = Policy(redelivery_window=DEFAULT_POLICY.redelivery_window - timedelta(seconds=60))
COLUMNS = ("lines", "events", "anomalies", "refused")


class Judged(NamedTuple):
    """What became of one log."""

    lines: int
    events: int
    """Announcements that could be read, and deadlines that passed."""
    anomalies: int
    refused: int
    """Lines that could not be read."""
    log: str
    """The SHA-256 of the log itself: tells another log from another judgement."""
    outcome: str
    """The SHA-256 of what became of it, event by event."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns unchanged", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many logs (default {SEEDS})")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write down what became of every event there")
    parser.add_argument("--record", action="store_true", help="keep the hashes; only with the starting commit's code")
    options = parser.parse_args(arguments)
    seeds = range(options.first, options.first + options.seeds)
    try:
        with TemporaryDirectory(prefix="account-lifecycle-unchanged-") as folder, starting_checkout() as checkout:
            log = Path(folder) / "log.jsonl"
            if options.record:
                return conclude(_record(seeds, checkout, log))
            reports = [_compare(seeds, checkout, log, options.keep), _control(seeds[:1], checkout, log)]
    except RuntimeError as error:
        reports = [Report("unchanged", {}, broken=(f"it could not be run: {error}",))]
    return max([conclude(report) for report in reports])


# ---- The comparison --------------------------------------------------------------------------------------


def _compare(seeds: Iterable[int], checkout: Path, log: Path, folder: Path | None) -> Report:
    """Judge every log, and hold what comes of it against what the starting commit made of it."""
    started_s, kept, totals, broken = time.monotonic(), _kept(), dict.fromkeys(COLUMNS, 0), list[str]()
    _print_row("seed", *COLUMNS, "verdict")
    for seed in seeds:
        make_log(checkout, seed, log)
        judged = judge(_lines(log), keep=None if folder is None else folder / f"{seed}.txt")
        found = list(_differences(kept.get(seed), judged))
        counts = (judged.lines, judged.events, judged.anomalies, judged.refused)
        _print_row(seed, *counts, "different" if found else "same")
        totals = {name: total + count for (name, total), count in zip(totals.items(), counts, strict=True)}
        broken += [f"seed {seed}: {difference}" for difference in found]
    figures: dict[str, object] = {**totals, "seconds": f"{time.monotonic() - started_s:.0f}"}
    return Report("the code of today against the starting commit", figures, tuple(broken))


def _control(seeds: Iterable[int], checkout: Path, log: Path) -> Report:
    """Judge by a redelivery window that is a little shorter: the comparison must see it."""
    kept, seen, missed = _kept(), 0, list[str]()
    for seed in seeds:
        make_log(checkout, seed, log)
        judged, was = judge(_lines(log), CONTROL), kept.get(seed)
        is_seen = was is not None and (was.log, was.lines) == (judged.log, judged.lines) and was != judged
        seen += is_seen
        missed += [] if is_seen else [f"seed {seed}: another redelivery window was not seen"]
    return Report("control: another redelivery window", {"seen": seen, "missed": len(missed)}, tuple(missed))


def _differences(was: Judged | None, judged: Judged) -> Iterator[str]:
    if judged.lines != LINES:
        yield f"its log has {judged.lines:,} lines, not {LINES:,}"
    elif was is None:
        yield f"{KEPT.name} holds nothing to compare it with"
    elif was.log != judged.log:
        yield "its log is not the one that was recorded: nothing can be said about the judging"
    else:
        pairs = zip(Judged._fields, was, judged, strict=True)
        yield from (f"{name} was {before}, is {now}" for name, before, now in pairs if before != now)


def _record(seeds: Iterable[int], checkout: Path, log: Path) -> Report:
    """Keep what the starting commit's code comes to."""
    if _sources(Path(account_lifecycle.__file__).parent) != _sources(checkout / "src" / "account_lifecycle"):
        raise RuntimeError("the code is not the starting commit's: its hashes would prove nothing")
    kept = _kept()
    for seed in seeds:
        make_log(checkout, seed, log)
        kept[seed] = judge(_lines(log))
        if kept[seed].lines != LINES:
            raise RuntimeError(f"the log of seed {seed} has {kept[seed].lines:,} lines, not {LINES:,}")
    rows = (f'"{seed}": {json.dumps(judged._asdict())}' for seed, judged in sorted(kept.items()))
    KEPT.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    return Report(f"recorded in {KEPT.name}", {"seeds": len(kept)})


def _kept() -> dict[int, Judged]:
    if not KEPT.exists():
        return {}
    return {int(seed): Judged(**facts) for seed, facts in json.loads(KEPT.read_text(encoding="utf-8")).items()}


def _sources(package: Path) -> dict[str, bytes]:
    return {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*.py")}


def _print_row(seed: object, *cells: object) -> None:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    print(f"{seed:>4}  " + "".join(f"{cell:>13}" for cell in shown), flush=True)


# ---- The logs, made by the starting commit -----------------------------------------------------------------

_SIMULATE = """
import sys
import account_lifecycle
from account_lifecycle.cli import main
source = sys.argv.pop(1)
assert account_lifecycle.__file__.startswith(source), f"{account_lifecycle.__file__} is not in {source}"
main()
"""
"""The simulator's own command line, of which it is certain that it comes from the checkout."""


@contextmanager
def starting_checkout() -> Iterator[Path]:
    """A checkout of the starting commit that is gone afterwards. Raises ``RuntimeError`` if there can be none."""
    with TemporaryDirectory(prefix="account-lifecycle-start-") as folder:
        checkout = Path(folder).resolve() / "checkout"
        _run(["git", "worktree", "add", "--quiet", "--detach", str(checkout), COMMIT], ROOT)
        try:
            yield checkout
        finally:
            _run(["git", "worktree", "remove", "--force", str(checkout)], ROOT)


def make_log(checkout: Path, seed: int, log: Path) -> None:
    """Write the log of a seed, with the code of a checkout; it has no fewer lines than are judged."""
    source = checkout / "src"
    command = [sys.executable, "-c", _SIMULATE, str(source), "simulate", str(log), "--seed", str(seed), *SIMULATION]
    _run(command, checkout, PYTHONPATH=str(source))


def _run(command: Sequence[str], folder: Path, **environment: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise RuntimeError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {(done.stderr or done.stdout).strip()}")


def _lines(log: Path) -> Iterator[bytes]:
    with log.open("rb") as file:
        yield from islice(file, LINES)


# ---- The judging, by the code of today -------------------------------------------------------------------


def _module(*names: str) -> Any:
    """The first of some modules of the package that is there."""
    for name in (f"{account_lifecycle.__name__}.{name}" for name in names):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not error.name or not f"{name}.".startswith(f"{error.name}."):
                raise  # it is there, and something that it needs is not
    raise ModuleNotFoundError(f"there is no {' and no '.join(names)} in {account_lifecycle.__file__}")


# The second names are those of the starting commit, whose code gave the hashes.
_read_log = _module("intake.logs", "logs").read_log
_parse = _module("intake.payloads", "payloads").parse


def judge(lines: Iterable[bytes], policy: Policy = DEFAULT_POLICY, keep: Path | None = None) -> Judged:
    """Judge a log and hash what becomes of it; ``keep`` names a file for the lines that are hashed."""
    log, outcome, kept = sha256(), sha256(), list[str]()
    count = events = anomalies = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for line in lines:
            count += 1
            log.update(line)
            yield line

    refused = 0
    for result in results(counted(), policy):
        if isinstance(result, Decision):
            events += 1
            anomalies += len(result.anomalies)
        else:
            refused += 1
        text = f"{json.dumps(facts_of(result))}\n"
        outcome.update(text.encode())
        if keep is not None:
            kept.append(text)
    if keep is not None:
        keep.parent.mkdir(parents=True, exist_ok=True)
        keep.write_text("".join(kept), encoding="utf-8")
    return Judged(count, events, anomalies, refused, log.hexdigest(), outcome.hexdigest())


def results(lines: Iterable[bytes], policy: Policy) -> Iterator[Decision | PayloadError]:
    """What becomes of every line, and of every deadline in its turn: noticed the moment after it has passed.

    Deadlines come before the account's next announcement; those still to come follow at the end, by account.
    """
    accounts: dict[str, Account] = {}
    latest = datetime.min.replace(tzinfo=UTC)
    for received in _read_log(lines):
        try:
            event = _parse(received.payload, received.received_at or STAMP)
        except PayloadError as error:
            yield error
            continue
        account = accounts.get(event.account_id) or Account(event.account_id)
        passed = _passed(account, event.received_at, policy)
        for each in (event,) if passed is None else (passed, event):
            decision = decide(account, each, policy)
            account = accounts[event.account_id] = decision.account
            yield decision
        latest = max(latest, event.received_at)
    for _, account in sorted(accounts.items()):
        if (passed := _passed(account, latest, policy)) is not None:
            yield decide(account, passed, policy)


def _passed(account: Account, at: datetime, policy: Policy) -> DeadlinePassed | None:
    """The deadline that an account has outlived before a moment and that was not noticed yet."""
    allowed = policy.deadlines_of(account.provider).get(account.status)
    if allowed is None or account.since is None or account.stuck or at - account.since <= allowed:
        return None
    moment_after = account.since + allowed + timedelta(microseconds=1)
    return DeadlinePassed(account.account_id, account.status, moment_after, account.since, allowed)


def facts_of(result: Decision | PayloadError) -> list[object]:
    """What must not change about one event or one line, in values that JSON writes the same everywhere."""
    if isinstance(result, PayloadError):
        return ["refused", result.field, _class_of(result)]
    account, window = result.account, result.blind_window
    return [
        account.account_id,
        account.sequence,
        str(result.verdict),
        str(result.event.status),
        str(account.status),
        account.lost,
        account.exists,
        [[str(anomaly.kind), anomaly.detail] for anomaly in result.anomalies],
        [[str(effect.kind), str(effect.subject)] for effect in result.effects],
        None
        if window is None
        else [window.sequence, _moment(window.opened_at), _moment(window.closed_at), window.recovered],
    ]


def _class_of(error: PayloadError) -> str:
    """Why a line was refused, without the words and numbers that were in it, and without the JSON reader's own."""
    return re.sub(r"'.*'|\(.*\)|\d[\d,]*", "*", error.found, flags=re.DOTALL)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
