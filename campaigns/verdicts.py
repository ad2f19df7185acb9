"""Long logs with every fault at once, replayed and lived through event by event: both must come to the same.

Compared are the verdict, the situation and the kinds of anomaly of every event, every anomaly with all its facts and
its line, every blind window, every account as it is in the end, and every line that was refused. A control shows
that the comparison sees what it should: single bits of the replay's table of steps are flipped, and each must be found.
"""

import argparse
import gc
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, zip_longest
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from account_lifecycle.errors import PayloadError
from account_lifecycle.intake.logs import read_log
from account_lifecycle.intake.payloads import parse
from account_lifecycle.lifecycle.account import Account
from account_lifecycle.lifecycle.decide import Decision, decide
from account_lifecycle.lifecycle.events import DeadlinePassed, Event
from account_lifecycle.lifecycle.explain import Anomaly
from account_lifecycle.lifecycle.policy import DEFAULT_POLICY
from account_lifecycle.lifecycle.providers import profile_of
from account_lifecycle.lifecycle.status import Verdict
from account_lifecycle.lifecycle.windows import BlindWindow
from account_lifecycle.replay.judging import Findings, Judging
from account_lifecycle.replay.kernel import AFTER_SHIFT, VERDICT_SHIFT
from account_lifecycle.replay.sources.json_lines import JsonLines
from account_lifecycle.replay.tables import HELD, KIND_SHIFT, KINDS, SITUATIONS, VERDICTS, WORD_OF, packed_steps
from account_lifecycle.replay.unpacking import anomaly_of, window_of
from account_lifecycle.replay.vocabulary import Vocabulary
from account_lifecycle.simulate.log import Faults, simulate

from .report import Report, conclude

START, STAMP = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
FAULT_RATE = 0.02
"""Of each of the faults."""
DAYS = 60
CONTROL_EVENTS, FLIPS = 5_000, 20
MICROSECOND = timedelta(microseconds=1)
PARTS = ("events", "anomalies", "windows", "accounts", "refused")
Step = tuple[int, int, int]
"""Where a step stands in the table: 1 where syncs are announced, the situation and the word."""


class Outcome(NamedTuple):
    """All that became of a log."""

    events: Sequence[int]
    """By event: the verdict, the situation after it and the kinds of its anomalies, packed as the replay does."""
    anomalies: list[tuple[Anomaly, int]]
    """With their lines, in the order of the log; then by account those of what lasted too long in the end."""
    windows: dict[tuple[str, int], BlindWindow]
    accounts: dict[str, Account]
    refused: list[tuple[int, str, str, bytes]]
    """The line, the field, the reason and the bytes."""


def main(arguments: Sequence[str]) -> int:
    """Run the campaign as told on the command line; its exit code."""
    parser = argparse.ArgumentParser(prog="campaigns verdicts", description=__doc__)
    parser.add_argument("--short", action="store_true", help="as much as the test suite does")
    parser.add_argument("--seeds", type=int, default=20, help="how many logs (default 20)")
    parser.add_argument("--events", type=int, default=1_000_000, help="how many lines each has (default 1000000)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default 1)")
    options = parser.parse_args(arguments)
    gc.disable()  # nothing here is cyclic, and it would look through millions of records again and again
    seeds, events = (1, 5_000) if options.short else (options.seeds, options.events)
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        reports = [_compare(range(options.first, options.first + seeds), events, log), _control(options.first, log)]
    return max([conclude(report) for report in reports])


# ---- The comparison --------------------------------------------------------------------------------------


