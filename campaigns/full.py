"""A full disk: feeding raises ``StoreFull``, nothing acknowledged is lost, reading goes on, and so does feeding once
there is room, in the same process.

The disk is a small one in memory, which only root may mount. A ballast file on it is the room that is made.
"""

import argparse
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from account_lifecycle import Engine, PayloadError, StoreError
from account_lifecycle.errors import StoreFull
from account_lifecycle.testing import Clock

from .invariants import flaws, missing, not_quarantined
from .processes import scratch_folder
from .report import Report, conclude, silence_logs
from .webhooks import Sent, names, webhooks

BATCH_SIZE = 40
AT_ONCE = 500
"""How many webhooks are made at a time."""


class Plan(NamedTuple):
    """How large the disk is, and how often it runs full."""

    disk_kib: int = 12 * 1024
    ballast_kib: int = 2 * 1024
    rounds: int = 4
    events_after: int = 400
    """How many are fed whenever there is room again."""


SHORT = Plan(disk_kib=8 * 1024, ballast_kib=1024, rounds=2, events_after=20)

Feed = Callable[["_Feeder", Sequence[Sent]], None]


def main(arguments: Sequence[str]) -> int:
    """Run the campaign with options of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="campaigns full", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the size that the test suite runs")
    parser.add_argument("--disk-kib", type=int, help=f"how large the disk is (default {Plan().disk_kib})")
    options = parser.parse_args(arguments)
    plan = SHORT if options.short else Plan()
    silence_logs()
    return conclude(run(plan if options.disk_kib is None else plan._replace(disk_kib=options.disk_kib)))


def run(plan: Plan) -> Report:
    """Fill a disk, make room, and again."""
    title = "a full disk under SQLite"
    if reason := why_not():
        return Report(title, {}, skipped=reason)
    broken: list[str] = []
    figures: dict[str, object] = {}
    for name, feed in (("one by one", _Feeder.feed_singly), ("in batches", _Feeder.feed_in_batches)):
        with small_disk(plan.disk_kib) as disk:
            feeder = _run_on(disk, plan, feed)
        figures |= {f"fed {name}": feeder.fed, f"refused {name}": feeder.refusals, f"times full {name}": feeder.times}
        broken += [f"{name}: {what}" for what in feeder.broken]
    return Report(title, {"error": StoreFull.__name__, **figures, "failures": len(broken)}, tuple(broken))


# ---- The disk --------------------------------------------------------------------------------------


def why_not() -> str:
    """Why no small disk can be had here; blank if it can."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        return "only root may mount a small disk"
    try:
        with small_disk(64):
            return ""
    except PermissionError as error:
        return str(error)


@contextmanager
def small_disk(size_kib: int) -> Iterator[Path]:
    """A disk in memory. Raises ``PermissionError`` if it cannot be mounted."""
    with scratch_folder() as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)]
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise PermissionError(f"no disk can be mounted here: {mounted.stderr.strip()}")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _run_on(disk: Path, plan: Plan, feed: "Feed") -> "_Feeder":
    """Fill the disk several times under one engine that is never opened anew, and judge the store each time."""
    path, ballast = disk / "accounts.db", disk / "ballast"
    ballast.write_bytes(bytes(plan.ballast_kib * 1024 * plan.rounds))
    with Engine.open(f"sqlite:///{path}", clock=Clock(), observers=()) as engine:
        feeder = _Feeder(engine)
        for left in reversed(range(plan.rounds)):
            feeder.feed_until_full(feed)
            feeder.try_again_while_full(feed)
            feeder.judge_reading()
            os.truncate(ballast, left * plan.ballast_kib * 1024)
            feeder.feed_again(feed, plan.events_after)
            feeder.judge(path)
    with Engine.open(f"sqlite:///{path}", clock=Clock(), observers=()) as engine:
        feeder.engine = engine
        feeder.judge(path)
    return feeder


# ---- The caller ------------------------------------------------------------------------------------


class _Feeder:
    """A caller that keeps what the store refused and feeds it again."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.broken: list[str] = []
        self.fed = self.refusals = self.times = 0
        self._sent: dict[str, list[bytes]] = {}
        self._told: list[bytes] = []
        self._told_unreadable: list[bytes] = []
        self._stream = _endless()
        self._left: list[Sent] = []
        """What was refused, to be fed first of all."""

    def feed_until_full(self, feed: Feed) -> None:
        """Feed until there is no room left."""
        for _ in range(10_000):
            self._feed_some(feed)
            if self._left:
                self.times += 1
                return
        self.broken.append("the disk never ran full")

    def try_again_while_full(self, feed: Feed) -> None:
        """Make a few more attempts, each of which must raise ``StoreFull``."""
        for _ in range(3):
            self._feed_some(feed)

    def feed_again(self, feed: Feed, events: int) -> None:
        """Feed on after room was made; nothing is to be refused any more."""
        goal = self.fed + events
        while self.fed < goal:
            before = self.refusals
            self._feed_some(feed)
            if self.refusals > before:
                self.broken.append("there is room again, but feeding is refused")
                return

    def judge_reading(self) -> None:
        """Reading has to go on while the disk is full."""
        try:
            self._judge_told()
            account_ids = [account.account_id for account in self.engine.accounts()]
            if not all(self.engine.history(account_id) for account_id in account_ids):
                self.broken.append("histories cannot be read while the disk is full")
        except StoreError as error:
            self.broken.append(f"reading fails while the disk is full: {error}")

    def judge(self, path: Path) -> None:
        """Nothing is lost, and nothing contradicts itself."""
        self._judge_told()
        self.broken += flaws(self.engine, path)

    def feed_singly(self, some: Sequence[Sent]) -> None:
        """One by one; what could not be kept is left."""
        for number, sent in enumerate(some):
            try:
                self.engine.feed_event(sent.payload, received_at=sent.received_at)
            except PayloadError as error:
                self._told_unreadable.append(error.payload)
                self.fed += 1
            except StoreError:
                self._left = list(some[number:])
                raise
            else:
                self._tell([sent.payload])

    def feed_in_batches(self, some: Sequence[Sent]) -> None:
        """Those that can be read, all at once; if they could not be kept, all of them are left."""
        readable = [sent for sent in some if sent.account_id]
        try:
            payloads = (sent.as_received for sent in readable)
            self._tell([sent.payload for sent, _ in zip(readable, self.engine.feed_events(payloads), strict=True)])
        except StoreError:
            self._left = readable
            raise

    def _feed_some(self, feed: Feed) -> None:
        """Feed what is left, or else something new; a refusal must be a ``StoreFull``."""
        some, self._left = self._left or self._next(), []
        try:
            feed(self, some)
        except StoreError as error:
            self.refusals += 1
            if not isinstance(error, StoreFull):
                self.broken.append(f"a full disk is reported as {type(error).__name__}: {error}")
        except Exception as error:  # no caller could be ready for it
            self.broken.append(f"a full disk is reported as {type(error).__name__}: {error}")

    def _next(self) -> list[Sent]:
        some = list(islice(self._stream, BATCH_SIZE))
        for sent in some:
            if sent.account_id:
                self._sent.setdefault(sent.account_id, []).append(sent.payload)
        return some

    def _tell(self, payloads: Sequence[bytes]) -> None:
        self._told += payloads
        self.fed += len(payloads)

    def _judge_told(self) -> None:
        self.broken += missing(self.engine, self._sent, self._told)
        self.broken += not_quarantined(self.engine, self._told_unreadable)


def _endless() -> Iterator[Sent]:
    """Webhooks without end."""
    for number in count(1):
        yield from webhooks(number, AT_ONCE, names("account", 20), padding=2000)