def _compare(seeds: Iterable[int], events: int, log: Path) -> Report:
    broken, sums, started = list[str](), dict.fromkeys((*PARTS, "differences"), 0), time.monotonic()
    print("seed  " + "".join(f"{name:>13}" for name in (*sums, "live s", "replay s")), flush=True)
    for seed in seeds:
        write_log(log, seed, events)
        live, live_s = _timed(lambda: live_through(log)[0])
        replayed, replay_s = _timed(lambda: replay(log))
        found = differences(live, replayed)
        counts = [*(len(part) for part in live), len(found)]
        sums = {name: so_far + count for (name, so_far), count in zip(sums.items(), counts, strict=True)}
        broken += [f"seed {seed}: {difference}" for difference in found]
        print(f"{seed:>4}  " + "".join(f"{n:>13,}" for n in counts) + f"{live_s:>13.1f}{replay_s:>13.1f}", flush=True)
    figures: dict[str, object] = {**sums, "seconds": f"{time.monotonic() - started:.0f}"}
    return Report("replay against the live engine", figures, tuple(broken))


def write_log(log: Path, seed: int, events: int) -> None:
    """A log of so many lines."""
    accounts = events // 5 + 10
    told = simulate(accounts=accounts, seed=seed, start=START, days=DAYS, faults=Faults.everything(FAULT_RATE))
    with log.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in islice(told, events))


def differences(live: Outcome, replayed: Outcome) -> list[str]:
    """Everything that is not the same, in words."""
    found = []
    for part, left, right in zip(PARTS, live, replayed, strict=True):
        if left != right:
            found += [f"{part}: {line}" for line in _unequal(left, right)]
    return found


def _unequal(left: Any, right: Any) -> Iterator[str]:
    if isinstance(left, dict):
        names: Iterable[Any] = left.keys() | right.keys()
        pairs = ((name, left.get(name), right.get(name)) for name in names)
    else:
        pairs = ((n, one, other) for n, (one, other) in enumerate(zip_longest(left, right)))
    return (f"{name}: live {one}, replayed {other}" for name, one, other in pairs if one != other)


def _timed(make: Any) -> tuple[Any, float]:
    started = time.monotonic()
    return make(), time.monotonic() - started


# ---- The live engine ---------------------------------------------------------------------------------------


def live_through(log: Path) -> tuple[Outcome, set[Step]]:
    """Judge a log line by line as the live engine does, with a deadline noticed the moment after it has passed.

    Also which steps of the table it took.
    """
    life = _Life()
    with log.open("rb") as file:
        for number, line in enumerate(file, 1):
            for received in read_log((line,)):
                try:
                    event = parse(received.payload, received.received_at or STAMP)
                except PayloadError as error:
                    life.outcome.refused.append((number, error.field, str(error), line[:-1]))
                else:
                    life.meet(event, number)
    life.end()
    return life.outcome, life.steps


class _Life:
    """Accounts and what they went through."""

    def __init__(self) -> None:
        self.outcome = Outcome(array("I"), [], {}, {}, [])
        self.steps: set[Step] = set()
        self._latest = datetime.min.replace(tzinfo=UTC)

    def meet(self, event: Event, line: int) -> None:
        account = self.outcome.accounts.get(event.account_id) or Account(event.account_id)
        passed = _passed(account, event.received_at)
        if passed is not None:
            account = self._decide(account, passed, 0).account
        decision = self._decide(account, event, line)
        self.outcome.events.append(_packed(decision, is_overdue=passed is not None))  # type: ignore[attr-defined]
        self._latest = max(self._latest, event.received_at)
        if decision.verdict is not Verdict.REPEATED and event.status in WORD_OF:
            sync = int(profile_of(decision.account.provider).announces_sync)
            self.steps.add((sync, SITUATIONS.index(account.situation), WORD_OF[event.status]))  # type: ignore[index]

    def end(self) -> None:
        for account in sorted(self.outcome.accounts.values()):
            if passed := _passed(account, self._latest):
                self._decide(account, passed, 0)

    def _decide(self, account: Account, event: Event, line: int) -> Decision:
        decision = decide(account, event)
        self.outcome.accounts[account.account_id] = decision.account
        self.outcome.anomalies.extend((anomaly, line) for anomaly in decision.anomalies)
        if (window := decision.blind_window) is not None:
            self.outcome.windows[window.account_id, window.sequence] = window
        return decision


def _passed(account: Account, at: datetime) -> DeadlinePassed | None:
    allowed = DEFAULT_POLICY.deadlines_of(account.provider).get(account.status)
    if allowed is None or account.since is None or account.stuck or at - account.since <= allowed:
        return None
    moment_after = account.since + allowed + MICROSECOND
    return DeadlinePassed(account.account_id, account.status, moment_after, account.since, allowed)


def _packed(decision: Decision, *, is_overdue: bool) -> int:
    kinds = {KINDS.index(anomaly.kind) for anomaly in decision.anomalies} | ({_STUCK} if is_overdue else set())
    verdict, after = VERDICTS.index(decision.verdict), SITUATIONS.index(decision.account.situation)
    return sum(1 << kind for kind in kinds) | verdict << VERDICT_SHIFT | after << AFTER_SHIFT


_STUCK = KINDS.index(KINDS[-1])


# ---- The replay --------------------------------------------------------------------------------------------


def replay(log: Path) -> Outcome:
    """Judge a log all at once."""
    vocabulary = Vocabulary()
    judging, outcome, overdue = Judging(vocabulary), Outcome(array("I"), [], {}, {}, []), list[tuple[Anomaly, int]]()
    with log.open("rb") as file:
        for chunk in JsonLines(log.name, file).chunks(vocabulary, STAMP):
            for findings in judging.judge(chunk):
                _unpack(findings, vocabulary, outcome, outcome.anomalies)
            outcome.events.extend(judging.found.outcomes.tolist())  # type: ignore[attr-defined]
            outcome.refused.extend((refused.line, *refused[2:]) for refused in chunk.refused)
    for findings in judging.end(judging.last_at or 0):
        _unpack(findings, vocabulary, outcome, overdue)
    outcome.anomalies.extend(sorted(overdue, key=lambda found: found[0].account_id))
    _unpack_fleet(judging, outcome)
    return outcome


def _unpack(findings: Findings, words: Vocabulary, outcome: Outcome, anomalies: list[tuple[Anomaly, int]]) -> None:
    anomalies.extend((anomaly_of(row, words), int(row["line"])) for row in findings.anomalies)
    for row in findings.windows:
        window = window_of(row, words)
        outcome.windows[window.account_id, window.sequence] = window


def _unpack_fleet(judging: Judging, outcome: Outcome) -> None:
    for number in range(len(judging.vocabulary.accounts)):
        account = judging.fleet.account(number)
        if account.sequence:  # others were met only in lines that were refused
            outcome.accounts[account.account_id] = account
        if (window := account.blind_window) is not None:
            outcome.windows[window.account_id, window.sequence] = window


# ---- The control -------------------------------------------------------------------------------------------


def _control(seed: int, log: Path) -> Report:
    """Flip a bit of a step that the log takes, compare, and flip it back."""
    write_log(log, seed, CONTROL_EVENTS)
    live, steps = live_through(log)
    random, table, broken, found, started = Random(seed), packed_steps(), list[str](), 0, time.monotonic()
    for place in random.sample(sorted(steps), min(FLIPS, len(steps))):
        bit = random.choice((HELD, 1 << KIND_SHIFT))
        table[place] ^= bit
        try:
            is_found = bool(differences(live, replay(log)))
        finally:
            table[place] ^= bit
        found += is_found
        broken += [] if is_found else [f"nobody saw bit {bit:#x} flipped at {place}"]
    broken += [f"with no bit flipped: {line}" for line in differences(live, replay(log))]
    flips = min(FLIPS, len(steps))
    figures: dict[str, object] = {
        "bits flipped": flips,
        "flips found": found,
        "control s": f"{time.monotonic() - started:.0f}",
    }
    return Report("control: the same with a bit of the table of steps flipped", figures, tuple(broken))
